# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails in a block ends the flowgraph, and says so."""

import subprocess
import sys
import textwrap

import pmt
import pytest
from block_helpers import Graph, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks._lifecycle import take_errors
from gnuradio.dislac.blocks.flowgraphs import FlowgraphError, replay_flowgraph, run_flowgraph
from gnuradio.dislac.io import RecordingReader


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


def test_an_error_is_forgotten_when_the_flowgraph_starts_anew():
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
        ("demodulator", "_emit"),
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
    if method == "message_port_pub":  # but the error can be told
        block.tell = lambda *_, **__: None
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


def test_a_message_of_another_kind_is_an_error():
    locator = dislac.bistatic_locator(small_scenario())
    locator.handle_paths(pmt.intern("hello"))
    assert "connect a port `paths`" in str(take_errors()[locator.alias()])


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
