# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes and links as tables, as JSON and as pictures."""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import (
    OLD,
    Catalogue,
    Fleet,
    LocalMotion,
    Motion,
    OrbitError,
    Passes,
    PathMotion,
    WalkerShell,
    follow_path,
    look_angles,
    nearest,
    read_elements,
    write_days,
)
from ..scenario import Scenario
from ..scenario.routes import path_nodes
from ..scenario.timing import carriers, endpoints, reference_link
from .figures import empty_figure, write_figure

__all__ = [
    "count_in_view",
    "draw_links",
    "draw_sky",
    "fleet_remarks",
    "follow_scenario",
    "link_rows",
    "link_to_json",
    "name_satellites",
    "open_fleet",
    "pass_rows",
    "pass_summary",
    "pass_to_json",
]

Floats = NDArray[np.float64]

_INK, _GRID = "#34495e", "#d5dbdf"
_COLORS = "#1b4f72", "#c0392b", "#1d8348", "#8e44ad", "#b9770e", "#117a65", "#5d6d7e"

_LABELLED = 12
"""With more passes than that, their names would hide the picture."""


# Passes

_LARGEST_FLEET = 100_000
"""Satellites of a shell whose passes are looked for."""

_WIDEST = 40
"""Characters of a name in a table."""


def open_fleet(
    text: str,
    start: datetime | None = None,
    duration: float = 0.0,
    *,
    report: Callable[[str], None] = warnings.warn,
) -> tuple[Fleet, datetime | None]:
    """The satellites that a file or ``walker:...`` stands for, and what their time zero is.

    Of several sets of elements of one satellite the one counts that is nearest to the middle of
    the time looked at.

    Parameters
    ----------
    text
        file of TLE or OMM; or ``walker:ALTITUDE,PLANES,PER_PLANE,INCLINATION[,PHASING]`` in m and
        degrees.
    start
        time zero; None for the latest epoch of the file's elements, to the minute.
    duration
        how long the satellites are looked at from then on [s].
    report
        called with a sentence about each entry of the file that is left out.

    Raises
    ------
    OrbitError
        no such shell, or a file that cannot be read or understood.
    ImportError
        mean elements need sgp4, which is not installed.
    """
    if not text.startswith("walker:"):
        try:
            elements = read_elements(text, report)
        except OSError as error:
            raise OrbitError(
                f"{text}: cannot read the satellites ({error.strerror}); give a file of TLE or "
                "OMM, or a shell such as walker:550e3,72,22,53,39"
            ) from None
        if start is None:
            start = max(element.epoch for element in elements).replace(second=0, microsecond=0)
        return Catalogue(nearest(elements, start + timedelta(seconds=duration / 2)), start), start
    try:
        numbers = text.removeprefix("walker:").split(",")
        altitude, planes, per_plane, inclination, phasing = [*numbers, *["0"] * (len(numbers) == 4)]
        values = float(altitude), int(planes), int(per_plane), float(inclination), int(phasing)
    except ValueError:
        raise OrbitError(
            f"'{text}' is no shell; write walker:ALTITUDE,PLANES,PER_PLANE,INCLINATION[,PHASING], "
            "such as walker:550e3,72,22,53,39"
        ) from None
    shell = WalkerShell(*values[:3], float(np.radians(values[3])), values[4])
    if shell.planes * shell.per_plane > _LARGEST_FLEET:
        raise OrbitError(f"'{text}' has more than {_LARGEST_FLEET} satellites")
    return shell, start


