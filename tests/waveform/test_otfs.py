# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.waveform import Numerology, modulate
from gnuradio.dislac.waveform.otfs import (
    delay_doppler_grid,
    otfs_demodulate,
    otfs_modulate,
    time_frequency_grid,
)
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def numerologies(draw):
    fft_size = draw(st.integers(2, 64))
    subcarriers = draw(st.integers(1, fft_size))
    prefix = draw(st.integers(0, fft_size))
    return Numerology(2e9, 60e3, fft_size, prefix, subcarriers, draw(st.integers(1, 6)), 10_000)


def random_grid(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal((*shape, 2)).view(complex)[..., 0]


@given(numerologies(), st.integers(1, 3))
def test_round_trip_is_the_identity(numerology, frames):
    grid = random_grid(frames, numerology.symbols, numerology.subcarriers)
    samples = otfs_modulate(grid, numerology)
    assert samples.shape == (frames, numerology.frame_length)
    assert np.allclose(otfs_demodulate(samples, numerology), grid, rtol=0, atol=1e-12)


@given(st.integers(1, 9), st.integers(1, 9))
def test_spreading_against_its_double_sum(doppler_bins, delay_bins):
    grid = random_grid(doppler_bins, delay_bins)
    k, l = np.arange(doppler_bins), np.arange(delay_bins)  # noqa: E741
    turns = np.exp(2j * np.pi * np.outer(k, k) / doppler_bins)
    ramps = np.exp(-2j * np.pi * np.outer(l, l) / delay_bins)
    expected = turns @ grid @ ramps / np.sqrt(grid.size)
    spread = time_frequency_grid(grid)
    assert np.allclose(spread, expected)
    assert np.linalg.norm(spread) == pytest.approx(np.linalg.norm(grid))
    assert np.allclose(delay_doppler_grid(spread), grid)


def test_a_path_on_the_grid_moves_the_whole_frame():
    """A delay of l samples and a Doppler of k / (N T) shift the delay-Doppler grid circularly."""
    numerology = Numerology(2e9, 60e3, 16, 4, 16, 8, 200)
    grid = random_grid(8, 16)
    samples = otfs_modulate(grid, numerology).reshape(8, 20)
    late, turns = 3, 2
    # one Doppler phase a symbol, as a slow Doppler has it; the delay is within the prefix
    echo = np.roll(samples, late, axis=-1) * np.exp(2j * np.pi * turns * np.arange(8) / 8)[:, None]
    received = otfs_demodulate(echo.ravel(), numerology)
    ramp = np.exp(2j * np.pi * 8 * late / 16)  # the lowest subcarrier is not at zero
    assert np.allclose(received, np.roll(grid, (turns, late), axis=(0, 1)) * ramp)


def test_single_precision_stays_single():
    numerology = Numerology(2e9, 60e3, 16, 4, 16, 8, 200)
    samples = otfs_modulate(random_grid(8, 16).astype(np.complex64), numerology)
    assert samples.dtype == np.complex64
    assert otfs_demodulate(samples, numerology).dtype == np.complex64


def test_it_is_an_ofdm_frame():
    numerology = Numerology(2e9, 60e3, 16, 4, 12, 8, 200)
    grid = random_grid(8, 12)
    assert np.allclose(
        otfs_modulate(grid, numerology), modulate(time_frequency_grid(grid), numerology)
    )
