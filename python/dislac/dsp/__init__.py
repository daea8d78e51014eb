# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample-rate kernels that transmitter, channel and receiver share."""

from .noise import GaussianNoise, Noise, PooledNoise
from .stream import CHUNK, HOP, HOPS, ChunkProcessor, History, StreamError

__all__ = [
    "CHUNK",
    "HOP",
    "HOPS",
    "ChunkProcessor",
    "GaussianNoise",
    "History",
    "Noise",
    "PooledNoise",
    "StreamError",
]
