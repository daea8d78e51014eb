# SPDX-License-Identifier: GPL-3.0-or-later
"""How the command ends: by signals, without a reader, without a home, without room."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from gnuradio.dislac.io import RecordingReader

TREE = Path(__file__).parents[2] / "python" / "tree"
COMMAND = [sys.executable, "-m", "gnuradio.dislac"]
SMALL = [
    *("--set=beams.chains=2", "--set=numerology.frame_period=1280", "--snr-db=20"),
    *("--set=numerology.fft_size=32", "--set=numerology.subcarriers=20"),
]
DEADLINE = 120


def start(*arguments, **options):
    path = os.pathsep.join([str(TREE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, **options.pop("env", {})}
    environment = {key: value for key, value in environment.items() if value is not None}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], env=environment, **{**streams, **options}
    )


def endless(folder, **options):
    arguments = ["--frames=0", "--json", "--record", folder / "a", "--out", folder, *SMALL]
    return start("run", "paper", *arguments, **options)


def is_complete(folder):
    """A map, a closed recording, and no file that was only begun."""
    assert json.loads((folder / "fixes.geojson").read_text())["features"]
    assert not any("not closed" in text for text in RecordingReader(folder / "a").warnings)
    names = {path.name for path in folder.iterdir()}
    return "map.png" in names and not any(name.endswith(".part") for name in names)


def test_a_signal_ends_with_map_and_recording(tmp_path):
    process = endless(tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    _, complaints = process.communicate(timeout=DEADLINE)
    assert (process.returncode, complaints) == (128 + signal.SIGHUP, "")
    assert is_complete(tmp_path)


def test_one_signal_ends_what_nobody_reads(tmp_path):
    """The pipe holds seven fixes; those that are not printed are in the file. Another signal."""
    process = endless(tmp_path)
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    fixes = tmp_path / "fixes.jsonl"
    deadline = time.monotonic() + DEADLINE
    while not fixes.exists() or fixes.read_bytes().count(b"\n") < 30:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=DEADLINE) == 128 + signal.SIGTERM
    assert is_complete(tmp_path)
    frames = [json.loads(line)["frame"] for line in fixes.read_text().splitlines()]
    assert frames == list(range(len(frames)))
    assert 0 < process.stdout.read().count("\n") < 15
    assert process.stderr.read() == ""


INTERRUPTED = """
import os, signal, sys
from gnuradio.dislac.__main__ import main

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Finder())
# A shell may have the signal ignored for what runs in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.mark.parametrize(
    ("module", "status"),
    [
        ("numpy", -signal.SIGINT),
        ("scipy.spatial", -signal.SIGINT),
        ("gnuradio.dislac.blocks.flowgraphs", 128 + signal.SIGINT),
    ],
)
def test_ctrl_c_while_modules_are_loaded_says_nothing(module, status):
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, "run", "paper", "--frames=1"],
        env={**os.environ, "PYTHONPATH": str(TREE)},
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, b"", b"")


def test_closed_standard_streams_are_no_fault(tmp_path):
    """None of the files may take their numbers, nor what is printed end in one of them."""

    def close():
        for number in range(3):
            os.close(number)

    process = start("run", "paper", "--frames=2", "--out", tmp_path, *SMALL, preexec_fn=close)
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    lines = (tmp_path / "fixes.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == [0, 1]
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(os.getuid() != 0, reason="needs to become a user without an entry")
@pytest.mark.parametrize("home", [None, "/"])
def test_no_home_is_no_fault(tmp_path, home):
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    process = start(
        *("passes", "walker:550e3,4,2,53", "--site", "50.9,-1.4", "--hours", "1"),
        *("--plot", tmp_path / "sky.png"),
        user=54321,
        extra_groups=[],
        cwd=tmp_path,
        env={"HOME": home, "MPLCONFIGDIR": None, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    _, complaints = process.communicate(timeout=DEADLINE)
    assert (process.returncode, complaints) == (0, "")
    assert (tmp_path / "sky.png").exists()


def test_a_flowgraph_runs_without_a_home():
    process = start("run", "paper", "--frames=1", *SMALL, env={"HOME": "/proc/none"})
    _, complaints = process.communicate(timeout=DEADLINE)
    assert (process.returncode, complaints) == (0, "")


def test_a_full_disk_is_one_line_and_leaves_what_came_before(tmp_path):
    """A limit of the size of files stands for the disk."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    arguments = ["--frames=0", "--out", tmp_path, "--export=kml,gpx", *SMALL]
    process = start("run", "paper", *arguments, preexec_fn=limit)
    _, complaints = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and complaints.count("\n") == 1
    assert "File too large" in complaints and str(tmp_path) in complaints
    frames = [json.loads(line)["frame"] for line in (tmp_path / "fixes.jsonl").open()]
    features = json.loads((tmp_path / "fixes.geojson").read_text())["features"]
    fixes = [f for f in features if f["properties"]["kind"] == "fix"]
    assert 0 <= len(frames) - len(fixes) <= 1 and len(fixes) > 5
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_the_relay_says_how_long_its_path_is(tmp_path):
    """30 m at 1.92 Msps: 0.1 us, in whose place it takes 31 samples; no radio need be there."""
    ports = [f"--{end}=ipc://{tmp_path}/{end}" for end in ("gnb-tx", "gnb-rx", "ue-tx", "ue-rx")]
    process = start("relay", "lab", "--rate=1.92e6", *ports)
    said = [process.stdout.readline().strip() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=DEADLINE)
    assert (process.returncode, complaints) == (128 + signal.SIGINT, "")
    assert said == [
        f"rx_port of the gNB: ipc://{tmp_path}/gnb-rx",
        f"rx_port of the UE: ipc://{tmp_path}/ue-rx",
        "delay of the path at time zero: 0.100 us each way",
        "one below 16.146 us (31 samples) takes that; to others nothing is added",
    ]
