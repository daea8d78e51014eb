# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheel: what it holds and says about itself, and its commands where extras are missing."""

import json
import os
import re
import shutil
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest
from gnuradio.dislac import __version__, cli
from gnuradio.dislac.extras import EXTRAS

ROOT = Path(__file__).parents[1]
SOURCES = "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"

RUN = """
import io, json, shlex, sys
from contextlib import redirect_stderr, redirect_stdout
missing, *lines = sys.argv[1:]
for name in missing.split(","):
    sys.modules[name] = None
from gnuradio.dislac.cli import main
answers = {}
for line in lines:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(shlex.split(line), prog_name="dislac")
        except SystemExit as ended:
            answers[line] = ended.code or 0, out.getvalue(), err.getvalue()
json.dump(answers, sys.stdout)
"""

TLE = """\
1 25544U 98067A   26001.50000000  .00016717  00000-0  10270-3 0  9001
2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.50377579    18
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built with what is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, folder / name)
    package = folder / "python" / "tree" / "gnuradio" / "dislac"
    shutil.copytree(
        ROOT / "python" / "dislac", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    command = [sys.executable, "-c", BUILD, str(folder / "out")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = (folder / "out").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def about(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="module")
def unpacked(wheel: Path) -> Path:
    folder = wheel.parent / "site"
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_all_modules_and_data_files_are_in_the_wheel(wheel):
    kinds = ".py", ".yml", ".json", ".typed"
    package = ROOT / "python" / "dislac"
    files = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.suffix in kinds}
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    packed = {name.removeprefix("gnuradio/dislac/") for name in names if ".dist-info/" not in name}
    assert "py.typed" in files and packed == files
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_says_what_it_is(about):
    assert about["Name"] == "gr-dislac" and about["Version"] == __version__
    assert about["License-Expression"] == "GPL-3.0-or-later"
    assert about["Description-Content-Type"] == "text/markdown"
    assert about.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(about.get_all(key) for key in ("Summary", "Author", "Keywords", "Project-URL"))
    assert "Typing :: Typed" in about.get_all("Classifier")
    assert about["Requires-Python"] == ">=3.11"


def test_every_extra_of_the_errors_is_one_of_the_wheel(about):
    asked = [line for line in about.get_all("Requires-Dist") if "extra ==" in line]
    brings = {
        (re.split(r"[^\w.-]", line)[0], re.search(r"extra == \"(\w+)\"", line)[1]) for line in asked
    }
    assert {(extra.distribution, extra.name) for extra in EXTRAS.values()} <= brings


Answers = dict[str, tuple[int, str, str]]


def without(site: Path, folder: Path, missing: str, *lines: str) -> Answers:
    """Exit status, stdout and stderr of each command of the wheel, where modules are missing."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, missing, *lines],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    return json.loads(done.stdout)


NEEDS_GNURADIO = "has no GNU Radio: install it"
COMMANDS = {
    "bound paper": "",
    "waveform": "",
    "geometry paper --duration 1": "",
    "passes walker:550e3,2,2,53 --site 50,1 --hours 1": "",
    "export fixes.jsonl --to geojson --scenario paper": "",
    "study rate_and_position --comb 4 --share 0.5 --workers 1": "",
    "study fidelity --scheduler tcp://127.0.0.1:1": "gr-dislac[cluster]",
    "passes x.tle --site 50,1 --hours 1": "gr-dislac[orbits]",
    "monitor": "gr-dislac[zmq]",
    "keys k": "gr-dislac[zmq]",
    "run paper": NEEDS_GNURADIO,
    "replay x": NEEDS_GNURADIO,
    "transmit lab --radio uhd:": NEEDS_GNURADIO,
    "calibrate lab": NEEDS_GNURADIO,
    "satellite lab": NEEDS_GNURADIO,
    "channel lab": NEEDS_GNURADIO,
    "station lab": NEEDS_GNURADIO,
    "relay paper --rate 1.92e6": NEEDS_GNURADIO,
}


def test_every_command_is_looked_at_here():
    assert {line.split()[0] for line in COMMANDS} | {"doctor"} == {*cli.main.commands}


@pytest.fixture(scope="module")
def answers(unpacked, tmp_path_factory) -> Answers:
    """Of all commands, without GNU Radio and without extras."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "x.tle").write_text(TLE)
    (folder / "fixes.jsonl").touch()
    return without(unpacked, folder, ",".join([*EXTRAS, "gnuradio.gr"]), *COMMANDS)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_works_without_extras_or_says_which_one_it_needs(answers, line):
    status, out, err = answers[line]
    if needs := COMMANDS[line]:
        assert (status, out) == (1, "") and err.count("\n") == 1 and needs in err
    else:
        assert (status, err) == (0, "") and out


def test_doctor_knows_that_pip_has_brought_it(unpacked, tmp_path, monkeypatch):
    monkeypatch.delenv("GRC_BLOCKS_PATH", raising=False)
    status, out, err = without(unpacked, tmp_path, "none", "doctor")["doctor"]
    assert "make setup` installs" not in out and err == ""
    if find_spec("gnuradio.gr") is not None:
        assert "pip installs no blocks for Companion" in out
    else:
        assert status == 0 and "fault" not in out
        assert "not here: the library and its studies need none" in out
    for extra in EXTRAS.values():
        try:
            metadata.version(extra.distribution)
        except metadata.PackageNotFoundError:
            assert f"python -m pip install 'gr-dislac[{extra.name}]'" in out
