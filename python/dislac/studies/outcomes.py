# SPDX-License-Identifier: GPL-3.0-or-later
"""Judgement of a fix in a random scene: its error in terms of its covariance, and why no fix was to
be expected where none was."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from ..bounds import PATH_PARAMETERS, path_covariance, position_bound
from ..channel import Paths, SnapshotModel
from ..estimation import direct_path_patterns
from ..estimation.alike import FALSE_PLACES, DirectionsAlike
from ..estimation.path_responses import PathResponses
from ..positioning import Fix
from ..scenario import Scenario
from ..scenario.routes import snapshot_model
from ..scenario.timing import fix_time
from ..systems.bistatic import locator
from .scene_frames import View
from .scenes import Scene, truths

__all__ = ["BEYOND", "WITHIN", "Outcome", "cause", "consistency", "efficient", "outcome"]

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


@dataclass(frozen=True)
class Outcome:
    """Outcome of one frame.

    Parameters
    ----------
    status
        of the fix; or that the estimator raised an error.
    left_out
        why no fix was to be expected, or None.
    rank
        of the fix's covariance.
    nees
        e^T C^+ e.
    error, deviation, bound
        [m]; None where there is no position, infinite bounds included.
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
    """Reason why no fix is to be expected of a frame, or None.

    Parameters
    ----------
    threshold
        of the estimator's statistic.
    best
        the fix of an efficient measurement.
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
    energy = power * view.frame.size / MARGIN
    others = len(paths) - view.direct
    points = np.column_stack([paths.arrival, paths.departure, paths.delay, paths.doppler])[:others]
    alike = DirectionsAlike(PathResponses(model))
    if alike(points, paths.gain[:others], 0, view.noise, energy) > FALSE_PLACES:
        return "alike"
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
    that path gives it.
    """
    model, deviation = snapshot_model(scenario), scenario.synchronization.timing_deviation
    paths, patterns = view.paths, None
    if view.direct:
        last = Paths(*(value[-1:] for value in vars(paths).values()))
        paths = Paths(*(value[: -view.direct] for value in vars(paths).values()))
        deviation = float(np.sqrt(path_covariance(model, last, view.noise)[0, 4, 4]))
        # The patterns, and what is measured, are relative to the direct path.
        paths = replace(paths, delay=paths.delay - last.delay[0])
        patterns = direct_path_patterns(model)
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
        float(paths.delay[0]),
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
        return Outcome(fix.outcome, left_out, bound=bound)
    judged = []
    for place in truths(scene, fix.time):
        nees, rank = consistency(fix.position - place, fix.covariance)
        judged.append((nees, rank, float(np.linalg.norm(fix.position - place))))
    nees, rank, error = min(judged)
    return Outcome(fix.outcome, left_out, rank, min(nees, 1e12), error, fix.deviation, bound)
