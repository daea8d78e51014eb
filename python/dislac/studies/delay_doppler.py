# SPDX-License-Identifier: GPL-3.0-or-later
"""How far apart in delay and Doppler are many satellites, before and after pre-compensation?

Case study 2 of the LEO constellations paper (Fig. 4). Run with
``python -m gnuradio.dislac.studies.delay_doppler``.
"""

from dataclasses import dataclass
from typing import get_args

import click
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import SPEED_OF_LIGHT, LinearMotion, delay_and_doppler
from ..geometry.zenith import (
    EARTH_RADIUS,
    SkyCap,
    UniformLaw,
    max_doppler,
    zenith_at_doppler,
)

__all__ = [
    "Residuals",
    "Sky",
    "around",
    "draw_sky",
    "expected_maximum",
    "imperfect_knowledge",
    "known_centre",
    "uncompensated",
    "with_errors",
]

Floats = NDArray[np.float64]

DOPPLER_TOLERANCE = 0.1
"""The Doppler that OFDM is said to bear, as a share of the subcarrier spacing."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(512)


@dataclass(frozen=True, eq=False)
class Sky:
    """Satellites over a site at the origin of an east-north-up frame.

    Args:
        position: (..., satellites, 3) [m].
        velocity: (..., satellites, 3) [m/s].
    """

    position: Floats
    velocity: Floats

    def delay_and_doppler(self, site: ArrayLike, carrier_frequency: float) -> tuple[Floats, Floats]:
        """Delay [s] and Doppler [Hz], each (..., satellites), at sites (..., 3) [m]."""
        site = np.asarray(site, dtype=float)[..., None, :]
        links = LinearMotion(self.position, self.velocity), LinearMotion(site)
        return delay_and_doppler(links, np.zeros(self.position.shape[:-1]), carrier_frequency)


@dataclass(frozen=True, eq=False)
class Residuals:
    """What is left of delay and Doppler; the shortest delay of each draw counts as zero.

    Args:
        delay: (..., satellites) [s].
        doppler: (..., satellites) [Hz].
    """

    delay: Floats
    doppler: Floats

    def __init__(self, delay: Floats, doppler: Floats) -> None:
        object.__setattr__(self, "delay", delay - delay.min(axis=-1, keepdims=True))
        object.__setattr__(self, "doppler", doppler)

    @property
    def max_delay(self) -> float:
        """Greatest of all [s]."""
        return float(self.delay.max())

    @property
    def max_doppler(self) -> float:
        """Greatest magnitude of all [Hz]."""
        return float(np.abs(self.doppler).max())

    def outside_prefix(self, cyclic_prefix: float) -> float:
        """Share of satellites later than the prefix [s] allows."""
        return float(np.mean(self.delay > cyclic_prefix))

    def outside_doppler(self, limit: float) -> float:
        """Share of satellites with more Doppler than `limit` [Hz]."""
        return float(np.mean(np.abs(self.doppler) > limit))


def draw_sky(
    cap: SkyCap, satellites: int, speed: float, rng: np.random.Generator, draws: int = 1
) -> Sky:
    """(draws, satellites) places of a cap, each with a random tangential direction of flight."""
    shape = draws, satellites
    zenith = cap.quantile(rng.uniform(size=shape))
    azimuth = rng.uniform(0.0, 2 * np.pi, size=shape)
    across = np.sin(zenith)
    ray = np.stack([across * np.cos(azimuth), across * np.sin(azimuth), np.cos(zenith)], axis=-1)
    position = (cap.altitude + SPEED_OF_LIGHT * cap.excess_delay(zenith))[..., None] * ray
    radial = position + np.array([0.0, 0.0, cap.earth_radius])
    radial /= np.linalg.norm(radial, axis=-1, keepdims=True)
    # The part of an isotropic vector across the radius is isotropic in the tangential plane.
    direction = rng.standard_normal(position.shape)
    direction -= np.sum(direction * radial, axis=-1, keepdims=True) * radial
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    return Sky(position, speed * direction)


def around(
    distance: float, rng: np.random.Generator, draws: int, *, earth_radius: float = EARTH_RADIUS
) -> Floats:
    """(draws, 3) sites on the ground, so far from the origin [m] and in random directions."""
    azimuth = rng.uniform(0.0, 2 * np.pi, size=draws)
    angle = distance / earth_radius
    along = earth_radius * np.sin(angle)
    down = -2 * earth_radius * np.sin(angle / 2) ** 2
    return np.stack(
        [along * np.cos(azimuth), along * np.sin(azimuth), np.full(draws, down)], axis=-1
    )


def uncompensated(sky: Sky, site: ArrayLike, carrier_frequency: float) -> Residuals:
    """What a site (..., 3) [m] hears if satellites do nothing."""
    return Residuals(*sky.delay_and_doppler(site, carrier_frequency))


def known_centre(sky: Sky, site: ArrayLike, carrier_frequency: float) -> Residuals:
    """What a site (..., 3) [m] hears if satellites pre-compensate for the origin, exactly."""
    return imperfect_knowledge(sky, site, sky, np.zeros(3), carrier_frequency)


def imperfect_knowledge(
    sky: Sky, site: ArrayLike, believed_sky: Sky, believed_site: ArrayLike, carrier_frequency: float
) -> Residuals:
    """What a site hears if satellites pre-compensate with other places and speeds than the true.

    Args:
        sky, believed_sky: satellites as they are, and as their ephemeris has them.
        site, believed_site: (..., 3) where the user is, and for where the satellites
            pre-compensate [m].
    """
    delay, doppler = sky.delay_and_doppler(site, carrier_frequency)
    advance, shift = believed_sky.delay_and_doppler(believed_site, carrier_frequency)
    return Residuals(delay - advance, doppler - shift)


def with_errors(
    sky: Sky, position_error: float, velocity_error: float, rng: np.random.Generator
) -> Sky:
    """The sky with Gaussian errors, of these standard deviations an axis [m, m/s]."""
    return Sky(
        sky.position + position_error * rng.standard_normal(sky.position.shape),
        sky.velocity + velocity_error * rng.standard_normal(sky.velocity.shape),
    )


def expected_maximum(
    cap: SkyCap, satellites: int, speed: float, carrier_frequency: float
) -> tuple[float, float]:
    """Mean of the greatest excess delay [s] and of the greatest |Doppler| [Hz] of so many.

    The integral of 1 - (1 - exceedance)^satellites.
    """
    sup = (
        float(cap.excess_delay(cap.max_zenith)),
        float(max_doppler(cap.max_zenith, cap.altitude, speed, carrier_frequency)),
    )
    points = [s * (1 + _NODES) / 2 for s in sup]
    exceedance = (
        cap.delay_exceedance(points[0]),
        cap.doppler_exceedance(points[1], speed, carrier_frequency),
    )
    delay, doppler = (
        float((1 - (1 - e) ** satellites) @ _WEIGHTS * s / 2)
        for e, s in zip(exceedance, sup, strict=True)
    )
    return delay, doppler


RADII = 0.0, 1e3, 2.75e3, 5e3, 10e3, 25e3, 50e3, 100e3
"""Distances of users from the beam's centre [m]."""

