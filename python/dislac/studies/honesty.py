# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a fix be trusted? Statuses, consistency and availability over random scenes.

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
Scenes are numbered, and each has a seed of its own: any number of workers gives the same tables.
Run with ``python -m gnuradio.dislac.studies.honesty``.
"""

import json
import os
import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..estimation import Estimate
from ..positioning import Fix, FixStatus
from ..scenario import Scenario, load_scenario
from ..scenario.budget import MEMORY
from ..scenario.timing import fix_time
from ..systems.bistatic import estimator, locate
from .honesty_tables import Table, tables, traits
from .outcomes import Outcome, outcome
from .scene_frames import observe
from .scenes import CELLS, Scene, draw, truths

__all__ = ["run_scene", "show_scene", "study"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

LARGEST_GB = "4"
"""Memory that a scene may take: large arrays and many Doppler shifts take more than scenarios may
that nobody has looked at, and a study without them would not be one of all scenes."""


def run_scene(seed: int, number: int, frames: int, samples: bool) -> dict[str, Any]:
    """The record of a scene: its number, traits and outcomes, ready for JSON."""
    started = clock.process_time()
    scene, _, outcomes = show_scene(seed, number, frames, samples)
    rows = [vars(found) for found, *_ in outcomes]
    seconds = round(clock.process_time() - started, 2)
    return {"scene": number, "traits": traits(scene), "seconds": seconds, "frames": rows}


def show_scene(
    seed: int, number: int, frames: int, samples: bool
) -> tuple[Scene, Scenario, list[tuple[Outcome, Fix, Floats]]]:
    """A scene, its scenario, and each frame's outcome, fix and true positions."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    scene = draw(CELLS[number % len(CELLS)], frames, rng, samples=samples)
    scenario, found = load_scenario("paper", scene.overrides), []
    estimate = _careful(scenario)
    for index, view in enumerate(observe(scene, scenario, rng, samples=samples)):
        estimated = estimate(view.frame, index)
        if estimated is None:
            fix, threshold = Fix(index, fix_time(scenario, index), FixStatus.INVALID), 0.0
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


