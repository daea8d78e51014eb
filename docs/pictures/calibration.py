# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/calibration.png: what phase and delay errors of the receive chains cost.

The targets are drawn as those of ``dislac study calibration``: uniform in a disc of 200 m around
the base station's foot, one frame and other chains each.
"""

from pathlib import Path

import numpy as np
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.studies.calibration import drawn, position_errors
from gnuradio.dislac.studies.runner import rms
from gnuradio.dislac.systems.bistatic import estimator
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "calibration.png"
TARGETS = 200
BLUE, RED, INK, GRID = "#1b4f72", "#c0392b", "#34495e", "#d5dbdf"
DEGREES = np.array([0.5, 1, 2, 5, 10, 20, 45, 90])
NANOSECONDS = np.array([0.5, 1, 2, 5, 10, 20, 50, 100])


def main() -> None:
    scenario = load_scenario("paper", ECHO_ALONE)
    receiver, chains = estimator(scenario), scenario.chains
    figure = Figure(figsize=(7.8, 4.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    for snr_db, color in ((0, BLUE), (10, RED)):
        for axes, sizes, key, unit in (
            (panels[0], DEGREES, "phase", np.radians(1.0)),
            (panels[1], NANOSECONDS, "delay", 1e-9),
        ):
            results = [
                position_errors(
                    scenario,
                    receiver,
                    TARGETS,
                    snr_db,
                    np.random.default_rng((1, snr_db * 10 + 1000)),
                    drawn(chains, **{key: size * unit}),
                )
                for size in sizes
            ]
            axes.axhline(rms(np.array(results[0][1])), color=color, lw=1.0, ls=":")
            fixes = [[error for error in errors if error is not None] for errors, _ in results]
            rmse = [rms(np.array(errors)) if errors else np.nan for errors in fixes]
            axes.loglog(sizes, rmse, "o-", color=color, ms=5, lw=1.6, mec="white")
    panels[0].text(0.55, 2.55, "0 dB", color=BLUE)
    panels[0].text(0.55, 0.78, "10 dB", color=RED)
    panels[1].text(0.55, 1.62, "dotted: bound with perfect chains", color=INK, fontsize=8)
    for axes, sizes, label in (
        (panels[0], DEGREES, "phase error of a chain, rms [degrees]"),
        (panels[1], NANOSECONDS, "delay error of a chain, rms [ns]"),
    ):
        axes.set_xlabel(label)
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.set(ylim=(0.4, 200.0))
        axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50, 100, 200])
        axes.set_yticklabels(["0.5", "1", "2", "5", "10", "20", "50", "100", "200"])
        axes.minorticks_off()
        axes.grid(color=GRID, lw=0.6)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_color(GRID)
    panels[0].set_ylabel("rms position error of one frame [m]")
    figure.suptitle(
        f"{TARGETS} vehicles within 200 m of the base station, eight chains that err",
        fontsize=10,
        color=INK,
    )
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
