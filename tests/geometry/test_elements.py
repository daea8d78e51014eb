# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellites from mean elements: sgp4's verification vectors, skyfield's frames, plausibility."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from gnuradio.dislac.geometry import (
    Catalogue,
    ElementSet,
    LocalMotion,
    OrbitError,
    SatelliteMotion,
    ecef_from_geodetic,
    enu_from_ecef,
    look_angles,
    nearest,
    write_days,
)
from gnuradio.dislac.geometry.frames import days_since_2000, ecef_from_teme, sidereal_time
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sgp4")

# From the verification run that sgp4 carries (SGP4-VER.TLE, tcppver.out): a low orbit of 1958, one
# with drag, a Molniya in resonance, a geostationary one with the Lyddane choice.
VERIFICATION = {
    (
        "1 00005U 58002B   00179.78495062  .00000023  00000-0  28098-4 0  4753",
        "2 00005  34.2682 348.7242 1859667 331.7664  19.3264 10.82419157413667",
    ): {
        0: (7022.46529266, -1400.08296755, 0.03995155, 1.893841015, 6.405893759, 4.534807250),
        360: (
            -7154.03120202,
            -3783.17682504,
            -3536.19412294,
            4.741887409,
            -4.151817765,
            -2.093935425,
        ),
        2160: (190.19796988, 7746.96653614, 5110.00675412, -6.112325142, 1.527008184, -0.139152358),
    },
    (
        "1 06251U 62025E   06176.82412014  .00008885  00000-0  12808-3 0  3985",
        "2 06251  58.0579  54.0425 0030035 139.1568 221.1854 15.56387291  6774",
    ): {
        120: (
            -3935.69800083,
            409.10980837,
            5471.33577327,
            -3.374784183,
            -6.635211043,
            -1.942056221,
        ),
        1440: (
            -2777.14682335,
            -5663.16031708,
            -2462.54889123,
            4.915493146,
            0.123328992,
            -5.896495091,
        ),
    },
    (
        "1 08195U 75081A   06176.33215444  .00000099  00000-0  11873-3 0   813",
        "2 08195  64.1586 279.0717 6877146 264.7651  20.2257  2.00491383225656",
    ): {
        120: (
            15223.91713658,
            -17852.95881713,
            25280.39558224,
            1.079041732,
            0.875187372,
            2.485682813,
        ),
        1440: (
            2890.80638268,
            -15446.43952300,
            948.77010176,
            2.654407490,
            -2.909344895,
            4.486437362,
        ),
    },
    (
        "1 14128U 83058A   06176.02844893 -.00000158  00000-0  10000-3 0  9627",
        "2 14128  11.4384  35.2134 0011562  26.4582 333.5652  0.98870114 46093",
    ): {
        0: (34747.57932696, 24502.37114079, -1.32832986, -1.731642662, 2.452772615, 0.608510081),
        1440: (
            36366.59147396,
            22023.54245720,
            -601.47121821,
            -1.549681546,
            2.571788981,
            0.607057418,
        ),
    },
}
CLASSIC = next(iter(VERIFICATION))
SITE = (50.9, -1.4, 20.0)
EPOCH = datetime(2026, 1, 1, 12, 17, tzinfo=UTC)


def leo(number=1, epoch=27760.5, motion=15.06, inclination=0.925, node=0.3, drag=1e-5):
    """A satellite of our own: epoch in days since 1949-12-31, revolutions a day."""
    from sgp4.api import WGS72, Satrec

    record = Satrec()
    record.classification, record.intldesg, record.ephtype = "U", "26001A", 0
    record.elnum, record.revnum = 1, 1
    record.sgp4init(
        WGS72, "i", number, epoch, drag, 0.0, 0.0, 1e-3, 1.0, inclination, 1.0,
        motion * 2 * np.pi / 1440, node,
    )  # fmt: skip
    return record


def tle(**options):
    from sgp4.exporter import export_tle

    return export_tle(leo(**options))


# SGP4 and the frames