def study(
    seed: int,
    fixes: int,
    most: int,
    frames: int,
    *,
    workers: int = 1,
    samples: bool = False,
    path: Path | None = None,
    cells: Sequence[int] = tuple(range(len(CELLS))),
    progress: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """Records of the scenes that it takes until each cell has that many fixes.

    Scene k belongs to cell k modulo their count. A cell is done with its first scenes that have
    enough fixes together, so that it does not matter who works on what.

    Args:
        fixes: `ok` ones, of each cell.
        most: scenes of a cell, whatever becomes of them.
        frames: of each scene.
        workers: processes.
        path: of a file of JSON lines to which records are added, and from which they are taken.
        cells: which ones.
        progress: is given a line now and then.

    Raises:
        ValueError: the file is another study's.
    """
    settings = {"seed": seed, "frames": frames, "samples": samples}
    records = {} if path is None else _resume(path, settings)
    started = reported = clock.monotonic()
    running: dict[Future[dict[str, Any]], int] = {}
    with ProcessPoolExecutor(workers) as pool:
        while True:
            scenes = {cell: _scenes(records, cell, fixes, most) for cell in cells}
            if all(done for _, done in scenes.values()):
                break
            for number in _next(records, running.values(), scenes, most):
                if len(running) == 2 * workers:
                    break
                running[pool.submit(run_scene, seed, number, frames, samples)] = number
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                number = running.pop(future)
                try:
                    record = future.result()
                except Exception as error:
                    error.add_note(f"in scene {number}")
                    raise
                records[record["scene"]] = record
                if path is not None:
                    with path.open("a") as file:
                        file.write(json.dumps(record) + "\n")
            if clock.monotonic() - reported > 20:
                reported = clock.monotonic()
                done = sum(done for _, done in scenes.values())
                progress(
                    f"{reported - started:.0f} s: {len(records)} scenes, "
                    f"{done} of {len(scenes)} cells done"
                )
        for future in running:
            future.cancel()
    return [records[number] for numbers, _ in scenes.values() for number in numbers]


def _resume(path: Path, settings: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Records of a file, which is begun if it is not there; a line that was cut off is dropped."""
    if not path.exists():
        path.write_text(json.dumps(settings) + "\n")
        return {}
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    first, *lines = (json.loads(line) for line in whole.splitlines() or ["null"])
    if first != settings:
        raise ValueError(f"{path} is of a study with {first}, not {settings}; give another file")
    return {line["scene"]: line for line in lines}


def _scenes(
    records: Mapping[int, Mapping[str, Any]], cell: int, fixes: int, most: int
) -> tuple[list[int], bool]:
    """Scenes of a cell that count so far, and whether they suffice."""
    found, numbers = 0, list[int]()
    for turn_ in range(most):
        number = cell + len(CELLS) * turn_
        if number not in records:
            return numbers, False
        numbers.append(number)
        found += sum(row["status"] == "ok" for row in records[number]["frames"])
        if found >= fixes:
            return numbers, True
    return numbers, True


def _next(
    records: Mapping[int, Any],
    running: Iterable[int],
    scenes: Mapping[int, tuple[list[int], bool]],
    most: int,
) -> list[int]:
    """Scenes to begin, of cells that are not done, those with the lowest numbers first."""
    taken = set(running) | set(records)
    open_cells = [cell for cell, (_, done) in scenes.items() if not done]
    wanted: list[int] = []
    for cell in open_cells:
        numbers = range(cell, len(CELLS) * most, len(CELLS))
        wanted += islice((number for number in numbers if number not in taken), 2)
    return sorted(wanted)


@click.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--fixes", default=2000, show_default=True, help="Fixes of each cell.")
@click.option("--most", default=1000, show_default=True, help="Scenes of each cell at most.")
@click.option("--frames", default=32, show_default=True, help="Frames of each scene.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--samples", is_flag=True, help="Frames by way of the scenario's chain of samples.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON lines; taken up if there.")
@click.option("--cell", "cells", multiple=True, type=int, help="Number of a cell; default all.")
@click.option("--scene", type=int, help="A single scene.")
@click.option("--show", is_flag=True, help="All about that scene, instead of the study.")
def main(
    seed: int,
    fixes: int,
    most: int,
    frames: int,
    workers: int,
    samples: bool,
    out: Path | None,
    cells: tuple[int, ...],
    scene: int | None,
    show: bool,
) -> None:
    """Statuses, consistency and availability of fixes over random scenes.

    With --out FILE, records go to FILE and tables to FILE with .NAME.csv for its suffix.
    """
    os.environ.setdefault(MEMORY, LARGEST_GB)
    if show != (scene is not None):
        raise click.UsageError("--scene and --show go together")
    if scene is not None:
        click.echo(_shown(seed, scene, frames, samples))
        return
    started = clock.monotonic()
    try:
        records = study(
            seed,
            fixes,
            most,
            frames,
            workers=workers,
            samples=samples,
            path=out,
            cells=cells or range(len(CELLS)),
            progress=lambda text: click.echo(text, err=True),
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    command = f"python -m {__spec__.name} --seed {seed} --frames {frames}"
    command += " --samples" * samples
    for table in tables(records, command):
        click.echo(f"{table.name}\n\n{table.text()}\n")
        if out is not None:
            name = table.name.replace(" ", "-")
            out.with_suffix(f".{name}.csv").write_text(table.csv())
    busy = sum(record["seconds"] for record in records)
    click.echo(
        f"{len(records)} scenes in {clock.monotonic() - started:.0f} s, "
        f"{busy:.0f} s of work in all",
        err=True,
    )


def _shown(seed: int, number: int, frames: int, samples: bool) -> str:
    """Description of a scene, and its frames."""
    scene, _, found = show_scene(seed, number, frames, samples)
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
        "frames",
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
                " or ".join(map(_point, places)),
                _point(fix.position),
                f"{judged.error or np.nan:.3f}",
                f"{judged.deviation or np.nan:.3f}",
                f"{np.sqrt(judged.nees):.2f}",
                f"{np.inf if judged.bound is None else judged.bound:.3f}",
                judged.status,
                judged.left_out or "",
            )
            for judged, fix, places in found
        ],
    )
    return "\n".join([*lines, table.text()])


def _point(place: Floats) -> str:
    return "({:.2f}, {:.2f}, {:.2f})".format(*place)


if __name__ == "__main__":
    main()
