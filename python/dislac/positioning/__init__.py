# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions from the paths that a receiver has found."""

from .association import (
    Assignment,
    assign,
    locate_targets,
    target_measurements,
    target_paths,
)
from .bistatic import BistaticLocator
from .ellipse import confidence_ellipse
from .fix import Fix, FixStatus, Reason, status_of
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
    "Reason",
    "Thinned",
    "assign",
    "confidence_ellipse",
    "locate_targets",
    "measurements",
    "status_of",
    "target_measurements",
    "target_paths",
]
