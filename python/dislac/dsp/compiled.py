# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the compiled loops of `kernels`, where numba is installed (extra `fast`)."""

from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .delay import fraction_taps
from .stream import Samples

__all__ = ["Filters", "floats", "fraction_filters", "kernels"]


@cache
def kernels() -> ModuleType | None:
    """The module of compiled loops, None without numba."""
    try:
        from . import kernels as module
    except ImportError:
        return None
    return module


class Filters(NamedTuple):
    """Taps (rows, TAPS) in single precision, and from where to where they are not zero, in fours."""

    taps: NDArray[np.float32]
    used: tuple[int, int]


@cache
def fraction_filters(passband: float) -> Filters:
    """The filters of `fraction_taps`, ready for `kernels.delay`."""
    taps = fraction_taps(passband)
    used = np.flatnonzero(taps.any(axis=0)) // 4
    return Filters(taps.astype(np.float32), (4 * int(used[0]), 4 * int(used[-1]) + 4))


def floats(rows: Samples) -> NDArray[np.float32]:
    """Rows of a padded buffer as pairs of floats, padding included: contiguous, as loops like it."""
    width = rows.strides[0] // 4
    return as_strided(rows.view(np.float32), (len(rows), width), (4 * width, 4))
