# SPDX-License-Identifier: GPL-3.0-or-later
"""TLE and OMM: sgp4's verification vectors, and skyfield's frames."""

import json
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
    read_elements,
)
from gnuradio.dislac.geometry.frames import days_since_2000, ecef_from_teme, sidereal_time
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

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


# Files

OMM = {
    "OBJECT_NAME": "TEST SAT",
    "OBJECT_ID": "2026-001A",
    "EPOCH": "2026-01-01T12:00:00",
    "MEAN_MOTION": 15.06,
    "ECCENTRICITY": 0.001,
    "INCLINATION": 53.0,
    "RA_OF_ASC_NODE": 20.0,
    "ARG_OF_PERICENTER": 57.0,
    "MEAN_ANOMALY": 57.0,
    "NORAD_CAT_ID": 12345,
    "BSTAR": 1e-5,
}


def write(path, text):
    path.write_text(text)
    return path


def xml(fields):
    tags = [f"<{key}>{value}</{key}>" for key, value in fields.items()]
    metadata, mean, rest = ("".join(tags[part]) for part in (slice(2), slice(2, 9), slice(9, None)))
    return (
        f"<ndm><omm><body><segment><metadata>{metadata}</metadata><data><meanElements>{mean}"
        f"</meanElements><tleParameters>{rest}</tleParameters></data></segment></body></omm></ndm>"
    )


def test_files_of_every_kind_say_the_same(tmp_path):
    one, two = tle(), tle(number=2)
    texts = {
        "plain.tle": "\n".join([*one, *two]) + "\n",
        "named.tle": "\r\n".join(["FIRST", *one, "", "0 SECOND", *two]),
        "omm.json": json.dumps([OMM, {**OMM, "NORAD_CAT_ID": 2}]),
        "one.json": json.dumps(OMM),
        "omm.csv": ",".join(OMM) + "\n" + ",".join(map(str, OMM.values())) + "\n",
        "omm.xml": xml(OMM),
    }
    found = {name: read_elements(write(tmp_path / name, text)) for name, text in texts.items()}
    assert [element.name for element in found["named.tle"]] == ["FIRST", "SECOND"]
    assert [element.record.satnum for element in found["plain.tle"]] == [1, 2]
    assert found["plain.tle"][0].epoch == datetime(2026, 1, 1, 12, tzinfo=UTC)
    first = SatelliteMotion(found["omm.json"][0], EPOCH).state(0.0)
    for name in ("one.json", "omm.csv", "omm.xml"):
        (element,) = found[name]
        assert (element.name, element.record.satnum) == ("TEST SAT", 12345)
        assert_allclose(SatelliteMotion(element, EPOCH).state(0.0), first, rtol=1e-15)
    # the TLE of the same elements has fewer digits
    lines = tle(inclination=np.radians(53.0), node=np.radians(20.0))
    assert ElementSet.from_tle(*lines).epoch == found["one.json"][0].epoch


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no satellites"),
        ("some text\n", r":1: the file ends within a TLE"),
        ("{", ":1: not valid JSON"),
        ("[1]", "message 1"),
        ("<a/>", "no satellites"),
        ("<a>", "not an OMM in XML"),
        ("OBJECT_NAME,EPOCH\nX,2026-01-01T00:00:00\n", "message 1: an OMM lacks"),
        (json.dumps({**OMM, "MEAN_MOTION": "fast"}), "message 1: an OMM cannot be read: .*fast"),
        (json.dumps({**OMM, "ECCENTRICITY": 1.5}), "message 1: the elements of satellite 12345"),
        (CLASSIC[0] + "\n", ":1: the file ends within a TLE"),
        (CLASSIC[1] + "\n", ":1: line 2 of a TLE without line 1"),
        (CLASSIC[0] + "\n" + CLASSIC[0], ":2: .* is not line 2 of a TLE"),
        (CLASSIC[0][:-1] + "1\n" + CLASSIC[1], "check digit 1; its other digits give 3"),
        (CLASSIC[0] + "\n" + next(reversed(VERIFICATION))[1], "two satellites, 00005 and 14128"),
    ],
)
def test_broken_files_are_refused(tmp_path, text, message):
    with pytest.raises(OrbitError, match=message):
        read_elements(write(tmp_path / "broken.txt", text))
