# SPDX-License-Identifier: GPL-3.0-or-later
"""DM-RS against the clause written out, element by element."""

from functools import lru_cache

import numpy as np
import pytest
from gnuradio.dislac.waveform import dmrs, dmrs_symbols
from hypothesis import given
from hypothesis import strategies as st


@lru_cache(maxsize=4)
def first_m_sequence(count):
    x = [1] + [0] * 30
    for n in range(count):
        x.append((x[n + 3] + x[n]) % 2)
    return x


def c(c_init, count):
    """TS 38.211, 5.2.1, one element at a time."""
    x1 = first_m_sequence(count + 1600)
    x2 = [c_init >> i & 1 for i in range(31)]
    for n in range(count + 1600):
        x2.append((x2[n + 3] + x2[n + 2] + x2[n + 1] + x2[n]) % 2)
    return [(x1[n + 1600] + x2[n + 1600]) % 2 for n in range(count)]


# Table 7.4.1.1.2-1: CDM group, Delta, w_f(0), w_f(1)
PORTS = {1000: (0, 0, 1, 1), 1001: (0, 0, 1, -1), 1002: (1, 1, 1, 1), 1003: (1, 1, 1, -1)}


def by_the_clause(subcarriers, symbol, slot, port, identity, scid, per_slot, first):
    """7.4.1.1.1 and 7.4.1.1.2, configuration type 1, single symbol."""
    _, delta, *cover = PORTS[port]
    c_init = (
        2**17 * (per_slot * slot + symbol + 1) * (2 * identity + 1) + 2 * identity + scid
    ) % 2**31
    length = (first + subcarriers) // 2 + 4
    bits = c(c_init, 2 * length)
    r = [((1 - 2 * bits[2 * n]) + 1j * (1 - 2 * bits[2 * n + 1])) / 2**0.5 for n in range(length)]
    grid = np.zeros(subcarriers, complex)
    for n in range(length // 2):
        for k_prime in (0, 1):
            k = 4 * n + 2 * k_prime + delta - first
            if 0 <= k < subcarriers:
                grid[k] = cover[k_prime] * r[2 * n + k_prime]
    return grid


@given(
    st.integers(1, 100),
    st.integers(0, 13),
    st.integers(0, 159),
    st.sampled_from(list(PORTS)),
    st.integers(0, 65535),
    st.integers(0, 1),
    st.sampled_from([12, 14]),
    st.integers(0, 60),
)
def test_every_element_is_as_the_clause_says(
    subcarriers, symbol, slot, port, identity, scid, per_slot, first
):
    found = dmrs(
        subcarriers,
        symbol,
        slot=slot,
        port=port,
        identity=identity,
        scid=scid,
        symbols_per_slot=per_slot,
        first_subcarrier=first,
    )
    expected = by_the_clause(subcarriers, symbol, slot, port, identity, scid, per_slot, first)
    np.testing.assert_allclose(found, expected, atol=1e-15)


def test_ports_of_a_comb_are_orthogonal():
    grids = np.array([dmrs(48, 3, port=port) for port in PORTS])
    np.testing.assert_allclose(grids @ grids.conj().T, 24 * np.eye(4), atol=1e-12)


# Table 7.4.1.1.2-3, row by row as printed (l_d: mapping type B, pos 0 to 3), l_0 = 0
TABLE = """
2   0  0    0      0
3   0  0    0      0
4   0  0    0      0
5   0  0,4  0,4    0,4
6   0  0,4  0,4    0,4
7   0  0,4  0,4    0,4
8   0  0,6  0,3,6  0,3,6
9   0  0,7  0,4,7  0,4,7
10  0  0,7  0,4,7  0,4,7
11  0  0,8  0,4,8  0,3,6,9
12  0  0,9  0,5,9  0,3,6,9
13  0  0,9  0,5,9  0,3,6,9
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row.split()[0])
def test_positions_are_as_in_the_table_and_within_the_allocation(row):
    duration, *cells = row.split()
    for additional, cell in enumerate(cells):
        found = dmrs_symbols(int(duration), additional)
        assert list(found) == [int(symbol) for symbol in cell.split(",")]
        assert max(found) < int(duration)


def test_what_the_clause_does_not_have_is_refused():
    for duration, additional in ((1, 0), (14, 0), (7, 4), (7, -1)):
        with pytest.raises(ValueError, match=f"for {duration} symbols with {additional} addit"):
            dmrs_symbols(duration, additional)
    for wrong in ({"port": 1004}, {"identity": 65536}, {"scid": 2}):
        with pytest.raises(ValueError, match="ports 1000 to 1003"):
            dmrs(12, 0, **wrong)
