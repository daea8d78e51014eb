# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes on disk: to the last bit, complete after each fix, readable by others."""

import csv
import json
import math
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml
from gnuradio.dislac.io import (
    FixLog,
    fix_from_dict,
    fix_log,
    fix_to_dict,
    fix_to_json,
    read_fixes,
)
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import load_scenario, parse_scenario
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymap3d import geodetic2enu

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")

SCENARIO = load_scenario("paper")
KEYS = [
    *("frame", "time", "position", "covariance", "residual_delay", "residual_doppler"),
    *("direction", "status", "error", "bound"),
]
NOTHING = Fix(7, 0.25, FixStatus.NO_DETECTION, bound=2.5)

finite = st.floats(allow_nan=False, allow_infinity=False)
known = st.one_of(finite, st.just(math.nan))


def a_fix(frame=3, position=(10.0, -20.0, 1.5)):
    deviations = np.array([3.0, 2.0, 1.0])
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    return Fix(
        frame=frame,
        time=frame * 1e-3,
        status=FixStatus.OK,
        position=np.array(position),
        covariance=turn @ np.diag(deviations**2) @ turn.T,
        residual_delay=1.296e-6,
        residual_doppler=165.942,
        direction=np.array([0.6, 0.0, -0.8]),
        error=1 / 3,
        bound=2.0,
    )


def same(one, other):
    """Equal to the last bit, NaN to NaN and -0 apart from 0."""
    return all(
        np.asarray(a).tobytes() == np.asarray(b).tobytes() and np.shape(a) == np.shape(b)
        for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@given(
    frame=st.integers(0, 2**53),
    time=finite,
    status=st.sampled_from(FixStatus),
    position=arrays(float, 3, elements=finite),
    covariance=arrays(float, (3, 3), elements=finite),
    direction=arrays(float, 3, elements=finite),
    numbers=st.tuples(known, known, known, known),
)
def test_json_keeps_every_bit(frame, time, status, position, covariance, direction, numbers):
    delay, doppler, error, bound = numbers
    fix = Fix(frame, time, status, position, covariance, delay, doppler, direction, error, bound)
    assert same(fix_from_dict(json.loads(fix_to_json(fix))), fix)


def test_a_fix_has_exactly_these_keys_in_order():
    assert list(fix_to_dict(a_fix())) == KEYS
    assert list(json.loads(fix_to_json(NOTHING))) == KEYS


TODAY = (
    '{"frame": 3, "time": 0.003, "position": [10.0, -20.0, 1.5], "covariance": null, '
    '"residual_delay": 1.296e-06, "residual_doppler": null, "direction": null, "status": "ok", '
    '"error": 0.25, "bound": null}'
)
"""A line as it was before fixes had targets and links."""

LABELLED = replace(a_fix(), target='the "car" & <dog>', links=(("leo", "roof"), ("leo", "mast")))


def test_a_line_without_target_and_links_is_read_and_written_as_it_was():
    fix = fix_from_dict(json.loads(TODAY))
    assert (fix.target, fix.links) == ("", ()) and fix_to_json(fix) == TODAY


def test_target_and_links_stand_behind_all_else_where_they_are_set():
    values = json.loads(fix_to_json(LABELLED))
    assert list(values) == [*KEYS, "target", "links"]
    back = fix_from_dict(values)
    assert (back.target, back.links) == (LABELLED.target, LABELLED.links)
    assert list(fix_to_dict(replace(LABELLED, links=()))) == [*KEYS, "target"]


@pytest.mark.parametrize(
    "labels",
    [
        *({"target": 1}, {"target": None}, {"target": "a\x00b"}, {"target": "a" * 1001}),
        *({"links": "ab"}, {"links": ["ab"]}, {"links": [["leo", 1]]}, {"links": None}),
    ],
)
def test_labels_that_are_none_are_refused(labels):
    with pytest.raises(ValueError, match="none of a fix"):
        fix_from_dict(json.loads(TODAY) | labels)
    assert fix_from_dict(json.loads(TODAY) | {"target": "a" * 1000}).target == "a" * 1000


def test_the_table_has_columns_for_labels_where_the_first_fix_has_some(tmp_path):
    for first, expected in ((a_fix(), []), (LABELLED, ["target", "links"])):
        with FixLog(tmp_path, SCENARIO) as log:
            for fix in (first, LABELLED, a_fix()):
                log.write(fix)
        header, *rows = csv.reader((tmp_path / "fixes.csv").read_text().splitlines())
        assert len({len(row) for row in (header, *rows)}) == 1 and len(rows) == 3
        assert header[len(header) - len(expected) :] == expected and header[18] == "bound [m]"
        texts = ['the "car" & <dog>', "leo > roof; leo > mast"]
        assert [row[19:] for row in rows] == (
            [texts, texts, ["", ""]] if expected else [[], [], []]
        )


def test_what_is_not_known_is_null():
    values = fix_to_dict(NOTHING)
    assert values["status"] == "no_detection" and values["bound"] == 2.5
    assert [key for key, value in values.items() if value is None] == [
        *("position", "covariance", "residual_delay", "residual_doppler", "direction", "error")
    ]
    assert same(fix_from_dict(values), NOTHING)


def test_no_line_holds_what_json_does_not_know():
    place = np.array([1.0, np.inf, 2.0])
    endless = Fix(0, 0.0, FixStatus.NO_DETECTION, bound=math.inf, position=place)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    values = json.loads(fix_to_json(endless), parse_constant=refuse)
    assert values["position"] == [1.0, None, 2.0] and values["bound"] is None


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path):
    with FixLog(tmp_path, SCENARIO) as log:
        for k in range(3):
            log.write(a_fix(k))
    path = tmp_path / "fixes.jsonl"
    assert [fix.frame for fix in read_fixes(path)] == [0, 1, 2]
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert [fix.frame for fix in read_fixes(path)] == [0, 1]
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(ValueError, match=r"fixes\.jsonl:1: not a fix"):
        read_fixes(path)


