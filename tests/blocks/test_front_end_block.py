# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver impairments as a block: the library's samples, tags where frames are."""

import numpy as np
import pmt
import pytest
from block_helpers import Graph, in_every_buffer, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.dsp.stream import CHUNK
from gnuradio.dislac.scenario import ScenarioError, reception

COUNT = 5 * CHUNK + 1
SECTION = {
    "carrier_offset_hz": 2e3,
    "clock_offset_ppm": 100.0,
    "start_offset": 300.25,
    "phase_deg": [0, 60],
    "delay_ns": [0, -7.5],
}


def test_it_is_the_librarys():
    scenario, x = small_scenario(front_end=SECTION), noise(2, COUNT)
    tags = [(200, 1), (1_000, 2), (100_000, 3)]
    result = in_every_buffer(
        lambda most: Graph(dislac.front_end(scenario), x, tags, outputs=2).result(most)
    )
    assert np.array_equal(result.streams, reception.front_end(scenario).process(x))
    # The first frame began before the receiver.
    assert indices(result.tags) == [(700, 2), (round(99_699.75 * 1.0001), 3)]


def test_parameters_stand_in_for_the_scenarios():
    x = noise(2, COUNT)
    block = dislac.front_end(small_scenario(), **SECTION)
    wanted = reception.front_end(small_scenario(front_end=SECTION)).process(x)
    assert np.array_equal(Graph(block, x, outputs=2).result().streams, wanted)
    with pytest.raises(ScenarioError, match="1 values for 2 chains"):
        dislac.front_end(small_scenario(), phase_deg=[1.0])


@pytest.mark.parametrize("start", [1.5, -1.5])
def test_the_first_sample_has_a_radios_tags(start):
    graph = Graph(dislac.front_end(small_scenario(), start_offset=start), noise(2, COUNT), (), 2)
    graph.result()
    tags = {pmt.symbol_to_string(t.key): t for t in graph.sinks[0].tags()}
    assert all(tag.offset == 0 for tag in tags.values())
    assert pmt.to_double(tags["rx_rate"].value) == 7.68e6
    assert pmt.to_double(tags["rx_freq"].value) == 28e9
    if start < 0:
        assert "rx_time" not in tags
    else:
        assert pmt_keys.time_from_tag(tags["rx_time"].value) == start / 7.68e6


def test_the_chain_runs_through_it():
    """A late start and a carrier offset alone change no position."""
    section = {"start_offset": 1000.0, "carrier_offset_hz": 50.0}
    positions = []
    for overrides in ({}, {"front_end": section}):
        scenario = small_scenario(channel__noise={}, estimator__kind="mmv-bomp", **overrides)
        fixes = []
        graph = run_flowgraph(scenario, frames=3, on_fix=fixes.append)
        graph.run()
        positions.append([fix.position for fix in fixes])
    assert np.shape(positions) == (2, 3, 3)
    assert np.abs(positions[0] - np.array(positions[1])).max() < 0.1
