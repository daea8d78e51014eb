# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of TLE and OMM: every format read alike, every fault named, hostile ones refused."""

import json
import os
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from gnuradio.dislac.geometry import (
    Catalogue,
    ElementSet,
    OrbitError,
    SatelliteMotion,
    element_files,
    read_elements,
)
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("sgp4")

STATION = (
    "1 25544U 98067A   25345.50000000  .00016717  00000-0  30074-3 0  9993",
    "2 25544  51.6400 189.8924 0007050 108.0286 252.1739 15.49479551673427",
)
DELTA = (
    "1 06251U 62025E   06176.82412014  .00008885  00000-0  12808-3 0  3985",
    "2 06251  58.0579  54.0425 0030035 139.1568 221.1854 15.56387291  6774",
)
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
# CCSDS 502.0-B-3, figure G-9, as given there
GOES = """CCSDS_OMM_VERS = 3.0
CREATION_DATE = 2020-065T16:00:00
ORIGINATOR = NOAA
OBJECT_NAME = GOES 9
OBJECT_ID = 1995-025A
CENTER_NAME = EARTH
REF_FRAME = TEME
TIME_SYSTEM = UTC
MEAN_ELEMENT_THEORY = SGP/SGP4
EPOCH = 2020-064T10:34:41.4264
MEAN_MOTION = 1.00273272 [rev/day]
ECCENTRICITY = 0.0005013
INCLINATION = 3.0539 [deg]
RA_OF_ASC_NODE = 81.7939 [deg]
ARG_OF_PERICENTER = 249.2363 [deg]
MEAN_ANOMALY = 150.1602 [deg]
GM = 398600.8 [km**3/s**2]
EPHEMERIS_TYPE = 0
CLASSIFICATION_TYPE = U
NORAD_CAT_ID = 23581
ELEMENT_SET_NO = 0925
REV_AT_EPOCH = 4316
BSTAR = 0.0001 [1/ER]
MEAN_MOTION_DOT = -0.00000113 [rev/day**2]
MEAN_MOTION_DDOT = 0.0 [rev/day**3]
USER_DEFINED_EARTH_MODEL = WGS-84
"""


def with_digit(line):
    """A line of a TLE with the check digit that its 68 characters ask for."""
    body = line[:68].ljust(68)
    return body + str(sum(int(c) if c.isdigit() else c == "-" for c in body) % 10)


def changed(line, column, text):
    """A line of a TLE with other text from a column on, and the check digit of that."""
    return with_digit(line[: column - 1] + text + line[column - 1 + len(text) :])


def read(tmp_path, content, reports=None):
    path = tmp_path / "elements.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_elements(path, (lambda text: pytest.fail(text)) if reports is None else reports)


def fault(tmp_path, content):
    """The error of a file in which nothing can be used, without its path."""
    with pytest.raises(OrbitError) as caught:
        read(tmp_path, content, [].append)
    text = str(caught.value).removeprefix(str(tmp_path / "elements.txt"))
    assert "\n" not in text and len(text) < 400
    return text


def states(element):
    time = np.array([0.0, 1000.0, 50_000.0])
    return np.stack(SatelliteMotion(element, element.epoch).state(time))


def xml(fields, namespace="", prefix="", units=""):
    def tag(name, text, attributes=""):
        return f"<{prefix}{name}{attributes}>{text}</{prefix}{name}>"

    tags = [tag(key, value, units if key == "MEAN_MOTION" else "") for key, value in fields.items()]
    metadata, mean, rest = ("".join(tags[part]) for part in (slice(2), slice(2, 9), slice(9, None)))
    data = tag("meanElements", mean) + tag("tleParameters", rest)
    segment = tag("segment", tag("metadata", metadata) + tag("data", data))
    omm = tag("omm", tag("body", segment), ' id="CCSDS_OMM_VERS" version="2.0"')
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tag("ndm", omm, namespace)}'


def kvn(fields):
    heading = "CCSDS_OMM_VERS = 2.0\nCOMMENT = GENERATED\nCREATION_DATE=2026-01-01T00:00:00\n\n"
    return heading + "".join(f"{key:<17} = {value}\n" for key, value in fields.items())


URN = "urn:ccsds:recommendation:navigation:schema:ndmxml"


# Formats