@pytest.mark.parametrize(
    "line",
    [
        *("[]", "{}", "x", "1e999", "[" * 60_000, "1" * 70_000),
        *('{"status": "ok"}', '{"position": null}', '{"position": [1, 2, 1e300]}'),
        *('{"time": NaN}', '{"time": 1e300}', '{"frame": 1e999}', '{"covariance": [1, 2]}'),
    ],
)
def test_a_line_that_is_no_fix_is_named(tmp_path, line):
    values = json.loads(fix_to_json(a_fix()))
    if line.startswith("{") and len(line) > 2 and "status" not in line:
        line = json.dumps(values | json.loads(line))
    path = tmp_path / "fixes.jsonl"
    path.write_text(f"{fix_to_json(a_fix())}\n{line}\n{fix_to_json(a_fix())}\n")
    with pytest.raises(ValueError, match=r"fixes\.jsonl:2: not a fix"):
        read_fixes(path)
    with pytest.raises(OSError, match="Not a regular file"):
        read_fixes("/dev/zero")


def test_files_are_whole_after_every_fix(tmp_path):
    fixes = [a_fix(0), NOTHING, a_fix(8, (0.0, 5.0, 0.0))]
    log = FixLog(tmp_path, SCENARIO)
    assert log.notes == []
    for count in range(len(fixes) + 1):
        assert len(read_fixes(tmp_path / "fixes.jsonl")) == count
        assert len((tmp_path / "fixes.csv").read_text().splitlines()) == count + 1
        features = json.loads((tmp_path / "fixes.geojson").read_text())["features"]
        kinds = [feature["properties"]["kind"] for feature in features]
        assert kinds.count("fix") == sum(fix.valid for fix in fixes[:count])
        if count < len(fixes):
            log.write(fixes[count])
    assert kinds == ["receiver", "truth", "fix", "uncertainty", "fix", "uncertainty"]
    log.close()
    assert all(map(same, read_fixes(tmp_path / "fixes.jsonl"), fixes))


