# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver and transmitter on radios: as flowgraphs, commands and in Companion."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.blocks.radio_flowgraphs import radio_flowgraph
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.timing import first_arrival
from gnuradio.dislac.scenario.truth import bound

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "gnuradio.dislac"]
FRAMES = 60
PERIOD = 7680


def start(*command, **environment):
    paths = {"PYTHONPATH": str(ROOT / "python" / "tree"), "GRC_BLOCKS_PATH": str(ROOT / "grc")}
    return subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **paths, **environment},
    )


def dislac(*arguments, status=0):
    """What the command prints on stdout and stderr."""
    process = start(*COMMAND, *arguments)
    printed, complaints = process.communicate(timeout=120)
    assert process.returncode == status, complaints
    return printed, complaints


def heard(folder, scenario):
    """What a receiver hears, a file and its fixes as the emulation finds them."""
    fixes = []
    run_flowgraph(scenario, frames=FRAMES, record=folder / "air", on_fix=fixes.append).run()
    return folder / "air.sigmf-data", fixes


@pytest.fixture(scope="module")
def on_air(tmp_path_factory):
    """What the lab's receiver hears."""
    return heard(tmp_path_factory.mktemp("air"), load_scenario("lab"))


@pytest.mark.parametrize("alone", [True, False])
def test_fixes_by_time_are_those_of_the_emulation_and_losses_are_counted(request, tmp_path, alone):
    """Seeded gaps: frames outside them give the same fixes, the others are counted, each once.

    They are at their bound, beside a direct path that of an echo with what that brings to each row
    unknown.
    """
    scenario = load_scenario("lab", ECHO_ALONE if alone else {})
    path, emulated = heard(tmp_path, scenario) if alone else request.getfixturevalue("on_air")
    rng = np.random.default_rng(3)
    starts = np.sort(rng.choice(np.arange(2, 3 * FRAMES - 6, 6), 8, replace=False)) * PERIOD // 3
    lost = rng.integers(100, 12_000, 8)
    gaps = ";".join(f"{a}+{n}" for a, n in zip(starts, lost, strict=True))
    begin = first_arrival(scenario) + PERIOD * np.arange(FRAMES)
    end = begin + scenario.numerology.frame_length
    hit = np.array(
        [np.any((starts < b) & (starts + lost > a)) for a, b in zip(begin, end, strict=True)]
    )
    assert 3 <= hit.sum() <= 20
    fixes = []
    flowgraph = radio_flowgraph(
        scenario,
        f"uhd:type=loopback,file={path},gaps={gaps}",
        frames=int((~hit).sum()),
        start_time=0.0,
        on_fix=fixes.append,
    )
    flowgraph.run()
    counters = flowgraph.counters()
    assert (counters["overflows"], counters["samples_lost"]) == (8, lost.sum())
    assert [fix.frame for fix in fixes] == np.flatnonzero(~hit).tolist()
    assert counters["frames_lost"] == hit[: fixes[-1].frame].sum()
    errors = np.array([fix.error for fix in fixes])
    same = np.array([emulated[fix.frame].error for fix in fixes])
    np.testing.assert_allclose(errors, same, rtol=1e-3, atol=1e-3)
    least = bound(scenario, 0, nuisance=not alone)
    ratio_db = 20 * np.log10(np.sqrt(np.mean(errors**2)) / least)
    print(f"{len(fixes)} fixes: rmse {ratio_db:+.2f} dB of the bound")
    assert abs(ratio_db) < 1.0


def test_fixes_without_times_are_at_the_bound_and_losses_are_counted(tmp_path):
    """By SoapySDR: no time, 7 kHz and 12 ppm off, an unknown start, three overflows.

    The direct path is the reference, 20 dB above the echo. Of 60 frames an rmse has a sampling
    error of 0.6 dB.
    """
    scenario = load_scenario(
        "paper", {"channel.paths": [{"kind": "echo"}, {"kind": "direct", "relative_power_db": 20}]}
    )
    run_flowgraph(scenario, frames=70, record=tmp_path / "air").run()
    device = (
        f"soapy:driver=loopback,channels=8,file={tmp_path / 'air.sigmf-data'},delay=1234.4,"
        "carrier_offset=7000,clock_ppm=12,gaps=102000+500;203000+3000;355000+6000"
    )
    fixes = []
    flowgraph = radio_flowgraph(scenario, device, frames=60, on_fix=fixes.append)
    flowgraph.run()
    counters = flowgraph.counters()
    assert (counters["overflows"], counters["samples_lost"]) == (3, 0)
    frames = np.array([fix.frame for fix in fixes])
    assert len(frames) == 60 and np.all(np.diff(frames) > 0)
    # Each frame is used or counted as lost; a search after each gap takes one or two.
    assert counters["frames_lost"] == frames[-1] + 1 - 60
    assert 3 <= counters["frames_lost"] <= 8
    ratio_db = 10 * np.log10(np.mean([(fix.error / fix.bound) ** 2 for fix in fixes]))
    print(f"60 fixes without times: rmse {ratio_db:+.2f} dB of the bound")
    assert abs(ratio_db) < 1.0


