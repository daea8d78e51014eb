# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams in fixed chunks: the same bits whatever the size of the caller's buffers.

Rounding depends on how samples are grouped into array operations. So every kernel works on
chunks of one size whose borders lie at fixed absolute sample indices, in buffers of its own, and
a buffering shell (`ChunkProcessor`) stands between them and the callers' buffers.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .compiled import copy_segments, zero_fill

__all__ = [
    "BLOCK",
    "BLOCKS",
    "CHUNK",
    "PAD",
    "ChunkProcessor",
    "RingBuffer",
    "StreamError",
    "aligned_empty",
    "nonzero_segments",
    "padded_empty",
    "true_segments",
]

BLOCK = 256
"""Samples over which a delay runs straight."""
BLOCKS = 256
"""Blocks in a chunk."""
CHUNK = BLOCK * BLOCKS
"""Samples in a chunk; chunk k holds the samples k * CHUNK to (k + 1) * CHUNK - 1."""

Samples = NDArray[np.complex64]
Rows = Samples | Sequence[Samples]


class StreamError(ValueError):
    """Samples that a stream operation cannot take, or settings that it cannot follow."""


_LARGE = 1 << 20
"""Bytes from which an array has memory of its own."""

CELL = 64
"""Samples in a cell, which is silent as a whole or not."""
PAD = 8
"""Samples between the rows of a buffer: rows a power of two apart would share cache lines."""


