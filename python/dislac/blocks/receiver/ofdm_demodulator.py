# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames out of the receive chains' streams."""

from threading import Lock

import numpy as np
import pmt
from gnuradio import gr

from ...scenario import Scenario, build
from ...synchronization import FrameReader, aligned_grid
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..marks import marks_among
from ..overrides import LiveSettings
from ..wire import sample_at

__all__ = ["ofdm_demodulator"]


class ofdm_demodulator(Guarded, gr.basic_block):
    """Demodulates pilot frames into one vector a frame.

    Frames are found as the scenario's `synchronization` says: by their tags `dislac:frame`, or by
    the times in tags `rx_time`. State and reason of what finds them come on the port `events`
    (`sync`, with state `searching`, `locked` or `lost`).

    Where the scenario has a calibration, chains are made alike by it.

    A vector holds Ms x Nsc x Nrf values in that order (symbol, subcarrier, chain), scrambling
    taken off; of NR PRS and beside a payload it holds the elements of the pilots' combs, comb by
    comb instead of symbol by symbol. It has two tags: `dislac:frame`, the frame's index (uint64),
    and `rx_time`, when its first sample was received (whole and fractional seconds since the
    scenario's time zero, which without tags `rx_time` in the stream is its first sample; where the
    reference is the direct path and no time zero is given, as the tags `rx_time` count).

    A frame with values that are not finite is dropped; so is one that the next frame, a gap or the
    end of the stream cuts off. Each is reported on the port `events` (`frame_dropped`, with frame,
    reason and, of several in a row, count) and counted in `frames_lost`.

    Args:
        scenario: numerology, pilots and chains come from here.
        every: frames with an index that this divides are used, the rest is only counted (in
            `frames_skipped`); 1 or more; None: as the scenario says. It can change while the
            flowgraph runs (`set_every`), behind the frame that is waited for.
        whole: vectors of all Ms x Nsc x Nrf elements as received, nothing taken off, for a
            `ue_receiver`; False for those with pilots alone.

    Raises:
        ScenarioError: a setting is out of range.
    """

    def __init__(self, scenario: Scenario, every: int | None = None, whole: bool = False) -> None:
        self._settings = LiveSettings(scenario, {"estimator.every": every})
        scenario = self._settings.scenario
        numerology = scenario.numerology
        shape = scenario.pilots.frame_shape
        if whole:
            shape = numerology.symbols, numerology.subcarriers, scenario.chains
        gr.basic_block.__init__(
            self,
            "ofdm_demodulator",
            [np.complex64] * scenario.chains,
            [(np.complex64, int(np.prod(shape)))],
        )
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self._numerology = numerology
        self._pilots = scenario.pilots
        self._chain_factors = build.chain_factors(scenario)
        self._scenario = scenario
        self._lock = Lock()
        self._whole = whole
        self._samples = np.zeros((scenario.chains, numerology.frame_length), np.complex64)
        self.begin()

    def set_every(self, every: int | None) -> None:
        """Changes which frames are used; None: to what the scenario says.

        Raises:
            ScenarioError: it is out of range.
        """
        with self._settings.changed("estimator.every", every) as scenario, self._lock:
            if self._reader is not None:
                self._reader.synchronizer.use_every(scenario.estimator.every)

    def begin(self) -> None:
        self._filled = 0
        self._current: tuple[int, int] | None = None  # index and start of the frame that fills
        self._clock = 0  # index of a sample since time zero, less its offset
        self.frames_used = self.frames_skipped = 0
        self._reader: FrameReader | None = None
        if (synchronizer := build.synchronizer(self._settings.scenario)) is not None:
            self._reader = FrameReader(synchronizer, self._scenario.chains)

    def finish(self) -> None:
        if self._reader is not None:
            self._reader.finish()
            self._report()
        self._drop("cut off by the end of the stream")

    def forecast(self, noutput_items, ninputs):
        # It gathers frames itself; asking for more would lose the last one of a stream.
        return [1] * ninputs

    @guarded(-1)
    def general_work(self, input_items, output_items):
        vectors = output_items[0]
        count = min(len(stream) for stream in input_items)
        begin = self.nitems_read(0)
        if self._reader is not None:
            with self._lock:
                return self._read([stream[:count] for stream in input_items], begin, vectors)
        tags = [
            *self.get_tags_in_window(0, 0, count, pmt_keys.RX_TIME),
            *self.get_tags_in_window(0, 0, count, pmt_keys.FRAME),
        ]
        place, made = 0, 0
        for tag in [*sorted(tags, key=lambda tag: tag.offset), None]:
            border = count if tag is None else tag.offset - begin
            if self._current is not None:
                self._gather(input_items, place, border)
                if self._filled == self._samples.shape[1]:
                    made += self._emit(vectors[made], self.nitems_written(0) + made)
            place = border
            if tag is not None:
                if made == len(vectors):
                    break  # no room for what this frame may become: come back to it
                if pmt.eq(tag.key, pmt_keys.RX_TIME):
                    self._set_clock(tag)
                else:
                    self._drop("cut off by the next frame")
                    self._begin_frame(tag)
        self.consume_each(place)
        return made

    def _read(self, streams, begin: int, vectors) -> int:
        """Frames that a synchronizer finds."""
        assert self._reader is not None
        marks = marks_among(self, len(streams[0]))
        made, first = 0, self.nitems_written(0)
        for found, samples in self._reader.read(streams, begin, marks, len(vectors)):
            grid = aligned_grid(samples, found, self._numerology)
            self._write(vectors[made], first + made, grid, found.index, found.time)
            made += 1
        self._report()
        self.consume_each(self._reader.position - begin)
        return made

    def _report(self) -> None:
        """Tells what has happened to the synchronizer."""
        assert self._reader is not None
        synchronizer = self._reader.synchronizer
        events, synchronizer.events = synchronizer.events, []
        for event in events:
            if event.name == "frames_lost":
                self.report_lost(**event.details)
            else:
                self.tell(event.name, **event.details)
        self.frames_skipped = synchronizer.frames_skipped

    def _set_clock(self, tag) -> None:
        """Follows a time in the stream; a frame in which it does not go on is cut there."""
        clock = sample_at(tag.value, self._numerology.sample_rate) - tag.offset
        if clock != self._clock:
            self._drop("cut off by a gap")
        self._clock = clock

    def _begin_frame(self, tag) -> None:
        index, _ = pmt_keys.frame_from_tag(tag.value)
        if index % self._settings.scenario.estimator.every or not self._pilots.sends(index):
            self.frames_skipped += 1
        else:
            self._current, self._filled = (index, tag.offset), 0

    def _gather(self, streams, place: int, border: int) -> None:
        """Takes what the current frame lacks from streams[place:border]."""
        filled = self._filled
        self._filled = min(filled + border - place, self._samples.shape[1])
        for row, stream in zip(self._samples, streams, strict=True):
            row[filled : self._filled] = stream[place : place + self._filled - filled]

    def _emit(self, vector, item: int) -> bool:
        """Writes the current frame, which is complete, to a vector; whether it is any good."""
        if not np.isfinite(self._samples).all():
            self._drop("holds values that are not finite")
            return False
        assert self._current is not None
        index, start = self._current
        self._current = None
        grid = build.frame_grid(self._scenario, self._samples, index)
        time = (start + self._clock) / self._numerology.sample_rate
        self._write(vector, item, grid, index, time)
        return True

    def _write(self, vector, item: int, grid, index: int, time: float) -> None:
        """Writes a frame's grid to a vector."""
        if self._chain_factors is not None:
            grid *= self._chain_factors
        frame = np.moveaxis(grid, 0, -1) if self._whole else self._pilots.descramble(grid, index)
        vector[:] = frame.ravel()
        self.add_item_tag(0, item, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
        self.add_item_tag(0, item, pmt_keys.RX_TIME, pmt_keys.time_to_tag(time))
        self.frames_used += 1

    def _drop(self, reason: str) -> None:
        """Gives the current frame up, if there is one."""
        if self._current is None:
            return
        index, _ = self._current
        self._current = None
        self.report_lost(index, reason)
