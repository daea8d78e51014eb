# SPDX-License-Identifier: GPL-3.0-or-later
"""OTFS: data on a delay-Doppler grid, spread by a unitary transform over an OFDM frame."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .numerology import Numerology
from .ofdm import demodulate, modulate

__all__ = ["delay_doppler_grid", "otfs_demodulate", "otfs_modulate", "time_frequency_grid"]

Complex = NDArray[np.complexfloating]


def time_frequency_grid(grid: Complex) -> Complex:
    """Inverse symplectic Fourier transform, unitary: delay-Doppler to time-frequency.

    X[n, m] = sum_kl x[k, l] exp(j 2 pi (n k / N - m l / M)) / sqrt(N M)

    Parameters
    ----------
    grid
        (..., N, M), Doppler bins k by delay bins l.

    Returns
    -------
    Complex
        (..., N, M), symbols n by subcarriers m, in the grid's precision.

    References
    ----------
    R. Hadani et al., "Orthogonal time frequency space modulation", WCNC 2017.
    """
    spread = scipy.fft.ifft(grid, axis=-2, norm="ortho")
    return np.asarray(scipy.fft.fft(spread, axis=-1, norm="ortho"))


def delay_doppler_grid(grid: Complex) -> Complex:
    """Symplectic Fourier transform (..., N, M): the inverse of `time_frequency_grid`."""
    spread = scipy.fft.fft(grid, axis=-2, norm="ortho")
    return np.asarray(scipy.fft.ifft(spread, axis=-1, norm="ortho"))


def otfs_modulate(grid: Complex, numerology: Numerology) -> Complex:
    """Samples (..., frame_length) of delay-Doppler grids (..., Ms, Nsc).

    Every symbol has its own prefix, so that an OFDM receiver can take the frame.
    """
    return modulate(time_frequency_grid(grid), numerology)


def otfs_demodulate(samples: Complex, numerology: Numerology) -> Complex:
    """Delay-Doppler grids (..., Ms, Nsc) of samples (..., frame_length)."""
    return delay_doppler_grid(demodulate(samples, numerology))