def name_satellites(names: Sequence[str]) -> str:
    """The first few names of many, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


_FEW = 3


def fleet_remarks(fleet: Fleet, time: Floats, which: Sequence[int]) -> Iterator[str]:
    """Sentences about elements that are no orbit during a time, and about old ones.

    Parameters
    ----------
    fleet
        the satellites; there is nothing to say about those of a shell.
    time
        the first and the last time looked at [s].
    which
        numbers of the satellites that are looked at.
    """
    if not isinstance(fleet, Catalogue):
        return
    zero = fleet.epoch if fleet.epoch.tzinfo else fleet.epoch.replace(tzinfo=UTC)
    limits = [zero + timedelta(seconds=float(time[k])) for k in (0, -1)]
    ages = np.array([fleet.elements[k].age(*limits) for k in which])
    lost = np.any(_lost(fleet, time, which), axis=1)
    oldest = np.argsort(-ages, kind="stable")
    for kind, consequence in (
        (lost, "that far from their epoch they are no orbit, and are left out there"),
        (~lost & (ages > OLD), "SGP4 errs by 1 to 3 km a day"),
    ):
        chosen = oldest[kind[oldest]]
        if len(chosen):
            some = [fleet.elements[which[k]] for k in chosen]
            yield (
                f"{name_satellites([element.name for element in some])}: elements of "
                f"{some[0].epoch:%Y-%m-%d} for up to {write_days(ages[chosen[0]])} from then: "
                f"{consequence}"
            )


def _lost(fleet: Fleet, time: Floats, which: Sequence[int]) -> NDArray[np.bool_]:
    """(satellites, 2) true for one that is no orbit at the first, at the last of the times."""
    return np.isnan(fleet.states([time[0], time[-1]], which)[0][..., 0])


def pass_rows(fleet: Fleet, passes: Passes, start: datetime | None) -> Iterator[str]:
    """A table of passes, heading first: times in UTC, or since time zero where that is unknown."""
    width = 16 if start is not None else 13
    titles = [f"{name:>{width}}" for name in ("rise", "culmination", "set")]
    names = fleet.names
    longest = max((len(names[k]) for k in np.unique(passes.satellite)), default=0)
    wide = max(16, min(longest, _WIDEST) + 1)
    yield f"{'satellite':<{wide}}{''.join(titles)}{'minutes':>9}{'highest':>9}  azimuths"
    for k, satellite in enumerate(passes.satellite):
        times = passes.rise[k], passes.culmination[k], passes.set[k]
        lasted = (times[2] - times[0]) / 60
        azimuths = passes.rise_azimuth[k], passes.azimuth[k], passes.set_azimuth[k]
        name = names[satellite]
        yield (
            f"{name if len(name) < wide else name[: wide - 2] + '…':<{wide}}"
            + "".join(f"{_moment(time, start):>{width}}" for time in times)
            + (f"{lasted:>9.1f}" if np.isfinite(lasted) else f"{'-':>9}")
            + f"{np.degrees(passes.elevation[k]):>9.1f}"
            + "  "
            + " ".join(f"{np.degrees(a):>3.0f}" if np.isfinite(a) else "  -" for a in azimuths)
        )


def pass_summary(
    fleet: Fleet, passes: Passes, time: Floats, which: Sequence[int], mask: float
) -> Iterator[str]:
    """Counts of passes, and which satellites never rise or never set.

    Parameters
    ----------
    fleet, passes, time, which, mask
        what was looked for, and what `find_passes` found.
    """
    count = count_in_view(passes, time)
    seen = np.unique(passes.satellite)
    yield (
        f"{len(passes)} passes of {len(seen)} satellites out of {len(which)}; in view at a time: "
        f"{count.min()} to {count.max()}, {count.mean():.1f} on average"
    )
    hours = f"{(time[-1] - time[0]) / 3600:g} h"
    always = passes.satellite[np.isnan(passes.rise) & np.isnan(passes.set)]
    never = np.setdiff1d(np.array(which)[~_lost(fleet, time, which).all(axis=1)], seen)
    for chosen, what in (
        (always, f"up during all of the {hours}"),
        (never, f"never above {np.degrees(mask):g}° in {hours}"),
    ):
        if len(chosen):
            yield f"{what}: {name_satellites([fleet.names[k] for k in chosen])}"


def _moment(time: float, start: datetime | None) -> str:
    if not np.isfinite(time):
        return "-"
    if start is None:
        minutes, seconds = divmod(round(time), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    moment = (start + timedelta(seconds=round(time))).astimezone(UTC)
    return moment.strftime("%m-%d %H:%M:%S")


def pass_to_json(fleet: Fleet, passes: Passes, number: int, start: datetime | None) -> str:
    """One pass as a line of JSON: s since the epoch, rad; null for what is not known."""
    values = {
        name: None if np.isnan(value[number]) else float(value[number])
        for name, value in vars(passes).items()
        if name != "satellite"
    }
    epoch = None if start is None else start.isoformat()
    satellite = fleet.names[passes.satellite[number]]
    return json.dumps({"satellite": satellite, "epoch": epoch, **values}, allow_nan=False)


def count_in_view(passes: Passes, time: ArrayLike) -> NDArray[np.int64]:
    """Number of satellites that are up at each time, (...), while passes were looked for."""
    begun = np.searchsorted(np.sort(np.nan_to_num(passes.rise, nan=-np.inf)), time, side="right")
    over = np.searchsorted(np.sort(np.nan_to_num(passes.set, nan=np.inf)), time, side="left")
    return np.asarray(begun - over)


def draw_sky(
    fleet: Fleet,
    site: tuple[float, float, float],
    passes: Passes,
    time: Floats,
    path: str | os.PathLike[str],
    *,
    mask: float = 0.0,
    title: str = "",
) -> None:
    """Draws the ways of passes over the sky: north up, east right, the zenith in the middle.

    Parameters
    ----------
    fleet, site, passes, mask
        what was looked for, and what `find_passes` found.
    time
        the first and the last time looked at [s].
    path
        of the image; its suffix chooses the format.
    title
        over the picture.

    Raises
    ------
    OSError
        the file cannot be written.
    ValueError
        matplotlib does not know the format.
    """
    from matplotlib.collections import LineCollection  # here, as matplotlib takes a while to load

    figure = empty_figure(6.4, 6.6)
    axes: Any = figure.add_subplot(projection="polar")
    few = len(passes) <= _LABELLED
    tracks = []
    for k, satellite in enumerate(passes.satellite):
        begin = np.nan_to_num(passes.rise[k], nan=time[0])
        end = np.nan_to_num(passes.set[k], nan=time[-1])
        motion = LocalMotion(fleet.motion(int(satellite)), site)
        azimuth, elevation, _ = look_angles(motion.state(np.linspace(begin, end, 61))[0])
        tracks.append(np.stack([np.unwrap(azimuth), 90 - np.degrees(elevation)], axis=-1))
        if few:
            color = _COLORS[k % len(_COLORS)]
            label = f"{fleet.names[satellite]}, {np.degrees(passes.elevation[k]):.0f}°"
            axes.plot(*tracks[-1].T, color=color, lw=1.6, label=label)
            axes.plot(*tracks[-1][-1], "o", color=color, ms=5)
    if not few:
        strength = max(0.02, min(0.6, 30 / len(passes)))
        axes.add_collection(
            LineCollection(tracks, colors=_COLORS[0], linewidths=0.8, alpha=strength)
        )
    axes.set(theta_zero_location="N", theta_direction=-1, rlim=(0, max(90, 90 - np.degrees(mask))))
    axes.set_rgrids([0, 30, 60, 90], ["90°", "60°", "30°", "0°"], fontsize=8, color=_INK)
    names = ["N", "", "E", "", "S", "", "W", ""]
    axes.set_thetagrids(np.arange(0, 360, 45), names, color=_INK)
    if mask > 0:
        circle = np.linspace(0, 2 * np.pi, 181)
        axes.plot(circle, np.full(181, 90 - np.degrees(mask)), "--", color=_INK, lw=0.8)
    axes.grid(color=_GRID, lw=0.6)
    axes.spines["polar"].set_color(_GRID)
    if few and len(passes):
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=4, fontsize=8, edgecolor=_GRID
        )
    figure.suptitle(title, fontsize=11, color=_INK)
    write_figure(figure, path, dpi=120)


# Links


def follow_scenario(scenario: Scenario, time: ArrayLike) -> dict[str, PathMotion]:
    """The reference link of a scenario, its feeder link if it has one, and each of its paths,
    over time [s]."""
    routes: dict[str, tuple[Motion, ...]] = {"reference": reference_link(scenario)}
    if scenario.feeder is not None:
        routes["feeder"] = scenario.feeder.motion, scenario.transmitter.motion
    for number, path in enumerate(scenario.channel.paths):
        origin = f" from {path.source}" if path.source else ""
        routes[f"path {number}, {path.kind}{origin}"] = path_nodes(scenario, path)
    speed = scenario.propagation_speed
    return {
        name: follow_path(nodes, time, carriers(scenario, nodes), speed=speed)
        for name, nodes in routes.items()
    }


def _angles(scenario: Scenario, time: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Directions in which the receiver sees the transmitter."""
    transmitter, receiver = (node.state(time)[0] for node in endpoints(scenario))
    return look_angles(transmitter - receiver)


