# SPDX-License-Identifier: GPL-3.0-or-later
"""What the live displays share: colours, axes, and a panel of numbers.

Imports Qt, so it is imported by what is about to show a window, and by nothing else.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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


_REST = 9.0
"""Times that the widgets' thread rests as long as it has worked: a tenth of a core at most."""


@dataclass(frozen=True)
class Colors:
    """Okabe and Ito's colours, which colour-blind people tell apart."""

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

    Raises:
        ValueError: there is no such theme.
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
    """Numbers with a caption over each, in rows."""

    def __init__(self, rows: Sequence[Sequence[str]], colors: Colors) -> None:
        super().__init__()
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(8, 2, 8, 4)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(0)
        self._values: dict[str, Any] = {}
        for y, row in enumerate(rows):
            for x, caption in enumerate(row):
                if not caption:
                    continue
                title, value = QtWidgets.QLabel(caption), QtWidgets.QLabel("–")
                title.setIndent(0)
                value.setIndent(0)
                title.setStyleSheet(f"color: {colors.faint}; font-size: 12px;")
                value.setStyleSheet(f"color: {colors.ink}; font-size: 15px; font-weight: 600;")
                grid.addWidget(title, 2 * y, x)
                grid.addWidget(value, 2 * y + 1, x)
                grid.setColumnStretch(x, 1)
                self._values[caption] = value

    def show_values(self, values: dict[str, str]) -> None:
        for caption, text in values.items():
            if self._values[caption].text() != text:
                self._values[caption].setText(text)

    def texts(self) -> dict[str, str]:
        """What stands under each caption."""
        return {caption: label.text() for caption, label in self._values.items()}


class Display(QtWidgets.QWidget):
    """A widget that looks for something new a few times a second, while it can be seen.

    What it costs is limited, too: it looks no sooner than the thread of the widgets has rested
    for `_REST` times as long as it has worked since the last look.

    Args:
        newest: gives what there is to show, or None if that is what it gave before. It is asked
            in the thread of the widgets, so blocks hand nothing over but leave it lying.
        update_rate: how often [Hz]; None: never, somebody else calls `draw`.
        colors: of the theme.
    """

    def __init__(
        self, newest: Callable[[], Any], update_rate: float | None, colors: Colors
    ) -> None:
        if QtWidgets.QApplication.instance() is None:
            raise RuntimeError(
                "a display needs a QApplication; choose QT GUI in the flowgraph's options"
            )
        super().__init__()
        self._newest = newest
        self.colors = colors
        self._worked, self._since = time.thread_time(), time.monotonic()
        self._timer = None
        if update_rate is not None:
            self._timer = QtCore.QTimer(self)
            self._timer.setInterval(max(1, round(1000 / update_rate)))
            self._timer.timeout.connect(self._tick)
        self.setAttribute(QtCore.Qt.WA_StyledBackground)
        self.setObjectName("display")
        self.setStyleSheet(f"#display {{ background: {colors.paper}; }}")
        self._layout = QtWidgets.QVBoxLayout(self)
        self._layout.setContentsMargins(4, 4, 4, 4)
        self._layout.setSpacing(2)

    def add_plots(self) -> Any:
        """Room for plots, which takes all the space that there is."""
        plots = pg.GraphicsLayoutWidget()
        plots.setBackground(self.colors.paper)
        plots.ci.setContentsMargins(4, 4, 4, 0)
        plots.ci.layout.setSpacing(8)
        plots.setFrameShape(QtWidgets.QFrame.NoFrame)
        self._layout.addWidget(plots, 1)
        return plots

    def add_note(self, text: str) -> Any:
        """A line of small print, in which plots are explained."""
        label = QtWidgets.QLabel(text)
        label.setAlignment(QtCore.Qt.AlignCenter)
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
    if label:
        axis.setLabel(label, color=colors.ink, **{"font-size": "10pt"})
