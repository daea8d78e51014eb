# SPDX-License-Identifier: GPL-3.0-or-later
"""A study: points, a trial, and tables of what came of the trials."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .plot import Plot
from .table import Table

__all__ = ["Point", "Results", "Row", "Study", "content", "point_and_trial", "trial_only"]

Point = Mapping[str, Any]
"""One setting that is tried, such as ``{"snr_db": -5.0}``: JSON, as are rows."""

Row = Mapping[str, Any]
"""Outcome of one trial at one point."""

Results = Sequence[tuple[Point, Sequence[Row]]]
"""Every point of a study with its rows, in the order of its trials."""


def content(value: Any) -> str:
    """Return the JSON of points, rows and settings, which two of them share if they are equal.

    Raises
    ------
    ValueError
        It is no JSON, or a number in it is not finite.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{str(value)[:200]} is no JSON with finite numbers: {error}") from None


def point_and_trial(point: Point, trial: int) -> tuple[int, ...]:
    """Key of a seed for each trial at each point, whichever other points there are."""
    digest = hashlib.sha256(content(point).encode()).digest()
    return int.from_bytes(digest[:8], "big"), trial


def trial_only(point: Point, trial: int) -> tuple[int, ...]:
    """Key of a seed that a trial has at all points, so that these differ by nothing else."""
    return (trial,)


@dataclass(frozen=True, eq=False)
class Study:
    """One question, as the runner asks it.

    Parameters
    ----------
    name
        Of the study, and of its files.
    points
        All that is tried; the tables have them in this order.
    trial
        Gives the row of a point, drawing from a generator of its own. It is sent to other
        processes: a function of a module, or a `functools.partial` of one.
    tables
        Makes the tables of the results. The first is the one that is plotted.
    settings
        JSON of all else that rows depend on. Rows of other settings are not taken up.
    plot
        Columns of the first table that a figure shows, or None.
    key
        Spawn key of a trial's seed: `point_and_trial` or `trial_only`.
    enough
        True for the first rows of a point where no more are needed; None for a fixed number.
    """

    name: str
    points: Sequence[Point]
    trial: Callable[[Point, np.random.Generator], Row]
    tables: Callable[[Results], list[Table]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    plot: Plot | None = None
    key: Callable[[Point, int], tuple[int, ...]] = point_and_trial
    enough: Callable[[Sequence[Row]], bool] | None = None
