# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellites of one shell as a site sees them: closed forms in the zenith angle.

The Earth is a sphere and stands still, orbits are circles. With R the Earth's radius, h the
altitude and z the zenith angle at the site, the angle at the satellite between the site and the
Earth's centre is eta with sin(eta) = R sin(z) / (R + h), and psi = z - eta is the angle at the
Earth's centre.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .motion import SPEED_OF_LIGHT

__all__ = [
    "EARTH_RADIUS",
    "SkyCap",
    "UniformLaw",
    "central_angle",
    "max_doppler",
    "slant_range",
    "zenith_at_doppler",
    "zenith_at_range",
]

EARTH_RADIUS = 6371e3
"""Mean radius of the Earth, rounded [m]."""

UniformLaw = Literal["area", "solid-angle", "angle"]
"""Uniform quantity: density on the orbital sphere, density on the site's sky, the zenith angle."""

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)


def slant_range(
    zenith: ArrayLike, altitude: ArrayLike, *, earth_radius: float = EARTH_RADIUS
) -> Floats:
    """Distance from the site to a satellite [m], of the broadcast shape.

    Parameters
    ----------
    zenith
        z, from 0 to pi/2 [rad].
    altitude
        h [m].
    """
    h = np.asarray(altitude, dtype=float)
    up = earth_radius * np.cos(zenith)
    tangent = h * (2 * earth_radius + h)  # squared length of the tangent
    return np.asarray(tangent / (np.sqrt(up**2 + tangent) + up))


