# SPDX-License-Identifier: GPL-3.0-or-later
"""Message blocks of one's own: every message to the last, and errors that are said."""

import pmt
import pytest
from block_helpers import small_scenario
from gnuradio import dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.blocks.lifecycle import FlowgraphError
from gnuradio.dislac.scenario import ECHO_ALONE

SCENARIO = small_scenario(channel__noise={"snr_db": 20}, **ECHO_ALONE)


class Own(dislac.message_block):
    """Counts fixes; stumbles over one of them."""

    def __init__(self, stumbles: int | None = None) -> None:
        super().__init__("own", "fix")
        self.stumbles = stumbles
        self.said: list[object] = []

    def begin(self) -> None:
        self.said.append("begin")

    def handle(self, message: object) -> None:
        frame = pmt_keys.fix_from_pdu(message).frame
        if frame == self.stumbles:
            raise KeyError(f"frame {frame}")
        self.said.append(frame)

    def finish(self) -> None:
        self.said.append("finish")


def with_own(block: Own, frames: int) -> gr.top_block:
    tb = run_flowgraph(SCENARIO, frames=frames)
    tb.own = block
    tb.msg_connect((tb.locator, "fix"), (tb.own, "fix"))
    return tb


def test_every_message_comes_between_begin_and_finish():
    tb = with_own(Own(), 30)
    tb.run()
    assert tb.own.said == ["begin", *range(30), "finish"]
    tb.run()
    assert tb.own.said[32:] == ["begin", *range(30), "finish"]


def test_an_exception_ends_the_flowgraph_and_is_named():
    tb = with_own(Own(stumbles=3), 0)
    with pytest.raises(FlowgraphError, match="frame 3"):
        tb.run()
    assert tb.own.said == ["begin", 0, 1, 2, "finish"]


def test_what_is_no_fix_is_dropped():
    block = Own()
    tb = gr.top_block()
    tb.own = block
    block.take(pmt.intern("no fix"))
    assert block.messages_dropped == 1 and block.said == []
