# SPDX-License-Identifier: GPL-3.0-or-later
"""How far apart in delay and Doppler are many satellites?

Before pre-compensation and after: case study 2 of the LEO constellations paper (Fig. 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

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
from .runner import (
    Curve,
    Plot,
    Point,
    Results,
    Row,
    Study,
    Table,
    bootstrap_interval,
    study_command,
    trial_only,
)

__all__ = [
    "Residuals",
    "Sky",
    "around",
    "delay_doppler_study",
    "draw_sky",
    "expected_maximum",
    "imperfect_knowledge",
    "known_centre",
    "main",
    "trial",
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

    Parameters
    ----------
    position
        (..., satellites, 3) [m].
    velocity
        (..., satellites, 3) [m/s].
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
    """Rest of delay and Doppler; the shortest delay of each draw counts as zero.

    Parameters
    ----------
    delay
        (..., satellites) [s].
    doppler
        (..., satellites) [Hz].
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
    """Delay and Doppler at a site (..., 3) [m] if satellites do nothing."""
    return Residuals(*sky.delay_and_doppler(site, carrier_frequency))


def known_centre(sky: Sky, site: ArrayLike, carrier_frequency: float) -> Residuals:
    """Rest at a site (..., 3) [m] if satellites pre-compensate for the origin, exactly."""
    return imperfect_knowledge(sky, site, sky, np.zeros(3), carrier_frequency)


def imperfect_knowledge(
    sky: Sky, site: ArrayLike, believed_sky: Sky, believed_site: ArrayLike, carrier_frequency: float
) -> Residuals:
    """Rest at a site if satellites pre-compensate with other places and speeds than the true.

    Parameters
    ----------
    sky, believed_sky
        Satellites as they are, and as their ephemeris has them.
    site, believed_site
        (..., 3) where the user is, and for where the satellites
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
    """Mean of the greatest excess delay [s] and of the greatest |Doppler| [Hz] of a count of paths.

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


def trial(scene: Mapping[str, Any], point: Point, rng: np.random.Generator) -> Row:
    """Draw a sky and look at what is left of delay and Doppler at one site.

    Parameters
    ----------
    scene
        `satellites`, `max_zenith_deg`, `altitude` [m], `speed` [m/s], `carrier_frequency` [Hz],
        `prefix` [s], `limit` of the Doppler [Hz].
    point
        `radius` of a user around the centre that satellites pre-compensate for [m], None without
        pre-compensation; or `user` [m], `position` [m] and `velocity` [m/s], the errors of what
        they pre-compensate for.
    rng
        Of sky, site and errors.

    Returns
    -------
    dict
        `delay` [s] and `doppler` [Hz], the greatest; `late` and `beyond`, the shares of satellites
        out of prefix and limit.
    """
    cap = SkyCap(scene["altitude"], np.radians(scene["max_zenith_deg"]))
    sky = draw_sky(cap, scene["satellites"], scene["speed"], rng)
    carrier_frequency = scene["carrier_frequency"]
    if "user" in point:
        believed = with_errors(sky, point["position"], point["velocity"], rng)
        site = around(point["user"], rng, 1)
        rest = imperfect_knowledge(sky, site, believed, np.zeros(3), carrier_frequency)
    elif point["radius"] is None:
        rest = uncompensated(sky, np.zeros(3), carrier_frequency)
    else:
        rest = known_centre(sky, around(point["radius"], rng, 1), carrier_frequency)
    return {
        "delay": rest.max_delay,
        "doppler": rest.max_doppler,
        "late": rest.outside_prefix(scene["prefix"]),
        "beyond": rest.outside_doppler(scene["limit"]),
    }


def tables(scene: Mapping[str, Any], results: Results) -> list[Table]:
    """Rests where satellites pre-compensate, and shares without that in closed form."""
    rows: dict[bool, list[tuple[Any, ...]]] = {False: [], True: []}
    for point, trials in results:
        values = {key: np.array([row[key] for row in trials]) for key in trials[0]}
        late, beyond = values["late"], values["beyond"]
        rows["user" in point].append(
            (
                _name(point),
                1e6 * float(values["delay"].max()),
                float(values["doppler"].max()),
                100 * float(np.mean(late)),
                *_percent(bootstrap_interval(late, np.mean)),
                100 * float(np.mean(beyond)),
                *_percent(bootstrap_interval(beyond, np.mean)),
            )
        )
    prefix, limit = f"{1e6 * scene['prefix']:g} us", f"{scene['limit']:g} Hz"
    heading = (
        "greatest delay [us]",
        "Doppler [Hz]",
        f"out of {prefix} [%]",
        "from",
        "to",
        f"of {limit} [%]",
        "from",
        "to",
    )
    formats = ("", ".3f", ".1f", *[".1f"] * 6)
    ends = ("from, to: 95 % intervals, bootstrap of the draws",)
    centre = Table(("user at", *heading), rows[False], formats, notes=ends)
    known = Table(("user, satellite, velocity", *heading), rows[True], formats, "known to", ends)
    return [centre, known, _closed_form(scene)]


