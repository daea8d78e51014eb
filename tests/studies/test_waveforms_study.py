# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from click.testing import CliRunner
from gnuradio.dislac.channel.intercarrier import symbol_channels
from gnuradio.dislac.studies.waveforms import (
    FRAME,
    bit_errors,
    equalize_lmmse,
    equalize_one_tap,
    main,
    satellite_paths,
)
from gnuradio.dislac.waveform.otfs import delay_doppler_grid, time_frequency_grid


def errors(spread, frames=60):
    return bit_errors(frames, spread, 100.0, np.random.default_rng(1))


def test_rates_of_the_reference():
    """At 20 dB: one tap suffers from Doppler, LMMSE does not, OTFS has diversity besides."""
    for spread, one_tap in [(0.0, 4.7e-3), (0.1, 1.0e-2), (0.2, 2.4e-2), (0.4, 7.4e-2)]:
        found = errors(spread)
        deviation = found.one_tap.std() / np.sqrt(len(found.one_tap))
        # both are of 60 frames
        assert found.one_tap.mean() == pytest.approx(one_tap, abs=4 * np.sqrt(2) * deviation)
        assert 3e-3 < found.ofdm.mean() < 8e-3
        assert found.otfs.mean() < 5e-4
        assert found.otfs.mean() < found.ofdm.mean() < found.one_tap.mean() + 1e-12


def test_one_path_is_the_gaussian_channel():
    """Nothing fades: uncoded QPSK, Q(sqrt(SNR)), for all three, without Doppler."""
    found = bit_errors(64, 0.0, 4.0, np.random.default_rng(2), paths=1)
    expected = 0.02275  # Q(2)
    tolerance = 4 * np.sqrt(expected / (64 * 1024))
    for rates in vars(found).values():
        assert rates.mean() == pytest.approx(expected, abs=tolerance)


def test_equalizers_undo_the_channel_without_noise():
    rng = np.random.default_rng(3)
    grid = rng.standard_normal((2, 8, 64, 2)) @ [1, 1j]
    channels = symbol_channels(*satellite_paths(2, 3, 0.2, FRAME, rng), FRAME)
    received = (channels @ time_frequency_grid(grid)[..., None])[..., 0]
    found = delay_doppler_grid(equalize_lmmse(received, channels, 1e-13))
    assert np.allclose(found, grid, atol=1e-3)
    still = symbol_channels(*satellite_paths(2, 3, 0.0, FRAME, rng), FRAME)
    assert np.allclose(equalize_one_tap((still @ grid[..., None])[..., 0], still), grid)


def test_lmmse_is_the_linear_estimate_of_least_error():
    """Its error is uncorrelated with what was received."""
    rng = np.random.default_rng(4)
    (channel,) = symbol_channels([0.6, 0.8j], [0.0, 2e-7], [5e3, -9e3], FRAME)[:1]
    sent = rng.standard_normal((8_000, 64, 2)) @ [1, 1j] / np.sqrt(2)
    noise = rng.standard_normal((8_000, 64, 2)) @ [1, 1j] * np.sqrt(0.05)
    received = sent @ channel.T + noise
    error = equalize_lmmse(received[:, None], channel, 0.1)[:, 0] - sent
    correlation = received.conj().T @ error / 8_000
    assert np.abs(correlation).max() < 5 * np.sqrt(1.1 * 0.2 / 8_000)


def test_the_study_prints_its_tables():
    result = CliRunner().invoke(main, ["--trials", "2", "--spread", "0.1", "--workers", "0"])
    assert result.exit_code == 0
    assert "1500.000" in result.output
    assert "6771351.13" in result.output
