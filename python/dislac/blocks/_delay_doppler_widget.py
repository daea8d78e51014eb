# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of `delay_doppler_view`: the matched filter's output as a picture."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..estimation import DelayDoppler
from ._display import Color, Display, figure, pen, pg, style_axis, style_plot

__all__ = ["DelayDopplerWidget", "Picture"]

_CELLS = (("Frame", "Peak delay", "Peak range", "Peak Doppler", "Peak"),)


class Picture(NamedTuple):
    """What there is to show of a frame.

    Args:
        frame: its index.
        gain: (K, D) of the matched filter over white noise.
        delay, doppler: of the peak [s], [Hz].
        matched: to the direction of a path, or else the sum over all chains.
    """

    frame: int
    gain: NDArray[np.float64]
    delay: float
    doppler: float
    matched: bool


class DelayDopplerWidget(Display):
    """Draws a `Picture`.

    Args:
        matched_filter: its grid.
        speed: of propagation [m/s].
        newest: gives the picture of the newest frame, None if that is what it gave before.
        update_rate: how often it is asked [Hz].
    """

    def __init__(
        self,
        matched_filter: DelayDoppler,
        speed: float,
        newest: Callable[[], Picture | None],
        update_rate: float,
    ) -> None:
        super().__init__(newest, update_rate)
        self._speed = speed
        # One path alone, in all symbols and subcarriers, comes to the top of the scale.
        elements = matched_filter.times.size * matched_filter.frequencies.size
        self._scale = (-10.0, 10 * np.log10(elements))
        plots = self.add_plots()
        self.plot = plots.addPlot()
        style_plot(self.plot, " ", "residual delay [µs]", "residual Doppler [kHz]")
        self._add_range_axis()
        self.image = pg.ImageItem(axisOrder="row-major", levels=self._scale)
        self.image.setColorMap(pg.colormap.get("viridis"))
        self.plot.addItem(self.image)
        delays, dopplers = matched_filter.delays * 1e6, matched_filter.dopplers / 1e3
        steps = _step(delays), _step(dopplers)
        extent = delays.size * steps[0], dopplers.size * steps[1]
        corner = delays[0] - steps[0] / 2, dopplers[0] - steps[1] / 2
        self._rectangle = pg.QtCore.QRectF(*corner, *extent)
        self.plot.setRange(self._rectangle, padding=0.0)
        self.plot.getViewBox().setLimits(
            xMin=corner[0], xMax=corner[0] + extent[0], yMin=corner[1], yMax=corner[1] + extent[1]
        )
        # A ring that can be seen on bright and on dark ground
        self._rings = [
            pg.ScatterPlotItem(size=20, symbol="o", brush=None, pen=pen(color, width))
            for color, width in ((Color.PAPER, 5), (Color.INK, 2))
        ]
        for ring in self._rings:
            self.plot.addItem(ring)
        bar = pg.ColorBarItem(values=self._scale, colorMap="viridis", interactive=False, width=14)
        bar.setImageItem(self.image, insert_in=self.plot)
        style_axis(bar.getAxis("right"), "gain over white noise [dB]")
        self.panel = self.add_panel(_CELLS)
        self.setMinimumSize(360, 320)

    def draw(self, picture: Picture) -> None:
        decibels = 10 * np.log10(np.maximum(picture.gain, 1e-3)).astype(np.float32)
        self.image.setImage(decibels, autoLevels=False)
        self.image.setRect(self._rectangle)
        for ring in self._rings:
            ring.setData([picture.delay * 1e6], [picture.doppler / 1e3])
        self._set_title(picture.matched)
        self.panel.show_values(
            {
                "Frame": str(picture.frame),
                "Peak delay": figure(picture.delay * 1e9, "ns"),
                "Peak range": figure(picture.delay * self._speed, "m"),
                "Peak Doppler": figure(picture.doppler / 1e3, "kHz", 2),
                "Peak": figure(float(decibels.max()), "dB"),
            }
        )

    def _set_title(self, matched: bool) -> None:
        title = "Delay-Doppler, " + ("matched to the echo" if matched else "sum over the chains")
        if self.plot.titleLabel.text != title:
            self.plot.setTitle(title)

    def _add_range_axis(self) -> None:
        """The same delays as ranges, along the top."""
        self.plot.showAxis("top")
        axis = self.plot.getAxis("top")
        axis.setScale(self._speed * 1e-6)
        style_axis(axis, "excess range [m]")


def _step(grid: NDArray[np.float64]) -> float:
    """Distance of a grid's points; a grid of one point is given some width."""
    return float(grid[1] - grid[0]) if len(grid) > 1 else 1.0
