# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that calibrates receive chains."""

from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..estimation import Calibration, CalibrationError
from ..io import RecordingReader
from ..io.sigmf import is_recording
from ..scenario import Scenario, load_scenario
from ..scenario.budget import most_bytes
from ..scenario.truth import true_calibration
from . import following
from .options import FILE, MOST, recorded_option, settings_option
from .output import warn

__all__ = ["COMMANDS"]


@click.command()
@click.argument("source", metavar="SCENARIO|RECORDING")
@click.option(
    "--out",
    type=FILE,
    default="calibration.yml",
    show_default=True,
    metavar="FILE",
    help="File to write, for the key `calibration` of a scenario.",
)
@click.option(
    "--frames",
    type=click.IntRange(8, MOST),
    default=2000,
    show_default=True,
    metavar="N",
    help="Most frames to use.",
)
@recorded_option
@settings_option
def calibrate(
    source: str, out: Path, frames: int, scenario: str | None, settings: dict[str, Any]
) -> None:
    """Finds phase, amplitude and delay of each receive chain, by a transmitter in a known place.

    A SCENARIO is emulated over the direct path, a RECORDING has to be of the direct path. Where
    transmitter and receiver are is what the scenario says.
    """
    flowgraphs = following.load_flowgraphs()
    reader = None
    if is_recording(source):
        given = None if scenario is None else load_scenario(scenario, settings)
        reader = RecordingReader(source, given, settings)
        chosen = reader.scenario
        warn(reader.warnings)
    elif scenario is not None:
        raise click.UsageError(f"--scenario goes with a recording, and {source} is none")
    else:
        chosen = load_scenario(source, settings)
    _check_memory(chosen, frames)
    flowgraph = flowgraphs.calibrate_flowgraph(chosen, reader, frames=frames, path=out)
    with following.Running(flowgraph, SimpleQueue()) as running:
        try:
            running.next()
        except flowgraphs.FlowgraphError as error:
            if isinstance(error.__cause__, CalibrationError):  # it does not know whose frames
                raise CalibrationError(f"{source}: {error.__cause__}") from None
            raise
    if flowgraph.calibration is None:  # stopped before there was anything
        running.end()
        return
    for line in _report(flowgraph.calibration, chosen, emulated=reader is None):
        click.echo(line)
    click.echo(f"written to {out}")
    running.end()


def _check_memory(scenario: Scenario, frames: int) -> None:
    """Refuse more frames than there is memory for; they are all kept, twice in the end."""
    n = scenario.numerology
    most = most_bytes()
    fitting = int(most / (16 * n.symbols * n.subcarriers * scenario.receive_chains))
    if frames > fitting:
        raise click.UsageError(
            f"--frames {frames}: more than the {fitting} that {most / 1e9:g} GB hold"
        )


def _report(found: Calibration, scenario: Scenario, *, emulated: bool) -> list[str]:
    """A row a chain, what it comes from and, where the truth is known, how wrong it is."""
    per_neper = 20 / np.log(10)
    columns = (
        (np.degrees(found.phase), np.degrees(found.phase_error)),
        (found.delay * 1e9, found.delay_error * 1e9),
        (per_neper * np.log(found.amplitude), per_neper * found.amplitude_error),
    )
    lines = ["chain         phase [deg]          delay [ns]      amplitude [dB]"]
    for chain in range(len(found)):
        # Adding zero makes no minus zero of it.
        cells = [f"{round(v[chain], 3) + 0.0:.3f} ± {e[chain]:.3f}" for v, e in columns]
        lines.append(f"{chain:>5}" + "".join(f"{cell:>20}" for cell in cells))
    lines.append(f"{found.frames} frames, {10 * np.log10(found.snr):.1f} dB a received element")
    if emulated:
        phase, delay = true_calibration(scenario)
        wrong = np.degrees(np.angle(np.exp(1j * (found.phase - phase)))), found.delay - delay
        lines.append(
            f"error: phase rms {_rms(wrong[0]):.3f} degrees, largest {_most(wrong[0]):.3f}; "
            f"delay rms {_rms(wrong[1]) * 1e9:.3f} ns, largest {_most(wrong[1]) * 1e9:.3f}"
        )
    return lines


def _rms(values: NDArray[np.float64]) -> float:
    """Over all chains but the first, which is the reference."""
    return float(np.sqrt(np.mean(values[1:] ** 2))) if len(values) > 1 else 0.0


def _most(values: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(values)))


COMMANDS: list[click.Command] = [calibrate]
