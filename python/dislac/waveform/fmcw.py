# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear chirps (FMCW): what beat frequencies say about range and range rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import SPEED_OF_LIGHT

__all__ = ["Chirp"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chirp:
    """A linear chirp of a monostatic radar, sent upwards and downwards in turn.

    A beat frequency is that of transmitted times conjugate received signal. Range and range rate
    (positive when receding) are those in the middle of the chirp. What the target's motion adds
    within a chirp is left out: the part 2 v / c of the range, 5 m of 100 km at 7.5 km/s.

    Parameters
    ----------
    carrier_frequency
        f_c [Hz].
    bandwidth
        B, swept within a chirp [Hz].
    duration
        T of a chirp [s].

    Raises
    ------
    ValueError
        a number that is not above zero.

    Examples
    --------
    Two beats give range and range rate without the coupling that one has.

    >>> from gnuradio.dislac.waveform.fmcw import Chirp
    >>> chirp = Chirp(carrier_frequency=10e9, bandwidth=1e6, duration=1e-3)
    >>> up, down = chirp.beats(distance=100e3, range_rate=7500.0)
    >>> f"{chirp.apparent_range(up) / 1e3:.1f} km"
    '175.0 km'
    >>> distance, rate = chirp.solve(up, down)
    >>> f"{distance / 1e3:.1f} km, {rate:.1f} m/s"
    '100.0 km, 7500.0 m/s'
    """

    carrier_frequency: float
    bandwidth: float
    duration: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < np.inf:
                raise ValueError(f"{name} is {value:g}; give more than 0")

    @property
    def range_bias_per_velocity(self) -> float:
        """Range error of one chirp a unit of range rate, f_c T / B [s]: range-Doppler coupling."""
        return self.carrier_frequency * self.duration / self.bandwidth

    def beats(self, distance: ArrayLike, range_rate: ArrayLike) -> tuple[Floats, Floats]:
        """Beat frequencies of the up-chirp and the down-chirp [Hz], of the broadcast shape.

        2 (B R / T + f_c v) / c and 2 (B R / T - f_c v) / c; the sign of the second is that of a
        spectrum which has been turned over.

        Parameters
        ----------
        distance
            R [m].
        range_rate
            v [m/s].
        """
        by_range = self.bandwidth / self.duration * np.asarray(distance, dtype=float)
        by_rate = self.carrier_frequency * np.asarray(range_rate, dtype=float)
        return (
            np.asarray(2 * (by_range + by_rate) / SPEED_OF_LIGHT),
            np.asarray(2 * (by_range - by_rate) / SPEED_OF_LIGHT),
        )

    def apparent_range(self, up: ArrayLike) -> Floats:
        """Range that an up-chirp's beat [Hz] means if the target is taken to stand still [m]."""
        slope = self.bandwidth / self.duration
        return np.asarray(np.asarray(up, dtype=float) * SPEED_OF_LIGHT / (2 * slope))

    def solve(self, up: ArrayLike, down: ArrayLike) -> tuple[Floats, Floats]:
        """Range [m] and range rate [m/s] from the beats of both chirps [Hz]."""
        up, down = np.asarray(up, dtype=float), np.asarray(down, dtype=float)
        distance = self.apparent_range((up + down) / 2)
        rate = SPEED_OF_LIGHT * (up - down) / (4 * self.carrier_frequency)
        return distance, np.asarray(rate)
