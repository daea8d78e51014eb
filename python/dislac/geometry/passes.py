# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes: which satellites a site sees, and when each rises, culminates and sets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .frames import EARTH_ROTATION, enu_from_ecef, look_angles
from .motion import Motion

__all__ = ["Fleet", "Passes", "find_passes", "in_view"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[int], None]

_BLOCK = 16
"""Time steps that are worked out together."""

_FASTEST = 12e3
"""No satellite moves faster in the Earth-fixed frame [m/s] up to 130,000 km: escape from the ground
is 11.2 km/s, and the turning of the frame adds less than height takes away."""

_FASTEST_AFAR = 2.5e3
"""No satellite moves faster [m/s] in a frame that does not turn, beyond 130,000 km."""

_HALVINGS = 40
"""Of a time step, when an event is looked for."""


class Fleet(Protocol):
    """Many satellites, by number: `WalkerShell` or `Catalogue`."""

    def __len__(self) -> int: ...

    @property
    def names(self) -> list[str]:
        """Of each satellite."""
        ...

    def motion(self, satellite: int) -> Motion:
        """One satellite, in the Earth-fixed frame."""
        ...

    def states(self, time: ArrayLike, which: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Earth-fixed positions [m], velocities [m/s], (satellites, times, 3), NaN for none."""
        ...


@dataclass(frozen=True, eq=False)
class Passes:
    """Passes of satellites over a site, (passes,) each, in order of the times of rising.

    Times are in s, NaN for a rise before the first time asked for and for a set after the last
    one. Azimuths (from north to east) and elevations are in rad; `elevation` is the greatest one,
    reached at `culmination`.
    """

    satellite: Ints
    rise: Floats
    culmination: Floats
    set: Floats
    elevation: Floats
    rise_azimuth: Floats
    azimuth: Floats
    set_azimuth: Floats

    def __len__(self) -> int:
        return len(self.satellite)

    def chosen(self, which: NDArray[Any]) -> "Passes":
        """Some of the passes, by number or by mask."""
        return Passes(**{name: value[which] for name, value in vars(self).items()})


class _Track(NamedTuple):
    """Satellites that may come into view during some steps: first step, numbers (n,), and states
    (n, steps, 3) as seen from the site."""

    first: int
    which: Ints
    position: Floats
    velocity: Floats


def _tracks(
    fleet: Fleet,
    site: ArrayLike,
    time: Floats,
    mask: float,
    which: ArrayLike | None,
    progress: Progress | None,
) -> Iterator[_Track]:
    """Blocks of time, neighbours sharing the step at their border.

    A satellite is above the mask where height over the horizon's plane exceeds distance times
    the mask's sine. In a moment that difference changes by no more than the fastest satellite
    moves, so one look at the middle of a block leaves out most of the fleet for all of it.
    """
    sine = np.sin(mask)
    last = len(time) - 1
    asked = np.arange(len(fleet)) if which is None else np.asarray(which, dtype=np.int64)
    for first in range(0, max(last, 1), _BLOCK):
        steps = time[first : first + _BLOCK + 1]
        middle, half = 0.5 * (steps[0] + steps[-1]), 0.5 * (steps[-1] - steps[0])
        states = fleet.states([middle], asked)
        farthest = np.linalg.norm(states[0][:, 0], axis=-1) + _FASTEST * half
        speed = np.maximum(_FASTEST, _FASTEST_AFAR + EARTH_ROTATION * farthest)
        place, _ = enu_from_ecef(*states, site)
        height = place[:, 0, 2] - sine * np.linalg.norm(place[:, 0], axis=-1)
        # what has no place at the middle may have one elsewhere
        near = asked[~(height < -speed * (1 + abs(sine)) * half)]
        yield _Track(first, near, *enu_from_ecef(*fleet.states(steps, near), site))
        if progress is not None:
            progress(len(steps) - 1)


def _check_times(time: ArrayLike) -> Floats:
    time = np.asarray(time, dtype=float)
    if time.ndim != 1 or len(time) < 2 or not np.all(np.diff(time) > 0):
        raise ValueError("times to look at must be at least two, each later than the one before")
    return time


def in_view(
    fleet: Fleet,
    site: ArrayLike,
    time: ArrayLike,
    *,
    mask: float = 0.0,
    progress: Progress | None = None,
) -> NDArray[np.bool_]:
    """Mask (satellites, times) of the satellites above the least elevation at each time.

    Parameters
    ----------
    fleet
        the satellites.
    site
        latitude [deg], longitude [deg] and height [m].
    time
        (times,) since the fleet's epoch, growing [s].
    mask
        least elevation [rad].
    progress
        called with the number of times done since the last call.

    Raises
    ------
    ValueError
        the times do not grow.
    """
    time = _check_times(time)
    seen = np.zeros((len(fleet), len(time)), dtype=bool)
    for track in _tracks(fleet, site, time, mask, None, progress):
        up = look_angles(track.position)[1] >= mask
        seen[track.which, track.first : track.first + up.shape[1]] = up
    return seen


class _Events(NamedTuple):
    """Events of satellites, their times, and directions in the sky."""

    satellite: Ints
    time: Floats
    azimuth: Floats
    elevation: Floats


_NOTHING = _Events(np.empty(0, dtype=np.int64), *np.empty((3, 0)))


def find_passes(
    fleet: Fleet,
    site: ArrayLike,
    time: ArrayLike,
    *,
    mask: float = 0.0,
    which: ArrayLike | None = None,
    progress: Progress | None = None,
) -> Passes:
    """All passes of a fleet over a site.

    Between the given times the motion is a cubic (Hermite), 0.3 mm off for a low orbit at steps of
    10 s. Passes shorter than a step are found; interruptions shorter than a step are not. A
    satellite sets when it last has a place, and rises when it first has one.

    Parameters
    ----------
    fleet, site, time, mask, progress
        as in `in_view`.
    which
        numbers of the satellites to look at; None for all.

    Returns
    -------
    Passes
        in the order in which they begin.

    Raises
    ------
    ValueError
        the times do not grow.

    Examples
    --------
    A satellite above the equator, seen from there: it is up while it moves on by the angle
    2 arccos(R / (R + h)).

    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import WalkerShell, find_passes
    >>> one = WalkerShell(550e3, planes=1, per_plane=1, inclination=0.0, argument=np.pi)
    >>> passes = find_passes(one, site=[0, 0, 0], time=np.arange(0.0, 6000.0, 10.0))
    >>> f"{np.degrees(passes.elevation[0]):.1f} deg, {passes.set[0] - passes.rise[0]:.1f} s"
    '90.0 deg, 785.1 s'
    """
    time = _check_times(time)
    arcs, early, late = [], [_NOTHING], [_NOTHING]
    for track in _tracks(fleet, site, time, mask, which, progress):
        arcs.append(_eventful(track, time, mask))
        if track.first == 0:
            early.append(_up_at(track, time, mask, 0))
        if track.first + track.position.shape[1] == len(time):
            late.append(_up_at(track, time, mask, track.position.shape[1] - 1))
    rises, sets, tops = _events(_Arcs._make(map(np.concatenate, zip(*arcs, strict=True))), mask)
    return _pair(
        _join([*(_unseen(events, -np.inf) for events in early), rises]),
        _join([*(_unseen(events, np.inf) for events in late), sets]),
        _join([*early, *late, rises, sets, tops]),
    )


class _Arcs(NamedTuple):
    """Steps of satellites, (n, ...) each: a cubic between the states at their ends."""

    satellite: Ints
    start: Floats
    length: Floats
    begin: Floats
    end: Floats
    departure: Floats
    """Velocity at the begin, times length; `arrival`: at the end."""
    arrival: Floats

    def chosen(self, which: NDArray[np.bool_]) -> "_Arcs":
        return _Arcs._make(column[which] for column in self)

    def state(self, part: Floats) -> tuple[Floats, Floats]:
        """Positions and velocities (times length), at a part (n,) of each step."""
        s = part[:, None]
        rise = self.end - self.begin
        before, after = self.departure - rise, rise - self.arrival
        curve = (1 - s) * before + s * after
        position = self.begin + s * (rise + (1 - s) * curve)
        return position, rise + (1 - 2 * s) * curve + s * (1 - s) * (after - before)

    def search(
        self,
        early: Callable[[Floats, Floats], NDArray[np.bool_]],
        low: Floats | float,
        high: Floats | float,
    ) -> Floats:
        """The part (n,) of each step, between two others, up to which `early` holds."""
        low, high = (np.broadcast_to(part, self.start.shape).copy() for part in (low, high))
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            holds = early(*self.state(middle))
            low[holds], high[~holds] = middle[holds], middle[~holds]
        return 0.5 * (low + high)

    def events(self, part: Floats) -> _Events:
        """Directions that are seen at a part (n,) of each step."""
        azimuth, elevation, _ = look_angles(self.state(part)[0])
        return _Events(self.satellite, self.start + part * self.length, azimuth, elevation)


def _eventful(track: _Track, time: Floats, mask: float) -> _Arcs:
    """The steps of a block in which a satellite passes the mask or its highest point."""
    up = look_angles(track.position)[1] >= mask
    climb = _climb(track.position, track.velocity)
    peaked = (climb[:, :-1] > 0) & (climb[:, 1:] <= 0)
    row, step = np.nonzero(peaked | (up[:, :-1] != up[:, 1:]))
    start = time[track.first + step]
    length = time[track.first + step + 1] - start
    return _Arcs(
        track.which[row],
        start,
        length,
        track.position[row, step],
        track.position[row, step + 1],
        track.velocity[row, step] * length[:, None],
        track.velocity[row, step + 1] * length[:, None],
    )


def _events(arcs: _Arcs, mask: float) -> tuple[_Events, _Events, _Events]:
    """Rises, sets and culminations in steps."""
    (left, low, _), (right, high, _) = look_angles(arcs.begin), look_angles(arcs.end)
    peaked = (_climb(arcs.begin, arcs.departure) > 0) & (_climb(arcs.end, arcs.arrival) <= 0)
    peaks = arcs.chosen(peaked)
    peak = peaks.search(lambda position, velocity: _climb(position, velocity) > 0, 0.0, 1.0)
    tops = peaks.events(peak)
    # Where in each step it is highest, and how high
    highest, place = np.maximum(low, high), np.where(high > low, 1.0, 0.0)
    highest[peaked], place[peaked] = tops.elevation, peak

    def above(position: Floats, _: Floats) -> NDArray[np.bool_]:
        return look_angles(position)[1] >= mask

    rising = (low < mask) & (highest >= mask)
    part = arcs.chosen(rising).search(lambda p, v: ~above(p, v), 0.0, place[rising])
    rises = arcs.chosen(rising).events(part)
    setting = (high < mask) & (highest >= mask)
    part = arcs.chosen(setting).search(above, place[setting], 1.0)
    sets = arcs.chosen(setting).events(part)
    # No cubic leads to where there is no place: the end that is one counts.
    first = _Events(arcs.satellite, arcs.start + arcs.length, right, high)
    last = _Events(arcs.satellite, arcs.start, left, low)
    return (
        _join([rises, _chosen(first, np.isnan(low) & (high >= mask))]),
        _join([sets, _chosen(last, np.isnan(high) & (low >= mask))]),
        _chosen(tops, tops.elevation >= mask),
    )


def _climb(position: Floats, velocity: Floats) -> Floats:
    """Quantity with the sign of the elevation's growth, (...): that of height over distance."""
    square = np.einsum("...i,...i", position, position)
    approach = np.einsum("...i,...i", position, velocity)
    return velocity[..., 2] * square - position[..., 2] * approach


def _up_at(track: _Track, time: Floats, mask: float, step: int) -> _Events:
    """Satellites above the mask at a step of a block."""
    azimuth, elevation, _ = look_angles(track.position[:, step])
    when = np.full(len(azimuth), time[track.first + step])
    return _chosen(_Events(track.which, when, azimuth, elevation), elevation >= mask)


def _unseen(events: _Events, time: float) -> _Events:
    """The same at a time outside, with no azimuth that is known."""
    count = len(events.time)
    return events._replace(time=np.full(count, time), azimuth=np.full(count, np.nan))


def _chosen(events: _Events, which: NDArray[Any]) -> _Events:
    return _Events._make(column[which] for column in events)


def _join(events: Sequence[_Events]) -> _Events:
    return _Events._make(map(np.concatenate, zip(*events, strict=True)))


def _pair(rises: _Events, sets: _Events, tops: _Events) -> Passes:
    """Each rise with the set that follows next, and the highest of the tops between them.

    A rise or a set that has no partner, as of a motion that jumps, is a pass whose other end is
    not known.
    """
    both = _join([rises, sets])
    order = np.lexsort((np.arange(len(both.time)) >= len(rises.time), both.time, both.satellite))
    rising, satellite = order < len(rises.time), both.satellite[order]
    paired = rising[:-1] & ~rising[1:] & (satellite[1:] == satellite[:-1])
    head = np.flatnonzero(rising | ~np.insert(paired, 0, False)[: len(order)])
    tail = head + np.append(paired, False)[head]
    begin, end = (_chosen(both, order[ends]) for ends in (head, tail))
    known = rising[head], ~rising[tail]
    # The tops of a pass, the highest last: passes and tops in one order of satellite and time
    count = len(begin.satellite)
    order = np.lexsort(
        (
            np.repeat([0, 1], [count, len(tops.satellite)]),
            np.concatenate([begin.time, tops.time]),
            np.concatenate([begin.satellite, tops.satellite]),
        )
    )
    number = np.cumsum(order < count) - 1
    pass_of: NDArray[np.int64] = np.empty(len(order), dtype=np.int64)
    pass_of[order] = number
    pass_of = pass_of[count:]
    within = (pass_of >= 0) & (tops.time <= end.time[pass_of] if count else False)
    ranked = np.lexsort((np.where(within, tops.elevation, -np.inf), pass_of))
    best = ranked[np.searchsorted(pass_of[ranked], np.arange(count), side="right") - 1]
    chosen = np.lexsort((tops.time[best], begin.time))
    (rise, rise_azimuth), (set_, set_azimuth) = (
        [np.where(there & np.isfinite(events.time), v, np.nan)[chosen] for v in events[1:3]]
        for there, events in zip(known, (begin, end), strict=True)
    )
    return Passes(
        satellite=begin.satellite[chosen],
        rise=rise,
        culmination=tops.time[best][chosen],
        set=set_,
        elevation=tops.elevation[best][chosen],
        rise_azimuth=rise_azimuth,
        azimuth=tops.azimuth[best][chosen],
        set_azimuth=set_azimuth,
    )