@pytest.mark.parametrize("lines", VERIFICATION, ids=lambda lines: lines[0][2:7])
def test_sgp4s_verification_vectors(lines):
    elements = ElementSet.from_tle(*lines)
    motion = SatelliteMotion(elements, elements.epoch)
    for minutes, vector in VERIFICATION[lines].items():
        seconds = 60.0 * minutes
        angle, rate = sidereal_time(*days_since_2000(elements.epoch))
        vector = 1e3 * np.array(vector)
        place, speed = ecef_from_teme(vector[:3], vector[3:], angle + rate * seconds, rate)
        position, velocity = motion.state(seconds)
        # the epoch is kept to half a microsecond, 5 mm at the fastest of these
        assert_allclose(position, place, atol=6e-3)
        assert_allclose(velocity, speed, atol=1e-5)


@pytest.mark.parametrize("hours", [0.0, 7.3, 30.0])
def test_states_and_angles_agree_with_skyfield(hours):
    """Positions to 1 um a megametre, angles to a nanoradian; UT1 taken for UTC there as here."""
    api = pytest.importorskip("skyfield.api")
    from skyfield.framelib import itrs

    scale = api.load.timescale(builtin=True, delta_t=32.184 + 37.0)
    lines = tle()
    time = 3600.0 * hours + np.array([0.0, 60.0, 300.0])
    when = scale.from_datetimes([EPOCH + timedelta(seconds=t) for t in time])
    satellite = api.EarthSatellite(*lines, "", scale)
    place, speed = satellite.at(when).frame_xyz_and_velocity(itrs)
    motion = SatelliteMotion(ElementSet.from_tle(*lines), EPOCH)
    position, velocity = motion.state(time)
    assert_allclose(position, place.m.T, atol=2e-3)
    assert_allclose(velocity, speed.m_per_s.T, atol=2e-6)
    site = api.wgs84.latlon(SITE[0], SITE[1], SITE[2])
    assert_allclose(ecef_from_geodetic(SITE), site.itrs_xyz.m, atol=1e-6)
    elevation, azimuth, distance = (satellite - site).at(when).altaz()
    ours = look_angles(LocalMotion(motion, SITE).state(time)[0])
    assert_allclose(ours[0], azimuth.radians, atol=2e-9)
    assert_allclose(ours[1], elevation.radians, atol=2e-9)
    assert_allclose(ours[2], distance.m, atol=2e-3)


@given(hours=st.floats(-2e5, 2e5))
def test_sidereal_time_agrees_with_skyfield(hours):
    skyfield = pytest.importorskip("skyfield.sgp4lib")
    days, rest = days_since_2000(EPOCH + timedelta(hours=hours))
    angle, rate = sidereal_time(days, rest)
    expected, slope = skyfield.theta_GMST1982(2451545.0 + days, rest)
    assert abs(np.angle(np.exp(1j * (angle - expected)))) < 1e-11
    assert rate == pytest.approx(slope / 86400.0, rel=1e-15)


def test_what_turns_with_the_earth_stands_still():
    angle, rate = sidereal_time(*days_since_2000(EPOCH))
    place = np.array([4e6, -3e6, 5e6])
    turned = [np.cos(angle) * 4e6 + np.sin(angle) * 3e6, np.sin(angle) * 4e6 - np.cos(angle) * 3e6]
    teme = np.array([*turned, 5e6])
    position, velocity = ecef_from_teme(teme, np.cross([0, 0, rate], teme), angle, rate)
    assert_allclose(position, place, atol=1e-8)
    assert_allclose(velocity, 0, atol=1e-12)


def test_local_frame_at_the_pole():
    """East is the 90th meridian where north points along the 180th."""
    pole = (90.0, 0.0, 0.0)
    above = ecef_from_geodetic(pole) + np.array([10.0, 20.0, 30.0])
    position, velocity = enu_from_ecef(above, [1.0, 2.0, 3.0], pole)
    assert_allclose(position, [20.0, -10.0, 30.0], atol=1e-8)
    assert_allclose(velocity, [2.0, -1.0, 3.0], atol=1e-12)


def test_look_angles():
    ways = np.array([[0, 5.0, 0], [1.0, 0, 1.0], [0, -1, 0], [-1, 0, 0], [0, 0, 2.0]])
    azimuth, elevation, distance = look_angles(ways)
    assert_allclose(np.degrees(azimuth), [0, 90, 180, 270, 0])
    assert_allclose(np.degrees(elevation), [0, 45, 0, 0, 90])
    assert_allclose(distance, [5, np.sqrt(2), 1, 1, 2])


