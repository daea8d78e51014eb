# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of `live_view`: state of the receiver, map, matched filter, angular spectrum."""

from collections.abc import Callable
from typing import NamedTuple

from ..scenario import Scenario
from .angular_widget import AngularWidget
from .delay_doppler_widget import DelayDopplerWidget
from .display import Colors, Display, QtCore, QtWidgets
from .pictures import AngularPicture, DelayDopplerPicture, Pictures
from .position_map_widget import PositionMapWidget
from .status import Status
from .track import Track

__all__ = ["LiveWidget", "News"]

_MAP = (
    ("Status", "Frame", "Time"),
    ("East", "North", "Up"),
    ("Error", "RMS error", "Bound"),
    ("Residual delay", "Residual Doppler", "Fixes"),
    ("Without a fix",),
)
_DELAY_DOPPLER = (("Peak delay", "Peak range", "Peak Doppler"), ("Peak", "Frame"))
_ANGULAR = (("Peak direction", "Off the truth", "Peak power"),)


class News(NamedTuple):
    """News to show; None for what is not new."""

    status: Status
    track: Track | None
    delay_doppler: DelayDopplerPicture | None
    angular: AngularPicture | None


class LiveWidget(Display):
    """Draws `News`.

    Parameters
    ----------
    scenario
        nodes and, where it is known, the truth.
    pictures
        their grids.
    newest
        gives the news, or None.
    update_rate
        how often it is asked [Hz].
    colors
        of the theme.
    """

    def __init__(
        self,
        scenario: Scenario,
        pictures: Pictures,
        newest: Callable[[], News | None],
        update_rate: float,
        colors: Colors,
    ) -> None:
        super().__init__(newest, update_rate, colors)

        def never() -> None:
            return None

        self.map = PositionMapWidget(scenario, never, None, colors, _MAP)
        self.delay_doppler = DelayDopplerWidget(
            pictures.matched_filter, scenario.propagation_speed, never, None, colors, _DELAY_DOPPLER
        )
        self.spectrum = AngularWidget(pictures.spectrum, never, None, colors, _ANGULAR)
        self.header = self._add_header()
        grid = QtWidgets.QGridLayout()
        grid.setSpacing(2)
        grid.addWidget(self.map, 0, 0)
        grid.addWidget(self.spectrum, 0, 1)
        grid.addWidget(self.delay_doppler, 1, 0)
        numbers = QtWidgets.QVBoxLayout()
        for widget in (self.map, self.delay_doppler, self.spectrum):
            numbers.addWidget(widget.panel)  # taken from under its plots
            widget.setMinimumSize(280, 240)
        numbers.addStretch(1)
        grid.addLayout(numbers, 1, 1)
        for place, share in enumerate((5, 3)):
            grid.setColumnStretch(place, share)
            grid.setRowStretch(place, 1)
        self._layout.addLayout(grid, 1)
        self.setMinimumSize(960, 640)

    def draw(self, news: News) -> None:
        self._show_state(news.status)
        if news.track is not None:
            self.map.draw(news.track)
        if news.delay_doppler is not None:
            self.delay_doppler.draw(news.delay_doppler)
        if news.angular is not None:
            self.spectrum.draw(news.angular)

    def _add_header(self) -> QtWidgets.QWidget:
        header = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(header)
        row.setContentsMargins(8, 0, 8, 0)
        self.state, self.reason = QtWidgets.QLabel(), QtWidgets.QLabel()
        self.state.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.state.setFixedSize(110, 26)
        self.reason.setStyleSheet(f"color: {self.colors.ink}; font-size: 13px;")
        self.counters = {}
        row.addWidget(self.state)
        row.addWidget(self.reason, 1)
        for name in ("used", "skipped", "lost"):
            label = self.counters[name] = QtWidgets.QLabel()
            label.setStyleSheet(f"color: {self.colors.ink}; font-size: 13px;")
            row.addWidget(label)
            row.addSpacing(12)
        self._layout.addWidget(header)
        self._show_state(Status())
        return header

    def _show_state(self, status: Status) -> None:
        colors = self.colors
        ground = {
            "searching": colors.orange,
            "locked": colors.green,
            "lost": colors.vermilion,
        }.get(status.state, colors.faint)
        text = (status.state or "by tags").upper()
        if self.state.text() != text:
            self.state.setText(text)
            self.state.setStyleSheet(
                f"background: {ground}; color: {colors.paper}; border-radius: 4px; "
                "font-size: 13px; font-weight: 600;"
            )
        reason = status.reason or ("" if status.state else "frames are found by their tags")
        if self.reason.text() != reason:
            self.reason.setText(reason)
            self.reason.setToolTip(reason)
        for name, label in self.counters.items():
            text = f"{name} <b>{getattr(status, f'frames_{name}')}</b>"
            if label.text() != text:
                label.setText(text)
