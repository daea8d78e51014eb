# SPDX-License-Identifier: GPL-3.0-or-later
"""The angular spectrum in the live view: the power of a frame over directions of arrival."""

from collections.abc import Callable, Sequence

import numpy as np

from ..estimation import AngularSpectrum
from .display import (
    Colors,
    Display,
    Marks,
    QtCore,
    QtGui,
    QtWidgets,
    figure,
    pen,
    pg,
    style_axis,
    style_plot,
)
from .pictures import AngularPicture

__all__ = ["AngularWidget"]

_CELLS = (("Peak direction", "Off the truth", "Peak power"),)


class AngularWidget(Display):
    """Draws an `AngularPicture`.

    Parameters
    ----------
    spectrum
        its grid.
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
        spectrum: AngularSpectrum,
        newest: Callable[[], AngularPicture | None],
        update_rate: float | None,
        colors: Colors,
        rows: Sequence[Sequence[str]] = _CELLS,
    ) -> None:
        super().__init__(newest, update_rate, colors)
        symbols, _, chains = spectrum.model.shape
        scale = (-10.0, 10 * np.log10(symbols * chains))
        step = spectrum.axis[1] - spectrum.axis[0]
        plots = self.add_plots()
        self.plot = plots.addPlot()
        style_plot(
            self.plot, "Angular spectrum", "direction cosine u_x", "direction cosine u_y", colors
        )
        self.plot.setAspectLocked(True)
        self.image = pg.ImageItem(levels=scale)
        self.image.setColorMap(pg.colormap.get("viridis"))
        self._rectangle = pg.QtCore.QRectF(-1 - step / 2, -1 - step / 2, 2 + step, 2 + step)
        self.plot.addItem(self.image)
        self.plot.setRange(pg.QtCore.QRectF(-1.05, -1.05, 2.1, 2.1), padding=0.0)
        self.plot.addItem(_surroundings(colors))
        turn = np.linspace(0, 2 * np.pi, 181)
        # the edge of what can be seen, and 30 and 60 degrees off the array's axis
        for radius, color, width in (
            (1.0, colors.faint, 1.5),
            (np.sqrt(0.75), "#ffffff80", 1),
            (0.5, "#ffffff80", 1),
        ):
            circle = radius * np.cos(turn), radius * np.sin(turn)
            self.plot.addItem(pg.PlotCurveItem(*circle, pen=pen(color, width)))
        self.marks = Marks(colors)
        self.plot.addItem(self.marks)
        bar = pg.ColorBarItem(values=scale, colorMap="viridis", interactive=False, width=14)
        bar.setImageItem(self.image, insert_in=self.plot)
        style_axis(bar.getAxis("right"), "gain over white noise [dB]", colors)
        self.add_note(
            "◯ peak &nbsp;&nbsp; ✚ true direction &nbsp;&nbsp; "
            f'<span style="color:{colors.vermilion}">○</span> paths found &nbsp;&nbsp; '
            "circles: 30°, 60°, 90° off axis"
        )
        self.panel = self.add_panel(rows)
        self.setMinimumSize(320, 320)

    def draw(self, picture: AngularPicture) -> None:
        decibels = 10 * np.log10(np.maximum(picture.gain, 1e-3)).astype(np.float32)
        self.image.setImage(decibels, autoLevels=False)
        self.image.setRect(self._rectangle)
        peak, true = picture.peak.arrival, picture.truth
        self.marks.show_marks(peak[None], true[None], picture.paths)
        self.panel.show_values(
            {
                "Peak direction": ", ".join(figure(float(u), decimals=3) for u in peak),
                "Off the truth": figure(float(np.linalg.norm(peak - true)), decimals=3),
                "Peak power": figure(10 * np.log10(max(picture.peak.gain, 1e-3)), "dB"),
            }
        )


def _surroundings(colors: Colors) -> QtWidgets.QGraphicsPathItem:
    """Cover of the picture where there are no directions."""
    path = QtGui.QPainterPath()  # of which the inside of both shapes counts as outside
    path.addRect(QtCore.QRectF(-1.2, -1.2, 2.4, 2.4))
    path.addEllipse(QtCore.QPointF(0.0, 0.0), 1.0, 1.0)
    item = QtWidgets.QGraphicsPathItem(path)
    item.setBrush(pg.mkBrush(colors.paper))
    item.setPen(pg.mkPen(None))
    return item
