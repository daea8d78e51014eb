# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/rate_and_position.png: rate against position bound, as frames are shared.

The numbers are those of ``dislac study rate_and_position``.
"""

from pathlib import Path

import numpy as np
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.studies.rate_and_position import TradeOff, trade_off
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "rate_and_position.png"
SHARES = np.array([0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 0.95])
COMBS = {2: "#922b21", 4: "#d35400", 8: "#1e8449", 16: "#1b4f72"}
INK, GRID = "#34495e", "#d5dbdf"
TERMINAL_SNR = 10**1.5


def curve(comb: int) -> list[TradeOff]:
    """What each share of power gives with one comb."""
    payload = {"modulation": "qpsk", "pilot_comb": comb}
    return [
        trade_off(
            load_scenario("paper", {"payload": {**payload, "pilot_power_share": float(share)}}),
            TERMINAL_SNR,
        )
        for share in SHARES
    ]


def main() -> None:
    figure = Figure(figsize=(7.4, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for comb, color in COMBS.items():
        points = curve(comb)
        rate = [point.rate for point in points]
        axes.plot(rate, [p.pilots_alone for p in points], "o-", color=color, ms=5, mec="white")
        axes.plot(rate, [p.data_aided for p in points], "-", color=color, lw=2.5, alpha=0.5)
        axes.text(rate[0], points[0].pilots_alone * 1.05, f"1/{comb}", color=color, ha="center")
        if comb == max(COMBS):
            for share, point in zip(SHARES, points, strict=True):
                if share in (0.05, 0.1, 0.3, 0.7, 0.95):
                    axes.annotate(
                        f"{100 * share:.0f} %",
                        (point.rate, point.pilots_alone),
                        xytext=(7, -9 if share == 0.7 else 2),
                        textcoords="offset points",
                        color=INK,
                        fontsize=8,
                    )
    axes.text(0.7, 2.08, "payload known to the base station: all energy counts", color=INK)
    axes.text(
        0.3,
        6.2,
        "pilots alone:\none element in n is a pilot,\nwith so much of the power",
        color=INK,
    )
    axes.set(
        xlabel="rate of a terminal with one antenna at 15 dB [bit/s/Hz]",
        ylabel="bound of the position, one frame at 0 dB [m]",
        yscale="log",
        xlim=(0.2, 2.75),
        ylim=(1.8, 20.0),
        yticks=[2, 3, 5, 10],
        yticklabels=["2", "3", "5", "10"],
    )
    axes.minorticks_off()
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(GRID)
    axes.set_title("A frame of the paper's scene, shared between pilots and payload", fontsize=10)
    figure.savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()
