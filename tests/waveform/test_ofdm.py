# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.waveform import (
    Numerology,
    demodulate,
    intercarrier_interference,
    intercarrier_leakage,
    intersymbol_leakage,
    modulate,
    nr_cyclic_prefixes,
)
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


@given(st.integers(0, 6), st.sampled_from([128, 384]), st.integers(1, 20), st.integers(0, 9))
def test_prefixes_of_their_own_length(mu, fft_size, symbols, first_slot):
    """NR's first symbol of half a subframe has a longer prefix: sum of tones, and back again."""
    prefixes = nr_cyclic_prefixes(mu, fft_size, first_slot=first_slot, slots=2)[:symbols]
    spacing = 15e3 * 2**mu
    numerology = Numerology(3e9, spacing, fft_size, prefixes, 12, symbols, 10**6)
    grid = random_grid(numerology, 2)
    pieces = []
    for m, prefix in enumerate(prefixes):
        t = np.arange(-prefix, fft_size) / numerology.sample_rate
        pieces.append(grid[:, m] @ np.exp(2j * np.pi * np.outer(numerology.frequencies, t)))
    expected = np.concatenate(pieces, axis=1) / np.sqrt(fft_size)
    samples = modulate(grid, numerology)
    assert np.allclose(samples, expected)
    assert np.allclose(demodulate(samples, numerology), grid)
    # A Doppler shift turns each symbol of a lone tone by what its time says.
    tone = modulate(np.eye(1, 12, 6) * np.ones((symbols, 1), complex), numerology)
    shift = 1e-3 * spacing
    moving = tone * np.exp(2j * np.pi * shift * np.arange(tone.size) / numerology.sample_rate)
    received = demodulate(moving, numerology)[:, 6]
    turns = np.exp(2j * np.pi * shift * numerology.symbol_times)
    assert np.allclose(received / received[0], turns, atol=1e-12)


def test_a_delay_within_the_shortest_prefix_is_a_phase_ramp():
    prefixes = nr_cyclic_prefixes(1, 256, slots=1)
    numerology = Numerology(3e9, 30e3, 256, prefixes, 120, 14, 10**6)
    grid = random_grid(numerology, 1)
    for late in (-1, 0, 16):
        samples = np.roll(modulate(grid, numerology), late, axis=-1)
        ramp = np.exp(-2j * np.pi * numerology.frequencies * late / numerology.sample_rate)
        received = demodulate(samples, numerology)
        assert np.allclose(received[:, 1:-1], (grid * ramp)[:, 1:-1])


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
    with pytest.raises(ValueError, match="cyclic_prefix has 2 lengths for 8 symbols"):
        Numerology(28e9, 120e3, 64, (20, 16), 32, 8, 7680)


LEAKY = Numerology(28e9, 120e3, 64, 16, 32, 3, 400, advance=4)


def test_a_frame_within_its_prefix_leaks_nothing_and_a_sample_beyond_leaks_one():
    rng = np.random.default_rng(5)
    grid, following = rng.standard_normal((2, 2, 3, 32, 2)) @ [1, 1j]
    assert np.abs(intersymbol_leakage(grid, LEAKY, 4, following)).max() < 1e-12
    leaked = intersymbol_leakage(grid, LEAKY, 5, following)
    # The last sample of each window is the first of the next symbol's prefix, in place of the
    # cyclic continuation of this one.
    spectra = np.zeros((2, 4, 64), complex)
    spectra[:, :3, LEAKY.bins] = grid
    spectra[:, 3, LEAKY.bins] = following[:, 0]
    n = np.arange(64)
    symbols = spectra @ np.exp(2j * np.pi * np.outer(n, n) / 64) / 8
    change = symbols[:, 1:, 48] - symbols[:, :3, 0]
    # Sample 63 of a window that begins four samples before the symbol
    tone = np.exp(-2j * np.pi * LEAKY.bins * (63 - 4) / 64) / 8
    assert np.allclose(leaked, change[..., None] * tone, atol=1e-12)


def test_leakage_between_carriers_is_what_a_small_shift_adds():
    rng = np.random.default_rng(6)
    grid = rng.standard_normal((2, 3, 32, 2)) @ [1, 1j]
    shift = 1.0
    time = np.arange(LEAKY.frame_length) / LEAKY.sample_rate
    shifted = demodulate(modulate(grid, LEAKY) * np.exp(2j * np.pi * shift * time), LEAKY)
    middle = (np.arange(3) * 80 + 12 + 31.5) / LEAKY.sample_rate
    still = shifted * np.exp(-2j * np.pi * shift * middle)[:, None]
    leak = intercarrier_leakage(grid, LEAKY)
    assert np.abs(still - grid - shift * leak).max() < 1e-8
    assert np.abs(leak).max() > 1e-6


def test_interference_between_carriers_is_what_any_shift_adds():
    rng = np.random.default_rng(7)
    grid = rng.standard_normal((2, 3, 32, 2)) @ [1, 1j]
    shift = 15e3
    time = np.arange(LEAKY.frame_length) / LEAKY.sample_rate
    shifted = demodulate(modulate(grid, LEAKY) * np.exp(2j * np.pi * shift * time), LEAKY)
    middle = (np.arange(3) * 80 + 12 + 31.5) / LEAKY.sample_rate
    still = shifted * np.exp(-2j * np.pi * shift * middle)[:, None]
    added = intercarrier_interference(grid, LEAKY, shift)
    assert np.allclose(still - grid, added, atol=1e-12)
    assert np.allclose(
        intercarrier_interference(grid, LEAKY, 1.0), intercarrier_leakage(grid, LEAKY), atol=1e-8
    )
