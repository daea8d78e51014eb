# SPDX-License-Identifier: GPL-3.0-or-later
"""The transmitter's pilots, as streams."""

import numpy as np
from gnuradio import gr

from ..dsp.stream import CHUNK
from ..scenario import Scenario, build
from . import pmt_keys
from ._lifecycle import Guarded, guarded

__all__ = ["pilot_source"]


class pilot_source(Guarded, gr.sync_block):
    """Sends pilot frames on every transmit chain: the paper's pilots, or NR PRS.

    Silence for the time of flight, then a frame every frame period. A tag `dislac:frame` with the
    frame's index (uint64) is on the first sample of each frame, on stream 0. A frame that the
    scenario mutes is silence without a tag; it is counted all the same. After the last frame
    come as many zeros as it takes to get that frame through precompensator and channel.

    Args:
        scenario: numerology, pilots and chains come from here.
        frames: how many to send, 0 for no end.

    Raises:
        ValueError: the number of frames is negative.
    """

    def __init__(self, scenario: Scenario, frames: int = 0) -> None:
        if frames < 0:
            raise ValueError(f"frames is {frames}; give 0 for no end, or how many to send")
        gr.sync_block.__init__(self, "pilot_source", None, [np.complex64] * scenario.chains)
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.enlarge_buffers(8 * CHUNK)
        self._frames = frames
        self._period = scenario.numerology.frame_period
        self._sends = scenario.pilots.sends
        self._waveforms = [build.pilot_frame(scenario, k) for k in range(scenario.pilots.cycle)]
        self._first = build.lead_in(scenario)
        end = self._first + frames * self._period
        self._end = end + build.run_out(scenario, end)
        self._sent = 0

    @property
    def frames_sent(self) -> int:
        """Frames of which at least the first sample has been sent."""
        return self._sent

    def begin(self) -> None:
        self._sent = 0

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
        length = self._waveforms[0].shape[1]
        # Frames of which some sample lies in this piece
        first = max(0, (begin - self._first - length) // self._period + 1)
        last = (end - 1 - self._first) // self._period
        if self._frames:
            last = min(last, self._frames - 1)
        for index in filter(self._sends, range(first, last + 1)):
            frame = self._waveforms[index % len(self._waveforms)]
            start = self._first + index * self._period
            a, b = max(begin, start), min(end, start + length)
            for stream, chain in zip(output_items, frame, strict=True):
                stream[a - begin : b - begin] = chain[a - start : b - start]
            if a == start:
                self.add_item_tag(0, start, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
                self._sent += 1
        return end - begin
