# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of `delay_doppler_view`: the matched filter's output, and cuts through its peak."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimation import DelayDoppler
from .display import Colors, Display, Marks, figure, pen, pg, style_axis, style_plot
from .pictures import DelayDopplerPicture

__all__ = ["DelayDopplerWidget"]

_CELLS = (("Frame", "Peak delay", "Peak range", "Peak Doppler", "Peak"),)
_LEFT, _TOP = 56, 40
"""Room for the axes that picture and cuts share [pixels]."""


class DelayDopplerWidget(Display):
    """Draws a `DelayDopplerPicture`.

    Parameters
    ----------
    matched_filter
        its grid.
    speed
        of propagation [m/s].
    newest
        gives the picture of the newest frame, None if that is what it gave before.
    update_rate
        how often it is asked [Hz]; None: never.
    colors
        of the theme.
    rows
        the panel's captions, in another order.
    """

    def __init__(
        self,
        matched_filter: DelayDoppler,
        speed: float,
        newest: Callable[[], DelayDopplerPicture | None],
        update_rate: float | None,
        colors: Colors,
        rows: Sequence[Sequence[str]] = _CELLS,
    ) -> None:
        super().__init__(newest, update_rate, colors)
        self._speed = speed
        # One path alone, in all symbols and subcarriers, comes to the top of the scale.
        elements = matched_filter.times.size * matched_filter.frequencies.size
        self._scale = (-10.0, 10 * np.log10(elements))
        self._delays, self._dopplers = matched_filter.delays * 1e6, matched_filter.dopplers / 1e3
        steps = _step(self._delays), _step(self._dopplers)
        extent = self._delays.size * steps[0], self._dopplers.size * steps[1]
        corner = self._delays[0] - steps[0] / 2, self._dopplers[0] - steps[1] / 2
        self._rectangle = pg.QtCore.QRectF(*corner, *extent)

        plots = self.add_plots()
        self.plot = plots.addPlot(0, 0)
        style_plot(self.plot, " ", "", "residual Doppler [kHz]", colors)
        self.plot.hideAxis("bottom")
        self._add_range_axis()
        self.image = pg.ImageItem(axisOrder="row-major", levels=self._scale)
        self.image.setColorMap(pg.colormap.get("viridis"))
        self.plot.addItem(self.image)
        self.plot.setRange(self._rectangle, padding=0.0)
        self.plot.getViewBox().setLimits(
            xMin=corner[0], xMax=corner[0] + extent[0], yMin=corner[1], yMax=corner[1] + extent[1]
        )
        self.marks = Marks(colors)
        self.plot.addItem(self.marks)
        self.delay_cut = self._add_delay_cut(plots)
        self.doppler_cut = self._add_doppler_cut(plots)
        bar = pg.ColorBarItem(values=self._scale, colorMap="viridis", interactive=False, width=14)
        bar.setImageItem(self.image, insert_in=self._doppler_plot)
        style_axis(bar.getAxis("right"), "gain over white noise [dB]", colors)
        for row, share in enumerate((3, 1)):
            plots.ci.layout.setRowStretchFactor(row, share)
        plots.ci.layout.setColumnStretchFactor(0, 4)
        self.panel = self.add_panel(rows)
        self.setMinimumSize(420, 360)

    def draw(self, picture: DelayDopplerPicture) -> None:
        decibels = 10 * np.log10(np.maximum(picture.gain, 1e-3)).astype(np.float32)
        self.image.setImage(decibels, autoLevels=False)
        self.image.setRect(self._rectangle)
        self.marks.show_marks(np.array([[picture.delay * 1e6, picture.doppler / 1e3]]))
        k, d = picture.at
        self.delay_cut.setData(self._delays, decibels[k])
        self.doppler_cut.setData(decibels[:, d], self._dopplers)
        self._set_title(picture.matched)
        self.panel.show_values(
            {
                "Frame": str(picture.frame),
                "Peak delay": figure(picture.delay * 1e9, "ns"),
                "Peak range": figure(picture.delay * self._speed, "m"),
                "Peak Doppler": figure(picture.doppler / 1e3, "kHz", 2),
                "Peak": figure(float(decibels[k, d]), "dB"),
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
        style_axis(axis, "excess range [m]", self.colors)
        axis.setHeight(_TOP)
        self.plot.getAxis("left").setWidth(_LEFT)

    def _add_delay_cut(self, plots: Any) -> Any:
        plot = plots.addPlot(1, 0)
        style_plot(plot, "", "residual delay [µs]", "gain [dB]", self.colors)
        plot.setTitle(None)
        plot.getAxis("left").setWidth(_LEFT)
        plot.setXLink(self.plot)
        return self._cut(plot, plot.setYRange)

    def _add_doppler_cut(self, plots: Any) -> Any:
        plot = self._doppler_plot = plots.addPlot(0, 1)
        style_plot(plot, " ", "", "", self.colors)
        plot.hideAxis("bottom")
        plot.hideAxis("left")
        plot.showAxis("top")
        style_axis(plot.getAxis("top"), "gain [dB]", self.colors)
        plot.getAxis("top").setHeight(_TOP)
        plot.setYLink(self.plot)
        return self._cut(plot, plot.setXRange)

    def _cut(self, plot: Any, set_range: Callable[..., None]) -> Any:
        """A curve of levels in a plot."""
        plot.showGrid(x=True, y=True, alpha=0.2)
        plot.setMouseEnabled(x=False, y=False)
        set_range(*self._scale, padding=0.05)
        curve = pg.PlotCurveItem(pen=pen(self.colors.blue, 1))
        plot.addItem(curve)
        return curve


def _step(grid: NDArray[np.floating[Any]]) -> float:
    """Distance of a grid's points; a grid of one point is given some width."""
    return float(grid[1] - grid[0]) if len(grid) > 1 else 1.0
