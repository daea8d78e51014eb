# SPDX-License-Identifier: GPL-3.0-or-later
"""The upsampled delay-Doppler matched filter."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .path_responses import extent, window_grid

__all__ = ["DelayDoppler", "DelayDopplerPeak", "combined"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class DelayDopplerPeak(NamedTuple):
    """Delay [s] and Doppler [Hz] of the peak, and the matched filter's complex value there."""

    delay: float
    doppler: float
    value: complex


def combined(frame: ArrayLike, response: ArrayLike) -> Complex:
    """Coefficients (Ms, Nsc) of a frame (Ms, Nsc, Nrf), matched to one path's spatial response.

    Parameters
    ----------
    frame
        y.
    response
        (Ms, Nrf) what the chains hear of the path, as `SnapshotModel.response` gives it.

    References
    ----------
    Bistatic localization paper, (26), for one path whose direction is known.
    """
    y, r = np.asarray(frame), np.asarray(response)
    return np.asarray((y @ r.conj()[:, :, None])[..., 0])


class DelayDoppler:
    """C(doppler, delay) = |a_t^H S a_f| on a grid over two windows.

    Parameters
    ----------
    times
        (Ms,) t_m [s].
    frequencies
        (Nsc,) f_n [Hz].
    delay_window, doppler_window
        (least, greatest) [s], [Hz].
    upsampling
        grid points a resolution cell.
    offsets
        by how much the subcarriers of each symbol lie above `frequencies` [Hz].

    Attributes
    ----------
    delays
        (D,) of the grid [s].
    dopplers
        (K,) of the grid [Hz].

    References
    ----------
    Bistatic localization paper, (27) and (28).
    """

    def __init__(
        self,
        times: ArrayLike,
        frequencies: ArrayLike,
        delay_window: tuple[float, float],
        doppler_window: tuple[float, float],
        upsampling: int = 4,
        offsets: ArrayLike = 0.0,
    ) -> None:
        self.times = np.asarray(times, dtype=float)
        self.frequencies = np.asarray(frequencies, dtype=float)
        self.offsets = np.broadcast_to(np.asarray(offsets, dtype=float), self.times.shape)
        bandwidth = extent(np.unique(np.round(np.add.outer(self.offsets, self.frequencies), 3)))
        self.delays = window_grid(delay_window, bandwidth * upsampling)
        self.dopplers = window_grid(doppler_window, extent(self.times) * upsampling)
        cells = np.array([bandwidth, extent(self.times)])
        self._unit = np.divide(1.0, cells, out=np.zeros(2), where=cells > 0)
        self._delay_kernel = np.exp(2j * np.pi * np.outer(self.frequencies, self.delays))
        self._offset_kernel = np.exp(2j * np.pi * np.outer(self.offsets, self.delays))
        self._doppler_kernel = np.exp(-2j * np.pi * np.outer(self.dopplers, self.times))

    def map(self, snapshots: ArrayLike) -> NDArray[np.float64]:
        """|C| (..., K, D) of coefficients (..., Ms, Nsc)."""
        by_symbol = (np.asarray(snapshots) @ self._delay_kernel) * self._offset_kernel
        return np.abs(self._doppler_kernel @ by_symbol)

    def gain(self, snapshots: ArrayLike) -> NDArray[np.float64]:
        """|C|^2 (K, D) over what white noise of the same energy has there on average.

        From one (noise, on average) to Ms Nsc (nothing but one path, at a grid point).

        Parameters
        ----------
        snapshots
            (Ms, Nsc) coefficients; or (..., Ms, Nsc), whose |C|^2 are added up.
        """
        s = np.asarray(snapshots)
        s = s.reshape(-1, *s.shape[-2:])
        energy = float(np.sum(s.real**2 + s.imag**2))
        return np.asarray(np.sum(self.map(s) ** 2, axis=0) / max(energy, np.finfo(float).tiny))

    def peak(self, snapshots: ArrayLike, surface: ArrayLike | None = None) -> DelayDopplerPeak:
        """The greatest |C| of coefficients (Ms, Nsc), between the grid's points too.

        From the best grid point, Newton's method on |C|^2 in delay and Doppler.

        Parameters
        ----------
        snapshots
            the coefficients.
        surface
            their `map` or `gain` (K, D), where it is there already.
        """
        s = np.asarray(snapshots, dtype=complex)
        surface = self.map(s) if surface is None else np.asarray(surface)
        k, d = np.unravel_index(int(np.argmax(surface)), surface.shape)
        at = np.array([self.delays[d], self.dopplers[k]])
        value, gradient, hessian = self._slopes(s, at)
        for _ in range(4):
            if np.linalg.eigvalsh(hessian)[-1] >= 0:
                break
            new_at = at - np.linalg.solve(hessian, gradient) * self._unit
            new = self._slopes(s, new_at)
            if abs(new[0]) <= abs(value):
                break
            at, (value, gradient, hessian) = new_at, new
        return DelayDopplerPeak(float(at[0]), float(at[1]), value)

    def _slopes(self, s: Complex, at: Floats) -> tuple[complex, Floats, Floats]:
        """C, and gradient and Hessian of |C|^2 by (delay, Doppler) in units of `_unit`."""
        f = 2j * np.pi * self._unit[0] * self.frequencies
        t = -2j * np.pi * self._unit[1] * self.times
        o = 2j * np.pi * self._unit[0] * self.offsets
        af = np.exp(2j * np.pi * at[0] * self.frequencies)
        at_ = np.exp(2j * np.pi * (at[0] * self.offsets - at[1] * self.times))
        # moments[p, q] = derivative of C, p times by Doppler and q times by delay
        by_delay = s @ (af * np.stack([np.ones_like(f), f, f**2])).T
        zeroth, first, second = by_delay.T
        by_delay = np.stack([zeroth, first + o * zeroth, second + o * (2 * first + o * zeroth)])
        moments = (at_ * np.stack([np.ones_like(t), t, t**2])) @ by_delay.T
        c = moments[0, 0]
        slope = np.array([moments[0, 1], moments[1, 0]])
        bend = np.array([[moments[0, 2], moments[1, 1]], [moments[1, 1], moments[2, 0]]])
        gradient = 2 * np.real(c.conj() * slope)
        hessian = 2 * np.real(np.outer(slope.conj(), slope) + c.conj() * bend)
        # What one symbol or one subcarrier cannot measure is left where it is.
        blind = self._unit == 0
        hessian[blind, blind] = -1.0
        return complex(c), gradient, hessian
