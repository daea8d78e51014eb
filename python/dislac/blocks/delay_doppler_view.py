# SPDX-License-Identifier: GPL-3.0-or-later
"""A live view of the delay-Doppler matched filter."""

from threading import Lock
from typing import Any

import numpy as np
from gnuradio import gr
from numpy.typing import NDArray

from ..estimation import DelayDoppler, Estimate
from ..estimation.delay_doppler import combined
from ..scenario import Scenario, truth
from . import pmt_keys
from ._lifecycle import Guarded, guarded, message_handler

__all__ = ["delay_doppler_view"]

_UPSAMPLING = 16
"""Points of the picture a resolution cell, either way."""


class delay_doppler_view(Guarded, gr.sync_block):
    """Shows the newest frame vector through the delay-Doppler matched filter, in a Qt window.

    Delays are those that the scenario's estimator looks at, Dopplers as far as the symbols tell
    them apart. Levels are in decibels over what white noise of the frame's energy would have.

    With paths (PDUs of a path estimator on the port `paths`) the chains are combined coherently, as
    they hear the first of the newest paths. Without, |.|^2 of the chains are added up; beams that
    change from symbol to symbol then smear the Doppler.

    Args:
        scenario: arrays, beams, numerology and delay window come from here.
        update_rate: how often the window is drawn anew at most [Hz]; frames in between cost
            nothing.

    Raises:
        ValueError: the update rate is not positive.
    """

    def __init__(self, scenario: Scenario, update_rate: float = 10.0) -> None:
        if not update_rate > 0:
            raise ValueError(f"update_rate is {update_rate}; it must be positive")
        # Needs Qt, which is nobody's business but a window's
        from ._delay_doppler_widget import DelayDopplerWidget

        self._newest = _Newest(scenario)
        size = int(np.prod(self._newest.model.shape))
        gr.sync_block.__init__(self, "delay_doppler_view", [(np.complex64, size)], None)
        self.prepare()
        # Not `take_messages`: a picture more or less does not matter at the end.
        self.message_port_register_in(pmt_keys.PATHS)
        self.set_msg_handler(pmt_keys.PATHS, self.handle_paths)
        self._widget = DelayDopplerWidget(
            self._newest.matched_filter,
            scenario.propagation_speed,
            self._newest.picture,
            update_rate,
        )

    def qwidget(self) -> Any:
        """The window, to be put into a layout."""
        return self._widget

    def begin(self) -> None:
        self._newest.clear()

    @message_handler
    def handle_paths(self, message: Any) -> None:
        self._newest.take_estimate(pmt_keys.estimate_from_pdu(message)[0])

    @guarded(-1)
    def work(self, input_items, output_items):
        vectors = input_items[0]
        last = len(vectors) - 1
        index = self.nitems_read(0) + last
        for tag in self.get_tags_in_window(0, last, last + 1, pmt_keys.FRAME):
            index, _ = pmt_keys.frame_from_tag(tag.value)
        self._newest.take_frame(vectors[last], index)
        return len(vectors)


class _Newest:
    """The newest frame and the newest paths, left lying until the window looks at them."""

    def __init__(self, scenario: Scenario) -> None:
        symbol = scenario.numerology.symbol_length / scenario.sample_rate
        self.model = truth.snapshot_model(scenario)
        self.matched_filter = DelayDoppler(
            self.model.symbol_times,
            self.model.frequencies,
            scenario.estimator.delay_window,
            (-0.5 / symbol, 0.5 / symbol),
            _UPSAMPLING,
            self.model.offsets,
        )
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._frame: tuple[NDArray[np.complex64], int] | None = None
            self._estimate: Estimate | None = None

    def take_estimate(self, estimate: Estimate) -> None:
        with self._lock:
            self._estimate = estimate

    def take_frame(self, vector: NDArray[np.complex64], index: int) -> None:
        with self._lock:
            self._frame = vector.copy(), index

    def picture(self) -> Any:
        """The picture of the newest frame; None if it has been taken before."""
        from ._delay_doppler_widget import Picture

        with self._lock:
            taken, self._frame = self._frame, None
            estimate = self._estimate
        if taken is None:
            return None
        frame, index = taken[0].reshape(self.model.shape), taken[1]
        if estimate is None or not estimate.detected:
            gain = self.matched_filter.gain(np.moveaxis(frame, -1, 0))
            k, d = np.unravel_index(int(np.argmax(gain)), gain.shape)
            delay, doppler = self.matched_filter.delays[d], self.matched_filter.dopplers[k]
            return Picture(index, gain, float(delay), float(doppler), matched=False)
        paths = estimate.paths
        together = combined(frame, self.model.response(paths.arrival[0], paths.departure[0]))
        peak = self.matched_filter.peak(together)
        gain = self.matched_filter.gain(together)
        return Picture(index, gain, peak.delay, peak.doppler, matched=True)
