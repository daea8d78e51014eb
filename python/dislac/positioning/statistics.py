# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics of fixes that come without end, in bounded memory."""

import math
from collections.abc import Iterable
from typing import Generic, Self, TypeVar

import numpy as np

from .fix import Fix

__all__ = ["FixStatistics", "Thinned"]

T = TypeVar("T")


class Thinned(Generic[T]):
    """Evenly spaced items of a sequence: all of them while there are few, then one in 2, 4, 8 ...

    Parameters
    ----------
    most
        Number of items that are kept at most; even.
    """

    def __init__(self, most: int) -> None:
        self.items: list[T] = []
        self.every = 1
        self._most, self._count = most, 0

    def append(self, item: T) -> None:
        """Add an item, the next of the sequence."""
        if self._count % self.every == 0:
            if len(self.items) == self._most:
                del self.items[1::2]
                self.every *= 2
            self.items.append(item)
        self._count += 1


class FixStatistics:
    """Counts and errors of fixes, and as many of the fixes themselves as a picture can show.

    Parameters
    ----------
    fixes
        The first of them.
    most
        Number of fixes with a position that are kept at most; even.

    Attributes
    ----------
    frames, valid
        Number of frames, and of those with a position.
    last
        Latest fix, None before the first.
    last_valid
        Latest fix with a position.
    kept
        Evenly spaced fixes with a position.

    Examples
    --------
    >>> import numpy as np
    >>> from gnuradio.dislac.positioning import Fix, FixStatistics, FixStatus
    >>> found = [Fix(k, 0.0, FixStatus.OK, np.zeros(3), error=e) for k, e in enumerate((1.0, 7.0))]
    >>> statistics = FixStatistics([*found, Fix(2, 0.0, FixStatus.NO_DETECTION)])
    >>> f"{statistics.valid} of {statistics.frames}, {statistics.rms_error:.1f} m rms"
    '2 of 3, 5.0 m rms'
    """

    def __init__(self, fixes: Iterable[Fix] = (), *, most: int = 2000) -> None:
        self.frames = self.valid = 0
        self.last: Fix | None = None
        self.last_valid: Fix | None = None
        self.kept: Thinned[Fix] = Thinned(most)
        # Of more errors than these, the median is that of evenly spaced ones: 1 % off at most.
        self._errors: Thinned[float] = Thinned(1 << 15)
        self._error, self._bound = _MeanSquare(), _MeanSquare()
        for fix in fixes:
            self.add(fix)

    def add(self, fix: Fix) -> Self:
        """Count a fix."""
        self.frames += 1
        self.last = fix
        if fix.valid:
            self.valid += 1
            self.last_valid = fix
            self.kept.append(fix)
            if math.isfinite(fix.error):
                self._errors.append(float(fix.error))
            self._error.add(fix.error)
            self._bound.add(fix.bound)
        return self

    @property
    def rms_error(self) -> float:
        """Root mean square error [m], NaN where no truth is known."""
        return self._error.root()

    @property
    def median_error(self) -> float:
        """Median error [m], NaN where no truth is known."""
        return float(np.median(self._errors.items)) if self._errors.items else np.nan

    @property
    def rms_bound(self) -> float:
        """Root mean square of the Cramér-Rao bounds [m], NaN where none is known."""
        return self._bound.root()


class _MeanSquare:
    """Mean of the squares of finite numbers."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        if math.isfinite(value):
            self._sum += float(value) ** 2
            self._count += 1

    def root(self) -> float:
        return float(np.sqrt(self._sum / self._count)) if self._count else np.nan
