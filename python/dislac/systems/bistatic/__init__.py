# SPDX-License-Identifier: GPL-3.0-or-later
"""Bistatic localization: path estimators, positions and warnings of a scenario."""

from .checks import old_elements, warnings
from .estimators import data_aided_estimator, estimator
from .locating import fixes, locate, locator
from .settings import Settings, settings_of

__all__ = [
    "Settings",
    "data_aided_estimator",
    "estimator",
    "fixes",
    "locate",
    "locator",
    "old_elements",
    "settings_of",
    "warnings",
]