def test_files_of_every_kind_say_the_same(tmp_path):
    heading, row = ",".join(OMM), ",".join(map(str, OMM.values()))
    texts = {
        "list": json.dumps([OMM]),
        "one": json.dumps(OMM),
        "strings": json.dumps([{key: str(value) for key, value in OMM.items()}], indent=1),
        "csv": f"{heading}\n{row}\n",
        "csv with blanks": f" {heading.replace(',', ' , ')}\r\n\r\n{row.replace(',', ', ')}\r\n",
        "csv in quotes": ",".join(f'"{k}"' for k in OMM) + f"\n{row}",
        "xml": xml(OMM),
        "default namespace": xml(OMM, f' xmlns="{URN}"'),
        "prefix": xml(OMM, f' xmlns:ndm="{URN}"', "ndm:"),
        "xml with units": xml(OMM, units=' units="rev/day"'),
        "kvn": kvn(OMM),
        "kvn with units": kvn({**OMM, "MEAN_MOTION": "15.06 [rev/day]"}),
        "day of the year": json.dumps({**OMM, "EPOCH": "2026-001T12:00:00.000"}),
        "zone": json.dumps({**OMM, "EPOCH": "2026-01-01 14:00:00+02:00"}),
    }
    for name, text in texts.items():
        for content in (text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
            (element,) = read(tmp_path, content)
            assert (element.name, element.record.satnum) == ("TEST SAT", 12345), name
            assert (element.number, element.designator) == ("12345", "2026-001A")
            assert element.epoch == datetime(2026, 1, 1, 12, tzinfo=UTC), name
            assert_array_equal(states(element), states(ElementSet.from_omm(OMM)))


def test_a_message_is_what_sgp4_itself_makes_of_it(tmp_path):
    from sgp4 import omm
    from sgp4.api import Satrec

    fields = {
        **{key: str(value) for key, value in OMM.items()},
        "EPOCH": "2026-01-01T12:00:00.123456",
        "CLASSIFICATION_TYPE": "U",
        "EPHEMERIS_TYPE": "0",
        "ELEMENT_SET_NO": "999",
        "REV_AT_EPOCH": "1234",
        "MEAN_MOTION_DOT": ".00001",
        "MEAN_MOTION_DDOT": "0",
    }
    record = Satrec()
    omm.initialize(record, fields)
    (element,) = read(tmp_path, json.dumps([fields]))
    for name in ("jdsatepoch", "jdsatepochF", "no_kozai", "ecco", "bstar", "ndot", "elnum"):
        assert getattr(element.record, name) == getattr(record, name)
    assert element.record.sgp4_tsince(100.0) == record.sgp4_tsince(100.0)


def test_the_example_of_the_standard(tmp_path):
    """GOES 9 with units, a day of the year, SGP/SGP4; twice, of two epochs."""
    one, two = read(tmp_path, GOES + GOES.replace("2020-064T10", "2020-065T10"))
    assert one.name == "GOES 9" and one.epoch.isoformat()[:19] == "2020-03-04T10:34:41"
    assert (two.epoch - one.epoch).total_seconds() == pytest.approx(86400, abs=1e-5)
    place = states(one)[0, 0]
    assert np.linalg.norm(place) == pytest.approx(42_164e3, rel=1e-3)


def test_tle_with_and_without_names(tmp_path):
    plain = "\n".join([*STATION, *DELTA])
    named = "\r\n".join(["FIRST", *STATION, "", "0 SECOND", *DELTA])
    old = "\r".join(["2 PATHFINDER", *STATION, "1 KUNS-PF", *DELTA])
    nobreak = named.replace(" ", "\N{NO-BREAK SPACE}")
    indented = "\n".join(f"   {line}  " for line in named.split("\r\n"))
    for text, names in (
        (plain, ["25544", "6251"]),
        (named, ["FIRST", "SECOND"]),
        (old, ["2 PATHFINDER", "1 KUNS-PF"]),
        (nobreak, ["FIRST", "SECOND"]),
        (indented, ["FIRST", "SECOND"]),
        ("\ufeff" + named, ["FIRST", "SECOND"]),
    ):
        for content in (text.encode(), text.encode("utf-16")):
            found = read(tmp_path, content)
            assert [element.name for element in found] == names
            assert_array_equal(states(found[0]), states(ElementSet.from_tle(*STATION)))
    # what stands after the check digit is not part of it
    (element,) = read(tmp_path, f"{STATION[0]}\n{STATION[1]}  0.00  4320.0\n")
    assert element.designator == "98067A"


def test_check_digits_may_be_missing(tmp_path):
    (element,) = read(tmp_path, f"{STATION[0][:68]}\n{STATION[1][:68]}\n")
    assert_array_equal(states(element), states(ElementSet.from_tle(*STATION)))


def test_names_hold_no_control_characters(tmp_path):
    (one,) = read(tmp_path, "A\x1b[31mB\n" + "\n".join(STATION))
    (two,) = read(tmp_path, json.dumps({**OMM, "OBJECT_NAME": "A\x1b[31mB\n"}))
    (old,) = read(tmp_path, "S\u00d8R\n".encode("latin-1") + "\n".join(STATION).encode())
    assert old.name == "S\u00d8R"
    assert one.name == "A\ufffd[31mB" and two.name == "A\ufffd[31mB"
    assert "\x1b" not in fault(tmp_path, "\x1b[31mno elements")


# Fields that SGP4 does not need


@pytest.mark.parametrize(
    ("number", "column", "text"),
    [
        (1, 3, "     "),
        (1, 3, "T0000"),
        (1, 3, " 5544"),
        (1, 8, "S"),
        (1, 8, "?"),
        (1, 9, "x"),
        (1, 10, "        "),
        (1, 10, "98 67 ?!"),
        (1, 34, "          "),
        (1, 34, ".0x016717 "),
        (1, 34, "0.00016717"),
        (1, 45, "        "),
        (1, 45, " 00000 0"),
        (1, 63, " "),
        (1, 65, "    "),
        (1, 65, "-1.x"),
        (2, 64, "     "),
        (2, 64, "x-1.y"),
    ],
)
def test_what_sgp4_does_not_need_refuses_nothing(number, column, text):
    lines = list(STATION)
    lines[number - 1] = changed(lines[number - 1], column, text)
    if column == 3:
        lines[1] = changed(lines[1], column, text)
    element = ElementSet.from_tle(*lines)
    assert_array_equal(states(element), states(ElementSet.from_tle(*STATION)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NORAD_CAT_ID", 799501299),
        ("NORAD_CAT_ID", None),
        ("NORAD_CAT_ID", "T0000"),
        ("OBJECT_ID", None),
        ("OBJECT_ID", "UNKNOWN"),
        ("OBJECT_ID", "x" * 1000),
        ("OBJECT_NAME", None),
        ("ELEMENT_SET_NO", "n/a"),
        ("REV_AT_EPOCH", -1),
        ("MEAN_MOTION_DOT", "nan"),
        ("MEAN_MOTION_DDOT", None),
        ("CLASSIFICATION_TYPE", 7),
        ("EPHEMERIS_TYPE", 0.0),
        ("EPHEMERIS_TYPE", None),
        ("MEAN_ELEMENT_THEORY", None),
        ("MEAN_ELEMENT_THEORY", "sgp4 "),
        ("REF_FRAME", "TEME of Date"),
        ("CENTER_NAME", "Earth"),
        ("COMMENT", {"a": [1]}),
    ],
)
def test_what_a_message_need_not_have(tmp_path, key, value):
    (element,) = read(tmp_path, json.dumps({**OMM, key: value}))
    assert_array_equal(states(element), states(ElementSet.from_omm(OMM)))
    if value == 799501299:
        assert element.number == "799501299"
        assert ElementSet.from_omm({**OMM, key: value, "OBJECT_NAME": ""}).name == "799501299"


# One bad entry


def test_a_bad_message_is_skipped_and_named(tmp_path):
    """The satellites of AMSAT have entries without elements."""
    bad = {"AMSAT_NAME": "HYDRA-W", "EPOCH": None, "MEAN_MOTION": None}
    reports = []
    (element,) = read(tmp_path, json.dumps([bad, OMM, 7]), reports.append)
    assert element.name == "TEST SAT"
    assert [re.sub(r".*txt: ", "", text) for text in reports] == [
        "message 1 (HYDRA-W): MEAN_MOTION is null; skipped",
        "message 3: an OMM is a set of named fields, this is none; skipped",
    ]


def test_without_bstar_there_is_no_drag_and_a_word_of_it(tmp_path):
    for fields in ({**OMM, "BSTAR": None}, {k: v for k, v in OMM.items() if k != "BSTAR"}):
        reports = []
        (element,) = read(tmp_path, json.dumps(fields), reports.append)
        assert element.record.bstar == 0.0
        assert [text.split(": ", 1)[1] for text in reports] == [
            "TEST SAT: BSTAR is missing: no drag is assumed"
        ]


def test_a_short_row_lacks_its_last_fields(tmp_path):
    rows = [list(OMM), list(map(str, OMM.values()))[:8], list(map(str, OMM.values()))]
    reports = []
    (element,) = read(tmp_path, "\n".join(map(",".join, rows)), reports.append)
    (text,) = reports
    assert element.name == "TEST SAT"
    assert text.endswith("elements.txt:2 (TEST SAT): MEAN_ANOMALY is missing; skipped")


def test_bad_lines_are_skipped_with_their_own_number(tmp_path):
    lines = ["ONE", changed(STATION[0], 54, " 3007x"), STATION[1], "TWO", *DELTA, STATION[1]]
    reports = []
    (element,) = read(tmp_path, "\n".join(lines), reports.append)
    assert element.name == "TWO"
    assert re.fullmatch(
        r".*txt:2: the BSTAR, columns 53 to 61 of '1 25544U .*', is .*; skipped", reports[0]
    )
    assert re.fullmatch(r".*txt:7: line 2 of a TLE without line 1 before it; skipped", reports[1])


def test_many_bad_entries_are_counted(tmp_path):
    reports = []
    read(tmp_path, json.dumps([OMM, *[{}] * 20]), reports.append)
    assert len(reports) == 6 and reports[-1].endswith("15 more entries are skipped")
    reports.clear()
    read(tmp_path, json.dumps([{**OMM, "BSTAR": None}] * 9), reports.append)
    assert len(reports) == 6 and reports[-1].endswith("4 more sets are without BSTAR")


def test_without_a_report_python_warns(tmp_path):
    path = tmp_path / "two.json"
    path.write_text(json.dumps([OMM, {}]))
    with pytest.warns(UserWarning, match="message 2: MEAN_MOTION is missing; skipped"):
        assert len(read_elements(path)) == 1


# What is refused

XP = "1 25544U 98067A   24247.82317651 +.00000000  12345-2  50000-1 4  999"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [with_digit(XP), STATION[1]],
            r":1: the ephemeris type, column 63 of '1 .*, is 4: SGP4-XP",
        ),
        ([XP, STATION[1]], r":1: the ephemeris type, column 63 of '1 .*, is 4: SGP4-XP"),
        ([changed(STATION[0], 63, "2"), STATION[1]], r":1: .* is 2: SGP4 with Brouwer's"),
        ([changed(STATION[0], 63, "x"), STATION[1]], r":1: .* is x: no theory known here"),
        (["NAME", STATION[0][:60], STATION[1]], r":2: '1 25544U .*' is not line 1 .* has 60$"),
        (["NAME", STATION[0], STATION[1][:52]], r":3: '2 25544  .*' is not line 2 .* has 51$"),
        (["NAME", STATION[0][:-1] + "1", STATION[1]], r":2: '1 .*' ends in .* 1; .* give 3"),
        (["NAME", STATION[0], STATION[1][:-1] + "8"], r":3: '2 .*' ends in .* 8; .* give 7"),
        (["NAME", STATION[0], "", "OTHER", STATION[1]], r":2: line 1 .*; 'OTHER' is none"),
        ([STATION[0]], ":1: the file ends within a TLE"),
        ([STATION[1]], ":1: line 2 of a TLE without line 1 before it$"),
        ([STATION[0].replace("1 ", "l ", 1), STATION[1]], ":2: line 2 .*; 'l 25544U .*' is none"),
        ([STATION[0], STATION[0]], ":1: line 1 of a TLE without line 2 after it; '1 25544U"),
        ([STATION[0], DELTA[1]], ":2: the lines of a TLE are of two satellites, 25544 and 06251"),
        (
            [STATION[0].replace("-0", "\N{MINUS SIGN}0"), STATION[1]],
            r":1: column 51 of '1 .*' holds '\\u2212'",
        ),
        ([changed(STATION[0], 21, "367.5       "), STATION[1]], ":1: the epoch's day, columns 21"),
        ([changed(STATION[0], 19, " x"), STATION[1]], ":1: the epoch's year, columns 19 to 20 of"),
        ([STATION[0], changed(STATION[1], 9, "181.0000")], ":2: the inclination, columns 8 to 16"),
        ([STATION[0], changed(STATION[1], 27, "000-050")], ":2: the eccentricity, columns 26 to"),
        ([STATION[0], changed(STATION[1], 53, "17.49479551")], ":2: the elements are no orbit: it"),
        ([STATION[0], changed(STATION[1], 53, " 0.00000000")], ":2: the elements are no orbit"),
    ],
)
def test_faults_of_a_tle_are_named(tmp_path, lines, message):
    assert re.match(message, fault(tmp_path, "\n".join(lines)))