def aligned_empty(shape: tuple[int, ...], dtype: Any = np.complex64) -> NDArray[Any]:
    """An uninitialised array that starts at a 64-byte border, so that equal work takes the same
    vector instructions in every process."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size >= _LARGE:
        # Memory of its own, which goes back to the system with the array: malloc would keep it
        # for the thread that made it, and a flowgraph has new threads in every run.
        raw = np.frombuffer(mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS), np.uint8)
    else:
        raw = np.empty(size + 64, dtype=np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift : shift + size].view(dtype).reshape(shape)


def aligned_zeros(shape: tuple[int, ...]) -> Samples:
    """Complex zeros that start at a 64-byte border."""
    zeros = aligned_empty(shape)
    if zeros.nbytes < _LARGE:
        zeros[...] = 0  # others are of memory that the system clears page by page, when it is used
    return zeros


def padded_empty(streams: int) -> Samples:
    """An uninitialised chunk (streams, CHUNK and some) whose rows do not contend for the cache."""
    return aligned_empty((streams, CHUNK + PAD))


class RingBuffer:
    """The recent past of a few streams, addressed by absolute sample index.

    A ring of whole chunks, so that nothing is moved; it grows as needed. What lies before the
    index given to `forget` may be overwritten. It knows where there is silence, which need not
    be worked on.
    """

    def __init__(self, streams: int) -> None:
        self.streams = streams
        self._size = 0
        self.reset(0)

    def reset(self, end: int, lead: int = 0) -> None:
        """Forget all; hold `lead` zeros before the index `end`, a multiple of `CHUNK`, where
        writing will begin."""
        self.end, self._keep = end, end - max(0, lead)
        self._make_room(0)
        self._active: list[tuple[int, int]] = []
        self._searched = end

    def reserve(self, count: int) -> Samples:
        """The next `count` places of each stream, (streams, count), for the caller to fill; they
        must not reach beyond a multiple of `CHUNK`."""
        self._make_room(count)
        place = self.end % self._size
        self.end += count
        self._filled[place // CHUNK] = [slice(0, CHUNK)]
        return self._data[:, place : place + count]

    def extend(self, active: list[slice]) -> tuple[Samples, int]:
        """The next chunk, zeros but in the segments `active`, which the caller fills: in which
        rows, and where in them it begins."""
        self._search(self.end)
        self._make_room(CHUNK)
        place = self.end % self._size
        stale = self._filled[place // CHUNK]
        self.reserve(CHUNK)
        zero_fill(self._data, place, stale)
        self._filled[place // CHUNK] = active
        self._active += [(self._searched + s.start, self._searched + s.stop) for s in active]
        self._searched = self.end
        return self._data, place

    def view(self, first: int, count: int) -> Samples:
        """Samples first ... first + count - 1 of each stream, (streams, count), to be read before
        more is written."""
        self._check(first, count)
        place = first % self._size
        if (beyond := place + count - self._size) <= 0:
            return self._data[:, place : place + count]
        return np.concatenate([self._data[:, place : self._size], self._data[:, :beyond]], axis=1)

    def chunk(self, index: int) -> tuple[Samples, int, list[slice]]:
        """Chunk `index`: in which rows, where in them it begins, and segments of it outside which
        it is zero on every stream.

        Raises
        ------
        StreamError
            not all of its samples are held.
        """
        first = index * CHUNK
        active = [slice(a - first, b - first) for a, b in self.active(first, CHUNK)]
        return self._data, first % self._size, active

    @property
    def ring(self) -> tuple[Samples, int]:
        """All that is held (streams, size or more), and the size: sample n is at n mod size."""
        return self._data, self._size

    def gather(
        self, starts: NDArray[np.int64], blocks: Sequence[slice], rows: slice, out: Samples
    ) -> None:
        """Copy windows of some streams to `out` (streams, blocks, length).

        Parameters
        ----------
        starts
            (BLOCKS,) where the window of each block begins.
        blocks
            segments of blocks, one after another; in each, windows begin `BLOCK` apart.
        rows
            which streams.
        """
        length = out.shape[2]
        row, column = self._data.strides
        place = 0
        for run in blocks:
            count = run.stop - run.start
            first, span = int(starts[run.start]), (count - 1) * BLOCK + length
            x = self.view(first, span)[rows]
            if first % self._size + span <= self._size:
                # as `as_strided` would, in a fraction of its time
                offset = (rows.start or 0) * row + first % self._size * column
                shape, strides = (len(x), count, length), (row, BLOCK * column, column)
                windows: Samples = np.ndarray(shape, np.complex64, self._data, offset, strides)
            else:
                windows = sliding_window_view(x, length, axis=1)[:, ::BLOCK]
            out[:, place : place + count] = windows
            place += count

    def active(self, first: int, count: int) -> list[tuple[int, int]]:
        """Segments (begin, end), to `CELL` samples, outside which samples first ... first +
        count - 1 are zero on every stream; all chunks that these touch must be complete.

        Raises
        ------
        StreamError
            not all of these samples are held.
        """
        self._check(first, count)
        self._search(first + count)
        return [(a, b) for a, b in self._active if a < first + count and b > first]

    def _check(self, first: int, count: int) -> None:
        if first < self._keep or first + count > self.end:
            raise StreamError(
                f"samples {first} to {first + count - 1} are wanted, but only {self._keep} to "
                f"{self.end - 1} are held; a delay must not grow faster than time"
            )

    def _search(self, end: int) -> None:
        """Finds what is active before the index `end`."""
        while self._searched < end:
            found = nonzero_segments(self.view(self._searched, CHUNK), [slice(0, CHUNK)])
            self._active += [(self._searched + s.start, self._searched + s.stop) for s in found]
            self._searched += CHUNK

    def forget(self, before: int) -> None:
        """Allow what lies before this index to be overwritten."""
        self._keep = max(self._keep, before)
        if self._active and self._active[0][1] <= before:
            self._active = [(a, b) for a, b in self._active if b > before]

    def _make_room(self, count: int) -> None:
        """Sees to it that the ring has room for `count` samples more than what is kept."""
        if count and self.end + count - self._keep <= self._size:
            return
        held = self.view(self._keep, self.end - self._keep) if count else None
        self._size = ((self.end - self._keep) // CHUNK + 3) * CHUNK
        self._data = aligned_zeros((self.streams, self._size + PAD))
        # For each chunk of the ring, the segments outside which it is zero
        self._filled = [[slice(0, CHUNK)] for _ in range(self._size // CHUNK)]
        first = 0
        while held is not None and first < held.shape[1]:
            place = (self._keep + first) % self._size
            part = held[:, first : first + self._size - place]
            self._data[:, place : place + part.shape[1]] = part
            first += part.shape[1]


def true_segments(flags: NDArray[np.bool_]) -> list[slice]:
    """Segments of true values."""
    edges = map(int, np.flatnonzero(flags[1:] != flags[:-1]) + 1)
    borders = [*[0] * bool(flags[0]), *edges, *[len(flags)] * bool(flags[-1])]
    return [slice(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True)]


def nonzero_segments(x: Samples, within: list[slice]) -> list[slice]:
    """Segments, to `CELL` samples, outside which streams x (streams, count) are zero on every one.

    Parameters
    ----------
    within
        segments to look through, from and to multiples of `CELL`; all else is zero.
    """
    found = []
    for part in within:
        bits = np.bitwise_or.reduce(x[:, part].view(np.uint64), axis=0)
        nonzero = np.bitwise_or.reduce(bits.reshape(-1, CELL), axis=1) != 0
        found += [
            slice(part.start + CELL * run.start, part.start + CELL * run.stop)
            for run in true_segments(nonzero)
        ]
    return found


@dataclass(frozen=True)
class Chunk:
    """Chunk `index` of some streams: samples (streams, CHUNK and some), zeros but in the
    segments `active`, which begin and end at multiples of `CELL`."""

    index: int
    samples: Samples
    active: list[slice]


class ChunkProcessor(ABC):
    """A stream operation with some input and output streams, made chunk by chunk.

    Output sample n and input sample n carry the same time n / fs since the epoch. The first
    sample given and the first returned have the index `start`; before it the input was zero.
    Output comes in chunks that end at multiples of `CHUNK`, as soon as the input they need
    is there. A subclass says what that is (`_required`) and makes a chunk (`_make`).

    Parameters
    ----------
    inputs, outputs
        number of streams.
    start
        index of the first sample.
    """

    def __init__(self, inputs: int, outputs: int, start: int) -> None:
        if start < 0:
            raise StreamError(f"start is {start}; the index of a sample must not be negative")
        self.inputs, self.outputs, self.start = inputs, outputs, start
        self._input = RingBuffer(inputs)

    @abstractmethod
    def _required(self, index: int) -> int:
        """Endpoint of the input (absolute index) without which chunk `index` cannot be made."""

    @abstractmethod
    def _make(self, index: int, out: Samples) -> list[slice]:
        """Write chunk `index` to `out` (outputs, CHUNK), the beginning of `_chunk`, all zeros.

        Returns the segments of samples for which there is anything.
        """

    def deliver(self, index: int, rows: Sequence[Samples]) -> None:
        """Write chunk `index`, the last that has been made, to rows of `CHUNK` samples."""
        for row, made in zip(rows, self._chunk, strict=True):
            row[:] = made[:CHUNK]

    def _lead(self, index: int) -> int:
        """Number of zeros before chunk `index` are needed to make it."""
        return 0

    def reset(self) -> None:
        """Begin again at `start`."""
        self._chunk = aligned_zeros((self.outputs, CHUNK + PAD))
        self._made: list[slice] = []
        self._index = self.start // CHUNK
        self._skip = self.start % CHUNK
        self._input.reset(self._index * CHUNK, self._lead(self._index))
        self._input.reserve(self._skip)[:] = 0

    def ready(self, count: int) -> int:
        """Number of samples that `process` will return for the next `count` samples."""
        index, end = self._index, self._input.end + count
        while self._required(index) <= end:
            index += 1
        return max(0, (index - self._index) * CHUNK - self._skip)

    def process(self, x: Rows) -> Samples:
        """Take the next input samples and return what output they make possible.

        Parameters
        ----------
        x
            (inputs, any length) complex64, or a sequence of that many rows.

        Returns
        -------
        Samples
            (outputs, `ready(length)`) samples, possibly none.

        Raises
        ------
        StreamError
            the shape of `x` is wrong.
        """
        out = np.empty((self.outputs, self.ready(self._length(x))), dtype=np.complex64)
        self.process_into(x, out)
        return out

    def process_into(self, x: Rows, out: Rows) -> int:
        """Processes as `process` does, writing into rows that the caller owns.

        Parameters
        ----------
        x
            (inputs, any length) complex64, or a sequence of that many rows.
        out
            (outputs, at least `ready(length)`), or a sequence of that many rows.

        Returns
        -------
        int
            how many samples were written to each row.

        Raises
        ------
        StreamError
            a shape is wrong; nothing has been taken then.
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
                done += self._emit([row[done:] for row in out])
        return done

    def feed(self, chunk: Chunk) -> Iterator[Chunk]:
        """Take the next chunk of input, and yield each chunk of output that it makes possible, to
        be used before the next.

        The same bits as of `process`, without a look at the silence. `start` must be the border
        of a chunk.
        """
        copy_segments(chunk.samples, chunk.active, *self._input.extend(chunk.active))
        while self._required(self._index) <= self._input.end:
            self._make_next()
            yield Chunk(self._index, self._chunk, self._made)
            self._index += 1

    def _make_next(self) -> None:
        zero_fill(self._chunk, 0, self._made)
        self._made = self._make(self._index, self._chunk[:, :CHUNK])

    def _emit(self, out: Sequence[Samples]) -> int:
        """Make the next chunk; how many samples of it were written to `out`."""
        count = CHUNK - self._skip
        rows = [row[:CHUNK] for row in (out if count == CHUNK else padded_empty(self.outputs))]
        self._make_next()
        self.deliver(self._index, rows)
        if count < CHUNK:
            for row, made in zip(out, rows, strict=True):
                row[:count] = made[self._skip :]
        self._index, self._skip = self._index + 1, 0
        return count

    def _length(self, x: Rows) -> int:
        shapes = {np.shape(row) for row in x}
        if len(x) != self.inputs or len(shapes) != 1 or len(shape := shapes.pop()) != 1:
            raise StreamError(
                f"the input has shape {[np.shape(row) for row in x]}; it must be "
                f"{self.inputs} streams of equal length"
            )
        return int(shape[0])
