# SPDX-License-Identifier: GPL-3.0-or-later
"""Bistatic localization: path estimators, positions and warnings of a scenario."""

from .checks import old_elements, warnings
from .estimators import data_aided_estimator, estimator
from .locating import fix_of, fixes, locate, locator, measured
from .settings import Settings, settings_of

__all__ = [
    "Settings",
    "data_aided_estimator",
    "estimator",
    "fix_of",
    "fixes",
    "locate",
    "locator",
    "measured",
    "old_elements",
    "settings_of",
    "warnings",
]
