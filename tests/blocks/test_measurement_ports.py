# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements from block to block."""

from pathlib import Path

import numpy as np
import pmt
import pytest
from gnuradio import dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.io import fix_to_json
from gnuradio.dislac.positioning import Measurement
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.systems import bistatic

NETWORK = Path(__file__).parents[2] / "examples" / "network.yml"
PAPER = load_scenario("paper", {**ECHO_ALONE, "channel.noise.snr_db": 10})
FRAMES = 5


class gatherer(dislac.message_block):
    """Keeps the measurements that come to it, as one that fuses would."""

    def __init__(self):
        super().__init__("gatherer", "measurements")
        self.found = []

    def handle(self, message):
        self.found.append(pmt_keys.measurement_from_pdu(message))


class vectors(gr.sync_block):
    """Frame vectors, and after them nothing."""

    def __init__(self, frames):
        gr.sync_block.__init__(self, "vectors", None, [(np.complex64, frames[0].size)])
        self.frames = list(frames)

    def work(self, input_items, output_items):
        if not self.frames:
            return -1
        output_items[0][0] = self.frames.pop(0).ravel()
        return 1


def by_measurements(scenario, frames):
    """Fixes of a locator that takes measurements, those measurements, and the blocks."""
    tb, fixes = gr.top_block(), []
    source, estimator = vectors(frames), dislac.path_estimator(scenario)
    locator, sink = dislac.bistatic_locator(scenario), dislac.fix_sink(scenario, None, fixes.append)
    kept = gatherer()
    tb.connect(source, estimator)
    tb.msg_connect((estimator, "measurements"), (locator, "measurements"))
    tb.msg_connect((estimator, "measurements"), (kept, "measurements"))
    tb.msg_connect((locator, "fix"), (sink, "fix"))
    tb.run()
    return fixes, kept.found, (source, estimator, locator, sink)


@pytest.fixture(scope="module")
def frames():
    from gnuradio.dislac.simulation import received_frames

    return received_frames(PAPER, FRAMES)


def test_a_locator_of_measurements_gives_the_fixes_of_its_paths(frames):
    fixes, found, _ = by_measurements(PAPER, frames)
    receiver = bistatic.estimator(PAPER)
    wanted = [
        bistatic.locate(PAPER, receiver.estimate(frame, k), k) for k, frame in enumerate(frames)
    ]
    assert [fix_to_json(fix) for fix in fixes] == [fix_to_json(fix) for fix in wanted]
    assert [m.frame for m in found] == list(range(FRAMES))
    assert all(m.link == () and m.path == "echo" for m in found)
    # 10 dB over all paths' elements
    assert all(m.snr == pytest.approx(10.0, rel=0.2) for m in found)


def test_frames_without_a_target_have_no_measurement(frames):
    fixes, found, blocks = by_measurements(PAPER, np.concatenate([frames[:1], 1e-3 * frames * 0]))
    assert (len(fixes), len(found)) == (1, 1)
    assert blocks[1].frames_used + blocks[1].frames_lost == 1 + FRAMES


def test_measurements_of_a_network_name_their_link():
    overrides = {"numerology.frame_period": 92160, "channel.noise.snr_db": 15}
    overrides["nodes.gateways"] = {
        "mast": {"position": [-50, 190, 100], "array": {"nx": 3, "ny": 2}},
        "roof": {"position": [130, 60, 60], "array": {"nx": 3, "ny": 2}},
    }
    scenario, fixes, gathered = load_scenario(NETWORK, overrides), [], gatherer()
    flowgraph = run_flowgraph(scenario, frames=2, on_fix=fixes.append)
    for branch in flowgraph._branches():
        flowgraph.msg_connect((branch.estimator, "measurements"), (gathered, "measurements"))
    flowgraph.run()
    links = [link[:2] for link in scenario.links if link.target == "van"]
    by_link = {link: [m for m in gathered.found if m.link == link] for link in links}
    assert sum(map(len, by_link.values())) == len(gathered.found)
    for link, found in by_link.items():
        seen = scenario.at(*link)
        made = [fix_to_json(bistatic.fix_of(seen, m)) for m in found]
        wanted = [fix_to_json(fix) for fix in fixes if fix.links == (link,) and fix.valid]
        assert sorted(made) == sorted(wanted) and wanted


def test_what_is_no_measurement_of_the_link_is_dropped():
    network = load_scenario(NETWORK)
    locator = dislac.bistatic_locator(network)
    kinds = ("arrival_x", "arrival_y", "delay", "doppler")
    values = np.array([0.1, 0.2, 1e-6, 0.0])

    def message(link=("west", "mast"), kinds=kinds):
        part = values[: len(kinds)]
        return pmt_keys.measurement_to_pdu(
            Measurement(link, 0, 0.1, kinds, part, 1e-6 * np.eye(len(part)))
        )

    for number, (bad, reason) in enumerate(
        [
            (message(("east", "mast")), "over east > mast; the link is west > mast"),
            (message(kinds=kinds[:2]), "no delay in a measurement of arrival_x, arrival_y"),
            (pmt.intern("measurement"), "the message is no measurement"),
        ]
    ):
        with pytest.raises((ValueError, pmt_keys.MessageError), match=reason):
            bistatic.fix_of(network, pmt_keys.measurement_from_pdu(bad))
        locator.handle_measurement(bad)
        assert locator.messages_dropped == number + 1
