# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample-rate kernels that transmitter, channel and receiver share."""

from .noise import GaussianNoise, Noise, PooledNoise
from .stream import BLOCK, BLOCKS, CHUNK, ChunkProcessor, RingBuffer, StreamError

__all__ = [
    "BLOCK",
    "BLOCKS",
    "CHUNK",
    "ChunkProcessor",
    "GaussianNoise",
    "Noise",
    "PooledNoise",
    "RingBuffer",
    "StreamError",
]
