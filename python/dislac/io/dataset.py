# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of a SigMF dataset: their types, and where in a file they lie."""

import os
import re
import weakref
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..files import open_regular

__all__ = ["CF32", "Datatype", "Extent", "Samples"]

_COMPLEX = re.compile(r"c(?:f(32|64)|[iu](8|16|32))(_[lb]e)?")


@dataclass(frozen=True)
class Extent:
    """Bytes `start` to `start + size` of a file: a whole one, or a member of an archive."""

    path: str
    start: int
    size: int


@dataclass(frozen=True)
class Datatype:
    """Type of complex samples.

    Attributes
    ----------
    name
        As SigMF has it, such as ``ci16_le``.
    component
        Type of real and imaginary part.
    zero, full_scale
        Values that stand for 0 and, for integers, for 1.
    """

    name: str
    component: np.dtype
    zero: float = 0.0
    full_scale: float = 1.0

    @classmethod
    def parse(cls, name: object) -> "Datatype | None":
        """Return the complex type that SigMF calls so; None for real ones and all else."""
        match = _COMPLEX.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            return None
        bits, order = int(match[1] or match[2]), match[3]
        if (bits == 8) != (order is None):
            return None  # bytes have no order, all others need one
        kind = match[0][1]
        component = np.dtype(f"{'>' if order == '_be' else '<'}{kind}{bits // 8}")
        if kind == "f":
            return cls(match[0], component)
        half = 2.0 ** (bits - 1)
        return cls(match[0], component, half if kind == "u" else 0.0, half)

    def size(self, channels: int) -> int:
        """Return the bytes of one sample of all channels."""
        return 2 * channels * self.component.itemsize

    def decode(self, block: NDArray[np.uint8], channels: int) -> NDArray[np.complex64]:
        """Samples (n, channels), full scale 1, of n samples' bytes."""
        values = block.view(self.component).reshape(-1, channels, 2)
        if self == CF32:
            return values.view(np.complex64)[..., 0]
        if self.component.kind != "f":
            # 32 bits are more than a float of as many holds exactly.
            exact = np.float64 if self.component.itemsize == 4 else np.float32
            values = values.astype(exact)
            values -= self.zero
            values /= self.full_scale
        with np.errstate(over="ignore"):  # of doubles: infinity, which readers look for
            return values.astype(np.float32).view(np.complex64)[..., 0]


CF32 = Datatype("cf32_le", np.dtype("<f4"))
"""Type that is written."""


class Samples:
    """Samples of all channels, read from a file as they are asked for.

    The file is not mapped: where another program shortens it meanwhile, or its disk fails, that
    would end the process.

    Parameters
    ----------
    extent
        Bytes of the dataset.
    datatype, channels
        Type of the samples, and number of interleaved channels.
    headers
        (sample, count): bytes in front of a sample that belong to no sample, in order.
    trailing
        Number of bytes at the end that belong to no sample.

    Attributes
    ----------
    rest
        Bytes at the end that are no whole sample of all channels.

    Raises
    ------
    OSError
        The file cannot be opened.
    """

    def __init__(
        self,
        extent: Extent,
        datatype: Datatype,
        channels: int,
        headers: Iterable[tuple[int, int]] = (),
        trailing: int = 0,
    ) -> None:
        self.datatype, self.channels = datatype, channels
        self._size = datatype.size(channels)
        end = max(extent.size - trailing, 0)
        self._extent = extent
        with open_regular(extent.path) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._firsts, self._offsets = [0], [0]  # first sample and bytes before it that are headers
        skipped = 0
        for sample, count in headers:
            if not count or sample * self._size + skipped + count > end:
                continue  # it would lie beyond the end
            skipped += count
            self._firsts.append(sample)
            self._offsets.append(skipped)
        self._count, self.rest = divmod(end - skipped, self._size)

    def __len__(self) -> int:
        return self._count

    def block(self, start: int, stop: int) -> NDArray[np.complex64]:
        """Samples (stop - start, channels), of which all are there.

        Raises
        ------
        OSError
            The file cannot be read, or has become shorter.
        """
        parts = []
        while start < stop:
            segment = bisect_right(self._firsts, start)
            last = min([stop, *self._firsts[segment : segment + 1]])
            offset = self._offsets[segment - 1]
            data = self._bytes(start * self._size + offset, last * self._size + offset)
            parts.append(self.datatype.decode(data, self.channels))
            start = last
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty((0, self.channels), np.complex64)

    def _bytes(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Bytes of the dataset."""
        data = np.empty(stop - start, np.uint8)
        rest, place = data.data, self._extent.start + start
        while rest:
            count = os.preadv(self._descriptor, [rest], place)
            if not count:
                raise OSError(f"{self._extent.path}: has become shorter since it was opened")
            rest, place = rest[count:], place + count
        return data
