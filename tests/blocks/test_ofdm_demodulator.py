# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from block_helpers import BUFFERS, Graph, Result, in_every_buffer, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.waveform import demodulate

# The transmitter follows the delay sample by sample: nothing is to be set right.
SCENARIO = small_scenario(precompensation__mode="time-varying")
LENGTH = SCENARIO.numerology.frame_length
SIZE = 8 * 32 * 2


def frame(streams: np.ndarray, start: int) -> np.ndarray:
    samples = np.ascontiguousarray(streams[:, start : start + LENGTH])
    return SCENARIO.pilots.descramble(demodulate(samples, SCENARIO.numerology))


def run(
    streams, tags, most=10_000_000, room=0, **settings
) -> tuple[Result, dislac.ofdm_demodulator]:
    block = dislac.ofdm_demodulator(SCENARIO, **settings)
    graph = Graph(block, streams, tags, outputs=1, vlen=SIZE)
    if room:
        block.set_max_output_buffer(room)
    return graph.result(most), block


@pytest.mark.parametrize("spacing", [640, 641, 1280, 9_999])
@pytest.mark.parametrize("room", [0, 1])
def test_each_frame_becomes_a_vector(spacing, room):
    x = noise(2, 60_000)
    tags = [(777 + k * spacing, k + 10) for k in range(6)]
    result = in_every_buffer(lambda most: run(x, tags, most, room)[0])
    expected = [frame(x, start) for start, _ in tags]
    assert np.array_equal(result.streams.reshape(6, 8, 32, 2), expected)
    assert indices(result.tags) == [(k, k + 10) for k in range(6)]


def test_many_frames_back_to_back_come_in_order():
    x = noise(2, 640 * 400)
    tags = [(640 * k, k) for k in range(400)]
    result = in_every_buffer(lambda most: run(x, tags, most, room=1)[0])
    assert np.array_equal(
        result.streams.reshape(400, 8, 32, 2), [frame(x, start) for start, _ in tags]
    )


def test_vectors_carry_the_time_of_reception():
    graph = Graph(dislac.ofdm_demodulator(SCENARIO), noise(2, 9_000), [(5_000, 3)], 1, SIZE)
    graph.result()
    times = [
        pmt_keys.time_from_tag(t.value) for t in graph.sinks[0].tags() if t.key == pmt_keys.RX_TIME
    ]
    assert times == [5_000 / SCENARIO.sample_rate]


@pytest.mark.parametrize("most", BUFFERS)
def test_one_frame_in_so_many_is_used(most):
    tags = [(1_000 + 1280 * k, k) for k in range(2, 20)]
    x = noise(2, 40_000)
    result, block = run(x, tags, most, every=5)
    assert [index for _, index in indices(result.tags)] == [5, 10, 15]
    assert np.array_equal(result.streams.reshape(3, 8, 32, 2)[1], frame(x, 1_000 + 1280 * 10))
    assert (block.frames_used, block.frames_skipped, block.frames_lost) == (3, 15, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, -np.inf)])
@pytest.mark.parametrize("most", BUFFERS)
def test_a_frame_that_is_not_finite_is_dropped(bad, most):
    x = noise(2, 10_000)
    x[1, 3_000 + 639] = bad
    result, block = run(x, [(1_000, 0), (3_000, 1), (5_000, 2)], most)
    assert [index for _, index in indices(result.tags)] == [0, 2]
    assert np.array_equal(result.streams.reshape(2, 8, 32, 2)[1], frame(x, 5_000))
    reason = "holds values that are not finite"
    assert result.events == [{"event": "frame_dropped", "frame": 1, "reason": reason}]
    assert (block.frames_used, block.frames_lost) == (2, 1)


@pytest.mark.parametrize("most", BUFFERS)
def test_what_is_not_finite_between_frames_does_not_matter(most):
    x = noise(2, 5_000)
    x[:, 999] = x[:, 1_640] = np.nan
    result, _ = run(x, [(1_000, 0)], most)
    assert np.array_equal(result.streams.reshape(8, 32, 2), frame(x, 1_000))


@pytest.mark.parametrize("most", BUFFERS)
@pytest.mark.parametrize("lacking", [0, 1, 639])
def test_the_end_of_the_stream_may_cut_a_frame_off(most, lacking):
    x = noise(2, 5_000 + LENGTH - lacking)
    result, block = run(x, [(1_000, 0), (5_000, 1)], most)
    whole = not lacking
    assert (block.frames_used, block.frames_lost) == (1 + whole, 1 - whole)
    assert len(result.tags) == 1 + whole
    assert [e["reason"] for e in result.events] == ["cut off by the end of the stream"] * (
        not whole
    )


@pytest.mark.parametrize("most", BUFFERS)
def test_the_next_frame_may_cut_a_frame_off(most):
    x = noise(2, 5_000)
    result, block = run(x, [(1_000, 0), (1_639, 1)], most)
    assert indices(result.tags) == [(0, 1)]
    assert np.array_equal(result.streams.reshape(8, 32, 2), frame(x, 1_639))
    assert [e["reason"] for e in result.events] == ["cut off by the next frame"]
    assert block.frames_lost == 1


def test_without_tags_there_is_nothing():
    result, block = run(noise(2, 100_000), [])
    assert result.streams.size == 0
    assert (block.frames_used, block.frames_skipped, block.frames_lost) == (0, 0, 0)
