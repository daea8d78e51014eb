# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that run a scenario, transmit it, and replay recordings of it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click

from ..io import EXPORTS, RecordingReader
from ..scenario import joined_overrides, load_scenario
from ..scenario import warnings as scenario_warnings
from . import following, radios
from .options import (
    DECIBEL,
    FRAMES,
    KEY_FILE,
    SEED,
    json_option,
    out_option,
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


def _parse_formats(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> Sequence[str]:
    formats = [name.strip() for name in (value or "").split(",") if name.strip()]
    if formats and not ctx.params.get("out"):
        raise click.UsageError("--export writes into the folder of --out; give one")
    for name in formats:
        if name not in EXPORTS:
            raise click.BadParameter(f"'{name}' is none of {', '.join(EXPORTS)}")
    return formats


def _need_publish(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    if value and ctx.params.get("publish") is None:
        raise click.UsageError(f"{parameter.opts[0]} is for --publish; give that an address")
    return value


def _elsewhere(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of where fixes go besides, for `_send_elsewhere`."""
    options = (
        click.option(
            "--export",
            "formats",
            metavar="FORMATS",
            callback=_parse_formats,
            help="Write kml, gpx, nmea to DIR, too; several with commas between them.",
        ),
        click.option(
            "--publish",
            metavar="ADDRESS",
            is_eager=True,  # the two that follow ask for it
            help="Publish fixes for `dislac monitor`: PORT of this host, HOST:PORT, ipc://PATH.",
        ),
        click.option(
            "--bind-any",
            is_flag=True,
            callback=_need_publish,
            help="Allow an ADDRESS of all interfaces.",
        ),
        click.option(
            "--keys",
            type=KEY_FILE,
            callback=_need_publish,
            metavar="FILE",
            help="NAME.key_secret: publish for those only whose public keys lie beside it.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _send_elsewhere(
    flowgraph: Any, formats: Sequence[str], publish: str | None, bind_any: bool, keys: str | None
) -> None:
    if formats:
        flowgraph.sink.export(formats)
    if publish is not None:
        flowgraph.publish(publish, bind_any=bind_any, keys=keys)


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
@click.option("--estimator", metavar="NAME", help="off-grid or mmv-bomp.")
@click.option("--record", metavar="BASE", help="Record to BASE.sigmf-data and BASE.sigmf-meta.")
@radios.options("receives", required=False)
@out_option
@_elsewhere
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
    _send_elsewhere(flowgraph, **elsewhere)
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
    click.echo(radios.told_by_transmitter(flowgraph.counters()))
    running.end()


@click.command()
@click.argument("recording")
@click.option(
    "--scenario", metavar="FILE", help="What was recorded, instead of what the recording says."
)
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
@_elsewhere
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
    _send_elsewhere(flowgraph, **elsewhere)
    following.follow(flowgraph, fixes, reader.scenario, len(reader.frames), out, as_json)


COMMANDS: list[click.Command] = [run, transmit, replay]
