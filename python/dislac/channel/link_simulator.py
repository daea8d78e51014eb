# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames through pre-compensation and channel, without a look at the pauses between them."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from ..dsp.stream import CELL, CHUNK, Chunk, Samples, padded_empty
from .emulator import ChannelEmulator
from .precompensation import Precompensator

__all__ = ["LinkSimulator", "TransmitFrame"]


@dataclass(frozen=True)
class TransmitFrame:
    """A frame: its index, the sample at which it enters, the one at which it begins at the
    receiver, and its samples (chains, n)."""

    index: int
    start: int
    due: int
    samples: NDArray[np.complex64]


class LinkSimulator:
    """The samples that a receiver gets of frames, chunk by chunk; the same bits as of streams.

    Between streams the pauses cost most: they are written, looked through and copied by each
    stage. Here chunks go from stage to stage with a list of where they sound.

    Parameters
    ----------
    frames
        in order, not overlapping, perhaps without end.
    end
        number of samples, less than a chunk of which may be left out, before it is over; None for
        no end.
    precompensator
        None for none.
    emulator
        the channel.
    """

    def __init__(
        self,
        frames: Iterable[TransmitFrame],
        end: int | None,
        precompensator: Precompensator | None,
        emulator: ChannelEmulator,
    ) -> None:
        self.emulator = emulator
        self.frames_sent = 0
        self._end = end
        self._precompensator = precompensator
        self._due: deque[tuple[int, int]] = deque()
        self._made = self._make(frames)

    def receive(self, rows: Sequence[Samples]) -> list[tuple[int, int]] | None:
        """Write the next chunk to rows of `CHUNK` samples.

        Returns
        -------
        list[tuple[int, int]] | None
            Start (sample index) and index of each frame that begins in it; None at the end, when
            nothing has been written.
        """
        index = next(self._made, None)
        if index is None:
            return None
        self.emulator.deliver(index, rows)
        begun = []
        while self._due and self._due[0][0] < (index + 1) * CHUNK:
            begun.append(self._due.popleft())
        return begun

    def _make(self, frames: Iterable[TransmitFrame]) -> Iterator[int]:
        """Indices of chunks, as they can be delivered."""
        for chunk in self._sent(iter(frames)):
            stages = [chunk] if self._precompensator is None else self._precompensator.feed(chunk)
            for early in stages:
                for made in self.emulator.feed(early):
                    yield made.index

    def _sent(self, frames: Iterator[TransmitFrame]) -> Iterator[Chunk]:
        """The frames in chunks of silence."""
        samples: Samples | None = None
        active: list[slice] = []
        frame = next(frames, None)
        for index in count():
            begin, end = index * CHUNK, (index + 1) * CHUNK
            if self._end is not None and end > self._end:
                return
            if samples is None:
                samples = padded_empty(
                    self.emulator.inputs if frame is None else len(frame.samples)
                )
                samples[:] = 0
            for segment in active:
                samples[:, segment] = 0
            active = []
            while frame is not None and frame.start < end:
                if frame.start >= begin:
                    self._due.append((frame.due, frame.index))
                    self.frames_sent += 1
                length = frame.samples.shape[1]
                a, b = max(begin, frame.start), min(end, frame.start + length)
                samples[:, a - begin : b - begin] = frame.samples[
                    :, a - frame.start : b - frame.start
                ]
                cells = slice((a - begin) // CELL * CELL, -((begin - b) // CELL) * CELL)
                if active and active[-1].stop >= cells.start:
                    cells = slice(active.pop().start, cells.stop)
                active.append(cells)
                if frame.start + length > end:
                    break
                frame = next(frames, None)
            yield Chunk(index, samples, active)
