# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the local east-north-up frame, the Earth-fixed frame and the equator of date.

Three frames, all Cartesian [m]. *Local*: east, north, up at an origin, fixed to the Earth; all
nodes of a scenario are in it. *Earth-fixed* (ECEF, WGS-84 axes): orbits are computed in it.
*TEME*, the true equator and mean equinox of date: what SGP4 gives; the Earth turns in it.

An origin is latitude [deg], longitude [deg] and height [m], WGS-84.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .motion import Motion

__all__ = [
    "EARTH_ROTATION",
    "LocalMotion",
    "days_since_2000",
    "ecef_from_geodetic",
    "ecef_from_teme",
    "enu_axes",
    "enu_from_ecef",
    "geodetic_from_enu",
    "look_angles",
    "sidereal_time",
]

Floats = NDArray[np.float64]

EARTH_ROTATION = 7.292115e-5
"""Rotation rate of the Earth against the stars [rad/s], WGS-84."""


# The Earth and a place on it


def geodetic_from_enu(position: ArrayLike, origin: ArrayLike) -> Floats:
    """WGS-84 latitude [deg], longitude [deg] and height [m], (..., 3), for maps and exports.

    Parameters
    ----------
    position
        (..., 3) in the east-north-up frame at `origin` [m].
    origin
        (3,) latitude [deg], longitude [deg] and height [m] of the frame's origin.

    Raises
    ------
    ImportError
        pymap3d is not installed.

    Examples
    --------
    A kilometre to the north on the equator, where a degree of latitude has 110.574 km.

    >>> from gnuradio.dislac.geometry import geodetic_from_enu
    >>> latitude, longitude, height = geodetic_from_enu([0.0, 1e3, 0.0], origin=[0.0, 10.0, 0.0])
    >>> f"{latitude * 110.574:.3f} km, {longitude:.3f} deg, {height:.2f} m"
    '1.000 km, 10.000 deg, 0.08 m'
    """
    from pymap3d import enu2geodetic

    enu = np.asarray(position, dtype=float)
    latitude, longitude, height = np.asarray(origin, dtype=float)
    return np.stack(
        enu2geodetic(enu[..., 0], enu[..., 1], enu[..., 2], latitude, longitude, height), axis=-1
    )


def ecef_from_geodetic(place: ArrayLike) -> Floats:
    """Earth-fixed positions (..., 3) [m] of latitudes [deg], longitudes [deg], heights [m].

    Parameters
    ----------
    place
        (..., 3) latitudes [deg], longitudes [deg] and heights [m], WGS-84.

    Raises
    ------
    ImportError
        pymap3d is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import ecef_from_geodetic
    >>> np.round(ecef_from_geodetic([[0, 0, 0], [90, 0, 0]]) / 1e3, 3).tolist()
    [[6378.137, 0.0, 0.0], [0.0, 0.0, 6356.752]]
    """
    from pymap3d import geodetic2ecef

    place = np.asarray(place, dtype=float)
    return np.stack(geodetic2ecef(place[..., 0], place[..., 1], place[..., 2]), axis=-1)


def enu_axes(origin: ArrayLike) -> Floats:
    """(3, 3) unit vectors east, north, up at an origin, in the Earth-fixed frame."""
    latitude, longitude = np.radians(np.asarray(origin, dtype=float)[:2])
    (sin_lat, cos_lat), (sin_lon, cos_lon) = (
        (np.sin(angle), np.cos(angle)) for angle in (latitude, longitude)
    )
    return np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )


def enu_from_ecef(
    position: ArrayLike, velocity: ArrayLike, origin: ArrayLike
) -> tuple[Floats, Floats]:
    """Positions and velocities, each (..., 3), in the frame at `origin` from Earth-fixed ones.

    The frame turns with the Earth as the Earth-fixed one does, so velocities are only turned: what
    stands on the ground has none, and the rate of a range is what a receiver there measures.
    """
    axes = enu_axes(origin).T
    place = np.asarray(position, dtype=float) - ecef_from_geodetic(origin)
    return place @ axes, np.asarray(velocity, dtype=float) @ axes


