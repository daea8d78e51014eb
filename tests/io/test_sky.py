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
    assert "DELTA 1 DEB" in rows[0] and "06-2" in rows[0]
    assert summary.startswith(f"{len(rows)} passes of 1 satellites out of 1; in view")
    assert picture.read_bytes().startswith(b"\x89PNG")
    later = dislac("passes", tle, site, "--start=2006-06-26T10:00:00+02:00", "--hours=3", "--json")
    assert all(
        json.loads(line)["epoch"] == "2006-06-26T10:00:00+02:00" for line in later[1].splitlines()
    )
    none = dislac("passes", tle, site, "--name=other")
    assert none[1].splitlines()[-1].startswith("0 passes of 0 satellites out of 1")


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
        (["passes", SHELL_TEXT, "--site=1"], "'1' is not LAT,LON"),
        (["passes", SHELL_TEXT, "--site=1,2", "--start=noon"], "'noon' is not a time"),
        (["passes", "walker:1,2", "--site=1,2"], "'walker:1,2' is no shell"),
        (["geometry", "nowhere"], "nowhere: cannot read the scenario"),
    ],
)
def test_mistakes_are_one_line(dislac, arguments, message):
    status, out, err = dislac(*arguments)
    assert status != 0 and out == "" and message in err and len(err.splitlines()) == 1
