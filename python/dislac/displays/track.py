# SPDX-License-Identifier: GPL-3.0-or-later
"""The last fixes, kept for a display that looks at them when it has the time."""

from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ..positioning import Fix

__all__ = ["Track", "TrackKeeper"]


@dataclass(frozen=True, eq=False)
class Track:
    """Fixes and counts of the frames so far.

    Parameters
    ----------
    newest
        the last fix, with or without a position.
    positions
        (n, 3) of the last fixes that have one, oldest first [m].
    rms_error
        of those, where the truth is known [m].
    counts
        frames by outcome.
    """

    newest: Fix
    positions: NDArray[np.float64]
    rms_error: float
    counts: dict[str, int]


class TrackKeeper:
    """Takes fixes in one thread and gives their track in another.

    Parameters
    ----------
    length
        how many positions are kept.
    """

    def __init__(self, length: int) -> None:
        self._lock = Lock()
        self._kept: deque[Fix] = deque(maxlen=length)
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._newest: Fix | None = None
            self._kept.clear()
            self._counts: Counter[str] = Counter()
            self._seen = 0

    def add(self, fix: Fix) -> None:
        """Takes a fix."""
        with self._lock:
            self._newest = fix
            self._counts[fix.outcome] += 1
            if fix.valid:
                self._kept.append(fix)

    def newest(self) -> Track | None:
        """The track; None if there is nothing new since it was last asked for."""
        with self._lock:
            if self._newest is None or self._seen == self._counts.total():
                return None
            self._seen = self._counts.total()
            fix, kept, counts = self._newest, list(self._kept), dict(self._counts)
        errors = np.array([each.error for each in kept])
        return Track(
            newest=fix,
            positions=np.array([each.position for each in kept]).reshape(-1, 3),
            rms_error=float(np.sqrt(np.mean(errors**2))) if len(errors) else np.nan,
            counts=counts,
        )
