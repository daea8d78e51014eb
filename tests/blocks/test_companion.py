# SPDX-License-Identifier: GPL-3.0-or-later
"""What GNU Radio Companion knows about the blocks is true."""

import inspect
import os
import re
import subprocess
import sys
from itertools import pairwise

import pmt
import pytest
import yaml
from companion_helpers import FILES, ROOT, compiled, description, flow_graph
from gnuradio import dislac, gr
from gnuradio.dislac.io import read_fixes
from gnuradio.dislac.scenario import load_scenario

BLOCKS = sorted(set(FILES) - {"dislac_scenario"})
KNOWN = {
    *("id", "label", "flags", "category", "parameters", "inputs", "outputs", "value", "asserts"),
    *("templates", "documentation", "file_format"),
}


WITH_PAYLOAD = ("dislac_isac_source", "dislac_ue_receiver")


def block_class(name: str) -> type:
    return getattr(dislac, name.removeprefix("dislac_"))


def test_every_block_has_a_description():
    classes = {
        name
        for name in dir(dislac)
        if inspect.isclass(value := getattr(dislac, name))
        and (hasattr(value, "work") or issubclass(value, gr.hier_block2))
    }
    assert len(classes) >= 9
    assert {f"dislac_{name}" for name in classes - {"message_block"}} == set(BLOCKS)


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
    setters = {
        n
        for n in dir(block)
        if n.startswith("set_") and n.removeprefix("set_") in signature.parameters
    }
    called = {callback.partition("(")[0] for callback in about["templates"].get("callbacks", [])}
    assert setters == called
    section = inspect.getdoc(block).partition("Parameters\n----------\n")[2]
    named = re.findall(r"^[\w, ]+$", section, re.MULTILINE)
    assert {*signature.parameters} <= {name for line in named for name in line.split(", ")}


@pytest.mark.parametrize("name", BLOCKS)
def test_ports_are_as_described(name, qt):
    about, block_type = description(name), block_class(name)
    payload = {"payload.modulation": "qpsk"} if name in WITH_PAYLOAD else {}
    scenario = load_scenario("paper", {"beams.chains": 2, **payload})
    given = {
        "id": name,
        "scenario": scenario,
        **dict.fromkeys(("base", "recording"), "unused"),
        "address": "0",
        "device": "none",
        "transmits": ["0", "0"],
        "receives": ["0", "0"],
        "streams": 2,
    }
    parameters = inspect.signature(block_type).parameters
    block = block_type(**{k: v for k, v in given.items() if k in parameters})

    def ports(side: str, domain: str) -> list[dict]:
        return [p for p in about.get(side, []) if p["domain"] == domain]

    signatures = block.input_signature(), block.output_signature()
    for side, signature in zip(("inputs", "outputs"), signatures, strict=True):
        widths = []
        for port in ports(side, "stream"):
            values = {
                key: eval(
                    str(port.get(key, 1)).strip("${ }"),
                    {**given, "emulator": None, "whole": False, "transmit": False},
                )
                for key in ("multiplicity", "vlen")
            }
            widths += [8 * values["vlen"]] * values["multiplicity"]
        assert signature.max_streams() == len(widths)
        assert [signature.sizeof_stream_item(k) for k in range(len(widths))] == widths
    if isinstance(block, gr.hier_block2):  # which keeps its message ports to itself
        return
    incoming = set(pmt.to_python(block.message_ports_in())) - {"system"}
    outgoing = set(pmt.to_python(block.message_ports_out())) - {"system"}
    assert incoming == {p["id"] for p in ports("inputs", "message")}
    assert outgoing == {p["id"] for p in ports("outputs", "message")}


def test_the_tree_holds_every_block_once():
    (tree,) = yaml.safe_load((ROOT / "grc/dislac.tree.yml").read_text()).items()
    assert tree[0] == "[DISLAC]"
    leaves = []
    for entry in tree[1]:
        leaves += [entry] if isinstance(entry, str) else [b for v in entry.values() for b in v]
    assert sorted(leaves) == sorted(FILES)


