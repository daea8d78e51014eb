# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of a stream's samples, by the marks in it."""

from math import floor

from .frames import Mark

__all__ = ["StreamClock"]


class StreamClock:
    """Time of samples, by the newest mark that has a time.

    Parameters
    ----------
    rate
        Sample rate [Hz].
    zero
        Time of the marks' clock at time zero [s]; None where that is not known.

    Examples
    --------
    The second mark comes half a second after the first, and only 300,000 samples.

    >>> from gnuradio.dislac.synchronization import Mark
    >>> from gnuradio.dislac.synchronization.clock import StreamClock
    >>> clock = StreamClock(rate=1e6, zero=100.0)
    >>> clock.mark(Mark(offset=0, time=(100, 0.5)))
    >>> clock.time(250_000)
    0.75
    >>> clock.mark(Mark(offset=300_000, time=(101, 0.0)))
    200000.0
    """

    def __init__(self, rate: float, zero: float | None = None) -> None:
        self._rate, self._zero = rate, zero
        self._mark: tuple[int, tuple[int, float]] | None = None

    @property
    def counts_from_zero(self) -> bool:
        """True where samples since time zero are known."""
        return self._zero is not None and self._mark is not None

    def mark(self, mark: Mark) -> float | None:
        """Take a mark; how many samples are missing before it, None where that is not known."""
        if mark.time is None:
            return None
        missing = None
        if self._mark is not None:
            passed = sum(a - b for a, b in zip(mark.time, self._mark[1], strict=True))
            missing = passed * self._rate - (mark.offset - self._mark[0])
        self._mark = mark.offset, mark.time
        return missing

    def samples_since_zero(self, sample: int) -> float:
        """Samples from time zero to a sample, where that is known."""
        assert self._zero is not None and self._mark is not None
        offset, (whole, fraction) = self._mark
        since = (whole - floor(self._zero)) * self._rate + (fraction - self._zero % 1) * self._rate
        return since + sample - offset

    def time(self, sample: float) -> float:
        """Time of a sample [s]: since time zero, or by the marks if that is not known, or since the
        stream began if there are none."""
        if self._mark is None:
            return sample / self._rate
        offset, (whole, fraction) = self._mark
        if self._zero is not None:
            whole, fraction = whole - floor(self._zero), fraction - self._zero % 1
        return whole + fraction + (sample - offset) / self._rate
