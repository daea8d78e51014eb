# SPDX-License-Identifier: GPL-3.0-or-later
"""Horizon: the Earth between two positions of a scene."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .frames import ecef_from_geodetic, enu_axes

__all__ = ["MEAN_RADIUS", "earth_between", "elevation"]

Floats = NDArray[np.float64]

WGS84_AXES = np.array([6378137.0, 6378137.0, 6356752.314245])
"""Semi-axes of the Earth [m]."""

MEAN_RADIUS = 6371e3
"""Radius of the Earth below a scene that does not say where it lies [m]."""

DEEPEST = 1e3
"""Depth below the ellipsoid of a place that is not inside the Earth yet [m]."""

_TOLERANCE = 1e-9
"""By how much of the Earth's radius rounding may lower a line of sight: 6 mm."""


def earth_between(
    one: ArrayLike, other: ArrayLike, origin: tuple[float, float, float] | None = None
) -> NDArray[np.bool_]:
    """(...) whether the straight line between two positions passes through a smooth Earth.

    Without origin the Earth is a sphere that the scene's horizontal plane touches at zero. Where
    one of the positions lies below the surface, in a valley, the Earth reaches up to it only, or up
    to the bottom of the deepest one.

    Parameters
    ----------
    one, other
        (..., 3) east, north, up [m].
    origin
        latitude [deg], longitude [deg] and height [m] of the scene's zero, WGS-84.
    """
    p, q = _unit_earth(one, origin), _unit_earth(other, origin)
    line_of_sight = q - p
    squared = np.sum(line_of_sight**2, axis=-1)
    part = -np.sum(p * line_of_sight, axis=-1) / np.where(squared > 0.0, squared, 1.0)
    nearest = p + np.clip(part, 0.0, 1.0)[..., None] * line_of_sight
    lower = np.minimum(np.linalg.norm(p, axis=-1), np.linalg.norm(q, axis=-1))
    surface = np.clip(lower, 1.0 - DEEPEST / MEAN_RADIUS, 1.0)
    return np.asarray(np.linalg.norm(nearest, axis=-1) < surface - _TOLERANCE)


def elevation(
    place: ArrayLike, other: ArrayLike, origin: tuple[float, float, float] | None = None
) -> Floats:
    """(...) angle of `other` (..., 3) above the horizontal at `place` (..., 3) [rad]; arguments as
    `earth_between`."""
    _, axes, radii = _earth(origin)
    # The vertical is the gradient of the ellipsoid's equation.
    up = _unit_earth(place, origin) / radii
    line_of_sight = (np.asarray(other, dtype=float) - np.asarray(place, dtype=float)) @ axes
    height = np.sum(up * line_of_sight, axis=-1)
    size = np.linalg.norm(up, axis=-1) * np.linalg.norm(line_of_sight, axis=-1)
    return np.asarray(np.arcsin(np.clip(height / np.where(size > 0.0, size, 1.0), -1.0, 1.0)))


def _unit_earth(position: ArrayLike, origin: tuple[float, float, float] | None) -> Floats:
    """Positions (..., 3) from the Earth's centre, along axes in which it is a unit sphere."""
    zero, axes, radii = _earth(origin)
    return np.asarray((zero + np.asarray(position, dtype=float) @ axes) / radii)


@lru_cache(maxsize=16)
def _earth(origin: tuple[float, float, float] | None) -> tuple[Floats, Floats, Floats]:
    """The scene's zero (3,) from the Earth's centre [m], its axes (3, 3), the semi-axes (3,)."""
    if origin is None:
        return np.array([0.0, 0.0, MEAN_RADIUS]), np.eye(3), np.full(3, MEAN_RADIUS)
    return ecef_from_geodetic(origin), enu_axes(origin), WGS84_AXES
