# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports and connections outlive parameters that do not evaluate."""

from collections import Counter
from itertools import pairwise

import pytest
import yaml
from companion_helpers import flow_graph

CHAINS = 2
BLOCKS = [
    ("scenario", "dislac_scenario", {}),
    ("source", "dislac_pilot_source", {"frames": "3"}),
    ("precompensator", "dislac_precompensator", {}),
    ("channel", "dislac_leo_channel", {}),
    ("demodulator", "dislac_ofdm_demodulator", {}),
    ("estimator", "dislac_path_estimator", {}),
]


def chain(chains: int, **parameters: str) -> str:
    """A flowgraph of that many chains, with other parameters of its Scenario."""
    row = [name for name, _, _ in BLOCKS[1:-1]]
    wires = [[a, str(k), b, str(k)] for a, b in pairwise(row) for k in range(chains)]
    (name, kind, _), *others = BLOCKS
    overrides = {"overrides": f"{{'beams.chains': {chains}}}"}
    blocks = [(name, kind, {**overrides, **parameters}), *others]
    return flow_graph(blocks, [*wires, ["demodulator", "0", "estimator", "0"]])


def opened(platform, text: str):
    graph = platform.make_flow_graph()
    graph.import_data(yaml.safe_load(text))
    return graph


def counts(graph) -> Counter:
    """Ports of each block, and connections."""
    ports = {(b.name, p.key, p.is_sink): 1 for b in graph.blocks[1:] for p in b.ports()}
    return Counter({**ports, "connections": len(graph.connections)})


def complaints(graph) -> list[str]:
    """What Companion says after a change."""
    graph.rewrite()
    graph.validate()
    return [message for _, message in graph.iter_error_messages()]


@pytest.mark.parametrize(
    ("key", "typed", "said"),
    [
        ("source", "papr", r"papr: cannot read the scenario"),
        ("overrides", "{'beams.chians': 2}", "beams.chians: unknown key"),
        ("overrides", "{'beams.chains': 2", "a dictionary of dotted keys is wanted"),
        ("overrides", "{'beams.chains': 2, 'seed': start}", "name 'start' is not defined"),
        ("overrides", "{'seed': 2}", None),
        ("seed", "-1", "seed"),
        ("snr_db", "1o", "cannot be evaluated"),
    ],
)
def test_a_typo_deletes_no_connection(key, typed, said, platform):
    chains = 8 if said is None else CHAINS
    graph = opened(platform, chain(chains))
    assert not complaints(graph)
    before = counts(graph)
    assert before["connections"] == 3 * chains + 1
    parameter = graph.get_block("scenario").params[key]
    right = parameter.value
    parameter.set_value(typed)
    for _ in range(2):
        found = complaints(graph)
        assert said is None or any(said in message for message in found), found
        assert counts(graph) == before
    parameter.set_value(right)
    assert not complaints(graph)
    assert counts(graph) == before


def test_another_name_of_the_scenario_deletes_no_connection(platform):
    graph = opened(platform, chain(CHAINS))
    before = counts(graph)
    for name in ("scene", "scenario"):
        graph.get_block("scene" if name == "scenario" else "scenario").params["id"].set_value(name)
        assert any("'scenario' is not" in m for m in complaints(graph)) == (name == "scene")
        assert counts(graph)["connections"] == before["connections"]
    assert counts(graph) == before


def test_fewer_chains_still_take_ports_away(platform):
    graph = opened(platform, chain(8))
    graph.get_block("scenario").params["overrides"].set_value("{'beams.chains': 2}")
    graph.rewrite()
    assert len(graph.connections) == 3 * 2 + 1


def test_another_flowgraph_takes_none_away(platform):
    """Both have a Scenario block with the same ID and are looked at in turn."""
    large, small = opened(platform, chain(8)), opened(platform, chain(2))
    assert not complaints(large) and not complaints(small)
    before = counts(large)
    scenario = large.get_block("scenario")
    for key, typed in (("source", "papr"), ("id", "scene")):
        scenario.params[key].set_value(typed)
        for graph in (small, large, small, large):
            graph.rewrite()
        assert counts(large) == before


def test_one_opened_after_another_keeps_its_connections(platform):
    """The other has fewer chains, and its blocks have the same IDs."""
    opened(platform, chain(2))
    broken = chain(8, overrides="{'beams.chains': 8, 'sead': 1}")
    assert len(opened(platform, broken).connections) == 3 * 8 + 1
    renamed = chain(8).replace("name: scenario", "name: scene")
    assert len(opened(platform, renamed).connections) == 3 * 8 + 1


def test_a_change_that_is_undone_and_done_again_keeps_them(platform):
    """Companion then makes all blocks once more."""
    graph = opened(platform, chain(2))
    graph.get_block("scenario").params["source"].set_value("papr, of two chains")
    graph.rewrite()
    again = platform.make_flow_graph()
    again.import_data(graph.export_data())
    assert counts(again) == counts(graph) and len(graph.connections) == 3 * 2 + 1


@pytest.mark.parametrize(
    ("source", "overrides", "chains"),
    [
        ("gone.yml", "{'beams.chains': 12}", 12),
        ("paper", "{'beams.chains': 12, 'sead': 1}", 12),
        ("lab", "{'sead': 1}", 2),
        ("gone.yml", "{}", 8),
        ("gone.yml", "{'beams.chains': 'x'}", 8),
    ],
)
def test_a_flowgraph_opens_whole_where_its_scenario_does_not_load(
    source, overrides, chains, platform
):
    graph = opened(platform, chain(chains, source=source, overrides=overrides))
    assert any("cannot be evaluated" in message for message in complaints(graph))
    assert len(graph.connections) == 3 * chains + 1
    assert len(graph.get_block("source").sources) == chains + 1


def test_ports_are_those_of_the_node(platform):
    """A transmitter with one chain, and a receiver with three."""
    overrides = {"beams.coupling": "physical", "beams.chains": 3}
    overrides["nodes.transmitter.radio"] = {"beams": {"chains": 1}}
    (name, kind, _), *others = BLOCKS
    wires = [["source", "0", "precompensator", "0"], ["precompensator", "0", "channel", "0"]]
    wires += [["channel", str(k), "demodulator", str(k)] for k in range(3)]
    text = flow_graph(
        [(name, kind, {"overrides": repr(overrides)}), *others],
        [*wires, ["demodulator", "0", "estimator", "0"]],
    )
    graph = opened(platform, text)
    assert not complaints(graph) and len(graph.connections) == 6
