# SPDX-License-Identifier: GPL-3.0-or-later
"""A block that is started a second time does as a new one: samples, tags, messages and counters."""

import numpy as np
import pmt
import pytest
from block_helpers import Collector, Graph, frames, indices, noise, small_scenario
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.scenario import transmission

SCENARIO = small_scenario()
TAGS = [(1_000 + 1_280 * k, k) for k in range(6)]
COUNTERS = ("frames_used", "frames_lost", "frames_skipped", "frames_sent", "messages_dropped")


def counters(block):
    return {name: getattr(block, name) for name in COUNTERS if hasattr(block, name)}


class Restarted:
    """A flowgraph that is run again and again, with other streams."""

    def __init__(self, block, outputs, vlen):
        self.block = block
        self.graph = Graph(block, noise(2, 1), TAGS, outputs, vlen)

    def run(self, seed, count):
        graph = self.graph
        marks = [gr.tag_utils.python_to_tag((*tag, None)) for tag in frames(TAGS)]
        for source, stream in zip(graph.sources, noise(2, count, seed), strict=True):
            source.set_data(stream, marks if source is graph.sources[0] else [])
            source.rewind()
        for sink in graph.sinks:
            sink.reset()
        graph.events.messages.clear()
        return graph.result(999), counters(self.block)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("make", "outputs", "vlen"),
    [
        (dislac.leo_channel, 2, 1),
        (dislac.front_end, 2, 1),
        (dislac.precompensator, 2, 1),
        (dislac.ofdm_demodulator, 1, 8 * 32 * 2),
    ],
)
def test_streams_are_those_of_a_new_block(make, outputs, vlen):
    new = Restarted(make(SCENARIO), outputs, vlen).run(1, 3 * CHUNK)
    used = Restarted(make(SCENARIO), outputs, vlen)
    for seed, count in ((1, 3 * CHUNK), (2, 7_777), (1, 3 * CHUNK), (1, 3 * CHUNK)):
        found, counted = used.run(seed, count)
        if seed == 1:
            assert np.array_equal(found.streams, new[0].streams) and np.any(found.streams)
            assert indices(found.tags) == indices(new[0].tags)
            assert found.events == new[0].events
            assert counted == new[1]


@pytest.mark.usefixtures("roughly_calibrated")
def test_an_estimator_forgets_what_it_has_averaged_and_counted():
    """Static cancellation subtracts the average of the frames before."""
    scenario = small_scenario(synchronization__removal="static", synchronization__memory_frames=2)
    block = dislac.path_estimator(scenario)
    shape = (4, *block._shape)
    rng = np.random.default_rng(1)
    one, two = rng.standard_normal((2, *shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    graph, collector = gr.top_block(), Collector()
    source = blocks.vector_source_c(one.ravel(), False, one[0].size)
    graph.connect(source, block)
    graph.msg_connect((block, "paths"), (collector, "in"))

    def estimates(frames):
        source.set_data(frames.ravel())
        source.rewind()
        collector.messages.clear()
        graph.run()
        assert block.frames_used == 4
        return [pmt.serialize_str(message) for message in collector.all()]

    first = estimates(one)
    assert len(first) == 4 + 1  # and the end
    assert estimates(two) != first
    assert estimates(one) == first


def test_a_frame_that_had_to_leave_before_the_first_sample_has_no_tag():
    """Its first samples are lost; the stream goes on."""
    scenario = small_scenario()
    block = dislac.precompensator(scenario)
    result = Graph(block, noise(2, 3 * CHUNK), [*TAGS, (20_000, 7)], 2).result()
    assert not result.events
    [(start, (index, due))] = indices(result.tags)
    early = transmission.precompensator(scenario).advance_of(20_000 / scenario.sample_rate)
    assert (index, due) == (7, 20_000)
    assert start == round(20_000 - early * scenario.sample_rate)


def test_lost_frames_are_counted_and_reported_with_their_number():
    block = dislac.ofdm_demodulator(SCENARIO)
    graph = Graph(block, noise(2, 1_000), outputs=1, vlen=8 * 32 * 2)
    logged = []
    block.logger = type("Log", (), {"warn": lambda _, text: logged.append(text)})()
    block.report_lost(7, "a gap")
    block.report_lost(8, "a gap", 3)
    for k in range(20):
        block.report_lost(11 + k, "again")
    assert block.frames_lost == 24
    assert logged[:2] == ["frame 7 dropped: a gap", "frame 8 and 2 more dropped: a gap"]
    assert len(logged) < 22
    assert [text.endswith("; further ones are only counted") for text in logged] == [
        *(False,) * (len(logged) - 1),
        True,
    ]
    events = [pmt_keys.event_from_pdu(message) for message in graph.events.all()]
    assert not events  # nothing runs yet
