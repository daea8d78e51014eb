# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports and connections outlive parameters that do not evaluate."""

from collections import Counter

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


def chain(chains: int, ident: str = "scenario", **parameters: str) -> str:
    """A flowgraph of that many chains, with that ID and other parameters of its Scenario."""
    row = [name for name, _, _ in BLOCKS[1:-1]]
    pairs = zip(row, row[1:], strict=False)
    wires = [[a, str(k), b, str(k)] for a, b in pairs for k in range(chains)]
    (_, kind, _), *others = BLOCKS
    overrides = {"overrides": f"{{'beams.chains': {chains}}}"}
    others = [(name, kind, {"scenario": ident, **given}) for name, kind, given in others]
    blocks = [(ident, kind, {**overrides, **parameters}), *others]
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
    """Both have a Scenario block with the same ID, and are looked at in turn."""
    large, small = opened(platform, chain(8)), opened(platform, chain(2))
    assert not complaints(large) and not complaints(small)
    before = counts(large)
    assert not complaints(large)  # as Companion does when one turns to its page
    large.get_block("scenario").params["source"].set_value("papr")
    for graph in (large, small, large):
        graph.rewrite()
    assert counts(large) == before


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
    """Nothing is known of a Scenario with this ID yet."""
    ident = f"unseen_{abs(hash((source, overrides)))}"
    graph = opened(platform, chain(chains, ident, source=source, overrides=overrides))
    assert any("cannot be evaluated" in message for message in complaints(graph))
    assert len(graph.connections) == 3 * chains + 1
    assert len(graph.get_block("source").sources) == chains + 1