def test_an_epoch_without_a_zone_is_utc():
    assert days_since_2000(EPOCH.replace(tzinfo=None)) == days_since_2000(EPOCH)
    assert days_since_2000(datetime(1999, 12, 31)) == (-2, 0.5)


# Many at once


def test_a_catalogue_moves_as_its_satellites_do():
    elements = [ElementSet.from_tle(*tle(number=k, node=0.1 * k)) for k in range(1, 6)]
    fleet = Catalogue(elements, EPOCH)
    time = np.array([0.0, 1000.0, 90_000.0])
    states = fleet.states(time, [4, 1])
    for row, satellite in enumerate((4, 1)):
        assert_allclose([v[row] for v in states], fleet.motion(satellite).state(time), rtol=1e-15)
    assert fleet.states(time)[0].shape == (5, 3, 3) and len(fleet) == 5
    assert fleet.states(time, [])[1].shape == (0, 3, 3)
    assert fleet.names[2] == "3"


def test_what_has_decayed_has_no_place():
    lines, falling = tle(motion=16.0), leo(motion=16.0, drag=1e-3)
    fleet = Catalogue([ElementSet.from_tle(*lines), ElementSet("gone", falling)], EPOCH)
    position = fleet.states([60 * 86400.0])[0]
    assert np.isfinite(position[0]).all() and np.isnan(position[1]).all()
    with pytest.raises(OrbitError, match="gone has no place 5184000 s after 2026-01-01T12:17"):
        fleet.motion(1).state([0.0, 60 * 86400.0])


# States that are no orbit

# Public reports: a decayed satellite with much drag, and the last elements before a decay
DEBRIS = (
    "1 45110U 20007A   23232.80903846 0.00110000  00000-0  32750-2 0    04",
    "2 45110  69.9913 111.5649 0009740 159.9373 200.0626 15.34502222    06",
)
STATION = (
    "1 25544U 98067A   25345.50000000  .00016717  00000-0  30074-3 0  9993",
    "2 25544  51.6400 189.8924 0007050 108.0286 252.1739 15.49479551673427",
)
FALLING = (
    "1 55897U 22151AAV 25058.12407234  .09435527  24934+0  44853-1 0  9999",
    "2 55897  98.5849 110.9278 0014449 269.2407  90.7207 15.92146194 26688",
)
RAISED = (  # an orbit that is being raised: much negative drag
    "1 41923U 17003G   17034.00118558 -.13702181  00000-0 -27963+1 0  9995",
    "2 41923  86.6009  78.0456 0058911 258.0713  74.8913 14.67777747  2854",
)
DAY = 86400.0


def moves_as_it_says(lines, days):
    """Another formulation: velocity against differences of positions over two minutes."""
    from sgp4.api import Satrec

    record = Satrec.twoline2rv(*lines)
    minutes = np.array([-1.0, -0.5, 0.0, 0.5, 1.0]) + 1440.0 * days
    error, r, v = record.sgp4_array(
        np.full(5, record.jdsatepoch), record.jdsatepochF + minutes / 1440
    )
    slope = (r[0] - r[4] + 8 * (r[3] - r[1])) / (12 * 30.0)
    height = np.linalg.norm(r[2]) - 6378.0
    return not error.any() and np.linalg.norm(slope - v[2]) < 0.1 and height > 80


@pytest.mark.parametrize("lines", [DEBRIS, STATION, FALLING, RAISED], ids=lambda e: e[0][2:7])
def test_a_state_is_an_orbit_or_nothing(lines):
    """Near the epoch every state is there; whatever is there moves as it says."""
    element = ElementSet.from_tle(*lines)
    motion = Catalogue([element], element.epoch)
    days = np.concatenate([s * np.geomspace(0.01, 15_000, 120) for s in (1, -1)])
    seen = np.array([np.isfinite(motion.states([d * DAY])[0]).all() for d in days])
    assert seen[np.abs(days) < 0.5].all()
    assert not seen[np.abs(days) > 4000].any()
    for d in days[seen]:
        assert moves_as_it_says(lines, d) or abs(d) > 0.5 * np.abs(days[seen]).max()