def test_a_line_is_quoted_as_it_is(tmp_path):
    line = STATION[0][:-1] + "4"
    assert f"'{line}'" in fault(tmp_path, f"{line}\n{STATION[1]}\n")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"MEAN_ELEMENT_THEORY": "SGP4-XP"}, "MEAN_ELEMENT_THEORY is 'SGP4-XP'; SGP4 needs SGP4"),
        ({"MEAN_ELEMENT_THEORY": "DSST"}, "MEAN_ELEMENT_THEORY is 'DSST'"),
        ({"REF_FRAME": "EME2000"}, "REF_FRAME is 'EME2000'; SGP4 needs TEME"),
        ({"TIME_SYSTEM": "TAI"}, "TIME_SYSTEM is 'TAI'; SGP4 needs UTC"),
        ({"CENTER_NAME": "MARS"}, "CENTER_NAME is 'MARS'; SGP4 needs EARTH"),
        ({"EPHEMERIS_TYPE": 4}, "the ephemeris type, EPHEMERIS_TYPE, is 4: SGP4-XP"),
        ({"EPHEMERIS_TYPE": "2"}, "the ephemeris type, EPHEMERIS_TYPE, is 2: SGP4 with"),
        ({"BSTAR": None, "BTERM": 0.02}, "BTERM and AGOM are of SGP4-XP"),
        ({"EPOCH": None}, "EPOCH is null"),
        ({"EPOCH": "2025-000T00:00:00"}, "EPOCH is '2025-000T00:00:00', not a time"),
        ({"EPOCH": "2025-366T00:00:00"}, "EPOCH is '2025-366T00:00:00', not a time"),
        ({"EPOCH": "tomorrow"}, "EPOCH is 'tomorrow', not a time such as 2026-01-01T12:00:00"),
        ({"EPOCH": "0001-01-01T00:00:00+14:00"}, "EPOCH is '0001"),
        ({"EPOCH": "9999-12-31T23:59:59"}, "EPOCH is of 9999"),
        ({"MEAN_MOTION": "fast"}, "MEAN_MOTION is 'fast', not a number"),
        ({"MEAN_MOTION": True}, "MEAN_MOTION is 'True', not a number"),
        ({"MEAN_MOTION": [15]}, r"MEAN_MOTION is '\[15\]', not a number"),
        ({"MEAN_MOTION": 0}, "MEAN_MOTION is 0; it must"),
        ({"MEAN_MOTION": "15 [rad/s]"}, "MEAN_MOTION is in 'rad/s'; rev/day is needed"),
        ({"MEAN_MOTION": 17.3}, "the elements are no orbit: its perigee lies"),
        ({"ECCENTRICITY": 1.5}, "ECCENTRICITY is 1.5; it must lie between 0 and 1"),
        ({"INCLINATION": float("nan")}, "INCLINATION is 'nan', not a number"),
        ({"MEAN_ANOMALY": 1e300}, r"MEAN_ANOMALY is 1e\+300; it must lie"),
        ({"BSTAR": float("inf")}, "BSTAR is 'inf', not a number"),
    ],
)
def test_faults_of_a_message_are_named(tmp_path, fields, message):
    given = {**OMM, **fields}
    assert re.match(rf": message 1 \(TEST SAT\): {message}", fault(tmp_path, json.dumps(given)))
    if None not in given.values():
        assert re.match(rf":1 \(TEST SAT\): {message}", fault(tmp_path, kvn(given)))
        assert re.search(message, fault(tmp_path, xml(given)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": no satellites; a file of TLE or OMM"),
        ("\n \n", ": no satellites"),
        ("No GP data found\n", ": no elements; it begins with 'No GP data found', and a file of"),
        ("<!DOCTYPE html>\n<html><body>403</body></html>", ": a page of the web, perhaps of an er"),
        ("<html><p>404</html>", ": a page of the web"),
        ("CCSDS_OEM_VERS = 2.0\nEPOCH = 1\n", ": a message OEM of CCSDS; a file of TLE or OMM"),
        ("{", ":1: message 1 is not valid JSON"),
        ('[{"EPOCH": 1},\n {"EPOCH"', ": message 1: MEAN_MOTION is missing"),
        ("[1]", ": message 1: an OMM is a set of named fields, this is none"),
        ("[[[]]]", ": message 1: an OMM is a set"),
        ("[" * 100_000, ":1: message 1 is not valid JSON: too deep"),
        ("[" + "9" * 5000, ":1: message 1 is not valid JSON: too deep, or a number too long"),
        ("[]", ": no satellites"),
        ("<a/>", ": no satellites"),
        ("<a>", ": not an OMM in XML"),
        ("<a>" * 100_000, ": not an OMM in XML: more than 64 levels"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', ": an OMM in XML declares no entities"),
        ("OBJECT_NAME,EPOCH\nX,2026-01-01T00:00:00\n", r":2 \(X\): MEAN_MOTION is missing"),
        ("EPOCH,\n" + "x" * 100_000, ": not CSV: a line of more than"),
    ],
)
def test_what_is_no_file_of_elements_is_reported(tmp_path, text, message):
    assert re.match(message, fault(tmp_path, text))


