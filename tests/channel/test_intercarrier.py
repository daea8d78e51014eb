# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.channel.intercarrier import (
    carrier_to_interference,
    mean_carrier_to_interference,
    symbol_channels,
)
from gnuradio.dislac.waveform import Numerology, demodulate, modulate
from hypothesis import given
from hypothesis import strategies as st


def decibel(ratio):
    return 10 * np.log10(ratio)


def test_figures_of_the_reference():
    assert decibel(carrier_to_interference(0.1)) == pytest.approx(14.741989, abs=5e-7)
    assert decibel(carrier_to_interference([0.05, 0.0664, 0.2])) == pytest.approx(
        [20.827, 18.347, 8.457], abs=2e-3
    )
    assert decibel(mean_carrier_to_interference(0.1)) == pytest.approx(19.59, abs=5e-3)
    assert carrier_to_interference(0.0) == np.inf


@given(st.floats(0.01, 0.9))
def test_the_mean_is_that_of_many_dopplers(spread):
    kept = np.sinc(spread * (np.arange(20_000) + 0.5) / 20_000) ** 2
    expected = kept.mean() / (1 - kept.mean())
    assert mean_carrier_to_interference(spread) == pytest.approx(expected, rel=1e-6)


@st.composite
def channels(draw):
    """A numerology and paths on its samples, within what the prefix holds."""
    fft_size = draw(st.integers(4, 64))
    prefix = draw(st.integers(0, fft_size))
    subcarriers = draw(st.integers(1, fft_size))
    numerology = Numerology(2e9, 60e3, fft_size, prefix, subcarriers, draw(st.integers(1, 3)), 999)
    paths = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    late = rng.integers(0, prefix - numerology.window_advance + 1, paths)
    gain = rng.standard_normal((paths, 2)) @ [1, 1j]
    return numerology, gain, late, rng.uniform(-60e3, 60e3, paths)


@given(channels())
def test_matrices_against_modulator_samples_and_demodulator(channel):
    numerology, gain, late, doppler = channel
    shape = 1, numerology.symbols, numerology.subcarriers, 2
    grid = np.random.default_rng(1).standard_normal(shape) @ [1, 1j]
    sent = modulate(grid, numerology)[0]
    time = np.arange(numerology.frame_length) / numerology.sample_rate
    received = np.zeros_like(sent)
    for g, shift, nu in zip(gain, late, doppler, strict=True):
        path = np.concatenate([np.zeros(shift), sent[: len(sent) - shift]])
        received += g * np.exp(2j * np.pi * nu * time) * path
    matrices = symbol_channels(gain, late / numerology.sample_rate, doppler, numerology)
    expected = (matrices @ grid[0][..., None])[..., 0]
    assert np.allclose(demodulate(received, numerology), expected, rtol=0, atol=1e-9)


def test_the_matrices_show_the_same_interference():
    """Of 512 subcarriers in use, the middle one receives what the closed form says."""
    numerology = Numerology(2e9, 60e3, 512, 16, 512, 1, 528)
    (matrix,) = symbol_channels([1.0], [0.0], [6e3], numerology)
    power = np.abs(matrix[256]) ** 2
    ratio = power[256] / (power.sum() - power[256])
    assert decibel(ratio) == pytest.approx(decibel(carrier_to_interference(0.1)), abs=1e-4)


def test_without_doppler_they_are_diagonal():
    numerology = Numerology(2e9, 60e3, 64, 16, 64, 2, 160)
    matrices = symbol_channels([1.0, 0.5j], [0.0, 1e-6], [0.0, 0.0], numerology)
    ramp = 1 + 0.5j * np.exp(-2j * np.pi * numerology.frequencies * 1e-6)
    assert np.allclose(matrices, np.diag(ramp))
