# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames where the clock says they are: of radios whose time is right."""

from collections.abc import Callable
from math import ceil, floor

import numpy as np

from ..waveform import Numerology, Pilots
from .count import FrameCount
from .frames import Alignment, Drift, Event, Mark, Samples, Window

__all__ = ["TimedSynchronizer"]

CUT = 0.5
"""Samples by which the time of a mark may differ from what was expected without a gap."""


class TimedSynchronizer:
    """Synchronizer that goes by the times of marks alone.

    Frame k is due `first + k frame_period` samples after time zero. A gap cuts the frame that it
    lies in; frames that it swallows are lost. A time that goes back is another beginning: the state
    is ``lost``, then ``locked`` again, and frames have the numbers that the clock says from there
    on, be it once more. All frames from the first that is due after a beginning are used, lost or
    skipped.

    Parameters
    ----------
    numerology, pilots
        of the frames.
    first
        samples from time zero until frame 0 is due.
    time_zero
        what the marks' clock shows at time zero [s].
    every
        frames with an index that this divides are used.
    drift
        what is known of how frame k comes, such as that the reference link's delay grows while the
        transmitter holds the advance that is right in the frame's middle; None: exactly where it is
        due.
    """

    def __init__(
        self,
        numerology: Numerology,
        pilots: Pilots,
        *,
        first: int = 0,
        time_zero: float = 0.0,
        every: int = 1,
        drift: Callable[[int], Drift] | None = None,
    ) -> None:
        self._numerology = numerology
        self._first, self._drift = first, drift
        self._count = FrameCount(pilots, every)
        self._zero = floor(time_zero), time_zero - floor(time_zero)
        self._offset = 0  # of the last mark with a time
        self._since: float | None = None  # samples since time zero that it says
        self._next: int | None = None  # frame whose window is wanted
        self._start, self._delay = 0, 0.0
        self.events = [Event("sync", {"state": "searching", "reason": "no rx_time yet"})]

    @property
    def frames_skipped(self) -> int:
        """Frames that were not to be used."""
        return self._count.skipped

    @property
    def window(self) -> Window | None:
        if self._next is None:
            return None
        return Window(self._start, self._numerology.frame_length)

    def take(self, samples: Samples) -> Alignment | None:
        assert self._next is not None
        index = self._next
        due = self._first + index * self._numerology.frame_period
        time = due / self._numerology.sample_rate
        drift = Drift() if self._drift is None else self._drift(index)
        length = self._numerology.frame_length
        found = drift.alignment(index, self._start, time, length, self._delay)
        self._want(index + 1)
        if np.isfinite(samples.view(np.float32).sum()):
            return found
        self._lost(index, 1, "holds values that are not finite")
        return None

    def mark(self, mark: Mark) -> bool:
        if mark.time is None:
            return False
        rate = self._numerology.sample_rate
        whole, fraction = mark.time
        count = (whole - self._zero[0]) * rate + (fraction - self._zero[1]) * rate
        missing = 0.0
        if self._since is not None:
            missing = count - self._since - (mark.offset - self._offset)
        known = self._since is not None
        self._offset, self._since = mark.offset, count
        if known and abs(missing) < CUT:
            return False
        period = self._numerology.frame_period
        due = max(ceil((count - self._first - CUT) / period), 0)
        cut = self._next is not None and self._start < mark.offset
        if known and missing < 0:
            if self._next is not None and cut:
                self._lost(self._next, 1, "cut off where rx_time goes back")
            reason = f"rx_time went back by {-missing:.0f} samples"
            self.events.append(Event("sync", {"state": "lost", "reason": reason}))
            known = False
        if known:
            self.events.append(Event("gap", {"missing": round(missing)}))
            if self._next is not None:
                reason = "cut off by a gap" if cut else "in a gap"
                if event := self._count.pass_to(due, reason):
                    self.events.append(event)
                due = max(due, self._next)  # nothing was said yet of those from there on
        else:
            self.events.append(Event("sync", {"state": "locked", "reason": "rx_time"}))
        self._want(due)
        return True

    def finish(self, end: int) -> None:
        if self._next is not None and self._start < end:
            self._lost(self._next, 1, "cut off by the end of the stream")
        self._next = None

    def use_every(self, every: int) -> None:
        self._count.every = every

    def _want(self, index: int) -> None:
        """Ask for the first frame from `index` on that is used."""
        assert self._since is not None
        self._count.restart(index)
        self._next = self._count.next_used(index)
        if self._next is None:
            return
        self._count.pass_to(self._next, "")  # none of those between is lost
        due = self._first + self._next * self._numerology.frame_period
        begin = self._offset + (due - self._since)
        self._start = round(begin)
        self._delay = begin - self._start

    def _lost(self, frame: int, count: int, reason: str) -> None:
        details = {"frame": frame, "count": count, "reason": reason}
        self.events.append(Event("frames_lost", details))
