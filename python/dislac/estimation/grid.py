# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimation on a grid of directions: any solver, then delay and Doppler of each atom."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import Paths, SnapshotModel, synthesize
from .delay_doppler import DelayDoppler
from .detection import detection_threshold
from .path_responses import search_windows
from .result import Estimate, EstimateStatus, EstimatorError, checked_frame, no_paths
from .solver import DirectionDictionary, Solver, Support

__all__ = ["GridEstimator"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class GridEstimator:
    """A solver with the delay-Doppler matched filter behind it.

    Parameters
    ----------
    model
        the snapshot model of the frames to come.
    solver
        finds directions, in a dictionary of that model.
    atoms
        number of paths that it is asked for.
    false_alarm_rate, delay_window, doppler_window, nuisance
        as for `make_estimator`.

    Raises
    ------
    EstimatorError
        a setting that makes no sense for the model.
    """

    def __init__(
        self,
        model: SnapshotModel,
        solver: Solver[DirectionDictionary],
        *,
        atoms: int = 1,
        false_alarm_rate: float = 1e-2,
        delay_window: tuple[float, float] | None = None,
        doppler_window: tuple[float, float] | None = None,
        nuisance: Floats | None = None,
    ) -> None:
        if not 1 <= atoms <= model.shape[2]:
            raise EstimatorError(
                f"{atoms} atoms cannot be distinguished by {model.shape[2]} chains; give from 1 to "
                f"{model.shape[2]}"
            )
        self.model = model
        self._atoms = atoms
        self._solver = solver
        self._nuisance = nuisance
        windows = search_windows(model, delay_window, doppler_window)
        self._windows = windows
        self._matched_filter = DelayDoppler(
            model.symbol_times, model.frequencies, *windows, offsets=model.offsets
        )
        # A part of the energy of Ms Nsc coefficients, largest over the delays and Dopplers it can
        # show: the atom is chosen by norms alone, which leaves the coefficients isotropic.
        symbols, subcarriers, _ = model.shape
        content: tuple[object, ...] = ()
        if solver.content:
            patterns = () if nuisance is None else nuisance
            axes = model.symbol_times, model.frequencies, model.offsets
            content = (*solver.content, *axes, patterns, *windows)
        self.threshold = detection_threshold(
            self._statistics,
            model.shape,
            symbols * subcarriers,
            false_alarm_rate,
            parameters=(symbols > 1) + (subcarriers > 1),
            exhaustive=True,
            model=content,
        )

    def reset(self) -> None:
        """Do nothing: no frame depends on another."""

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf); the same frame gives the same bits.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        y = self._projected(checked_frame(self.model, frame))
        found = self._solver(y, self._atoms)
        statistic = self._statistic(y, found)
        if statistic < self.threshold:
            noise = float(np.mean(np.abs(y) ** 2))
            return Estimate(no_paths(), None, noise, statistic, self.threshold)
        arrival, departure = self._solver.dictionary.directions(found.atoms)
        peaks = [self._matched_filter.peak(s) for s in found.coefficients]
        # The columns have unit norm: a path's coefficients hold its response's norms.
        norms = np.linalg.norm(self.model.response(arrival, departure), axis=-1)
        gain = np.array([peak.value for peak in peaks]) / (y.shape[1] * norms.sum(axis=1))
        delay = np.array([peak.delay for peak in peaks])
        doppler = np.array([peak.doppler for peak in peaks])
        paths = Paths(gain, arrival, departure, delay, doppler)
        noise = float(np.mean(np.abs(y - synthesize(self.model, paths)) ** 2))
        peak = (peaks[0].delay, peaks[0].doppler)
        inside = all(
            least < place < greatest or least == greatest
            for place, (least, greatest) in zip(peak, self._windows, strict=True)
        )
        status: EstimateStatus = "ok" if inside else "outside_window"
        return Estimate(paths, None, noise, statistic, self.threshold, status)

    def _projected(self, frame: Complex) -> Complex:
        """A frame without the nuisance."""
        if self._nuisance is None:
            return frame
        return np.asarray(frame - self._nuisance @ (self._nuisance.T @ frame))

    def _statistics(self, frames: Complex) -> Floats:
        """(B,) GLRT statistics of frames (B, Ms, Nsc, Nrf)."""
        projected = map(self._projected, frames)
        return np.array([self._statistic(frame, self._solver(frame, 1)) for frame in projected])

    def _statistic(self, frame: Complex, found: Support) -> float:
        """GLRT statistic: part of the first atom's energy that lies at one delay and Doppler."""
        column = self._solver.dictionary.columns(found.atoms[:1])  # (Ms, Nrf, 1)
        snapshots = (frame @ column.conj())[..., 0]
        energy = max(float(np.vdot(snapshots, snapshots).real), 1e-300)
        return abs(self._matched_filter.peak(snapshots).value) ** 2 / (snapshots.size * energy)