@dataclass(frozen=True, eq=False)
class LocalMotion:
    """A node whose motion is known in the Earth-fixed frame, in the frame at an origin.

    Parameters
    ----------
    motion
        in the Earth-fixed frame.
    origin
        (3,) latitude [deg], longitude [deg] and height [m].
    """

    motion: Motion
    origin: tuple[float, float, float]

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Position [m] and velocity [m/s], each ``time.shape + (3,)``, at `time` [s]."""
        return enu_from_ecef(*self.motion.state(time), self.origin)


def look_angles(position: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Azimuth (from north to east, 0 to 2 pi) and elevation [rad], and distance [m], each (...).

    Parameters
    ----------
    position
        (..., 3) east, north, up as seen from zero [m].

    Examples
    --------
    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import look_angles
    >>> azimuth, elevation, distance = look_angles([300e3, 0.0, 300e3])
    >>> f"{np.degrees(azimuth):.1f}, {np.degrees(elevation):.1f} deg, {distance / 1e3:.1f} km"
    '90.0, 45.0 deg, 424.3 km'
    """
    position = np.asarray(position, dtype=float)
    east, north, up = np.moveaxis(position, -1, 0)
    azimuth = np.arctan2(east, north) % (2 * np.pi)
    elevation = np.arctan2(up, np.hypot(east, north))
    return azimuth, elevation, np.linalg.norm(position, axis=-1)


# The Earth and the stars

_NOON_2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def days_since_2000(epoch: datetime) -> tuple[int, float]:
    """Whole days and the rest, 0 to 1, since 2000-01-01 12:00 UTC (Julian date 2451545).

    Parameters
    ----------
    epoch
        in any time zone; taken as UTC where it names none.
    """
    if epoch.tzinfo is None:
        epoch = epoch.replace(tzinfo=UTC)
    since = epoch - _NOON_2000
    return since.days, (since - timedelta(since.days)) / timedelta(1)


def sidereal_time(days: int, rest: float) -> tuple[float, float]:
    """Greenwich mean sidereal time [rad], 0 to 2 pi, and its rate [rad/s].

    Takes UT1 for UTC: they differ by less than 0.9 s, in which the Earth turns by 65 microradians
    (0.4 km at a low orbit; mean elements are not that good).

    Parameters
    ----------
    days, rest
        UT1 as in `days_since_2000`.

    References
    ----------
    The IAU's expression of 1982, as SGP4 wants it: Vallado et al., Revisiting Spacetrack Report #3,
    AIAA 2006-6753, appendix C.
    """
    century = (days + rest) / 36525.0
    seconds = 67310.54841 + (8640184.812866 + (0.093104 - 6.2e-6 * century) * century) * century
    slope = 8640184.812866 + (2 * 0.093104 - 3 * 6.2e-6 * century) * century
    turns = rest + (seconds / 86400.0) % 1.0
    return turns % 1.0 * 2 * np.pi, (1.0 + slope / (36525.0 * 86400.0)) * 2 * np.pi / 86400.0


def ecef_from_teme(
    position: ArrayLike, velocity: ArrayLike, angle: ArrayLike, rate: float
) -> tuple[Floats, Floats]:
    """Earth-fixed positions and velocities, each (..., 3), without polar motion (15 m at most).

    Parameters
    ----------
    position, velocity
        (..., 3) in TEME.
    angle
        (...) sidereal time [rad].
    rate
        how fast it grows [rad/s].

    References
    ----------
    AIAA 2006-6753, appendix C.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    (x, y, z), (vx, vy, vz) = (
        np.moveaxis(np.asarray(vector, dtype=float), -1, 0) for vector in (position, velocity)
    )
    east, north = cos * x + sin * y, cos * y - sin * x
    turned = cos * vx + sin * vy + rate * north, cos * vy - sin * vx - rate * east
    return np.stack([east, north, z], axis=-1), np.stack([*turned, vz], axis=-1)
