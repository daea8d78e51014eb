# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of every parameter that has a list of them: compiled, and what the block takes."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from companion_helpers import FILES, description
from gnuradio.dislac.systems.bistatic import settings_of

CASES = [
    (name, parameter["id"], option)
    for name in sorted(FILES)
    for parameter in description(name)["parameters"]
    for option in parameter.get("options", ())
]
GIVEN = {
    "dislac_isac_source": {"overrides": "{'payload.modulation': 'qpsk', 'beams.chains': 2}"},
    "dislac_ue_receiver": {"overrides": "{'payload.modulation': 'qpsk', 'beams.chains': 2}"},
}
SCENARIO = {"overrides": "{'beams.chains': 2}"}
_kept: list[Any] = []  # a Python block whose last reference goes takes the process with it


def graph_of(platform, name: str, key: str, option: str):
    """A flowgraph with a Scenario and this block, streams connected to null sources and sinks."""
    graph = platform.make_flow_graph()
    window = "need_qt_gui" in description(name)["flags"]
    for option_key, value in (("id", "flowgraph"), ("generate_options", "no_gui")):
        graph.options_block.params[option_key].set_value(value)
    if window:
        graph.options_block.params["generate_options"].set_value("qt_gui")
    scenario = graph.new_block("dislac_scenario")
    scenario.params["id"].set_value("scenario")
    for each, value in GIVEN.get(name, SCENARIO).items():
        scenario.params[each].set_value(value)
    block = scenario if name == "dislac_scenario" else graph.new_block(name)
    if block is not scenario:
        block.params["id"].set_value("block")
    block.params[key].set_value(option)
    graph.rewrite()
    for number, port in enumerate(p for p in block.active_ports() if p.domain == "stream"):
        other = graph.new_block("blocks_null_source" if port.is_sink else "blocks_null_sink")
        other.params["id"].set_value(f"null_{number}")
        other.params["vlen"].set_value(port.vlen)
        graph.rewrite()
        ends = (other.sources[0], port) if port.is_sink else (port, other.sinks[0])
        graph.connect(*ends)
    graph.rewrite()
    graph.validate()
    return graph, block


def program_of(platform, graph, folder: Path):
    """The module that Companion makes of a flowgraph, and its text."""
    graph.grc_file_path = str(folder / "flowgraph.grc")
    platform.Generator(graph, str(folder)).write()
    path = folder / "flowgraph.py"
    spec = importlib.util.spec_from_file_location("flowgraph", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, path.read_text()


def given(text: str, call: str, keyword: str) -> Any:
    """The value of a keyword in the call that makes a block."""
    (value,) = (
        word.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"dislac.{call}"
        for word in node.keywords
        if word.arg == keyword
    )
    return ast.literal_eval(value)


@pytest.mark.parametrize(("name", "key", "option"), CASES, ids="-".join)
def test_each_option_compiles_to_what_the_block_takes(name, key, option, platform, tmp_path, qt):
    graph, block = graph_of(platform, name, key, option)
    assert not list(graph.iter_error_messages())
    module, text = program_of(platform, graph, tmp_path)
    made = module.flowgraph()
    _kept.append(made)
    wanted = ast.literal_eval(option)
    (parameter,) = (p for p in description(name)["parameters"] if p["id"] == key)
    if str(parameter.get("hide", "")).startswith("$"):  # hidden while it is not used
        assert block.params[key].hide == ("part" if option == parameter["default"] else "none")
    if name == "dislac_scenario":
        assert given(text, "companion.load", key) == wanted
        assert settings_of(made.scenario).kind == (wanted or "off-grid")
        return
    assert given(text, name.removeprefix("dislac_"), key) == wanted
    signatures = made.block.input_signature(), made.block.output_signature()
    for ports, signature in zip((block.sinks, block.sources), signatures, strict=True):
        sizes = [8 * port.vlen for port in ports if port.domain == "stream"]
        assert [signature.sizeof_stream_item(k) for k in range(signature.max_streams())] == sizes


def test_lists_of_options_are_whole():
    assert len(CASES) >= 30
    for name in FILES:
        for parameter in description(name)["parameters"]:
            options = parameter.get("options", ())
            assert len(set(options)) == len(options) == len(parameter.get("option_labels", ()))
            assert not options or parameter["default"] in options
            # The text of an option is true, also where it says False.
            words = {"True", "False"} & set(options)
            assert not options or parameter["dtype"] in (("bool",) if words else ("enum", "raw"))
