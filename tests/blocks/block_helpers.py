# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks in small flowgraphs: samples and tags in, samples, tags and messages out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pmt
from gnuradio import blocks, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.scenario import Scenario, load_scenario

BUFFERS = (100, 1_000, 4_099, 100_000)
"""Most items a call, none a divisor of anything."""


def small_scenario(**overrides: Any) -> Scenario:
    """The paper's scene with two chains and frames that follow closely; `__` stands for a dot."""
    values = {"beams.chains": 2, "numerology.frame_period": 1280}
    values |= {key.replace("__", "."): value for key, value in overrides.items()}
    return load_scenario("paper", values)


class Collector(gr.basic_block):
    """Keeps the messages of one port."""

    def __init__(self) -> None:
        gr.basic_block.__init__(self, "collector", None, None)
        self.messages: list[Any] = []
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self.keep)

    def keep(self, message: Any) -> None:
        self.messages.append(message)

    def all(self) -> list[Any]:
        """What has come, also after this block's thread had ended."""
        port = pmt.intern("in")
        while self.gateway.nmsgs(port):
            self.keep(self.gateway.delete_head_nowait(port))
        return self.messages


class Result(NamedTuple):
    streams: np.ndarray
    tags: list[tuple[int, Any]]
    events: list[dict[str, Any]]


class Graph(gr.top_block):
    """Streams (chains, n) or none into a block, and what comes out of it."""

    def __init__(
        self,
        block: Any,
        streams: np.ndarray | None = None,
        tags: list[tuple[int, Any]] = (),
        outputs: int = 0,
        vlen: int = 1,
        head: int = 0,
    ) -> None:
        gr.top_block.__init__(self)
        self.block = block
        self.sources = []
        for chain, stream in enumerate([] if streams is None else streams):
            marks = [] if chain else [gr.tag_utils.python_to_tag((*t, None)) for t in frames(tags)]
            self.sources.append(blocks.vector_source_c(stream, False, 1, marks))
            self.connect(self.sources[-1], (block, chain))
        self.sinks = [blocks.vector_sink_c(vlen) for _ in range(outputs)]
        self.heads = [blocks.head(8 * vlen, head) for _ in range(outputs if head else 0)]
        for chain, sink in enumerate(self.sinks):
            self.connect(*[(block, chain), *self.heads[chain : chain + 1], sink])
        self.events = Collector()
        self.msg_connect((block, "events"), (self.events, "in"))

    def result(self, most: int = 10_000_000) -> Result:
        self.run(most)
        streams = np.array([sink.data() for sink in self.sinks], np.complex64)
        found = [(t.offset, t.value) for t in self.sinks[0].tags() if t.key == pmt_keys.FRAME]
        events = [pmt_keys.event_from_pdu(m) for m in self.events.all()]
        return Result(streams, sorted(found, key=lambda tag: tag[0]), events)


def frames(tags: list[tuple[Any, ...]]) -> list[tuple[int, Any, Any]]:
    """Offsets with frame indices (or values of tags) as tags; those with a key stay as they are."""
    return [
        tag
        if len(tag) == 3
        else (
            tag[0],
            pmt_keys.FRAME,
            pmt_keys.frame_to_tag(v) if isinstance(v := tag[1], int) else v,
        )
        for tag in tags
    ]


def indices(tags: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Offsets and indices of frame tags (index and due offset where they have one)."""
    read = [(offset, *pmt_keys.frame_from_tag(value)) for offset, value in tags]
    return [
        (offset, index) if due is None else (offset, (index, due)) for offset, index, due in read
    ]


def noise(chains: int, count: int, seed: int = 1) -> np.ndarray:
    """Samples (chains, count)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((chains, 2 * count)).astype(np.float32).view(np.complex64)


def in_every_buffer(run: Callable[[int], Result]) -> Result:
    """What `run` gives with each of `BUFFERS`, which must be the same to the last bit."""
    first, *others = [run(most) for most in BUFFERS]
    for other in others:
        assert np.array_equal(first.streams.view(np.uint32), other.streams.view(np.uint32)), (
            "other samples in other buffers"
        )
        assert indices(first.tags) == indices(other.tags)
    return first
