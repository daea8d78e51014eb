# SPDX-License-Identifier: GPL-3.0-or-later
"""Off-grid estimation: coherent search on a coarse grid, then Gauss-Newton on all paths jointly.

One path is the maximum-likelihood estimate: the greatest GLRT statistic, the part of
the frame's energy that one response explains, over arrival, departure, delay and Doppler. Secondary
paths are looked for one at a time on the residual, and all are refined together each time
(`joint_search`). They share one departure: the satellite is far beyond everything that scatters.

Paths closer than the array or the bandwidth resolves leave the likelihood nearly flat, with pairs
of huge opposite gains at its top. What is known beforehand settles that: gains are Gaussian, of a
scale that the solution itself gives, and secondary paths come later than the echo and from about
its direction. What that leaves open stays open, in the target's mean and covariance (`averaging`).
`judgement` says whether the leading path, taken for the target's, gives a position.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel
from .averaging import TargetAverage
from .detection import detection_threshold
from .expectations import Expectations
from .joint_search import JointSearch
from .judgement import Judge
from .maxima import LocalMaxima, joined
from .path_responses import DOPPLER, PathResponses, departure_of, search_windows
from .refinement import Fit, pick, refine
from .result import Estimate, EstimatorError, checked_frame, first_paths, nothing
from .search import CoarseSearch, DirectionSearch

__all__ = ["OffGridEstimator"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Rounds of refinement of all starts of the strongest path, and then of the best of them.
ROUGH_ROUNDS, FINAL_ROUNDS = 3, 12
# Points of the coarse grid that cost as much as a row in that refinement.
ROW_LOOKS = 2000


class OffGridEstimator:
    """The default estimator; see `make_estimator` for the arguments."""

    def __init__(
        self,
        model: SnapshotModel,
        *,
        max_paths: int = 3,
        false_alarm_rate: float = 1e-2,
        delay_window: tuple[float, float] | None = None,
        doppler_window: tuple[float, float] | None = None,
        reference_departure: ArrayLike | None = None,
        nuisance: Floats | None = None,
    ) -> None:
        if max_paths < 1:
            raise EstimatorError(f"max_paths is {max_paths}; give 1 or more")
        self.model = model
        self.max_paths = max_paths
        self._responses = PathResponses(model, departure_of(reference_departure), nuisance)
        windows = search_windows(model, delay_window, doppler_window)
        self._search = CoarseSearch(self._responses, *windows)
        departures = self._search.departures
        self._maxima = LocalMaxima(
            self._responses, DirectionSearch(self._responses, departures, windows[1])
        )
        self._judge = Judge(self._responses, windows, departures, self._maxima, max_paths)
        self.threshold = detection_threshold(
            self._statistics,
            model.shape,
            self._responses.dimensions,
            false_alarm_rate,
            parameters=len(self._responses.free),
            looks=self._search.size + ROW_LOOKS * len(self._responses.times),
            model=self._responses.content + windows,
        )
        doppler = max(float(np.ptp(windows[1])) / 2, 1e-2 * self._responses.cells[DOPPLER])
        expectations = Expectations(doppler, self._responses.delay_cell)
        self._joint = JointSearch(self._responses, windows[0], max_paths, expectations)
        self._average = TargetAverage(self._responses, max_paths, self.threshold, expectations)

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf); the same frame gives the same bits.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        y = self._rows(checked_frame(self.model, frame))
        energy = _energy(y)
        parameters, result = self._strongest(y, energy)
        statistic = _statistic(result, energy)
        if statistic < self.threshold:
            return nothing(statistic, self.threshold, energy / self._responses.dimensions)
        maxima = self._maxima(y, energy, parameters, result)
        best, solutions = self._joint(y, energy, maxima)
        solutions += self._joint.alternatives(y, energy, best)
        estimate = self._average(y, energy, statistic, best, solutions)
        rest = self._judge.rest(estimate, y, best)
        if len(best[0]) == self.max_paths:
            more = self._joint.beyond(y, energy, best)
            if more:
                beyond = self._average(y, energy, statistic, more[0], solutions + more)
                rest = self._judge.rest(beyond, y, more[0])
                estimate = first_paths(beyond, self.max_paths)
        return self._judge(estimate, y, rest, maxima)

    def reset(self) -> None:
        """Do nothing: no frame depends on another."""

    def _rows(self, frame: Complex) -> Complex:
        """(J, Nsc) from (Ms, Nsc, Nrf), without the nuisance."""
        rows = np.ascontiguousarray(frame.transpose(0, 2, 1)).reshape(-1, frame.shape[1])
        return self._responses.project(rows)

    def _statistics(self, frames: Complex) -> Floats:
        """(B,) statistics of frames (B, Ms, Nsc, Nrf), found as in `_strongest`, all at once."""
        y = np.array([self._rows(frame) for frame in frames])
        energy = np.sum(y.real**2 + y.imag**2, axis=(1, 2))
        starts = [self._starts(rows) for rows in y]
        frame = np.repeat(np.arange(len(y)), [len(start) for start in starts])
        start = np.concatenate(starts)
        parameters, result = refine(self._responses, y[frame], start, energy[frame], ROUGH_ROUNDS)
        order = np.lexsort([-result.explained, frame])
        best = order[np.searchsorted(frame, np.arange(len(y)))]
        start, rough = parameters[best], pick(result, best)
        _, result = refine(self._responses, y, start, energy, FINAL_ROUNDS, current=rough)
        return np.asarray(result.explained / energy)

    def _starts(self, y: Complex) -> Floats:
        """Starting points (B, 1, 6) of the search for the strongest path."""
        start, explained = self._search(y, 3)
        return start[explained >= 0.5 * explained[0], None]

    def _strongest(self, y: Complex, energy: float) -> tuple[Floats, Fit]:
        """The strongest path in y, and after it where the search for it began, rough (B, 1, 6)."""
        start = self._starts(y)
        parameters, result = refine(self._responses, y, start, energy, ROUGH_ROUNDS)
        best = np.argmax(result.explained, keepdims=True)
        strongest = refine(
            self._responses, y, parameters[best], energy, FINAL_ROUNDS, current=pick(result, best)
        )
        return joined(strongest, (parameters, result))


def _energy(y: Complex) -> float:
    return float(np.vdot(y, y).real)


def _statistic(result: Fit, energy: float) -> float:
    return float(result.explained[0]) / max(energy, 1e-300)
