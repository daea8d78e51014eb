# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of a study's table, with its confidence intervals."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .table import Table

__all__ = ["Curve", "Plot", "draw"]


class Curve(NamedTuple):
    """A column that is drawn, and the columns of the ends of its interval."""

    y: str
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True)
class Plot:
    """Columns of a table that a figure shows.

    Parameters
    ----------
    x
        Column along the abscissa; of text, each value has a place of its own.
    curves
        Columns over it.
    label
        Of the ordinate; by default the first curve's.
    by
        Columns whose values distinguish curves of the same kind.
    log_x, log_y
        True for a logarithmic axis.
    note
        Names the intervals.
    """

    x: str
    curves: tuple[Curve, ...]
    label: str | None = None
    by: tuple[str, ...] = ()
    log_x: bool = False
    log_y: bool = True
    note: str = ""


def draw(plot: Plot, table: Table, title: str) -> Figure:
    """Draw curves with their intervals as bars."""
    figure = Figure(figsize=(7.4, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    abscissa = table.column(plot.x)
    names = list(dict.fromkeys(abscissa))
    text = any(isinstance(name, str) for name in names)
    abscissae = [names.index(value) for value in abscissa] if text else abscissa
    marks = "o" if text else "o-"
    groups = [tuple(table.column(title)[k] for title in plot.by) for k in range(len(abscissae))]
    for curve in plot.curves:
        for group in dict.fromkeys(groups):
            rows = [k for k, found in enumerate(groups) if found == group]
            x = np.array([abscissae[k] for k in rows], dtype=float)
            y, low, high = (
                _numbers([table.column(title)[k] for k in rows] if title else [None] * len(rows))
                for title in curve
            )
            values = (f"{v:g}" if isinstance(v, float) else str(v) for v in group)
            which = ", ".join(f"{t} {v}" for t, v in zip(plot.by, values, strict=True))
            label = curve.y + (f": {which}" if which else "")
            # An end that is not known, or on the wrong side by rounding, has no bar.
            bars = np.nan_to_num([y - low, high - y]).clip(0)
            there = np.isfinite(x) & np.isfinite(y)
            if np.any(there):
                shown = x[there], y[there], bars[:, there]
                axes.errorbar(*shown, fmt=marks, ms=4, lw=1.4, capsize=3, label=label)
    if text:
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 4 else 0)
    if plot.log_x:
        axes.set_xscale("log")
    drawn = [np.asarray(line.get_ydata()) for line in axes.get_lines()]
    if plot.log_y and any(np.any(y > 0) for y in drawn):
        axes.set_yscale("log", nonpositive="clip")
    axes.set(xlabel=plot.x, ylabel=plot.label or plot.curves[0].y)
    axes.grid(color="#d5dbdf", lw=0.6)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)
    axes.set_title(title + (f"\n{plot.note}" if plot.note else ""), fontsize=10)
    return figure


def _numbers(values: list[Any]) -> np.ndarray:
    """Values as floats, not a number where there is none."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)
