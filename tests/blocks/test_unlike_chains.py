# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes with unlike numbers of RF chains in one flowgraph."""

from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.blocks.flowgraphs import replay_flowgraph, run_flowgraph
from gnuradio.dislac.bounds import path_covariance
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.io import RecordingReader, fix_to_json
from gnuradio.dislac.scenario import ScenarioError, load_scenario
from gnuradio.dislac.scenario.levels import noise_power
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import bound, true_paths

NETWORK = Path(__file__).parents[2] / "examples" / "network.yml"
FRAMES = 16
UNLIKE = {
    "nodes.satellites.west.radio": {"beams": {"chains": 1}},
    "nodes.satellites.west.signal": {"pilots": {"resources": [{"re_offset": 0}]}},
    "nodes.satellites.east.radio": {"beams": {"chains": 2}},
    "nodes.satellites.east.signal": {
        "pilots": {
            "resources": [
                {"sequence_id": 20, "re_offset": 1},
                {"sequence_id": 21, "re_offset": 4},
            ]
        }
    },
    "nodes.gateways": {
        "mast": {
            "position": [-50, 190, 100],
            "array": {"nx": 3, "ny": 3},
            "radio": {"beams": {"chains": 4}},
        },
        "roof": {
            "position": [130, 60, 60],
            "array": {"nx": 5, "ny": 2},
            "radio": {"beams": {"chains": 10, "kind": "element"}},
        },
    },
    "nodes.targets": {"van": {"position": [0, 0, 0], "velocity": [10, 0, 0]}},
    "estimator.max_paths": 1,
    "channel.noise.snr_db": 15,
    "numerology.frame_period": 92160,
}


@pytest.fixture(scope="module")
def scenario():
    return load_scenario(NETWORK, UNLIKE)


def test_streams_are_those_of_the_nodes(scenario):
    assert scenario.transmit_streams == {"west": range(1), "east": range(1, 3)}
    assert scenario.receive_streams == {"mast": range(4), "roof": range(4, 14)}
    assert (scenario.inputs, scenario.outputs) == (3, 14)
    east = scenario.at("east", "roof")
    assert (east.transmit_chains, east.receive_chains, east.chains) == (2, 10, 10)
    assert snapshot_model(east).shape == (*east.pilots.frame_shape[:2], 10)


@pytest.mark.parametrize("link", [("west", "mast"), ("east", "roof")])
def test_bounds_are_those_of_the_numerical_derivatives(scenario, link):
    """The Fisher information of a frame, by differences of synthesized frames."""
    seen = scenario.at(*link)
    model, paths, noise = snapshot_model(seen), true_paths(seen, 0, 1), noise_power(seen)
    steps = {"arrival": 1e-5, "departure": 1e-5, "delay": 1e-12, "doppler": 1e-2}
    columns = []
    for name, step in steps.items():
        value = getattr(paths, name)
        for axis in np.eye(value.size).reshape(-1, *value.shape):
            sides = [
                synthesize(model, type(paths)(**{**vars(paths), name: value + sign * step * axis}))
                for sign in (1, -1)
            ]
            columns.append(((sides[0] - sides[1]) / (2 * step)).ravel())
    frame = synthesize(model, paths).ravel()
    columns += [frame / paths.gain[0], 1j * frame / paths.gain[0]]
    jacobian = np.array(columns)
    information = 2 / noise * (jacobian.conj() @ jacobian.T).real
    scale = 1 / np.sqrt(np.maximum(np.diag(information), 1e-30))
    inverse = np.linalg.pinv(information * np.outer(scale, scale), rcond=1e-9)
    wanted = np.diag(inverse * np.outer(scale, scale))[[0, 1, 4, 5]]
    found = np.diag(path_covariance(model, paths, noise)[0])[[0, 1, 4, 5]]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_every_receivers_fixes_are_at_its_bound_and_its_recording_gives_them(scenario, tmp_path):
    fixes = []
    run_flowgraph(scenario, frames=FRAMES, record=tmp_path / "net", on_fix=fixes.append).run()
    assert len(fixes) == 4 * FRAMES
    for link in (link[:2] for link in scenario.links):
        errors = [fix.error for fix in fixes if fix.links == (link,)]
        ratio = np.sqrt(np.mean(np.square(errors))) / bound(scenario.at(*link), 0)
        print(link, round(ratio, 2))
        assert 0.6 < ratio < 1.5, link
    for name in scenario.nodes.receivers:
        again: list = []
        reader = RecordingReader(tmp_path / f"net.{name}")
        assert reader.chains == len(scenario.receive_streams[name])
        replay_flowgraph(reader, on_fix=again.append).run()
        wanted = [fix_to_json(fix) for fix in fixes if fix.links[0][1] == name]
        assert [fix_to_json(fix) for fix in again] == wanted


def test_paired_coupling_joins_as_many_chains():
    with pytest.raises(ScenarioError, match=r"paired .* 8 at the transmitter and 4 at the rec"):
        load_scenario("paper", {"nodes.receiver.radio": {"beams": {"chains": 4}}})
    changed = load_scenario("paper", {"nodes.receiver.radio": {"beams": {"chains": 8}}})
    assert changed.chains == 8


def test_an_element_for_each_chain_is_of_its_own_node():
    overrides = {**UNLIKE, "nodes.gateways.roof.radio.beams.chains": 9}
    with pytest.raises(ScenarioError, match=r"gateways\.roof\.radio\.beams\.chains: 9 chains"):
        load_scenario(NETWORK, {**overrides, "link.receiver": "roof"})


def test_a_change_of_chains_makes_other_beams(scenario):
    changed = scenario.with_({"nodes.gateways.mast.radio.beams.chains": 5})
    assert changed.receive_chains == 5 and scenario.receive_chains == 4


def test_a_radio_of_the_only_receiver_counts():
    quiet = load_scenario("paper", {"nodes.receiver.radio": {"noise": {"snr_db": -3}}})
    assert quiet.channel.snr == pytest.approx(10**-0.3)
