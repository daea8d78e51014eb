# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths from pilot frames: sparse recovery, delay-Doppler matched filter, off-grid estimation."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel
from .angular_spectrum import AngularSpectrum
from .calibration import Calibration, CalibrationError, calibrate
from .data_aided import DataAided
from .delay_doppler import DelayDoppler
from .direct_path import (
    DirectPathMeter,
    DirectSignalCancellation,
    StaticCancellation,
    direct_path_patterns,
    without_constants,
)
from .interference import InterferenceCancellation
from .mmv_bomp import MmvBomp, MmvBompEstimator, mmv_bomp_literal
from .off_grid import OffGridEstimator
from .result import ESTIMATE_STATUSES, Estimate, Estimator, EstimatorError, FrameError

__all__ = [
    "ESTIMATE_STATUSES",
    "AngularSpectrum",
    "Calibration",
    "CalibrationError",
    "DataAided",
    "DelayDoppler",
    "DirectPathMeter",
    "DirectSignalCancellation",
    "Estimate",
    "Estimator",
    "EstimatorError",
    "FrameError",
    "InterferenceCancellation",
    "MmvBomp",
    "MmvBompEstimator",
    "OffGridEstimator",
    "StaticCancellation",
    "calibrate",
    "direct_path_patterns",
    "make_estimator",
    "mmv_bomp_literal",
    "without_constants",
]


def make_estimator(
    kind: Literal["off-grid", "mmv-bomp"],
    model: SnapshotModel,
    *,
    grid_points: int = 16,
    max_paths: int = 3,
    false_alarm_rate: float = 1e-2,
    delay_window: tuple[float, float] | None = None,
    doppler_window: tuple[float, float] | None = None,
    reference_departure: ArrayLike | None = None,
    nuisance: NDArray[np.float64] | None = None,
) -> Estimator:
    """Build an estimator: everything that does not depend on the frame is computed here, once.

    Which path is the target: off the grid the first to arrive of those at least half as strong as
    the strongest (what passes over scatterers comes later); for ``mmv-bomp`` the first atom.
    An estimator reuses its buffers: one thread at a time.

    Args:
        kind: ``off-grid``, which reaches the Cramer-Rao bound; or ``mmv-bomp``, Algorithm 1 of
            the bistatic localization paper with its delay-Doppler matched filter.
        model: the snapshot model of the frames to come.
        grid_points: points an axis of the spatial-frequency grids of ``mmv-bomp``.
        max_paths: ``off-grid`` finds up to so many; ``mmv-bomp`` always selects so many atoms.
        false_alarm_rate: probability of detecting a path in a frame of noise alone.
        delay_window: (least, greatest) residual delay to search [s]; by default from
            -1/16 to 5/16 of the span 1 / (subcarrier spacing) over which delays are unambiguous.
        doppler_window: (least, greatest) residual Doppler to search [Hz]; by default half a
            Doppler resolution about zero, enough for a pre-compensation that works.
        reference_departure: (2,) spatial frequency at which all paths are known to leave the
            transmitter; without it the departure is estimated. Over `physical` coupling
            ``mmv-bomp`` cannot, and needs it.
        nuisance: (Nsc, k) orthonormal patterns over the subcarriers of which every symbol and chain
            of a frame holds an unknown amount, such as `direct_path_patterns`.

    Raises:
        EstimatorError: a setting that makes no sense for the model.
    """
    if kind == "off-grid":
        return OffGridEstimator(
            model,
            max_paths=max_paths,
            false_alarm_rate=false_alarm_rate,
            delay_window=delay_window,
            doppler_window=doppler_window,
            reference_departure=reference_departure,
            nuisance=nuisance,
        )
    if kind == "mmv-bomp":
        return MmvBompEstimator(
            model,
            grid_points=grid_points,
            atoms=max_paths,
            false_alarm_rate=false_alarm_rate,
            delay_window=delay_window,
            doppler_window=doppler_window,
            reference_departure=reference_departure,
            nuisance=nuisance,
        )
    raise EstimatorError(f"no estimator is called {kind!r}; there are 'off-grid' and 'mmv-bomp'")
