# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex white Gaussian noise as a pure function of seed and sample index."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .compiled import add_segments, kernels
from .stream import CHUNK, Samples, StreamError, aligned_empty

__all__ = ["GaussianNoise", "Noise", "PooledNoise", "write_with_noise"]


class Noise(Protocol):
    """A source of noise for a few streams."""

    def fill(self, index: int, rows: Sequence[Samples]) -> None:
        """Write the noise of chunk `index` to rows of `CHUNK` samples."""
        ...


def _checked(streams: int, variance: float) -> float:
    if not (streams >= 1 and 0 <= variance < np.inf):
        raise StreamError(
            f"noise of variance {variance} on {streams} streams; the variance must be finite "
            "and not negative, the streams at least one"
        )
    return float(variance)


class GaussianNoise:
    """Exact noise: each chunk has a generator of its own, seeded by (seed, chunk).

    Box and Muller's transform of 32-bit integers, which is several times as fast in arrays as
    numpy's rejection method. Amplitudes end at 6.6 standard deviations per component, which
    one sample in 10^10 would exceed.

    Parameters
    ----------
    streams
        number of streams.
    variance
        E|n|^2 of a sample.
    seed
        not negative.
    """

    def __init__(self, streams: int, variance: float, seed: int) -> None:
        # |n|^2 = -variance ln(uniform)
        self.factor = np.float32(-_checked(streams, variance))
        self.seed = seed
        # Not rows of one array: numpy's sine is slow between neighbours in memory.
        self._radius, self._angle, self._part = (
            aligned_empty((CHUNK,), np.float32) for _ in range(3)
        )

    def fill(self, index: int, rows: Sequence[Samples]) -> None:
        """Write the noise of chunk `index` to rows of `CHUNK` samples, one for each stream."""
        generator = np.random.Generator(np.random.SFC64((self.seed, index)))
        radius, angle, part = self._radius, self._angle, self._part
        for row in rows:  # one at a time stays in the cache
            bits = generator.integers(0, 2**64, CHUNK, dtype=np.uint64).view(np.uint32)
            bits = bits.reshape(2, CHUNK)
            # Only signed integers become floats in vector instructions.
            bits[0] >>= np.uint32(1)
            np.copyto(radius, bits[0].view(np.int32), casting="unsafe")
            radius += np.float32(0.5)  # never zero
            radius *= np.float32(2.0**-31)
            np.log(radius, out=radius)
            radius *= self.factor
            np.sqrt(radius, out=radius)
            np.copyto(angle, bits[1].view(np.int32), casting="unsafe")
            angle *= np.float32(np.pi * 2.0**-31)
            # Both components of a pair are independent: they need not meet in one sample.
            halves = row.view(np.float32)
            for half, function in ((halves[:CHUNK], np.cos), (halves[CHUNK:], np.sin)):
                function(angle, out=part)
                np.multiply(part, radius, out=half)


class PooledNoise:
    """Noise drawn from a pool made once: fast enough for live use, not for statistics.

    Each stream of each chunk begins at a random sample of its own in the pool, so the same samples
    return, differently aligned, after about `size` / CHUNK stream-chunks.

    Parameters
    ----------
    streams
        number of streams.
    variance
        E|n|^2 of a sample.
    seed
        not negative.
    size
        samples in the pool.
    """

    def __init__(self, streams: int, variance: float, seed: int, size: int = 2**20) -> None:
        scale = np.float32(np.sqrt(_checked(streams, variance) / 2))
        generator = np.random.Generator(np.random.SFC64(seed))
        pool = generator.standard_normal(2 * (size + CHUNK), dtype=np.float32) * scale
        self._pool: Samples = pool.view(np.complex64)
        self._size = size
        self._mix = np.uint64(generator.integers(2**63)) | np.uint64(1)

    def fill(self, index: int, rows: Sequence[Samples]) -> None:
        """Write the noise of chunk `index` to rows of `CHUNK` samples, one for each stream."""
        key = (np.arange(len(rows), dtype=np.uint64) + np.uint64(index * len(rows))) * self._mix
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(32)
        starts = (key % np.uint64(self._size)).astype(np.int64)
        if (compiled := kernels()) is not None:
            pairs = tuple(row.view(np.float32) for row in rows)
            compiled.copy_from_pool(self._pool.view(np.float32), starts, pairs)
            return
        for row, start in zip(rows, map(int, starts), strict=True):
            row[:] = self._pool[start : start + CHUNK]


def write_with_noise(
    chunk: Samples,
    segments: list[slice],
    noise: Noise | None,
    index: int,
    rows: Sequence[Samples],
) -> None:
    """Write chunk `index` of some streams (streams, CHUNK and some), and its noise, to rows of
    `CHUNK` samples.

    Parameters
    ----------
    segments
        outside them the chunk is zero.
    noise
        None for none.
    """
    if noise is None:
        for row, made in zip(rows, chunk, strict=True):
            row[:] = made[:CHUNK]
        return
    noise.fill(index, rows)
    add_segments(chunk, segments, rows)