def test_debris_stays_decayed():
    """SGP4 says error for some months, then gives states without error, 28,000 km up."""
    element = ElementSet.from_tle(*DEBRIS)
    assert element.record.sgp4_tsince(849 * 1440.0)[0] == 0
    assert np.linalg.norm(element.record.sgp4_tsince(849 * 1440.0)[1]) > 20_000
    fleet = Catalogue([element, ElementSet.from_tle(*STATION)], element.epoch)
    assert np.isfinite(fleet.states([100 * DAY])[0][0]).all()
    late = np.arange(220.0, 2000.0, 20.0) * DAY
    assert np.isnan(fleet.states(late)[0][0]).all()
    with pytest.raises(OrbitError, match=r"45110 has no place .* epoch, 2023-08-20, .* no orbit"):
        fleet.motion(0).state(849 * DAY)


def test_elements_of_2024_are_no_orbit_in_1985():
    element = ElementSet.from_tle(*STATION, "ISS")
    with pytest.raises(OrbitError, match="ISS has no place 0 s after 1985-04-01"):
        SatelliteMotion(element, datetime(1985, 4, 1, tzinfo=UTC)).state(0.0)


@pytest.mark.parametrize("lines", VERIFICATION, ids=lambda lines: lines[0][2:7])
def test_good_elements_are_an_orbit_for_a_year(lines):
    element = ElementSet.from_tle(*lines)
    time = DAY * np.linspace(-365, 365, 300)
    position = Catalogue([element], element.epoch).states(time)[0]
    assert np.isfinite(position).all()


def test_no_elements_hold_for_more_than_twenty_years():
    """The geostationary one, which nothing else ends."""
    element = ElementSet.from_tle(*list(VERIFICATION)[3])
    fleet = Catalogue([element], element.epoch)
    limit = 20 * 365.25 * DAY
    for side in (-1, 1):
        position = fleet.states(np.sort(side * (limit + np.array([-60.0, 60.0]))))[0][0, ::side]
        assert np.isfinite(position[0]).all() and np.isnan(position[1]).all()
        assert np.isnan(fleet.states([side * 10 * limit])[0]).all()


def test_whether_a_satellite_is_there_depends_on_nobody_else():
    elements = [ElementSet.from_tle(*lines) for lines in (STATION, DEBRIS, FALLING)]
    zero = elements[0].epoch - timedelta(days=400)
    time = DAY * np.arange(-300.0, 500.0, 10.0)
    together = Catalogue(elements, zero).states(time)[0]
    for k, element in enumerate(elements):
        alone = Catalogue([element], zero).states(time)[0]
        assert_array_equal(alone[0], together[k])
        assert_array_equal(Catalogue(elements, zero).states(time, [k])[0][0], together[k])
    lost = np.isnan(together[:, :, 0])
    assert lost.any(axis=1).tolist() == [False, True, True] and not lost[1].all()


def test_the_nearest_of_several_sets():
    def element(epoch, **options):
        return ElementSet.from_tle(*tle(epoch=epoch, **options))

    first, second, other = element(27760.5), element(27770.5), element(27700.0, number=2)
    for days, best in ((-5, first), (4, first), (6, second), (90, second)):
        moment = first.epoch + timedelta(days=days)
        assert nearest([first, other, second], moment) == [best, other]
    # what is in no catalogue shares a number, not a name
    lines = [line.replace("26001A", "      ") for line in tle(number=99999)]
    lines[0] = lines[0][:68] + str((int(lines[0][68]) - 9) % 10)
    strangers = [ElementSet.from_tle(*lines, name) for name in ("A", "B")]
    assert nearest(strangers, strangers[0].epoch) == strangers
    assert first.age(first.epoch + timedelta(days=3), first.epoch - timedelta(days=8)) == 8


@pytest.mark.parametrize(
    ("days", "text"),
    [(0.4, "0 days"), (12.6, "13 days"), (730.0, "730 days"), (731.0, "2.0 years")],
)
def test_long_times_are_years(days, text):
    assert write_days(days) == text
