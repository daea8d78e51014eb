# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
from gnuradio.dislac.waveform.tradeoff import (
    SensingWaveform,
    aligned_beam_radius,
    carrier_for_velocity,
    echo_excess_delay,
)
from hypothesis import given
from hypothesis import strategies as st

CARRIER = 2e9


def at(spacing, **others):
    return SensingWaveform(CARRIER, spacing, **others)


@pytest.mark.parametrize(
    "spacing, distance, resolution, velocity",
    [
        (1.5e3, 99_930.819333, 97.588690755, 56.211085875),
        (60e3, 2_498.270483, 97.588690755 / 40, 2_248.443435),
        (200e3, 749.481145, 0.731915181, 7_494.81145),
    ],
)
def test_values_of_the_reference(spacing, distance, resolution, velocity):
    waveform = at(spacing, subcarriers=1024)
    assert waveform.unambiguous_range == pytest.approx(distance, rel=1e-9)
    assert waveform.range_resolution == pytest.approx(resolution, rel=1e-9)
    assert waveform.unambiguous_velocity == pytest.approx(velocity, rel=1e-9)


@given(st.floats(1e3, 1e6))
def test_range_times_velocity_does_not_depend_on_the_spacing(spacing):
    waveform = at(spacing)
    product = waveform.unambiguous_range * waveform.unambiguous_velocity
    assert product == pytest.approx(5_617_219.867, rel=1e-9)


def test_carrier_of_the_papers_symbol():
    assert carrier_for_velocity(7.5e3, 1.5e-6) == pytest.approx(6.662054622e9, rel=1e-9)
    fast = SensingWaveform(carrier_for_velocity(7.5e3, 1.5e-6), 1.5e3, symbol_duration=1.5e-6)
    assert fast.unambiguous_velocity == pytest.approx(7.5e3, rel=1e-12)
    assert at(200.1e3).unambiguous_velocity == pytest.approx(7.5e3, rel=1e-3)


def test_the_prefix_lengthens_the_period_alone():
    waveform = at(60e3, cyclic_prefix=1.6e-6, symbols=10)
    period = 1 / 60e3 + 1.6e-6
    assert waveform.symbol_period == pytest.approx(period)
    assert waveform.unambiguous_velocity == pytest.approx(299792458 / (4 * CARRIER * period))
    assert waveform.velocity_resolution == pytest.approx(299792458 / (20 * CARRIER * period))
    assert waveform.unambiguous_range == at(60e3).unambiguous_range


def test_warns_of_a_short_symbol():
    (text,) = at(1.5e3, symbol_duration=1.5e-6).warnings()
    assert "1.5 us is shorter than 1 / spacing = 666.667 us" in text
    assert not at(1.5e3).warnings()
    assert not at(1.5e3, symbol_duration=1e-3).warnings()


@given(st.floats(1e-7, 1e-4), st.floats(0.5, 2.0))
def test_warns_of_a_short_prefix(delay, ratio):
    found = at(15e3, cyclic_prefix=ratio * delay).warnings(excess_delay=delay)
    assert len(found) == (ratio < 1)


def test_warns_of_a_wide_beam():
    """The reference's 2.75 km at 5 degrees and 0.57 km at 25 degrees."""
    zenith = math.radians(5)
    radius = aligned_beam_radius(1.6e-6, zenith)
    assert radius == pytest.approx(2751.8, abs=0.1)
    assert aligned_beam_radius(1.6e-6, math.radians(25)) == pytest.approx(567.5, abs=0.1)
    waveform = at(60e3, cyclic_prefix=1.6e-6)
    assert not waveform.warnings(beam_radius=0.999 * radius, max_zenith=zenith)
    (text,) = waveform.warnings(beam_radius=1.001 * radius, max_zenith=zenith)
    assert "2.752 km" in text and "5 deg" in text


def test_excess_delay_of_a_scene():
    assert echo_excess_delay(300.0) == pytest.approx(600 / 299792458)
    assert echo_excess_delay(300.0, math.radians(30)) == pytest.approx(450 / 299792458)


@pytest.mark.parametrize(
    "values",
    [
        {"subcarrier_spacing": 0.0},
        {"carrier_frequency": -1.0},
        {"subcarriers": 0},
        {"symbol_duration": 0.0},
        {"cyclic_prefix": -1e-6},
        {"cyclic_prefix": math.nan},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(values):
    (name,) = values
    with pytest.raises(ValueError, match=name):
        SensingWaveform(**{"carrier_frequency": CARRIER, "subcarrier_spacing": 15e3, **values})
