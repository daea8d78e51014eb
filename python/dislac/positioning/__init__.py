# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions from the paths that a receiver has found."""

from .bistatic import BistaticLocator, Fix, FixStatus
from .ellipse import confidence_ellipse
from .statistics import FixStatistics, Thinned

__all__ = [
    "BistaticLocator",
    "Fix",
    "FixStatistics",
    "FixStatus",
    "Thinned",
    "confidence_ellipse",
]
