# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and pictures of passes and links, and the commands that print them."""

import json

import numpy as np
import pytest
from gnuradio.dislac import cli
from gnuradio.dislac.geometry import OrbitError, WalkerShell, find_passes, in_view
from gnuradio.dislac.io import sky
from gnuradio.dislac.scenario import load_scenario

SITE = (50.9, -1.4, 20.0)
SHELL = WalkerShell(550e3, 6, 5, np.radians(53), 1)
TIME = np.arange(0.0, 7201.0, 10.0)
MASK = np.radians(10)
SHELL_TEXT = "walker:550e3,6,5,53,1"
# The low orbit with drag of sgp4's verification
TLE = """DELTA 1 DEB
1 06251U 62025E   06176.82412014  .00008885  00000-0  12808-3 0  3985
2 06251  58.0579  54.0425 0030035 139.1568 221.1854 15.56387291  6774
"""


@pytest.fixture(scope="module")
def passes():
    return find_passes(SHELL, SITE, TIME, mask=MASK)


@pytest.fixture
def dislac(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments], prog_name="dislac")
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def tle(tmp_path):
    pytest.importorskip("sgp4")
    path = tmp_path / "one.tle"
    path.write_text(TLE)
    return path


def test_counts_are_those_of_the_view(passes):
    seen = in_view(SHELL, SITE, TIME, mask=MASK)
    assert np.array_equal(sky.count_in_view(passes, TIME), seen.sum(axis=0))


def test_a_shell_from_a_text():
    fleet, start = sky.open_fleet(SHELL_TEXT)
    assert fleet == SHELL and start is None
    assert sky.open_fleet("walker:550e3,6,5,53")[0].phasing == 0
    for text in ("walker:", "walker:1,2,3,x", "walker:1,2,3,4,5,6"):
        with pytest.raises(OrbitError, match="such as walker:550e3,72,22,53,39"):
            sky.open_fleet(text)
    with pytest.raises(OrbitError, match="phasing"):
        sky.open_fleet("walker:550e3,6,5,53,9")


def test_rows_say_what_was_found(passes):
    heading, *rows = sky.pass_rows(SHELL, passes, None)
    assert heading.split()[0] == "satellite" and len(rows) == len(passes)
    whole = int(np.flatnonzero(np.isfinite(passes.rise) & np.isfinite(passes.set))[0])
    name, rise, _, _, minutes, highest, *azimuths = rows[whole].split()
    assert name == SHELL.names[passes.satellite[whole]]
    hours, mins, seconds = map(int, rise.split(":"))
    assert 3600 * hours + 60 * mins + seconds == round(passes.rise[whole])
    lasted = (passes.set[whole] - passes.rise[whole]) / 60
    assert float(minutes) == pytest.approx(lasted, abs=0.05)
    assert float(highest) == pytest.approx(np.degrees(passes.elevation[whole]), abs=0.05)
    assert int(azimuths[2]) == round(np.degrees(passes.set_azimuth[whole]))
    cut = int(np.flatnonzero(np.isnan(passes.rise))[0])
    assert rows[cut].split()[1] == "-"


def test_json_keeps_every_digit(passes, dislac):
    status, out, _ = dislac("passes", SHELL_TEXT, "--site=50.9,-1.4,20", "--hours=2", "--json")
    assert status == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert len(found) == len(passes)
    for k, entry in enumerate(found):
        assert entry["satellite"] == SHELL.names[passes.satellite[k]] and entry["epoch"] is None
        for name in ("rise", "culmination", "elevation", "set_azimuth"):
            value = getattr(passes, name)[k]
            assert entry[name] == (None if np.isnan(value) else value)


@pytest.mark.parametrize("step", ["0.7", "2520", "9000", "1e15"])
def test_any_step_goes_to_the_end(dislac, step):
    """0.7 h are 3600 steps of 0.7 s, but for a rounding error."""
    shell = "walker:550e3,1,1,53"
    status, out, err = dislac("passes", shell, "--site=50.9,-1.4", "--hours=0.7", "--step", step)
    assert (status, err) == (0, "") and "out of 1" in out


