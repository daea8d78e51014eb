# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames out of streams: what a synchronizer asks for, and how its frames are set right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..waveform import Numerology, demodulate

__all__ = [
    "Alignment",
    "Drift",
    "Event",
    "FrameReader",
    "Mark",
    "Synchronizer",
    "Window",
    "aligned_grid",
]

Samples = NDArray[np.complex64]


class Window(NamedTuple):
    """Samples `start` to `start + length` of all streams."""

    start: int
    length: int


class Mark(NamedTuple):
    """The stream goes on at a sample, after a gap or not; its time (whole and fractional seconds),
    or None where that is not known; and the index of the frame that begins there, None where it is
    not known that one does."""

    offset: int
    time: tuple[int, float] | None
    frame: int | None = None


class Event(NamedTuple):
    """Something that has happened: its name, and details."""

    name: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Alignment:
    """Position of a frame in the streams, and corrections that set it right.

    Parameters
    ----------
    index
        of the frame.
    start
        sample at which the window of the frame begins.
    delay
        by how much later the frame begins [samples].
    dilation
        by how much that delay grows a sample.
    carrier
        by how much the frame's carrier lies too high [Hz].
    time
        when the frame begins [s], on the clock that the synchronizer goes by.
    """

    index: int
    start: int
    delay: float
    dilation: float
    carrier: float
    time: float


class Drift(NamedTuple):
    """Drift of a frame that a receiver takes off who knows how the nodes move.

    delay: by how much the frame's middle comes later than its place [samples]; dilation: by how
    much that grows a sample; carrier: by how much the frame's carrier lies too high [Hz].
    """

    delay: float = 0.0
    dilation: float = 0.0
    carrier: float = 0.0

    def alignment(
        self, index: int, start: int, time: float, length: int, late: float = 0.0
    ) -> Alignment:
        """The alignment of a frame of some samples that begins `late` samples after `start`."""
        delay = late + self.delay - self.dilation * length / 2
        return Alignment(index, start, delay, self.dilation, self.carrier, time)


class Synchronizer(Protocol):
    """Finder of frames: it looks at windows of the streams, one after the other.

    `events` is what has happened since it was last emptied. Frames that should have been used and
    were not come as events ``frames_lost`` with frame, count and reason.
    """

    events: list[Event]

    @property
    def frames_skipped(self) -> int:
        """Frames that were sent and were not to be used."""
        ...

    @property
    def window(self) -> Window | None:
        """Window that it wants to see next; None: nothing before the next mark."""
        ...

    def take(self, samples: Samples) -> Alignment | None:
        """Looks at the window; where its frame begins, if it holds one that can be used."""
        ...

    def mark(self, mark: Mark) -> bool:
        """Takes note of a mark; whether the window in front of it ends there."""
        ...

    def finish(self, end: int) -> None:
        """Takes note of the end of the streams."""
        ...

    def use_every(self, every: int) -> None:
        """Uses the frames with an index that this divides, behind the one that is wanted next."""
        ...


class FrameReader:
    """Cuts windows out of streams as a synchronizer asks for them, whatever the streams' pieces.

    Samples outside the windows are not looked at.
    """

    def __init__(self, synchronizer: Synchronizer, chains: int) -> None:
        self.synchronizer = synchronizer
        self.position = 0
        self._held = np.empty((chains, 0), np.complex64)
        self._begin = self._end = 0  # which samples are held
        self._length = 0  # of the window they are held for
        self._marked = -1

    def read(
        self,
        streams: Sequence[Samples],
        begin: int,
        marks: Sequence[Mark] = (),
        most: int | None = None,
    ) -> Iterator[tuple[Alignment, Samples]]:
        """Frames of a piece of the streams that begins at sample `begin`.

        `position` is then how far it has come: always to the end of the piece, but for when it
        stops after `most` frames. Give what it has not come to once more, and its marks.

        Yields
        ------
        tuple[Alignment
            alignment and samples (chains, frame length), which the next frame overwrites.
        """
        end = begin + min(map(len, streams))
        found = 0
        for border, mark in [*((m.offset, m) for m in sorted(marks)), (end, None)]:
            if mark is not None and border <= self._marked:
                continue
            while self._gather(streams, begin, border):
                samples = self._held[:, : self._length]
                alignment = self.synchronizer.take(samples)
                if alignment is not None:
                    yield alignment, samples
                    found += 1
                    if most is not None and found >= most:
                        return
            if mark is not None:
                self._marked = border
                if self.synchronizer.mark(mark):
                    self._begin = self._end = self.position = max(self.position, border)

    def finish(self) -> None:
        """The streams have ended."""
        self.synchronizer.finish(self.position)

    def _gather(self, streams: Sequence[Samples], begin: int, border: int) -> bool:
        """Takes samples up to a border; whether the window is full."""
        window = self.synchronizer.window
        if window is None or window.start >= border:
            self._begin = self._end = self.position = border
            return False
        self._hold_from(window)
        end = window.start + window.length
        count = min(border, end) - self._end
        if count > 0:
            here, place = self._end - self._begin, self._end - begin
            for row, stream in zip(self._held, streams, strict=True):
                row[here : here + count] = stream[place : place + count]
            self._end += count
        self.position = max(self.position, self._end)
        self._length = window.length
        return self._end >= end

    def _hold_from(self, window: Window) -> None:
        """Forgets what lies before a window, and makes room for it."""
        assert window.start >= min(self._begin, self.position), "what is past does not come back"
        if window.start >= self._end:
            self._begin = self._end = window.start
        kept = self._held[:, window.start - self._begin : self._end - self._begin]
        if window.length > self._held.shape[1]:
            self._held = np.empty((len(self._held), window.length), np.complex64)
        elif window.start == self._begin:
            return
        self._held[:, : kept.shape[1]] = kept.copy()
        self._begin = window.start


def aligned_grid(samples: Samples, alignment: Alignment, numerology: Numerology) -> Samples:
    """Resource grids (chains, Ms, Nsc) of a frame's samples (chains, frame length), set right.

    The carrier offset is taken off sample by sample, because what of it turns within a symbol
    makes subcarriers interfere; the delay, and what the frame's clock gains from symbol to symbol,
    as phases that run with the subcarrier.
    """
    if alignment.carrier:
        turns = np.arange(samples.shape[1]) * (-alignment.carrier / numerology.sample_rate)
        samples = samples * np.exp(2j * np.pi * turns).astype(np.complex64)
    grid = demodulate(samples, numerology)
    if alignment.delay or alignment.dilation:
        first = numerology.symbol_starts + numerology.prefixes - numerology.window_advance
        middle = first + numerology.fft_size / 2
        delay = (alignment.delay + alignment.dilation * middle) / numerology.sample_rate
        grid *= np.exp(2j * np.pi * np.outer(delay, numerology.frequencies)).astype(np.complex64)
    return grid