_BLOCK = 4096
"""Times that links are followed over together, so that any number of rows takes little memory."""


def _blocks(time: Floats) -> Iterator[Floats]:
    return (time[first : first + _BLOCK] for first in range(0, len(time), _BLOCK))


def link_rows(scenario: Scenario, time: Floats) -> Iterator[str]:
    """A table of the reference link over time, heading first; and of the echo against it."""
    for number, block in enumerate(_blocks(time)):
        columns = _link_columns(scenario, block)
        if number == 0:
            yield "".join(f"{title:>{width}}" for title, width, _, _ in columns)
        for k in range(len(block)):
            yield "".join(f"{value[k]:>{width}.{digits}f}" for _, width, value, digits in columns)


def _link_columns(scenario: Scenario, time: Floats) -> list[tuple[str, int, Floats, int]]:
    """Title, width, values (times,) and digits of each column."""
    links = follow_scenario(scenario, time)
    azimuth, elevation, _ = _angles(scenario, time)
    reference = links["reference"]
    echo = next((link for name, link in links.items() if name.endswith("echo")), None)
    columns = [
        ("time [s]", 9, time, 1),
        ("elevation", 11, np.degrees(elevation), 2),
        ("azimuth", 9, np.degrees(azimuth), 2),
        ("range [km]", 12, reference.length / 1e3, 3),
        ("delay [ms]", 12, reference.delay * 1e3, 6),
        ("[us/s]", 10, reference.delay_rate * 1e6, 4),
        ("Doppler [Hz]", 14, reference.doppler, 1),
        ("[Hz/s]", 11, reference.doppler_rate, 2),
    ]
    if echo is not None:
        columns += [
            ("echo [us]", 11, (echo.delay - reference.delay) * 1e6, 4),
            ("[Hz]", 9, echo.doppler - reference.doppler, 2),
        ]
    return columns


