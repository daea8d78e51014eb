# SPDX-License-Identifier: GPL-3.0-or-later
"""The delay-Doppler ambiguity of a pilot pattern."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ambiguity"]


def ambiguity(
    power: ArrayLike,
    symbol_times: ArrayLike,
    frequencies: ArrayLike,
    delays: ArrayLike,
    dopplers: ArrayLike,
) -> NDArray[np.float64]:
    """|chi| (K, D), one at its greatest: the matched filter's answer to a path, off by so much.

    chi(delay, doppler) = sum over m, n of P[m, n] exp(j 2 pi (doppler t_m - delay f_n)), over the
    sum of P. It is that of a receiver which transforms symbol by symbol and takes the pilots off:
    what they are does not matter, only where they are and how strong.

    Parameters
    ----------
    power
        (Ms, Nsc) of each element, or whether there is a pilot.
    symbol_times
        (Ms,) t_m [s].
    frequencies
        (Nsc,) f_n [Hz].
    delays
        (D,) by how much the delay is off [s].
    dopplers
        (K,) by how much the Doppler shift is [Hz].

    Examples
    --------
    The first null of 64 subcarriers in a row lies at a delay of 1 / bandwidth.

    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import ambiguity
    >>> frequencies = 120e3 * np.arange(64)
    >>> cut = ambiguity(np.ones((1, 64)), [0.0], frequencies, [0.0, 1 / (64 * 120e3)], [0.0])
    >>> np.round(cut, 9).tolist()
    [[1.0, 0.0]]
    """
    weight = np.asarray(power, dtype=float)
    t, f, tau, nu = map(np.asarray, (symbol_times, frequencies, delays, dopplers))
    by_delay = np.exp(-2j * np.pi * np.outer(f, tau))
    by_doppler = np.exp(2j * np.pi * np.outer(nu, t))
    return np.asarray(np.abs(by_doppler @ weight @ by_delay) / weight.sum())