def test_passes_of_a_file_are_in_utc(dislac, tle, tmp_path):
    picture = tmp_path / "sky.png"
    site = "--site=50.9,-1.4"
    status, out, err = dislac("passes", tle, site, "--mask=0", "--plot", picture)
    assert (status, err) == (0, "")
    _, *rows, summary = out.splitlines()
    assert rows[0].startswith("DELTA 1 DEB    ") and "06-2" in rows[0]
    assert summary.startswith(f"{len(rows)} passes of 1 satellites out of 1; in view")
    assert picture.read_bytes().startswith(b"\x89PNG")
    later = dislac("passes", tle, site, "--start=2006-06-26T10:00:00+02:00", "--hours=3", "--json")
    assert all(
        json.loads(line)["epoch"] == "2006-06-26T10:00:00+02:00" for line in later[1].splitlines()
    )
    status, out, err = dislac("passes", tle, site, "--name=other")
    assert (status, out) == (2, "")
    assert "--name: no satellite has 'other' in its name: DELTA 1 DEB" in err


# What public reports are of

STATION = """ISS (ZARYA)
1 25544U 98067A   25345.50000000  .00016717  00000-0  30074-3 0  9993
2 25544  51.6400 189.8924 0007050 108.0286 252.1739 15.49479551673427
"""
DEBRIS = """OLD DEBRIS
1 45110U 20007A   23232.80903846 0.00110000  00000-0  32750-2 0    04
2 45110  69.9913 111.5649 0009740 159.9373 200.0626 15.34502222    06
"""
SOUTHAMPTON = "--site=50.9,-1.4,20"


@pytest.fixture
def passes_of(tmp_path, dislac):
    """Runs `dislac passes` on a file of a text; gives the lines of both outputs."""
    pytest.importorskip("sgp4")

    def run(text, *options):
        path = tmp_path / "elements.txt"
        path.write_text(text)
        status, out, err = dislac("passes", path, SOUTHAMPTON, "--step=30", *options)
        assert status == 0, err
        return out.splitlines(), err.replace(f"{path}", "FILE").splitlines()

    return run


def test_one_decayed_satellite_does_not_end_a_catalogue(passes_of):
    alone, silence = passes_of(STATION)
    both, warnings = passes_of(STATION + DEBRIS)
    assert len(alone) > 5 and silence == []
    assert both[:-1] == alone[:-1]
    assert both[-1] == alone[-1].replace("out of 1", "out of 2")
    assert warnings == [
        "dislac: warning: OLD DEBRIS: elements of 2023-08-20 for up to 2.3 years from then: that "
        "far from their epoch they are no orbit, and are left out there"
    ]
    # a name is picked before anything is worked out
    assert passes_of(STATION + DEBRIS, "--name=ISS") == (alone, [])


def test_elements_asked_for_forty_years_away_give_no_passes(passes_of):
    options = "--start=1985-04-01T00:00:00Z", "--hours=6"
    (_, *rows), (warning,) = passes_of(STATION, *options)
    assert rows == ["0 passes of 0 satellites out of 1; in view at a time: 0 to 0, 0.0 on average"]
    assert "ISS (ZARYA): elements of 2025-12-11 for up to 40.7 years from then: that far" in warning


def test_old_elements_are_reported_with_their_age(passes_of):
    (_, *rows), (warning,) = passes_of(STATION, "--start=2026-01-10")
    assert len(rows) > 4
    assert warning == (
        "dislac: warning: ISS (ZARYA): elements of 2025-12-11 for up to 30 days from then: SGP4 "
        "errs by 1 to 3 km a day"
    )
    assert passes_of(STATION, "--start=2025-12-24")[1] == []
    # whatever there is goes up before it goes down
    out, _ = passes_of(STATION + DEBRIS, "--start=2024-03-01", "--hours=48", "--json")
    passes = [json.loads(line) for line in out]
    assert len(passes) > 5
    assert all((p["rise"] or 0) < p["culmination"] < (p["set"] or 1e9) for p in passes)


