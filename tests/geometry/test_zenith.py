# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.geometry.zenith import (
    EARTH_RADIUS,
    SkyCap,
    central_angle,
    max_doppler,
    slant_range,
    zenith_at_doppler,
    zenith_at_range,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

ALTITUDE, SPEED, CARRIER = 600e3, 7500.0, 2e9
LAWS = "area", "solid-angle", "angle"

altitudes = st.floats(150e3, 36e6)
zeniths = st.floats(0.0, np.pi / 2)


def cap(law, degrees=5.0):
    return SkyCap(ALTITUDE, np.radians(degrees), law)


def test_ranges_and_dopplers_of_the_reference():
    zenith = np.radians([5, 30, 60, 80])
    ranges = [602_093.632559, 683_151.377564, 1_075_088.016929, 1_931_635.358909]
    dopplers = [3985.465801, 22_864.045874, 39_601.689120, 45_033.379284]
    assert slant_range(zenith, ALTITUDE) == pytest.approx(ranges, rel=1e-9)
    assert max_doppler(zenith, ALTITUDE, SPEED, CARRIER) == pytest.approx(dopplers, rel=1e-9)
    horizon = max_doppler(np.pi / 2, ALTITUDE, SPEED, CARRIER)
    assert horizon == pytest.approx(45_728.09, abs=5e-3)


def test_zenith_and_horizon():
    assert slant_range(0.0, 550e3) == pytest.approx(550e3, rel=1e-15)
    horizon = np.sqrt((EARTH_RADIUS + 550e3) ** 2 - EARTH_RADIUS**2)
    assert slant_range(np.pi / 2, 550e3) == pytest.approx(horizon, rel=1e-14)


@given(zeniths, altitudes)
def test_against_the_triangle(zenith, altitude):
    """Site, satellite and the Earth's centre, by coordinates."""
    psi = central_angle(zenith, altitude)
    satellite = (EARTH_RADIUS + altitude) * np.array([np.sin(psi), np.cos(psi)])
    ray = satellite - [0.0, EARTH_RADIUS]
    distance = np.hypot(*ray)
    assert slant_range(zenith, altitude) == pytest.approx(distance, rel=1e-9)
    assert np.arctan2(*ray) == pytest.approx(zenith, abs=1e-6)
    forward = np.array([np.cos(psi), -np.sin(psi)])
    closing = -SPEED * (forward @ ray) / distance
    doppler = max_doppler(zenith, altitude, SPEED, CARRIER)
    assert doppler == pytest.approx(abs(CARRIER / 299792458 * closing), rel=1e-6, abs=1e-6)


@given(zeniths, altitudes)
def test_inverses(zenith, altitude):
    assert zenith_at_range(slant_range(zenith, altitude), altitude) == pytest.approx(
        zenith, abs=1e-6
    )
    doppler = max_doppler(zenith, altitude, SPEED, CARRIER)
    assert zenith_at_doppler(doppler, altitude, SPEED, CARRIER) == pytest.approx(zenith, abs=1e-6)


@pytest.mark.parametrize("law", LAWS)
def test_where_the_excess_delay_fills_the_prefix(law):
    assert np.degrees(cap(law).zenith_at_excess_delay(1.6e-6)) == pytest.approx(
        2.395750943, rel=1e-9
    )
    assert cap(law).excess_delay(np.radians(5)) == pytest.approx(6.983606503e-6, rel=1e-9)


@pytest.mark.parametrize(
    "law, share", [("area", 0.7711996), ("solid-angle", 0.7703028), ("angle", 0.5208498)]
)
def test_shares_outside_the_prefix(law, share):
    assert cap(law).delay_exceedance(1.6e-6) == pytest.approx(share, abs=5e-8)


def test_shares_outside_a_tenth_of_the_spacing():
    shares = cap("area").doppler_exceedance([6000, 3000, 1500], SPEED, CARRIER)
    assert shares[0] == 0.0
    assert shares[1:] == pytest.approx([0.1426, 0.533246], abs=5e-5)
    assert shares[2] == pytest.approx(0.533246, abs=5e-7)


def test_wider_caps():
    assert cap("area").doppler_exceedance(0.0, SPEED, CARRIER) == pytest.approx(1.0, abs=1e-12)
    shares = [cap("area", d).doppler_exceedance(6000, SPEED, CARRIER) for d in (10, 20, 45, 60)]
    assert shares == pytest.approx([0.142, 0.538, 0.804, 0.860], abs=5e-4)


@pytest.mark.parametrize("law", LAWS)
@given(limit=st.floats(1.0, 3990.0))
def test_doppler_shares_against_an_integral_over_the_zenith_angle(law, limit):
    sky = cap(law)

    def more(logarithm):
        """Share of directions of flight that give more than the limit, at a quantile."""
        largest = max_doppler(sky.quantile(np.exp(logarithm)), ALTITUDE, SPEED, CARRIER)
        return 2 / np.pi * np.arccos(min(limit / largest, 1.0)) * np.exp(logarithm)

    start = np.log(sky.cdf(zenith_at_doppler(limit, ALTITUDE, SPEED, CARRIER)))
    expected, _ = quad(more, min(start, 0.0), 0.0, limit=400, epsabs=1e-11)
    assert sky.doppler_exceedance(limit, SPEED, CARRIER) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("law", LAWS)
@given(share=st.floats(0.0, 1.0), degrees=st.floats(0.1, 90.0))
def test_quantiles_invert_the_distribution(law, share, degrees):
    sky = cap(law, degrees)
    assert sky.cdf(sky.quantile(share)) == pytest.approx(share, abs=1e-9)
    assert 0.0 <= sky.quantile(share) <= sky.max_zenith * (1 + 1e-12)


@pytest.mark.parametrize(
    "arguments, says",
    [((600e3, 0.1, "flat"), "no law"), ((600e3, 2.0), "114"), ((0.0, 0.1), "altitude")],
)
def test_what_makes_no_sense_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        SkyCap(*arguments)
