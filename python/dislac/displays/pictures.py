# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a frame that displays show, made only when they ask."""

from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..estimation import AngularSpectrum, DelayDoppler, Estimate, without_constants
from ..estimation.angular_spectrum import AngularPeak
from ..estimation.delay_doppler import combined
from ..scenario import Scenario, routes, timing

__all__ = ["AngularPicture", "DelayDopplerPicture", "NewestFrame", "Pictures"]

Floats = NDArray[np.float64]

_UPSAMPLING = 16
"""Points of the delay-Doppler picture a resolution cell, either way."""


class NewestFrame:
    """The newest frame vector and the newest paths, left lying until somebody looks at them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._frame: tuple[NDArray[np.complex64], int] | None = None
            self._estimate: Estimate | None = None

    def put(self, vector: NDArray[np.complex64], index: int) -> None:
        with self._lock:
            self._frame = vector.copy(), index

    def put_estimate(self, estimate: Estimate) -> None:
        with self._lock:
            self._estimate = estimate

    def take(self) -> tuple[NDArray[np.complex64], int, Estimate | None] | None:
        """Vector, index and paths; None if the frame has been taken before."""
        with self._lock:
            taken, self._frame = self._frame, None
            return None if taken is None else (*taken, self._estimate)


class DelayDopplerPicture(NamedTuple):
    """The matched filter's output for a frame.

    Parameters
    ----------
    frame
        its index.
    gain
        (K, D) of the matched filter over white noise.
    at
        (Doppler, delay) of the greatest point of the grid.
    delay, doppler
        of the peak [s], [Hz].
    matched
        to the direction of a path, or else the sum over all chains.
    """

    frame: int
    gain: Floats
    at: tuple[int, int]
    delay: float
    doppler: float
    matched: bool


class AngularPicture(NamedTuple):
    """The power of a frame over directions of arrival.

    Parameters
    ----------
    gain
        (G, G) over white noise, u_x by u_y.
    peak
        where it is greatest.
    paths
        (L, 2) arrivals that the estimator has found.
    truth
        (2,) arrival from the target, NaN where it is not known.
    """

    gain: Floats
    peak: AngularPeak
    paths: Floats
    truth: Floats


class Pictures:
    """Makes pictures of frame vectors.

    Parameters
    ----------
    scenario
        arrays, beams, numerology and delay window come from here.
    """

    def __init__(self, scenario: Scenario) -> None:
        symbol = scenario.numerology.symbol_length / scenario.sample_rate
        self._scenario = scenario
        self.model = routes.snapshot_model(scenario)
        self.matched_filter = DelayDoppler(
            self.model.symbol_times,
            self.model.frequencies,
            scenario.windows.delay,
            (-0.5 / symbol, 0.5 / symbol),
            _UPSAMPLING,
            self.model.offsets,
        )
        self.spectrum = AngularSpectrum(self.model)
        # Seen from a satellite, all that the receiver hears lies where the receiver lies.
        self._departure = routes.directions(scenario, timing.reference_link(scenario), 0.0)[1]

    def delay_doppler(
        self, vector: NDArray[np.complex64], index: int, estimate: Estimate | None
    ) -> DelayDopplerPicture:
        """All chains as they hear the first path; without one, the sum of their powers."""
        frame = self._frame(vector)
        matched = estimate is not None and estimate.detected
        if estimate is not None and estimate.detected:
            paths = estimate.paths
            response = self.model.response(paths.arrival[0], paths.departure[0])
            together = combined(frame, response)
            gain = self.matched_filter.gain(together)
        else:
            gain = self.matched_filter.gain(np.moveaxis(frame, -1, 0))
        k, d = (int(n) for n in np.unravel_index(int(np.argmax(gain)), gain.shape))
        delay, doppler = self.matched_filter.delays[d], self.matched_filter.dopplers[k]
        if matched:
            delay, doppler, _ = self.matched_filter.peak(together, gain)
        return DelayDopplerPicture(index, gain, (k, d), float(delay), float(doppler), matched)

    def angular(
        self, vector: NDArray[np.complex64], index: int, estimate: Estimate | None
    ) -> AngularPicture:
        """At delay and Doppler of the first path; without one, at zero."""
        frame = self._frame(vector)
        departure, delay, doppler = self._departure, 0.0, 0.0
        arrivals: Floats = np.zeros((0, 2))
        if estimate is not None and estimate.detected:
            paths = estimate.paths
            departure, arrivals = paths.departure[0], paths.arrival
            delay, doppler = float(paths.delay[0]), float(paths.doppler[0])
        gain = self.spectrum.gain(frame, departure, doppler, delay)
        return AngularPicture(gain, self.spectrum.peak(gain), arrivals, self._truth(index))

    def _frame(self, vector: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """(Ms, Nsc, Nrf), the direct path taken off where the receiver does so, in a way that needs
        no other frames."""
        frame: NDArray[np.complex64] = vector.reshape(self.model.shape)
        if self._scenario.synchronization.removal != "none":
            frame = without_constants(frame)
        return frame

    def _truth(self, index: int) -> Floats:
        scenario = self._scenario
        if scenario.target is None:
            return np.full(2, np.nan)
        time = timing.frame_time(scenario, index)
        away = scenario.target.motion.state(time)[0] - scenario.receiver.motion.state(time)[0]
        return scenario.receiver.array.spatial_frequency(away / np.linalg.norm(away))
