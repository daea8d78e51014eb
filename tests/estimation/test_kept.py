# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibrated constants on disk: found again, and done without where they cannot be."""

import numpy as np
import pytest
from gnuradio.dislac.estimation import detection
from gnuradio.dislac.estimation import kept as module
from gnuradio.dislac.estimation.kept import keep, kept


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gr-dislac" / "thresholds"


def threshold(counts, monkeypatch):
    """A threshold as a new process works it out; its noise frames go to `counts`."""
    monkeypatch.setattr(detection, "_constants", {})

    def statistics(frames):
        counts.append(len(frames))
        return np.abs(frames[:, 0, 0, 0]) ** 2 / np.sum(np.abs(frames) ** 2, axis=(1, 2, 3))

    return detection.detection_threshold(statistics, (1, 8, 1), 8, 0.1, 0, model=[b"a model"])


def test_another_process_finds_them(folder, monkeypatch):
    counts = []
    first = threshold(counts, monkeypatch)
    made = len(counts)
    assert made > 0 and threshold(counts, monkeypatch) == first
    assert len(counts) == made and len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("content", [b"", b"[1]", b"[1, NaN]", b'"a"', b"[null, 1]", b"[" * 999])
def test_damaged_ones_are_made_again(content, folder):
    keep(b"key", (1.0, 2.0))
    assert kept(b"key") == (1.0, 2.0) and kept(b"other") is None
    (path,) = folder.iterdir()
    path.write_bytes(content)
    assert kept(b"key") is None
    keep(b"key", (3.0, 4.0))
    assert kept(b"key") == (3.0, 4.0)


def test_other_code_has_its_own(monkeypatch):
    keep(b"key", (1.0, 2.0))
    monkeypatch.setattr(module, "_code", lambda: b"other")
    assert kept(b"key") is None


def test_there_is_an_end_of_files(folder, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 3)
    for key in range(5):
        keep(bytes([key]), (1.0, 2.0))
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null"])
def test_without_a_place_nothing_is_kept(place, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    keep(b"key", (1.0, 2.0))
    assert kept(b"key") is None