def test_several_sets_of_one_satellite_are_one_satellite(passes_of):
    """The one that is nearest to what is looked at, whatever the file begins with."""
    lines = STATION.splitlines()
    others = []
    for day in ("335", "355"):
        line = lines[1].replace("25345", f"25{day}")[:68]
        digit = sum(int(c) if c.isdigit() else c == "-" for c in line) % 10
        others += [lines[0], f"{line}{digit}", lines[2]]
    texts = "\n".join([*others[:3], *lines, *others[3:]]), "\n".join([*others, *lines])
    alone, _ = passes_of(STATION, "--start=2025-12-11T06:00:00Z")
    for text in texts:
        assert passes_of(text, "--start=2025-12-11T06:00:00Z") == (alone, [])


def test_what_never_sets_and_what_never_rises_is_reported(passes_of):
    """Geostationary satellites over 0 and over 180 degrees east; without check digits."""
    text = ""
    for number, (name, angle) in enumerate({"HERE": 140.8, "THERE": 320.8}.items(), start=1):
        text += (
            f"{name}\n1 2862{number}U 05008A   06176.46683397 -.00000205  00000-0  10000-3 0  219\n"
            f"2 2862{number}   0.0019 286.9433 0000335  13.7918 {angle:8.4f}  1.00270176  489\n"
        )
    (_, row, *rows), warnings = passes_of(text, "--hours=6")
    assert warnings == []
    assert row.split()[:2] == ["HERE", "-"] and row.split()[-3] == "-"
    assert rows[1:] == ["up during all of the 6 h: HERE", "never above 10° in 6 h: THERE"]
    # at the pole, neither
    (_, *rows), _ = passes_of(text, "--hours=6", "--site=89,0")
    assert rows == [
        "0 passes of 0 satellites out of 2; in view at a time: 0 to 0, 0.0 on average",
        "never above 10° in 6 h: HERE, THERE",
    ]


def test_many_that_never_rise_are_counted(dislac):
    _, out, _ = dislac("passes", "walker:550e3,6,5,20", "--site=80,0", "--hours=2")
    assert out.splitlines()[-1] == "never above 10° in 2 h: 0/0, 0/1, 0/2 and 27 more"


def test_names_are_not_cut_without_a_sign(passes_of):
    for name in ("A NAME OF 24 CHARACTERS!", "X" * 40, "Y" * 41):
        (heading, row, *_), _ = passes_of(STATION.replace("ISS (ZARYA)", name), "--hours=1")
        shown = name if len(name) <= 40 else name[:39] + "…"
        assert row.startswith(f"{shown} ")
        assert heading.index(" rise") + len(" rise") == row.index(":17:18") + len(":17:18")


def test_entries_that_are_left_out_are_named(passes_of):
    """With the line as it is, every blank of it, and the number of the line at fault."""
    line = STATION.splitlines()[2][:-1] + "6"
    rows, warnings = passes_of(STATION[:-2] + "6\n" + STATION)
    assert rows == passes_of(STATION)[0]
    assert warnings == [
        f"dislac: warning: FILE:3: '{line}' ends in the check digit 6; its other digits give 7; "
        "skipped"
    ]


def test_a_file_of_nothing_is_one_line_with_its_blanks(dislac, tmp_path):
    pytest.importorskip("sgp4")
    path = tmp_path / "bad.tle"
    path.write_text(STATION[:-2] + "6\n")
    status, out, err = dislac("passes", path, SOUTHAMPTON)
    assert (status, out) == (1, "") and len(err.splitlines()) == 1
    assert err.startswith(f"dislac: error: {path}:3: '2 25544  51.6400 189.8924 0007050 108.")


def test_the_sky_of_many_and_of_none(passes, tmp_path):
    for name, some in (("many.png", passes), ("none.svg", passes.chosen(np.array([], dtype=int)))):
        sky.draw_sky(SHELL, SITE, some, TIME, tmp_path / name, mask=MASK, title="sky")
        assert (tmp_path / name).stat().st_size > 5000


