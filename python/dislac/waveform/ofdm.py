# SPDX-License-Identifier: GPL-3.0-or-later
"""CP-OFDM: resource grids to samples and back, unitary, on any number of chains at once."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .numerology import Numerology

__all__ = ["demodulate", "modulate"]


def modulate(
    grid: NDArray[np.complexfloating], numerology: Numerology
) -> NDArray[np.complexfloating]:
    """Samples (..., frame_length) of resource grids (..., Ms, Nsc), in the grid's precision."""
    spectrum = np.zeros((*grid.shape[:-1], numerology.fft_size), dtype=grid.dtype)
    spectrum[..., numerology.bins] = grid
    symbol = scipy.fft.ifft(spectrum, norm="ortho", overwrite_x=True)
    prefix = symbol[..., symbol.shape[-1] - numerology.cyclic_prefix :]
    with_prefix = np.concatenate([prefix, symbol], axis=-1)
    return with_prefix.reshape(*grid.shape[:-2], -1)


def demodulate(
    samples: NDArray[np.complexfloating], numerology: Numerology
) -> NDArray[np.complexfloating]:
    """Resource grids (..., Ms, Nsc) of samples (..., frame_length), in the samples' precision.

    The transform window of a symbol begins `window_advance` samples before the end of its
    prefix: a path may be late by what remains of the prefix, and early by the advance.
    """
    symbols = samples.reshape(*samples.shape[:-1], numerology.symbols, numerology.symbol_length)
    first = numerology.cyclic_prefix - numerology.window_advance
    window = symbols[..., first : first + numerology.fft_size]
    spectrum = scipy.fft.fft(window, norm="ortho")[..., numerology.bins]
    advance = numerology.window_advance / numerology.sample_rate
    ramp = np.exp(2j * np.pi * numerology.frequencies * advance)
    return spectrum * ramp.astype(samples.dtype)
