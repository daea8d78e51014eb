# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks against published check values, the standard library, and long division."""

import binascii

import numpy as np
import pytest
from gnuradio.dislac.waveform import CRC_LENGTHS, crc
from hypothesis import given
from hypothesis import strategies as st

# TS 38.212, 5.1: exponents of the generator polynomials as printed
EXPONENTS = {
    "crc24a": (24, 23, 18, 17, 14, 11, 10, 7, 6, 5, 4, 3, 1, 0),
    "crc16": (16, 12, 5, 0),
}


def number(bits):
    return int("".join(map(str, bits)), 2)


def divided(bits, kind):
    """Remainder of long division, bit by bit."""
    length = CRC_LENGTHS[kind]
    rest = [*bits, *[0] * length]
    for place in range(len(bits)):
        if rest[place]:
            for exponent in EXPONENTS[kind]:
                rest[place + length - exponent] ^= 1
    return rest[len(bits) :]


@pytest.mark.parametrize("kind, value", [("crc24a", 0xCDE703), ("crc16", 0x31C3)])
def test_check_values_of_the_catalogues(kind, value):
    """CRC-24/LTE-A and CRC-16/XMODEM of the ASCII digits 1 to 9."""
    bits = np.unpackbits(np.frombuffer(b"123456789", np.uint8))
    assert number(crc(bits, kind)) == value


@given(st.sampled_from(list(EXPONENTS)), st.lists(st.integers(0, 1), min_size=1, max_size=300))
def test_long_division(kind, bits):
    assert list(crc(bits, kind)) == divided(bits, kind)


@given(st.binary(min_size=1, max_size=2000))
def test_the_shorter_one_is_the_standard_library_s(data):
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    assert number(crc(bits, "crc16")) == binascii.crc_hqx(data, 0)


@pytest.mark.parametrize("kind", EXPONENTS)
def test_many_at_once_and_what_a_good_block_leaves(kind):
    bits = np.random.default_rng(1).integers(0, 2, (3, 4, 77))
    parity = crc(bits, kind)
    assert parity.shape == (3, 4, CRC_LENGTHS[kind])
    assert np.array_equal(parity[2, 1], crc(bits[2, 1], kind))
    assert not crc(np.concatenate([bits, parity], axis=-1), kind).any()