KNOWLEDGE = (10.0, 1.0, 1e-3), (100.0, 10.0, 1e-2), (1e3, 100.0, 0.1), (1e3, 1e3, 1.0)
"""Errors of the user's place [m] and of the ephemeris' position [m] and velocity [m/s]."""


@click.command()
@click.option("--satellites", default=200, show_default=True, help="In each draw.")
@click.option("--draws", default=200, show_default=True)
@click.option("--max-zenith-deg", default=5.0, show_default=True)
@click.option("--altitude", default=600e3, show_default=True, help="[m]")
@click.option("--speed", default=7500.0, show_default=True, help="[m/s]")
@click.option("--carrier-frequency", default=2e9, show_default=True, help="[Hz]")
@click.option("--subcarrier-spacing", default=60e3, show_default=True, help="[Hz]")
@click.option("--prefix-us", default=1.6, show_default=True, help="Cyclic prefix [us].")
@click.option("--seed", default=1, show_default=True)
def main(
    satellites: int,
    draws: int,
    max_zenith_deg: float,
    altitude: float,
    speed: float,
    carrier_frequency: float,
    subcarrier_spacing: float,
    prefix_us: float,
    seed: int,
) -> None:
    """Delay and Doppler of satellites above a user, for three readings of "uniform"."""
    prefix, limit = prefix_us * 1e-6, DOPPLER_TOLERANCE * subcarrier_spacing
    motion = speed, carrier_frequency
    caps = [SkyCap(altitude, np.radians(max_zenith_deg), law) for law in get_args(UniformLaw)]
    area = caps[0]
    greatest = float(max_doppler(area.max_zenith, altitude, *motion))
    edge = np.degrees(area.zenith_at_excess_delay(prefix))
    click.echo(
        f"within {max_zenith_deg:g} deg of the zenith: excess delay up to "
        f"{area.excess_delay(area.max_zenith) * 1e6:.3f} us ({prefix_us:g} us at {edge:.3f} deg), "
        f"Doppler up to {greatest:.1f} Hz"
    )
    spacings = sorted({15e3, 30e3, 60e3, subcarrier_spacing})
    click.echo(
        f"{'uniform in':<12}{'out of prefix':>14}"
        + "".join(f"{f'out of 0.1 x {s / 1e3:g} kHz':>22}" for s in spacings)
        + f"{f'mean greatest of {satellites}':>30}"
    )
    for cap in caps:
        delay, doppler = expected_maximum(cap, satellites, *motion)
        outside = cap.doppler_exceedance(DOPPLER_TOLERANCE * np.array(spacings), *motion)
        click.echo(
            f"{cap.law:<12}{cap.delay_exceedance(prefix):>14.7f}"
            + "".join(f"{share:>22.6f}" for share in outside)
            + f"{delay * 1e6:>15.3f} us {doppler:>8.1f} Hz"
        )
    if greatest <= limit:
        click.echo(
            f"0.1 x {subcarrier_spacing / 1e3:g} kHz = {limit:g} Hz is never crossed: that takes "
            f"less than {greatest / DOPPLER_TOLERANCE / 1e3:.2f} kHz, or satellites beyond "
            f"{np.degrees(zenith_at_doppler(limit, altitude, *motion)):.2f} deg"
        )
    rng = np.random.default_rng(seed)
    sky = draw_sky(area, satellites, speed, rng, draws)
    click.echo(f"\n{draws} draws of {satellites} satellites, pre-compensated for the beam's centre")
    _table("user at", "greatest delay", "greatest Doppler", prefix_us, limit)
    _row("no compensation", uncompensated(sky, np.zeros(3), carrier_frequency), prefix, limit)
    for radius in RADII:
        users = around(radius, rng, draws)
        rest = known_centre(sky, users, carrier_frequency)
        _row(f"{radius / 1e3:g} km", rest, prefix, limit)
    click.echo("\npre-compensated for each user; errors of user, satellite, its velocity")
    _table("known to", "greatest delay", "greatest Doppler", prefix_us, limit)
    for place, position, velocity in KNOWLEDGE:
        believed = with_errors(sky, position, velocity, rng)
        users = around(place, rng, draws)
        rest = imperfect_knowledge(sky, users, believed, np.zeros(3), carrier_frequency)
        _row(f"{place:g} m, {position:g} m, {velocity:g} m/s", rest, prefix, limit)


def _table(first: str, delay: str, doppler: str, prefix_us: float, limit: float) -> None:
    click.echo(
        f"{first:<26}{delay:>16}{doppler:>18}{f'out of {prefix_us:g} us':>16}"
        f"{f'out of {limit:g} Hz':>16}"
    )


def _row(name: str, rest: Residuals, prefix: float, limit: float) -> None:
    click.echo(
        f"{name:<26}{rest.max_delay * 1e6:>13.3f} us{rest.max_doppler:>15.1f} Hz"
        f"{rest.outside_prefix(prefix):>16.3f}{rest.outside_doppler(limit):>16.3f}"
    )


if __name__ == "__main__":
    main()