def chained(*names: str) -> list[list[str]]:
    """Connections of two chains along these blocks."""
    return [[a, str(k), b, str(k)] for a, b in pairwise(names) for k in range(2)]


SCENARIO = ("scenario", "dislac_scenario", {"overrides": "{'beams.chains': 2}", "snr_db": "10"})
RECEIVER = [
    ("demodulator", "dislac_ofdm_demodulator", {}),
    ("estimator", "dislac_path_estimator", {"estimator": '"mmv-bomp"', "false_alarm_rate": "0.1"}),
    ("locator", "dislac_bistatic_locator", {}),
]
TO_FIXES = [
    ["demodulator", "0", "estimator", "0"],
    ["estimator", "paths", "locator", "paths"],
    ["locator", "fix", "sink", "fix"],
]
SEND = flow_graph(
    [
        SCENARIO,
        ("source", "dislac_pilot_source", {"frames": "3"}),
        ("precompensator", "dislac_precompensator", {"doppler_error_hz": "20"}),
        ("channel", "dislac_leo_channel", {"snr_db": "20"}),
        ("recorder", "dislac_recording_sink", {"base": "chains"}),
        *RECEIVER,
        ("sink", "dislac_fix_sink", {"directory": "live"}),
    ],
    [
        *chained("source", "precompensator", "channel", "demodulator"),
        *chained("channel", "recorder"),
        *TO_FIXES,
    ],
)
REPLAY = flow_graph(
    [
        SCENARIO,
        ("source", "dislac_recording_source", {"recording": "chains", "speed": "0"}),
        *RECEIVER,
        ("sink", "dislac_fix_sink", {"directory": "again"}),
    ],
    [*chained("source", "demodulator"), *TO_FIXES],
)


def test_flowgraphs_of_companion_run(platform, tmp_path):
    for text, folder in ((SEND, "live"), (REPLAY, "again")):
        assert compiled(platform, text, tmp_path)
        done = subprocess.run(
            [sys.executable, "flowgraph.py"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT / "python/tree")},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(read_fixes(tmp_path / folder / "fixes.jsonl")) == 3
    live, again = (tmp_path / f / "fixes.jsonl" for f in ("live", "again"))
    assert live.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        ("frames: '3'", "frames: '-3'"),
        ("snr_db: '20'", "snr_db: '200'"),
        ("false_alarm_rate: '0.1'", "false_alarm_rate: '1.5'"),
        ("doppler_error_hz: '20'", "doppler_error_hz: '8e6'"),
        ("beams.chains", "beams.chain"),
        ("name: scenario", "name: scene"),
    ],
)
def test_companion_refuses_what_makes_no_sense(wrong, platform, tmp_path):
    assert wrong[0] in SEND
    assert compiled(platform, SEND, tmp_path)
    assert not compiled(platform, SEND.replace(*wrong), tmp_path)


@pytest.mark.parametrize("name", sorted(FILES))
def test_defaults_make_sense(name, platform, qt):
    graph = platform.make_flow_graph()
    kinds = {"dislac_scenario", name}
    blocks = {kind: graph.new_block(kind) for kind in sorted(kinds)}
    for kind, block in blocks.items():
        block.params["id"].set_value(kind.removeprefix("dislac_"))
    if name in WITH_PAYLOAD:
        blocks["dislac_scenario"].params["overrides"].set_value("{'payload.modulation': 'qpsk'}")
    graph.rewrite()
    graph.validate()
    problems = [
        (element, message)
        for block in blocks.values()
        for element, message in block.iter_error_messages()
        if message != "Port is not connected."
    ]
    assert not problems
    if name != "dislac_scenario":
        streams = [p for p in blocks[name].active_sources if p.domain == "stream"]
        assert len(streams) in (0, 1, 8)
