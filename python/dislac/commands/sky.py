# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands about satellites: their passes over a site, and a scenario's links over time."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

from ..scenario import load_scenario
from ..systems.bistatic import old_elements
from . import following
from .options import FILE, Number, settings_option
from .output import warn

__all__ = ["COMMANDS"]

_MOST_STEPS = 5_000_000
"""Times that satellites are looked at: a year, every 6.3 s."""

_MOST_ROWS = 100_000
"""Rows of a table of links: a day, every 0.9 s."""


def _parse_site(
    ctx: click.Context, parameter: click.Parameter, value: str
) -> tuple[float, float, float]:
    try:
        numbers = [float(number) for number in value.split(",")]
        latitude, longitude, height = [*numbers, *[0.0] * (len(numbers) == 2)]
    except ValueError:
        latitude = math.nan
    if not (abs(latitude) <= 90 and -180 <= longitude <= 360 and abs(height) <= 1e6):
        raise click.BadParameter(f"'{value}' is not LAT,LON or LAT,LON,HEIGHT, such as 50.9,-1.4")
    return latitude, longitude, height


def _parse_time(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
        if not 1900 <= time.year < 2200:
            raise ValueError
    except ValueError:
        raise click.BadParameter(
            f"'{value}' is not a time such as 2026-01-01T12:00:00Z, of 1900 to 2199"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _check_steps(count: float, what: str, most: int) -> None:
    if not count <= most:
        raise click.UsageError(f"{what} are {count:.3g} steps; {most:,} at most")


@click.command()
@click.argument("satellites")
@click.option(
    "--site",
    required=True,
    metavar="LAT,LON[,HEIGHT]",
    callback=_parse_site,
    help="Where one looks from [degrees, degrees, m].",
)
@click.option(
    "--start",
    metavar="TIME",
    callback=_parse_time,
    help="When to begin, such as 2026-01-01T12:00:00Z; default the file's latest epoch.",
)
@click.option(
    "--hours",
    type=Number(0, 1e6, min_open=True),
    default=24.0,
    show_default=True,
    metavar="H",
    help="How long to look [h].",
)
@click.option(
    "--step",
    type=Number(0, 1e15, min_open=True),
    default=10.0,
    show_default=True,
    metavar="S",
    help="From one look to the next [s].",
)
@click.option(
    "--mask",
    type=Number(-90, 90),
    default=10.0,
    show_default=True,
    metavar="DEG",
    help="Least elevation [deg].",
)
@click.option("--name", metavar="NAME", help="Only satellites with this in their names.")
@click.option("--plot", type=FILE, metavar="FILE", help="Draw the sky there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a pass.")
def passes(
    satellites: str,
    site: tuple[float, float, float],
    start: datetime | None,
    hours: float,
    step: float,
    mask: float,
    name: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Prints when SATELLITES rise over a site, culminate and set.

    SATELLITES is a file of TLE or OMM (KVN, CSV, JSON, XML), or a Walker Delta shell,
    walker:ALTITUDE,PLANES,PER_PLANE,INCLINATION[,PHASING] in m and degrees.
    """
    from ..geometry import find_passes
    from ..io import sky

    end = hours * 3600.0
    _check_steps(end / step, f"--hours {hours:g} at --step {step:g}", _MOST_STEPS)
    fleet, epoch = sky.open_fleet(satellites, start, end, report=lambda text: warn([text]))
    which = [k for k, known in enumerate(fleet.names) if name is None or name in known]
    if not which:
        known = sky.name_satellites(fleet.names)
        raise click.BadParameter(
            f"no satellite has '{name}' in its name: {known}", param_hint="--name"
        )
    time = np.append(step * np.arange(max(math.ceil(end / step - 1e-9), 1)), end)
    warn(list(sky.fleet_remarks(fleet, time, which)))
    with following.progress(len(time) - 1, "time steps") as advance:
        found = find_passes(
            fleet, site, time, mask=math.radians(mask), which=which, progress=advance
        )
    if as_json:
        for number in range(len(found)):
            click.echo(sky.pass_to_json(fleet, found, number, epoch))
    else:
        for row in sky.pass_rows(fleet, found, epoch):
            click.echo(row)
        for row in sky.pass_summary(fleet, found, time, which, math.radians(mask)):
            click.echo(row)
    if plot is not None:
        title = f"{satellites}, {hours:g} h over {site[0]:g}°, {site[1]:g}°"
        sky.draw_sky(fleet, site, found, time, plot, mask=math.radians(mask), title=title)


@click.command()
@click.argument("scenario")
@click.option(
    "--start",
    type=Number(-1e9, 1e9),
    default=0.0,
    show_default=True,
    metavar="S",
    help="When to begin, since time zero [s].",
)
@click.option(
    "--duration",
    type=Number(0, 1e9),
    default=600.0,
    show_default=True,
    metavar="S",
    help="How long to follow the links [s].",
)
@click.option(
    "--step",
    type=Number(0, 1e9, min_open=True),
    default=30.0,
    show_default=True,
    metavar="S",
    help="From one row to the next [s].",
)
@click.option("--plot", type=FILE, metavar="FILE", help="Draw delays and Dopplers there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a time.")
@settings_option
def geometry(
    scenario: str,
    start: float,
    duration: float,
    step: float,
    plot: Path | None,
    as_json: bool,
    settings: dict[str, Any],
) -> None:
    """Prints delay and Doppler shift of SCENARIO's links over time, and how fast they change."""
    from ..io import sky

    _check_steps(duration / step, f"--duration {duration:g} at --step {step:g}", _MOST_ROWS)
    chosen = load_scenario(scenario, settings)
    warn(old_elements(chosen, start, start + duration))
    time = start + step * np.arange(math.floor(duration / step + 1e-9) + 1)
    for row in (sky.link_to_json if as_json else sky.link_rows)(chosen, time):
        click.echo(row)
    if plot is not None:
        fine = np.linspace(start, max(start + duration, start + step), 601, dtype=float)
        links = sky.follow_scenario(chosen, fine)
        carrier = chosen.numerology.carrier_frequency / 1e9
        sky.draw_links(links, fine, plot, title=f"{chosen.name}, {carrier:g} GHz")


COMMANDS: list[click.Command] = [passes, geometry]
