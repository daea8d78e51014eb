# SPDX-License-Identifier: GPL-3.0-or-later
"""QPSK to 256QAM with NR's Gray mapping: bits to symbols and back, and what theory says of it.

A symbol is two independent amplitudes: even bits choose the real one, odd bits the imaginary one.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc, logsumexp

__all__ = [
    "BITS_PER_SYMBOL",
    "bit_error_rate",
    "hard_bits",
    "map_bits",
    "mutual_information",
    "soft_bits",
]

Floats = NDArray[np.float64]
Bits = NDArray[np.uint8]

BITS_PER_SYMBOL = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
"""Q_m of each constellation, by its name."""


def map_bits(bits: ArrayLike, modulation: str) -> NDArray[np.complex128]:
    """Symbols (..., N) of unit mean power that carry bits (..., N Q_m).

    Parameters
    ----------
    bits
        zeros and ones.
    modulation
        one of `BITS_PER_SYMBOL`.

    Raises
    ------
    ValueError
        no such constellation, or bits left over.

    References
    ----------
    TS 38.211, 5.1.3 to 5.1.6.

    Examples
    --------
    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import hard_bits, map_bits
    >>> symbols = map_bits([0, 0, 1, 1], "qpsk")
    >>> np.allclose(symbols * np.sqrt(2), [1 + 1j, -1 - 1j])
    True
    >>> hard_bits(symbols + 0.1, "qpsk").tolist()
    [0, 0, 1, 1]
    """
    levels = _levels(modulation)
    b = np.asarray(bits, dtype=np.uint8)
    size = BITS_PER_SYMBOL[modulation]
    if b.shape[-1] % size:
        raise ValueError(f"{b.shape[-1]} bits do not fill {modulation} symbols of {size} bits")
    b = b.reshape(*b.shape[:-1], -1, size // 2, 2)
    chosen = levels[np.tensordot(b, _weights(size // 2), axes=(-2, 0))]
    return np.asarray(chosen[..., 0] + 1j * chosen[..., 1])


def hard_bits(symbols: ArrayLike, modulation: str) -> Bits:
    """Bits (..., N Q_m) of the constellation's points nearest to received symbols (..., N)."""
    levels = _levels(modulation)
    order = np.argsort(levels)
    borders = (levels[order][1:] + levels[order][:-1]) / 2
    chosen = order[np.searchsorted(borders, _axes(symbols))]  # (..., N, 2)
    bits = chosen[..., None, :] >> np.arange(BITS_PER_SYMBOL[modulation] // 2)[::-1, None] & 1
    return bits.reshape(*bits.shape[:-3], -1).astype(np.uint8)


def soft_bits(symbols: ArrayLike, noise_power: ArrayLike, modulation: str) -> Floats:
    """Log-likelihood ratios log P(0)/P(1) (..., N Q_m) of the bits, max-log.

    Parameters
    ----------
    symbols
        (..., N) received, the constellation at unit mean power.
    noise_power
        E|noise|^2 of each (broadcasts to (..., N)).
    modulation
        one of `BITS_PER_SYMBOL`.
    """
    levels = _levels(modulation)
    axes = _axes(symbols)
    distance = (axes[..., None] - levels) ** 2  # (..., N, 2, levels)
    ratios = np.stack(
        [
            distance[..., ~zero].min(axis=-1) - distance[..., zero].min(axis=-1)
            for zero in _zeros(modulation)
        ],
        axis=-2,
    )  # (..., N, Q_m / 2, 2)
    ratios /= np.asarray(noise_power, dtype=float)[..., None, None]
    return np.asarray(ratios.reshape(*ratios.shape[:-3], -1))


def bit_error_rate(modulation: str, snr: ArrayLike) -> Floats:
    """Probability of a bit error after hard decisions in white Gaussian noise, exact.

    Parameters
    ----------
    modulation
        one of `BITS_PER_SYMBOL`.
    snr
        symbol energy over noise power Es/N0, linear (...).

    Examples
    --------
    QPSK errs with the probability Q(sqrt(Es/N0)): 1e-3 at 9.8 dB.

    >>> from gnuradio.dislac.waveform import bit_error_rate
    >>> f"{bit_error_rate('qpsk', 10 ** 0.98):.2g}"
    '0.001'
    """
    levels = _levels(modulation)
    order = np.argsort(levels)
    borders = (levels[order][1:] + levels[order][:-1]) / 2
    # P(amplitude > border | level), whose differences are those of the decision regions
    above = erfc(np.sqrt(np.asarray(snr, float))[..., None, None] * (borders - levels[:, None])) / 2
    edge = np.ones((*above.shape[:-1], 1))
    regions = -np.diff(np.concatenate([edge, above, 0 * edge], axis=-1), axis=-1)
    size = BITS_PER_SYMBOL[modulation] // 2
    wrong = (np.arange(len(levels))[:, None] ^ order)[..., None] >> np.arange(size) & 1
    return np.asarray(np.sum(regions * wrong.mean(axis=-1), axis=(-1, -2)) / len(levels))


def mutual_information(modulation: str, snr: ArrayLike) -> Floats:
    """Bits a symbol that bit-interleaved coding can carry in white Gaussian noise.

    Parameters
    ----------
    modulation
        one of `BITS_PER_SYMBOL`.
    snr
        symbol energy over noise power Es/N0, linear and positive (...).

    References
    ----------
    Caire, Taricco, Biglieri, "Bit-interleaved coded modulation", IEEE Trans. Inf. Theory 44(3),
    1998, (10); the integral by Gauss-Hermite quadrature.
    """
    levels = _levels(modulation)
    root = np.sqrt(np.asarray(snr, float))[..., None, None]
    nodes, weights = np.polynomial.hermite.hermgauss(64)
    received = root * levels[:, None] + nodes  # (..., levels, nodes), noise variance 1/2
    exponent = -((received[..., None] - root[..., None] * levels) ** 2)
    whole = logsumexp(exponent, axis=-1)
    lost = np.zeros(whole.shape[:-2])
    for zero in _zeros(modulation):
        sent = np.where(zero[:, None], *(logsumexp(exponent[..., z], -1) for z in (zero, ~zero)))
        lost = lost + ((whole - sent) @ weights).mean(axis=-1)
    lost /= np.sqrt(np.pi) * np.log(2)
    return np.asarray(BITS_PER_SYMBOL[modulation] - 2 * lost)


def _axes(symbols: ArrayLike) -> Floats:
    s = np.asarray(symbols)
    return np.stack([s.real, s.imag], axis=-1)


@lru_cache(maxsize=8)
def _levels(modulation: str) -> Floats:
    """(2^q,) amplitudes by the number that the axis's q bits make, first bit highest."""
    if modulation not in BITS_PER_SYMBOL:
        known = ", ".join(BITS_PER_SYMBOL)
        raise ValueError(f"there is no constellation {modulation!r}; use one of {known}")
    level = np.zeros(1)
    for bit in range(BITS_PER_SYMBOL[modulation] // 2):
        # one bit more in front: (1 - 2 b) (2^bit - level of the bits behind)
        level = np.concatenate([2**bit - level, level - 2**bit])
    return level / np.sqrt(2 * np.mean(level**2))


def _zeros(modulation: str) -> NDArray[np.bool_]:
    """(q, 2^q) which levels have a zero as their first, second, ... bit."""
    size = BITS_PER_SYMBOL[modulation] // 2
    return (np.arange(1 << size) >> np.arange(size)[::-1, None] & 1) == 0


def _weights(size: int) -> NDArray[np.int_]:
    return 1 << np.arange(size)[::-1]
