# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails in a block ends the flowgraph, and says so."""

import subprocess
import sys
import textwrap

import numpy as np
import pmt
import pytest
from block_helpers import Graph, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.flowgraphs import FlowgraphError, replay_flowgraph, run_flowgraph
from gnuradio.dislac.blocks.lifecycle import take_errors
from gnuradio.dislac.channel import Paths
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.io import RecordingReader
from gnuradio.dislac.systems import bistatic


@pytest.fixture(autouse=True)
def no_error_is_left():
    yield
    left = take_errors()
    assert not left


def test_a_tag_that_is_none_ends_a_stream():
    graph = Graph(dislac.leo_channel(small_scenario()), noise(2, 9_000), [(5, pmt.intern("x"))], 2)
    result = graph.result()
    assert [event["event"] for event in result.events] == ["error"]
    assert "must hold a frame's index" in result.events[0]["reason"]
    assert list(take_errors()) == [graph.block.alias()]


def test_an_error_is_forgotten_when_the_flowgraph_starts_again():
    graph = Graph(dislac.leo_channel(small_scenario()), noise(2, 9_000), [(5, pmt.intern("x"))], 2)
    graph.result()
    block = graph.block
    graph.disconnect_all()
    again = Graph(block, noise(2, 9_000), [(5, 1)], 2)
    assert len(indices(again.result().tags)) == 0  # it arrives after the end
    assert not take_errors()


class Broken(RuntimeError):
    pass


def broken(*_):
    raise Broken("out of order")


@pytest.mark.parametrize(
    "name, method",
    [
        ("source", "add_item_tag"),
        ("demodulator", "_write"),
        ("recorder", "begin"),
        ("recorder", "finish"),
        ("estimator", "begin"),
        ("sink", "begin"),
        ("sink", "_on_fix"),
        ("locator", "message_port_pub"),
    ],
)
def test_any_block_that_fails_ends_an_endless_flowgraph(name, method, tmp_path):
    frames = 20 if method == "finish" else 0
    tb = run_flowgraph(small_scenario(), frames=frames, record=tmp_path / "r")
    block = getattr(tb, name)
    setattr(block, method, broken)
    if method == "message_port_pub":  # but the error can be reported
        block.report = lambda *_, **__: None
        block.stop = lambda: True
    with pytest.raises(FlowgraphError, match=rf"{block.alias()}: .*out of order") as caught:
        tb.run()
    assert isinstance(caught.value.__cause__, Broken)


def test_a_recording_of_something_else_ends_a_replay(tmp_path):
    run_flowgraph(small_scenario(), frames=1, record=tmp_path / "r").run()
    reader = RecordingReader(tmp_path / "r")
    with pytest.raises(FlowgraphError, match="2 chains, the scenario 3; give the scenario it was"):
        replay_flowgraph(reader, small_scenario(beams__chains=3)).run()
    source = dislac.recording_source(small_scenario(), tmp_path / "nothing")
    result = Graph(source, outputs=2).result()
    assert "no such recording" in result.events[0]["reason"]
    assert "no such recording" in str(take_errors()[source.alias()])


META = pmt.to_pmt({"dislac:frame": 3})
MALFORMED = [
    pmt.intern("hello"),
    pmt.PMT_NIL,
    pmt.PMT_T,
    pmt.from_long(7),
    pmt.cons(META, pmt.PMT_NIL),
    pmt.cons(META, pmt.init_u8vector(0, [])),
    pmt.cons(META, pmt.init_f64vector(2, [1.0, 2.0])),
    pmt.cons(pmt.intern("no"), pmt.init_f64vector(8, [0.0] * 8)),
    pmt.cons(pmt.to_pmt({1: 2}), pmt.init_c32vector(8, [0j] * 8)),
]


def good_fix():
    nothing = Paths(*[np.zeros(0)], *[np.zeros((0, 2))] * 2, *[np.zeros(0)] * 2)
    estimate = Estimate(nothing, None, 1.0, 0.0, 0.1)
    return pmt_keys.fix_to_pdu(bistatic.locate(small_scenario(), estimate, 0))


def changed(pdu, name, value):
    meta = pmt.dict_add(pmt.car(pdu), pmt.intern(f"dislac:{name}"), pmt.to_pmt(value))
    return pmt.cons(meta, pmt.cdr(pdu))


@pytest.mark.parametrize(
    ("make", "handler"),
    [
        (lambda s: dislac.bistatic_locator(s), "handle_paths"),
        (lambda s: dislac.fix_sink(s), "handle_fix"),
        (lambda s: dislac.fix_publisher(s), "handle_fix"),
        (lambda s: dislac.fix_publisher(s), "handle_event"),
        (lambda s: dislac.isac_source(small_scenario(payload__modulation="qpsk")), "handle_pdu"),
    ],
)
def test_a_message_of_another_kind_is_dropped(make, handler):
    block = make(small_scenario())
    handle = getattr(block, handler)
    messages = [m for m in MALFORMED if not (handler == "handle_event" and pmt.is_pdu(m))]
    for message in messages:
        handle(message)
    assert block.messages_dropped == len(messages)
    assert not take_errors()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frame", -1),
        ("frame", "x"),
        ("time", "x"),
        ("status", 3),
        ("covariance", [1.0]),
        ("error", []),
    ],
)
def test_a_fix_with_one_wrong_value_is_dropped_and_the_next_one_taken(name, value):
    fixes = []
    sink = dislac.fix_sink(small_scenario(), on_fix=fixes.append)
    sink.handle_fix(changed(good_fix(), name, value))
    sink.handle_fix(good_fix())
    assert (sink.messages_dropped, len(fixes)) == (1, 1)


PROGRAM = """
    from gnuradio import blocks, dislac, gr
    import pmt

    class top(gr.top_block):
        def __init__(self, value):
            super().__init__()
            scenario = dislac.scenario.load_scenario("paper", {"beams.chains": 1})
            tag = gr.tag_utils.python_to_tag((5, pmt.intern("dislac:frame"), value, None))
            self.source = blocks.vector_source_c([0j] * 10_000, True, 1, [tag])
            self.block = dislac.ofdm_demodulator(scenario)
            self.head = blocks.head(8 * 256, 1)
            self.sink = blocks.null_sink(8 * 256)
            self.connect(self.source, self.block, self.head, self.sink)

    tb = top(VALUE)
    tb.start()
    tb.wait()
    print("ended")
"""


@pytest.mark.parametrize("value, status", [("pmt.from_uint64(0)", 0), ("pmt.PMT_T", 1)])
def test_a_plain_flowgraph_that_fails_ends_with_a_status(value, status):
    program = textwrap.dedent(PROGRAM).replace("VALUE", value)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert "ended" in done.stdout
    assert done.returncode == status
