# SPDX-License-Identifier: GPL-3.0-or-later
"""Buffering between callers and fixed chunks."""

import os
from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from gnuradio.dislac.dsp import CHUNK, ChunkProcessor, RingBuffer, StreamError
from gnuradio.dislac.dsp.stream import CELL, Chunk, aligned_empty, true_segments
from hypothesis import given
from hypothesis import strategies as st

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")


class Late(ChunkProcessor):
    """Gives the first input stream back, `look` samples after it could."""

    def __init__(self, look, start):
        super().__init__(2, 1, start)
        self.look = look
        self.reset()

    def _required(self, index):
        return (index + 1) * CHUNK + self.look

    def _make(self, index, out):
        out[:] = self._input.view(index * CHUNK, CHUNK)[:1]
        self._input.forget((index + 1) * CHUNK)
        return [slice(0, CHUNK)]


@given(
    look=st.sampled_from([0, 1, 5000]),
    start=st.integers(0, 3 * CHUNK),
    cuts=st.lists(st.integers(0, 3 * CHUNK), max_size=12),
)
def test_order_is_kept_and_ready_says_the_truth(look, start, cuts):
    edges = [0, *sorted(cuts), 3 * CHUNK]
    x = np.arange(3 * CHUNK, dtype=np.complex64) + 1
    process = Late(look, start)
    parts = []
    for a, b in pairwise(edges):
        expected = process.ready(b - a)
        parts.append(process.process([x[a:b], 0 * x[a:b]]))
        assert parts[-1].shape == (1, expected)
    y = np.concatenate(parts, axis=1)[0]
    done = max(0, (start + len(x) - look) // CHUNK * CHUNK - start)
    assert np.array_equal(y, x[:done])


@pytest.mark.parametrize("look", [0, 1, 5000])
def test_chunks_that_are_fed_give_the_same_bits_as_a_stream(look):
    """With silence in them, which is not looked at."""
    x = np.arange(4 * CHUNK, dtype=np.complex64) + 1
    active = [[slice(0, CHUNK)], [slice(256, 1024)], [], [slice(0, CHUNK)]]
    mask = np.zeros(4 * CHUNK, bool)
    process, made = Late(look, 0), []
    for k, parts in enumerate(active):
        for part in parts:
            mask[k * CHUNK + part.start : k * CHUNK + part.stop] = True
        rows = np.stack([x[k * CHUNK : (k + 1) * CHUNK], np.zeros(CHUNK, np.complex64)])
        for chunk in process.feed(Chunk(k, rows, parts)):
            assert chunk.index == len(made)
            made.append(chunk.samples[0, :CHUNK].copy())
    expected = Late(look, 0).process(np.stack([x * mask, 0 * x]))[0]
    assert np.array_equal(np.concatenate(made), expected) and len(made) == 4 - (look > 0)


def test_a_stream_begins_at_no_negative_sample():
    with pytest.raises(StreamError, match="start is -1; the index of a sample must not be neg"):
        Late(0, -1)


def test_rows_of_the_caller_are_filled():
    process = Late(0, 0)
    out = [np.full(CHUNK + 3, 7, np.complex64)]
    x = np.ones((2, CHUNK), np.complex64)
    assert process.process_into(x, out) == CHUNK
    assert np.all(out[0][:CHUNK] == 1) and np.all(out[0][CHUNK:] == 7)


@pytest.mark.parametrize(
    "x", [np.zeros((1, 9)), np.zeros(9), [np.zeros(9), np.zeros(8)], np.zeros((2, 3, 3))]
)
def test_wrong_shapes_are_refused(x):
    with pytest.raises(StreamError, match="must be 2 streams"):
        Late(0, 0).process(x)


def test_too_little_room_is_refused_before_anything_is_taken():
    process = Late(0, 0)
    x = np.ones((2, CHUNK), np.complex64)
    with pytest.raises(StreamError, match=f"at least {CHUNK}"):
        process.process_into(x, [np.empty(10, np.complex64)])
    assert process.process(x).shape == (1, CHUNK)


@given(
    steps=st.lists(st.tuples(st.integers(1, 3 * CHUNK), st.integers(0, 2 * CHUNK)), max_size=15),
    lead=st.sampled_from([0, 1, 3 * CHUNK // 2]),
)
def test_ring_buffer_holds_what_was_not_forgotten(steps, lead):
    buffer = RingBuffer(1)
    buffer.reset(2 * CHUNK, lead)
    kept, value = 2 * CHUNK - lead, 0
    for count, back in steps:
        while count:
            part = min(count, CHUNK - buffer.end % CHUNK)
            buffer.reserve(part)[:] = np.arange(value, value + part)
            value, count = value + part, count - part
        kept = max(kept, buffer.end - back - lead)
        buffer.forget(kept)
        held = buffer.view(kept, buffer.end - kept)[0].real
        truth = np.maximum(np.arange(kept, buffer.end) - 2 * CHUNK, -1)
        assert np.array_equal(held, np.where(truth < 0, 0, truth))


@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("step", [CHUNK, CHUNK // 2])
def test_a_ring_buffer_that_grows_keeps_what_it_holds_wherever_that_lies(before, step):
    """Across the end of the old ring, and of the new one."""
    buffer, value = RingBuffer(2), 1

    def write():
        nonlocal value
        buffer.reserve(step)[:] = np.arange(value, value + step) + 1j * np.arange(2)[:, None]
        value += step

    for _ in range(before):
        write()
        buffer.forget(buffer.end - 100)
    kept = max(buffer.end - 100, 0)
    for _ in range(12):
        write()
        held = buffer.view(kept, buffer.end - kept)
        assert np.array_equal(held, np.arange(kept + 1, value) + 1j * np.arange(2)[:, None])


@given(
    sounds=st.lists(st.tuples(st.integers(0, 4 * CHUNK - 1), st.integers(1, 900)), max_size=6),
    lead=st.sampled_from([0, CHUNK]),
)
def test_ring_buffer_knows_where_there_is_silence(sounds, lead):
    x = np.zeros((2, 4 * CHUNK), np.complex64)
    for i, (first, count) in enumerate(sounds):
        x[i % 2, first : first + count] = 1j
    buffer = RingBuffer(2)
    buffer.reset(3 * CHUNK, lead)
    active = np.zeros(4 * CHUNK, bool)
    for chunk in range(4):
        buffer.reserve(CHUNK)[:] = x[:, chunk * CHUNK : (chunk + 1) * CHUNK]
        first = buffer.end - CHUNK
        for begin, end in buffer.active(first, CHUNK):
            assert begin % CELL == end % CELL == 0
            active[max(begin, first) - 3 * CHUNK : min(end, first + CHUNK) - 3 * CHUNK] = True
        buffer.forget(first - 10)
    cells = x.any(axis=0).reshape(-1, CELL).any(axis=1)
    assert np.array_equal(active.reshape(-1, CELL), np.repeat(cells[:, None], CELL, axis=1))


@given(flags=st.lists(st.booleans(), min_size=1, max_size=20))
def test_true_segments(flags):
    again = np.zeros(len(flags), bool)
    found = true_segments(np.array(flags))
    for run in found:
        again[run] = True
    assert again.tolist() == flags
    assert all(a.stop < b.start for a, b in pairwise(found))


def test_ring_buffer_says_what_it_does_not_hold():
    buffer = RingBuffer(1)
    buffer.reset(CHUNK)
    for first, count in ((CHUNK - 1, 1), (CHUNK, 1)):
        with pytest.raises(StreamError, match="are wanted"):
            buffer.view(first, count)


def test_alignment():
    assert all(aligned_empty((3, n)).ctypes.data % 64 == 0 for n in range(1, 20))
    assert all(aligned_empty((n, 1 << 17)).ctypes.data % 64 == 0 for n in (1, 2))


def test_large_buffers_go_back_to_the_system():
    """Of threads that are gone: malloc would keep what was freed in the arena of each."""

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def use():
        for _ in range(3):
            aligned_empty((1, 2 << 20))[:] = 1  # 16 MB

    use()
    before = resident()
    for _ in range(5):
        thread = Thread(target=use)
        thread.start()
        thread.join()
    assert resident() - before < 4e6
