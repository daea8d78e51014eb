# SPDX-License-Identifier: GPL-3.0-or-later
"""A live map of the fixes."""

from typing import Any

from gnuradio import gr

from ...displays.track import TrackKeeper
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, message_handler

__all__ = ["position_map"]


class position_map(Guarded, gr.basic_block):
    """Shows fixes (PDU on the port `fix`) on a map, in a Qt window, as they come.

    The whole scene and a close-up: base station, true position where it is known, the fix with its
    95 % ellipse, those before it (the older the fainter), the ray along which the echo came, and
    the places that its delay allows, at the target's height. Under them the numbers. Both maps can
    be dragged and zoomed; "View All" of their menu lets them follow again.

    Parameters
    ----------
    scenario
        nodes come from here, and the truth if it is known.
    trail
        how many fixes are kept in sight, 1 or more.
    update_rate
        how often the window is drawn again at most [Hz].
    theme
        "light" or "dark".

    Raises
    ------
    ValueError
        the trail or the update rate is not positive, or there is no such theme.
    """

    def __init__(
        self,
        scenario: Scenario,
        trail: int = 100,
        update_rate: float = 10.0,
        theme: str = "light",
    ) -> None:
        if trail < 1 or not update_rate > 0:
            raise ValueError(
                f"trail is {trail} and update_rate {update_rate}; both must be positive"
            )
        # Needs Qt, which is nobody's business but a window's
        from ...displays.display import colors_of
        from ...displays.position_map_widget import PositionMapWidget

        gr.basic_block.__init__(self, "position_map", None, None)
        self.prepare()
        self.take_messages(pmt_keys.FIX, self.handle_fix)
        self._keeper = TrackKeeper(trail)
        self._widget = PositionMapWidget(
            scenario, self._keeper.newest, update_rate, colors_of(theme)
        )

    def qwidget(self) -> Any:
        """The window, to be put into a layout."""
        return self._widget

    def begin(self) -> None:
        self._keeper.clear()

    @message_handler
    def handle_fix(self, message: Any) -> None:
        self._keeper.add(pmt_keys.fix_from_pdu(message))
