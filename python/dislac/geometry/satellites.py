# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellites that move as SGP4 says, as long as that is an orbit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .elements import NOON_2000, ElementSet, sgp4_api
from .frames import days_since_2000, ecef_from_teme, sidereal_time
from .orbits import GRAVITATION, OrbitError

__all__ = ["Catalogue", "SatelliteMotion"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Many satellites at once.

    Parameters
    ----------
    elements
        of each.
    epoch
        what time zero is; UTC where it names no time zone.
    """

    elements: Sequence[ElementSet]
    epoch: datetime

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def names(self) -> list[str]:
        return [element.name for element in self.elements]

    def motion(self, satellite: int) -> "SatelliteMotion":
        """The motion of one satellite."""
        return SatelliteMotion(self.elements[satellite], self.epoch)

    def states(self, time: ArrayLike, which: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Earth-fixed positions [m] and velocities [m/s], each (satellites, times, 3).

        NaN where the elements of a satellite are no orbit.

        Parameters
        ----------
        time
            (times,) [s].
        which
            (satellites,) their numbers; None for all.
        """
        time = np.asarray(time, dtype=float)
        chosen = slice(None) if which is None else np.asarray(which, dtype=int)
        records = self._records[chosen]
        position, velocity = np.full((2, len(records), len(time), 3), np.nan)
        if not position.size:
            return position, velocity
        windows = np.floor([np.min(time) / _WINDOW, np.max(time) / _WINDOW]).astype(int)
        begin, end = (bound[chosen, None] for bound in _spans(self, *windows.tolist()))
        held = (time >= begin) & (time <= end)
        some = np.flatnonzero(held.any(axis=1))
        if len(some):
            error, *state = sgp4_api().SatrecArray(records[some]).sgp4(*_julian(self.epoch, time))
            for vector, answer in zip((position, velocity), state, strict=True):
                answer[(error != 0) | ~held[some]] = np.nan
                vector[some] = answer
        return _earth_fixed(self.epoch, time, position, velocity)

    @cached_property
    def _records(self) -> NDArray[np.object_]:
        records = np.empty(len(self.elements), dtype=object)
        records[:] = [element.record for element in self.elements]
        return records


@dataclass(frozen=True, eq=False)
class SatelliteMotion:
    """One satellite in the Earth-fixed frame, asked of SGP4 each time.

    The velocity is SGP4's, which is some cm/s off the derivative of its position; `HermiteMotion`
    makes of it what a carrier's phase can follow.

    Parameters
    ----------
    elements
        of the satellite.
    epoch
        what time zero is; UTC where it names no time zone.
    """

    elements: ElementSet
    epoch: datetime

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Position [m] and velocity [m/s], each ``time.shape + (3,)``, at `time` [s].

        Raises
        ------
        OrbitError
            the elements are no orbit at that time.
        """
        time = np.asarray(time, dtype=float)
        flat = np.atleast_1d(time).ravel()
        position, velocity = self._alone.states(flat)
        lost = np.isnan(position[0, :, 0])
        if np.any(lost):
            first = flat[np.argmax(lost)]
            raise OrbitError(
                f"{self.elements.name} has no place {first:.0f} s after {self.epoch.isoformat()}: "
                f"that far from their epoch, {self.elements.epoch:%Y-%m-%d}, its elements are no "
                "orbit; take a set of that time"
            )
        return position.reshape(*time.shape, 3), velocity.reshape(*time.shape, 3)

    @cached_property
    def _alone(self) -> Catalogue:
        return Catalogue([self.elements], self.epoch)


def _julian(epoch: datetime, time: Floats) -> tuple[Floats, Floats]:
    """Julian dates, in whole days (as sgp4 understands them) and parts of a day."""
    days, rest = days_since_2000(epoch)
    return np.full(time.shape, NOON_2000 + days), rest + time / 86400.0


def _earth_fixed(
    epoch: datetime, time: Floats, position: Floats, velocity: Floats
) -> tuple[Floats, Floats]:
    """From what sgp4 gives, (..., times, 3) in TEME, km and km/s."""
    angle, rate = sidereal_time(*days_since_2000(epoch))
    return ecef_from_teme(1e3 * position, 1e3 * velocity, angle + rate * time, rate)


# How long elements are an orbit
#
# SGP4 writes drag as power series in the time since the epoch, one for the size of the orbit, one
# for the place on it. Where they no longer converge, both go anywhere, and it reports no error.

_WINDOW = 86400.0
"""Length of the windows for which spans are worked out and kept [s]."""

_FIRST_PROBE, _GROWTH = 3600.0, 1.1
"""States are looked at this long after the epoch [s], and at distances that grow so."""

_SPEED_TOLERANCE = 0.02
"""By how much positions and velocities may disagree, as a share of the speed. With SGP4's own
verification set it is 3e-3 at most, but for the last hours before a decay."""

_LOWEST_PERIGEE = 6357e3 + 80e3
"""Radius of the perigee [m] below which no satellite comes around again: spacecraft break up 80 km
above the ground, which at the poles lies at 6357 km."""

_LONGEST = 20 * 365.25 * 86400.0
"""Time from their epoch [s] after which elements say nothing: by 3 km a day SGP4 is then off by
half a turn of a low orbit."""

_TOGETHER = 1024
"""Satellites whose probes are in memory at a time."""


@lru_cache(maxsize=64)
def _spans(catalogue: Catalogue, first: int, last: int) -> tuple[Floats, Floats]:
    """Times (satellites,) [s] from which and up to which each set of elements is an orbit.

    Infinite where that lies beyond the windows from `first` to `last`; NaN for no orbit at all.
    Known to a tenth of the distance from the epoch, on the near side. Where elements are an orbit
    at the far edge of the windows, they are taken to be one on the way there.
    """
    days, rest = days_since_2000(catalogue.epoch)
    records = catalogue._records
    epoch = np.array([(r.jdsatepoch - NOON_2000 - days) + (r.jdsatepochF - rest) for r in records])
    epoch *= 86400.0
    bounds = []
    for edge, beyond, nearer in (
        (first * _WINDOW, -np.inf, np.minimum),
        ((last + 1) * _WINDOW, np.inf, np.maximum),
    ):
        distance = np.clip(nearer(edge - epoch, 0.0), -_LONGEST, _LONGEST)
        bound = np.where(distance == 0.0, beyond, epoch + distance)
        far = np.flatnonzero(distance == edge - epoch)
        if len(far):
            pair = _julian(catalogue.epoch, np.array([edge, edge + 1.0]))
            there = _is_orbit(*sgp4_api().SatrecArray(records[far]).sgp4(*pair))
            bound[far[there]] = beyond
        short = np.flatnonzero(np.isfinite(bound))
        for few in np.split(short, range(_TOGETHER, len(short), _TOGETHER)):
            bound[few] = epoch[few] + _reach(records[few], distance[few])
        bounds.append(bound)
    return bounds[0], bounds[1]


def _reach(records: NDArray[np.object_], distance: Floats) -> Floats:
    """Distance (satellites,) [s] from the epoch over which SGP4's states are those of an orbit.

    Looked for up to `distance` (satellites,), negative for times before the epoch; NaN where they
    are no orbit at the epoch.
    """
    if not len(records):
        return np.empty(0)
    growing = _FIRST_PROBE * _GROWTH ** np.arange(
        np.ceil(np.log(max(np.max(np.abs(distance)) / _FIRST_PROBE, 1.0)) / np.log(_GROWTH)) + 1
    )
    counts = np.searchsorted(growing, np.abs(distance))
    probes, answers = [], []
    for record, far, count in zip(records, distance, counts, strict=True):
        times = np.concatenate([[0.0], np.copysign(growing[:count], far), [far]])
        pairs = record.jdsatepochF + np.stack([times, times + 1.0], axis=-1).ravel() / 86400.0
        probes.append(times)
        answers.append(record.sgp4_array(np.full(pairs.shape, record.jdsatepoch), pairs))
    error, position, velocity = (np.concatenate(part) for part in zip(*answers, strict=True))
    held = _is_orbit(error.reshape(-1, 2), position.reshape(-1, 2, 3), velocity.reshape(-1, 2, 3))
    starts = np.concatenate([[0], np.cumsum([len(times) for times in probes])[:-1]])
    number = np.arange(len(held))
    lost = np.minimum.reduceat(np.where(held, len(held), number), starts)
    flat = np.concatenate(probes)
    ends = np.append(starts[1:], len(held))
    return np.where(lost == starts, np.nan, flat[np.minimum(lost, ends) - 1])


def _is_orbit(error: NDArray[np.uint8], position: Floats, velocity: Floats) -> NDArray[np.bool_]:
    """True where states (..., 2, 3) [km, km/s], a second apart, are those of a satellite.

    That is: bound to the Earth, with a perigee that it survives, and as fast as its velocity says.
    """
    gravitation = GRAVITATION / 1e9
    with np.errstate(all="ignore"):
        moved = position[..., 1, :] - position[..., 0, :] - velocity.mean(axis=-2)
        place, speed = position[..., 0, :], velocity[..., 0, :]
        square = np.sum(speed**2, axis=-1)
        momentum = np.sum(np.cross(place, speed) ** 2, axis=-1) / gravitation
        energy = square / 2 - gravitation / np.linalg.norm(place, axis=-1)
        eccentricity = np.sqrt(np.maximum(1.0 + 2.0 * energy * momentum / gravitation, 0.0))
        return np.asarray(
            np.all(error == 0, axis=-1)
            & (np.linalg.norm(moved, axis=-1) <= _SPEED_TOLERANCE * np.sqrt(square))
            & (energy < 0)
            & (momentum >= _LOWEST_PERIGEE / 1e3 * (1.0 + eccentricity))
        )
