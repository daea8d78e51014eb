# SPDX-License-Identifier: GPL-3.0-or-later
"""NR's cyclic redundancy checks, on bits."""

from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CRC_LENGTHS", "crc"]

_GENERATORS = {"crc24a": 0x1864CFB, "crc16": 0x11021}
"""g_CRC24A and g_CRC16, the highest power first."""

CRC_LENGTHS = {kind: polynomial.bit_length() - 1 for kind, polynomial in _GENERATORS.items()}
"""Parity bits of each."""


def crc(bits: ArrayLike, kind: str) -> NDArray[np.uint8]:
    """Parity bits (..., L) of bits (..., A), zeros and ones, the first to be sent first.

    Parameters
    ----------
    bits
        what is protected.
    kind
        ``crc24a`` (L = 24) or ``crc16`` (L = 16).

    References
    ----------
    TS 38.212, 5.1.

    Examples
    --------
    The parity of a one in the last place is the generator x^16 + x^12 + x^5 + 1 without its
    greatest power. Bits with their parity behind them leave no remainder.

    >>> from gnuradio.dislac.waveform import crc
    >>> parity = crc([0, 0, 0, 1], "crc16").tolist()
    >>> parity
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    >>> bool(crc([0, 0, 0, 1, *parity], "crc16").any())
    False
    """
    b = np.asarray(bits, dtype=np.uint8)
    # The remainder is linear: that of a block is the sum of those of its ones.
    remainder = np.bitwise_xor.reduce(np.where(b, _remainders(kind, b.shape[-1]), 0), axis=-1)
    exponents = np.arange(CRC_LENGTHS[kind])[::-1]
    return np.asarray(remainder[..., None] >> exponents & 1, dtype=np.uint8)


@lru_cache(maxsize=16)
def _remainders(kind: str, count: int) -> NDArray[np.int64]:
    """(count,) remainder that a one at each place leaves, the first place the highest power."""
    generator, length = _GENERATORS[kind], CRC_LENGTHS[kind]

    def times_x(remainder: int, _: int) -> int:
        remainder <<= 1
        return remainder ^ generator if remainder >> length else remainder

    start = generator ^ (1 << length)  # x^L
    return np.array([*accumulate(range(count - 1), times_x, initial=start)][::-1])[-count:]
