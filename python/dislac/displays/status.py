# SPDX-License-Identifier: GPL-3.0-or-later
"""Status of a receiver, from what blocks behind the demodulator report of the frames."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

__all__ = ["Status", "StatusKeeper"]


@dataclass(frozen=True)
class Status:
    """State of the receiver.

    Parameters
    ----------
    state
        searching, locked or lost; empty where nobody has said.
    reason
        for the state.
    frames_used
        that have come.
    frames_skipped
        that were sent between them, and not lost.
    frames_lost
        that were reported lost.
    """

    state: str = ""
    reason: str = ""
    frames_used: int = 0
    frames_skipped: int = 0
    frames_lost: int = 0


class StatusKeeper:
    """Takes frames and events in some threads, gives the `Status` in another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._state = self._reason = ""
            self._used = self._between = self._lost = 0
            self._last: int | None = None

    def take_frames(self, newest: int, count: int = 1) -> None:
        """Takes it that `count` frames have come, the last of them with this index."""
        with self._lock:
            self._used += count
            if self._last is not None:  # an index that goes back: the transmitter has begun again
                self._between += max(0, newest - self._last - count)
            self._last = newest

    def take_event(self, event: dict[str, Any]) -> bool:
        """Something has happened, as `pmt_keys.event_from_pdu` gives it; whether it matters."""
        kind = event.get("event")
        with self._lock:
            if kind == "sync":
                self._state = str(event.get("state", ""))
                self._reason = str(event.get("reason", ""))
            elif kind == "frame_dropped":
                count = event.get("count", 1)
                self._lost += count if isinstance(count, int) else 1
            else:
                return False
        return True

    def status(self) -> Status:
        with self._lock:
            skipped = max(0, self._between - self._lost)
            return Status(self._state, self._reason, self._used, skipped, self._lost)