def test_the_map_thins_out_and_the_rest_holds_every_fix(tmp_path, monkeypatch):
    monkeypatch.setattr(fix_log, "MAPPED", 4)
    with FixLog(tmp_path, SCENARIO, ["gpx"]) as log:
        for frame in range(20):
            log.write(a_fix(frame))
    mapped = [fix["properties"]["frame"] for fix in features_of(tmp_path, "fix")]
    assert mapped == [0, 1, 2, 3, 4, 6, 8, 12, 16]
    assert [fix.frame for fix in read_fixes(tmp_path / "fixes.jsonl")] == list(range(20))
    assert (tmp_path / "fixes.gpx").read_text().count("<trkpt") == 20
    assert len((tmp_path / "fixes.csv").read_text().splitlines()) == 21


def test_the_table_has_numbers_under_names_with_units(tmp_path):
    fix = a_fix()
    with FixLog(tmp_path, SCENARIO) as log:
        log.write(fix)
        log.write(NOTHING)
    with open(tmp_path / "fixes.csv", newline="") as file:
        row, empty = csv.DictReader(file)
    assert row["status"] == "ok" and int(row["frame"]) == 3
    assert float(row["time [s]"]) == fix.time
    assert [float(row[f"{axis} [m]"]) for axis in ("east", "north", "up")] == list(fix.position)
    assert float(row["variance up [m^2]"]) == fix.covariance[2, 2]
    assert float(row["covariance east-north [m^2]"]) == fix.covariance[0, 1]
    assert float(row["covariance north-up [m^2]"]) == fix.covariance[1, 2]
    assert float(row["residual delay [s]"]) == fix.residual_delay
    assert float(row["residual Doppler [Hz]"]) == fix.residual_doppler
    assert float(row["direction up"]) == -0.8
    assert float(row["error [m]"]) == 1 / 3 and float(row["bound [m]"]) == 2.0
    assert None not in row.values() and None not in empty.values()
    assert [key for key, value in empty.items() if value] == [
        *("frame", "time [s]", "status", "bound [m]")
    ]


def features_of(directory, kind):
    features = json.loads((directory / "fixes.geojson").read_text())["features"]
    return [feature for feature in features if feature["properties"]["kind"] == kind]


def test_the_map_has_longitude_first_and_metres_right(tmp_path):
    """A degree of the meridian at 50.9 degrees is 111.25 km, of the parallel 70.34 km."""
    with FixLog(tmp_path, SCENARIO) as log:
        log.write(a_fix(position=(100.0, 200.0, 5.0)))
    (fix,) = features_of(tmp_path, "fix")
    assert fix["geometry"]["type"] == "Point"
    longitude, latitude, height = fix["geometry"]["coordinates"]
    # Radii of curvature of the WGS 84 ellipsoid; the tangent plane leaves it by d^2 / 2R.
    flattening, phi = 1 / 298.257223563, np.radians(50.9)
    squared = flattening * (2 - flattening)
    across = 6378137.0 / np.sqrt(1 - squared * np.sin(phi) ** 2)
    along = across * (1 - squared) / (1 - squared * np.sin(phi) ** 2)
    around = across * np.cos(np.radians(latitude))
    assert np.radians(longitude + 1.4) * around == pytest.approx(100.0, abs=3e-4)
    assert np.radians(latitude - 50.9) * along == pytest.approx(200.0, abs=5e-3)
    assert height == pytest.approx(5.0 + 100.0**2 / 2 / across + 200.0**2 / 2 / along, abs=1e-4)
    assert fix["properties"]["position"] == [100.0, 200.0, 5.0]
    assert fix["properties"]["error"] == 1 / 3
    (truth,) = features_of(tmp_path, "truth")
    assert truth["geometry"]["coordinates"] == [-1.4, 50.9, 0.0]


