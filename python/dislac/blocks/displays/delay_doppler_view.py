# SPDX-License-Identifier: GPL-3.0-or-later
"""A live view of the delay-Doppler matched filter."""

from typing import Any

from ...scenario import Scenario
from ._frame_view import FrameView

__all__ = ["delay_doppler_view"]


class delay_doppler_view(FrameView):
    """Shows the newest frame vector through the delay-Doppler matched filter, in a Qt window.

    Delays are those that the scenario's estimator looks at, Dopplers as far as the symbols
    distinguish them. Levels are in decibels over what white noise of the frame's energy would have.
    Beside the picture stand the cuts through its peak. Where the receiver takes the direct path
    off, each frame's mean over the subcarriers is taken off here.

    With paths (PDUs of a path estimator on the port `paths`) the chains are combined coherently, as
    they hear the first of the newest paths. Without, |.|^2 of the chains are added up; beams that
    change from symbol to symbol then smear the Doppler.

    Parameters
    ----------
    scenario
        arrays, beams, numerology and delay window come from here.
    update_rate
        how often the window is drawn again at most [Hz]; frames in between cost next to nothing.
    theme
        "light" or "dark".

    Raises
    ------
    ValueError
        the update rate is not positive, or there is no such theme.
    """

    def __init__(self, scenario: Scenario, update_rate: float = 10.0, theme: str = "light") -> None:
        if not update_rate > 0:
            raise ValueError(f"update_rate is {update_rate}; it must be positive")
        # Needs Qt, which is nobody's business but a window's
        from ...displays.delay_doppler_widget import DelayDopplerWidget
        from ...displays.display import colors_of

        super().__init__("delay_doppler_view", scenario)
        self._widget = DelayDopplerWidget(
            self._pictures.matched_filter,
            scenario.propagation_speed,
            self.picture,
            update_rate,
            colors_of(theme),
        )

    def qwidget(self) -> Any:
        """The window, to be put into a layout."""
        return self._widget

    def picture(self) -> Any:
        """The picture of the newest frame; None if it has been taken before."""
        taken = self.look()
        return None if taken is None else self._pictures.delay_doppler(*taken)
