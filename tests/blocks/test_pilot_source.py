# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from block_helpers import BUFFERS, Graph, in_every_buffer, indices, small_scenario
from gnuradio import dislac
from gnuradio.dislac.dsp.stream import CHUNK
from gnuradio.dislac.scenario import timing, transmission


@pytest.mark.parametrize("period", [640, 1280, 5003])
def test_frames_stand_where_they_are_due(period):
    scenario = small_scenario(numerology__frame_period=period)
    result = in_every_buffer(
        lambda most: Graph(dislac.pilot_source(scenario, frames=5), outputs=2).result(most)
    )
    first = timing.preamble(scenario)
    assert indices(result.tags) == [(first + k * period, k) for k in range(5)]
    expected = np.zeros_like(result.streams)
    for start, _ in result.tags:
        expected[:, start : start + 640] = transmission.pilot_frame(scenario)
    assert np.array_equal(result.streams, expected)


def test_it_ends_with_silence_for_the_time_of_flight():
    scenario = small_scenario()
    result = Graph(dislac.pilot_source(scenario, frames=3), outputs=2).result()
    last = timing.preamble(scenario) + 2 * 1280 + 640
    assert result.streams.shape[1] - last > timing.preamble(scenario) + 3 * CHUNK


@pytest.mark.parametrize("most", BUFFERS)
def test_without_a_number_of_frames_it_does_not_end(most):
    block = dislac.pilot_source(small_scenario())
    result = Graph(block, outputs=2, head=100_000).result(most)
    assert result.streams.shape == (2, 100_000)
    first = timing.preamble(small_scenario())
    expected = [(first + k * 1280, k) for k in range((100_000 - first - 1) // 1280 + 1)]
    assert indices(result.tags) == expected


def test_it_starts_again():
    graph = Graph(dislac.pilot_source(small_scenario(), frames=2), outputs=2)
    first = graph.result()
    for sink in graph.sinks:
        sink.reset()
    again = graph.result()
    assert np.array_equal(first.streams, again.streams)
    assert indices(first.tags) == indices(again.tags)
    assert graph.block.frames_sent == 2


def test_a_negative_number_of_frames_is_refused():
    with pytest.raises(ValueError, match="0 for no end"):
        dislac.pilot_source(small_scenario(), frames=-1)
