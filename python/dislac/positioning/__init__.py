# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions from the paths that a receiver has found."""

from .association import Assignment, assign, locate_targets, target_paths
from .bistatic import BistaticLocator, Fix, FixStatus
from .ellipse import confidence_ellipse
from .measurement import PATH_KINDS, Measurement, PathKind, measurements
from .order import FixOrder
from .statistics import FixStatistics, Thinned

__all__ = [
    "PATH_KINDS",
    "Assignment",
    "BistaticLocator",
    "Fix",
    "FixOrder",
    "FixStatistics",
    "FixStatus",
    "Measurement",
    "PathKind",
    "Thinned",
    "assign",
    "confidence_ellipse",
    "locate_targets",
    "measurements",
    "target_paths",
]
