# SPDX-License-Identifier: GPL-3.0-or-later
"""What GNU Radio Companion knows about the blocks is true."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from gnuradio import dislac, gr
from gnuradio.dislac.scenario import load_scenario

ROOT = Path(__file__).parents[2]
FILES = {path.name.removesuffix(".block.yml"): path for path in ROOT.glob("grc/*.block.yml")}
BLOCKS = sorted(set(FILES) - {"dislac_scenario"})
KNOWN = {
    *("id", "label", "flags", "category", "parameters", "inputs", "outputs", "value", "asserts"),
    *("templates", "documentation", "file_format"),
}


def description(name: str) -> dict:
    return yaml.safe_load(FILES[name].read_text())


def block_class(name: str) -> type:
    return getattr(dislac, name.removeprefix("dislac_"))


def test_every_block_has_a_description():
    classes = {
        name
        for name in dir(dislac)
        if inspect.isclass(value := getattr(dislac, name)) and hasattr(value, "work")
    }
    assert len(classes) >= 9
    assert {f"dislac_{name}" for name in classes} == set(BLOCKS)


@pytest.mark.parametrize("name", sorted(FILES))
def test_descriptions_are_complete(name):
    about = description(name)
    assert about["id"] == name
    assert set(about) <= KNOWN
    assert about["file_format"] == 1
    assert "python" in about["flags"]
    assert about["label"]
    text = about["documentation"]
    assert "Example" in text and len(text.splitlines()) >= 5
    assert all(len(line) <= 110 for line in text.splitlines())
    for parameter in about["parameters"]:
        if parameter.get("hide") != "all" and parameter["dtype"] != "gui_hint":
            label = re.sub(r" \(.*\)$", "", parameter["label"])
            assert re.search(rf"^ *{re.escape(label)}: ", text, re.MULTILINE), label
    for port in about.get("inputs", []) + about.get("outputs", []):
        if port.get("domain") == "message":
            assert port["optional"] is True
            assert re.search(rf"\bPort {port['id']}: ", text), port["id"]
        else:
            assert port["dtype"] == "complex"
            assert "multiplicity" in port or "vlen" in port
    for check in about.get("asserts", []):
        assert re.fullmatch(r"\$\{ .* \}", check)
    assert about.get("asserts")


@pytest.mark.parametrize("name", BLOCKS)
def test_descriptions_fit_the_classes(name):
    about, block = description(name), block_class(name)
    make = about["templates"]["make"].splitlines()[0]
    assert make.startswith(f"dislac.{block.__name__}(")  # Companion looks the docstring up by it
    signature = inspect.signature(block)
    used = dict(re.findall(r"(\w+)=\$\{(\w+)\}", make))
    assert set(used) == set(signature.parameters)
    keys = {p["id"]: p for p in about["parameters"]}
    assert set(used.values()) <= set(keys)
    for keyword, parameter in signature.parameters.items():
        if keyword == "scenario":
            assert keys["scenario"]["dtype"] == "raw"
            assert keys["scenario"]["default"] == "scenario"
        elif parameter.default is None and keys[used[keyword]]["dtype"] in ("raw", "enum"):
            assert keys[used[keyword]]["default"] == "None"
    setters = {n for n in dir(block) if re.match(r"set_(snr_db|speed)$", n)}
    called = {callback.partition("(")[0] for callback in about["templates"].get("callbacks", [])}
    assert setters == called
    doc = inspect.getdoc(block)
    assert doc and all(f"{keyword}:" in doc for keyword in signature.parameters)


@pytest.mark.parametrize("name", BLOCKS)
def test_ports_are_as_described(name, qt):
    about, block_type = description(name), block_class(name)
    scenario = load_scenario("paper", {"beams.chains": 2})
    required = {"base": "unused", "recording": "unused"}
    parameters = inspect.signature(block_type).parameters
    block = block_type(scenario, **{k: v for k, v in required.items() if k in parameters})

    def ports(side: str, domain: str) -> list[dict]:
        return [p for p in about.get(side, []) if p["domain"] == domain]

    for side, signature in (("inputs", block.in_sig()), ("outputs", block.out_sig())):
        widths, count = [], 0
        for port in ports(side, "stream"):
            values = {
                key: eval(str(port.get(key, 1)).strip("${ }"), {"scenario": scenario})
                for key in ("multiplicity", "vlen")
            }
            widths += [8 * values["vlen"]] * values["multiplicity"]
        assert signature.gr_io_signature().sizeof_stream_items()[: len(widths)] == widths or not widths
        assert max(signature.gr_io_signature().max_streams(), 0) == len(widths)
    import pmt

    incoming = set(pmt.to_python(block.message_ports_in())) - {"system"}
    outgoing = set(pmt.to_python(block.message_ports_out())) - {"system"}
    assert incoming == {p["id"] for p in ports("inputs", "message")}
    assert outgoing == {p["id"] for p in ports("outputs", "message")}


@pytest.fixture
def qt():
    """An application for blocks that are windows."""
    QtWidgets = pytest.importorskip("PyQt5.QtWidgets")
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


def test_the_tree_holds_every_block_once():
    (tree,) = yaml.safe_load((ROOT / "grc/dislac.tree.yml").read_text()).items()
    assert tree[0] == "[DISLAC]"
    leaves = []
    for entry in tree[1]:
        leaves += [entry] if isinstance(entry, str) else [b for v in entry.values() for b in v]
    assert sorted(leaves) == sorted(FILES)