def test_the_ellipse_holds_95_percent_and_runs_counterclockwise(tmp_path):
    fix = a_fix()
    with FixLog(tmp_path, SCENARIO) as log:
        log.write(fix)
    (ellipse,) = features_of(tmp_path, "uncertainty")
    (ring,) = ellipse["geometry"]["coordinates"]
    assert ring[0] == ring[-1] and len(ring) == 33
    longitude, latitude, height = np.array(ring).T
    east, north, _ = geodetic2enu(latitude, longitude, height, *SCENARIO.origin)
    offset = np.stack([east, north]).T - fix.position[:2]
    normalised = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(fix.covariance[:2, :2]), offset)
    # chi-square with two degrees of freedom is below 5.991 in 95 % of draws
    np.testing.assert_allclose(normalised, 5.991, rtol=2e-3)
    area = np.sum(east[:-1] * north[1:] - east[1:] * north[:-1]) / 2
    assert area > 0


def test_a_truth_that_moves_is_drawn_where_each_fix_found_it(tmp_path):
    moving = load_scenario("paper", {"nodes.target.velocity": [10.0, 0.0, 0.0]})
    with FixLog(tmp_path, moving) as log:
        for k in range(3):
            log.write(a_fix(k))
    assert [f["properties"]["time"] for f in features_of(tmp_path, "truth")] == [0.0, 1e-3, 2e-3]


def test_a_fix_without_covariance_has_no_ellipse(tmp_path):
    with FixLog(tmp_path, SCENARIO) as log:
        log.write(Fix(0, 0.0, FixStatus.OK, np.zeros(3)))
    assert len(features_of(tmp_path, "fix")) == 1 and not features_of(tmp_path, "uncertainty")


def test_without_origin_there_is_no_map_and_a_note(tmp_path):
    data = yaml.safe_load(SCENARIO.text)
    del data["origin"]
    (tmp_path / "fixes.geojson").write_text("of another run")
    with FixLog(tmp_path, parse_scenario(yaml.safe_dump(data))) as log:
        log.write(a_fix())
    assert log.notes == ["no fixes.geojson: the scenario has no origin on the Earth (origin)"]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["fixes.csv", "fixes.jsonl", "fixes.scenario.yml"]


def test_what_an_earlier_run_has_written_in_other_formats_is_removed(tmp_path):
    for formats in (["kml", "gpx"], ["gpx"]):
        FixLog(tmp_path, SCENARIO, formats).close()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"fixes.{suffix}" for suffix in ("jsonl", "csv", "geojson", "gpx")} | {
        "fixes.scenario.yml"
    }


def test_no_truth_without_target(tmp_path):
    data = yaml.safe_load(SCENARIO.text)
    del data["nodes"]["target"]
    data["channel"]["paths"] = [{"kind": "direct"}]
    blind = parse_scenario(yaml.safe_dump(data))
    assert blind.target is None
    with FixLog(tmp_path, blind) as log:
        log.write(a_fix())
    assert len(features_of(tmp_path, "fix")) == 1 and not features_of(tmp_path, "truth")


KILLED = """
import os, signal, sys
import numpy as np
from gnuradio.dislac.io import FixLog
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import load_scenario

log = FixLog(sys.argv[1], load_scenario("paper"))
for k in range(20):
    log.write(Fix(k, k * 1e-3, FixStatus.OK, np.full(3, k / 3), np.eye(3)))
    print(k, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_has_lost_no_fix_that_it_printed(tmp_path):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    printed = [int(line) for line in killed.stdout.split()]
    assert printed == list(range(20))
    fixes = read_fixes(tmp_path / "fixes.jsonl")
    assert [fix.frame for fix in fixes] == printed
    assert fixes[19].position.tolist() == [19 / 3] * 3
    assert len((tmp_path / "fixes.csv").read_text().splitlines()) == 21
    assert len(features_of(tmp_path, "fix")) == 20
