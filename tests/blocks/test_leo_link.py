# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellite and channel in one block against the three that it stands for."""

import numpy as np
import pytest
from block_helpers import BUFFERS, Graph, indices, small_scenario
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.dsp import CHUNK, PooledNoise
from gnuradio.dislac.scenario import ECHO_ALONE

FRAMES = 60


class ThreeBlocks(gr.top_block):
    def __init__(self, scenario):
        gr.top_block.__init__(self)
        self.source = dislac.pilot_source(scenario, frames=FRAMES)
        self.precompensator = dislac.precompensator(scenario)
        self.channel = dislac.leo_channel(scenario)
        self.sinks = [blocks.vector_sink_c() for _ in range(scenario.chains)]
        for chain, sink in enumerate(self.sinks):
            self.connect((self.source, chain), (self.precompensator, chain))
            self.connect((self.precompensator, chain), (self.channel, chain), sink)


@pytest.mark.parametrize(
    "settings",
    [
        {"channel__noise": {"snr_db": 0, "pool": True}},
        {"channel__noise": {"snr_db": 0}, "precompensation__mode": "time-varying"},
        {"beams__coupling": "physical", "precompensation__mode": "none"},
    ],
)
def test_it_is_the_three_blocks_bit_for_bit(settings):
    scenario = small_scenario(
        numerology__frame_period=3_333,
        channel__paths=[{"kind": "echo"}, {"kind": "scattered", "count": 2}],
        **settings,
    )
    tb = ThreeBlocks(scenario)
    tb.run()
    wanted = np.array([sink.data() for sink in tb.sinks], np.complex64)
    block = dislac.leo_link(scenario, frames=FRAMES)
    graph = Graph(block, outputs=2)
    got = graph.result()
    assert np.array_equal(got.streams, wanted)
    assert got.streams.shape[1] % CHUNK == 0 and got.streams.shape[1] > FRAMES * 3_333
    assert indices(got.tags) == indices([(tag.offset, tag.value) for tag in tb.sinks[0].tags()])
    assert block.frames_sent == FRAMES == len(got.tags)


@pytest.mark.parametrize("most", BUFFERS)
def test_any_buffer_gives_the_same(most):
    scenario = small_scenario(channel__noise={"snr_db": 0, "pool": True})
    once, again = (
        Graph(dislac.leo_link(scenario, frames=100), outputs=2).result(*limit)
        for limit in ((), (most,))
    )
    assert np.array_equal(once.streams, again.streams)
    assert indices(once.tags) == indices(again.tags) and len(once.tags) == 100


def test_snr_can_change_while_it_runs():
    """Beside a direct path the noise would be little of the power; the echo has that of 1."""
    scenario = small_scenario(channel__noise={"snr_db": 0, "pool": True}, **ECHO_ALONE)
    block = dislac.leo_link(scenario, snr_db=60.0)
    block.begin()
    rows = np.zeros((2, CHUNK), np.complex64)
    power = []
    for snr_db in (60.0, -20.0, None):
        block.set_snr_db(snr_db)
        block._link.receive(rows)
        power.append(np.mean(np.abs(rows) ** 2))
    assert power[1] == pytest.approx(100, rel=0.05) and power[0] < 1
    assert power[2] - power[0] == pytest.approx(1, rel=0.3)  # the scenario's noise
    assert isinstance(block._link.emulator.noise, PooledNoise)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="frames is -1"):
        dislac.leo_link(small_scenario(), frames=-1)
