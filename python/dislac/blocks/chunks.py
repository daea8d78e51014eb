# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of the blocks that carry streams through a `ChunkProcessor`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gnuradio import gr

from ..dsp.stream import CHUNK, ChunkProcessor
from . import pmt_keys
from .lifecycle import Guarded, guarded

__all__ = ["ChunkBlock"]


class ChunkBlock(Guarded, gr.basic_block):
    """Streams through a processor, the same bits whatever the scheduler does.

    A subclass makes the processor (`make_processor`) and sends frame tags on (`send_tags`).
    Sample n of the output has the time of sample n of the input.
    """

    def __init__(self, name: str, inputs: int, outputs: int) -> None:
        gr.basic_block.__init__(self, name, [np.complex64] * inputs, [np.complex64] * outputs)
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.set_output_multiple(CHUNK)
        self.enlarge_buffers(8 * CHUNK)
        self._processor: ChunkProcessor | None = None

    def make_processor(self) -> ChunkProcessor | None:
        """The processor of a run that begins, None if it needs none."""
        raise NotImplementedError

    def send_tags(self, tags: Sequence[Any]) -> None:
        """Puts the frame tags of the input on the output, where they belong there."""
        raise NotImplementedError

    def begin(self) -> None:
        self._processor = self.make_processor()

    def forecast(self, noutput_items, ninputs):
        # It buffers what it cannot use yet; asking for more would lose the end of a stream.
        return [1] * ninputs

    @guarded(-1)
    def general_work(self, input_items, output_items):
        assert self._processor is not None
        room = len(output_items[0])
        count = min(len(stream) for stream in input_items)
        while (excess := self._processor.ready(count) - room) > 0:
            count -= min(excess, count)
        if tags := self.get_tags_in_window(0, 0, count, pmt_keys.FRAME):
            self.send_tags(tags)
        made = self._processor.process_into([s[:count] for s in input_items], output_items)
        self.consume_each(count)
        return made
