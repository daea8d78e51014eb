# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.estimation import DelayDoppler
from hypothesis import given
from hypothesis import strategies as st
from scipy.constants import c

TIMES = np.arange(8) * (80 / 7.68e6)
FREQUENCIES = (np.arange(32) - 15.5) * 120e3
WINDOWS = (-1e-6, 3e-6), (-6e3, 6e3)


def tone(delay, doppler):
    return np.outer(np.exp(2j * np.pi * doppler * TIMES), np.exp(-2j * np.pi * delay * FREQUENCIES))


def test_map_is_the_matched_filter_written_out():
    rng = np.random.default_rng(1)
    s = rng.standard_normal((8, 32)) + 1j * rng.standard_normal((8, 32))
    view = DelayDoppler(TIMES, FREQUENCIES, *WINDOWS)
    k, d = 3, 40
    a_t = np.exp(2j * np.pi * TIMES * view.dopplers[k])
    a_f = np.exp(2j * np.pi * FREQUENCIES * view.delays[d])
    assert view.map(s).shape == (len(view.dopplers), len(view.delays))
    assert view.map(s)[k, d] == pytest.approx(abs(a_t.conj() @ s @ a_f))


@given(st.floats(-0.9e-6, 2.9e-6), st.floats(-5.9e3, 5.9e3))
def test_peak_of_a_clean_path_is_exact(delay, doppler):
    peak = DelayDoppler(TIMES, FREQUENCIES, *WINDOWS).peak(tone(delay, doppler) * 2j)
    assert peak.delay == pytest.approx(delay, abs=1e-13)
    assert peak.doppler == pytest.approx(doppler, abs=1e-2)
    assert peak.value == pytest.approx(2j * 8 * 32)


def test_one_symbol_or_one_subcarrier():
    peak = DelayDoppler(TIMES[:1], FREQUENCIES, *WINDOWS).peak(tone(1.1e-6, 0.0)[:1])
    assert peak.delay == pytest.approx(1.1e-6, abs=1e-13)
    assert peak.doppler == 0.0
    peak = DelayDoppler(TIMES, FREQUENCIES[:1], (0.0, 0.0), WINDOWS[1]).peak(tone(0.0, 2e3)[:, :1])
    assert peak.doppler == pytest.approx(2e3, abs=1e-2)


def test_range_error_reaches_its_closed_form():
    """c / (2 pi beta sqrt(2 SNR N)), 0.67334 m at 0 dB over all 8 x 32 x 8 elements."""
    beta = 120e3 * np.sqrt((32**2 - 1) / 12)
    bound = c / (2 * np.pi * beta * np.sqrt(2 * 8 * 32 * 8))
    assert bound == pytest.approx(0.67334, abs=5e-4)  # printed for c = 3e8
    rng = np.random.default_rng(2)
    view = DelayDoppler(TIMES, FREQUENCIES, *WINDOWS)
    # Eight chains combined leave the noise an eighth of its power.
    noise = rng.standard_normal((400, 8, 32, 2)).view(complex)[..., 0] / np.sqrt(2 * 8)
    delays = rng.uniform(0, 2e-6, 400)
    errors = [
        c * (view.peak(tone(d, 165.9) + n).delay - d) for d, n in zip(delays, noise, strict=True)
    ]
    # 400 errors give the rms to 3.5 per cent.
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(bound, rel=0.12)
