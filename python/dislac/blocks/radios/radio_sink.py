# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio's transmitters, one stream a chain."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pmt
from gnuradio import gr

from ...scenario import Scenario, transmission
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..radio import (
    PATIENCE,
    Guard,
    PerChannel,
    RadioError,
    RadioSettings,
    nothing,
    open_radio,
    too_late,
)

__all__ = ["radio_sink"]

MARGIN = 64
"""Samples of a burst before and after its frame: what a filter spreads."""

_BATCH = 4096
"""Room that there is at least when samples are passed on."""

_AHEAD = 0.5
"""Least time from now to the first sample [s]."""

_CREST = 4.0
"""Amplitude over root mean square that a payload's samples hardly exceed."""


class radio_sink(gr.hier_block2):
    """Transmits with a radio, by gr-uhd or gr-soapy, at the scenario's rate and carrier.

    The first sample leaves at `start_time`, sample n follows by n samples. With UHD, and where
    frames have pauses, each frame is a timed burst (`tx_sob`, `tx_time`, `tx_eob`) and pauses are
    not sent; else everything is. Samples are scaled so that the frames' largest one has the
    amplitude `peak`.

    Late bursts and underflows that a UHD device reports are counted (`late`, `underflows`) and
    reported on the port `events`. A radio that is not there, cannot do what it should, or is lost
    in flight is reported there too and in the log, and ends the flowgraph.

    Parameters
    ----------
    scenario
        rate, carrier, frames and number of chains come from here.
    device
        `uhd:ARGS` or `soapy:ARGS`, such as `uhd:addr=192.168.10.2`, `soapy:driver=lime`.
    gain
        of all channels, or of each [dB]; None: as the driver has it.
    antenna
        port of all channels, or of each; None: as the driver has it.
    lo_offset
        by how much the oscillator lies above the carrier [Hz].
    clock_source
        `internal`, `external`, `gpsdo`, `mimo`, one for each board after commas; empty: as the
        driver has it.
    time_source
        likewise, of the pulse per second that sets the clocks (UHD).
    start_time
        of the first sample, by the device's clock [s] (UHD); None: the next whole second that is at
        least half a second ahead.
    channels
        the device's channels, one a chain; None: from 0 on.
    peak
        largest amplitude, where 1 is full scale.
    patience
        how long it may take no samples before the radio counts as lost [s].

    Raises
    ------
    ValueError
        the peak is not in (0, 1].
    """

    def __init__(
        self,
        scenario: Scenario,
        device: str,
        gain: PerChannel = None,
        antenna: PerChannel = None,
        lo_offset: float = 0.0,
        clock_source: str = "",
        time_source: str = "",
        start_time: float | None = None,
        channels: Sequence[int] | None = None,
        peak: float = 0.5,
        patience: float = PATIENCE,
    ) -> None:
        if not 0.0 < peak <= 1.0:
            raise ValueError(f"peak is {peak}; give an amplitude above 0, at most 1 (full scale)")
        chains = scenario.transmit_chains
        gr.hier_block2.__init__(
            self,
            "radio_sink",
            gr.io_signature(chains, chains, gr.sizeof_gr_complex),
            gr.io_signature(0, 0, 0),
        )
        self.message_port_register_hier_out("events")
        error, self.radio = None, nothing(chains, 0)
        try:
            settings = RadioSettings.make(
                scenario,
                device,
                channels,
                transmit=True,
                gain=gain,
                antenna=antenna,
                lo_offset=lo_offset,
                clock_source=clock_source,
                time_source=time_source,
            )
            self.radio = open_radio(settings, transmit=True)
        except RadioError as reason:
            error = reason
        self.feed = _Feed(scenario, device, self.radio, error, start_time, peak, patience)
        for chain in range(chains):
            self.connect((self, chain), (self.feed, chain), (self.radio, chain))
        if self.feed.timed:
            self.msg_connect(self.radio, "async_msgs", self.feed, "async_msgs")
        self.msg_connect(self.feed, "events", self, "events")

    @property
    def underflows(self) -> int:
        """Number of times that the radio ran out of samples."""
        return self.feed.underflows

    @property
    def late(self) -> int:
        """Number of bursts that came too late."""
        return self.feed.late

    def drain(self) -> None:
        """Waits until the radio has sent all that it was given."""
        end = self.feed.end_time
        while end is not None and (left := end - self._now()) > 0:
            time.sleep(min(left, 0.05))

    def _now(self) -> float:
        return float(self.radio.get_time_now().get_real_secs())


