# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.waveform import Numerology, demodulate, modulate
from hypothesis import given
from hypothesis import strategies as st

PAPER = Numerology(28e9, 120e3, 64, 16, 32, 8, 7680)


@st.composite
def numerologies(draw):
    fft_size = draw(st.integers(4, 96))
    subcarriers = draw(st.integers(1, fft_size))
    prefix = draw(st.integers(0, fft_size))
    symbols = draw(st.integers(1, 5))
    return Numerology(3e9, 15e3, fft_size, prefix, subcarriers, symbols, 10_000)


def random_grid(numerology, chains, seed=0):
    rng = np.random.default_rng(seed)
    shape = (chains, numerology.symbols, numerology.subcarriers, 2)
    return rng.standard_normal(shape).view(complex)[..., 0]


@given(numerologies(), st.integers(1, 3))
def test_round_trip_and_energy(numerology, chains):
    grid = random_grid(numerology, chains)
    samples = modulate(grid, numerology)
    assert samples.shape == (chains, numerology.frame_length)
    assert np.allclose(demodulate(samples, numerology), grid)
    useful = samples.reshape(chains, numerology.symbols, -1)[..., numerology.cyclic_prefix :]
    assert np.isclose(np.sum(abs(useful) ** 2), np.sum(abs(grid) ** 2))


@given(numerologies())
def test_against_the_sum_of_tones(numerology):
    """Each symbol is sum_n X_n exp(j 2 pi f_n (t - T_cp)) / sqrt(N), from its start t = 0."""
    grid = random_grid(numerology, 1)
    t = np.arange(numerology.symbol_length) - numerology.cyclic_prefix
    tones = np.exp(2j * np.pi * np.outer(numerology.frequencies, t) / numerology.sample_rate)
    expected = (grid @ tones / np.sqrt(numerology.fft_size)).reshape(1, -1)
    assert np.allclose(modulate(grid, numerology), expected)


@pytest.mark.parametrize("late", [-1, 0, 11, 15])
def test_a_delay_within_the_prefix_is_a_phase_ramp(late):
    grid = random_grid(PAPER, 1)
    samples = np.roll(modulate(grid, PAPER), late, axis=-1)
    ramp = np.exp(-2j * np.pi * PAPER.frequencies * late / PAPER.sample_rate)
    received = demodulate(samples, PAPER)
    assert np.allclose(received[:, 1:-1], (grid * ramp)[:, 1:-1])


def test_single_precision_stays_single():
    grid = random_grid(PAPER, 8).astype(np.complex64)
    samples = modulate(grid, PAPER)
    assert samples.dtype == np.complex64
    assert demodulate(samples, PAPER).dtype == np.complex64


def test_numbers_of_the_paper():
    assert PAPER.sample_rate == 7.68e6
    assert (PAPER.symbol_length, PAPER.frame_length) == (80, 640)
    assert PAPER.frequencies[16] == 0
    assert PAPER.symbol_times[1] == pytest.approx(80 / 7.68e6)


def test_impossible_numerologies_are_refused():
    with pytest.raises(ValueError, match="65 subcarriers do not fit a 64-point FFT"):
        Numerology(28e9, 120e3, 64, 16, 65, 8, 7680)
    with pytest.raises(ValueError, match="640 samples does not fit a period of 639"):
        Numerology(28e9, 120e3, 64, 16, 32, 8, 639)
