# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything live, in one window."""

from typing import Any

from ...displays.status import Status, StatusKeeper
from ...displays.track import TrackKeeper
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import message_handler
from ._frame_view import FrameView

__all__ = ["live_view"]


class live_view(FrameView):
    """Shows what the receiver does, in one Qt window: its state, fixes, and the newest frame.

    On top whether the receiver is locked, and why not; and how many frames were used, skipped
    between them, and lost. Then the maps of `position_map`, the picture of `delay_doppler_view`
    with the cuts through its peak, and the power over directions of arrival, with the peak, the
    paths found and the true direction marked.

    At any rate of frames it costs a small part of one core, and never holds the flowgraph up: it
    keeps the newest frame alone, and computes and draws in the thread of the widgets, which rests
    thirteen times as long as it works.

    Parameters
    ----------
    scenario
        arrays, beams, numerology and nodes come from here, and the truth if it is known.
    trail
        how many fixes are kept in sight, 1 or more.
    update_rate
        how often the window is drawn again at most [Hz], above 0, to 20.
    theme
        "light" or "dark".

    Raises
    ------
    ValueError
        a setting is out of range.
    """

    def __init__(
        self,
        scenario: Scenario,
        trail: int = 100,
        update_rate: float = 20.0,
        theme: str = "light",
    ) -> None:
        if trail < 1 or not 0 < update_rate <= 20:
            raise ValueError(
                f"trail is {trail} and update_rate {update_rate}; the trail must be positive, the "
                "rate above 0 and at most 20"
            )
        # Needs Qt, which is nobody's business but a window's
        from ...displays.display import colors_of
        from ...displays.live_widget import LiveWidget

        super().__init__("live_view", scenario)
        for port, handler in (
            (pmt_keys.FIX, self.handle_fix),
            (pmt_keys.EVENTS, self.handle_event),
        ):
            self.message_port_register_in(port)
            self.set_msg_handler(port, handler)
        self._track = TrackKeeper(trail)
        self._status = StatusKeeper()
        self._shown = Status()
        self._widget = LiveWidget(
            scenario, self._pictures, self.news, update_rate, colors_of(theme)
        )

    def qwidget(self) -> Any:
        """The window, to be put into a layout."""
        return self._widget

    def begin(self) -> None:
        super().begin()
        self._track.clear()
        self._status.clear()

    def note_frames(self, newest: int, count: int) -> None:
        self._status.take_frames(newest, count)

    @message_handler
    def handle_fix(self, message: Any) -> None:
        self._track.add(pmt_keys.fix_from_pdu(message))

    @message_handler
    def handle_event(self, message: Any) -> None:
        self._status.take_event(pmt_keys.event_from_pdu(message))

    def news(self) -> Any:
        """News since this was last asked; None if there is none."""
        from ...displays.live_widget import News

        status, track, taken = self._status.status(), self._track.newest(), self.look()
        if status == self._shown and track is None and taken is None:
            return None
        self._shown = status
        if taken is None:
            return News(status, track, None, None)
        delay_doppler = self._pictures.delay_doppler(*taken)
        return News(status, track, delay_doppler, self._pictures.angular(*taken))