def zenith_at_range(
    distance: ArrayLike, altitude: ArrayLike, *, earth_radius: float = EARTH_RADIUS
) -> Floats:
    """Zenith angle [rad] at which a satellite is so far away; the inverse of `slant_range`.

    Zero for less than the altitude, and above pi/2 for what only satellites below the horizon are.
    """
    r, h = np.asarray(distance, dtype=float), np.asarray(altitude, dtype=float)
    # sin^2(z/2) = (1 - cos z)/2 without subtracting what is nearly equal
    half = (r - h) * (r + h + 2 * earth_radius) / (4 * earth_radius * r)
    return np.asarray(2 * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def central_angle(
    zenith: ArrayLike, altitude: ArrayLike, *, earth_radius: float = EARTH_RADIUS
) -> Floats:
    """Angle psi at the Earth's centre between the site and the satellite [rad]."""
    z = np.asarray(zenith, dtype=float)
    ratio = earth_radius / (earth_radius + np.asarray(altitude, dtype=float))
    return np.asarray(z - np.arcsin(ratio * np.sin(z)))


def max_doppler(
    zenith: ArrayLike,
    altitude: ArrayLike,
    speed: float,
    carrier_frequency: float,
    *,
    earth_radius: float = EARTH_RADIUS,
) -> Floats:
    """Greatest Doppler at a zenith angle [Hz]: of a satellite that flies in the site's plane.

    f_c v sin(eta) / c. A satellite that flies at an angle phi to that plane has cos(phi) of it.

    Parameters
    ----------
    zenith
        z, from 0 to pi/2 [rad].
    altitude
        h [m].
    speed
        v, along a tangent of the orbital sphere [m/s].
    carrier_frequency
        f_c [Hz].
    """
    ratio = earth_radius / (earth_radius + np.asarray(altitude, dtype=float))
    return np.asarray(carrier_frequency * speed / SPEED_OF_LIGHT * ratio * np.sin(zenith))


def zenith_at_doppler(
    doppler: ArrayLike,
    altitude: ArrayLike,
    speed: float,
    carrier_frequency: float,
    *,
    earth_radius: float = EARTH_RADIUS,
) -> Floats:
    """Zenith angle [rad] whose greatest Doppler is so much [Hz]; pi/2 for more than any has."""
    largest = max_doppler(np.pi / 2, altitude, speed, carrier_frequency, earth_radius=earth_radius)
    return np.asarray(np.arcsin(np.clip(np.asarray(doppler, dtype=float) / largest, 0.0, 1.0)))


@dataclass(frozen=True)
class SkyCap:
    """Satellites spread uniformly over the sky above a site, in random tangential directions.

    Parameters
    ----------
    altitude
        h [m].
    max_zenith
        greatest zenith angle [rad].
    law
        what uniform means. `area`: per area of the orbital sphere, as satellites are;
        `solid-angle`: per solid angle of the site's sky; `angle`: the zenith angle itself.
    earth_radius
        R [m].

    Raises
    ------
    ValueError
        no such law, a cap that reaches below the horizon, or none at all.

    References
    ----------
    The LEO constellations paper, Fig. 4, which does not say which law it means.
    """

    altitude: float
    max_zenith: float
    law: UniformLaw = "area"
    earth_radius: float = EARTH_RADIUS

    def __post_init__(self) -> None:
        if self.law not in get_args(UniformLaw):
            raise ValueError(f"no law is called {self.law!r}; there are {get_args(UniformLaw)}")
        if not 0.0 < self.max_zenith <= np.pi / 2:
            raise ValueError(
                f"a cap to {np.degrees(self.max_zenith):g} deg from the zenith; "
                "give more than 0 and at most 90"
            )
        if not self.altitude > 0.0:
            raise ValueError(f"an altitude of {self.altitude:g} m; give more than 0")

    def cdf(self, zenith: ArrayLike) -> Floats:
        """Probability of a satellite within a zenith angle [rad]; any shape."""
        z = np.clip(zenith, 0.0, self.max_zenith)
        return self._measure(z) / self._measure(self.max_zenith)

    def quantile(self, probability: ArrayLike) -> Floats:
        """Zenith angle [rad] within which that share of satellites is; the inverse of `cdf`."""
        measure = np.asarray(probability, dtype=float) * self._measure(self.max_zenith)
        if self.law == "angle":
            return np.asarray(measure)
        angle = 2 * np.arcsin(np.sqrt(measure))
        if self.law == "solid-angle":
            return np.asarray(angle)
        orbit = self.earth_radius + self.altitude
        up = self.altitude - 2 * orbit * measure  # orbit cos(psi) - R
        return np.asarray(np.arctan2(orbit * np.sin(angle), up))

    def excess_delay(self, zenith: ArrayLike) -> Floats:
        """Delay beyond that of a satellite in the zenith [s]; any shape."""
        distance = slant_range(zenith, self.altitude, earth_radius=self.earth_radius)
        return np.asarray((distance - self.altitude) / SPEED_OF_LIGHT)

    def zenith_at_excess_delay(self, delay: ArrayLike) -> Floats:
        """Zenith angle [rad] with so much delay beyond the zenith's [s]; any shape."""
        distance = self.altitude + SPEED_OF_LIGHT * np.asarray(delay, dtype=float)
        return zenith_at_range(distance, self.altitude, earth_radius=self.earth_radius)

    def delay_exceedance(self, delay: ArrayLike) -> Floats:
        """Share of satellites whose delay exceeds the zenith's by more than `delay` [s]."""
        return np.asarray(1.0 - self.cdf(self.zenith_at_excess_delay(delay)))

    def doppler_exceedance(
        self, doppler: ArrayLike, speed: float, carrier_frequency: float
    ) -> Floats:
        """Share of satellites with |Doppler| above `doppler`, of its shape.

        The mean over the direction of flight phi of the share beyond the zenith angle whose
        greatest Doppler is doppler / cos(phi).

        Parameters
        ----------
        doppler
            any shape, not negative [Hz].
        speed
            v [m/s].
        carrier_frequency
            f_c [Hz].
        """
        motion = self.altitude, speed, carrier_frequency
        largest = max_doppler(self.max_zenith, *motion, earth_radius=self.earth_radius)
        # Doppler is never exactly zero; nor does any satellite have more than the largest.
        f = np.clip(np.asarray(doppler, dtype=float), 1e-15 * largest, largest)[..., None]
        # 1 / cos(phi) = cosh(u), with which the integrand is smooth down to the smallest Doppler
        last = np.arccosh(largest / f)
        scale = np.cosh(last * (1 + _NODES) / 2)
        z = zenith_at_doppler(f * scale, *motion, earth_radius=self.earth_radius)
        return np.asarray(((1.0 - self.cdf(z)) / scale) @ _WEIGHTS * last[..., 0] / np.pi)

    def _measure(self, zenith: ArrayLike) -> Floats:
        """Quantity that grows in proportion to the number of satellites within a zenith angle."""
        if self.law == "angle":
            return np.asarray(zenith, dtype=float)
        angle = np.asarray(zenith, dtype=float)
        if self.law == "area":
            angle = central_angle(angle, self.altitude, earth_radius=self.earth_radius)
        return np.asarray(np.sin(angle / 2) ** 2)
