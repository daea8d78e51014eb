# SPDX-License-Identifier: GPL-3.0-or-later
"""Demodulation reference signals of NR's shared channel: type 1, one symbol at a time."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .gold import gold_sequence

__all__ = ["dmrs", "dmrs_symbols"]

# Positions after the first, by the duration of the allocation: for 0, 1, 2, 3 additional positions.
_POSITIONS: dict[str, dict[range, tuple[tuple[int, ...], ...]]] = {
    "A": {
        range(3, 8): ((), (), (), ()),
        range(8, 10): ((), (7,), (7,), (7,)),
        range(10, 12): ((), (9,), (6, 9), (6, 9)),
        range(12, 13): ((), (9,), (6, 9), (5, 8, 11)),
        range(13, 15): ((), (11,), (7, 11), (5, 8, 11)),
    },
    "B": {
        range(2, 5): ((), (), (), ()),
        range(5, 8): ((), (4,), (4,), (4,)),
        range(8, 9): ((), (6,), (3, 6), (3, 6)),
        range(9, 11): ((), (7,), (4, 7), (4, 7)),
        range(11, 12): ((), (8,), (4, 8), (3, 6, 9)),
        range(12, 14): ((), (9,), (5, 9), (3, 6, 9)),
    },
}


def dmrs_symbols(
    duration: int, additional: int, mapping: Literal["A", "B"] = "B", first: int | None = None
) -> tuple[int, ...]:
    """Symbols with single-symbol DM-RS.

    Args:
        duration: l_d; for mapping type A from the slot's first symbol to the allocation's last, 3
            to 14, for type B of the allocation, 2 to 13.
        additional: dmrs-AdditionalPosition, 0 to 3.
        mapping: PDSCH mapping type.
        first: l_0 of mapping type A, 2 (default) or 3; always 0 for type B.

    Returns:
        Symbol numbers from the slot's start (type A) or the allocation's (type B).

    Raises:
        ValueError: the clause has no such case.

    Source: TS 38.211, 7.4.1.1.2, Table 7.4.1.1.2-3.
    """
    table = _POSITIONS.get(mapping, {})
    after = next((row for durations, row in table.items() if duration in durations), None)
    start = 0 if mapping == "B" else 2 if first is None else first
    if after is None or not 0 <= additional <= 3:
        raise ValueError(
            f"no DM-RS of mapping type {mapping} for {duration} symbols with {additional} "
            "additional positions; type A has 3 to 14 symbols, type B 2 to 13, either 0 to 3 "
            "positions"
        )
    if mapping == "A" and (start not in (2, 3) or (start == 3 and additional == 3)):
        raise ValueError(
            f"type A DM-RS starts at symbol 2 or 3 (with 3 additional positions at 2), not {start}"
        )
    return (start, *after[additional])


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

    Args:
        subcarriers: how many, from `first_subcarrier` on.
        symbol: l, its number in the slot.
        slot: its number in the radio frame.
        port: antenna port, 1000 to 1003: 1000 and 1001 share the even subcarriers, 1002 and 1003
            the odd ones.
        identity: N_ID, 0 to 65535.
        scid: n_SCID, 0 or 1.
        symbols_per_slot: 14, or 12 with the extended prefix.
        first_subcarrier: of the grid, counted from subcarrier 0 of common resource block 0.

    Raises:
        ValueError: a port, identity or n_SCID that there is not.

    Source: TS 38.211, 7.4.1.1.1 and 7.4.1.1.2, Table 7.4.1.1.2-1.
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
    c = 1.0 - 2.0 * gold_sequence(c_init % (1 << 31), 2 * count)
    r = (c[0::2] + 1j * c[1::2]) / np.sqrt(2)
    # k = 4 n + 2 k' + group carries r(2 n + k'), so r's index is k // 2
    cover = np.where((k // 2 % 2 == 1) & (port % 2 == 1), -1.0, 1.0)
    return np.asarray(np.where(k % 2 == group, cover * r[k // 2], 0))
