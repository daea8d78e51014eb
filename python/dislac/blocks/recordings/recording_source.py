# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays all receive chains of a recording."""

import time
from os import PathLike, fspath
from threading import Lock

import numpy as np
import pmt
from gnuradio import gr

from ...dsp.stream import CHUNK
from ...io import RecordingReader
from ...scenario import Scenario
from ...synchronization import Mark
from .. import pmt_keys
from ..lifecycle import Guarded, guarded

__all__ = ["recording_source"]

_NAP = 0.05
"""Longest sleep [s], so that stopping the flowgraph need not wait."""


class recording_source(Guarded, gr.sync_block):
    """Plays a SigMF recording on one stream a receive chain, with its tags.

    Tags `dislac:frame` are on the first sample of each whole good frame; frames that are cut off
    or not finite have none, are reported on the port `events` and counted in `frames_lost`. Of a
    radio, there are tags `rx_time` and `rx_rate` where it gave them: on the first sample and after
    gaps.

    Parameters
    ----------
    scenario
        what was recorded.
    recording
        its path, with or without `.sigmf-meta`; or a `RecordingReader`.
    speed
        1 plays in real time, 2 twice as fast; 0 or None as fast as the flowgraph runs.
    repeat
        begin again at the end, for ever. Frames go on being numbered as they were.

    Raises
    ------
    ValueError
        the speed is negative or not finite.
    """

    def __init__(
        self,
        scenario: Scenario,
        recording: str | PathLike[str] | RecordingReader,
        speed: float | None = None,
        repeat: bool = False,
    ) -> None:
        gr.sync_block.__init__(
            self, "recording_source", None, [np.complex64] * scenario.receive_chains
        )
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.enlarge_buffers(8 * CHUNK)
        self._scenario = scenario
        self._recording = recording
        self._repeat = repeat
        self._lock = Lock()
        self.set_speed(speed)
        self._reader: RecordingReader | None = None
        self.frames_sent = 0

    def set_speed(self, speed: float | None) -> None:
        """Changes the speed from the next samples on."""
        pace = float(speed or 0.0)
        if not 0.0 <= pace < np.inf:
            raise ValueError(f"speed is {speed}; give 1 for real time, 0 for as fast as possible")
        with self._lock:
            self._pace = pace
            self._since: tuple[float, int] | None = None  # clock [s] and sample it is kept from

    def begin(self) -> None:
        self.frames_sent = 0
        self._since = None
        if isinstance(self._recording, RecordingReader):
            self._reader = self._recording
        else:
            self._reader = RecordingReader(fspath(self._recording), self._scenario)
        if self._reader.chains != self._scenario.receive_chains:
            raise ValueError(
                f"{self._reader.base} has {self._reader.chains} chains, the scenario "
                f"{self._scenario.receive_chains}; give the scenario it was recorded with"
            )
        self._frames = np.array([f.start for f in self._reader.frames])
        self._marks = np.array([mark.offset for mark in self._reader.marks])
        self.frames_lost = self._reader.frames_left_out
        for warning in self._reader.warnings:
            self.logger.warn(warning)
            self.report("recording_damaged", reason=warning)

    @guarded(-1)
    def work(self, input_items, output_items):
        reader = self._reader
        assert reader is not None
        begin = self.nitems_written(0)
        turn, place = divmod(begin, reader.sample_count)
        if turn and not self._repeat:
            return -1
        count = min(len(output_items[0]), reader.sample_count - place)
        count = self._keep_pace(begin, count)
        reader.read_into(place, [stream[:count] for stream in output_items])
        first, last = np.searchsorted(self._frames, [place, place + count])
        for frame in reader.frames[first:last]:
            value = pmt_keys.frame_to_tag(frame.number)
            self.add_item_tag(0, begin - place + frame.start, pmt_keys.FRAME, value)
        self.frames_sent += int(last - first)
        first, last = np.searchsorted(self._marks, [place, place + count])
        for mark in reader.marks[first:last]:
            self._send_mark(begin - place + mark.offset, mark)
        return count

    def _send_mark(self, item: int, mark: Mark) -> None:
        """Tags a sample as the radio had tagged it."""
        if mark.time is not None:
            time = pmt_keys.time_parts_to_tag(*mark.time)
            self.add_item_tag(0, item, pmt_keys.RX_TIME, time)
        rate = pmt.from_double(self._scenario.sample_rate)
        self.add_item_tag(0, item, pmt_keys.RX_RATE, rate)

    def _keep_pace(self, begin: int, count: int) -> int:
        """Waits until some of the next `count` samples are due; how many those are."""
        with self._lock:
            rate = self._pace * self._scenario.sample_rate
            if not rate:
                return count
            clock, origin = self._since = self._since or (time.monotonic(), begin)
        count = min(count, max(1, int(rate * _NAP)))
        wait = clock + (begin + count - origin) / rate - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, 2 * _NAP))
        return count
