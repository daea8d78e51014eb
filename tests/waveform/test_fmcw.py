# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.waveform.fmcw import Chirp
from hypothesis import given
from hypothesis import strategies as st

CHIRP = Chirp(carrier_frequency=2e9, bandwidth=10e6, duration=1e-3)


def test_beats_of_the_reference():
    up, down = CHIRP.beats(100e3, 7500.0)
    assert (float(up), float(down)) == pytest.approx((6_771_351.13, 6_571_212.68), abs=5e-3)
    assert CHIRP.apparent_range(up) - 100e3 == pytest.approx(1500.0, rel=1e-9)
    assert CHIRP.range_bias_per_velocity * 7500.0 == pytest.approx(1500.0, rel=1e-12)


@given(st.floats(0, 500e3), st.floats(-8e3, 8e3))
def test_the_pair_solves_both(distance, rate):
    found = CHIRP.solve(*CHIRP.beats(distance, rate))
    assert found[0] == pytest.approx(distance, rel=1e-9, abs=1e-6)
    assert found[1] == pytest.approx(rate, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("rate", [-7500.0, 0.0, 300.0, 7500.0])
def test_against_the_phase_of_a_moving_echo(rate):
    """Beats from the phases of both signals, by differences in the middle of the chirp."""
    distance, dt = 100e3, 1e-9

    def phase(slope, t):
        return 2 * np.pi * (CHIRP.carrier_frequency * t + slope / 2 * t**2)

    def beat(slope):
        t = np.array([-dt, dt])
        delay = 2 * (distance + rate * t) / 299792458
        # phase(t) - phase(t - delay), expanded so that no large numbers are subtracted
        turned = 2 * np.pi * delay * (CHIRP.carrier_frequency + slope * (t - delay / 2))
        full = phase(slope, t) - phase(slope, t - delay)
        assert turned == pytest.approx(full, abs=1e-3)
        return (turned[1] - turned[0]) / (2 * dt) / (2 * np.pi)

    slope = CHIRP.bandwidth / CHIRP.duration
    up, down = CHIRP.beats(distance, rate)
    # what is left out, and what differences of large phases lose
    tolerance = 2 * abs(rate) / 299792458 * 2 * slope * distance / 299792458 + 20.0
    assert up == pytest.approx(beat(slope), abs=tolerance)
    assert down == pytest.approx(-beat(-slope), abs=tolerance)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="bandwidth is 0"):
        Chirp(2e9, 0.0, 1e-3)
