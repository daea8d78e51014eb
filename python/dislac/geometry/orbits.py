# SPDX-License-Identifier: GPL-3.0-or-later
"""Circular orbits, and shells of them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .frames import EARTH_ROTATION

__all__ = [
    "EQUATORIAL_RADIUS",
    "GRAVITATION",
    "CircularOrbit",
    "OrbitError",
    "WalkerShell",
]

Floats = NDArray[np.float64]

GRAVITATION = 3.986004418e14
"""Gravitational constant times the mass of the Earth [m^3/s^2], WGS-84."""

EQUATORIAL_RADIUS = 6378137.0
"""Of the Earth [m], WGS-84: from here the altitudes of orbits count."""


HILL_RADIUS = 1.5e9
"""Distance from the Earth up to which something can orbit it [m]."""


class OrbitError(ValueError):
    """An orbit that does not exist."""


def _circular_state(
    radius: float, inclination: float, node: Floats, argument: Floats, time: Floats
) -> tuple[Floats, Floats]:
    """Earth-fixed states (..., 3) on a circle; node, argument and time broadcast.

    The node is the longitude of the ascending node at time zero; it moves west as the Earth turns.
    """
    motion = np.sqrt(GRAVITATION / radius**3)
    angle = argument + motion * time
    longitude = node - EARTH_ROTATION * time
    along, across = np.cos(angle), np.sin(angle)
    cos, sin = np.cos(longitude), np.sin(longitude)
    tilt, rise = np.cos(inclination), np.sin(inclination)
    position = radius * np.stack(
        np.broadcast_arrays(
            along * cos - tilt * across * sin, along * sin + tilt * across * cos, rise * across
        ),
        axis=-1,
    )
    velocity = (radius * motion) * np.stack(
        np.broadcast_arrays(
            -across * cos - tilt * along * sin, -across * sin + tilt * along * cos, rise * along
        ),
        axis=-1,
    )
    velocity[..., 0] += EARTH_ROTATION * position[..., 1]
    velocity[..., 1] -= EARTH_ROTATION * position[..., 0]
    return position, velocity


def _check_orbit(altitude: float, inclination: float) -> None:
    if not 0 < altitude < HILL_RADIUS:
        raise OrbitError(
            f"the altitude of an orbit is {altitude} m; it must be positive, and below "
            f"{HILL_RADIUS:g} m, where the Sun takes over"
        )
    if not 0 <= inclination <= np.pi:
        raise OrbitError(
            f"the inclination of an orbit is {np.degrees(inclination):g} degrees; it must lie "
            "between 0 and 180"
        )


@dataclass(frozen=True)
class CircularOrbit:
    """A satellite on a circle around a round mass, in the Earth-fixed frame.

    Nothing disturbs it: the real node of a low orbit drifts by some degrees a day.

    Parameters
    ----------
    altitude
        above the equator's radius [m].
    inclination
        [rad], 0 to pi.
    node_longitude
        where it crosses the equator northward, in the Earth-fixed frame of time zero [rad].
    argument
        angle from there to the satellite at time zero, along the orbit [rad].

    Raises
    ------
    OrbitError
        no such orbit.

    Examples
    --------
    The speed over the turning Earth is that of the orbit less that of the Earth below it.

    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import CircularOrbit
    >>> orbit = CircularOrbit(altitude=550e3, inclination=0.0)
    >>> position, velocity = orbit.state(0.0)
    >>> f"{orbit.period / 60:.2f} min, {np.linalg.norm(position) / 1e3:.3f} km from the centre"
    '95.65 min, 6928.137 km from the centre'
    >>> f"{np.linalg.norm(velocity) / 1e3:.3f} km/s"
    '7.080 km/s'
    """

    altitude: float
    inclination: float
    node_longitude: float = 0.0
    argument: float = 0.0

    def __post_init__(self) -> None:
        _check_orbit(self.altitude, self.inclination)

    @property
    def period(self) -> float:
        """Of a revolution [s]."""
        return float(2 * np.pi * np.sqrt((EQUATORIAL_RADIUS + self.altitude) ** 3 / GRAVITATION))

    def later(self, time: float) -> "CircularOrbit":
        """The same orbit with its time zero `time` [s] later."""
        return replace(
            self,
            node_longitude=self.node_longitude - EARTH_ROTATION * time,
            argument=self.argument + 2 * np.pi / self.period * time,
        )

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Earth-fixed position [m] and velocity [m/s], each ``time.shape + (3,)``."""
        return _circular_state(
            EQUATORIAL_RADIUS + self.altitude,
            self.inclination,
            np.asarray(self.node_longitude),
            np.asarray(self.argument),
            np.asarray(time, dtype=float),
        )


