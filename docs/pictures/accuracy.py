# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/accuracy.png: position error against SNR, of both estimators and of the bound.

The targets are those of ``dislac study accuracy``: uniform in a disc of 200 m around the base
station's foot, one frame each. Bars are 95 % bootstrap intervals.
"""

from pathlib import Path

import numpy as np
from gnuradio.dislac.studies.accuracy import accuracy
from gnuradio.dislac.studies.runner import Table, run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "accuracy.png"
TARGETS = 500
BLUE, RED, INK, GRID = "#1b4f72", "#c0392b", "#34495e", "#d5dbdf"


def curve(kind: str, snrs_db: np.ndarray) -> Table:
    """Errors of an estimator at each SNR."""
    study = accuracy("paper", tuple(snrs_db), kind=kind)
    return study.tables(run(study, trials=TARGETS, workers=2))[0]


def numbers(table: Table, title: str) -> np.ndarray:
    """A column, not a number where there is none."""
    return np.array(table.column(title), dtype=float)


def main() -> None:
    off_grid_db = np.arange(-17.5, 15.1, 2.5)
    on_grid_db = np.arange(-12.5, 15.1, 2.5)
    off_grid, on_grid = curve("off-grid", off_grid_db), curve("mmv-bomp", on_grid_db)

    figure = Figure(figsize=(7.4, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    bound = numbers(off_grid, "bound [m]")
    axes.semilogy(off_grid_db, bound, "-", color=INK, lw=1.4)
    # Below a threshold too many frames go without a fix to compare the others.
    for snrs_db, table, marker, color in (
        (on_grid_db, on_grid, "s", RED),
        (off_grid_db, off_grid, "o", BLUE),
    ):
        shown = numbers(table, "no fix [%]") <= 5
        rmse, low, high = (numbers(table, t)[shown] for t in ("rmse [m]", "from [m]", "to [m]"))
        axes.errorbar(
            snrs_db[shown],
            rmse,
            [rmse - low, high - rmse],
            fmt=f"{marker}-",
            color=color,
            ms=5,
            lw=1.4,
            elinewidth=0.9,
            capsize=2,
        )
    axes.text(
        3.0, 24.0, "Algorithm 1 of the paper, G = 16: stays on its grid", color=RED, ha="center"
    )
    axes.text(-5.5, 4.5, "off the grid, the default", color=BLUE)
    axes.text(-4.0, 1.15, "Cramér-Rao bound", color=INK, ha="right")
    axes.annotate(
        "", (-2.7, 2.85), (-4.2, 1.35), arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.8}
    )
    axes.set(
        xlabel="SNR of a received element [dB]",
        ylabel="rms position error of one frame [m]",
        xlim=(-18.5, 16.0),
        ylim=(0.2, 100.0),
        yticks=[0.3, 1, 3, 10, 30, 100],
        yticklabels=["0.3", "1", "3", "10", "30", "100"],
    )
    axes.minorticks_off()
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(GRID)
    axes.set_title(
        f"{TARGETS} vehicles within 200 m of the base station, one 83 µs frame of pilots each",
        fontsize=10,
        color=INK,
    )
    figure.savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()
