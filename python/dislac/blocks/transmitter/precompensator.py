# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing advance and Doppler pre-compensation at the transmitter."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

from ...channel import Precompensator
from ...scenario import Scenario, transmission
from .. import pmt_keys
from ..chunks import ChunkBlock
from ..lifecycle import guarded
from ..overrides import LiveSettings

__all__ = ["precompensator"]


class precompensator(ChunkBlock):
    """Sends streams early and shifted in frequency, so that they arrive aligned at the receiver.

    It undoes delay and Doppler of the reference link (transmitter to receiver, from the feeder on
    where there is one). Sample n of the output leaves when sample n of the input is due to arrive,
    so the input must begin with silence for the time of flight: `pilot_source` sees to it.

    Tags `dislac:frame` move to where the frame leaves, rounded to a sample; with the frame's index
    they then carry the offset at which it is due at the receiver.

    The errors can change while the flowgraph runs (`set_timing_advance_error_ns`,
    `set_doppler_error_hz`), from the next chunk of 65536 samples on: a frame across its border is
    distorted.

    Parameters
    ----------
    scenario
        nodes, numerology and settings come from here.
    mode
        "frame" holds advance and shift over each frame, "time-varying" lets them follow the
        geometry, "none" passes the streams through; None: as the scenario says.
    timing_advance_error_ns
        what the advance's error adds to every residual delay [ns]; None: as the scenario says.
    doppler_error_hz
        what the shift's error adds to every residual Doppler [Hz]; None: as the scenario says.

    Raises
    ------
    ScenarioError
        a setting is out of range.
    """

    def __init__(
        self,
        scenario: Scenario,
        mode: str | None = None,
        timing_advance_error_ns: float | None = None,
        doppler_error_hz: float | None = None,
    ) -> None:
        self._settings = LiveSettings(
            scenario,
            {
                "precompensation.mode": mode,
                "precompensation.timing_advance_error_ns": timing_advance_error_ns,
                "precompensation.doppler_error_hz": doppler_error_hz,
            },
        )
        self._lock = Lock()
        self._precompensator: Precompensator | None = None
        super().__init__("precompensator", scenario.transmit_chains, scenario.transmit_chains)

    def set_timing_advance_error_ns(self, timing_advance_error_ns: float | None) -> None:
        """Changes the advance's error [ns]; None: to what the scenario says.

        Raises
        ------
        ScenarioError
            it is out of range.
        StreamError
            it changes by more than 32768 samples at once.
        """
        self._change("precompensation.timing_advance_error_ns", timing_advance_error_ns)

    def set_doppler_error_hz(self, doppler_error_hz: float | None) -> None:
        """Changes the shift's error [Hz], likewise."""
        self._change("precompensation.doppler_error_hz", doppler_error_hz)

    def _change(self, key: str, value: float | None) -> None:
        with self._settings.changed(key, value) as scenario, self._lock:
            settings = scenario.precompensation
            if self._precompensator is not None:
                errors = settings.timing_advance_error, settings.doppler_error
                self._precompensator.set_errors(*errors)

    def make_processor(self) -> Precompensator | None:
        with self._lock:
            self._precompensator = transmission.precompensator(self._settings.scenario)
            return self._precompensator

    @guarded(-1)
    def general_work(self, input_items, output_items):
        if self._processor is not None:
            with self._lock:
                return super().general_work(input_items, output_items)
        count = min(len(output_items[0]), *map(len, input_items))
        for output, samples in zip(output_items, input_items, strict=True):
            output[:count] = samples[:count]
        for tag in self.get_tags_in_window(0, 0, count, pmt_keys.FRAME):
            self.add_item_tag(0, tag.offset, tag.key, tag.value)
        self.consume_each(count)
        return count

    def send_tags(self, tags: Sequence[Any]) -> None:
        assert self._precompensator is not None
        rate = self._settings.scenario.sample_rate
        arrivals = np.array([tag.offset for tag in tags])
        advance = self._precompensator.advance_of(arrivals / rate)
        for tag, start in zip(tags, np.rint(arrivals - advance * rate), strict=True):
            index, _ = pmt_keys.frame_from_tag(tag.value)
            value = pmt_keys.frame_to_tag(index, tag.offset)
            if start >= 0:  # of one that had to leave earlier, the beginning is lost
                self.add_item_tag(0, int(start), pmt_keys.FRAME, value)