@dataclass(frozen=True)
class WalkerShell:
    """A Walker Delta shell: circular orbits of one altitude and inclination, evenly spread.

    In the notation i: t/p/f, t = planes * per_plane, p = planes, f = phasing. Plane k has its
    node k 360/planes degrees east of the first one's; its satellites are 360/per_plane degrees
    apart, and k phasing 360/t degrees ahead of those of the first plane. Satellite number s is
    satellite s % per_plane of plane s // per_plane.

    Parameters
    ----------
    altitude, inclination
        as in `CircularOrbit`.
    planes, per_plane
        numbers of planes and of satellites in each.
    phasing
        0 to planes - 1.
    node_longitude
        of the first plane at time zero [rad].
    argument
        of the first satellite at time zero [rad].

    Raises
    ------
    OrbitError
        no such shell.

    References
    ----------
    J. G. Walker, Satellite constellations, J. British Interplanetary Society 37, 1984.

    Examples
    --------
    Satellite 1 follows satellite 0 in its plane; satellite 22 is the first of the second plane.

    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import WalkerShell
    >>> shell = WalkerShell(550e3, planes=72, per_plane=22, inclination=np.radians(53))
    >>> len(shell), shell.names[22]
    (1584, '1/0')
    >>> f"{np.degrees(shell.motion(22).node_longitude):.1f} deg"
    '5.0 deg'
    """

    altitude: float
    planes: int
    per_plane: int
    inclination: float
    phasing: int = 0
    node_longitude: float = 0.0
    argument: float = 0.0

    def __post_init__(self) -> None:
        _check_orbit(self.altitude, self.inclination)
        if self.planes < 1 or self.per_plane < 1:
            raise OrbitError(
                f"a shell of {self.planes} planes with {self.per_plane} satellites each has none"
            )
        if not 0 <= self.phasing < self.planes:
            raise OrbitError(
                f"the phasing of a shell is {self.phasing}; with {self.planes} planes it must lie "
                f"between 0 and {self.planes - 1}"
            )

    def __len__(self) -> int:
        return self.planes * self.per_plane

    @property
    def names(self) -> list[str]:
        """PLANE/SATELLITE, both from 0."""
        return [f"{k}/{j}" for k in range(self.planes) for j in range(self.per_plane)]

    def motion(self, satellite: int) -> CircularOrbit:
        """The orbit of one satellite.

        Raises
        ------
        OrbitError
            there is no such satellite.
        """
        if not 0 <= satellite < len(self):
            raise OrbitError(f"satellite {satellite} is not among the {len(self)} of the shell")
        node, argument = self._angles(np.array(satellite))
        return CircularOrbit(self.altitude, self.inclination, float(node), float(argument))

    def states(self, time: ArrayLike, which: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Earth-fixed positions [m] and velocities [m/s], each (satellites, times, 3).

        Parameters
        ----------
        time
            (times,) [s].
        which
            (satellites,) their numbers; None for all.
        """
        which = np.arange(len(self)) if which is None else np.asarray(which)
        node, argument = self._angles(which)
        return _circular_state(
            EQUATORIAL_RADIUS + self.altitude,
            self.inclination,
            node[:, None],
            argument[:, None],
            np.asarray(time, dtype=float),
        )

    def _angles(self, satellite: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Longitude of the node and argument at time zero."""
        plane, slot = np.divmod(satellite, self.per_plane)
        steps = slot * self.planes + plane * self.phasing
        return (
            self.node_longitude + 2 * np.pi * plane / self.planes,
            self.argument + 2 * np.pi * steps / len(self),
        )
