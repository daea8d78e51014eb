# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import numpy as np
import pytest
from gnuradio.dislac.synchronization import FrameReader, Mark, TimedSynchronizer, aligned_grid
from gnuradio.dislac.waveform import Numerology, demodulate, modulate
from hypothesis import assume, given
from hypothesis import strategies as st
from reading import read_frames

NUMEROLOGY = Numerology(28e9, 120e3, 64, 16, 32, 8, 1_000)
LENGTH = NUMEROLOGY.frame_length
RATE = NUMEROLOGY.sample_rate
ALWAYS = SimpleNamespace(sent=np.ones(1, bool), sends=lambda frame: True)


def noise(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.standard_normal((2, 2 * count)).astype(np.float32).view(np.complex64)


def at(offset: int, count: float) -> Mark:
    """A mark at a sample that is `count` samples after time zero."""
    time = count / RATE
    return Mark(offset, (int(time), time - int(time)))


def read(x, marks, piece=10_000_000, most=None, **settings):
    """Frames (alignment, samples), events and counters of a stream that comes in pieces."""
    synchronizer = TimedSynchronizer(NUMEROLOGY, ALWAYS, **settings)
    return read_frames(synchronizer, x, marks, piece, most), synchronizer


@pytest.mark.parametrize("piece", [1, 100, 641, 4_099, 10_000_000])
@pytest.mark.parametrize("most", [None, 1])
def test_frames_lie_where_the_clock_says_in_any_pieces(piece, most):
    x = noise(6_700)
    frames, synchronizer = read(x, [at(50, -250.25)], piece, most, first=10)
    # frame 0 is due 10 samples after time zero, which is 250.25 samples after the mark
    starts = 50 + 260.25 + 1_000 * np.arange(7)
    assert [f.index for f, _ in frames] == list(range(6))
    for (found, samples), start in zip(frames, starts, strict=False):
        assert found.start + found.delay == pytest.approx(start, abs=1e-6)
        assert found.start == round(start)
        assert np.array_equal(samples, x[:, found.start : found.start + LENGTH])
        assert found.time == pytest.approx((10 + 1_000 * found.index) / RATE, abs=1e-15)
    assert [e.details.get("reason") for e in synchronizer.events] == [
        "no rx_time yet",
        "rx_time",
        "cut off by the end of the stream",
    ]


def test_before_the_first_time_there_are_no_frames():
    frames, synchronizer = read(noise(50_000), [Mark(3, None)])
    assert not frames
    assert [e.details["state"] for e in synchronizer.events] == ["searching"]


@pytest.mark.parametrize("piece", [100, 10_000_000])
@pytest.mark.parametrize("missing", [0.8, 300, 2_500, 1_000_000])
def test_a_gap_cuts_its_frame_and_loses_those_it_swallows(piece, missing):
    x = noise(8_000)
    # The gap lies in frame 2, which begins at 2000.
    frames, synchronizer = read(x, [at(0, 0), at(2_100, 2_100 + missing)], piece)
    after = int(np.ceil((2_100 + missing) / 1_000))
    assert [f.index for f, _ in frames[:3]] == [0, 1, after]
    found = frames[2][0]
    assert found.start + found.delay == pytest.approx(1_000 * after - missing, abs=1e-6)
    lost = [e.details for e in synchronizer.events if e.name == "frames_lost"]
    assert (lost[0]["frame"], lost[0]["count"]) == (2, after - 2)
    assert lost[0]["reason"] == "cut off by a gap"
    gaps = [e.details["missing"] for e in synchronizer.events if e.name == "gap"]
    assert gaps == [round(missing)]


def test_a_clock_that_says_what_was_known_cuts_nothing():
    marks = [at(offset, offset + 0.01) for offset in range(0, 5_000, 130)]
    frames, synchronizer = read(noise(5_000), marks)
    assert [f.index for f, _ in frames] == [0, 1, 2, 3, 4]
    assert [e.name for e in synchronizer.events] == ["sync", "sync"]


def test_every_counts_what_it_skips_and_loses_only_what_it_would_use():
    x = noise(30_000)
    marks = [at(0, 0), at(9_900, 9_900 + 10_000)]
    frames, synchronizer = read(x, marks, every=4)
    assert [f.index for f, _ in frames] == [0, 4, 8, 20, 24, 28, 32, 36]
    lost = [e.details for e in synchronizer.events if e.name == "frames_lost"]
    assert [(e["frame"], e["count"], e["reason"]) for e in lost] == [(12, 2, "in a gap")]
    assert synchronizer.frames_skipped == 36 + 4 - 8 - 2  # the last three wait for frame 40


def test_the_time_of_day_leaves_a_thousandth_of_a_sample():
    zero = 1_767_268_800.25
    whole, fraction = 1_767_268_800, 0.25 + 500.125 / RATE
    frames, _ = read(noise(3_000), [Mark(0, (whole, fraction))], time_zero=zero)
    found = frames[0][0]
    assert found.index == 1
    assert found.start + found.delay == pytest.approx(1_000 - 500.125, abs=1e-6)


def test_a_frame_that_is_not_finite_is_lost():
    x = noise(3_700)
    x[1, 1_005] = np.nan
    frames, synchronizer = read(x, [at(0, 0)])
    assert [f.index for f, _ in frames] == [0, 2, 3]
    assert synchronizer.events[-1].details["frame"] == 1


def test_fraction_carrier_and_dilation_are_taken_off():
    rng = np.random.default_rng(3)
    grid = np.exp(2j * np.pi * rng.random((2, 8, 32)))
    frames, _ = read(noise(2_000), [at(0, 0.3)])
    found = frames[0][0]
    delay, dilation, carrier = 0.3, 2e-5, 17e3
    shifted = found.__class__(0, 0, delay, dilation, carrier, 0.0)
    # A frame whose symbols come late by a delay that grows, each by what it is at its middle
    middle = NUMEROLOGY.symbol_starts + 16 - 1 + 32
    late = (delay + dilation * middle) / RATE
    ramp = np.exp(-2j * np.pi * np.outer(late, NUMEROLOGY.frequencies))
    samples = modulate(grid * ramp, NUMEROLOGY)
    samples *= np.exp(2j * np.pi * carrier * np.arange(LENGTH) / RATE)
    assert np.allclose(
        aligned_grid(samples.astype(np.complex64), shifted, NUMEROLOGY), grid, atol=2e-5
    )
    assert np.allclose(demodulate(modulate(grid, NUMEROLOGY), NUMEROLOGY), grid)


def lost(synchronizer):
    return sum(e.details["count"] for e in synchronizer.events if e.name == "frames_lost")


SILENCE = np.zeros((1, 20_000), np.complex64)


@given(
    st.integers(1, 5),
    st.integers(-3_000, 3_000),
    st.lists(st.tuples(st.integers(1, 5_999), st.integers(1, 9_000)), max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=3).filter(any),
)
def test_all_frames_are_used_lost_or_skipped(every, begin, gaps, sent):
    assume(any(sent[k * every % len(sent)] for k in range(len(sent))))
    pilots = SimpleNamespace(sent=np.array(sent), sends=lambda k: sent[k % len(sent)])
    marks, offset, count = [at(0, 5_000 + begin)], 0, 5_000 + begin
    for passed, missing in gaps:
        offset, count = offset + passed, count + passed + missing
        marks.append(at(offset, count))
    synchronizer = TimedSynchronizer(NUMEROLOGY, pilots, every=every, first=4_000)
    reader = FrameReader(synchronizer, 1)
    used = [f.index for f, _ in reader.read(SILENCE, 0, marks)]
    first = max(-(-(1_000 + begin) // 1_000), 0)
    wanted = synchronizer._next  # nothing was said yet of this one and those after it
    assert len(used) + lost(synchronizer) + synchronizer.frames_skipped == wanted - first
    assert np.all(np.diff(used) > 0)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("back", [1, 400, 3_000, 1_000_000])
def test_a_time_that_goes_back_is_another_beginning(back, every):
    x = noise(20_000)
    marks = [at(0, 0), at(8_100, 8_100 - back)]
    frames, synchronizer = read(x, marks, every=every)
    said = [e.details["state"] for e in synchronizer.events if e.name == "sync"]
    assert said == ["searching", "locked", "lost", "locked"]
    reasons = [e.details.get("reason") for e in synchronizer.events]
    assert f"rx_time went back by {back} samples" in reasons
    assert all(e.details["count"] > 0 for e in synchronizer.events if e.name == "frames_lost")
    assert synchronizer.frames_skipped >= 0
    again = [f.index for f, _ in frames if f.start >= 8_100]
    first = max(-(-(8_100 - back) // 1_000), 0)
    first = -(-first // every) * every
    assert again == list(range(first, first + len(again) * every, every))
    assert bool(again) == (back < 1_000_000)
