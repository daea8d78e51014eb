# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several commands have, and kinds of option: finite numbers and counts, each within a
range."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from ..scenario.text import parse_value

__all__ = [
    "DECIBEL",
    "FILE",
    "FOLDER",
    "FRAMES",
    "KEY_FILE",
    "MOST",
    "SEED",
    "Number",
    "json_option",
    "out_option",
    "record_option",
    "recorded_option",
    "settings_option",
]

MOST = 10**9
"""Largest count: as many frames of a millisecond last eleven days."""


class Number(click.FloatRange):
    """A finite number within a range; both ends are given, as nothing measured is without bounds.

    Parameters
    ----------
    min, max
        Ends of the range.
    min_open, max_open
        True where an end does not belong to it.
    """

    def __init__(
        self, min: float, max: float, *, min_open: bool = False, max_open: bool = False
    ) -> None:
        super().__init__(min, max, min_open=min_open, max_open=max_open)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        # NaN lies in every range, as comparisons with it are all false.
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"'{value}' is not a finite number", param, ctx)
        return float(super().convert(number, param, ctx))


DECIBEL = Number(-300, 300)
"""A level [dB], as far as scenarios take one."""

SEED = click.IntRange(0, 2**63 - 1)
"""A seed of 63 bits, as scenarios take one."""

FRAMES = click.IntRange(0, MOST)
"""Frames to send or to use, 0 for no end."""

FILE = click.Path(path_type=Path, dir_okay=False)
"""A file to write; shown as FILE."""

FOLDER = click.Path(path_type=Path, file_okay=False)
"""A folder to write into, made where it is not there; shown as DIR."""

KEY_FILE = click.Path(exists=True, dir_okay=False)
"""A file of a CURVE key."""


def _parse_settings(
    ctx: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, Any]:
    settings = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not (equals and all(key.split("."))):
            raise click.BadParameter(
                f"'{value[:60]}' is not KEY=VALUE, such as channel.noise.snr_db=5"
            )
        try:
            settings[key] = parse_value(text)
        except yaml.YAMLError as error:
            reason = getattr(error, "problem", None)
            shown = text if len(text) < 60 else f"{text[:56]} ..."
            raise click.BadParameter(
                f"{key}: '{shown}' is not a YAML value{f' ({reason})' if reason else ''}"
            ) from None
    return settings


settings_option: Callable[..., Any] = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_parse_settings,
    help="Another value for a key of the scenario, such as estimator.every=10. May be repeated.",
)

out_option: Callable[..., Any] = click.option(
    "--out",
    type=FOLDER,
    metavar="DIR",
    is_eager=True,  # --export asks for it
    help="Write fixes.jsonl, fixes.csv, fixes.geojson and map.png there.",
)

json_option: Callable[..., Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a fix."
)

record_option: Callable[..., Any] = click.option(
    "--record", metavar="BASE", help="Record to BASE.sigmf-data and BASE.sigmf-meta."
)

recorded_option: Callable[..., Any] = click.option(
    "--scenario", metavar="SCENARIO", help="What was recorded, instead of what the recording says."
)
