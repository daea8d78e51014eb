# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of the live displays: colours, axes, and a panel of numbers.

Imports Qt, so it is imported by what is about to show a window, and by nothing else.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from PyQt5 import QtCore, QtGui, QtWidgets  # before pyqtgraph, which takes what is there

    import pyqtgraph as pg  # isort: skip
except ImportError as error:
    raise ImportError(
        f"the live displays need PyQt5 and pyqtgraph ({error}); install the packages "
        "python3-pyqt5 and python3-pyqtgraph"
    ) from None

__all__ = [
    "Colors",
    "Display",
    "Marks",
    "Panel",
    "QtCore",
    "QtGui",
    "QtWidgets",
    "colors_of",
    "figure",
    "pen",
    "pg",
    "style_axis",
    "style_plot",
]


Floats = NDArray[np.float64]

_ROW = 38
"""Height of a caption with its number [pixels]."""

_REST = 13.0
"""Times that the widgets' thread rests as long as it has worked: a fourteenth of a core at most."""


@dataclass(frozen=True)
class Colors:
    """Okabe and Ito's colours, which colour-blind people distinguish."""

    paper: str = "#ffffff"
    ink: str = "#1f2933"
    faint: str = "#6b7785"
    blue: str = "#0072b2"
    sky: str = "#56b4e9"
    green: str = "#009e73"
    orange: str = "#e69f00"
    vermilion: str = "#d55e00"


THEMES = {
    "light": Colors(),
    "dark": Colors(
        paper="#171c23",
        ink="#e6eaef",
        faint="#98a4b1",
        blue="#3f9fdc",
        sky="#8ecdf2",
        green="#2cc295",
        vermilion="#ff7d3c",
    ),
}


def colors_of(theme: str) -> Colors:
    """The colours of a theme.

    Raises
    ------
    ValueError
        there is no such theme.
    """
    if theme not in THEMES:
        raise ValueError(f"theme is {theme!r}; there are 'light' and 'dark'")
    return THEMES[theme]


def figure(value: float, unit: str = "", decimals: int = 1) -> str:
    """A number for people; a dash for one that is not known."""
    if not np.isfinite(value):
        return "–"
    if abs(value) >= 1e5:
        decimals = 0
    return f"{value:.{decimals}f} {unit}".rstrip().replace("-", "−")


def pen(color: Any, width: float) -> Any:
    """A pen whose width [pixels] does not depend on the zoom."""
    return pg.mkPen(color, width=width)


class Panel(QtWidgets.QWidget):
    """Numbers with a caption over each, in rows.

    Painted in one go: labels would have the whole window laid out again with every number.
    """

    def __init__(self, rows: Sequence[Sequence[str]], colors: Colors) -> None:
        super().__init__()
        self._rows = rows
        self._pens = pg.mkPen(colors.faint), pg.mkPen(colors.ink)
        self._texts = {caption: "–" for row in rows for caption in row if caption}
        self._fonts = QtGui.QFont(self.font()), QtGui.QFont(self.font())
        for font, size in zip(self._fonts, (12, 15), strict=True):
            font.setPixelSize(size)
        self._fonts[1].setWeight(QtGui.QFont.DemiBold)
        self.setFixedHeight(len(rows) * _ROW + 6)
        self.setMinimumWidth(100 * max(map(len, rows)))

    def show_values(self, values: dict[str, str]) -> None:
        changed = {key: text for key, text in values.items() if self._texts[key] != text}
        if changed:
            self._texts |= changed
            self.update()

    def texts(self) -> dict[str, str]:
        """Texts under the captions."""
        return dict(self._texts)

    def paintEvent(self, event: Any) -> None:
        painter = QtGui.QPainter(self)
        column = (self.width() - 8) / max(map(len, self._rows))
        for part, (font, pen_, lower) in enumerate(
            zip(self._fonts, self._pens, (14, 32), strict=True)
        ):
            painter.setFont(font)
            painter.setPen(pen_)
            for y, row in enumerate(self._rows):
                for x, caption in enumerate(row):
                    text = self._texts[caption] if part and caption else caption
                    painter.drawText(QtCore.QPointF(8 + x * column, y * _ROW + lower), text)


class Marks(pg.GraphicsObject):
    """Rings and crosses on a picture, seen on bright and on dark ground, painted in one go."""

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self._found = pen(colors.vermilion, 2)
        none: Floats = np.zeros((0, 2))
        self._rings = self._crosses = self._dots = none

    def show_marks(
        self, rings: Floats, crosses: Floats | None = None, dots: Floats | None = None
    ) -> None:
        """Moves the marks to places (n, 2)."""
        none = np.zeros((0, 2))
        self._rings = rings
        self._crosses = none if crosses is None else crosses
        self._dots = none if dots is None else dots
        self.update()

    def boundingRect(self) -> Any:
        return self.viewRect()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()

    def paint(self, painter: Any, *_: Any) -> None:
        painter.setRenderHint(QtGui.QPainter.Antialiasing)
        to_pixels = painter.transform()
        painter.resetTransform()

        def pixels(positions: Floats) -> list[Any]:
            seen = positions[np.isfinite(positions).all(axis=1)]
            return [to_pixels.map(QtCore.QPointF(float(x), float(y))) for x, y in seen]

        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        painter.setPen(self._found)
        for at in pixels(self._dots):
            painter.drawEllipse(at, 4.5, 4.5)
        for color, ring, cross in (("#ffffff", 5, 5), ("#1f2933", 2, 2)):
            painter.setPen(pen(color, ring))
            for at in pixels(self._rings):
                painter.drawEllipse(at, 10, 10)
            painter.setPen(pen(color, cross))
            for at in pixels(self._crosses):
                x, y = at.x(), at.y()
                painter.drawLine(QtCore.QLineF(x - 7, y, x + 7, y))
                painter.drawLine(QtCore.QLineF(x, y - 7, x, y + 7))