def test_more_entries_than_fly_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(element_files, "_MOST_ENTRIES", 5)
    assert len(read(tmp_path, json.dumps([OMM] * 5))) == 5
    for entries in ([OMM] * 6, [OMM, *[{}] * 5]):
        assert fault(tmp_path, json.dumps(entries)).startswith(": more than 5 entries")
    assert fault(tmp_path, "\n".join(["A", *STATION] * 6)).startswith(": more than 5 entries")


def test_a_file_of_lines_or_elements_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(element_files, "_MOST_LINES", 100)
    monkeypatch.setattr(element_files, "_LONGEST_TAG", 1 << 17)
    assert fault(tmp_path, "X\n" * 101).startswith(": more than 100 lines")
    assert "or 100 elements" in fault(tmp_path, "<a>" + "<a/>" * 101 + "</a>")
    for filling in ("x", ' a=""'):
        assert "no element in 131072 char" in fault(tmp_path, f"<a{' ' + filling * 400_000}</a>")


def test_a_list_that_is_cut_off_gives_what_it_has(tmp_path):
    text = json.dumps([OMM, OMM], indent=1)
    for end, fault in (
        (text.rindex('"BSTAR"'), "message 2 is not valid JSON"),
        (-1, "ends within"),
    ):
        reports = []
        assert read(tmp_path, text[:end], reports.append)
        assert len(reports) == 1 and fault in reports[0]


