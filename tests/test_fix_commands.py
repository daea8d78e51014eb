# SPDX-License-Identifier: GPL-3.0-or-later
"""dislac export and dislac monitor: what they print and how they end."""

import json
import os
import signal
import subprocess
import sys
import threading

import gpxpy
import numpy as np
import pytest
from gnuradio.dislac import cli
from gnuradio.dislac.commands import fixes as commands
from gnuradio.dislac.io import FixLog, fix_to_json
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import load_scenario

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")

monitor = pytest.importorskip("gnuradio.dislac.io.monitor")

READY = {"scenario": "paper", "state": "locked", "reason": "direct path"}
READY |= {"frames_used": 3, "frames_skipped": 2, "frames_lost": 1, "fixes": 3}


def a_fix(frame):
    return Fix(frame, frame * 1e-3, FixStatus.OK, np.array([1.0, 2.0, 0.0]), np.eye(3), error=1.0)


@pytest.fixture
def dislac(capsys):
    """Runs the command; gives exit status, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments], prog_name="dislac")
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


# export


@pytest.fixture
def folder(tmp_path):
    with FixLog(tmp_path, load_scenario("paper")) as log:
        log.write(a_fix(0))
        log.write(Fix(1, 1e-3, FixStatus.NO_DETECTION))
    return tmp_path


def test_export_takes_the_scenario_that_lies_beside_the_fixes(dislac, folder):
    status, out, err = dislac("export", folder / "fixes.jsonl", "--to", "gpx")
    assert (status, out) == (0, f"{folder}/fixes.gpx: 1 fixes of 2 frames\n")
    assert "no times are written" in err and err.count("\n") == 1
    assert gpxpy.parse((folder / "fixes.gpx").read_text()).get_points_no() == 1


def test_export_has_times_since_time_zero_where_the_format_takes_them(dislac, folder):
    status, _, err = dislac("export", folder / "fixes.jsonl", "--to", "geojson")
    assert (status, err) == (0, "") and '"time": 0.0' in (folder / "fixes.geojson").read_text()


def test_export_takes_another_scenario_and_place(dislac, folder):
    (folder / "fixes.scenario.yml").unlink()
    fixes, target = folder / "fixes.jsonl", folder / "a.nmea"
    asked = ("export", fixes, "--to", "nmea", "--out", target)
    status, _, err = dislac(*asked)
    assert status == 2 and "(--scenario)" in err
    status, _, err = dislac(*asked, "--scenario", "paper")
    assert status == 1 and "NMEA has a time in every sentence" in err and err.count("\n") == 1
    assert not target.exists()
    status, _, err = dislac(*asked, "--scenario", "paper", "--set", "epoch=2026-03-01T12:00:00Z")
    assert (status, err) == (0, "")
    assert target.read_text().startswith("$GPGGA,120000.000000,5054.")


def test_export_of_what_is_no_file_of_fixes(dislac, folder):
    (folder / "fixes.jsonl").write_text("{}\n{}\n")
    status, _, err = dislac("export", folder / "fixes.jsonl", "--to", "kml")
    assert status == 1 and "fixes.jsonl:1: not a fix" in err
    status, _, err = dislac("export", folder / "none.jsonl", "--to", "kml")
    assert status == 1 and "none.jsonl" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "options, says",
    [
        (["--export", "gpx"], "--export writes into the folder of --out"),
        (["--export", "shp", "--out", "x"], "'shp' is none of geojson, kml, gpx, nmea"),
    ],
)
def test_run_refuses_formats_that_it_cannot_write(dislac, options, says):
    status, _, err = dislac("run", "paper", *options)
    assert status == 2 and says in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "options, says",
    [
        (["--publish", "0", "--keys", ""], "File '' does not exist"),
        (["--publish", "0", "--keys", "none.key_secret"], "does not exist"),
        (["--keys", __file__], "--keys is for --publish"),
        (["--bind-any"], "--bind-any is for --publish"),
    ],
)
def test_run_never_publishes_otherwise_than_it_was_asked(dislac, options, says):
    status, _, err = dislac("run", "paper", *options)
    assert status == 2 and says in err and err.count("\n") == 1


# monitor


@pytest.fixture
def publishing():
    """Address of a publisher that hands out fixes until the test is over."""
    publisher, over = monitor.FixPublisher("0"), threading.Event()

    def publish():
        frame = 0
        while not over.wait(0.005):
            publisher.publish_fix(a_fix(frame))
            publisher.publish_status(READY)
            frame += 1

    thread = threading.Thread(target=publish)
    thread.start()
    yield publisher.endpoint
    over.set()
    thread.join()
    publisher.close()


def test_monitor_prints_the_objects_that_come(dislac, publishing):
    status, out, err = dislac("monitor", publishing, "--json", "--count", 3)
    first = json.loads(out.splitlines()[0])["frame"]
    assert out.splitlines() == [fix_to_json(a_fix(first + k)) for k in range(3)]
    assert status == 0
    assert err.splitlines()[0] == f"dislac: connected to {publishing}"


def test_monitor_prints_a_row_a_fix_and_the_state(dislac, publishing):
    status, out, err = dislac("monitor", publishing, "--count", 2)
    header, *rows = out.splitlines()
    assert status == 0 and header.split()[0] == "frame" and len(rows) == 2
    assert rows[0].split()[2:4] == ["1.00", "2.00"]
    assert "dislac: locked: direct path" in err.splitlines()


def test_monitor_says_that_nothing_comes_and_ends_with_ctrl_c(
    dislac, tmp_path, monkeypatch, request
):
    said = []
    # Where the tests run in the background, a shell may have the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def say(text):
        said.append(text)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(commands._Lines, "_say", staticmethod(say))
    address = f"ipc://{tmp_path}/nobody"
    assert dislac("monitor", address, "--idle", 0.01) == (0, "", "")
    assert said == [f"nothing for 0.01 s from {address}, where nobody publishes"]


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["tcp://*:1"], "no place to connect to"),
        (["5570", "--keys", __file__], f"{__file__}: a CURVE connection needs both"),
        (["5570", "--keys", __file__, "--server-key", __file__], "holds no key"),
        (["5570", "--keys", "a", "--server-key", "b"], "File 'a' does not exist"),
    ],
)
def test_monitor_refuses_in_one_line(dislac, arguments, says):
    status, out, err = dislac("monitor", *arguments)
    assert status in (1, 2) and out == "" and says in err and err.count("\n") == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_monitor_skips_what_is_none_and_prints_nothing_that_a_terminal_obeys(
    dislac, monkeypatch, as_json
):
    note = '{"note": "\x9b2J\u202e", '
    hostile = [
        *(monitor.Message(monitor.FIX, text) for text in ("", "[" * 60_000, "{}")),
        *(monitor.Message(monitor.STATUS, text) for text in ('{"state": 5}', "[]")),
        monitor.Message("dislac.fix\x1b[2J", "{}"),
        monitor.Message(monitor.SEVERAL, "{}"),
        monitor.Message(monitor.STATUS, '{"state": "\\u001b[2J\\u202e", "reason": "\x9b"}'),
        monitor.Message(monitor.FIX, fix_to_json(a_fix(7)).replace("{", note, 1)),
    ]
    come = iter(hostile)
    monkeypatch.setattr(monitor.FixSubscriber, "receive", lambda *_: next(come))
    status, out, err = dislac("monitor", "--count", 1, *["--json"] * as_json)
    assert status == 0
    assert "7 messages skipped" in err and err.count("is skipped") == 1
    said = (out + err).replace("\x1b[32m", "").replace("\x1b[0m", "")
    assert all(c.isprintable() or c == "\n" for c in said)
    if as_json:
        assert json.loads(out)["frame"] == 7
    else:
        assert out.splitlines()[1].split()[0] == "7"


def test_monitor_ends_where_nobody_reads_what_it_prints(publishing):
    read, written = os.pipe()
    os.set_blocking(written, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(written, b"x" * 4096)
    os.set_blocking(written, True)
    command = [sys.executable, "-m", "gnuradio.dislac"]
    with subprocess.Popen(
        [*command, "monitor", publishing, "--json"], stdout=written, stderr=subprocess.PIPE
    ) as process:
        try:
            assert b"connected" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    os.close(read)
    os.close(written)


def test_fixes_may_come_while_the_table_is_drawn(monkeypatch):
    table = commands._Table("tcp://127.0.0.1:5570")
    come = monitor.Message(monitor.FIX, fix_to_json(a_fix(0)))
    table.show_fix(come)

    def value(fix):
        table.show_fix(come)
        return "1"

    monkeypatch.setattr(commands.following, "COLUMNS", [("frame", 5, value)])
    table._draw()


def test_the_table_on_a_terminal_has_the_last_fixes_the_state_and_the_counters():
    table = commands._Table("tcp://127.0.0.1:5570")
    for frame in range(40):
        table.show_fix(monitor.Message(monitor.FIX, fix_to_json(a_fix(frame))))
    table.show_status(monitor.Message(monitor.STATUS, json.dumps(READY)))
    console = commands.Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table._draw())
    lines = console.export_text().splitlines()
    frames = [line.split()[0] for line in lines[1:16]]
    assert frames == [str(frame) for frame in range(25, 40)]
    assert "locked  direct path" in lines[16]
    assert "3 fixes of 3 frames used, 2 skipped, 1 lost" in lines[16]
    table.show_idle(5.0, connected=True)
    console.print(table._draw())
    assert "nothing for 5 s from a publisher" in console.export_text()