def test_geometry_prints_the_reference_link_and_the_echo(dislac, tmp_path):
    picture = tmp_path / "links.png"
    options = "--duration=2", "--step=0.5", "--plot", picture
    status, out, err = dislac("geometry", "paper", *options)
    assert (status, err) == (0, "")
    heading, *rows = out.splitlines()
    assert len(rows) == 5 and heading.split()[-2:] == ["[us]", "[Hz]"]
    first = [float(value) for value in rows[0].split()]
    assert first[3] == pytest.approx(373.997, abs=1e-3)
    assert first[6] == pytest.approx(-174776.6, abs=0.1)
    assert first[8:] == pytest.approx([1.2960, 165.94], abs=1e-2)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("start", [0.0, -3.25, 7.5])
def test_geometry_prints_a_row_a_step_to_the_end(dislac, start):
    """Steps that are no binary fraction count the last row in."""
    options = f"--start={start}", "--duration=0.9", "--step=0.3"
    status, out, _ = dislac("geometry", "paper", *options, "--json")
    times = start + np.array([0.0, 0.3, 0.6, 0.9])
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and [row["time"] for row in rows] == pytest.approx(times)
    status, out, _ = dislac("geometry", "paper", *options)
    printed = [float(row.split()[0]) for row in out.splitlines()[1:]]
    assert printed == pytest.approx(times, rel=0, abs=0.0501)


TLE_SCENARIO = """
origin: {{latitude_deg: 50.9, longitude_deg: -1.4}}
epoch: {epoch}
numerology: {{carrier_frequency: 2e9, subcarrier_spacing: 60e3, fft_size: 128, cyclic_prefix: 9,
  subcarriers: 96, symbols: 8}}
nodes:
  transmitter:
    orbit:
      kind: tle
      lines:
        - "1 25544U 98067A   25345.50000000  .00016717  00000-0  30074-3 0  9993"
        - "2 25544  51.6400 189.8924 0007050 108.0286 252.1739 15.49479551673427"
  receiver: {{position: [0, 0, 10]}}
channel: {{paths: [{{kind: direct}}]}}
beams: {{chains: 1}}
"""


def test_geometry_reports_old_elements_and_refuses_what_is_no_orbit(dislac, tmp_path):
    pytest.importorskip("sgp4")
    path = tmp_path / "tle.yml"
    path.write_text(TLE_SCENARIO.format(epoch="2025-12-12T00:00:00Z"))
    status, out, err = dislac("geometry", path, "--duration=60")
    assert (status, err) == (0, "") and len(out.splitlines()) == 4
    status, out, err = dislac("geometry", path, "--duration=60", "--start=2e6")
    assert status == 0 and len(out.splitlines()) == 4
    assert err == (
        "dislac: warning: nodes.transmitter: its elements, of 2025-12-11, are used for up to 24 "
        "days from then, and SGP4 errs by 1 to 3 km a day: take a set of that time\n"
    )
    path.write_text(TLE_SCENARIO.format(epoch="1985-04-01T00:00:00Z"))
    status, out, err = dislac("geometry", path, "--duration=60")
    assert (status, out) == (1, "")
    assert err.startswith(f"dislac: error: {path}:8: nodes.transmitter.orbit: 25544 has no place 0")
    assert "its elements are no orbit; take a set of that time" in err


def test_links_over_many_times_are_followed_in_blocks(monkeypatch):
    scenario, time = load_scenario("paper"), np.arange(0.0, 9.0, 0.5)
    whole = [list(make(scenario, time)) for make in (sky.link_rows, sky.link_to_json)]
    monkeypatch.setattr(sky, "_BLOCK", 5)
    assert [list(make(scenario, time)) for make in (sky.link_rows, sky.link_to_json)] == whole
    assert len(whole[0]) == len(whole[1]) + 1 == 19


