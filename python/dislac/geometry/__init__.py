# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions, velocities and ranges; what a bistatic delay says about a position."""

from .bistatic import bistatic_ellipse, bistatic_gradient, bistatic_range, range_along_ray
from .frames import geodetic_from_enu
from .motion import SPEED_OF_LIGHT, LinearMotion, Motion, delay_and_doppler, range_and_rate

__all__ = [
    "SPEED_OF_LIGHT",
    "LinearMotion",
    "Motion",
    "bistatic_ellipse",
    "bistatic_gradient",
    "bistatic_range",
    "delay_and_doppler",
    "geodetic_from_enu",
    "range_along_ray",
    "range_and_rate",
]
