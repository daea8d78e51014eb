# SPDX-License-Identifier: GPL-3.0-or-later
"""The length-31 Gold sequence, by which NR scrambles everything."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["gold_sequence", "qpsk"]

_ADVANCE = 1600  # N_C
_ORDER = 31
_FIRST_TAPS, _SECOND_TAPS = (3, 0), (3, 2, 1, 0)

Bits = NDArray[np.uint8]


def gold_sequence(c_init: ArrayLike, length: int) -> Bits:
    """Pseudo-random bits c(0) ... c(length - 1), (..., length), for initial values (...).

    Raises
    ------
    ValueError
        an initial value does not fit into 31 bits.

    References
    ----------
    TS 38.211 clause 5.2.1.
    """
    value = np.asarray(c_init, dtype=np.int64)
    if np.any((value < 0) | (value >= 1 << _ORDER)):
        raise ValueError(f"c_init is {value}; give 0 to 2^31 - 1")
    state = (value[..., None] >> np.arange(_ORDER)) & 1
    second = _shift_register(_SECOND_TAPS, state.astype(np.uint8), _ADVANCE + length)
    return np.asarray(_first_sequence(length) ^ second[..., _ADVANCE:])


def qpsk(bits: NDArray[np.integer]) -> NDArray[np.complex128]:
    """Symbols (..., n) of unit modulus from bits (..., 2 n), even bits in the real part.

    References
    ----------
    TS 38.211 clause 5.1.3.
    """
    signs = 1.0 - 2.0 * bits
    return np.asarray((signs[..., 0::2] + 1j * signs[..., 1::2]) / np.sqrt(2))


@lru_cache(maxsize=16)
def _first_sequence(length: int) -> Bits:
    """x1(N_C) ... x1(N_C + length - 1), which is the same whatever c_init."""
    state = np.zeros(_ORDER, dtype=np.uint8)
    state[0] = 1
    return _shift_register(_FIRST_TAPS, state, _ADVANCE + length)[_ADVANCE:]


def _shift_register(taps: tuple[int, ...], state: Bits, length: int) -> Bits:
    """(..., length) bits with x(n + 31) = sum over taps of x(n + tap), from the first 31.

    Over GF(2) a polynomial's square is that polynomial in the squared variable, so the same taps
    also hold with all distances multiplied by any power of two: each step may make nearly as many
    bits as there are.
    """
    x = np.empty((*state.shape[:-1], max(length, _ORDER)), dtype=np.uint8)
    x[..., :_ORDER] = state
    known, stride = _ORDER, 1
    while known < length:
        if 2 * stride * _ORDER <= known:
            stride *= 2
            continue
        first = known - stride * _ORDER
        # No tap may reach for what is not there yet.
        count = min(length - known, stride * (_ORDER - max(taps)))
        terms = [x[..., first + tap * stride : first + tap * stride + count] for tap in taps]
        x[..., known : known + count] = np.bitwise_xor.reduce(terms)
        known += count
    return x[..., :length]
