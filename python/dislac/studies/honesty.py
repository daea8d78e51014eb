# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a fix be trusted? Statuses, consistency and availability over random scenes.

A scene is a scenario drawn at random: arrays, beams, numerology, levels, places and speeds. Its
frames are made from element positions in metres and lengths of paths (see `scenes`), or with
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
  statistic just reaches its threshold; the Cramer-Rao bound,
  the timing, all paths, and of a direct path what it brings to each symbol and chain being unknown
  and interferers noise, is below 10 m; and an efficient measurement with that covariance has a
  position, neither two nor one that bends over its uncertainty (`efficient`).

The signal-to-noise ratio is that of echoes and scattered paths together, per received element.
Scenes are numbered, and each has a seed of its own: any number of workers gives the same tables.
Run with ``python -m gnuradio.dislac.studies.honesty``.
"""

import csv
import json
import time as clock
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from ..bounds import PATH_PARAMETERS, path_covariance, position_bound
from ..channel import Paths, SnapshotModel
from ..estimation import Estimate, direct_path_patterns
from ..positioning import Fix, FixStatus
from ..scenario import Scenario, load_scenario
from ..scenario.build import estimator, locate, locator
from ..scenario.truth import fix_time, snapshot_model
from .scenes import CELLS, Scene, View, draw, observe, truths

__all__ = ["Outcome", "Table", "cause", "consistency", "efficient", "study", "tables"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

BEYOND = float(chi2.sf(25.0, 3))
"""Probability of an error beyond 5 sigma in three dimensions."""
WITHIN = 0.95
MARGIN = 10**0.3
"""By how much an echo must exceed what is just detected, before its absence counts."""
USEFUL = 10.0
"""Greatest bound of a frame of which a fix is expected [m]."""
INTERCARRIER = 0.1
"""Greatest Doppler shift over the subcarrier spacing of such a frame."""
MEASURED = [PATH_PARAMETERS.index(name) for name in ("arrival_x", "arrival_y", "delay")]


# Outcomes


@dataclass(frozen=True)
class Outcome:
    """Outcome of one frame.

    Args:
        status: of the fix; or that the estimator raised an error.
        left_out: why no fix was to be expected, or None.
        rank: of the fix's covariance.
        nees: e^T C^+ e.
        error, deviation, bound: [m]; None where there is no position, infinite bounds included.
    """

    status: str
    left_out: str | None
    rank: int = 0
    nees: float = 0.0
    error: float | None = None
    deviation: float | None = None
    bound: float | None = None

    @property
    def tail(self) -> float:
        """Probability of an error that is no less likely, if the covariance is right."""
        return float(chi2.sf(self.nees, max(self.rank, 1)))


def consistency(error: Floats, covariance: Floats) -> tuple[float, int]:
    """e^T C^+ e and the rank of C; infinite for an error where C leaves no room for one, and for a
    C that is not finite, with which no fix should be.

    Directions whose variance is lost in the rounding of the largest count as none.
    """
    if not np.all(np.isfinite(covariance)):
        return np.inf, 0
    value, vector = np.linalg.eigh(covariance)
    least = 1e-12 * value[-1]
    room = value > least
    parts = vector.T @ error
    rank = int(np.count_nonzero(room))
    if np.any(np.abs(parts[~room]) > 1e-4 + 1e-6 * np.linalg.norm(error) + 5 * np.sqrt(least)):
        return np.inf, rank
    return float(np.sum(parts[room] ** 2 / value[room])), rank


def cause(scenario: Scenario, view: View, threshold: float, best: Fix) -> str | None:
    """Why no fix is to be expected of a frame, or None.

    Args:
        threshold: of the estimator's statistic.
        best: the fix of an efficient measurement.
    """
    numerology, paths = scenario.numerology, view.paths
    spacing = numerology.subcarrier_spacing
    symbol = numerology.symbol_length / numerology.sample_rate
    usable = (numerology.shortest_prefix - numerology.window_advance) / numerology.sample_rate
    early = -numerology.window_advance / numerology.sample_rate
    doppler = min(INTERCARRIER * spacing, 0.5 / symbol)
    up = scenario.transmitter.motion.state(0.0)[0] - scenario.receiver.motion.state(0.0)[0]
    if up[2] < 0:
        return "horizon"
    if not (np.all(paths.delay < usable) and np.all(paths.delay > early)):
        return "delay"
    if abs(paths.doppler[0]) > doppler:
        return "doppler"
    model = snapshot_model(scenario)
    response = model.response(paths.arrival[0], paths.departure[0])
    power = abs(paths.gain[0]) ** 2 * float(np.mean(np.abs(response) ** 2)) * _left(view, model)
    # Of n elements of noise and an echo with n times their ratio, that is the part that is echo.
    if power / view.noise < MARGIN * threshold / (1 - threshold):
        return "weak"
    if not best.bound < USEFUL:
        return "bound"
    return None if best.valid else "geometry"


def _left(view: View, model: SnapshotModel) -> float:
    """Part of the echo's energy that is not covered by what is unknown of a direct path."""
    if not view.direct:
        return 1.0
    late = view.paths.delay[0] - view.paths.delay[-1]
    tone = np.exp(-2j * np.pi * late * model.frequencies)
    covered = np.abs(direct_path_patterns(model).T @ tone) ** 2
    return 1.0 - float(np.sum(covered)) / len(tone)


