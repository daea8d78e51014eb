# SPDX-License-Identifier: GPL-3.0-or-later
"""The command with the real flowgraphs: in processes of its own where that is what is looked at,
else in this one, which need not load them again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac import cli
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.io import RecordingReader

ROOT = Path(__file__).parents[2]
TREE = ROOT / "python" / "tree"
COMMAND = [sys.executable, "-m", "gnuradio.dislac"]


def start(*arguments):
    path = os.pathsep.join([str(TREE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def dislac(*arguments, status=0):
    """What the command prints on stdout and stderr."""
    process = start(*arguments)
    printed, complaints = process.communicate(timeout=300)
    assert process.returncode == status, complaints
    return printed, complaints


@pytest.fixture
def within(capsys):
    """As `dislac`, in this process."""

    def run(*arguments, status=0):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments], prog_name="dislac")
        printed, complaints = capsys.readouterr()
        assert (ended.value.code or 0) == status, complaints
        return printed, complaints

    return run


def recorded(dislac, folder, *settings):
    """A run of six frames: folder with the recording and the fixes, and what was printed."""
    arguments = ["--frames", 6, "--snr-db", 10, "--record", folder / "recording", "--out", folder]
    printed, complaints = dislac("run", "paper", *arguments, "--json", *settings)
    assert complaints == ""
    return folder, printed


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return recorded(dislac, tmp_path_factory.mktemp("run"))


def test_run_prints_what_it_writes(session):
    folder, printed = session
    assert printed == (folder / "fixes.jsonl").read_text()
    assert [json.loads(line)["frame"] for line in printed.splitlines()] == list(range(6))
    features = json.loads((folder / "fixes.geojson").read_text())["features"]
    assert sum(f["properties"]["kind"] == "fix" for f in features) == 6
    assert (folder / "map.png").exists()
    reader = RecordingReader(folder / "recording")
    assert reader.warnings == [] and len(reader.frames) == 6


@pytest.mark.parametrize("speed", ["max", "0.5"])
def test_replay_gives_the_same_fixes_bit_for_bit(session, within, tmp_path, speed):
    folder, printed = session
    options = ["--speed", speed, "--json", "--out", tmp_path]
    replay = dislac if speed == "max" else within
    again, complaints = replay("replay", folder / "recording", *options)
    assert complaints == ""
    assert again == printed
    for name in ("fixes.jsonl", "fixes.csv", "fixes.geojson"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_of_a_damaged_recording_the_good_frames_give_the_same_fixes(within, tmp_path):
    """Frame 1 holds NaN, frame 5 is cut off, the metadata are lost.

    Nothing but the echo is there: beside a direct path fixes depend on the frames before, too.
    """
    folder = tmp_path / "whole"
    folder.mkdir()
    _, printed = recorded(within, folder, "--set", "channel.paths=[{kind: echo}]")
    scenario = tmp_path / "scenario.yml"
    scenario.write_text(RecordingReader(folder / "recording").scenario_text)
    frames = RecordingReader(folder / "recording").frames
    samples = np.fromfile(folder / "recording.sigmf-data", "<c8").reshape(-1, 8)
    samples[frames[1].start + 100, 3] = np.nan
    samples[: frames[5].start + 10].tofile(tmp_path / "damaged.sigmf-data")
    _, complaint = within("replay", tmp_path / "damaged", status=1)
    assert complaint.count("\n") == 1 and "(--scenario)" in complaint
    again, complaints = within("replay", tmp_path / "damaged", "--scenario", scenario, "--json")
    lines = printed.splitlines()
    assert again.splitlines() == [lines[0], *lines[2:5]]
    for text in ("are cut off: 1", "hold NaN or infinity: 1", "cannot read the metadata"):
        assert text in complaints


def test_people_read_counts_and_errors(session, within):
    folder, _ = session
    out, _ = within("replay", folder / "recording", "--set", "estimator.every=3")
    assert "2 fixes of 2 frames used, 4 skipped, 0 lost" in out
    assert "error: rms" in out and "bound: rms" in out


def endless(folder):
    """A run without end that records and writes to a folder."""
    return start("run", "paper", "--frames=0", "--json", "--record", folder / "a", "--out", folder)


def test_ctrl_c_ends_with_what_was_done(tmp_path):
    process = endless(tmp_path)
    printed = process.stdout.readline() + process.stdout.readline()
    process.send_signal(signal.SIGINT)
    # not communicate(), which forgets what readline() has read ahead
    printed += process.stdout.read()
    assert (process.stderr.read(), process.wait()) == ("", 130)
    # A fix is saved before it is printed; the last one may have got no further.
    saved = (tmp_path / "fixes.jsonl").read_text()
    assert saved.startswith(printed) and saved.count("\n") <= printed.count("\n") + 1
    assert (tmp_path / "map.png").exists()
    reader = RecordingReader(tmp_path / "a")
    assert not any("not closed" in warning for warning in reader.warnings)
    assert len(reader.frames) >= len(saved.splitlines())


def test_killed_it_has_lost_no_fix_that_it_printed(tmp_path):
    process = endless(tmp_path)
    # More frames than fit between the channel and the recorder, so that some are recorded.
    frames = 1 + 8 * CHUNK // 7680
    printed = "".join(process.stdout.readline() for _ in range(frames))
    process.kill()
    printed += process.stdout.read()
    process.wait()
    written = (tmp_path / "fixes.jsonl").read_text()
    assert len(printed.splitlines()) >= frames and written.startswith(printed)
    replayed, complaints = dislac("replay", tmp_path / "a", "--json")
    assert "was not closed" in complaints
    # Either may be ahead of the other when the process is killed.
    fewer = min(len(written.splitlines()), len(replayed.splitlines()))
    assert fewer >= 1
    assert written.splitlines()[:fewer] == replayed.splitlines()[:fewer]


def test_nobody_reads_any_more(tmp_path):
    """As in `dislac run ... | head -1`; the recording is still completed."""
    process = endless(tmp_path)
    process.stdout.readline()
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=300)) == ("", 1)
    assert not any("not closed" in warning for warning in RecordingReader(tmp_path / "a").warnings)


def test_a_block_that_fails_is_one_line(within, tmp_path):
    (tmp_path / "file").touch()
    _, complaint = dislac("run", "paper", "--record", tmp_path / "file" / "a", status=1)
    assert complaint.startswith("dislac: error: ") and "cannot record here" in complaint
    assert complaint.count("\n") == 1
    _, complaint = within("run", "paper", "--out", tmp_path / "file", status=2)
    assert complaint.startswith("dislac: error: ") and complaint.count("\n") == 1
    _, complaint = within("run", "paper", "--out", tmp_path / "file" / "a", status=1)
    assert complaint.startswith("dislac: error: ") and complaint.count("\n") == 1


def test_an_array_of_one_row_needs_to_know_more(within, tmp_path):
    """No position, the remedy said once by each command; with the height, fixes at the bound."""
    alone = ["channel.paths=[{kind: echo}]", "synchronization.removal=none"]
    scene = [*alone, "nodes.target.position=[-100, 50, 0]"]
    row = "nodes.receiver.array={nx: 8, ny: 1, orientation_deg: [0, 0, -90]}"
    settings = [part for each in (*scene, row) for part in ("--set", each)]
    options = ["--frames", 4, "--snr-db", 20, "--json"]
    recording = ["--record", tmp_path / "recording"]
    printed, complaints = within("run", "paper", *options, *recording, *settings)
    again, complaints_again = within("replay", tmp_path / "recording", "--json")
    assert again == printed and complaints_again == complaints
    assert complaints.startswith("dislac: warning: nodes.receiver.array of 8 x 1 elements")
    assert complaints.count("\n") == 1 and "locator.known_height_m" in complaints
    for fix in map(json.loads, printed.splitlines()):
        assert (fix["status"], fix["reason"]) == ("no_solution", "underdetermined")
        assert fix["position"] is fix["bound"] is None
    known = ["--set", "locator.known_height_m=0"]
    printed, complaints = within("replay", tmp_path / "recording", "--json", *known)
    fixes = [json.loads(line) for line in printed.splitlines()]
    assert complaints == "" and [fix["status"] for fix in fixes] == ["ok"] * 4
    rms = np.sqrt(np.mean([fix["error"] ** 2 for fix in fixes]))
    assert rms < 2 * fixes[0]["bound"] < 0.2
