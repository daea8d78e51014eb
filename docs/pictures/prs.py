# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/prs.png: combs of NR PRS in a slot, their ambiguity in delay and Doppler."""

from pathlib import Path

import numpy as np
from gnuradio.dislac.waveform import (
    Numerology,
    PrsResource,
    PrsResourceSet,
    ambiguity,
    nr_cyclic_prefixes,
    prs_mask,
)
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "prs.png"
COLORS = ["#f4f6f7", "#1b4f72", "#c0392b", "#d68910", "#1e8449"]
INK = "#34495e"
PATTERNS = ((2, 2), (4, 4), (12, 12))
NUMEROLOGY = Numerology(2e9, 30e3, 512, nr_cyclic_prefixes(1, 512), 288, 14, 10 * 7680)


def draw_pattern(axes: Axes, comb: int, symbols: int) -> None:
    """Two resource blocks of a slot: resources with different offsets in different colours."""
    resources = tuple(PrsResource(re_offset=k) for k in range(min(comb, 4)))
    resource_set = PrsResourceSet(1, comb, symbols, 2, 20, resources=resources)
    masks = [prs_mask(resource_set, resource, grid_prbs=2) for resource in resources]
    owner = sum((k + 1) * mask for k, mask in enumerate(masks))
    axes.pcolormesh(
        owner.T, cmap=ListedColormap(COLORS), vmin=0, vmax=4, edgecolors="white", lw=0.4
    )
    axes.set_title(f"comb {comb}, {symbols} symbols", fontsize=10, color=INK)
    axes.set(xlabel="symbol of the slot", xticks=np.arange(0, 15, 2), yticks=[0, 12, 24])


def draw_ambiguity(axes: Axes, comb: int, symbols: int) -> object:
    """The ambiguity of one resource, all resource blocks."""
    resource_set = PrsResourceSet(1, comb, symbols, 24, 20)
    mask = prs_mask(resource_set, resource_set.resources[0], grid_prbs=24)
    delays, dopplers = np.linspace(-18e-6, 18e-6, 721), np.linspace(-15e3, 15e3, 301)
    surface = ambiguity(mask, NUMEROLOGY.symbol_times, NUMEROLOGY.frequencies, delays, dopplers)
    level = 20 * np.log10(np.maximum(surface, 1e-3))
    image = axes.pcolormesh(
        delays * 1e6, dopplers / 1e3, level, cmap="viridis", vmin=-30, vmax=0, rasterized=True
    )
    axes.set(xlabel="delay [µs]")
    return image


def main() -> None:
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    patterns, surfaces = figure.subplots(2, len(PATTERNS), height_ratios=(1, 1.15))
    for axes, pattern in zip(patterns, PATTERNS, strict=True):
        draw_pattern(axes, *pattern)
    for axes, pattern in zip(surfaces, PATTERNS, strict=True):
        image = draw_ambiguity(axes, *pattern)
    patterns[0].set_ylabel("subcarrier")
    surfaces[0].set_ylabel("Doppler [kHz]")
    figure.colorbar(image, ax=surfaces, label="ambiguity [dB]", fraction=0.03)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
