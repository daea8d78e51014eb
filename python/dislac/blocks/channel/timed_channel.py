# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel where streams have gaps, or begin in the midst of a scene."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dsp.stream import BLOCK
from ...scenario import emulation
from .. import pmt_keys
from ..lifecycle import guarded
from ..wire import sample_at, time_of
from .leo_channel import leo_channel

__all__ = ["timed_channel"]

_LONGEST = 0.5
"""A delay that any channel holds [s]; beyond it, twice the longest of time zero."""


class timed_channel(leo_channel):
    """A `leo_channel` whose clock follows the tags `rx_time` of stream 0.

    Where such a tag does not go on from the samples before it, as after a gap or when the
    transmitter has been started again, the channel begins again at the tag's time: satellites and
    targets are where they are then. What had been on its way is gone, so its output goes on as soon
    as the longest path is filled again, with a tag `rx_time` of its own; frames before that are not
    tagged. A time when a path is far longer than at time zero ends the flowgraph.

    Parameters
    ----------
    scenario
        nodes, arrays, beams, paths, fading and noise come from here.
    snr_db
        signal to noise ratio, the key `channel.noise.snr_db` [dB]; None: the noise that the
        scenario says.
    emulator
        a channel between any numbers of streams, perhaps a `NetworkEmulator`, in place of the
        scenario's; None for none.
    """

    def begin(self) -> None:
        super().begin()
        # index of a sample since time zero, less its offset at the input and at the output
        self._time_in = self._time_out = 0
        self._gone = 0  # samples that are still to be left out
        self._due: list[tuple[int, int]] = []  # offset and index of frames that have yet to come

    @guarded(-1)
    def general_work(self, input_items, output_items):
        begin, written = self.nitems_read(0), self.nitems_written(0)
        count = min(len(stream) for stream in input_items)
        tags = self.get_tags_in_window(0, 0, count, pmt_keys.RX_TIME)
        for tag in sorted(tags, key=lambda tag: tag.offset):
            if tag.offset > begin:
                count = tag.offset - begin
                break
            index = sample_at(tag.value, self._scenario.sample_rate)
            if index != begin + self._time_in:
                self._begin_at(index, begin, written)
        made = super().general_work([stream[:count] for stream in input_items], output_items)
        if made > 0 and self._gone:
            gone = min(made, self._gone)
            self._gone -= gone
            made -= gone
            for stream in output_items:
                stream[:made] = stream[gone : made + gone]
        while self._due and self._due[0][0] < written + made:
            place, frame = self._due.pop(0)
            self.add_item_tag(0, place, pmt_keys.FRAME, pmt_keys.frame_to_tag(frame))
        return made

    def _begin_at(self, index: int, begin: int, written: int) -> None:
        """Takes sample `index` since time zero as the next one."""
        rate, processor = self._scenario.sample_rate, self._processor
        assert processor is not None
        gone = 0
        longest = processor.longest_delay(index / rate)
        if index and longest != 0:  # before time zero nothing was sent
            # Before anything is made ready for a delay that long
            if not longest <= max(_LONGEST, 2.0 * processor.longest_delay(0.0)):
                raise ValueError(
                    f"samples of the time {index / rate:.6g} s have come, when a path takes "
                    f"{longest:.3g} s; give both sides the same scenario"
                )
            gone = int(np.ceil(longest * rate)) + 2 * BLOCK
        with self._lock:
            processor.start = index
            processor.reset()
        self._gone = gone
        self._time_in = index - begin
        self._time_out = index + self._gone - written
        self._due.clear()
        self.add_item_tag(0, written, pmt_keys.RX_TIME, time_of(index + self._gone, rate))

    def send_tags(self, tags: Sequence[Any]) -> None:
        # kept until their samples come: a new beginning forgets those that never will
        written = self.nitems_written(0)
        for tag in tags:
            frame, due = pmt_keys.frame_from_tag(tag.value)
            sample = tag.offset + self._time_in
            arrival = (
                sample + emulation.flight(self._scenario, sample)
                if due is None
                else due + self._time_in
            )
            if (place := arrival - self._time_out) >= written:
                self._due.append((place, frame))
        self._due.sort()
