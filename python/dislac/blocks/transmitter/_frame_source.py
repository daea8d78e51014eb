# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of the blocks that send frames."""

from collections.abc import Iterable

import numpy as np
from gnuradio import gr
from numpy.typing import NDArray

from ...dsp.stream import CHUNK
from ...scenario import Scenario, timing
from .. import pmt_keys
from ..lifecycle import Guarded, guarded

__all__ = ["FrameSource"]


class FrameSource(Guarded, gr.sync_block):
    """Silence for the time of flight, then a frame every frame period, then silence that brings the
    last one through precompensator and channel.

    A subclass makes the frames (`make_frames`). `frames_sent` counts those of which at least the
    first sample has been sent.
    """

    def __init__(self, name: str, scenario: Scenario, frames: int) -> None:
        if frames < 0:
            raise ValueError(f"frames is {frames}; give 0 for no end, or how many to send")
        gr.sync_block.__init__(self, name, None, [np.complex64] * scenario.transmit_chains)
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.enlarge_buffers(8 * CHUNK)
        self.frames_sent = 0
        self._frames = frames
        self._period = scenario.numerology.frame_period
        self._length = scenario.numerology.frame_length
        self._first = timing.preamble(scenario)
        end = self._first + frames * self._period
        self._end = end + timing.flush(scenario, end)

    def make_frames(self, first: int, last: int) -> Iterable[tuple[int, NDArray[np.complex64]]]:
        """Index and samples (chains, frame length) of the frames first ... last that are sent."""
        raise NotImplementedError

    def begin(self) -> None:
        self.frames_sent = 0

    @guarded(-1)
    def work(self, input_items, output_items):
        begin = self.nitems_written(0)
        end = begin + len(output_items[0])
        if self._frames:
            end = min(end, self._end)
            if end == begin:
                return -1
        for stream in output_items:
            stream[: end - begin] = 0
        # Frames of which some sample lies in this piece
        first = max(0, (begin - self._first - self._length) // self._period + 1)
        last = (end - 1 - self._first) // self._period
        if self._frames:
            last = min(last, self._frames - 1)
        for index, frame in self.make_frames(first, last):
            start = self._first + index * self._period
            a, b = max(begin, start), min(end, start + self._length)
            for stream, chain in zip(output_items, frame, strict=True):
                stream[a - begin : b - begin] = chain[a - start : b - start]
            if a == start:
                self.add_item_tag(0, start, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
                self.frames_sent += 1
        return end - begin
