# SPDX-License-Identifier: GPL-3.0-or-later
"""CP-OFDM: resource grids to samples and back, unitary, on any number of chains at once."""

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .numerology import Numerology

__all__ = [
    "demodulate",
    "intercarrier_interference",
    "intercarrier_leakage",
    "intersymbol_leakage",
    "modulate",
]


def modulate(
    grid: NDArray[np.complexfloating], numerology: Numerology
) -> NDArray[np.complexfloating]:
    """Samples (..., frame_length) of resource grids (..., Ms, Nsc), in the grid's precision.

    Parameters
    ----------
    grid
        (..., Ms, Nsc) resource grids.
    numerology
        of the frame.

    References
    ----------
    TS 38.211 clause 5.3.1 (scaled by 1 / sqrt(fft_size)).

    Examples
    --------
    The subcarrier in the middle is at DC: alone, it makes all samples equal.

    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import Numerology, modulate
    >>> numerology = Numerology(1e9, 15e3, 64, 16, subcarriers=5, symbols=2, frame_period=160)
    >>> samples = modulate(np.array(2 * [[0, 0, 1, 0, 0]], complex), numerology)
    >>> samples.shape, np.allclose(samples, 1 / np.sqrt(64))
    ((160,), True)
    """
    spectrum = np.zeros((*grid.shape[:-1], numerology.fft_size), dtype=grid.dtype)
    spectrum[..., numerology.bins] = grid
    symbol = scipy.fft.ifft(spectrum, norm="ortho", overwrite_x=True)
    if isinstance(numerology.cyclic_prefix, tuple):
        return symbol.reshape(*grid.shape[:-2], -1)[..., _sent(numerology)]
    prefix = symbol[..., symbol.shape[-1] - numerology.cyclic_prefix :]
    with_prefix = np.concatenate([prefix, symbol], axis=-1)
    return with_prefix.reshape(*grid.shape[:-2], -1)


def demodulate(
    samples: NDArray[np.complexfloating], numerology: Numerology
) -> NDArray[np.complexfloating]:
    """Resource grids (..., Ms, Nsc) of samples (..., frame_length), in the samples' precision.

    The transform window of a symbol begins `window_advance` samples before the end of its
    prefix: a path may be late by what remains of the prefix, and early by the advance.

    Parameters
    ----------
    samples
        (..., frame_length), from the first symbol's prefix on.
    numerology
        of the frame.

    Examples
    --------
    In a frame that is 3 samples late, subcarrier n is turned by exp(-j 2 pi n 3 / 64), and nothing
    else happens: the prefix is longer.

    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import Numerology, demodulate, modulate
    >>> numerology = Numerology(1e9, 15e3, 64, 16, subcarriers=5, symbols=2, frame_period=160)
    >>> samples = modulate(np.ones((2, 5), complex), numerology)
    >>> late = demodulate(np.roll(samples, 3), numerology)
    >>> np.allclose(late, np.exp(-2j * np.pi * np.arange(-2, 3) * 3 / 64))
    True
    """
    if isinstance(numerology.cyclic_prefix, tuple):
        window = samples[..., _windows(numerology)]
    else:
        length = numerology.fft_size + numerology.cyclic_prefix
        symbols = samples.reshape(*samples.shape[:-1], numerology.symbols, length)
        first = numerology.cyclic_prefix - numerology.window_advance
        window = symbols[..., first : first + numerology.fft_size]
    spectrum = scipy.fft.fft(window, norm="ortho")[..., numerology.bins]
    advance = numerology.window_advance / numerology.sample_rate
    ramp = np.exp(2j * np.pi * numerology.frequencies * advance)
    return spectrum * ramp.astype(samples.dtype)


def intersymbol_leakage(
    grid: NDArray[np.complexfloating],
    numerology: Numerology,
    early: int,
    following: NDArray[np.complexfloating] | None = None,
) -> NDArray[np.complexfloating]:
    """Inter-symbol interference (..., Ms, Nsc) in a frame that arrives `early` samples too early.

    It is zero up to `window_advance` samples. From there on the last samples of each transform
    window belong to the next symbol.

    Parameters
    ----------
    grid
        (..., Ms, Nsc) resource grids of the frame.
    numerology
        of the frame.
    early
        number of samples, 0 or more.
    following
        (..., Ms, Nsc) grids of a frame that follows without a gap; None for silence.
    """
    samples = modulate(grid, numerology)
    after = np.zeros_like(samples) if following is None else modulate(following, numerology)
    moved = np.concatenate([samples[..., early:], after[..., :early]], axis=-1)
    turn = np.exp(2j * np.pi * numerology.frequencies * early / numerology.sample_rate)
    return np.asarray(demodulate(moved, numerology) - grid * turn.astype(grid.dtype))


def intercarrier_leakage(
    grid: NDArray[np.complexfloating], numerology: Numerology
) -> NDArray[np.complexfloating]:
    """Inter-carrier interference (..., Ms, Nsc) of resource grids that are a little too high in
    frequency, per hertz: the derivative, but for the turn of whole symbols."""
    turn = (2j * np.pi * _window_times(numerology)).astype(grid.dtype)
    return np.asarray(demodulate(modulate(grid, numerology) * turn, numerology))


def intercarrier_interference(
    grid: NDArray[np.complexfloating], numerology: Numerology, shift: float
) -> NDArray[np.complexfloating]:
    """Inter-carrier interference (..., Ms, Nsc) of resource grids that are too high in frequency by
    a shift [Hz], the turn of whole symbols taken off.

    What the elements lose themselves is part of it.
    """
    turn = np.expm1(2j * np.pi * shift * _window_times(numerology)).astype(grid.dtype)
    return np.asarray(demodulate(modulate(grid, numerology) * turn, numerology))


@lru_cache(maxsize=4)
def _sent(numerology: Numerology) -> NDArray[np.int64]:
    """(frame_length,) which of the symbols' Ms fft_size samples is sent when."""
    lengths = numerology.symbol_lengths
    symbol = np.repeat(np.arange(numerology.symbols), lengths)
    ends = numerology.symbol_starts + numerology.prefixes
    within = (np.arange(numerology.frame_length) - ends[symbol]) % numerology.fft_size
    return np.asarray(symbol * numerology.fft_size + within)


@lru_cache(maxsize=4)
def _window_times(numerology: Numerology) -> NDArray[np.float64]:
    """(frame_length,) time of each sample since the middle of its symbol's transform window [s]."""
    first = numerology.symbol_starts + numerology.prefixes - numerology.window_advance
    middle = np.repeat(first + (numerology.fft_size - 1) / 2, numerology.symbol_lengths)
    return np.asarray((np.arange(numerology.frame_length) - middle) / numerology.sample_rate)


@lru_cache(maxsize=4)
def _windows(numerology: Numerology) -> NDArray[np.int64]:
    """(Ms, fft_size) samples that each symbol's transform takes."""
    first = numerology.symbol_starts + numerology.prefixes - numerology.window_advance
    return np.asarray(first[:, None] + np.arange(numerology.fft_size))
