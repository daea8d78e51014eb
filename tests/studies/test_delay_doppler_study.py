# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from click.testing import CliRunner
from gnuradio.dislac.geometry.zenith import SkyCap
from gnuradio.dislac.studies.delay_doppler import (
    around,
    draw_sky,
    expected_maximum,
    imperfect_knowledge,
    known_centre,
    main,
    uncompensated,
    with_errors,
)

SPEED, CARRIER, PREFIX = 7500.0, 2e9, 1.6e-6
CAP = SkyCap(600e3, np.radians(5))


@pytest.fixture(scope="module")
def sky():
    return draw_sky(CAP, 200, SPEED, np.random.default_rng(0), draws=200)


def test_satellites_fly_along_the_sphere(sky):
    radial = sky.position + np.array([0, 0, CAP.earth_radius])
    assert np.linalg.norm(radial, axis=-1) == pytest.approx(CAP.earth_radius + CAP.altitude)
    assert np.linalg.norm(sky.velocity, axis=-1) == pytest.approx(SPEED)
    climb = np.sum(radial * sky.velocity, axis=-1) / np.linalg.norm(radial, axis=-1)
    assert np.abs(climb).max() < 1e-8
    # no direction is preferred: the mean of unit vectors goes down with their number
    assert np.abs(sky.velocity[..., :2].mean(axis=(0, 1)) / SPEED).max() < 4 / np.sqrt(2 * 40_000)


@pytest.mark.parametrize("law", ["area", "solid-angle", "angle"])
def test_draws_agree_with_the_closed_form(law):
    """Each share within four standard errors of 40,000 draws."""
    cap = SkyCap(600e3, np.radians(5), law)
    sky = draw_sky(cap, 200, SPEED, np.random.default_rng(1), draws=200)
    delay, doppler = sky.delay_and_doppler(np.zeros(3), CARRIER)
    outside = np.mean(delay - cap.altitude / 299792458 > PREFIX)
    share = float(cap.delay_exceedance(PREFIX))
    assert outside == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 40_000))
    for limit in (1500.0, 3000.0):
        share = float(cap.doppler_exceedance(limit, SPEED, CARRIER))
        tolerance = 4 * np.sqrt(share * (1 - share) / 40_000)
        assert np.mean(np.abs(doppler) > limit) == pytest.approx(share, abs=tolerance)


def test_greatest_of_many():
    delay, doppler = expected_maximum(CAP, 200, SPEED, CARRIER)
    assert (delay * 1e6, doppler) == pytest.approx((6.949, 3892.7), rel=1e-4)
    by_angle = expected_maximum(SkyCap(600e3, np.radians(5), "angle"), 200, SPEED, CARRIER)
    assert (by_angle[0] * 1e6, by_angle[1]) == pytest.approx((6.914, 3839.6), rel=1e-4)


def test_without_compensation(sky):
    rest = uncompensated(sky, np.zeros(3), CARRIER)
    assert np.all(rest.delay.min(axis=-1) == 0)
    assert rest.delay.max(axis=-1).mean() * 1e6 == pytest.approx(6.913, abs=0.01)
    assert np.abs(rest.doppler).max(axis=-1).mean() == pytest.approx(3883.5, abs=20)
    assert rest.outside_prefix(PREFIX) == pytest.approx(0.767, abs=0.01)
    assert rest.outside_doppler(6000) == 0


def test_at_the_centre_nothing_is_left(sky):
    rest = known_centre(sky, np.zeros(3), CARRIER)
    assert (rest.max_delay, rest.max_doppler) == (0, 0)


@pytest.mark.parametrize(
    "kilometres, delay, doppler, late",
    [(1, 0.58, 83.4, 0), (2.75, 1.595, 229, 0), (5, 2.90, 417, 0.411), (10, 5.80, 834, 0.753)],
)
def test_away_from_the_centre(sky, kilometres, delay, doppler, late):
    users = around(kilometres * 1e3, np.random.default_rng(2), 200)
    rest = known_centre(sky, users, CARRIER)
    assert rest.max_delay * 1e6 == pytest.approx(delay, rel=0.01)
    assert rest.max_doppler == pytest.approx(doppler, rel=0.01)
    assert rest.outside_prefix(PREFIX) == pytest.approx(late, abs=0.01)
    # to first order 2 r sin(z_max) / c and f_c v r / (c h)
    first_order = 2 * kilometres * 1e3 * np.sin(CAP.max_zenith) / 299792458
    assert 0.98 * first_order < rest.max_delay < first_order


@pytest.mark.parametrize(
    "user, position, velocity, delay, doppler, late",
    [(100, 10, 0.01, 0.25, 11, 0), (1000, 100, 0.1, 2.5, 113, 0.059), (1e3, 1e3, 1, 25, 423, 0.98)],
)
def test_errors_of_ephemeris_and_place(sky, user, position, velocity, delay, doppler, late):
    rng = np.random.default_rng(3)
    believed = with_errors(sky, position, velocity, rng)
    users = around(user, rng, 200)
    rest = imperfect_knowledge(sky, users, believed, np.zeros(3), CARRIER)
    assert rest.max_delay * 1e6 == pytest.approx(delay, rel=0.15)  # greatest of random errors
    assert rest.max_doppler == pytest.approx(doppler, rel=0.15)
    assert rest.outside_prefix(PREFIX) == pytest.approx(late, abs=0.01)


FEW = "--trials", "2", "--workers", "0"


def test_the_study_says_that_the_line_is_never_crossed():
    result = CliRunner().invoke(main, [*FEW])
    assert result.exit_code == 0
    assert "0.1 x 60 kHz = 6000 Hz is never crossed" in result.output
    assert "0.7711996" in result.output
    rows = [line.split() for line in result.output.splitlines()]
    (centre,) = (row for row in rows if row[:2] == ["0", "km"])
    assert set(map(float, centre[2:])) == {0}
    (user,) = (row for row in rows if row[:2] == ["2.75", "km"])
    assert 1.4 < float(user[2]) < 1.6 and float(user[4]) == 0
    crossed = CliRunner().invoke(main, [*FEW, "--subcarrier-spacing", "15e3"])
    assert crossed.exit_code == 0
    assert "never crossed" not in crossed.output
