# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of an OFDM pilot frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numerology"]


@dataclass(frozen=True)
class Numerology:
    """A pilot frame and how often it is sent.

    Args:
        carrier_frequency: f_c [Hz].
        subcarrier_spacing: f_s of the paper [Hz].
        fft_size: samples of a symbol without its prefix.
        cyclic_prefix: samples of the prefix.
        subcarriers: Nsc occupied subcarriers, centred on the carrier. Subcarrier ``Nsc // 2`` is
            at DC, and is used.
        symbols: Ms pilot symbols in a frame, back to back.
        frame_period: samples from the start of one frame to the start of the next.

    Raises:
        ValueError: the frame does not fit its period, or the subcarriers the transform.
    """

    carrier_frequency: float
    subcarrier_spacing: float
    fft_size: int
    cyclic_prefix: int
    subcarriers: int
    symbols: int
    frame_period: int

    def __post_init__(self) -> None:
        if self.subcarriers > self.fft_size:
            raise ValueError(
                f"{self.subcarriers} subcarriers do not fit a {self.fft_size}-point FFT; "
                "use fewer subcarriers or a larger fft_size"
            )
        if self.frame_period < self.frame_length:
            raise ValueError(
                f"a frame of {self.frame_length} samples does not fit a period of "
                f"{self.frame_period}; use a longer frame_period or fewer symbols"
            )

    @property
    def sample_rate(self) -> float:
        """Complex samples a second [Hz]."""
        return self.fft_size * self.subcarrier_spacing

    @property
    def symbol_length(self) -> int:
        """Samples of a symbol with its prefix."""
        return self.fft_size + self.cyclic_prefix

    @property
    def frame_length(self) -> int:
        """Samples of the pilot symbols of a frame."""
        return self.symbols * self.symbol_length

    @property
    def window_advance(self) -> int:
        """Samples by which the receiver's transform window reaches into the prefix.

        A symbol's band-limited edges ring, before as well as after them: without an advance the
        next symbol rings into the window of a path that is not late at all.
        """
        return -(-self.cyclic_prefix // 16)

    @property
    def symbol_times(self) -> NDArray[np.float64]:
        """(Ms,) start of each symbol after the start of the frame, t_m = m (T + T_cp) [s]."""
        return np.arange(self.symbols) * self.symbol_length / self.sample_rate

    @property
    def bins(self) -> NDArray[np.int_]:
        """(Nsc,) FFT bin of each subcarrier, lowest frequency first."""
        return (np.arange(self.subcarriers) - self.subcarriers // 2) % self.fft_size

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """(Nsc,) baseband frequency f_n of each subcarrier [Hz]."""
        return (np.arange(self.subcarriers) - self.subcarriers // 2) * self.subcarrier_spacing
