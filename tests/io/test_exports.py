# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes in the formats of others, read back by programs of others."""

import errno
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import fastkml
import geojson
import gpxpy
import numpy as np
import pynmea2
import pytest
import yaml
from gnuradio.dislac.io import EXPORTS, ExportError, FixLog
from gnuradio.dislac.io.exports import split_ring
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import load_scenario, parse_scenario
from hypothesis import given
from hypothesis import strategies as st
from pymap3d import enu2geodetic, geodetic2enu

EPOCH = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SCENARIO = load_scenario("paper", {"epoch": "2026-03-01T12:00:00Z"})
TIMELESS = load_scenario("paper")


def without_origin():
    data = yaml.safe_load(SCENARIO.text)
    del data["origin"]
    return parse_scenario(yaml.safe_dump(data))


def a_fix(frame, east=10.0, north=-20.0, up=1.5, covariance=None):
    return Fix(
        frame=frame,
        time=frame * 0.125,
        status=FixStatus.OK,
        position=np.array([east, north, up]),
        covariance=np.diag([9.0, 16.0, 4.0]) if covariance is None else covariance,
        residual_delay=1.296e-6,
        residual_doppler=165.942,
        error=1 / 3,
        bound=2.0,
    )


def no_fix(frame):
    return Fix(frame, frame * 0.125, FixStatus.NO_DETECTION)


FIXES = [
    *(a_fix(0), a_fix(1, 12.0), no_fix(2), no_fix(3), a_fix(4, -3.0, 200.0, -0.5)),
    a_fix(5, covariance=np.full((3, 3), np.nan)),
]
VALID = [fix for fix in FIXES if fix.valid]


@pytest.fixture
def written(tmp_path):
    """Writes fixes in a format and gives the file."""

    def write(kind, fixes=FIXES, scenario=SCENARIO):
        path = tmp_path / f"fixes.{kind}"
        with EXPORTS[kind](path, scenario) as file:
            for fix in fixes:
                file.write(fix)
        return path

    return write


def places(latitudes, longitudes, heights):
    """East, north, up [m] in the scene."""
    return np.stack(geodetic2enu(latitudes, longitudes, heights, *SCENARIO.origin), axis=-1)


def positions(fixes=VALID):
    return np.array([fix.position for fix in fixes])


def moments(fixes=VALID):
    return [EPOCH + timedelta(seconds=fix.time) for fix in fixes]


# GPX, by gpxpy


def test_gpx_is_a_track_with_gaps_and_times(written):
    track = gpxpy.parse(written("gpx").read_text())
    assert track.name is None and [t.name for t in track.tracks] == ["paper"]
    segments = track.tracks[0].segments
    assert [len(segment.points) for segment in segments] == [2, 2]  # broken by frames 2 and 3
    points = [point for segment in segments for point in segment.points]
    found = places(*np.array([[p.latitude, p.longitude, p.elevation] for p in points]).T)
    np.testing.assert_allclose(found, positions(), atol=1e-3)
    assert [point.time for point in points] == moments()
    assert [point.name for point in points] == [f"frame {fix.frame}" for fix in VALID]
    (receiver,) = track.waypoints
    place = places(receiver.latitude, receiver.longitude, receiver.elevation)
    np.testing.assert_allclose(place, [-50, 190, 100], atol=1e-3)


def test_gpx_says_in_metres_how_sure_it_is(written):
    (first, *_, last) = gpxpy.parse(written("gpx").read_text()).walk(only_points=True)
    numbers = {e.tag.removeprefix("{urn:gr-dislac:fix}"): float(e.text) for e in first.extensions}
    assert numbers["horizontal_deviation"] == 5.0 and numbers["vertical_deviation"] == 2.0
    assert numbers["error"] == 1 / 3 and numbers["residual_delay"] == 1.296e-6
    assert first.type_of_gpx_fix == "3d" and first.horizontal_dilution is None
    assert not any("deviation" in extension.tag for extension in last.extensions)


def test_gpx_of_nothing_is_empty(written):
    track = gpxpy.parse(written("gpx", [no_fix(0), no_fix(1)]).read_text())
    assert track.get_points_no() == 0 and len(track.waypoints) == 1


