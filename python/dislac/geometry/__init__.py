# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions, velocities and ranges, orbits and passes; what a bistatic delay says of a position."""

from .bistatic import (
    bistatic_ellipse,
    bistatic_gradient,
    bistatic_range,
    cone_in_plane,
    ellipsoid_on_line,
    range_along_ray,
)
from .element_files import read_elements
from .elements import OLD, ElementSet, nearest, write_days
from .frames import (
    LocalMotion,
    ecef_from_geodetic,
    enu_from_ecef,
    geodetic_from_enu,
    look_angles,
)
from .hermite import HermiteMotion
from .horizon import MEAN_RADIUS, earth_between, elevation
from .locus import ANYWHERE, Locus
from .motion import (
    SPEED_OF_LIGHT,
    LinearMotion,
    Motion,
    carrier_cycles,
    delay_and_doppler,
    delay_doppler_cycles,
    range_and_rate,
)
from .orbits import CircularOrbit, OrbitError, WalkerShell
from .passes import Fleet, Passes, find_passes, in_view
from .path_motion import PathMotion, follow_path
from .satellites import Catalogue, SatelliteMotion

__all__ = [
    "ANYWHERE",
    "MEAN_RADIUS",
    "OLD",
    "SPEED_OF_LIGHT",
    "Catalogue",
    "CircularOrbit",
    "ElementSet",
    "Fleet",
    "HermiteMotion",
    "LinearMotion",
    "LocalMotion",
    "Locus",
    "Motion",
    "OrbitError",
    "Passes",
    "PathMotion",
    "SatelliteMotion",
    "WalkerShell",
    "bistatic_ellipse",
    "bistatic_gradient",
    "bistatic_range",
    "carrier_cycles",
    "cone_in_plane",
    "delay_and_doppler",
    "delay_doppler_cycles",
    "earth_between",
    "ecef_from_geodetic",
    "elevation",
    "ellipsoid_on_line",
    "enu_from_ecef",
    "find_passes",
    "follow_path",
    "geodetic_from_enu",
    "in_view",
    "look_angles",
    "nearest",
    "range_along_ray",
    "range_and_rate",
    "read_elements",
    "write_days",
]
