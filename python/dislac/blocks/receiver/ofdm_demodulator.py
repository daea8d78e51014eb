# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames out of the receive chains' streams."""

from threading import Lock

import numpy as np
from gnuradio import gr

from ...scenario import Scenario, reception
from ...synchronization import FrameReader, Mark, aligned_grid
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..marks import frame_marks_among, marks_among
from ..overrides import LiveSettings

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

    Parameters
    ----------
    scenario
        numerology, pilots and chains come from here.
    every
        frames with an index that this divides are used, the rest is only counted (in
        `frames_skipped`); 1 or more; None: as the scenario says. It can change while the flowgraph
        runs (`set_every`), behind the frame that is waited for.
    whole
        vectors of all Ms x Nsc x Nrf elements as received, nothing taken off, for a `ue_receiver`;
        False for those with pilots alone.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    """

    def __init__(self, scenario: Scenario, every: int | None = None, whole: bool = False) -> None:
        self._settings = LiveSettings(scenario, {"estimator.every": every})
        scenario = self._settings.scenario
        numerology = scenario.numerology
        rows = scenario.pilots.frame_shape[:2]
        if whole:
            rows = numerology.symbols, numerology.subcarriers
        gr.basic_block.__init__(
            self,
            "ofdm_demodulator",
            [np.complex64] * scenario.receive_chains,
            [(np.complex64, int(np.prod(rows)) * scenario.receive_chains)],
        )
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self._numerology = numerology
        self._pilots = scenario.pilots
        self._chain_factors = reception.chain_factors(scenario)
        self._scenario = scenario
        self._lock = Lock()
        self._whole = whole
        self.begin()

    def set_every(self, every: int | None) -> None:
        """Changes which frames are used; None: to what the scenario says.

        Raises
        ------
        ScenarioError
            it is out of range.
        """
        with self._settings.changed("estimator.every", every) as scenario, self._lock:
            self._reader.synchronizer.use_every(scenario.synchronization.every)

    def begin(self) -> None:
        self.frames_used = self.frames_skipped = 0
        synchronizer = reception.synchronizer(self._settings.scenario)
        self._reader = FrameReader(synchronizer, self._scenario.receive_chains)

    def finish(self) -> None:
        self._reader.finish()
        self._report()

    def forecast(self, noutput_items, ninputs):
        # It gathers frames itself; asking for more would lose the last one of a stream.
        return [1] * ninputs

    @guarded(-1)
    def general_work(self, input_items, output_items):
        vectors, begin = output_items[0], self.nitems_read(0)
        count = min(len(stream) for stream in input_items)
        streams = [stream[:count] for stream in input_items]
        made, first = 0, self.nitems_written(0)
        with self._lock:
            marks = self._marks(count)
            for found, samples in self._reader.read(streams, begin, marks, len(vectors)):
                grid = aligned_grid(samples, found, self._numerology)
                self._write(vectors[made], first + made, grid, found.index, found.time)
                made += 1
            self._report()
        self.consume_each(self._reader.position - begin)
        return made

    def _marks(self, count: int) -> list[Mark]:
        """Marks on the next samples of the streams, as far as the synchronizer goes by them."""
        if self._scenario.synchronization.reference == "tags":
            return frame_marks_among(self, count, self._numerology.sample_rate)
        return marks_among(self, count)

    def _report(self) -> None:
        """Reports what has happened to the synchronizer."""
        synchronizer = self._reader.synchronizer
        events, synchronizer.events = synchronizer.events, []
        for event in events:
            if event.name == "frames_lost":
                self.report_lost(**event.details)
            else:
                self.report(event.name, **event.details)
        self.frames_skipped = synchronizer.frames_skipped

    def _write(self, vector, item: int, grid, index: int, time: float) -> None:
        """Writes a frame's grid to a vector."""
        if self._chain_factors is not None:
            grid *= self._chain_factors
        frame = np.moveaxis(grid, 0, -1) if self._whole else self._pilots.descramble(grid, index)
        vector[:] = frame.ravel()
        self.add_item_tag(0, item, pmt_keys.FRAME, pmt_keys.frame_to_tag(index))
        self.add_item_tag(0, item, pmt_keys.RX_TIME, pmt_keys.time_to_tag(time))
        self.frames_used += 1