def _closed_form(scene: Mapping[str, Any]) -> Table:
    """Shares of satellites without pre-compensation, for three readings of "uniform"."""
    altitude, prefix, limit = scene["altitude"], scene["prefix"], scene["limit"]
    motion = scene["speed"], scene["carrier_frequency"]
    spacing = limit / DOPPLER_TOLERANCE
    max_zenith_deg, satellites = scene["max_zenith_deg"], scene["satellites"]
    caps = [SkyCap(altitude, np.radians(max_zenith_deg), law) for law in get_args(UniformLaw)]
    area = caps[0]
    greatest = float(max_doppler(area.max_zenith, altitude, *motion))
    edge = np.degrees(area.zenith_at_excess_delay(prefix))
    notes = [
        f"within {max_zenith_deg:g} deg of the zenith: excess delay up to "
        f"{area.excess_delay(area.max_zenith) * 1e6:.3f} us ({prefix * 1e6:g} us at {edge:.3f} "
        f"deg), Doppler up to {greatest:.1f} Hz"
    ]
    spacings = sorted({15e3, 30e3, 60e3, spacing})
    rows = []
    for cap in caps:
        delay, doppler = expected_maximum(cap, satellites, *motion)
        outside = cap.doppler_exceedance(DOPPLER_TOLERANCE * np.array(spacings), *motion)
        late = float(cap.delay_exceedance(prefix))
        rows.append((str(cap.law), late, *map(float, outside), delay * 1e6, doppler))
    if greatest <= limit:
        notes.append(
            f"0.1 x {spacing / 1e3:g} kHz = {limit:g} Hz is never crossed: that takes "
            f"less than {greatest / DOPPLER_TOLERANCE / 1e3:.2f} kHz, or satellites beyond "
            f"{np.degrees(zenith_at_doppler(limit, altitude, *motion)):.2f} deg"
        )
    heading = (
        "uniform in",
        "out of prefix",
        *(f"of 0.1 x {s / 1e3:g} kHz" for s in spacings),
        f"greatest of {satellites} [us]",
        "[Hz]",
    )
    formats = ("", ".7f", *[".6f"] * len(spacings), ".3f", ".1f")
    return Table(heading, rows, formats, "in closed form", tuple(notes))


def _name(point: Point) -> str:
    if "user" in point:
        return f"{point['user']:g} m, {point['position']:g} m, {point['velocity']:g} m/s"
    return "no compensation" if point["radius"] is None else f"{point['radius'] / 1e3:g} km"


def _percent(interval: tuple[float | None, float | None]) -> list[float | None]:
    return [None if end is None else 100 * end for end in interval]


def delay_doppler_study(
    satellites: int = 200,
    max_zenith_deg: float = 5.0,
    altitude: float = 600e3,
    speed: float = 7500.0,
    carrier_frequency: float = 2e9,
    subcarrier_spacing: float = 60e3,
    prefix_us: float = 1.6,
) -> Study:
    """Put the study together; the parameters are the command's options."""
    scene = {
        "satellites": satellites,
        "max_zenith_deg": max_zenith_deg,
        "altitude": altitude,
        "speed": speed,
        "carrier_frequency": carrier_frequency,
        "prefix": prefix_us * 1e-6,
        "limit": DOPPLER_TOLERANCE * subcarrier_spacing,
    }
    points: list[Point] = [{"radius": radius} for radius in (None, *RADII)]
    keys = "user", "position", "velocity"
    points += [dict(zip(keys, errors, strict=True)) for errors in KNOWLEDGE]
    share = f"out of {prefix_us:g} us [%]"
    plot = Plot("user at", (Curve(share, "from", "to"),), log_y=False, note="bars: 95 % bootstrap")
    # The same skies at all points.
    return Study(
        "delay_doppler",
        points,
        partial(trial, scene),
        partial(tables, scene),
        scene,
        plot,
        trial_only,
    )


@study_command(trials=200, of="Draws of the sky.")
@click.option(
    "--satellites",
    type=click.IntRange(1, 10**6),
    default=200,
    show_default=True,
    metavar="N",
    help="In each draw.",
)
@click.option(
    "--max-zenith-deg",
    type=click.FloatRange(0, 90, min_open=True),
    default=5.0,
    show_default=True,
    metavar="DEG",
    help="Greatest angle from the zenith.",
)
@click.option(
    "--altitude",
    type=click.FloatRange(1e3, 1e9),
    default=600e3,
    show_default=True,
    metavar="M",
    help="Of the satellites [m].",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 1e5, min_open=True),
    default=7500.0,
    show_default=True,
    metavar="M/S",
    help="Of the satellites [m/s].",
)
@click.option(
    "--carrier-frequency",
    type=click.FloatRange(1e6, 1e12),
    default=2e9,
    show_default=True,
    metavar="HZ",
    help="[Hz].",
)
@click.option(
    "--subcarrier-spacing",
    type=click.FloatRange(1, 1e9),
    default=60e3,
    show_default=True,
    metavar="HZ",
    help="Whose tenth Doppler is to stay below [Hz].",
)
@click.option(
    "--prefix-us",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=1.6,
    show_default=True,
    metavar="US",
    help="Cyclic prefix [us].",
)
def main(**options: Any) -> Study:
    """Delay and Doppler of satellites above a user, and what pre-compensation leaves of them."""
    return delay_doppler_study(**options)