def test_commands_send_and_receive(tmp_path):
    """What one command sends, another one hears, in another process."""
    device = f"uhd:type=loopback,sent={tmp_path / 'sent'}"
    printed, complaints = dislac(
        "transmit", "lab", "--radio", device, "--frames", 12, "--start-time", 0, "--gain", "10,12"
    )
    assert (printed, complaints) == ("12 frames sent, 0 bursts late, 0 underflows\n", "")
    device = f"uhd:type=loopback,file={tmp_path / 'sent'},delay=5,gaps=20000+300"
    options = ["--start-time", 0, "--frames", 8, "--antenna", "RX2", "--lo-offset", 4e6]
    printed, complaints = dislac("run", "lab", "--radio", device, *options)
    assert complaints == ""
    # Cables are no scene: what comes is not where an echo could be.
    assert " of 8 frames used, 0 skipped, 0 lost\n1 overflows, 300 samples" in printed


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["run", "lab", "--radio", "uhd:type=nothing"], "not found"),
        (["transmit", "lab", "--radio", "soapy:driver=nothing"], "not found"),
        (["run", "lab", "--radio", "hackrf"], "is neither uhd:ARGS nor soapy:ARGS"),
        (["run", "lab", "--radio", "uhd:type=loopback,lost_at=50000,raise=1"], "it is lost"),
    ],
)
def test_errors_are_one_line(arguments, reason):
    _, complaint = dislac(*arguments, status=1)
    assert complaint.startswith("dislac: error: radio ") and reason in complaint
    assert complaint.count("\n") == 1


def test_a_radios_option_needs_a_radio():
    _, complaint = dislac("run", "lab", "--gain", "3", status=2)
    assert "--gain is a radio's: name it by --radio" in complaint


def test_ctrl_c_ends_both_cleanly(on_air):
    receiver = start(
        *COMMAND,
        "run",
        "lab",
        "--frames=0",
        f"--radio=uhd:type=loopback,file={on_air[0]}",
        "--start-time=0",
    )
    assert "status" in receiver.stdout.readline()
    transmitter = start(*COMMAND, "transmit", "lab", "--radio=uhd:type=loopback,sent=/dev/null")
    receiver.send_signal(signal.SIGINT)
    # not communicate(), which forgets what readline() has read ahead
    assert "frames used" in receiver.stdout.read()
    assert (receiver.stderr.read(), receiver.wait()) == ("", 130)
    until = time.monotonic() + 120
    while not any(
        "radio_sink" in (task / "comm").read_text()
        for task in Path(f"/proc/{transmitter.pid}/task").iterdir()
    ):
        assert time.monotonic() < until
        time.sleep(0.02)  # until it sends
    transmitter.send_signal(signal.SIGINT)
    printed, complaints = transmitter.communicate(timeout=120)
    assert (transmitter.returncode, complaints) == (130, "")
    assert re.fullmatch(r"\d+ frames sent, 0 bursts late, 0 underflows\n", printed)


def test_the_flowgraphs_for_companion(on_air, tmp_path):
    names = "radio_transmitter", "radio_receiver"
    examples = [ROOT / "examples" / f"{name}.grc" for name in names]
    compiler = start(sys.executable, shutil.which("grcc"), "-o", tmp_path, *examples)
    said, _ = compiler.communicate(timeout=120)
    assert compiler.returncode == 0, said

    def run(name, device, *options):
        path = tmp_path / f"{name}.py"
        process = start(sys.executable, path, f"--radio={device}", *options)
        return (*process.communicate(timeout=120), process.returncode)

    sent = tmp_path / "sent"
    device = f"uhd:type=loopback,sent={sent}"
    transmitted = run(names[0], device, "--start-time=0", "--frames=8")
    assert transmitted == ("", "", 0)
    assert sent.stat().st_size > 7 * PERIOD * 16
    device, folder = f"uhd:type=loopback,file={on_air[0]},gaps=20000+300", tmp_path / "fixes"
    printed, _, status = run(
        names[1], device, "--start-time=0", "--frames=10", f"--folder={folder}"
    )
    assert status == 0
    assert len((folder / "fixes.jsonl").read_text().splitlines()) == 10
    assert printed.count(" ok ") == 10 and "samples_lost . 300" in printed
    printed, _, status = run(names[1], "uhd:type=nothing")
    assert status == 1 and "not found" in printed
