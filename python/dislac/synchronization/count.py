# SPDX-License-Identifier: GPL-3.0-or-later
"""Account of a stream's frames: each is used, lost or skipped."""

from ..waveform import Pilots
from .frames import Event

__all__ = ["FrameCount"]


class FrameCount:
    """Frames that `every` divides and that are sent are to be used; others are skipped.

    Parameters
    ----------
    pilots
        Of the frames; they say which are sent.
    every
        Frames with an index that this divides are used.

    Attributes
    ----------
    accounted
        Frames before this one have been used, lost or skipped.
    skipped
        Frames that were not to be used.

    Examples
    --------
    Of the frames 0 to 4, of which every second one is wanted, three are lost.

    >>> from gnuradio.dislac.synchronization.count import FrameCount
    >>> from gnuradio.dislac.waveform import make_pilots
    >>> count = FrameCount(make_pilots("zadoff-chu", 8, 32, chains=1), every=2)
    >>> count.pass_to(5, "overrun").details
    {'frame': 0, 'count': 3, 'reason': 'overrun'}
    >>> count.skipped
    2
    """

    def __init__(self, pilots: Pilots, every: int = 1) -> None:
        self._pilots, self.every = pilots, every
        self.accounted = 0
        self.skipped = 0

    def is_used(self, index: int) -> bool:
        """Return true for a frame that is to be used."""
        return index % self.every == 0 and self._pilots.sends(index)

    def next_used(self, index: int, every: int | None = None) -> int | None:
        """First frame from `index` on that `every` divides and that is sent, None if none is."""
        every = every or self.every
        first = -(-index // every) * every
        tries = range(first, first + every * len(self._pilots.sent), every)
        return next((k for k in tries if self._pilots.sends(k)), None)

    def restart(self, index: int) -> None:
        """Count frames from `index` on; nothing is said of those before."""
        self.accounted = index

    def pass_to(self, index: int, reason: str) -> Event | None:
        """Account for the frames before `index` that nothing was said of.

        Returns
        -------
        Event | None
            ``frames_lost``, if there are some among them that were to be used.
        """
        if index <= self.accounted:
            return None
        used = self._used_before(index) - self._used_before(self.accounted)
        self.skipped += index - self.accounted - used
        first = self.next_used(self.accounted)
        self.accounted = index
        if not used:
            return None
        return Event("frames_lost", {"frame": first, "count": used, "reason": reason})

    def _used_before(self, index: int) -> int:
        """Frames from 0 to `index` - 1 that are to be used."""
        every = self.every
        cycle = [self._pilots.sends(k * every) for k in range(len(self._pilots.sent))]
        rounds, rest = divmod(-(-index // every), len(cycle))
        return rounds * sum(cycle) + sum(cycle[:rest])
