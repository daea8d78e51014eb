# SPDX-License-Identifier: GPL-3.0-or-later
"""Beams that switch from symbol to symbol."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..dsp.stream import StreamError

__all__ = ["BeamSchedule", "Segments"]


class Segments(NamedTuple):
    """Consecutive segments of equal length, in each of which the beams stay the same.

    Parameters
    ----------
    first
        where the first segment begins, counted from the first sample asked for.
    length
        samples in each segment.
    symbol
        (segments,) symbol whose beams are in force.
    frame
        (segments,) frame to which the segment belongs, counted from that of the first sample asked
        for.
    """

    first: int
    length: int
    symbol: NDArray[np.int64]
    frame: NDArray[np.int64]


@dataclass(frozen=True)
class BeamSchedule:
    """Beams that change from symbol to symbol, frame after frame.

    The beams of the last symbol stay until the next frame begins. With symbols of equal length,
    sample n has those of symbol min(floor(((n - start) mod period) / symbol_length), Ms - 1).

    Parameters
    ----------
    beams
        (Ms, elements, chains) beams F_m or W_m.
    symbol_length
        samples in a symbol, cyclic prefix included; or (Ms,) in each.
    period
        samples from one frame's start to the next's.
    start
        first sample of frame 0.

    Raises
    ------
    StreamError
        the beams have another shape, or the symbols do not fit into the period.
    """

    beams: NDArray[np.complex128]
    symbol_ends: tuple[int, ...]
    period: int
    start: int = 0

    def __init__(
        self, beams: ArrayLike, symbol_length: ArrayLike, period: int, start: int = 0
    ) -> None:
        beams = np.asarray(beams, dtype=complex)
        if beams.ndim != 3 or 0 in beams.shape:
            raise StreamError(f"beams have shape {beams.shape}; (Ms, elements, chains) is needed")
        lengths = np.asarray(symbol_length)
        if lengths.ndim and lengths.shape != (len(beams),):
            raise StreamError(f"{lengths.shape} symbol lengths for {len(beams)} symbols")
        ends = np.cumsum(np.broadcast_to(lengths, len(beams)))
        if not (np.all(lengths > 0) and ends[-1] <= period):
            raise StreamError(
                f"{len(beams)} symbols of {lengths} samples do not fit into a frame period "
                f"of {period} samples"
            )
        for name, value in (
            ("beams", beams),
            ("symbol_ends", tuple(map(int, ends))),
            ("period", int(period)),
            ("start", int(start)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def constant(cls, beams: ArrayLike, period: int, start: int = 0) -> "BeamSchedule":
        """The same beams (elements, chains) for ever; frames only count the time."""
        return cls(np.asarray(beams)[None], period, period, start)

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """Endpoint of each symbol in a frame, period and start, as compiled loops want them."""
        return np.array([*self.symbol_ends, self.period, self.start])

    @property
    def elements(self) -> int:
        """Antenna elements."""
        return self.beams.shape[1]

    @property
    def chains(self) -> int:
        """RF chains."""
        return self.beams.shape[2]

    def symbol(self, sample: ArrayLike) -> NDArray[np.int64]:
        """Symbol whose beams are in force at each sample."""
        within = (np.asarray(sample) - self.start) % self.period
        return np.asarray(np.searchsorted(self.symbol_ends[:-1], within, side="right"))

    def frame(self, sample: ArrayLike) -> NDArray[np.int64]:
        """Frame to which each sample belongs; negative before frame 0."""
        return np.asarray((np.asarray(sample) - self.start) // self.period)

    def segments(self, first: int, count: int) -> tuple[Segments, ...]:
        """The segments that make up samples first ... first + count - 1."""
        phase = (first - self.start) % self.period
        return _segments(self.symbol_ends, self.period, phase, count)


@lru_cache(maxsize=1024)
def _segments(
    symbol_ends: tuple[int, ...], period: int, phase: int, count: int
) -> tuple[Segments, ...]:
    """Segments of `count` samples that begin `phase` samples after a frame's start."""
    parts: list[tuple[int, int, int, int]] = []  # first, length, symbol, frame
    frame, symbol = 0, bisect_right(symbol_ends[:-1], phase)
    edge = phase
    while edge < phase + count:
        last = symbol == len(symbol_ends) - 1
        border = (frame + 1) * period if last else frame * period + symbol_ends[symbol]
        border = min(border, phase + count)
        parts.append((edge - phase, border - edge, symbol, frame))
        edge = border
        frame, symbol = (frame + 1, 0) if last else (frame, symbol + 1)
    found = []
    for length, group in groupby(parts, key=lambda part: part[1]):
        first, _, symbol_of, frame_of = zip(*group, strict=True)
        found.append(Segments(first[0], length, np.array(symbol_of), np.array(frame_of)))
    return tuple(found)
