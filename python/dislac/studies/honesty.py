# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a fix be trusted?

Statuses, consistency and availability over random scenes are looked at.

A scene is a scenario drawn at random: arrays, beams, numerology, levels, places and speeds. Its
frames are made from element positions in metres and lengths of paths (see `scene_frames`), or with
``--samples`` by way of the scenario's own chain of samples, with all that it does to them.
Estimator and locator are the scenario's.

A direct path's timing error, up to 100 ns, is constant in a scene, and unknown to it. Without a
direct path the error is drawn for each frame, with the standard deviation that the scenario states.
In some scenes there are things of which the scenario says nothing: a second target that reflects
as strongly, a foreign satellite's direct path, a narrow-band tone, or a burst of noise.

Counted are, in cells of signal-to-noise ratio, with and without direct path, of one path or more:

- what became of frames;
- the normalized estimation error squared (NEES) of ``ok`` fixes, e^T C^+ e with the error e and the
  covariance C that the fix states, times 3 over the rank of C: 3 if C is right; how many lie within
  the ellipsoid of 95 %; and how many beyond 5 sigma, which 1.5e-5 of right ones do. Of two targets
  the one counts that the fix is nearer to in that sense. The truth is taken at the fix's time;
- availability: how many frames are ``ok`` of those of which it can be asked (`cause`): the
  satellite is above the horizon; all paths lie within the prefix less the window's advance, and
  the echo's Doppler shift within half a symbol rate and a tenth of the subcarrier spacing, beyond
  which intercarrier interference is no longer small; the echo's integrated signal-to-noise ratio
  (symbols x subcarriers x chains x ratio per element, interferers being noise, less what the
  direct path's unknowns take of the echo) is 3 dB or more above that at which the estimator's
  statistic just reaches its threshold, and above that at which so few rows of beams, and the other
  paths, leave other directions alike (`DirectionsAlike`); the Cramer-Rao bound,
  the timing, all paths, and of a direct path what it brings to each symbol and chain being unknown
  and interferers noise, is below 10 m; and an efficient measurement with that covariance has a
  position, neither two nor one that bends over its uncertainty (`efficient`).

The signal-to-noise ratio is that of echoes and scattered paths together, per received element.
Scenes are numbered, and each has a seed of its own.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import click
import numpy as np
from numpy.typing import NDArray

from ..estimation import Estimate
from ..positioning import Fix, FixStatus
from ..scenario import Scenario, load_scenario
from ..scenario.budget import MEMORY
from ..scenario.timing import fix_time
from ..systems.bistatic import estimator, locate
from .honesty_tables import tables, traits
from .outcomes import Outcome, outcome
from .runner import Point, Results, Row, Study, Table, study_command
from .scene_frames import observe
from .scenes import CELLS, Scene, draw, truths

__all__ = ["honesty", "main", "run_scene", "show_scene"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

LARGEST_GB = "4"
"""Memory that a scene may take: large arrays and many Doppler shifts take more than scenarios may
that nobody has looked at, and a study without them would not be one of all scenes."""


def run_scene(frames: int, samples: bool, point: Point, rng: np.random.Generator) -> Row:
    """The record of a scene of a cell: its traits and outcomes, ready for JSON."""
    scene, _, outcomes = show_scene(point["cell"], frames, samples, rng)
    rows = [
        # JSON has no infinite numbers.
        {
            k: None if isinstance(v, float) and not np.isfinite(v) else v
            for k, v in vars(found).items()
        }
        for found, *_ in outcomes
    ]
    return {"traits": traits(scene), "frames": rows}


def show_scene(
    cell: int, frames: int, samples: bool, rng: np.random.Generator
) -> tuple[Scene, Scenario, list[tuple[Outcome, Fix, Floats]]]:
    """A scene, its scenario, and each frame's outcome, fix and true positions."""
    with _memory():
        return _show_scene(cell, frames, samples, rng)


@contextmanager
def _memory() -> Iterator[None]:
    """As much memory as drawn scenes need, unless the caller has said how much there is."""
    if MEMORY in os.environ:
        yield
        return
    os.environ[MEMORY] = LARGEST_GB
    try:
        yield
    finally:
        del os.environ[MEMORY]


def _show_scene(
    cell: int, frames: int, samples: bool, rng: np.random.Generator
) -> tuple[Scene, Scenario, list[tuple[Outcome, Fix, Floats]]]:
    scene = draw(CELLS[cell], frames, rng, samples=samples)
    scenario, found = load_scenario("paper", scene.overrides), []
    estimate = _careful(scenario)
    for index, view in enumerate(observe(scene, scenario, rng, samples=samples)):
        estimated = estimate(view.frame, index)
        if estimated is None:
            fix, threshold = Fix(index, fix_time(scenario, index), FixStatus.NO_SOLUTION), 0.0
        else:
            fix, threshold = locate(scenario, estimated, index), estimated.threshold
        judged = outcome(scene, scenario, view, threshold, fix)
        if estimated is None:
            judged = replace(judged, status="raised")
        found.append((judged, fix, truths(scene, fix.time)))
    return scene, scenario, found


def _careful(scenario: Scenario) -> Callable[[Complex, int], Estimate | None]:
    """The scenario's estimator, None for a frame from which it raises an error."""
    try:
        receiver = estimator(scenario)
    except np.linalg.LinAlgError:
        return lambda frame, index: None

    def estimate(frame: Complex, index: int) -> Estimate | None:
        try:
            return receiver.estimate(frame, index)
        except np.linalg.LinAlgError:
            return None

    return estimate


def honesty(
    seed: int = 1,
    fixes: int = 2000,
    frames: int = 32,
    samples: bool = False,
    cells: Sequence[int] = tuple(range(len(CELLS))),
) -> Study:
    """Put the study together.

    Scene k belongs to cell k modulo their count. A cell is done with its first scenes that have
    enough fixes together.

    Parameters
    ----------
    seed
        Of the study, for the commands that repeat a scene.
    fixes
        `ok` ones, of each cell.
    frames
        Of each scene.
    samples
        True for frames by way of the scenario's chain of samples.
    cells
        Numbers of those that are drawn from.
    """

    def enough(rows: Sequence[Row]) -> bool:
        found = (frame["status"] == "ok" for row in rows for frame in row["frames"])
        return sum(found) >= fixes

    command = f"dislac study honesty --seed {seed} --frames {frames}" + " --samples" * samples
    return Study(
        "honesty",
        [{"cell": cell} for cell in cells],
        partial(run_scene, frames, samples),
        partial(_tables, command),
        {"frames": frames, "samples": samples},
        key=_scene_number,
        enough=enough,
    )


def _scene_number(point: Point, trial: int) -> tuple[int, ...]:
    return (point["cell"] + len(CELLS) * trial,)


def _tables(command: str, results: Results) -> list[Table]:
    records = [
        {"scene": _scene_number(point, trial)[0], **row}
        for point, rows in results
        for trial, row in enumerate(rows)
    ]
    return tables(records, command)


@study_command(trials=1000, of="Scenes of each cell at most.")
@click.option(
    "--fixes",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    metavar="N",
    help="Fixes of each cell that are enough.",
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    metavar="N",
    help="Frames of each scene.",
)
@click.option("--samples", is_flag=True, help="Frames by way of the scenario's chain of samples.")
@click.option(
    "--cell",
    "cells",
    multiple=True,
    type=click.IntRange(0, len(CELLS) - 1),
    metavar="N",
    help="Number of a cell; default all. May be repeated.",
)
@click.option("--scene", type=click.IntRange(0), metavar="N", help="A single scene.")
@click.option("--show", is_flag=True, help="All about that scene, instead of the study.")
def main(
    fixes: int, frames: int, samples: bool, cells: tuple[int, ...], scene: int | None, show: bool
) -> Study | None:
    """Statuses, consistency and availability of fixes over random scenes."""
    seed = click.get_current_context().params["seed"]
    if show != (scene is not None):
        raise click.UsageError("--scene and --show go together")
    if scene is not None:
        click.echo(_shown(seed, scene, frames, samples))
        return None
    return honesty(seed, fixes, frames, samples, cells or range(len(CELLS)))


def _shown(seed: int, number: int, frames: int, samples: bool) -> str:
    """Description of a scene, and its frames."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    scene, _, found = show_scene(number % len(CELLS), frames, samples, rng)
    lines = [f"scene {number}: {CELLS[number % len(CELLS)]}; {', '.join(traits(scene))}"]
    lines += [f"  {key}: {json.dumps(value)}" for key, value in scene.overrides.items()]
    late = ", ".join(f"{1e9 * value:.2f}" for value in np.unique(scene.timing))
    lines.append(f"not in the scenario: timing {late} ns")
    if scene.second is not None:
        lines.append(f"  second target at {_point(scene.second)}")
    for name, value in (("foreign satellite", scene.foreign), ("tone", scene.tone)):
        lines += [f"  {name}: {value}"] if value is not None else []
    lines += [f"  burst: {scene.burst}"] if scene.burst is not None else []
    table = Table(
        (
            "frame",
            "truth [m]",
            "fix [m]",
            "error",
            "sigma",
            "sigmas",
            "bound",
            "status",
            "left out",
        ),
        [
            (
                str(fix.frame),
                " or ".join(map(_point, positions)),
                _point(fix.position),
                f"{judged.error or np.nan:.3f}",
                f"{judged.deviation or np.nan:.3f}",
                f"{np.sqrt(judged.nees):.2f}",
                f"{np.inf if judged.bound is None else judged.bound:.3f}",
                judged.status,
                judged.left_out or "",
            )
            for judged, fix, positions in found
        ],
    )
    return "\n".join([*lines, table.text()])


def _point(place: Floats) -> str:
    return "({:.2f}, {:.2f}, {:.2f})".format(*place)
