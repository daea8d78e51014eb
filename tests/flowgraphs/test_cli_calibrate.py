# SPDX-License-Identifier: GPL-3.0-or-later
"""dislac calibrate with the real flowgraphs."""

import re

import pytest
import yaml
from click.testing import CliRunner
from gnuradio.dislac.cli import main

SMALL = [
    *("--set", "beams.chains=2", "--set", "numerology.frame_period=1280"),
    *("--set", "front_end={phase_deg: [5, 95], delay_ns: [1, 9]}"),
]


def dislac(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="dislac")
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """An emulated calibration: folder, and what was printed."""
    folder = tmp_path_factory.mktemp("calibrate")
    out = ["--out", folder / "chains.yml", "--frames", 60]
    status, printed = dislac("calibrate", "paper", *SMALL, "--set", "channel.noise.snr_db=20", *out)
    assert status == 0, printed
    return folder, printed


def test_it_prints_what_it_writes_and_how_wrong_that_is(session):
    folder, printed = session
    chain = yaml.safe_load((folder / "chains.yml").read_text())["chains"][1]
    row = re.search(r"^ +1 +(\S+) ± (\S+) +(\S+) ± (\S+)", printed, re.M)
    values = [chain[k] for k in ("phase_deg", "phase_error_deg", "delay_ns", "delay_error_ns")]
    assert [float(text) for text in row.groups()] == pytest.approx(values, abs=6e-4)
    assert chain["phase_deg"] == pytest.approx(90, abs=1)
    assert re.search(r"^60 frames, (19|20)\.\d dB a received element$", printed, re.M)
    wrong = re.search(r"phase rms (\S+) degrees, largest (\S+); delay rms (\S+) ns", printed)
    assert float(wrong[1]) == pytest.approx(abs(chain["phase_deg"] - 90), abs=1e-3)
    assert float(wrong[3]) == pytest.approx(abs(chain["delay_ns"] - 8), abs=1e-3)


def test_a_recording_of_the_direct_path(session, tmp_path):
    direct = ["--set", "channel.paths=[{kind: direct}]", "--set", "channel.noise.snr_db=20"]
    base = tmp_path / "direct"
    quick = ["--set", "estimator.kind=mmv-bomp", "--set", "estimator.every=100"]
    recorded = dislac("run", "paper", *SMALL, *direct, *quick, "--frames", 40, "--record", base)
    assert recorded[0] == 0
    out = tmp_path / "chains.yml"
    status, printed = dislac("calibrate", f"{base}.sigmf-meta", "--out", out)
    assert status == 0 and "40 frames, " in printed and "error" not in printed
    assert yaml.safe_load(out.read_text())["chains"][1]["delay_ns"] == pytest.approx(8, abs=2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pape"], "pape: cannot read the scenario"),
        (["paper", "--frames", "4"], "4 is not in the range"),
        (["paper", "--scenario", "lab"], "--scenario goes with a recording, and paper is none"),
        (
            ["paper", *SMALL, "--frames", "10", "--set", "channel.noise.snr_db=-30"],
            "paper: the known signal is too weak: .* 15 dB are needed",
        ),
        (["paper", "--set", "calibration=none.yml"], "none.yml: cannot read the calibration"),
    ],
)
def test_errors_are_one_line(arguments, says, tmp_path):
    status, printed = dislac("calibrate", *arguments, "--out", tmp_path / "chains.yml")
    assert status in (1, 2)
    assert re.fullmatch(rf"dislac: error: .*{says}.*\n", printed), printed
    assert not (tmp_path / "chains.yml").exists()