@pytest.mark.parametrize(("every", "decimals"), [(1, 3), (2, 3), (0, 6)])
def test_gpx_times_have_three_decimals_where_that_distinguishes_fixes(written, every, decimals):
    """Frames of a millisecond, of two, and of a quarter; some readers take no more decimals."""
    settings = {"epoch": "2026-03-01T12:00:00Z", "estimator.every": every or 1}
    settings |= {} if every else {"numerology.frame_period": 1920}
    fix = replace(a_fix(0), time=59.9996)
    text = written("gpx", [fix], load_scenario("paper", settings)).read_text()
    times = re.findall(r"<time>(.*?)</time>", text)
    assert times == [{3: "2026-03-01T12:01:00.000Z", 6: "2026-03-01T12:00:59.999600Z"}[decimals]]


def test_gpx_says_what_heights_count_from(written):
    track = gpxpy.parse(written("gpx").read_text()).tracks[0]
    assert track.description == "Heights are above the WGS 84 ellipsoid."


# KML, by fastkml


def placemarks(path):
    document = fastkml.KML.from_string(path.read_bytes()).features[0]
    return {mark.name: mark for mark in document.features}


def test_kml_has_a_place_mark_with_time_numbers_and_ellipse_a_fix(written):
    marks = placemarks(written("kml"))
    assert set(marks) == {"receiver", *(f"frame {fix.frame}" for fix in VALID)}
    for fix, moment in zip(VALID[:-1], moments(), strict=False):
        mark = marks[f"frame {fix.frame}"]
        point, ring = mark.geometry.geoms
        longitude, latitude, height = point.coords[0]
        np.testing.assert_allclose(places(latitude, longitude, height), fix.position, atol=1e-3)
        assert mark.times.timestamp.dt == moment
        data = {entry.name: float(entry.value) for entry in mark.extended_data.elements}
        assert data["horizontal_deviation"] == 5.0 and data["frame"] == fix.frame
        outline = np.array(ring.exterior.coords)
        offsets = places(outline[:, 1], outline[:, 0], outline[:, 2])[:, :2] - fix.position[:2]
        np.testing.assert_allclose(np.sum((offsets / [3, 4]) ** 2, axis=-1), 5.991, rtol=2e-3)
        np.testing.assert_array_equal(outline[0], outline[-1])
    assert marks["frame 5"].geometry.geom_type == "Point"  # nothing is known about its error


def test_kml_heights_are_above_the_ground_and_the_ellipsoids_are_said(written):
    """The ground lies 70 m above the ellipsoid, in England 23 m above the sea."""
    there = replace(SCENARIO, origin=(50.9, -1.4, 70.0))
    document = fastkml.KML.from_string(written("kml", [a_fix(0)], there).read_bytes()).features[0]
    assert "70 m above the WGS 84 ellipsoid" in document.description
    receiver, mark = document.features
    assert receiver.geometry.z == pytest.approx(100.0, abs=0.01)
    point, ring = mark.geometry.geoms
    assert point.z == pytest.approx(1.5, abs=0.001)
    np.testing.assert_allclose(np.array(ring.exterior.coords)[:, 2], 1.5, atol=0.001)
    data = {entry.name: float(entry.value) for entry in mark.extended_data.elements}
    assert data["height_above_ellipsoid"] == pytest.approx(71.5, abs=0.001)
    text = written("kml", [a_fix(0)], there).read_text()
    parts = text.count("<Point>") + text.count("<Polygon>")
    assert text.count("<altitudeMode>relativeToGround</altitudeMode>") == parts == 3


# NMEA, by pynmea2 and gpsd


def sentences(path):
    lines = path.read_bytes().decode("ascii").split("\r\n")
    assert lines.pop() == ""
    assert all(len(line) <= 80 for line in lines)  # 82 with the end of line
    return [pynmea2.parse(line, check=True) for line in lines]


def test_nmea_has_place_time_and_error_a_fix_and_says_where_there_is_none(written):
    said = sentences(written("nmea"))
    kinds = [sentence.sentence_type for sentence in said]
    with_error, without = ["GGA", "RMC", "GST"], ["GGA", "RMC"]
    assert kinds == [*with_error * 2, *without * 2, *with_error, *without]
    gga, rmc, gst = ([s for s in said if s.sentence_type == kind] for kind in with_error)
    assert [s.status for s in rmc] == list("AAVVAA") and [s.gps_qual for s in gga] == [
        1,
        1,
        0,
        0,
        1,
        1,
    ]
    assert all(s.talker == "GP" for s in said)
    assert [datetime.combine(s.datestamp, s.timestamp) for s in rmc] == moments(FIXES)
    good = [s for s in gga if s.gps_qual]
    heights = [s.altitude + float(s.geo_sep) for s in good]
    found = places([s.latitude for s in good], [s.longitude for s in good], heights)
    np.testing.assert_allclose(found, positions(), atol=2e-3)
    assert [s.latitude for s in rmc if s.status == "A"] == [s.latitude for s in good]
    assert [float(x) for x in (gst[0].std_dev_latitude, gst[0].std_dev_longitude)] == [4.0, 3.0]
    assert float(gst[0].std_dev_altitude) == 2.0