def test_only_regular_files_of_bounded_size_are_read(tmp_path, monkeypatch):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, "/dev/zero", tmp_path, tmp_path / "none"):
        with pytest.raises(OSError):
            read_elements(path)
    monkeypatch.setattr(element_files, "LARGEST_FILE", 100)
    (tmp_path / "large").write_text("\n".join(STATION))
    with pytest.raises(OSError, match="Larger than 100 bytes"):
        read_elements(tmp_path / "large")


def test_a_damaged_line_is_read_rightly_or_not_at_all():
    """Any character in any column, under a check digit that is right."""
    rng = np.random.default_rng(5)
    characters = list(" 0123456789.-+xU,eE")
    refused = 0
    for _ in range(500):
        lines = list(STATION)
        which = int(rng.integers(2))
        column = int(rng.integers(3, 69))
        lines[which] = changed(lines[which], column, str(rng.choice(characters)))
        try:
            record = ElementSet.from_tle(*lines).record
        except OrbitError:
            refused += 1
            continue
        one, two = lines
        angles = record.inclo, record.nodeo, record.argpo, record.mo
        found = [record.epochdays, record.bstar, record.ecco, record.no_kozai * 720 / np.pi]
        wanted = [
            one[20:32],
            f"{one[53]}.{one[54:59]}e{one[59:61]}",
            "0." + two[26:33].replace(" ", "0"),
            two[52:63],
            *(two[k : k + 8] for k in (8, 17, 34, 43)),
        ]
        assert_allclose([*found, *np.degrees(angles)], list(map(float, wanted)), rtol=1e-9)
    assert 150 < refused < 400


def test_a_file_of_many_is_a_catalogue(tmp_path):
    found = read(tmp_path, "\n".join(["A", *STATION, "B", *DELTA]))
    assert Catalogue(found, found[0].epoch).names == ["A", "B"]
