# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames where tags say that they begin: of emulated streams, and of recordings of them."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from ..waveform import Numerology, Pilots
from .count import FrameCount
from .frames import Alignment, Drift, Event, Mark, Samples, Window

__all__ = ["TaggedSynchronizer"]


class TaggedSynchronizer:
    """Synchronizer that goes by marks with frames alone.

    A frame that the next one, or a time that does not go on, cuts off is lost. Until a time comes,
    time zero is the first sample of the stream.

    Parameters
    ----------
    numerology, pilots
        of the frames.
    every
        frames with an index that this divides are used.
    later
        samples from a mark to the frame itself: marks say where the first transmitter's is.
    drift
        see `TimedSynchronizer`.
    """

    def __init__(
        self,
        numerology: Numerology,
        pilots: Pilots,
        *,
        every: int = 1,
        later: int = 0,
        drift: Callable[[int], Drift] | None = None,
    ) -> None:
        self._numerology = numerology
        self._later, self._drift = later, drift
        self._count = FrameCount(pilots, every)
        self._clock = 0  # samples since time zero of a sample, less its offset
        self._current: tuple[int, int] | None = None  # index of the frame that is wanted, and start
        self.events: list[Event] = []

    @property
    def frames_skipped(self) -> int:
        """Frames that were not to be used."""
        return self._count.skipped

    @property
    def window(self) -> Window | None:
        if self._current is None:
            return None
        return Window(self._current[1], self._numerology.frame_length)

    def take(self, samples: Samples) -> Alignment | None:
        assert self._current is not None
        if not np.isfinite(samples).all():
            self._drop("holds values that are not finite")
            return None
        index, start = self._current
        self._current = None
        drift = Drift() if self._drift is None else self._drift(index)
        time = (start + self._clock) / self._numerology.sample_rate
        return drift.alignment(index, start, time, self._numerology.frame_length)

    def mark(self, mark: Mark) -> bool:
        cut = False
        if mark.time is not None:
            whole, fraction = mark.time
            since = (whole + Fraction(fraction)) * Fraction(self._numerology.sample_rate)
            clock = round(since) - mark.offset
            cut = clock != self._clock and self._drop("cut off by a gap")
            self._clock = clock
        if mark.frame is not None:
            cut |= self._drop("cut off by the next frame")
            if self._count.is_used(mark.frame):
                self._current = mark.frame, mark.offset + self._later
            else:
                self._count.skipped += 1
        return cut

    def finish(self, end: int) -> None:
        self._drop("cut off by the end of the stream")

    def use_every(self, every: int) -> None:
        self._count.every = every

    def _drop(self, reason: str) -> bool:
        """Give the wanted frame up; False if there is none."""
        if self._current is None:
            return False
        details = {"frame": self._current[0], "count": 1, "reason": reason}
        self.events.append(Event("frames_lost", details))
        self._current = None
        return True