def test_nmea_turns_the_ellipse_from_north_clockwise(written):
    """Five metres to the north-east, one across."""
    turn = np.array([[1, -1, 0], [1, 1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)
    fix = a_fix(0, covariance=turn @ np.diag([25.0, 1.0, 4.0]) @ turn.T)
    gst = sentences(written("nmea", [fix]))[-1]
    axes = gst.std_dev_major, gst.std_dev_minor, gst.orientation
    assert [float(x) for x in axes] == [5.0, 1.0, 45.0]


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_nmea_keeps_places_all_over_the_earth(latitude, longitude):
    there = replace(SCENARIO, origin=(latitude, longitude, 0.0))
    with EXPORTS["nmea"]("/dev/null", there) as nmea:
        line = nmea.entry(a_fix(0, 0.0, 0.0, 0.0)).split(b"\r\n")[0].decode()
    found = pynmea2.parse(line, check=True)
    assert abs(found.latitude - latitude) < 2e-9 and abs(found.longitude - longitude) < 2e-9


@pytest.mark.skipif(shutil.which("gpsdecode") is None, reason="needs gpsd-clients")
def test_gpsd_takes_places_heights_and_errors(written):
    """A fix is reported at the next one's time: the last stays unreported."""
    fixes = [a_fix(k, float(k)) for k in range(6)]
    with open(written("nmea", fixes), "rb") as file:
        decoded = subprocess.run(["gpsdecode"], stdin=file, capture_output=True, timeout=60).stdout
    reports = [json.loads(line) for line in decoded.splitlines()]
    places_reported = [report for report in reports if report["class"] == "TPV"]
    assert {report["mode"] for report in places_reported} == {3}
    assert len({report["time"] for report in places_reported}) == 5
    for report in places_reported:
        (fix,) = [f for f in fixes if abs(f.position[0] - east_of(report)) < 0.01]
        np.testing.assert_allclose(
            places(report["lat"], report["lon"], report["altHAE"]), fix.position, atol=2e-3
        )
        assert report["time"] == f"{EPOCH + timedelta(seconds=fix.time):%FT%T.%f}"[:-3] + "Z"
    errors = [report for report in reports if report["class"] == "GST"]
    assert [(e["lat"], e["lon"], e["alt"]) for e in errors] == [(4.0, 3.0, 2.0)] * 6


def east_of(report):
    return places(report["lat"], report["lon"], report["altHAE"])[0]


# GeoJSON, by geojson


def test_geojson_is_valid_and_closes_its_rings(written, monkeypatch):
    monkeypatch.setattr(geojson.geometry, "DEFAULT_PRECISION", 15)  # that of reading: 0.1 m
    collection = geojson.loads(written("geojson").read_text())
    assert collection.is_valid, collection.errors()
    points = [f for f in collection.features if f.properties["kind"] == "fix"]
    longitude, latitude, height = np.array([f.geometry.coordinates for f in points]).T
    np.testing.assert_allclose(places(latitude, longitude, height), positions(), atol=1e-3)


def area(ring):
    """Of a plane ring; positive counterclockwise."""
    x, y = ring[:-1, 0], ring[:-1, 1]
    return np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2


@pytest.mark.parametrize("longitude", [180.0, -180.0, 179.99995, -179.99995])
@pytest.mark.parametrize("kind", ["geojson", "kml"])
def test_rings_are_cut_at_the_antimeridian(written, monkeypatch, kind, longitude):
    monkeypatch.setattr(geojson.geometry, "DEFAULT_PRECISION", 15)
    there = replace(SCENARIO, origin=(50.9, longitude, 0.0))
    fix = a_fix(0, 0.0, 0.0, 0.0)
    path = written(kind, [fix], there)
    if kind == "geojson":
        collection = geojson.loads(path.read_text())
        assert collection.is_valid, collection.errors()
        geometry = collection.features[-1].geometry
        assert geometry.type == "MultiPolygon"
        rings = [np.array(ring) for (ring,) in geometry.coordinates]
    else:
        geometries = placemarks(path)["frame 0"].geometry.geoms
        rings = [np.array(g.exterior.coords) for g in geometries if g.geom_type == "Polygon"]
    assert len(rings) == 2
    for ring in rings:
        assert np.array_equal(ring[0], ring[-1]) and area(ring) > 0
        assert np.abs(ring[:, 0]).max() == 180.0 and np.ptp(ring[:, 0]) < 2e-4
    # Together they are the ellipse of one at another meridian.
    (whole,) = EXPORTS["kml"]("/dev/null", replace(there, origin=(50.9, 10.0, 0.0))).outline(fix)
    assert sum(map(area, rings)) == pytest.approx(area(whole), rel=1e-4)


def test_a_ring_away_from_the_antimeridian_is_left_as_it_is():
    ring = np.array([[179.0, 1, 0], [180.0, 2, 0], [179.0, 3, 0], [179.0, 1, 0]])
    (same,) = split_ring(ring)
    np.testing.assert_array_equal(same, ring)


@pytest.mark.parametrize("pole", [1, -1])
def test_a_ring_about_a_pole_reaches_up_to_it(pole):
    around = np.linspace(0.0, 360.0, 33) * pole + 100.0
    ring = np.stack([(around + 180) % 360 - 180, np.full(33, 80.0 * pole), np.zeros(33)], axis=-1)
    ring[-1] = ring[0]
    rings = split_ring(ring)
    assert all(area(part) > 0 and np.abs(part[:, 0]).max() <= 180.0 for part in rings)
    assert sum(map(area, rings)) == pytest.approx(360.0 * 10.0)


# All


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_full_disk_leaves_the_fixes_before(kind, written, tmp_path, monkeypatch):
    whole = [written(kind, FIXES[:count]).read_bytes() for count in range(len(FIXES) + 1)]
    write = os.write
    size = 0

    def limited(descriptor, content):
        """Take what lies within the size of the disk."""
        room = size - os.lseek(descriptor, 0, os.SEEK_CUR)
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content[:room])

    monkeypatch.setattr(os, "write", limited)
    for size in np.linspace(len(whole[0]), len(whole[-1]) - 1, 40).astype(int):  # noqa: B007
        path = tmp_path / "full"
        with (
            pytest.raises(OSError, match=r"No space left on device: '.*/full'"),
            EXPORTS[kind](path, SCENARIO) as file,
        ):
            for count, fix in enumerate(FIXES):  # noqa: B007 the one that found no room
                file.write(fix)
        assert path.read_bytes() == whole[count]
    if whole[0]:  # NMEA has no head
        size = len(whole[0]) - 1
        with pytest.raises(OSError, match="No space left"):
            EXPORTS[kind](tmp_path / "none", SCENARIO)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", EXPORTS)
def test_files_are_whole_after_every_fix(kind, tmp_path):
    read = {
        "gpx": lambda path: gpxpy.parse(path.read_text()).get_points_no(),
        "kml": lambda path: len(placemarks(path)) - 1,
        "nmea": lambda path: sum(s.sentence_type == "RMC" and s.is_valid for s in sentences(path)),
        "geojson": lambda path: sum(
            f.properties["kind"] == "fix" for f in geojson.loads(path.read_text()).features
        ),
    }[kind]
    path = tmp_path / "file"
    path.write_text("of another run, and longer than what comes now " * 100)
    with EXPORTS[kind](path, SCENARIO) as file:
        assert read(path) == 0
        for number, fix in enumerate(FIXES, 1):
            file.write(fix)
            assert read(path) == sum(f.valid for f in FIXES[:number])


@pytest.mark.parametrize("kind", EXPORTS)
def test_without_an_origin_there_is_no_file_and_a_reason(kind, tmp_path):
    with pytest.raises(ExportError, match=r"needs places on the Earth.*origin\.latitude_deg"):
        EXPORTS[kind](tmp_path / "file", without_origin())
    assert not (tmp_path / "file").exists()


def test_without_an_epoch_times_are_left_out_and_nmea_is_refused(written, tmp_path):
    with pytest.raises(ExportError, match=r"NMEA has a time .* --set epoch="):
        EXPORTS["nmea"](tmp_path / "file", TIMELESS)
    track = gpxpy.parse(written("gpx", scenario=TIMELESS).read_text())
    assert {point.time for point in track.walk(only_points=True)} == {None}
    assert "<when>" not in written("kml", scenario=TIMELESS).read_text()
    assert "<when>" in written("kml").read_text()


def test_a_time_beyond_the_calendar_is_refused(written):
    with pytest.raises(ExportError, match="frame 3 is 1e\\+12 s from the epoch"):
        written("gpx", [replace(a_fix(3), time=1e12)])


def test_a_folder_has_the_formats_that_are_asked_for(tmp_path):
    with FixLog(tmp_path, SCENARIO, ["gpx", "nmea"]) as log:
        for fix in FIXES:
            log.write(fix)
    assert {path.suffix for path in tmp_path.iterdir()} == {
        *(".jsonl", ".csv", ".geojson", ".gpx", ".nmea", ".yml")
    }
    assert gpxpy.parse((tmp_path / "fixes.gpx").read_text()).get_points_no() == len(VALID)
    with pytest.raises(ExportError, match="no format is called 'shp'; there are geojson, kml"):
        FixLog(tmp_path, SCENARIO, ["shp"])
    with pytest.raises(ExportError, match="places on the Earth"):
        FixLog(tmp_path / "none", without_origin(), ["kml"])
    assert not (tmp_path / "none").exists()


def test_names_are_quoted(tmp_path):
    scenario = load_scenario("paper", {"name": "<street> & 'square'"})
    for kind in ("gpx", "kml"):
        with EXPORTS[kind](tmp_path / kind, scenario) as file:
            file.write(a_fix(0))
    assert gpxpy.parse((tmp_path / "gpx").read_text()).tracks[0].name == scenario.name
    assert (
        fastkml.KML.from_string((tmp_path / "kml").read_bytes()).features[0].name == scenario.name
    )


def test_target_and_links_are_properties_where_they_are_set(written):
    labelled = replace(a_fix(4), target="a & <b>", links=(("leo", "roof"), ("leo-2", "mast")))
    fixes = [a_fix(3), labelled]
    features = json.loads(written("geojson", fixes).read_text())["features"]
    found = [
        (p.get("target"), p.get("links"))
        for feature in features
        if (p := feature["properties"])["kind"] in ("fix", "uncertainty")
    ]
    label = ("a & <b>", [["leo", "roof"], ["leo-2", "mast"]])
    assert [each for each in found if each[0]] == len(found) // 2 * [label]
    assert found.count((None, None)) == len(found) // 2 > 0
    text = "leo > roof; leo-2 > mast"
    points = list(gpxpy.parse(written("gpx", fixes).read_text()).walk(only_points=True))
    assert [point.name for point in points] == ["frame 3", "frame 4, a & <b>"]
    said = [{e.tag.split("}")[1]: e.text for e in point.extensions} for point in points]
    assert "target" not in said[0] and "links" not in said[0]
    assert (said[1]["target"], said[1]["links"]) == ("a & <b>", text)
    kml = written("kml", fixes).read_text()
    marks = [mark for mark in placemarks_of(kml) if "frame" in mark[0]]
    assert [name for name, _ in marks] == ["frame 3", "frame 4, a & <b>"]
    assert "target" not in marks[0][1]
    assert (marks[1][1]["target"], marks[1][1]["links"]) == ("a & <b>", text)


def placemarks_of(kml):
    """(name, extended data) of each place mark."""
    space = "{http://www.opengis.net/kml/2.2}"
    for mark in ElementTree.fromstring(kml).iter(f"{space}Placemark"):
        data = mark.iter(f"{space}Data")
        values = {each.get("name"): each.findtext(f"{space}value") for each in data}
        yield mark.findtext(f"{space}name"), values


def test_degrees_are_those_of_another_library():
    """Of the place itself: pymap3d both ways."""
    latitude, longitude, _ = enu2geodetic(10.0, -20.0, 1.5, *SCENARIO.origin)
    point = EXPORTS["gpx"]("/dev/null", SCENARIO)
    with point:
        text = point.entry(a_fix(0)).decode()
    lat, lon = (float(x) for x in re.search(r'lat="([^"]+)" lon="([^"]+)"', text).groups())
    np.testing.assert_allclose([lat, lon], [latitude, longitude], atol=1e-9)
