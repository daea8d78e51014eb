# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths from pilot frames: sparse recovery, delay-Doppler matched filter, off-grid estimation."""

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
from .estimators import DEFAULT_ESTIMATOR, ESTIMATORS, GRID_POINTS, EstimatorKind, make_estimator
from .grid import GridEstimator
from .interference import InterferenceCancellation
from .mmv_bomp import MmvBomp, mmv_bomp_literal
from .off_grid import OffGridEstimator
from .result import ESTIMATE_STATUSES, Estimate, Estimator, EstimatorError, FrameError
from .solver import Dictionary, DirectionDictionary, Solver, Support

__all__ = [
    "DEFAULT_ESTIMATOR",
    "ESTIMATE_STATUSES",
    "ESTIMATORS",
    "GRID_POINTS",
    "AngularSpectrum",
    "Calibration",
    "CalibrationError",
    "DataAided",
    "DelayDoppler",
    "Dictionary",
    "DirectPathMeter",
    "DirectSignalCancellation",
    "DirectionDictionary",
    "Estimate",
    "Estimator",
    "EstimatorError",
    "EstimatorKind",
    "FrameError",
    "GridEstimator",
    "InterferenceCancellation",
    "MmvBomp",
    "OffGridEstimator",
    "Solver",
    "StaticCancellation",
    "Support",
    "calibrate",
    "direct_path_patterns",
    "make_estimator",
    "mmv_bomp_literal",
    "without_constants",
]
