# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the compiled loops of `kernels`, where numba is installed (extra `fast`)."""

from collections.abc import Sequence
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

__all__ = ["add_segments", "clear", "edges", "kernels", "lay"]

Samples = NDArray[np.complex64]


@cache
def kernels() -> ModuleType | None:
    """The module of compiled loops; None without numba, or a place to keep what it compiles."""
    try:
        from . import kernels as module
    except (ImportError, RuntimeError):  # numba finds no folder for its cache that it may write to
        return None
    return module


def edges(runs: list[slice]) -> NDArray[np.int64]:
    """(runs, 2) from and to."""
    return np.array([(run.start, run.stop) for run in runs], dtype=np.int64).reshape(-1, 2)


def clear(rows: Samples, place: int, runs: list[slice]) -> None:
    """Write zeros to some runs of a chunk that begins at `place` in rows."""
    if (compiled := kernels()) is not None:
        compiled.clear(rows.view(np.float32), place, edges(runs))
        return
    for run in runs:
        rows[:, place + run.start : place + run.stop] = 0


def lay(chunk: Samples, runs: list[slice], rows: Samples, place: int) -> None:
    """Copy some runs of a chunk to where a chunk begins at `place` in rows."""
    if (compiled := kernels()) is not None:
        compiled.copy(chunk.view(np.float32), edges(runs), rows.view(np.float32), place)
        return
    for run in runs:
        rows[:, place + run.start : place + run.stop] = chunk[:, run]


def add_segments(chunk: Samples, segments: list[slice], rows: Sequence[Samples]) -> None:
    """Add some segments of a chunk to rows."""
    if (compiled := kernels()) is not None:
        pairs = tuple(row.view(np.float32) for row in rows)
        compiled.add(chunk.view(np.float32), edges(segments), pairs)
        return
    for segment in segments:
        for row, samples in zip(rows, chunk, strict=True):
            row[segment] += samples[segment]
