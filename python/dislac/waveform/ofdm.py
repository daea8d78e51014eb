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

    The transform window of a symbol starts at the end of its prefix, so a path may be late by as
    much as the prefix, but not early.
    """
    symbols = samples.reshape(*samples.shape[:-1], numerology.symbols, numerology.symbol_length)
    spectrum = scipy.fft.fft(symbols[..., numerology.cyclic_prefix :], norm="ortho")
    return spectrum[..., numerology.bins]
