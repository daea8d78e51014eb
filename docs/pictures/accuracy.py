# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/accuracy.png: position error against SNR, of both estimators and of the bound.

The targets are those of ``python -m gnuradio.dislac.studies.accuracy paper``: uniform in a disc of
200 m around the base station's foot, one frame each.
"""

from pathlib import Path

import numpy as np
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.studies.accuracy import Accuracy, accuracy
from gnuradio.dislac.systems.bistatic import estimator
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "accuracy.png"
TARGETS = 200
BLUE, RED, INK, GRID = "#1b4f72", "#c0392b", "#34495e", "#d5dbdf"


def curve(kind: str, snrs_db: np.ndarray) -> list[Accuracy]:
    """Errors of an estimator at each SNR."""
    scenario = load_scenario("paper", {**ECHO_ALONE, "estimator.kind": kind})
    receiver = estimator(scenario)
    return [
        accuracy(
            scenario,
            TARGETS,
            snr,
            np.random.default_rng((1, int(snr * 10) + 1000)),
            receiver=receiver,
        )
        for snr in snrs_db
    ]


def main() -> None:
    off_grid_db = np.arange(-17.5, 15.1, 2.5)
    on_grid_db = np.arange(-12.5, 15.1, 2.5)
    off_grid, on_grid = curve("off-grid", off_grid_db), curve("mmv-bomp", on_grid_db)

    figure = Figure(figsize=(7.4, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    bound = [result.bound for result in off_grid]
    axes.semilogy(off_grid_db, bound, "-", color=INK, lw=1.4)
    # Below a threshold too many frames go without a fix to compare the others.
    for snrs_db, results, marker, color in (
        (on_grid_db, on_grid, "s", RED),
        (off_grid_db, off_grid, "o", BLUE),
    ):
        rmse = np.array([result.rmse for result in results])
        shown = np.array([result.without_fix <= TARGETS / 20 for result in results])
        axes.semilogy(
            snrs_db[shown], rmse[shown], f"{marker}-", color=color, ms=6, lw=1.6, mec="white"
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
