# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver impairments, emulated."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pmt

from ...channel import FrontEnd
from ...scenario import Scenario, reception
from .. import pmt_keys
from ..chunks import ChunkBlock
from ..lifecycle import guarded
from ..overrides import overridden

__all__ = ["front_end"]


class front_end(ChunkBlock):
    """Takes samples as a real receiver would: with its own clock and oscillator, from the moment
    at which it starts, each chain with its phase and delay.

    Stands behind `leo_channel`. Without a section `front_end` in the scenario, and without
    parameters of its own, there are no impairments.

    Tags `dislac:frame` of stream 0 move to where the frame's first sample is taken, rounded; those
    of frames before the receiver starts are gone. Like a radio's, its first sample has the tags
    `rx_time` (whole and fractional seconds since the scenario's epoch, true time; absent if that is
    negative), `rx_rate` and `rx_freq`.

    Parameters
    ----------
    scenario
        chains and settings come from here.
    carrier_offset_hz
        by how much the signal lies too high after down-conversion [Hz]; None: as the scenario says,
        like all that follow.
    clock_offset_ppm
        by how much the sample clock runs fast.
    start_offset
        samples after the input's first one at which it starts, with fraction.
    phase_deg
        of each chain [degrees].
    delay_ns
        of each chain [ns], negative too.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    """

    def __init__(
        self,
        scenario: Scenario,
        carrier_offset_hz: float | None = None,
        clock_offset_ppm: float | None = None,
        start_offset: float | None = None,
        phase_deg: Sequence[float] | None = None,
        delay_ns: Sequence[float] | None = None,
    ) -> None:
        values = {
            "carrier_offset_hz": carrier_offset_hz,
            "clock_offset_ppm": clock_offset_ppm,
            "start_offset": start_offset,
            "phase_deg": None if phase_deg is None else list(phase_deg),
            "delay_ns": None if delay_ns is None else list(delay_ns),
        }
        if scenario.front_end is None and all(value is None for value in values.values()):
            values["start_offset"] = 0.0
        self._scenario = overridden(scenario, {f"front_end.{k}": v for k, v in values.items()})
        super().__init__("front_end", scenario.receive_chains, scenario.receive_chains)

    def make_processor(self) -> FrontEnd:
        front_end = reception.front_end(self._scenario)
        assert front_end is not None
        self._front_end = front_end
        self._announced = False
        return front_end

    @guarded(-1)
    def general_work(self, input_items, output_items):
        if not self._announced:
            self._announce()
        return super().general_work(input_items, output_items)

    def _announce(self) -> None:
        """Tags when the first sample is taken, how fast they come, and around which carrier."""
        self._announced = True
        numerology = self._scenario.numerology
        time = float(self._front_end.time(0))
        if time >= 0:
            self.add_item_tag(0, 0, pmt_keys.RX_TIME, pmt_keys.time_to_tag(time))
        self.add_item_tag(0, 0, pmt_keys.RX_RATE, pmt.from_double(numerology.sample_rate))
        self.add_item_tag(0, 0, pmt_keys.RX_FREQ, pmt.from_double(numerology.carrier_frequency))

    def send_tags(self, tags: Sequence[Any]) -> None:
        rate = self._scenario.sample_rate
        starts = np.rint(self._front_end.sample(np.array([tag.offset for tag in tags]) / rate))
        for tag, start in zip(tags, starts.tolist(), strict=True):
            if start >= 0:
                self.add_item_tag(0, int(start), tag.key, tag.value)