def efficient(scenario: Scenario, view: View, index: int) -> Fix:
    """The fix of an efficient measurement that is right, and the Cramer-Rao bound of the first
    target's position; all other paths and the timing are unknown.

    Of a direct path what it brings to each symbol and chain is unknown, and the timing is known as
    that path tells it.
    """
    model, deviation = snapshot_model(scenario), scenario.synchronization.timing_deviation
    paths, patterns, late = view.paths, None, 0.0
    if view.direct:
        last = Paths(*(value[-1:] for value in vars(paths).values()))
        paths = Paths(*(value[: -view.direct] for value in vars(paths).values()))
        deviation = float(np.sqrt(path_covariance(model, last, view.noise)[0, 4, 4]))
        patterns, late = direct_path_patterns(model), float(last.delay[0])
    time = fix_time(scenario, index)
    assert scenario.target is not None
    transmitter, receiver, position = (
        node.motion.state(time)[0]
        for node in (scenario.transmitter, scenario.receiver, scenario.target)
    )
    limit = position_bound(
        model,
        paths,
        view.noise,
        transmitter=transmitter,
        receiver=receiver,
        position=position,
        known=scenario.known,
        speed=scenario.propagation_speed,
        nuisance=patterns,
        timing_deviation=deviation,
    ).deviation
    covariance = path_covariance(model, paths, view.noise, nuisance=patterns)[0]
    measured = covariance[np.ix_(MEASURED, MEASURED)]
    measured[2, 2] += deviation**2
    return locator(scenario).locate(
        paths.arrival[0],
        float(paths.delay[0]) - late,
        measured,
        frame=index,
        time=time,
        bound=limit,
    )


def outcome(scene: Scene, scenario: Scenario, view: View, threshold: float, fix: Fix) -> Outcome:
    """Outcome of a frame, judged."""
    best = efficient(scenario, view, fix.frame)
    left_out = cause(scenario, view, threshold, best)
    bound = best.bound if np.isfinite(best.bound) else None
    if not fix.valid:
        return Outcome(str(fix.status), left_out, bound=bound)
    judged = []
    for place in truths(scene, fix.time):
        nees, rank = consistency(fix.position - place, fix.covariance)
        judged.append((nees, rank, float(np.linalg.norm(fix.position - place))))
    nees, rank, error = min(judged)
    return Outcome(str(fix.status), left_out, rank, min(nees, 1e12), error, fix.deviation, bound)


# The study


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


def traits(scene: Scene) -> list[str]:
    """Of what kind a scene is, by which outcomes are counted besides."""
    say = scene.overrides
    array = say["nodes.receiver.array"]
    rows = say["numerology.symbols"] * say["beams.chains"]
    speed = np.linalg.norm(say["nodes.target.velocity"])
    there = {
        "no intruder": scene.foreign is None and scene.tone is None and scene.burst is None,
        "foreign seed": scene.foreign is not None and "seed" in scene.foreign,
        "foreign user": scene.foreign is not None and "pilots.user" in scene.foreign,
        "tone": scene.tone is not None,
        "burst": scene.burst is not None,
        "second target": scene.second is not None,
        "scatterers": any(path["kind"] == "scattered" for path in say["channel.paths"]),
        "planar array": array["nx"] > 1 and array["ny"] > 1,
        "linear array": (array["nx"] > 1) != (array["ny"] > 1),
        "one element": array["nx"] == array["ny"] == 1,
        "known height": "locator.known_height_m" in say,
        "symbols x chains <= 16": rows <= 16,
        "one symbol": say["numerology.symbols"] == 1,
        "32 symbols": say["numerology.symbols"] == 32,
        "paired": say["beams.coupling"] == "paired",
        "physical": say["beams.coupling"] == "physical",
        "one chain an element": say["beams.kind"] == "element",
        "advance held over a frame": say["precompensation.mode"] == "frame",
        "advance follows": say["precompensation.mode"] != "frame",
        "timing deviation": "synchronization.timing_deviation_ns" in say,
        "target below 10 m/s": speed < 10,
        "target above 100 m/s": speed > 100,
        "satellite below horizon": say["nodes.transmitter.position"][2] < 0,
        "more paths allowed than there are": say["estimator.max_paths"]
        > len([p for p in say["channel.paths"] if p["kind"] != "direct"])
        + (scene.second is not None),
    }
    return [name for name, holds in there.items() if holds]


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


# Tables


