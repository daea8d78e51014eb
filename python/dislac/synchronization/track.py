# SPDX-License-Identifier: GPL-3.0-or-later
"""Delay and carrier of the direct path, filtered from frame to frame."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..waveform import Numerology
from .reference import DirectPathMeasurement

__all__ = ["CLOCK_OFFSET", "DirectPathTrack", "Prediction", "TwoStateKalman"]

Floats = NDArray[np.float64]

CLOCK_OFFSET = 25e-6
"""Standard deviation of a sample clock's rate before it is known."""

CLOCK_WANDER, CARRIER_WANDER = 1e-7, 1e3
"""By how much the clock's rate, and the carrier's drift [Hz/s], change in a second; of the drift it
is also the standard deviation before it is known."""

OUTLIER = 6.0
"""Standard deviations from what is expected at which a measurement is none of the direct path."""

TOLERATED_DELAY, TOLERATED_CARRIER = 0.01, 20.0
"""Deviations that are never outliers [samples], [Hz]."""

WIDE = 3.0
"""Samples about its expected position where the direct path is looked for after a search."""


class TwoStateKalman:
    """Kalman filter of a number and of its rate, which wanders.

    Parameters
    ----------
    wander
        spectral density of the rate's change [1/s^2/sqrt(s) of the number's unit].
    """

    def __init__(self, wander: float) -> None:
        self._density = wander**2
        self.state: Floats = np.zeros(2)
        self.covariance: Floats = np.zeros((2, 2))
        self.time = 0.0

    def set(self, time: float, value: float, variance: float, rate_variance: float) -> None:
        """Begins again with a value, and nothing known of the rate but its variance."""
        self.time, self.state = time, np.array([value, 0.0])
        self.covariance = np.diag([variance, rate_variance])

    def predict(self, time: float) -> tuple[float, float]:
        """Value and its variance at a time."""
        state, covariance = self._ahead(time)
        return float(state[0]), float(covariance[0, 0])

    def update(self, time: float, error: float, variance: float) -> float:
        """Takes a measurement in, given by how far it lies from the prediction; the value."""
        state, covariance = self._ahead(time)
        gain = covariance[:, 0] / (covariance[0, 0] + variance)
        self.time, self.state = time, state + gain * error
        covariance = covariance - np.outer(gain, covariance[0])
        self.covariance = 0.5 * (covariance + covariance.T)
        return float(self.state[0])

    def _ahead(self, time: float) -> tuple[Floats, Floats]:
        step = time - self.time
        move = np.array([[1.0, step], [0.0, 1.0]])
        grown = self._density * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        return move @ self.state, move @ self.covariance @ move.T + np.abs(grown)


class Prediction(NamedTuple):
    """Samples by which a frame comes late and its carrier [Hz], with their variances."""

    late: float
    late_variance: float
    carrier: float
    carrier_variance: float


class DirectPathTrack:
    """The direct path's timing and carrier, from the frame with which it begins.

    Parameters
    ----------
    numerology
        Of the frames.

    Attributes
    ----------
    begun
        Whether there ever was a frame.
    verified
        Whether the direct path has been measured since the track began (again).
    wide
        Whether it may lie some samples from where it is expected.
    """

    def __init__(self, numerology: Numerology) -> None:
        self._rate = numerology.sample_rate
        self._period, self._length = numerology.frame_period, numerology.frame_length
        self._late = TwoStateKalman(CLOCK_WANDER * self._rate)
        self._carrier = TwoStateKalman(CARRIER_WANDER)
        self._origin = 0.0  # sample at which frame 0 begins, but for what frames come late
        self.begun = self.verified = self.wide = False

    def begin(self, index: int, place: float, carrier: float) -> None:
        """Begin to track at a frame whose place [samples] and carrier [Hz] are roughly known."""
        time = self._time(index)
        self._origin = place - index * self._period
        self._late.set(time, 0.0, 0.5, (CLOCK_OFFSET * self._rate) ** 2)
        width = self._rate / self._length
        self._carrier.set(time, carrier, (width / 4) ** 2, CARRIER_WANDER**2)
        self.begun, self.verified, self.wide = True, False, True

    def shift(self, samples: float) -> None:
        """Move all frames by a number of samples."""
        self._origin += samples

    def expected(self, index: int) -> tuple[int, float]:
        """Sample at which a frame's window begins, and how much later the frame is expected to."""
        late, _ = self._late.predict(self._time(index))
        begin = self._origin + late
        whole = round(begin)
        return index * self._period + whole, begin - whole

    def index_at(self, sample: int) -> float:
        """Number of frames before a sample."""
        guess = (sample - self._origin) / self._period
        late, _ = self._late.predict(guess * self._period / self._rate)
        return (sample - self._origin - late) / self._period

    def predict(self, index: int) -> Prediction:
        """Return what is expected of a frame."""
        time = self._time(index)
        return Prediction(*self._late.predict(time), *self._carrier.predict(time))

    @property
    def dilation(self) -> float:
        """Seconds by which frames come later in a second."""
        return float(self._late.state[1]) / self._rate

    def spans(self, prediction: Prediction) -> tuple[float, float]:
        """Samples and Hz about the expected in which the direct path is looked for; 0: nearby."""
        late = max(4 * np.sqrt(prediction.late_variance), WIDE * self.wide)
        carrier = 4 * np.sqrt(prediction.carrier_variance)
        return (
            late if late > 0.5 else 0.0,
            carrier if carrier > self._rate / self._length / 4 else 0.0,
        )

    def outlier(self, found: DirectPathMeasurement, prediction: Prediction) -> str:
        """Say how a measurement cannot be what was tracked before; empty if it can."""
        if not self.verified:
            return ""
        variance = prediction.late_variance + found.delay_variance + TOLERATED_DELAY**2
        if found.delay**2 / variance > OUTLIER**2:
            return f"the direct path's timing jumped by {found.delay:.2f} samples"
        variance = prediction.carrier_variance + found.carrier_variance + TOLERATED_CARRIER**2
        if found.carrier**2 / variance > OUTLIER**2:
            return f"the direct path's carrier jumped by {found.carrier:.0f} Hz"
        return ""

    def update(self, index: int, found: DirectPathMeasurement) -> tuple[float, float]:
        """Take a measurement in; samples by which the frame is late, and its carrier [Hz]."""
        time = self._time(index)
        late = self._late.update(time, found.delay, found.delay_variance)
        carrier = self._carrier.update(time, found.carrier, found.carrier_variance)
        self.wide, self.verified = False, True
        return late, carrier

    def _time(self, index: int) -> float:
        """The time that the filters count by [s]."""
        return index * self._period / self._rate
