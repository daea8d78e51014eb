# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel of a frame from its known elements, and the frame with that channel taken off."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Equalized", "Equalizer"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Equalized(NamedTuple):
    """A frame with its channel taken off.

    symbols (Ms, Nsc) as they were sent; noise_power (Ms, Nsc) of E|error|^2 on each, for a sent
    symbol of unit power; channel (Ms, Nsc, Nrf) as estimated; received_noise, E|z|^2 of an element
    as received.
    """

    symbols: Complex
    noise_power: Floats
    channel: Complex
    received_noise: float


class Equalizer:
    """MMSE channel estimate for delays and Dopplers in a window, then maximum-ratio combining.

    The channel is taken to be random, of unit power, with delay and Doppler uniform in their
    windows. Its correlation has few eigenvectors that matter (about as many as the window has
    resolution cells), so the estimate is a small least-squares problem in those, whose solution
    does not depend on the frame and is computed here, once.

    Parameters
    ----------
    power
        (Ms, Nsc) |amplitude|^2 of the known elements, zero elsewhere.
    times
        (Ms,) t_m [s].
    frequencies
        (Nsc,) f_n [Hz].
    delay_window, doppler_window
        (least, greatest) [s], [Hz].
    noise_power
        E|z|^2 of an element, over the channel's power, that it is made for.
    hopping
        the beams change from symbol to symbol, and with them the channel: each symbol is then
        estimated by itself.

    Attributes
    ----------
    error
        (Ms, Nsc) mean square error of the channel estimate, over the channel's power.

    Raises
    ------
    ValueError
        a symbol, or the whole frame, has no known element.

    References
    ----------
    Edfors, Sandell, van de Beek, Wilson, Borjesson, "OFDM channel estimation by singular value
    decomposition", IEEE Trans. Commun. 46(7), 1998, for a robust (uniform) prior.
    """

    def __init__(
        self,
        power: ArrayLike,
        times: ArrayLike,
        frequencies: ArrayLike,
        *,
        delay_window: tuple[float, float],
        doppler_window: tuple[float, float],
        noise_power: float,
        hopping: bool = False,
    ) -> None:
        known = np.asarray(power, dtype=float)
        symbols, subcarriers = known.shape
        noise = max(noise_power, 1e-6)
        tolerance = 1e-3 * noise / known.size
        f, frequency_power = _basis(np.asarray(frequencies, float), delay_window, tolerance, -1.0)
        t: NDArray[np.complex128] = np.ones((1, 1), complex)
        time_power: NDArray[np.float64] = np.ones(1)
        if not hopping:
            t, time_power = _basis(np.asarray(times, float), doppler_window, tolerance, 1.0)
        groups = symbols // len(t)
        weight = known.reshape(groups, len(t), subcarriers)
        empty = np.flatnonzero(~weight.any(axis=(1, 2)))
        if len(empty):
            where = f"symbol {empty[0]}" if hopping else "the frame"
            raise ValueError(
                f"{where} holds no known element, so its channel cannot be estimated; put pilots "
                "or DM-RS into every symbol whose beams differ"
            )
        count = t.shape[1] * f.shape[1]
        information = np.einsum(
            "gmn,mt,ms,nk,nl->gtksl", weight, t.conj(), t, f.conj(), f, optimize=True
        ).reshape(groups, count, count)
        prior = np.outer(time_power, frequency_power).ravel()
        inverse = np.linalg.inv(information / noise + np.diag(1.0 / prior))
        self._time, self._frequency = t, f
        self._solve = inverse / noise
        spread = inverse.reshape(groups, *2 * (t.shape[1], f.shape[1]))
        error = np.einsum("mt,nk,gtksl,ms,nl->gmn", t, f, spread, t.conj(), f.conj(), optimize=True)
        self.error: Floats = np.maximum(error.real.reshape(known.shape), 0.0)
        # Degrees of freedom that known elements keep once the channel has been fitted to them.
        explained = np.trace(self._solve @ information, axis1=-2, axis2=-1).real.sum()
        self._freedom = max(float(np.count_nonzero(known) - explained), 1.0)

    def channel(self, frame: ArrayLike, known: ArrayLike) -> Complex:
        """Estimated channel (Ms, Nsc, Nrf) of a received frame (Ms, Nsc, Nrf).

        Parameters
        ----------
        frame
            y.
        known
            (Ms, Nsc) what was sent on the known elements, zero elsewhere.
        """
        y, a = np.asarray(frame), np.asarray(known)
        groups, count = len(y) // len(self._time), self._solve.shape[-1]
        matched = (a.conj()[..., None] * y).reshape(groups, -1, *y.shape[1:])
        projected = np.einsum(
            "mt,gmnr,nk->gtkr", self._time.conj(), matched, self._frequency.conj(), optimize=True
        )
        solved = self._solve @ projected.reshape(groups, count, -1)
        solved = solved.reshape(projected.shape)
        h = np.einsum("mt,gtkr,nk->gmnr", self._time, solved, self._frequency, optimize=True)
        return np.asarray(h.reshape(y.shape))

    def __call__(self, frame: ArrayLike, known: ArrayLike) -> Equalized:
        """A received frame (Ms, Nsc, Nrf) with its channel taken off, all chains combined."""
        y, a = np.asarray(frame), np.asarray(known)
        h = self.channel(y, a)
        left = (y - a[..., None] * h)[a != 0]
        noise = float(np.sum(np.abs(left) ** 2)) / (self._freedom * y.shape[-1])
        power = np.maximum(np.sum(np.abs(h) ** 2, axis=-1), 1e-300)
        symbols = np.sum(h.conj() * y, axis=-1) / power
        # What the estimate is wrong by is noise to the symbols too.
        mean = np.mean(power) / y.shape[-1]
        return Equalized(symbols, (noise + self.error * mean) / power, h, noise)


def _basis(
    x: Floats, window: tuple[float, float], tolerance: float, sign: float
) -> tuple[Complex, Floats]:
    """Eigenvectors (N, K) and values (K,) of the correlation over x of tones in a window.

    E exp(sign 2j pi u (x - x')) for u uniform in the window; what has less power than
    `tolerance` is left out.
    """
    middle, width = (window[0] + window[1]) / 2, window[1] - window[0]
    gap = x[:, None] - x
    value, vector = np.linalg.eigh(np.sinc(width * gap))
    kept = value > tolerance * len(x)
    turned = np.exp(sign * 2j * np.pi * middle * x)[:, None] * vector[:, kept]
    return turned, value[kept]
