# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios of many nodes, and the links between them."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.scenario import ScenarioError, emulation, load_scenario, parse_scenario
from gnuradio.dislac.scenario.levels import noise_power, path_gains
from gnuradio.dislac.scenario.routes import path_nodes
from gnuradio.dislac.scenario.timing import first_arrival, first_mark, preamble
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.simulation import network_frames
from gnuradio.dislac.systems.bistatic import warnings

NETWORK = Path(__file__).parents[2] / "examples" / "network.yml"
TRANSMITTERS, RECEIVERS, TARGETS = ("west", "east"), ("mast", "roof", "tower"), ("van", "truck")


@pytest.fixture(scope="module")
def network():
    return load_scenario(NETWORK)


def test_every_node_has_a_role_and_every_link_is_there(network):
    wanted = [(s, g, t) for s in TRANSMITTERS for g in RECEIVERS for t in TARGETS]
    assert [tuple(link) for link in network.links] == wanted
    assert tuple(network.link) == wanted[0]
    assert (network.inputs, network.outputs) == (8, 12)
    assert warnings(network) == []


def test_a_link_has_its_own_ends_and_signal(network):
    seen = network.at("east", "roof", "truck")
    assert seen.transmitter.motion.state(0.0)[0].tolist() == [-150e3, 120e3, 350e3]
    assert seen.receiver.array.size == 20
    assert seen.target.motion.state(0.0)[0].tolist() == [-40, 60, 0]
    assert list(seen.targets) == ["van"]
    own, other = (np.abs(s.pilots.grid(0)).sum(axis=0) > 0 for s in (seen, network))
    assert own.any()
    assert not np.any(own & other)
    assert seen.at("west", "mast", "van") is network.at("west", "mast", "van")


def test_a_chosen_link_is_kept_by_text_and_changes(network):
    seen = network.at(receiver="tower").with_({"channel.noise.snr_db": 3})
    for each in (seen, parse_scenario(seen.text)):
        assert each.link == ("west", "tower", "van")
        assert each.channel.snr == pytest.approx(10**0.3)
        assert len(each.links) == 12


