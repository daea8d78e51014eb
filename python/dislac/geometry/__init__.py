# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions, velocities and ranges; what a bistatic delay says about a position."""

from .bistatic import bistatic_range, range_along_ray
from .motion import SPEED_OF_LIGHT, LinearMotion, delay_and_doppler, range_and_rate

__all__ = [
    "SPEED_OF_LIGHT",
    "LinearMotion",
    "bistatic_range",
    "delay_and_doppler",
    "range_along_ray",
    "range_and_rate",
]
