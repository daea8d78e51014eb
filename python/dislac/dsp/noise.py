# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex white Gaussian noise as a pure function of seed and sample index."""

from typing import Protocol

import numpy as np

from .stream import CHUNK, Samples, StreamError, aligned_empty

__all__ = ["GaussianNoise", "Noise", "PooledNoise"]


class Noise(Protocol):
    """A source of noise for a few streams."""

    def add(self, index: int, out: Samples) -> None:
        """Add the noise of chunk `index` to `out` (streams, CHUNK)."""
        ...


def _checked(streams: int, variance: float) -> float:
    if not (streams >= 1 and 0 <= variance < np.inf):
        raise StreamError(
            f"noise of variance {variance} on {streams} streams; the variance must be finite "
            "and not negative, the streams at least one"
        )
    return float(np.sqrt(variance / 2))


class GaussianNoise:
    """Exact noise: each chunk has a generator of its own, seeded by (seed, chunk).

    Args:
        streams: number of streams.
        variance: E|n|^2 of a sample.
        seed: not negative.
    """

    def __init__(self, streams: int, variance: float, seed: int) -> None:
        self.scale = np.float32(_checked(streams, variance))
        self.seed = seed
        self._buffer = aligned_empty((streams, 2 * CHUNK), np.float32)

    def add(self, index: int, out: Samples) -> None:
        """Add the noise of chunk `index` to `out` (streams, CHUNK)."""
        generator = np.random.Generator(np.random.SFC64((self.seed, index)))
        generator.standard_normal(dtype=np.float32, out=self._buffer)
        np.multiply(self._buffer, self.scale, out=self._buffer)
        np.add(out, self._buffer.view(np.complex64), out=out)


class PooledNoise:
    """Noise drawn from a pool made once: fast enough for live use, not for statistics.

    Each stream of each chunk begins at its own random place in the pool, so the same samples
    return, differently aligned, after about `size` / CHUNK stream-chunks.

    Args:
        streams: number of streams.
        variance: E|n|^2 of a sample.
        seed: not negative.
        size: samples in the pool.
    """

    def __init__(self, streams: int, variance: float, seed: int, size: int = 2**20) -> None:
        scale = np.float32(_checked(streams, variance))
        generator = np.random.Generator(np.random.SFC64(seed))
        pool = generator.standard_normal(2 * (size + CHUNK), dtype=np.float32) * scale
        self._pool: Samples = pool.view(np.complex64)
        self._size = size
        self._mix = np.uint64(generator.integers(2**63)) | np.uint64(1)

    def add(self, index: int, out: Samples) -> None:
        """Add the noise of chunk `index` to `out` (streams, CHUNK)."""
        key = (np.arange(len(out), dtype=np.uint64) + np.uint64(index * len(out))) * self._mix
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        key ^= key >> np.uint64(32)
        for row, place in zip(out, key % np.uint64(self._size), strict=True):
            row += self._pool[int(place) : int(place) + CHUNK]