@dataclass(frozen=True)
class Table:
    """Rows under a heading, to be printed and to be written as CSV."""

    name: str
    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def text(self) -> str:
        """The table with aligned columns, the first to the left."""
        lines = [self.heading, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        )

    def csv(self) -> str:
        """The table as comma-separated values."""
        out = StringIO()
        csv.writer(out, lineterminator="\n").writerows([self.heading, *self.rows])
        return out.getvalue()


def tables(records: Iterable[Mapping[str, Any]], command: str) -> list[Table]:
    """Statuses, consistency and availability of each cell and trait, and fixes beyond 5 sigma.

    Args:
        records: of `study`.
        command: that repeats a scene, but for its number.
    """
    records = list(records)
    groups: dict[str, list[Outcome]] = {}
    of_traits: dict[str, list[Outcome]] = {}
    beyond: list[tuple[str, ...]] = []
    for record in sorted(records, key=lambda record: record["scene"]):
        outcomes = [Outcome(**row) for row in record["frames"]]
        cell = CELLS[record["scene"] % len(CELLS)]
        groups.setdefault(str(cell), []).extend(outcomes)
        path = "direct" if cell.direct else "alone"
        for trait in record["traits"]:
            of_traits.setdefault(f"{trait}, {path}", []).extend(outcomes)
        far = [found for found in outcomes if found.status == "ok" and found.tail < BEYOND]
        if far:
            worst = max(far, key=lambda found: found.nees)
            beyond.append(
                (
                    str(cell),
                    str(len(far)),
                    f"{np.sqrt(worst.nees):.3g}",
                    f"{worst.error:.3g}",
                    f"{worst.deviation:.3g}",
                    worst.left_out or "",
                    ", ".join(trait for trait in record["traits"] if trait in UNUSUAL),
                    f"{command} --scene {record['scene']} --show",
                )
            )
    groups = {str(cell): groups[str(cell)] for cell in CELLS if str(cell) in groups}
    of_traits = dict(sorted(of_traits.items()))
    heading = "cell", "fixes", "sigmas", "error [m]", "sigma [m]", "left out", "traits", "command"
    return [
        _statuses(groups),
        _consistency(groups, "consistency"),
        _availability(groups, "availability"),
        _consistency(of_traits, "consistency by trait"),
        _availability(of_traits, "availability by trait"),
        Table("fixes beyond 5 sigma", heading, beyond),
    ]


UNUSUAL = {
    "foreign seed",
    "foreign user",
    "tone",
    "burst",
    "second target",
    "linear array",
    "one element",
    "symbols x chains <= 16",
    "satellite below horizon",
}
"""Traits by which fixes beyond 5 sigma are sorted at a glance."""


def _statuses(groups: Mapping[str, Sequence[Outcome]]) -> Table:
    count = {name: Counter(found.status for found in group) for name, group in groups.items()}
    known = sorted({"ok"}.union(*count.values()), key=lambda status: (status != "ok", status))
    rows = [
        (name, str(len(groups[name])), *(str(count[name][status]) for status in known))
        for name in groups
    ]
    return Table("statuses", ("cell", "frames", *known), rows)


def _consistency(groups: Mapping[str, Sequence[Outcome]], name: str) -> Table:
    heading = "of", "ok", "NEES", "NEES of the rest", "within 95 % [%]", "beyond 5 sigma", "[%]"
    rows = []
    for group, outcomes in groups.items():
        fixes = [found for found in outcomes if found.status == "ok"]
        if not fixes:
            rows.append((group, "0", *[""] * 5))
            continue
        nees = np.array([3 * found.nees / max(found.rank, 1) for found in fixes])
        tail = np.array([found.tail for found in fixes])
        far = tail < BEYOND
        rest = f"{np.mean(nees[~far]):.2f}" if np.any(~far) else ""
        rows.append(
            (
                group,
                str(len(fixes)),
                f"{np.mean(nees):.3g}",
                rest,
                f"{100 * np.mean(tail >= 1 - WITHIN):.1f}",
                str(np.count_nonzero(far)),
                f"{100 * np.mean(far):.2f}",
            )
        )
    return Table(name, heading, rows)


CAUSES = "horizon", "delay", "doppler", "weak", "bound", "geometry"


def _availability(groups: Mapping[str, Sequence[Outcome]], name: str) -> Table:
    heading = "of", "expected", "ok", "[%]", *(f"left out: {cause}" for cause in CAUSES)
    rows = []
    for group, outcomes in groups.items():
        left_out = Counter(found.left_out for found in outcomes)
        expected = left_out[None]
        fine = sum(found.status == "ok" and found.left_out is None for found in outcomes)
        part = f"{100 * fine / expected:.1f}" if expected else ""
        counts = (str(left_out[cause]) for cause in CAUSES)
        rows.append((group, str(expected), str(fine), part, *counts))
    return Table(name, heading, rows)


@click.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--fixes", default=2000, show_default=True, help="Fixes of each cell.")
@click.option("--most", default=1000, show_default=True, help="Scenes of each cell at most.")
@click.option("--frames", default=16, show_default=True, help="Frames of each scene.")
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
