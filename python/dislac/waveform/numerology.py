# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of an OFDM pilot frame."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numerology", "nr_cyclic_prefixes", "nr_mu", "nr_slot_symbols"]


def nr_slot_symbols(extended: bool = False) -> int:
    """Symbols of a slot: 14, or 12 with the extended prefix. Source: TS 38.211 clause 4.3.2."""
    return 12 if extended else 14


def nr_cyclic_prefixes(
    mu: int, fft_size: int, *, extended: bool = False, first_slot: int = 0, slots: int = 1
) -> tuple[int, ...]:
    """Samples of the prefix of each symbol of some consecutive slots.

    The normal prefix is 9/128 of a symbol, and 16 kappa T_c = 0.52 us longer at the beginning of
    each half of a subframe; the extended one is a quarter of a symbol, always. (Clause 4.2 has the
    extended prefix with mu = 2 only; here it goes with any.)

    Parameters
    ----------
    mu
        subcarrier spacing 15 kHz 2^mu, 0 to 6.
    fft_size
        samples of a symbol without its prefix, at any oversampling.
    extended
        which prefix.
    first_slot
        number of the first slot within its subframe, or within any earlier one.
    slots
        how many.

    Raises
    ------
    ValueError
        a prefix is no whole number of samples, or mu is not 0 to 6.

    References
    ----------
    TS 38.211 clause 5.3.1.

    Examples
    --------
    Half a subframe at 15 kHz, at a transform of 2048 points.

    >>> from gnuradio.dislac.waveform import nr_cyclic_prefixes
    >>> nr_cyclic_prefixes(mu=0, fft_size=2048)[:7]
    (160, 144, 144, 144, 144, 144, 144)
    """
    if mu not in range(7):
        raise ValueError(f"mu is {mu}; give 0 to 6, for subcarrier spacings of 15 kHz to 960 kHz")
    per_slot = nr_slot_symbols(extended)
    symbol = first_slot * per_slot + np.arange(slots * per_slot)
    # In units of which a symbol without its prefix has 2048.
    units = np.full(symbol.shape, 512 if extended else 144)
    if not extended:
        units[symbol % (7 << mu) == 0] += 16 << mu
    if np.any(units * fft_size % 2048):
        step = 4 if extended else 128
        needed = "a quarter" if extended else "9/128"
        raise ValueError(
            f"fft_size is {fft_size}: {needed} of it is the prefix, and no whole number of "
            f"samples; use a multiple of {step}"
        )
    return tuple(map(int, units * fft_size // 2048))


@dataclass(frozen=True)
class Numerology:
    """A pilot frame and how often it is sent.

    Parameters
    ----------
    carrier_frequency
        f_c [Hz].
    subcarrier_spacing
        f_s of the paper [Hz].
    fft_size
        samples of a symbol without its prefix.
    cyclic_prefix
        samples of the prefix; or of the prefix of each symbol, where they differ.
    subcarriers
        Nsc occupied subcarriers, centred on the carrier. Subcarrier ``Nsc // 2`` is at DC, and is
        used.
    symbols
        Ms symbols in a frame, back to back.
    frame_period
        samples from the start of one frame to the start of the next.
    advance
        samples by which the receiver's transform window reaches into the prefix; None for a
        sixteenth of the shortest one. See `window_advance`.

    Raises
    ------
    ValueError
        the frame does not fit its period, the subcarriers the transform, the prefixes the symbols,
        or the advance the prefixes.

    Examples
    --------
    A slot of NR at 120 kHz with a prefix of 9/128, 10 resource blocks wide, sent every 0.25 ms.

    >>> from gnuradio.dislac.waveform import Numerology
    >>> numerology = Numerology(
    ...     carrier_frequency=28e9,
    ...     subcarrier_spacing=120e3,
    ...     fft_size=256,
    ...     cyclic_prefix=18,
    ...     subcarriers=120,
    ...     symbols=14,
    ...     frame_period=7680,
    ... )
    >>> f"{numerology.sample_rate / 1e6:.2f} MHz, {numerology.frame_length} samples"
    '30.72 MHz, 3836 samples'
    >>> f"{numerology.frame_period / numerology.sample_rate * 1e3:.2f} ms"
    '0.25 ms'
    """

    carrier_frequency: float
    subcarrier_spacing: float
    fft_size: int
    cyclic_prefix: int | tuple[int, ...]
    subcarriers: int
    symbols: int
    frame_period: int
    advance: int | None = None

    def __post_init__(self) -> None:
        if self.subcarriers > self.fft_size:
            raise ValueError(
                f"{self.subcarriers} subcarriers do not fit a {self.fft_size}-point FFT; "
                "use fewer subcarriers or a larger fft_size"
            )
        if isinstance(self.cyclic_prefix, tuple) and len(self.cyclic_prefix) != self.symbols:
            raise ValueError(
                f"cyclic_prefix has {len(self.cyclic_prefix)} lengths for {self.symbols} symbols; "
                "give one each, or one for all"
            )
        if self.frame_period < self.frame_length:
            raise ValueError(
                f"a frame of {self.frame_length} samples does not fit a period of "
                f"{self.frame_period}; use a longer frame_period or fewer symbols"
            )

        if not 0 <= self.window_advance <= self.shortest_prefix:
            raise ValueError(
                f"window_advance is {self.window_advance}; it must lie between 0 and the "
                f"{self.shortest_prefix} samples of the shortest prefix"
            )

    @property
    def sample_rate(self) -> float:
        """Complex samples a second [Hz]."""
        return self.fft_size * self.subcarrier_spacing

    @property
    def prefixes(self) -> NDArray[np.int64]:
        """(Ms,) samples of the prefix of each symbol."""
        return np.broadcast_to(np.asarray(self.cyclic_prefix, dtype=np.int64), self.symbols)

    @property
    def shortest_prefix(self) -> int:
        """Samples of the shortest prefix, which says how late a path may be."""
        prefix = self.cyclic_prefix
        return min(prefix) if isinstance(prefix, tuple) else prefix

    @property
    def symbol_length(self) -> int:
        """Samples of a symbol with its prefix, of the longest where they differ."""
        return int(self.symbol_lengths.max())

    @property
    def symbol_lengths(self) -> NDArray[np.int64]:
        """(Ms,) samples of each symbol with its prefix."""
        return self.fft_size + self.prefixes

    @property
    def symbol_starts(self) -> NDArray[np.int64]:
        """(Ms,) first sample of each symbol's prefix, counted from the start of the frame."""
        lengths = self.symbol_lengths
        return np.cumsum(lengths) - lengths

    @property
    def frame_length(self) -> int:
        """Samples of the symbols of a frame."""
        if isinstance(self.cyclic_prefix, tuple):
            return self.symbols * self.fft_size + sum(self.cyclic_prefix)
        return self.symbols * (self.fft_size + self.cyclic_prefix)

    @property
    def window_advance(self) -> int:
        """Samples by which the receiver's transform window reaches into the prefix.

        A symbol's band-limited edges ring, before as well as after them: without an advance the
        next symbol rings into the window of a path that is not late at all.
        """
        return -(-self.shortest_prefix // 16) if self.advance is None else self.advance

    @cached_property
    def symbol_times(self) -> NDArray[np.float64]:
        """(Ms,) when the prefix of each symbol ends, less that of the first [s].

        With equal prefixes t_m = m (T + T_cp).
        """
        ends = self.symbol_starts + self.prefixes
        times = np.asarray((ends - ends[0]) / self.sample_rate)
        times.setflags(write=False)
        return times

    @property
    def bins(self) -> NDArray[np.int_]:
        """(Nsc,) FFT bin of each subcarrier, lowest frequency first."""
        return (np.arange(self.subcarriers) - self.subcarriers // 2) % self.fft_size

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """(Nsc,) baseband frequency f_n of each subcarrier [Hz]."""
        index = np.arange(self.subcarriers, dtype=float) - self.subcarriers // 2
        frequencies = np.multiply(index, self.subcarrier_spacing)
        frequencies.setflags(write=False)
        return frequencies


def nr_mu(subcarrier_spacing: float) -> int:
    """mu of a subcarrier spacing [Hz].

    Raises
    ------
    ValueError
        it is none of NR's.

    References
    ----------
    TS 38.211 clause 4.2.
    """
    ratio = Fraction(subcarrier_spacing) / 15_000
    mu = ratio.numerator.bit_length() - 1
    if ratio != 1 << max(mu, 0) or mu > 6:
        raise ValueError(
            f"{subcarrier_spacing:g} Hz is no NR subcarrier spacing; use 15e3 times 1, 2, 4, 8, "
            "16, 32 or 64"
        )
    return mu
