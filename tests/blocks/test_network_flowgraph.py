# SPDX-License-Identifier: GPL-3.0-or-later
"""Several transmitters and receivers in one flowgraph."""

from pathlib import Path

import numpy as np
import pytest
from gnuradio import blocks, gr
from gnuradio.dislac.blocks.channel.leo_channel import leo_channel
from gnuradio.dislac.blocks.flowgraphs import replay_flowgraph, run_flowgraph
from gnuradio.dislac.io import RecordingReader, fix_to_json
from gnuradio.dislac.scenario import ScenarioError, load_scenario
from gnuradio.dislac.scenario.timing import first_mark
from gnuradio.dislac.simulation import network_frames
from gnuradio.dislac.systems.bistatic import estimator, fixes

pytestmark = pytest.mark.usefixtures("module_roughly_calibrated")

NETWORK = Path(__file__).parents[2] / "examples" / "network.yml"
FRAMES = 3
SMALL = {
    "nodes.gateways": {
        "mast": {"position": [-50, 190, 100], "array": {"nx": 2, "ny": 2}},
        "roof": {"position": [130, 60, 60], "array": {"nx": 3, "ny": 2}},
    },
    "nodes.targets": {"van": {"position": [0, 0, 0], "velocity": [10, 0, 0]}},
    "estimator.max_paths": 1,
    "channel.noise.snr_db": 15,
    "numerology.frame_period": 92160,
}


@pytest.fixture(scope="module")
def scenario():
    return load_scenario(NETWORK, SMALL)


@pytest.fixture(scope="module")
def run(scenario, tmp_path_factory, module_roughly_calibrated):
    """Fixes of a run, and where it was recorded."""
    folder, found = tmp_path_factory.mktemp("network"), []
    flowgraph = run_flowgraph(scenario, frames=FRAMES, record=folder / "net", on_fix=found.append)
    flowgraph.run()
    counters = flowgraph.counters()
    assert counters["frames_sent"] == 2 * FRAMES
    assert counters["frames_used"] == 4 * FRAMES
    assert counters["frames_lost"] == counters["frames_skipped"] == 0
    return found, folder


def test_fixes_of_all_links_come_in_order_and_are_the_librarys(scenario, run):
    found, _ = run
    links = [link[:2] for link in scenario.links]
    assert [(f.frame, f.links[0]) for f in found] == [
        (k, link) for k in range(FRAMES) for link in links
    ]
    frames = network_frames(scenario, FRAMES)
    for ends in links:
        seen = scenario.at(*ends)
        receiver = estimator(seen)
        for index, frame in enumerate(frames[ends]):
            (wanted,) = fixes(seen, receiver.estimate(frame, index), index)
            (made,) = [f for f in found if f.frame == index and f.links == (ends,)]
            assert made.status == wanted.status == "ok"
            np.testing.assert_allclose(made.position, wanted.position, atol=2e-3)
            assert made.error < 5 * made.bound


@pytest.mark.parametrize("receiver", ["mast", "roof"])
def test_each_receivers_recording_gives_its_fixes(run, receiver):
    found, folder = run
    again = []
    reader = RecordingReader(folder / f"net.{receiver}")
    assert reader.scenario.link.receiver == receiver
    replay_flowgraph(reader, on_fix=again.append).run()
    wanted = [fix_to_json(fix) for fix in found if fix.links[0][1] == receiver]
    assert [fix_to_json(fix) for fix in again] == wanted


def test_the_channel_tags_frames_at_each_receiver(scenario):
    frame = np.zeros(1 << 17, np.complex64)
    sources = [
        blocks.vector_source_c(frame.tolist(), False, 1, _tag(5000) if k == 0 else [])
        for k in range(scenario.inputs)
    ]
    channel = leo_channel(scenario)
    flowgraph = gr.top_block()
    sinks = [blocks.vector_sink_c() for _ in range(scenario.outputs)]
    for k, source in enumerate(sources):
        flowgraph.connect(source, (channel, k))
    for k, sink in enumerate(sinks):
        flowgraph.connect((channel, k), sink)
    flowgraph.run()
    first = scenario.at(receiver="mast"), scenario.at(receiver="roof")
    later = first_mark(first[1]) - first_mark(first[0])
    at = {k: [tag.offset for tag in sink.tags()] for k, sink in enumerate(sinks) if sink.tags()}
    assert at == {0: [9000], scenario.chains: [9000 + later]}
    assert later != 0


def _tag(offset):
    from gnuradio.dislac.blocks import pmt_keys

    tag = gr.tag_t()
    tag.offset, tag.key = offset, pmt_keys.FRAME
    tag.value = pmt_keys.frame_to_tag(0, 9000)
    return [tag]


def test_samples_of_a_transmitter_are_handed_in():
    """Of one that nobody hears, by a block whose streams end later."""
    other = {
        "position": [100e3, 200e3, 300e3],
        "radio": {"beams": {"chains": 1}},
        "signal": {"samples": True, "eirp_dbw": -300},
    }
    handed_in = load_scenario(NETWORK, {**SMALL, "nodes.satellites.other": other})
    with pytest.raises(ScenarioError, match=r"other\.signal\.samples: the samples of 'other' come"):
        run_flowgraph(handed_in, frames=1)
    found: list = []
    samples = {"other": blocks.null_source(gr.sizeof_gr_complex)}
    run_flowgraph(handed_in, frames=1, on_fix=found.append, samples=samples).run()
    assert [fix.links[0] for fix in found] == [link[:2] for link in handed_in.links]
    assert all(fix.error < 5 * fix.bound for fix in found)
