# SPDX-License-Identifier: GPL-3.0-or-later
"""Demodulation reference signals of NR's shared channel: type 1, one symbol at a time."""

import numpy as np
from numpy.typing import NDArray

from .gold import gold_sequence, qpsk

__all__ = ["dmrs", "dmrs_symbols"]

# Positions after the first, by the duration of the allocation: for 0, 1, 2, 3 additional positions.
_POSITIONS: dict[range, tuple[tuple[int, ...], ...]] = {
    range(2, 5): ((), (), (), ()),
    range(5, 8): ((), (4,), (4,), (4,)),
    range(8, 9): ((), (6,), (3, 6), (3, 6)),
    range(9, 11): ((), (7,), (4, 7), (4, 7)),
    range(11, 12): ((), (8,), (4, 8), (3, 6, 9)),
    range(12, 14): ((), (9,), (5, 9), (3, 6, 9)),
}


def dmrs_symbols(duration: int, additional: int) -> tuple[int, ...]:
    """Symbols with single-symbol DM-RS in an allocation of mapping type B, from its start.

    Parameters
    ----------
    duration
        l_d, symbols of the allocation, 2 to 13.
    additional
        dmrs-AdditionalPosition, 0 to 3.

    Raises
    ------
    ValueError
        the clause has no such case.

    References
    ----------
    TS 38.211, 7.4.1.1.2, Table 7.4.1.1.2-3.
    """
    after = next((row for durations, row in _POSITIONS.items() if duration in durations), None)
    if after is None or not 0 <= additional <= 3:
        raise ValueError(
            f"no DM-RS of mapping type B for {duration} symbols with {additional} additional "
            "positions; it has 2 to 13 symbols and 0 to 3 positions"
        )
    return (0, *after[additional])


def dmrs(
    subcarriers: int,
    symbol: int,
    *,
    slot: int = 0,
    port: int = 1000,
    identity: int = 0,
    scid: int = 0,
    symbols_per_slot: int = 14,
    first_subcarrier: int = 0,
) -> NDArray[np.complex128]:
    """DM-RS (subcarriers,) of configuration type 1 in one symbol, zero on the other comb.

    Parameters
    ----------
    subcarriers
        how many, from `first_subcarrier` on.
    symbol
        l, its number in the slot.
    slot
        its number in the radio frame.
    port
        antenna port, 1000 to 1003: 1000 and 1001 share the even subcarriers, 1002 and 1003 the odd
        ones.
    identity
        N_ID, 0 to 65535.
    scid
        n_SCID, 0 or 1.
    symbols_per_slot
        14, or 12 with the extended prefix.
    first_subcarrier
        of the grid, counted from subcarrier 0 of common resource block 0.

    Raises
    ------
    ValueError
        a port, identity or n_SCID that there is not.

    References
    ----------
    TS 38.211, 7.4.1.1.1 and 7.4.1.1.2, Table 7.4.1.1.2-1.
    """
    if not 1000 <= port <= 1003 or scid not in (0, 1) or not 0 <= identity < 1 << 16:
        raise ValueError(
            f"port {port}, identity {identity}, n_SCID {scid}: single-symbol DM-RS of type 1 has "
            "ports 1000 to 1003, identities 0 to 65535 and n_SCID 0 or 1"
        )
    group = (port - 1000) // 2
    c_init = (
        (1 << 17) * (symbols_per_slot * slot + symbol + 1) * (2 * identity + 1)
        + 2 * identity
        + scid
    )
    k = first_subcarrier + np.arange(subcarriers)
    count = int(k[-1]) // 2 + 1
    r = qpsk(gold_sequence(c_init % (1 << 31), 2 * count))
    # k = 4 n + 2 k' + group carries r(2 n + k'), so r's index is k // 2
    cover = np.where((k // 2 % 2 == 1) & (port % 2 == 1), -1.0, 1.0)
    return np.asarray(np.where(k % 2 == group, cover * r[k // 2], 0))
