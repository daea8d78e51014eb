# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams in fixed chunks: the same bits whatever the size of the caller's buffers.

Rounding depends on how samples are grouped into array operations. So every kernel works on
chunks of one size whose borders lie at fixed absolute sample indices, in buffers of its own, and
a buffering shell (`ChunkProcessor`) stands between them and the callers' buffers.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHUNK",
    "HOP",
    "HOPS",
    "ChunkProcessor",
    "History",
    "StreamError",
    "aligned_empty",
    "padded_empty",
]

HOP = 256
"""Samples over which a delay is held constant."""
HOPS = 32
"""Hops in a chunk."""
CHUNK = HOP * HOPS
"""Samples in a chunk; chunk k holds the samples k * CHUNK to (k + 1) * CHUNK - 1."""

Samples = NDArray[np.complex64]
Rows = Samples | Sequence[Samples]


class StreamError(ValueError):
    """Samples that a stream operation cannot take, or settings that it cannot follow."""


PAD = 8
"""Samples between the rows of a buffer: rows a power of two apart would share cache lines."""


def aligned_empty(shape: tuple[int, ...], dtype: Any = np.complex64) -> NDArray[Any]:
    """An uninitialised array that starts at a 64-byte border, so that equal work takes the same
    vector instructions in every process."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, dtype=np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift : shift + size].view(dtype).reshape(shape)


def padded_empty(streams: int) -> Samples:
    """An uninitialised chunk (streams, CHUNK) whose rows do not contend for the cache."""
    return aligned_empty((streams, CHUNK + PAD))[:, :CHUNK]


class History:
    """The recent past of a few streams, addressed by absolute sample index.

    It grows as needed; what lies before the index given to `forget` may be dropped.
    """

    def __init__(self, streams: int) -> None:
        self.streams = streams
        self.reset(0)

    def reset(self, end: int, lead: int = 0) -> None:
        """Forget all; hold `lead` zeros before the index `end`, where writing will begin."""
        lead = max(0, -(-lead // CHUNK) * CHUNK)
        self.end = end
        self._base = self._keep = end - lead
        self._data = aligned_empty((self.streams, 2 * lead + CHUNK + PAD))
        self._data[:, :lead] = 0

    def reserve(self, count: int) -> Samples:
        """The next `count` places of each stream, (streams, count), for the caller to fill."""
        if self.end + count - self._base > self._data.shape[1]:
            self._compact(count)
        first = self.end - self._base
        self.end += count
        return self._data[:, first : first + count]

    def view(self, first: int, count: int) -> Samples:
        """Samples first ... first + count - 1 of each stream, (streams, count)."""
        if first < self._keep or first + count > self.end:
            raise StreamError(
                f"samples {first} to {first + count - 1} are wanted, but only {self._keep} to "
                f"{self.end - 1} are held; a delay must not grow faster than time"
            )
        return self._data[:, first - self._base : first - self._base + count]

    def windows(self, first: int, length: int, rows: slice) -> Samples:
        """Overlapping windows (rows, HOPS, length) that begin at `first` and every `HOP` on."""
        self.view(first, CHUNK - HOP + length)  # is it there?
        row, column = self._data.strides
        offset = rows.start * row + (first - self._base) * column
        shape = rows.stop - rows.start, HOPS, length
        return np.ndarray(shape, np.complex64, self._data, offset, (row, HOP * column, column))

    def forget(self, before: int) -> None:
        """Allow what lies before this index to be dropped."""
        # Whole chunks only, so that a sample keeps its alignment in memory.
        self._keep = max(self._keep, self._base + (before - self._base) // CHUNK * CHUNK)

    def _compact(self, count: int) -> None:
        live = self.end - self._keep
        old = self._data[:, self._keep - self._base : self.end - self._base]
        # With room for twice what is kept, the move does not overlap itself, and each sample
        # is moved about once.
        if 2 * live + count > self._data.shape[1]:
            size = -(-(2 * live + count) // CHUNK) * CHUNK
            self._data = aligned_empty((self.streams, size + PAD))
        self._data[:, :live] = old
        self._base = self._keep


class ChunkProcessor(ABC):
    """A stream operation with some input and output streams, made chunk by chunk.

    Output sample n and input sample n carry the same time n / fs since the epoch. The first
    sample given and the first returned have the index `start`; before it the input was zero.
    Output comes in chunks that end at multiples of `CHUNK`, as soon as the input they need
    is there. A subclass says what that is (`_required`) and makes a chunk (`_make`).

    Args:
        inputs, outputs: number of streams.
        start: index of the first sample.
    """

    def __init__(self, inputs: int, outputs: int, start: int) -> None:
        if start < 0:
            raise StreamError(f"start is {start}; the index of a sample must not be negative")
        self.inputs, self.outputs, self.start = inputs, outputs, start
        self._input = History(inputs)
        self._chunk = padded_empty(outputs)

    @abstractmethod
    def _required(self, index: int) -> int:
        """End of the input (absolute index) without which chunk `index` cannot be made."""

    @abstractmethod
    def _make(self, index: int, out: Samples) -> None:
        """Write chunk `index` to `out` (outputs, CHUNK)."""

    def _lead(self, index: int) -> int:
        """How many zeros before chunk `index` are needed to make it."""
        return 0

    def reset(self) -> None:
        """Begin anew at `start`."""
        self._index = self.start // CHUNK
        self._skip = self.start % CHUNK
        self._input.reset(self._index * CHUNK, self._lead(self._index))
        self._input.reserve(self._skip)[:] = 0

    def ready(self, count: int) -> int:
        """How many samples `process` will return for the next `count` samples."""
        index, end = self._index, self._input.end + count
        while self._required(index) <= end:
            index += 1
        return max(0, (index - self._index) * CHUNK - self._skip)

    def process(self, x: Rows) -> Samples:
        """Take the next input samples and return what output they make possible.

        Args:
            x: (inputs, any length) complex64, or a sequence of that many rows.

        Returns:
            (outputs, `ready(length)`) samples, possibly none.

        Raises:
            StreamError: the shape of `x` is wrong.
        """
        out = np.empty((self.outputs, self.ready(self._length(x))), dtype=np.complex64)
        self.process_into(x, out)
        return out

    def process_into(self, x: Rows, out: Rows) -> int:
        """As `process`, writing into rows that the caller owns.

        Args:
            x: (inputs, any length) complex64, or a sequence of that many rows.
            out: (outputs, at least `ready(length)`), or a sequence of that many rows.

        Returns:
            how many samples were written to each row.

        Raises:
            StreamError: a shape is wrong; nothing has been taken then.
        """
        count = self._length(x)
        room = self.ready(count)
        if len(out) != self.outputs or any(len(row) < room for row in out):
            raise StreamError(
                f"the output has {len(out)} rows of {[len(row) for row in out]} samples; "
                f"{self.outputs} rows of at least {room} are needed"
            )
        taken = done = 0
        while taken < count:
            step = min(count - taken, CHUNK - self._input.end % CHUNK)
            for row, place in zip(x, self._input.reserve(step), strict=True):
                place[:] = row[taken : taken + step]
            taken += step
            while self._required(self._index) <= self._input.end:
                self._make(self._index, self._chunk)
                fresh = self._chunk[:, self._skip :]
                for row, made in zip(out, fresh, strict=True):
                    row[done : done + len(made)] = made
                done += fresh.shape[1]
                self._index, self._skip = self._index + 1, 0
        return done

    def _length(self, x: Rows) -> int:
        lengths = {len(row) for row in x if np.ndim(row) == 1}
        if len(x) != self.inputs or len(lengths) != 1 or any(np.ndim(row) != 1 for row in x):
            raise StreamError(
                f"the input has shape {[np.shape(row) for row in x]}; it must be "
                f"{self.inputs} streams of equal length"
            )
        return lengths.pop()
