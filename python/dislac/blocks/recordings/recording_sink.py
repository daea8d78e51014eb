# SPDX-License-Identifier: GPL-3.0-or-later
"""Records all receive chains."""

from os import PathLike

import numpy as np
from gnuradio import gr

from ...io import Frame, RecordingWriter
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..marks import marks_among

__all__ = ["recording_sink"]


class recording_sink(Guarded, gr.sync_block):
    """Records the streams of all receive chains, their frame tags and the scenario to SigMF.

    Tags `rx_time` and `rx_rate`, which radios give on the first sample and after each gap, are kept
    too: a recording made straight from a radio replays without frame tags.

    What has been recorded stays readable if the process is killed.

    Parameters
    ----------
    scenario
        goes into the metadata.
    base
        path of the recording; `.sigmf-data` and `.sigmf-meta` are put after it.
    """

    def __init__(self, scenario: Scenario, base: str | PathLike[str]) -> None:
        gr.sync_block.__init__(
            self, "recording_sink", [np.complex64] * scenario.receive_chains, None
        )
        self.prepare()
        self._scenario = scenario
        self._base = base
        self._writer: RecordingWriter | None = None

    def begin(self) -> None:
        self._writer = RecordingWriter(self._base, self._scenario)

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @guarded(-1)
    def work(self, input_items, output_items):
        assert self._writer is not None
        count = len(input_items[0])
        frames = []
        for tag in self.get_tags_in_window(0, 0, count, pmt_keys.FRAME):
            index, _ = pmt_keys.frame_from_tag(tag.value)
            frames.append(Frame(tag.offset, index))
        self._writer.write(np.stack(input_items), sorted(frames), marks_among(self, count))
        return count