class _Plots(pg.GraphicsLayoutWidget):
    """Plots that take the room that there is, and ask for little."""

    def sizeHint(self) -> Any:
        return QtCore.QSize(240, 160)


class Display(QtWidgets.QWidget):
    """A widget that looks for something new a few times a second, while it can be seen.

    What it costs is limited, too: it looks no sooner than the thread of the widgets has rested
    for `_REST` times as long as it has worked since the last look.

    Parameters
    ----------
    newest
        gives what there is to show, or None if that is what it gave before. It is asked in the
        thread of the widgets, so blocks hand nothing over but leave it lying.
    update_rate
        how often [Hz]; None: never, somebody else calls `draw`.
    colors
        of the theme.
    """

    def __init__(
        self, newest: Callable[[], Any], update_rate: float | None, colors: Colors
    ) -> None:
        application = QtWidgets.QApplication.instance()
        if application is None:
            raise RuntimeError(
                "a display needs a QApplication; choose QT GUI in the flowgraph's options"
            )
        super().__init__()
        self._application = application
        self._newest = newest
        self.colors = colors
        self._worked, self._since = time.thread_time(), time.monotonic()
        self._timer = None
        if update_rate is not None:
            self._timer = QtCore.QTimer(self)
            self._timer.setInterval(max(1, round(1000 / update_rate)))
            self._timer.timeout.connect(self._tick)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("display")
        self.setStyleSheet(f"#display {{ background: {colors.paper}; }}")
        self._layout = QtWidgets.QVBoxLayout(self)
        self._layout.setContentsMargins(4, 4, 4, 4)
        self._layout.setSpacing(2)

    def add_plots(self) -> Any:
        """Room for plots, which takes all the space that there is."""
        plots = _Plots()
        plots.setBackground(self.colors.paper)
        plots.ci.setContentsMargins(4, 4, 4, 0)
        plots.ci.layout.setSpacing(8)
        plots.setFrameShape(QtWidgets.QFrame.NoFrame)
        self._layout.addWidget(plots, 1)
        # Programs of Companion keep the window beyond the application, which what is drawn needs.
        self._application.aboutToQuit.connect(plots.close)
        return plots

    def add_note(self, text: str) -> Any:
        """A line of small print, in which plots are explained."""
        label = QtWidgets.QLabel(text)
        label.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        label.setWordWrap(True)
        label.setStyleSheet(f"color: {self.colors.ink}; font-size: 12px;")
        self._layout.addWidget(label)
        return label

    def add_panel(self, rows: Sequence[Sequence[str]]) -> Panel:
        panel = Panel(rows, self.colors)
        self._layout.addWidget(panel)
        return panel

    def refresh(self) -> None:
        """Shows what is new, if anything is."""
        news = self._newest()
        if news is not None:
            self.draw(news)

    def draw(self, news: Any) -> None:
        raise NotImplementedError

    def _tick(self) -> None:
        worked, now = time.thread_time(), time.monotonic()
        if now - self._since < (1 + _REST) * (worked - self._worked):
            return
        self._worked, self._since = worked, now
        self.refresh()

    def showEvent(self, event: Any) -> None:
        if self._timer is not None:
            self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        if self._timer is not None:
            self._timer.stop()
        super().hideEvent(event)


def style_plot(plot: Any, title: str, bottom: str, left: str, colors: Colors) -> None:
    """Gives a plot its title, labels and colours."""
    plot.setTitle(title, color=colors.ink, size="11pt")
    style_axis(plot.getAxis("bottom"), bottom, colors)
    style_axis(plot.getAxis("left"), left, colors)
    plot.hideButtons()


def style_axis(axis: Any, label: str, colors: Colors) -> None:
    """Gives an axis its label and colours."""
    font = QtGui.QFont()
    font.setPointSizeF(9)
    axis.setStyle(tickFont=font)
    axis.setPen(colors.faint)
    axis.setTextPen(colors.ink)
    axis.enableAutoSIPrefix(False)
    # painted again only when it changes, and not with all that it lies upon
    axis.setCacheMode(QtWidgets.QGraphicsItem.CacheMode.DeviceCoordinateCache)
    if label:
        axis.setLabel(label, color=colors.ink, **{"font-size": "10pt"})
