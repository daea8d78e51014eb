# SPDX-License-Identifier: GPL-3.0-or-later
"""Order in which a stream is searched for a frame, period by period."""

from .track import CLOCK_OFFSET

__all__ = ["PeriodSearch"]

PATIENCE, PAUSE = 3, 5
"""Searches in a row that find nothing, after which one period in `PAUSE` is searched: a search
costs many times as much as to track."""

CONFIRMED_WITHIN = 8
"""Frame periods within which what a search finds must be found again."""


class PeriodSearch:
    """Search of one frame period after the other; what is found once must be found again.

    Parameters
    ----------
    period
        Frame period [samples].
    margin
        Samples before the place where a frame is due again from which it is searched.

    Attributes
    ----------
    begin
        Sample from which a whole period is searched; None while nothing is searched.
    """

    def __init__(self, period: int, margin: int) -> None:
        self._period, self._margin = period, margin
        self.begin: int | None = 0
        self._candidate: int | None = None  # where a search has found what may be a frame
        self._vain = 0  # searches in a row that found nothing

    def start(self, sample: int) -> None:
        """Search from a sample on; what was found before is forgotten."""
        self.begin, self._candidate = sample, None

    def stop(self) -> None:
        """Search no more."""
        self.begin = self._candidate = None

    def pause(self) -> None:
        """Search no more until asked again; what was found before is kept."""
        self.begin = None

    def found_nothing(self, begin: int) -> int:
        """Go on to a later period; the sample from which it is searched."""
        self._vain += 1
        self.begin = begin + self._period * (1 if self._vain < PATIENCE else PAUSE)
        return self.begin

    def found(self) -> None:
        """Take note that the last search found something."""
        self._vain = 0

    def confirms(self, place: int, begin: int) -> bool:
        """Return true if a place is some frame periods after the one found before; if not, it is
        kept, and looked for a period later."""
        if self._candidate is not None:
            passed = place - self._candidate
            periods = round(passed / self._period)
            off = abs(passed - periods * self._period)
            if 1 <= periods <= CONFIRMED_WITHIN and off <= 2 + 2 * CLOCK_OFFSET * passed:
                return True
        # Beside a frame that is cut or out of sight there are lesser places that look like one.
        self._candidate = place
        self.begin = max(place + self._period - self._margin, begin + 1)
        return False
