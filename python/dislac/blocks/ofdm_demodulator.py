# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames out of the receive chains' streams."""

import numpy as np
from gnuradio import gr

from ..scenario import Scenario, build
from ..waveform import demodulate
from . import pmt_keys
from ._lifecycle import Guarded, guarded
from ._overrides import overridden

__all__ = ["ofdm_demodulator"]


class ofdm_demodulator(Guarded, gr.basic_block):
    """Demodulates pilot frames, found by their tags alone, into one vector a frame.

    Where the scenario has a calibration, chains are made alike by it.

    A vector holds Ms x Nsc x Nrf values in that order (symbol, subcarrier, chain), scrambling
    taken off; of NR PRS and beside a payload it holds the elements of the pilots' combs, comb by
    comb instead of symbol by symbol. It has two tags: `dislac:frame`, the frame's index (uint64),
    and `rx_time`, when its first sample was received (whole and fractional seconds since the first
    sample of the stream).

    A frame with values that are not finite is dropped; so is one that the next frame or the end
    of the stream cuts off. Each is told on the port `events` (`frame_dropped`, with frame and
    reason) and counted in `frames_lost`.

    Args:
        scenario: numerology, pilots and chains come from here.
        every: frames with an index that this divides are used, the rest is only counted (in
            `frames_skipped`); 1 or more; None: as the scenario says.
        whole: vectors of all Ms x Nsc x Nrf elements as received, nothing taken off, for a
            `ue_receiver`; False for those with pilots alone.

    Raises:
        ScenarioError: a setting is out of range.
    """

    def __init__(self, scenario: Scenario, every: int | None = None, whole: bool = False) -> None:
        scenario = overridden(scenario, {"estimator.every": every})
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
        self._every = scenario.estimator.every
        self._whole = whole
        self._samples = np.zeros((scenario.chains, numerology.frame_length), np.complex64)
        self.begin()

    def begin(self) -> None:
        self._filled = 0
        self._current: tuple[int, int] | None = None  # index and start of the frame that fills
        self.frames_used = self.frames_skipped = 0

    def finish(self) -> None:
        self._drop("cut off by the end of the stream")

    def forecast(self, noutput_items, ninputs):
        # It gathers frames itself; asking for more would lose the last one of a stream.
        return [1] * ninputs

    @guarded(-1)
    def general_work(self, input_items, output_items):
        vectors = output_items[0]
        count = min(len(stream) for stream in input_items)
        begin = self.nitems_read(0)
        tags = self.get_tags_in_window(0, 0, count, pmt_keys.FRAME)
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
                self._drop("cut off by the next frame")
                self._begin_frame(tag)
        self.consume_each(place)
        return made

    def _begin_frame(self, tag) -> None:
        index, _ = pmt_keys.frame_from_tag(tag.value)
        if index % self._every or not self._pilots.sends(index):
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
        grid = demodulate(self._samples, self._numerology)
        if self._chain_factors is not None:
            grid *= self._chain_factors
        frame = np.moveaxis(grid, 0, -1) if self._whole else self._pilots.descramble(grid, index)
        vector[:] = frame.ravel()
        time = start / self._numerology.sample_rate
        self.add_item_tag(0, item, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
        self.add_item_tag(0, item, pmt_keys.RX_TIME, pmt_keys.time_to_tag(time))
        self.frames_used += 1
        return True

    def _drop(self, reason: str) -> None:
        """Gives the current frame up, if there is one."""
        if self._current is None:
            return
        index, _ = self._current
        self._current = None
        self.report_lost(index, reason)