def test_short_forms_are_nodes_of_those_names():
    short = load_scenario("paper")
    data = yaml.safe_load(short.text)
    nodes = data["nodes"]
    data["nodes"] = {
        "satellites": {"sat": nodes["transmitter"]},
        "gateways": {"mast": nodes["receiver"]},
        "targets": {"van": nodes["target"]},
    }
    named = parse_scenario(yaml.safe_dump(data))
    assert named.link == ("sat", "mast", "van")
    assert short.link == ("transmitter", "receiver", "target")
    x = np.random.default_rng(1).normal(size=(8, 40_000)).astype(np.complex64)
    np.testing.assert_array_equal(*(emulation.emulator(s).process(x) for s in (short, named)))
    for one, other in zip(*(vars(true_paths(s, 3)).values() for s in (short, named)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_path_is_the_same_whichever_target_is_looked_at(network):
    for ends in (("west", "mast"), ("east", "tower")):
        van, truck = (true_paths(network.at(*ends, target), 2) for target in TARGETS)
        for one, other in zip(vars(van).values(), vars(truck).values(), strict=True):
            np.testing.assert_allclose(one, other[::-1], rtol=1e-12, atol=1e-18)


def test_levels_at_a_receiver_are_those_of_the_radar_equation(network):
    """Relative to each other, by distances and cross sections alone; the first transmitter's echoes
    have unit power, and the noise is the same whichever link is looked at."""
    for receiver in RECEIVERS:
        gains, levels = [], []
        for transmitter in TRANSMITTERS:
            seen = network.at(transmitter, receiver)
            for path, gain in zip(seen.channel.paths, path_gains(seen), strict=True):
                places = [node.state(0.0)[0] for node in path_nodes(seen, path)]
                legs = np.linalg.norm(np.diff(places, axis=0), axis=1)
                rcs = 10 ** (2.2 if path.target == "truck" else 2.0)
                gains.append(abs(gain) ** 2)
                levels.append(rcs / np.prod(legs) ** 2)
            assert noise_power(seen) == 0.1
        ratio = np.array(gains) / np.array(levels)
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
        first = network.at("west", receiver)
        clean = synthesize_mean_power(first)
        assert clean == pytest.approx(1.0, abs=0.35)  # two echoes that interfere


def synthesize_mean_power(scenario):
    from gnuradio.dislac.scenario.routes import snapshot_model

    model = snapshot_model(scenario)
    frames = [synthesize(model, true_paths(scenario, k)) for k in range(0, 400, 7)]
    return np.mean([np.mean(np.abs(frame) ** 2) for frame in frames])


def test_frames_that_are_emulated_are_those_that_the_truth_says():
    """At the receiver that pre-compensation is for, and at others, which take the rest off."""
    from gnuradio.dislac.scenario.routes import snapshot_model

    scenario = load_scenario(NETWORK, {"channel.noise": {}})
    frames = network_frames(scenario, 3)
    assert set(frames) == {(s, g) for s in TRANSMITTERS for g in RECEIVERS}
    for ends, made in frames.items():
        seen = scenario.at(*ends)
        for index, frame in enumerate(made):
            clean = synthesize(snapshot_model(seen), true_paths(seen, index))
            error = np.mean(np.abs(frame - clean) ** 2) / np.mean(np.abs(clean) ** 2)
            assert 10 * np.log10(error) < -18.0, ends  # other signals and beams that switch late


def test_frames_of_all_transmitters_come_within_the_prefix(network):
    for receiver in RECEIVERS:
        arrivals = [first_arrival(network.at(s, receiver)) for s in TRANSMITTERS]
        assert np.ptp(arrivals) < network.numerology.shortest_prefix / 2
        assert first_mark(network.at("east", receiver)) == min(arrivals)
    assert first_arrival(network) == preamble(network)


def test_pre_compensation_may_be_for_another_receiver(network):
    other = network.with_({"precompensation.towards": "tower"})
    assert first_arrival(other.at(receiver="tower")) == preamble(other)
    assert first_arrival(other.at(receiver="mast")) != preamble(other)
    # Residuals are relative to each receiver's own link, whoever pre-compensation is for.
    for receiver in RECEIVERS:
        one, two = (true_paths(s.at(receiver=receiver), 0) for s in (network, other))
        np.testing.assert_allclose(one.delay, two.delay, atol=2e-12)


def changed(**nodes):
    return {f"nodes.{key.replace('__', '.')}": value for key, value in nodes.items()}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"link": {"receiver": "moon"}}, r"link\.receiver: there is no receiver 'moon'; there are"),
        ({"link": {"gateway": "mast"}}, r"link\.gateway: unknown key"),
        ({"precompensation.towards": "moon"}, r"precompensation\.towards: there is no receiver"),
        ({"nodes.gateways": {}}, r"nodes: there is none of receiver, gateways"),
        ({"nodes.satellites": {}}, r"nodes: there is none of transmitter or satellites"),
        (
            {"nodes.users.van": {"position": [0, 0, 1]}},
            r"nodes\.targets\.van: .*has that name, too",
        ),
        (
            {"channel.paths": [{"kind": "echo", "target": "moon"}]},
            r"paths\[0\]\.target: no target 'moon'",
        ),
        (
            {"channel.paths": [{"kind": "direct", "target": "van"}]},
            r"paths\[0\]\.target: no target 'van'",
        ),
        (
            {"nodes.gateways.roof.position": [0, 0, 0]},
            r"network\.yml:\d+: nodes\.gateways\.roof: it is where nodes\.targets\.van is",
        ),
        (
            {"nodes.satellites.east.signal.pilots.comb": 5},
            r"network\.yml:\d+: nodes\.satellites\.east\.signal\.pilots\.comb: 5",
        ),
        (
            {"nodes.gateways.roof.radio": {"front_end": {"phase_deg": [1.0]}}},
            r"nodes\.gateways\.roof\.radio\.front_end\.phase_deg: 1 values for 4 chains",
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_own_key(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        scenario = load_scenario(NETWORK, overrides)
        for link in scenario.links:
            scenario.at(*link)


def test_a_receivers_radio_is_its_own():
    own = {"front_end": {"carrier_offset_hz": 120.0}, "noise": {"snr_db": 3}}
    scenario = load_scenario(NETWORK, {"nodes.gateways.roof.radio": own})
    assert scenario.front_end is None
    roof = scenario.at(receiver="roof")
    assert roof.front_end.carrier_offset == 120.0
    assert noise_power(roof) == pytest.approx(10**-0.3)
    assert noise_power(scenario) == 0.1


def test_paths_may_be_of_some_links_alone():
    paths = [
        {"kind": "echo", "target": "van", "to": "mast"},
        {"kind": "echo", "target": "truck", "from": "west"},
        {"kind": "direct", "from": "east", "to": "roof", "relative_power_db": 3},
    ]
    scenario = load_scenario(NETWORK, {"channel.paths": paths})
    seen = {
        ends: scenario.at(*ends).channel.paths for ends in {link[:2] for link in scenario.links}
    }
    kinds = {ends: [(p.kind, p.target) for p in paths] for ends, paths in seen.items()}
    assert kinds["west", "mast"] == [("echo", None), ("echo", "truck")]
    assert kinds["west", "roof"] == [("echo", "truck")]
    assert kinds["east", "mast"] == [("echo", None)]
    assert kinds["east", "roof"] == [("direct", None)]
    assert kinds["east", "tower"] == []


def test_noise_of_receivers_is_independent(network):
    rows = []
    for receiver in RECEIVERS:
        source = emulation.noise(network.at(receiver=receiver))
        row = np.empty(1 << 16, np.complex64)
        source.fill(0, [row, *(np.empty_like(row) for _ in range(3))])
        rows.append(row)
    correlation = np.corrcoef(rows)
    assert np.abs(correlation[~np.eye(3, dtype=bool)]).max() < 5 / np.sqrt(len(rows[0]))


def test_more_links_than_memory_holds_are_refused_before_they_are_made():
    nodes = {f"g{n}": {"position": [n, 500, 10]} for n in range(200)}
    with pytest.raises(ScenarioError, match=r"nodes: an emulator of 400 links: .*take fewer"):
        load_scenario(NETWORK, {"nodes.gateways": nodes})
    eight = {
        f"s{n}": {"position": [1e4 * n, 2e5, 5e5], "velocity": [7e3, 0, 0], "signal": {}}
        for n in range(8)
    }
    four = {f"g{n}": {"position": [n, 500, 10]} for n in range(4)}
    many = load_scenario(NETWORK, {"nodes.satellites": eight, "nodes.gateways": four})
    assert (many.inputs, many.outputs) == (32, 16)
