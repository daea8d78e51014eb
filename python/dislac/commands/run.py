# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that run a scenario, transmit it, and replay recordings of it."""

import math
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click

from ..estimation import ESTIMATORS
from ..io import RecordingReader
from ..scenario import joined_overrides, load_scenario
from ..systems.bistatic import warnings as scenario_warnings
from . import following, radios
from .elsewhere import elsewhere_options, send_elsewhere
from .options import (
    DECIBEL,
    FRAMES,
    SEED,
    json_option,
    out_option,
    record_option,
    recorded_option,
    settings_option,
)
from .output import warn

__all__ = ["COMMANDS"]


def _parse_speed(ctx: click.Context, parameter: click.Parameter, value: str) -> float | None:
    if value == "max":
        return None
    try:
        speed = float(value)
    except ValueError:
        speed = math.nan
    if not 1e-3 <= speed <= 1e6:
        raise click.BadParameter(
            f"'{value}' is neither 'max' nor a number from 0.001 to 1e6 (1: real time)"
        )
    return speed


@click.command()
@click.argument("scenario")
@click.option(
    "--frames",
    type=FRAMES,
    default=20,
    show_default=True,
    metavar="N",
    help="Frames to send, or to use of a radio's; 0: until Ctrl-C.",
)
@click.option("--snr-db", type=DECIBEL, metavar="X", help="SNR [dB], the key channel.noise.snr_db.")
@click.option("--seed", type=SEED, metavar="N", help="Seed of pilots, beams, fading and noise.")
@click.option("--estimator", metavar="NAME", help=f"{' or '.join(ESTIMATORS)}.")
@record_option
@radios.options("receives", required=False)
@out_option
@elsewhere_options
@settings_option
@json_option
def run(
    scenario: str,
    frames: int,
    snr_db: float | None,
    seed: int | None,
    estimator: str | None,
    record: str | None,
    radio: dict[str, Any] | None,
    out: Path | None,
    settings: dict[str, Any],
    as_json: bool,
    **elsewhere: Any,
) -> None:
    """Runs SCENARIO on the emulated channel, or receives with a radio, and prints the fixes."""
    options = {
        "channel.noise.snr_db": ("--snr-db", snr_db),
        "seed": ("--seed", seed),
        "estimator.kind": ("--estimator", estimator),
    }
    overrides = joined_overrides(options, settings, "--set")
    flowgraphs = following.load_flowgraphs()
    chosen = load_scenario(scenario, overrides)
    warn(scenario_warnings(chosen))
    fixes = following.fix_queue()
    make = flowgraphs.run_flowgraph if radio is None else radios.receiver(radio)
    flowgraph = make(chosen, frames=frames, record=record, directory=out, on_fix=fixes.put)
    send_elsewhere(flowgraph, **elsewhere)
    following.follow(flowgraph, fixes, chosen, frames, out, as_json)


@click.command()
@click.argument("scenario")
@click.option(
    "--frames",
    type=FRAMES,
    default=0,
    show_default=True,
    metavar="N",
    help="Frames to send; 0: until Ctrl-C.",
)
@radios.options("transmits", required=True)
@settings_option
def transmit(scenario: str, frames: int, radio: dict[str, Any], settings: dict[str, Any]) -> None:
    """Transmits the pilots of SCENARIO with a radio."""
    following.load_flowgraphs()
    flowgraph = radios.transmitter(radio)(load_scenario(scenario, settings), frames=frames)
    with following.Running(flowgraph, SimpleQueue()) as running:
        running.next()
    click.echo(radios.report_of_transmitter(flowgraph.counters()))
    running.end()


@click.command()
@click.argument("recording")
@recorded_option
@click.option(
    "--speed",
    default="max",
    show_default=True,
    metavar="S",
    callback=_parse_speed,
    help="1: in real time, 2: twice as fast, max: as fast as possible.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Compare the samples with their checksum; if nothing is said, of up to 0.5 GB.",
)
@out_option
@elsewhere_options
@settings_option
@json_option
def replay(
    recording: str,
    scenario: str | None,
    speed: float | None,
    verify: bool | None,
    out: Path | None,
    settings: dict[str, Any],
    as_json: bool,
    **elsewhere: Any,
) -> None:
    """Runs the receiver on RECORDING, a SigMF recording with or without its suffix."""
    flowgraphs = following.load_flowgraphs()
    given = None if scenario is None else load_scenario(scenario, settings)
    reader = RecordingReader(recording, given, settings, verify)
    first = reader.frames[0].number if reader.frames else 0
    warn([*reader.warnings, *scenario_warnings(reader.scenario, first)])
    fixes = following.fix_queue()
    flowgraph = flowgraphs.replay_flowgraph(
        reader, reader.scenario, speed=speed, directory=out, on_fix=fixes.put
    )
    send_elsewhere(flowgraph, **elsewhere)
    following.follow(flowgraph, fixes, reader.scenario, len(reader.frames), out, as_json)


COMMANDS: list[click.Command] = [run, transmit, replay]
