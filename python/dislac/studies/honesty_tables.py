# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the study of honest fixes, from the records of its scenes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .outcomes import BEYOND, WITHIN, Outcome
from .runner import Table
from .scenes import CELLS, Scene

__all__ = ["tables", "traits"]

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


def traits(scene: Scene) -> list[str]:
    """Of what kind a scene is, by which outcomes are counted besides."""
    say = scene.overrides
    array = say["nodes.receiver.array"]
    rows = say["numerology.symbols"] * say["beams.chains"]
    speed = np.linalg.norm(say["nodes.target.velocity"])
    kinds = [path["kind"] for path in say["channel.paths"]]
    there_are = len(kinds) - kinds.count("direct") + (scene.second is not None)
    allowed = say["estimator.max_paths"]
    there = {
        "no intruder": scene.foreign is None and scene.tone is None and scene.burst is None,
        "foreign seed": scene.foreign is not None and "seed" in scene.foreign,
        "foreign user": scene.foreign is not None and "pilots.user" in scene.foreign,
        "tone": scene.tone is not None,
        "burst": scene.burst is not None,
        "second target": scene.second is not None,
        "scatterers": "scattered" in kinds,
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
        "a single path, known to be": allowed == there_are == 1,
        "a single path, more allowed": allowed > there_are == 1,
        "several paths, as many allowed": allowed == there_are > 1,
        "several paths, more allowed": allowed > there_are > 1,
    }
    return [name for name, holds in there.items() if holds]


def tables(records: Iterable[Mapping[str, Any]], command: str) -> list[Table]:
    """Statuses, consistency and availability of each cell and trait, and fixes beyond 5 sigma.

    Parameters
    ----------
    records
        Of scenes, with their numbers.
    command
        That repeats a scene, but for its number.
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
        Table(heading, beyond, name="fixes beyond 5 sigma"),
    ]


def _statuses(groups: Mapping[str, Sequence[Outcome]]) -> Table:
    count = {name: Counter(found.status for found in group) for name, group in groups.items()}
    known = sorted({"ok"}.union(*count.values()), key=lambda status: (status != "ok", status))
    rows = [
        (name, str(len(groups[name])), *(str(count[name][status]) for status in known))
        for name in groups
    ]
    return Table(("cell", "frames", *known), rows, name="statuses")


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
    return Table(heading, rows, name=name)


CAUSES = "horizon", "delay", "doppler", "weak", "alike", "bound", "geometry"


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
    return Table(heading, rows, name=name)
