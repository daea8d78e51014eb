# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of the displays of frame vectors."""

from typing import Any

import numpy as np
from gnuradio import gr

from ...displays.pictures import NewestFrame, Pictures
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, guarded, message_handler

__all__ = ["FrameView"]

_MOST_FRAMES = 16
_MOST_BYTES = 1 << 20
"""Limits of what waits for one call: frames, and bytes of frames."""

_CALLS, _UNSEEN = 2, 64
"""Between two looks: from which on frames are waited for, and nobody seems to look."""


class FrameView(Guarded, gr.sync_block):
    """Keeps the newest frame vector for a window that looks at it when it has the time.

    A call costs more than what it does. So the block waits for as many frames together as make
    about `_CALLS` calls from look to look, and for single ones again once a look finds nothing.
    Those that it still waits for at the end of the stream are counted by their tags, but not shown.

    Parameters
    ----------
    name
        of the block.
    scenario
        arrays, beams, numerology and delay window come from here.
    """

    def __init__(self, name: str, scenario: Scenario) -> None:
        self._pictures = Pictures(scenario)
        self._newest = NewestFrame()
        size = int(np.prod(self._pictures.model.shape))
        gr.sync_block.__init__(self, name, [(np.complex64, size)], None)
        self.prepare()
        # Not `take_messages`: a picture more or less does not matter at the end.
        self.message_port_register_in(pmt_keys.PATHS)
        self.set_msg_handler(pmt_keys.PATHS, self.handle_paths)
        # Said before the flowgraph runs, for buffers of the size.
        self._most = max(1, min(_MOST_FRAMES, _MOST_BYTES // (8 * size)))
        self.set_output_multiple(self._most)
        self._calls = 0

    def begin(self) -> None:
        self._newest.clear()
        self._calls = 0
        self.set_output_multiple(1)

    def finish(self) -> None:
        # What was still waited for when the stream ended is not seen any more, but counted.
        begin = self.nitems_read(0)
        end = begin + self.output_multiple()
        if tags := self.get_tags_in_range(0, begin, end, pmt_keys.FRAME):
            last = max(tags, key=lambda tag: tag.offset)
            self.note_frames(pmt_keys.frame_from_tag(last.value)[0], len(tags))

    @message_handler
    def handle_paths(self, message: Any) -> None:
        self._newest.put_estimate(pmt_keys.estimate_from_pdu(message)[0])

    @guarded(-1)
    def work(self, input_items, output_items):
        vectors = input_items[0]
        begin, last = self.nitems_read(0), len(vectors) - 1
        oldest, newest = begin, begin + last
        # Of all but the first call the newest index says enough.
        for tag in self.get_tags_in_window(0, last if begin else 0, last + 1, pmt_keys.FRAME):
            index, _ = pmt_keys.frame_from_tag(tag.value)
            if tag.offset == begin:
                oldest = index
            if tag.offset == begin + last:
                newest = index
        self._newest.put(vectors[last], newest)
        self._calls += 1
        if self._calls == _UNSEEN:
            self.set_output_multiple(self._most)
        if not begin:
            self.note_frames(oldest, 1)
        if count := len(vectors) - (not begin):
            self.note_frames(newest, count)
        return len(vectors)

    def note_frames(self, newest: int, count: int) -> None:
        """Takes note of a count of frames, the last of them with this index."""

    def look(self) -> Any:
        """Return what `NewestFrame.take` gives, in the window's thread."""
        taken = self._newest.take()
        calls, self._calls = self._calls, 0
        if taken is None:
            self.set_output_multiple(1)
        elif calls > _CALLS:
            self.set_output_multiple(min(2 * self.output_multiple(), self._most))
        return taken