def link_to_json(scenario: Scenario, time: Floats) -> Iterator[str]:
    """One line of JSON a time: directions in rad, and every path in SI units."""
    for block in _blocks(time):
        links = follow_scenario(scenario, block)
        azimuth, elevation, _ = _angles(scenario, block)
        for k, t in enumerate(block):
            paths = {
                name: {key: float(value[k]) for key, value in vars(link).items()}
                for name, link in links.items()
            }
            entry: dict[str, Any] = {
                "time": float(t),
                "azimuth": float(azimuth[k]),
                "elevation": float(elevation[k]),
            }
            yield json.dumps({**entry, **paths}, allow_nan=False)


def draw_links(
    links: Mapping[str, PathMotion], time: Floats, path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draws delay, Doppler shift and the Doppler's rate of links over time, under one another.

    Parameters
    ----------
    links
        by name.
    time
        (times,) that they were followed at [s].
    path
        of the image; its suffix chooses the format.
    title
        over the picture.

    Raises
    ------
    OSError
        the file cannot be written.
    ValueError
        matplotlib does not know the format.
    """
    figure = empty_figure(7.6, 6.6)
    pictures: list[Any] = list(figure.subplots(3, 1, sharex=True))
    styles = ["-", "--", ":", "-."]
    for number, (name, link) in enumerate(links.items()):
        values = link.delay * 1e3, link.doppler / 1e3, link.doppler_rate / 1e3
        for axes, value in zip(pictures, values, strict=True):
            axes.plot(
                time,
                value,
                styles[number % len(styles)],
                color=_COLORS[number % len(_COLORS)],
                lw=1.6,
                label=name,
            )
    for axes, label in zip(
        pictures, ("delay [ms]", "Doppler shift [kHz]", "its rate [kHz/s]"), strict=True
    ):
        axes.set_ylabel(label, color=_INK)
        axes.grid(color=_GRID, lw=0.6)
        axes.tick_params(colors=_INK, labelsize=9)
        for spine in axes.spines.values():
            spine.set_color(_GRID)
    pictures[-1].set_xlabel("time [s]", color=_INK)
    if len(links) > 1:
        pictures[0].legend(fontsize=8, framealpha=0.9, edgecolor=_GRID)
    figure.suptitle(title, fontsize=11, color=_INK)
    write_figure(figure, path, dpi=120)