class _Feed(Guarded, gr.basic_block):
    """Scales samples, cuts them into timed bursts where they have pauses, and watches the radio."""

    def __init__(
        self,
        scenario: Scenario,
        device: str,
        radio: Any,
        error: RadioError | None,
        start_time: float | None,
        peak: float,
        patience: float,
    ) -> None:
        chains = [np.complex64] * scenario.transmit_chains
        gr.basic_block.__init__(self, "radio_sink", chains, chains)
        self.prepare()
        self.message_port_register_in(pmt_keys.ASYNC_MESSAGES)
        self.set_msg_handler(pmt_keys.ASYNC_MESSAGES, self.handle_async_message)
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.set_output_multiple(_BATCH)
        numerology = scenario.numerology
        self.timed = hasattr(radio, "get_time_now")
        self.bursts = self.timed and numerology.frame_period >= numerology.frame_length + 4 * MARGIN
        self._chains = scenario.transmit_chains
        self._rate = scenario.sample_rate
        self._length = numerology.frame_length
        self._scale = np.float32(peak / _largest(scenario))
        self._device, self._radio, self._error = device, radio, error
        self._start_time, self._patience = start_time, patience
        self._guard: Guard | None = None
        self.underflows = self.late = 0
        self.end_time: float | None = None

    def begin(self) -> None:
        self.underflows = self.late = 0
        self.end_time = None
        self._kept = np.zeros((self._chains, MARGIN), np.complex64)
        self._starts: list[int] = []  # input samples at which bursts begin that are not over
        if self._error is not None:
            raise self._error
        delay = 0.0
        if self.timed:
            now = self._radio.get_time_now().get_real_secs()
            start = math.ceil(now + _AHEAD) if self._start_time is None else self._start_time
            if start < now:
                raise too_late(self._device, now, start)
            self._whole, self._fraction = int(start), start - int(start)
            delay = start - now
        self._guard = Guard(
            self._radio,
            self._progress,
            lambda: self.fail(
                RadioError(self._device, f"takes no samples for {self._patience:g} s: it is lost")
            ),
            self._patience,
            delay,
        )
        self._guard.start()

    def finish(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _progress(self) -> int | None:
        taken = self._radio.nitems_read(0)
        return None if taken == self.nitems_written(0) else taken

    def forecast(self, noutput_items, ninputs):
        return [1] * ninputs

    @guarded(-1)
    def general_work(self, input_items, output_items):
        room = len(output_items[0])
        count = min(room - MARGIN, *(len(stream) for stream in input_items))
        if self.bursts:
            made = self._cut(input_items, output_items, count)
        else:
            made = count
            for output, samples in zip(output_items, input_items, strict=True):
                np.multiply(samples[:count], self._scale, out=output[:count])
            if self.timed and count and not self.nitems_written(0):
                self._begin_burst(0, 0)
            if self.timed:
                end = self.nitems_written(0) + made
                self.end_time = self._whole + self._fraction + end / self._rate
        self.consume_each(count)
        return made

    def _cut(self, input_items, output_items, count: int) -> int:
        """Bursts out of what was kept back and the next `count` samples; how many samples it gives.

        A burst begins a margin before the tag of its frame: so much is kept back.
        """
        begin = self.nitems_read(0)
        streams = np.stack([stream[:count] for stream in input_items])
        window = np.concatenate([self._kept, streams], axis=1)
        self._kept = window[:, count:]
        first, last = begin - MARGIN, begin + count - MARGIN
        tags = self.get_tags_in_window(0, 0, count, pmt_keys.FRAME)
        self._starts += sorted(tag.offset - MARGIN for tag in tags)
        made = 0
        for start in self._starts:
            end = start + self._length + 2 * MARGIN
            a, b = max(start, first), min(end, last)
            if b <= a:
                continue
            for output, samples in zip(output_items, window, strict=True):
                np.multiply(
                    samples[a - first : b - first], self._scale, out=output[made : made + b - a]
                )
            if a == start:
                self._begin_burst(self.nitems_written(0) + made, start)
            made += b - a
            if b == end:
                self._end_burst(self.nitems_written(0) + made - 1, end)
        self._starts = [s for s in self._starts if s + self._length + 2 * MARGIN > last]
        return made

    def _begin_burst(self, item: int, sample: int) -> None:
        """A burst begins at an item of the output with a sample of the input."""
        seconds, rest = divmod(sample, self._rate)  # exact, where a float of the time would not be
        carry, fraction = divmod(self._fraction + rest / self._rate, 1.0)
        time = pmt_keys.time_parts_to_tag(self._whole + int(seconds + carry), fraction)
        for chain in range(len(self._kept)):
            self.add_item_tag(chain, item, pmt_keys.TX_SOB, pmt.PMT_T)
            self.add_item_tag(chain, item, pmt_keys.TX_TIME, time)

    def _end_burst(self, item: int, sample: int) -> None:
        """A burst ends with an item of the output, before a sample of the input."""
        for chain in range(len(self._kept)):
            self.add_item_tag(chain, item, pmt_keys.TX_EOB, pmt.PMT_T)
        self.end_time = self._whole + self._fraction + sample / self._rate

    def handle_async_message(self, message: Any) -> None:
        """Counts what the radio complains of (gr-uhd's asynchronous messages)."""
        try:
            codes = pmt.to_python(
                pmt.dict_ref(pmt.cdr(message), pmt.intern("event_code"), pmt.PMT_NIL)
            )
            names = {str(code) for code in (codes or ())}
        except Exception as error:
            self.logger.warn(f"a message of the radio that is none of gr-uhd's: {error}")
            return
        if any("underflow" in name for name in names):
            self.underflows += 1
            self.report("underflow", count=self.underflows)
        if "time_error" in names:
            self.late += 1
            self.report("late", count=self.late)


def _largest(scenario: Scenario) -> float:
    """Amplitude that the samples of the scenario's frames do not exceed, or hardly."""
    frames = [transmission.pilot_frame(scenario, k) for k in range(scenario.pilots.cycle)]
    if scenario.payload is None:
        return float(np.abs(frames).max())
    block = scenario.payload.idle_block(0)[None]
    return _CREST * float(
        np.sqrt(np.mean(np.abs(transmission.payload_frames(scenario, block)) ** 2))
    )
