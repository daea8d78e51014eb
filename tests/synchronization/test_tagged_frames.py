# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames where marks say that they begin, whatever the pieces in which the stream comes."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from gnuradio.dislac.synchronization import Drift, Mark, TaggedSynchronizer
from gnuradio.dislac.waveform import Numerology
from reading import read_frames

NUMEROLOGY = Numerology(28e9, 120e3, 64, 16, 32, 8, 1_000)
LENGTH = NUMEROLOGY.frame_length
RATE = NUMEROLOGY.sample_rate
ALWAYS = SimpleNamespace(sent=np.ones(1, bool), sends=lambda frame: True)
PIECES = pytest.mark.parametrize("piece", [1, 100, LENGTH, 4_099, 10_000_000])


def noise(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.standard_normal((2, 2 * count)).astype(np.float32).view(np.complex64)


def read(x, marks, piece=10_000_000, most=None, pilots=ALWAYS, **settings):
    synchronizer = TaggedSynchronizer(NUMEROLOGY, pilots, **settings)
    return read_frames(synchronizer, x, marks, piece, most), synchronizer


def lost(synchronizer):
    assert all(event.name == "frames_lost" for event in synchronizer.events)
    return [(e.details["frame"], e.details["reason"]) for e in synchronizer.events]


@PIECES
@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("spacing", [LENGTH, LENGTH + 1, 3_000])
def test_frames_lie_where_marks_say(piece, most, spacing):
    x = noise(7 + 4 * spacing)
    marks = [Mark(7 + k * spacing, None, 40 + k) for k in range(4)]
    frames, synchronizer = read(x, marks, piece, most)
    assert [f.index for f, _ in frames] == [40, 41, 42, 43]
    for k, (found, samples) in enumerate(frames):
        start = 7 + k * spacing
        assert np.array_equal(samples, x[:, start : start + LENGTH])
        assert (found.start, found.delay, found.dilation, found.carrier) == (start, 0.0, 0.0, 0.0)
        assert found.time == start / RATE
    assert lost(synchronizer) == []


@PIECES
@pytest.mark.parametrize("lacking", [0, 1])
def test_what_comes_too_early_cuts_a_frame_off(piece, lacking):
    second = 5 + LENGTH - lacking
    x = noise(second + LENGTH - lacking)
    frames, synchronizer = read(x, [Mark(5, None, 0), Mark(second, None, 1)], piece)
    assert [f.index for f, _ in frames] == ([] if lacking else [0, 1])
    reasons = [(0, "cut off by the next frame"), (1, "cut off by the end of the stream")]
    assert lost(synchronizer) == (reasons if lacking else [])


@PIECES
@pytest.mark.parametrize("missing", [0, 1, -1, 10_000])
def test_a_time_that_does_not_go_on_cuts_its_frame_off(piece, missing):
    """And sets the clock, also of a frame that begins there."""
    clock, x = 3_000, noise(5_000)

    def time(count):
        return count // int(RATE), float(Fraction(count % int(RATE)) / Fraction(RATE))

    marks = [
        Mark(100, time(clock + 100), 0),
        Mark(300, time(clock + 300 + missing)),
        Mark(900, None, 1),
        Mark(2_000, time(clock + 2_000 + missing), 2),
    ]
    frames, synchronizer = read(x, marks, piece)
    expected = [(k, start) for k, start in ((0, 100), (1, 900), (2, 2_000)) if k or not missing]
    assert [(f.index, f.start) for f, _ in frames] == expected
    assert [f.time for f, _ in frames] == [
        (start + clock + (missing if k else 0)) / RATE for k, start in expected
    ]
    assert lost(synchronizer) == ([(0, "cut off by a gap")] if missing else [])


@PIECES
@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, -np.inf)])
def test_a_frame_that_is_not_finite_is_lost(piece, bad):
    x = noise(3_000)
    x[1, 99] = x[0, 100 + LENGTH] = x[1, 1_000 + LENGTH - 1] = bad
    marks = [Mark(100, None, 0), Mark(1_000, None, 1), Mark(2_000, None, 2)]
    frames, synchronizer = read(x, marks, piece)
    assert [f.index for f, _ in frames] == [0, 2]
    assert lost(synchronizer) == [(1, "holds values that are not finite")]


@PIECES
def test_frames_that_are_not_used_are_counted(piece):
    pilots = SimpleNamespace(sent=np.array([True, False]), sends=lambda frame: frame % 2 == 0)
    marks = [Mark(1_000 * k, None, k) for k in range(13)]
    frames, synchronizer = read(noise(13_000), marks, piece, pilots=pilots, every=3)
    assert [f.index for f, _ in frames] == [0, 6, 12]
    assert synchronizer.frames_skipped == 10
    synchronizer.use_every(1)
    synchronizer.mark(Mark(13_000, None, 14))
    assert synchronizer.window == (13_000, LENGTH) and synchronizer.frames_skipped == 10


def test_what_the_delay_grows_is_taken_off_about_the_middle():
    frames, _ = read(
        noise(2_000), [Mark(0, None, 8)], drift=lambda frame: Drift(dilation=frame * 1e-6)
    )
    ((found, _),) = frames
    assert found.dilation == 8e-6
    assert found.delay + found.dilation * LENGTH / 2 == pytest.approx(0.0, abs=1e-15)
