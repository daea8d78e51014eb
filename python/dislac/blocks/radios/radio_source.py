# SPDX-License-Identifier: GPL-3.0-or-later
"""A radio's receivers, one stream a chain."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gnuradio import gr

from ...scenario import Scenario
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

__all__ = ["radio_source"]


class radio_source(gr.hier_block2):
    """Receives with a radio, by gr-uhd or gr-soapy, at the scenario's rate and carrier.

    All channels of a UHD device start together. It gives tags `rx_time` (whole and fractional
    seconds of the device's clock), `rx_rate` and `rx_freq` on the first sample and after samples
    were lost, as gr-uhd does; gr-soapy gives them without `rx_time`.

    Lost samples are counted (`overflows`, and `samples_lost` where there are times) and reported on
    the port `events` (`overflow`, with the sample after them, the overflows so far and, where there
    are times, how many they are). A radio that is not there, cannot do what it should, or is lost
    in flight is reported there too and in the log, and ends the flowgraph.

    Parameters
    ----------
    scenario
        rate, carrier and number of chains come from here.
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
        of the first sample, by the device's clock [s] (UHD); None: at once.
    channels
        the device's channels, one a chain; None: from 0 on.
    patience
        how long no samples may come before the radio counts as lost [s].
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
        patience: float = PATIENCE,
    ) -> None:
        chains = scenario.receive_chains
        gr.hier_block2.__init__(
            self,
            "radio_source",
            gr.io_signature(0, 0, 0),
            gr.io_signature(chains, chains, gr.sizeof_gr_complex),
        )
        self.message_port_register_hier_out("events")
        error, self.radio = None, nothing(0, chains)
        try:
            settings = RadioSettings.make(
                scenario,
                device,
                channels,
                gain=gain,
                antenna=antenna,
                lo_offset=lo_offset,
                clock_source=clock_source,
                time_source=time_source,
            )
            self.radio = open_radio(settings, transmit=False)
        except RadioError as reason:
            error = reason
        delay = 0.0
        if error is None and start_time is not None and hasattr(self.radio, "set_start_time"):
            from gnuradio import uhd

            delay = start_time - self.radio.get_time_now().get_real_secs()
            if delay < 0.0:
                error = too_late(device, start_time - delay, start_time)
            self.radio.set_start_time(uhd.time_spec(start_time))
        self.watch = _Watch(scenario, device, self.radio, error, patience, delay)
        for chain in range(chains):
            self.connect((self.radio, chain), (self, chain))
        self.connect((self.radio, 0), self.watch)
        self.msg_connect(self.watch, "events", self, "events")

    @property
    def overflows(self) -> int:
        """Number of times that samples were lost."""
        return self.watch.overflows

    @property
    def samples_lost(self) -> int:
        """Number of samples of each chain that were lost, as far as times say."""
        return self.watch.samples_lost


class _Watch(Guarded, gr.sync_block):
    """Reads a radio's tags, and sees to it that samples come."""

    def __init__(
        self,
        scenario: Scenario,
        device: str,
        radio: Any,
        error: RadioError | None,
        patience: float,
        delay: float,
    ) -> None:
        gr.sync_block.__init__(self, "radio_source", [np.complex64], None)
        self.prepare()
        self._rate = scenario.sample_rate
        self._device, self._radio, self._error = device, radio, error
        self._patience, self._delay = patience, delay
        self._guard: Guard | None = None
        self.overflows = self.samples_lost = 0

    def begin(self) -> None:
        self.overflows = self.samples_lost = 0
        self._last: tuple[int, tuple[int, float] | None] | None = None  # offset and time of a tag
        if self._error is not None:
            raise self._error
        self._guard = Guard(
            self._radio,
            lambda: self._radio.nitems_written(0),
            lambda: self.fail(RadioError(self._device, self._silence())),
            self._patience,
            self._delay,
        )
        self._guard.start()

    def finish(self) -> None:
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _silence(self) -> str:
        return (
            f"no samples for {self._patience:g} s: it is lost, or what follows takes none any more"
        )

    @guarded(-1)
    def work(self, input_items, output_items):
        count = len(input_items[0])
        rates = self.get_tags_in_window(0, 0, count, pmt_keys.RX_RATE)
        times = self.get_tags_in_window(0, 0, count, pmt_keys.RX_TIME)
        known = {tag.offset: pmt_keys.time_parts_from_tag(tag.value) for tag in times}
        for offset in sorted({tag.offset for tag in rates}):
            self._resume(offset, known.get(offset))
        return count

    def _resume(self, offset: int, time: tuple[int, float] | None) -> None:
        """Samples come again, from an offset of the stream on."""
        last, self._last = self._last, (offset, time)
        if last is None:
            return
        details = {"sample": offset}
        if time is not None and last[1] is not None:
            passed = (time[0] - last[1][0]) * self._rate + (time[1] - last[1][1]) * self._rate
            lost = round(passed) - (offset - last[0])
            if lost == 0:
                return  # a tag for another reason
            self.samples_lost += lost
            details["samples_lost"] = lost
        self.overflows += 1
        self.report("overflow", count=self.overflows, **details)
