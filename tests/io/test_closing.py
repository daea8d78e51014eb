# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written is closed, once the writer is; what is written in parts is written whole."""

import os
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.io import EXPORTS, FixLog, RecordingWriter
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import load_scenario

SCENARIO = load_scenario("paper", {"beams.chains": 2, "epoch": "2026-03-01T12:00:00Z"})


def open_in(folder):
    """Files of a folder that this process holds open."""
    held = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            held.append(os.readlink(descriptor))
        except FileNotFoundError:
            continue  # the one that listed them
    return sorted(Path(name).name for name in held if name.startswith(f"{folder}/"))


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


@pytest.mark.parametrize("by_with", [True, False])
def test_a_log_of_fixes_closes_every_file(tmp_path, by_with):
    log = FixLog(tmp_path, SCENARIO, list(EXPORTS))
    assert {"fixes.jsonl", "fixes.csv"} <= set(open_in(tmp_path))
    log.write(Fix(0, 0.0, FixStatus.NO_DETECTION))
    if by_with:
        with log as same:
            assert same is log
    else:
        log.close()
    assert open_in(tmp_path) == []
    log.close()  # more calls do nothing


@pytest.mark.parametrize("by_with", [True, False])
def test_a_recorder_closes_its_file(tmp_path, by_with):
    writer = RecordingWriter(tmp_path / "a", SCENARIO)
    assert "a.sigmf-data" in open_in(tmp_path)
    writer.write(np.ones((2, 5), np.complex64))
    if by_with:
        with writer as same:
            assert same is writer
    else:
        writer.close()
    assert open_in(tmp_path) == []
    writer.close()


@pytest.mark.timeout(20, method="signal")
def test_a_file_that_takes_a_part_at_a_time_gets_all_of_it(tmp_path, monkeypatch):
    """As pipes and nearly full disks do."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((2, 2 * 1_000)).astype(np.float32).view(np.complex64)
    writer = RecordingWriter(tmp_path / "a", SCENARIO)

    class Slow(FileIO):
        def write(self, data):
            return super().write(data[:77])

    writer._data.close()
    monkeypatch.setattr(writer, "_data", Slow(tmp_path / "a.sigmf-data", "r+b"))
    with writer:
        writer.write(samples[:, :600], [(10, 3)])
        writer.write(samples[:, 600:])
        assert writer.samples == 1_000
    assert np.array_equal(
        np.fromfile(tmp_path / "a.sigmf-data", np.complex64).reshape(-1, 2), samples.T
    )
