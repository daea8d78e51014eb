# SPDX-License-Identifier: GPL-3.0-or-later
"""Constellations against the clause written out, bit error rates against theory."""

import numpy as np
import pytest
from gnuradio.dislac.waveform import (
    BITS_PER_SYMBOL,
    bit_error_rate,
    hard_bits,
    map_bits,
    mutual_information,
    soft_bits,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import erfc

KINDS = list(BITS_PER_SYMBOL)

# TS 38.211, 5.1.3 to 5.1.6, as printed
CLAUSE = {
    "qpsk": lambda b: ((1 - 2 * b[0]) + 1j * (1 - 2 * b[1])) / np.sqrt(2),
    "16qam": lambda b: (
        ((1 - 2 * b[0]) * (2 - (1 - 2 * b[2])) + 1j * (1 - 2 * b[1]) * (2 - (1 - 2 * b[3])))
        / np.sqrt(10)
    ),
    "64qam": lambda b: (
        (
            (1 - 2 * b[0]) * (4 - (1 - 2 * b[2]) * (2 - (1 - 2 * b[4])))
            + 1j * (1 - 2 * b[1]) * (4 - (1 - 2 * b[3]) * (2 - (1 - 2 * b[5])))
        )
        / np.sqrt(42)
    ),
    "256qam": lambda b: (
        (
            (1 - 2 * b[0]) * (8 - (1 - 2 * b[2]) * (4 - (1 - 2 * b[4]) * (2 - (1 - 2 * b[6]))))
            + 1j
            * (1 - 2 * b[1])
            * (8 - (1 - 2 * b[3]) * (4 - (1 - 2 * b[5]) * (2 - (1 - 2 * b[7]))))
        )
        / np.sqrt(170)
    ),
}


def all_bits(kind):
    """Every symbol's bits (2^Q, Q)."""
    size = BITS_PER_SYMBOL[kind]
    return (np.arange(1 << size)[:, None] >> np.arange(size)[::-1] & 1).astype(int)


def closed_form(size, snr):
    """Bit error rate of square Gray QAM with 4^size points.

    Cho and Yoon, IEEE Trans. Commun. 50(7), 2002.
    """
    root = 1 << size
    total = 0.0
    for k in range(1, size + 1):
        for i in range(int((1 - 2.0**-k) * root)):
            part = np.floor(i * 2 ** (k - 1) / root)
            sign = (-1) ** part * (2 ** (k - 1) - np.floor(i * 2 ** (k - 1) / root + 0.5))
            total += sign * erfc((2 * i + 1) * np.sqrt(3 * snr / (2 * (root**2 - 1))))
    return total / (root * size)


@pytest.mark.parametrize("kind", KINDS)
def test_every_symbol_is_as_the_clause_says(kind):
    bits = all_bits(kind)
    expected = np.array([CLAUSE[kind](b) for b in bits])
    np.testing.assert_allclose(map_bits(bits, kind)[:, 0], expected, rtol=1e-14)
    assert np.mean(np.abs(expected) ** 2) == pytest.approx(1.0, rel=1e-14)


@given(st.sampled_from(KINDS), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_bits_come_back(kind, count, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (2, count * BITS_PER_SYMBOL[kind]))
    symbols = map_bits(bits, kind)
    assert np.array_equal(hard_bits(symbols, kind), bits)
    assert np.array_equal(soft_bits(symbols, 0.5, kind) < 0, bits)


@pytest.mark.parametrize("kind", KINDS)
def test_soft_bits_are_the_difference_of_the_two_nearest(kind):
    rng = np.random.default_rng(3)
    received = rng.normal(size=(50, 2)) @ [1, 1j]
    noise = rng.uniform(0.1, 1.0, 50)
    points, bits = map_bits(all_bits(kind), kind)[:, 0], all_bits(kind)
    distance = np.abs(received[:, None] - points) ** 2 / noise[:, None]
    expected = [
        [d[bits[:, b] == 1].min() - d[bits[:, b] == 0].min() for b in range(bits.shape[1])]
        for d in distance
    ]
    np.testing.assert_allclose(soft_bits(received, noise, kind), np.ravel(expected), atol=1e-12)
    decided = hard_bits(received, kind).astype(bool)
    assert np.array_equal(np.ravel(expected) < 0, decided)


@pytest.mark.parametrize("kind", KINDS)
def test_error_rate_is_that_of_the_closed_form(kind):
    snr = 10 ** (np.arange(-5.0, 30.0, 2.5) / 10)
    expected = closed_form(BITS_PER_SYMBOL[kind] // 2, snr)
    np.testing.assert_allclose(bit_error_rate(kind, snr), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_error_rate_of_noise_is_as_in_theory(kind):
    """At 1e-3: some 2000 errors in 2 million bits, which shows 0.03 dB or better."""
    rng = np.random.default_rng(7)
    snr_db = brentq(lambda db: bit_error_rate(kind, 10 ** (db / 10)) - 1e-3, 0, 40)
    bits = rng.integers(0, 2, 2_016_000, dtype=np.uint8)
    sent = map_bits(bits, kind)
    noise = rng.normal(size=(len(sent), 2)) @ [1, 1j] * np.sqrt(10 ** (-snr_db / 10) / 2)
    rate = np.mean(hard_bits(sent + noise, kind) != bits)
    as_if = brentq(lambda db: bit_error_rate(kind, 10 ** (db / 10)) - rate, 0, 40)
    assert abs(as_if - snr_db) < 0.06


@pytest.mark.parametrize("kind", KINDS)
def test_mutual_information_by_integration(kind):
    """Against the same expectation on a fine grid of received amplitudes."""
    size = BITS_PER_SYMBOL[kind] // 2
    levels = np.unique(map_bits(all_bits(kind), kind).real.round(12))
    gray = np.arange(len(levels)) ^ (np.arange(len(levels)) >> 1)
    for snr_db in (-5.0, 8.0, 25.0):
        snr = 10 ** (snr_db / 10)
        y = np.linspace(-2.0 - 6 / np.sqrt(snr), 2.0 + 6 / np.sqrt(snr), 20_001)
        density = np.exp(-snr * (y[:, None] - levels) ** 2) * np.sqrt(snr / np.pi) / len(levels)
        total = 0.0
        for b in range(size):
            one = (gray >> b & 1).astype(bool)
            p = np.stack([density[:, ~one].sum(1), density[:, one].sum(1)], axis=1)
            whole = p.sum(1, keepdims=True)
            h = np.where(
                p > 0, p * np.log2(np.maximum(2 * p, 1e-300) / np.maximum(whole, 1e-300)), 0
            )
            total += h.sum() * (y[1] - y[0])
        assert mutual_information(kind, snr) == pytest.approx(2 * total, abs=2e-4)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="qpsk, 16qam, 64qam, 256qam"):
        map_bits([0, 1], "8psk")
    with pytest.raises(ValueError, match="symbols of 4 bits"):
        map_bits([0, 1], "16qam")
