# SPDX-License-Identifier: GPL-3.0-or-later
"""Association: which paths of an estimate are targets' echoes, and which fix is of which target."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from ..channel import SnapshotModel
from ..estimation import Estimate
from .bistatic import BistaticLocator
from .fix import Fix, FixStatus
from .measurement import Measurement, measurements

__all__ = ["Assignment", "assign", "locate_targets", "target_measurements", "target_paths"]

COMPARABLE_GAIN = 0.5
"""Part of the greatest gain that a path has at least which may be a target's, where it is not
known how many targets there are: those over scatterers are weaker."""


def target_paths(estimate: Estimate, targets: int | None = 1) -> NDArray[np.intp]:
    """Indices of the paths of an estimate that are taken for targets' echoes.

    The leading path comes first: status and average of an estimate are about it. Off the grid it is
    the first to arrive of those at least half as strong as the strongest, as what passes over
    scatterers comes later; on a grid the atom that explains most. One target's echo is that path.
    Those of several are, besides, the strongest of the others.

    Parameters
    ----------
    estimate
        of one frame.
    targets
        their number, None if that is not known: then all paths of comparable gain.
    """
    size = np.abs(estimate.paths.gain)
    others = 1 + np.argsort(-size[1:], kind="stable")
    ranked = np.concatenate([np.arange(min(len(size), 1)), others])
    if targets is not None:
        return ranked[:targets]
    enough = size >= COMPARABLE_GAIN * size.max(initial=0.0)
    enough[:1] = True
    return ranked[enough[ranked]]


def target_measurements(
    estimate: Estimate,
    targets: int | None = 1,
    *,
    link: tuple[str, ...] = (),
    frame: int = 0,
    time: float = 0.0,
    timing_deviation: float = 0.0,
    model: SnapshotModel | None = None,
) -> list[Measurement]:
    """Measurements of the paths of an estimate that are targets', the leading path's first.

    An estimator judges its leading path: where its status is not ``ok``, that path is no
    measurement. There is none where nothing was detected, or while the estimator learns.

    Parameters
    ----------
    estimate
        of one frame.
    targets
        see `target_paths`.
    link, frame, time, timing_deviation, model
        see `measurements`.
    """
    if not estimate.detected or estimate.status == "learning":
        return []
    paths = target_paths(estimate, targets)
    return measurements(
        estimate,
        paths if estimate.status == "ok" else paths[1:],
        link=link,
        frame=frame,
        time=time,
        timing_deviation=timing_deviation,
        model=model,
    )


def locate_targets(
    locator: BistaticLocator,
    estimate: Estimate,
    targets: int | None = 1,
    *,
    link: tuple[str, ...] = (),
    frame: int = 0,
    time: float = 0.0,
    timing_deviation: float = 0.0,
    truth: ArrayLike | None = None,
    bound: float = np.nan,
    model: SnapshotModel | None = None,
) -> list[Fix]:
    """Fixes of an estimate, one for each path that is a target's; one without a position where
    there is none.

    An estimator judges its leading path: where that gives no position, it is the first fix that
    says so. Other paths have the covariance of the Fisher information alone.

    Parameters
    ----------
    locator
        of the link.
    estimate
        of one frame.
    targets
        see `target_paths`.
    link
        names of transmitter and receiver, which fixes then carry.
    frame, time
        of the fixes.
    timing_deviation, model
        see `measurements`.
    truth
        (3,) true position of the only target [m].
    bound
        passed on to the first [m].
    """
    found = target_measurements(
        estimate,
        targets,
        link=link,
        frame=frame,
        time=time,
        timing_deviation=timing_deviation,
        model=model,
    )
    if estimate.detected and estimate.status == "ok":
        first = locator.locate_measurement(found[0], truth=truth, bound=bound)
        return [first, *map(locator.locate_measurement, found[1:])]
    status = FixStatus(estimate.status) if estimate.detected else FixStatus.NO_DETECTION
    links = (link,) if link else ()
    first = Fix(frame=frame, time=time, status=status, bound=bound, links=links)
    return [first, *map(locator.locate_measurement, found)]


class Assignment(NamedTuple):
    """Fixes and true targets, matched.

    fixes: as given, with target and error of those that are one's; missed: names of targets without
    a fix.
    """

    fixes: list[Fix]
    missed: list[str]


def assign(fixes: Sequence[Fix], truths: Mapping[str, ArrayLike], cutoff: float) -> Assignment:
    """Assign fixes to true targets so that the sum of errors is least: for evaluation alone.

    Parameters
    ----------
    fixes
        of one frame.
    truths
        names and (3,) true positions of targets [m].
    cutoff
        distance from which on a fix is nobody's [m]; as much counts for a target that is missed.

    Raises
    ------
    ValueError
        the cutoff is not above zero.
    """
    if not cutoff > 0.0:
        raise ValueError(f"cutoff is {cutoff}; give a distance above zero [m]")
    names = list(truths)
    located = [k for k, fix in enumerate(fixes) if fix.valid]
    made, missed = list(fixes), set(names)
    if located and names:
        positions = np.array([fixes[k].position for k in located])
        true = np.array([np.asarray(truths[name], dtype=float) for name in names])
        distance = np.linalg.norm(positions[:, None] - true, axis=-1)
        rows, columns = linear_sum_assignment(np.minimum(distance, cutoff))
        for row, column in zip(rows, columns, strict=True):
            if distance[row, column] < cutoff:
                k, name = located[row], names[column]
                error = float(distance[row, column])
                made[k] = replace(fixes[k], target=name, error=error)
                missed.discard(name)
    return Assignment(made, [name for name in names if name in missed])
