# SPDX-License-Identifier: GPL-3.0-or-later
"""OFDM under Doppler: interference between subcarriers, as a figure and as a channel matrix."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.special import sici

from ..waveform import Numerology

__all__ = ["carrier_to_interference", "mean_carrier_to_interference", "symbol_channels"]

Floats = NDArray[np.float64]


def carrier_to_interference(normalized_doppler: ArrayLike) -> Floats:
    """Power of a subcarrier over what all others leak into it, of the argument's shape.

    sinc^2 / (1 - sinc^2), all of many subcarriers being equally strong. Infinite without Doppler.

    Parameters
    ----------
    normalized_doppler
        Doppler over subcarrier spacing.
    """
    e = np.asarray(normalized_doppler, dtype=float)
    with np.errstate(divide="ignore"):
        return _ratio(np.square(np.sinc(e), dtype=float))


def mean_carrier_to_interference(spread: ArrayLike) -> Floats:
    """The same where the Doppler is uniform from -spread to spread: mean power over mean power.

    The mean of sinc^2 is (Si(2 pi a) - sin^2(pi a) / (pi a)) / (pi a).

    Parameters
    ----------
    spread
        a, above 0, over the subcarrier spacing.
    """
    a = np.pi * np.asarray(spread, dtype=float)
    return _ratio((sici(2 * a)[0] - np.sin(a) ** 2 / a) / a)


def _ratio(kept: Floats) -> Floats:
    return np.asarray(kept / (1 - kept))


def symbol_channels(
    gain: ArrayLike, delay: ArrayLike, doppler: ArrayLike, numerology: Numerology
) -> NDArray[np.complex128]:
    """Channel matrices (..., Ms, Nsc, Nsc) of the symbols of a frame.

    ``H[m] @ X[m]`` is what `waveform.demodulate` makes of a symbol X[m] that has come over paths
    with constant Doppler shifts. Off the diagonal stands what Doppler takes from one subcarrier to
    another. With f the subcarriers' frequencies, t_m the start of window m, nu the Doppler and
    leak(d) = sum_i exp(j 2 pi (nu / f_s - d / N) i) / N:
    H[m, q, k] = sum_l gain_l exp(j 2 pi nu_l t_m) leak_l(q - k) exp(-j 2 pi f_k delay_l).

    Parameters
    ----------
    gain
        (..., L) complex amplitudes, with the carrier's phase at the frame's start.
    delay
        (..., L) from zero to what the prefix holds [s].
    doppler
        (..., L) [Hz].
    numerology
        of the frame.
    """
    g, tau, nu = (np.asarray(x)[..., None] for x in (gain, delay, doppler))
    n = numerology
    advance = n.window_advance / n.sample_rate
    windows = n.symbol_times + int(n.prefixes[0]) / n.sample_rate - advance
    turn = g * np.exp(2j * np.pi * nu * windows)  # (..., L, Ms)
    ramp = np.exp(-2j * np.pi * n.frequencies * tau)  # (..., L, Nsc)
    rotation = np.exp(2j * np.pi * nu * np.arange(n.fft_size) / n.sample_rate)
    leak = scipy.fft.fft(rotation, norm="forward")  # (..., L, N)
    # The demodulator takes the window's advance off by the ramp of the subcarrier it ends on.
    leak = leak * np.exp(2j * np.pi * np.arange(n.fft_size) * advance * n.subcarrier_spacing)
    step = np.subtract.outer(np.arange(n.subcarriers), np.arange(n.subcarriers))
    leakage = leak[..., step % n.fft_size] * ramp[..., None, :]
    flat = leakage.reshape(*leakage.shape[:-2], n.subcarriers**2)
    channels = np.swapaxes(turn, -1, -2) @ flat
    return np.asarray(channels.reshape(*channels.shape[:-1], n.subcarriers, n.subcarriers))