def test_geometry_as_json_has_every_path(dislac):
    paths = "--set=channel.paths=[{kind: echo}, {kind: direct}]"
    status, out, _ = dislac("geometry", "paper", "--duration=0", "--json", paths)
    (entry,) = (json.loads(line) for line in out.splitlines())
    assert status == 0 and entry["time"] == 0.0
    assert entry["path 1, direct"] == entry["reference"]
    assert entry["path 0, echo"]["delay"] > entry["reference"]["delay"]
    assert entry["reference"]["doppler"] == pytest.approx(-174776.620, abs=1e-3)


def test_a_scene_without_an_echo_has_no_column_for_it():
    scenario = load_scenario("paper", {"channel.paths": [{"kind": "direct"}]})
    heading, _ = sky.link_rows(scenario, np.zeros(1))
    assert "echo" not in heading


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["passes", "none.tle", "--site=1,2"], "none.tle: cannot read the satellites"),
        (["passes", SHELL_TEXT, "--site=95,2"], "'95,2' is not LAT,LON"),
        (["passes", SHELL_TEXT, "--site=nan,2"], "'nan,2' is not LAT,LON"),
        (["passes", SHELL_TEXT, "--site=1,2,1e300"], "'1,2,1e300' is not LAT,LON"),
        (["passes", SHELL_TEXT, "--site=1,2", "--start=nan"], "'nan' is not a time"),
        (["passes", SHELL_TEXT, "--site=1,2", "--start=9999-12-31"], "of 1900 to 2199"),
        (["passes", SHELL_TEXT, "--site=1,2", "--mask=nan"], "'nan' is not a finite number"),
        (["passes", SHELL_TEXT, "--site=1,2", "--mask=91"], "'--mask': 91.0 is not in the range"),
        (["passes", SHELL_TEXT, "--site=1,2", "--step=inf"], "'inf' is not a finite number"),
        (["passes", SHELL_TEXT, "--site=1,2", "--hours=1e300"], "'--hours': 1e+300 is not in"),
        (
            ["passes", SHELL_TEXT, "--site=1,2", "--hours=1e6", "--step=1"],
            "--hours 1e+06 at --step 1 are 3.6e+09 steps; 5,000,000 at most",
        ),
        (["passes", SHELL_TEXT, "--site=1,2", "--step=1e-300"], "steps; 5,000,000 at most"),
        (["passes", "walker:550e3,9999,9999,53", "--site=1,2"], "more than 100000 satellites"),
        (["passes", "walker:1e300,1,1,53", "--site=1,2"], "the altitude of an orbit is 1e+300 m"),
        (["passes", "walker:nan,1,1,53", "--site=1,2"], "the altitude of an orbit is nan m"),
        (["passes", "/dev/zero", "--site=1,2"], "/dev/zero: cannot read the satellites (Not a re"),
        (["passes", "/", "--site=1,2"], "/: cannot read the satellites (Is a directory)"),
        (["geometry", "paper", "--duration=1e12", "--step=1e-3"], "'--duration': 1000000000000.0"),
        (
            ["geometry", "paper", "--duration=1e9", "--step=1e-3"],
            "--duration 1e+09 at --step 0.001 are 1e+12 steps; 100,000 at most",
        ),
        (["geometry", "paper", "--start=nan"], "'nan' is not a finite number"),
        (["geometry", "paper", "--start=1e300"], "'--start': 1e+300 is not in the range"),
        (["passes", SHELL_TEXT, "--site=1"], "'1' is not LAT,LON"),
        (["passes", SHELL_TEXT, "--site=1,2", "--start=noon"], "'noon' is not a time"),
        (["passes", "walker:1,2", "--site=1,2"], "'walker:1,2' is no shell"),
        (["geometry", "nowhere"], "nowhere: cannot read the scenario"),
    ],
)
def test_mistakes_are_one_line(dislac, arguments, message):
    status, out, err = dislac(*arguments)
    assert status != 0 and out == "" and message in err and len(err.splitlines()) == 1
