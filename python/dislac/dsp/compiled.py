# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the compiled loops of `kernels`, where numba is installed (extra `fast`)."""

from collections.abc import Sequence
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_segments", "copy_segments", "edges", "kernels", "zero_fill"]

Samples = NDArray[np.complex64]


@cache
def kernels() -> ModuleType | None:
    """The module of compiled loops; None without numba, or a place to keep what it compiles."""
    try:
        from . import kernels as module
    except (ImportError, RuntimeError):  # numba finds no folder for its cache that it may write to
        return None
    return module


def edges(segments: list[slice]) -> NDArray[np.int64]:
    """(segments, 2) from and to."""
    return np.array([(part.start, part.stop) for part in segments], dtype=np.int64).reshape(-1, 2)


def zero_fill(rows: Samples, place: int, segments: list[slice]) -> None:
    """Write zeros to some segments of a chunk that begins at `place` in rows."""
    if (compiled := kernels()) is not None:
        compiled.zero_fill(rows.view(np.float32), place, edges(segments))
        return
    for part in segments:
        rows[:, place + part.start : place + part.stop] = 0


def copy_segments(chunk: Samples, segments: list[slice], rows: Samples, place: int) -> None:
    """Copy some segments of a chunk to where a chunk begins at `place` in rows."""
    if (compiled := kernels()) is not None:
        compiled.copy_segments(
            chunk.view(np.float32), edges(segments), rows.view(np.float32), place
        )
        return
    for part in segments:
        rows[:, place + part.start : place + part.stop] = chunk[:, part]


def add_segments(chunk: Samples, segments: list[slice], rows: Sequence[Samples]) -> None:
    """Add some segments of a chunk to rows."""
    if (compiled := kernels()) is not None:
        pairs = tuple(row.view(np.float32) for row in rows)
        compiled.add_segments(chunk.view(np.float32), edges(segments), pairs)
        return
    for part in segments:
        for row, samples in zip(rows, chunk, strict=True):
            row[part] += samples[part]
