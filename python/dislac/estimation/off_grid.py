# SPDX-License-Identifier: GPL-3.0-or-later
"""Off-grid estimation: coherent search on a coarse grid, then Gauss-Newton on all paths jointly.

One path is the maximum-likelihood estimate: the greatest share of the frame's energy that one
signature explains, over arrival, departure, delay and Doppler. More paths are found one at a time
on the residual, and all are refined together each time (Newtonized OMP), as long as the newest
explains more of the residual than noise would (see `detection`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray, wrap_spatial_frequency
from ..channel import Paths, SnapshotModel
from .detection import detection_threshold
from .result import Estimate, EstimatorError, checked_frame, no_paths
from .signature import Signatures, departure_of, extent, search_windows, window_grid

__all__ = ["OffGridEstimator"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Fit(NamedTuple):
    """Least squares of a frame at given parameters, gains eliminated; batch (...), L paths.

    gain (..., L); explained (...) energy; gradient (..., P) and curvature (..., P, P) of half the
    unexplained energy over the P = L F free parameters.
    """

    gain: Complex
    explained: Floats
    gradient: Floats
    curvature: Floats


class CoarseSearch:
    """|a^H y|^2 / a^H a over a grid two points a resolution cell wide in each parameter."""

    def __init__(
        self,
        signatures: Signatures,
        delay_window: tuple[float, float],
        doppler_window: tuple[float, float],
    ) -> None:
        model = signatures.model
        f, t = model.frequencies, signatures.times
        self.delays = window_grid(delay_window, 2 * extent(f))
        self.dopplers = window_grid(doppler_window, 2 * extent(model.symbol_times))
        self.arrivals = _coarse_grid(model.receive_array)
        receive = model.receive_array.steering(self.arrivals)
        if signatures.departure is None:
            self.departures = _coarse_grid(model.transmit_array)
            weights = signatures.transmit
            transmit = model.transmit_array.steering(self.departures).conj()
        else:
            # The known departure is a transmit array of one element whose steering vector is 1.
            self.departures = signatures.departure[None]
            weights = signatures.transmit @ model.transmit_array.steering(self.departures).conj().T
            transmit = np.ones((1, 1))
        power = np.abs(transmit @ weights.T) ** 2 @ (np.abs(receive @ signatures.receive.T) ** 2).T
        self._inverse_power = (1.0 / np.maximum(power, 1e-9 * power.max())).astype(np.float32)
        single = np.complex64
        elements = (weights[:, :, None] * signatures.receive[:, None, :]).reshape(len(t), -1)
        self._elements = elements.conj().astype(single)
        self._transmit = transmit.conj().astype(single)
        self._receive = np.ascontiguousarray(receive.conj().T).astype(single)
        self._delay_kernel = np.exp(2j * np.pi * np.outer(self.delays, f)).astype(single)
        self._doppler_kernel = np.exp(-2j * np.pi * np.outer(self.dopplers, t)).astype(single)
        # Buffers used again and again: fresh large ones would cost more than the products.
        cells, gt, gr = len(self.delays) * len(self.dopplers), len(self.departures), len(receive)
        self._half_way = np.empty((cells, gt, len(self._receive)), single)
        self._match = np.empty((cells * gt, gr), single)
        self._score = np.empty((cells * gt, gr), np.float32)
        self._scratch = np.empty_like(self._score)

    def __call__(self, frame: Complex, count: int) -> tuple[Floats, Floats]:
        """The best grid points of a frame (J, Nsc), each at another delay.

        Returns:
            (C, 6) parameters, C <= count, and (C,) energy explained, greatest first.
        """
        rows, nr = len(frame), len(self._receive)
        x = self._delay_kernel @ frame.astype(np.complex64).T  # (D, J)
        x = (self._doppler_kernel[:, None] * x).reshape(-1, rows)  # (K D, J)
        z = (x @ self._elements).reshape(len(x), -1, nr)  # (K D, Nt, Nr)
        z = np.matmul(self._transmit, z, out=self._half_way).reshape(-1, nr)  # (K D Gt, Nr)
        z = np.matmul(z, self._receive, out=self._match)  # (K D Gt, Gr)
        score = np.square(z.real, out=self._score)
        score += np.square(z.imag, out=self._scratch)
        score = score.reshape(len(x), -1)
        score *= self._inverse_power.ravel()
        profile = score.max(axis=1).reshape(len(self.dopplers), -1)
        doppler = profile.argmax(axis=0)
        profile = profile.max(axis=0)
        delay = _peaks(profile, count)
        doppler = doppler[delay]
        direction = score[doppler * len(self.delays) + delay].argmax(axis=1)
        departure, arrival = np.divmod(direction, len(self.arrivals))
        parameters = [
            self.arrivals[arrival],
            self.departures[departure],
            self.delays[delay],
            self.dopplers[doppler],
        ]
        return np.column_stack(parameters), profile[delay].astype(float) / frame.shape[1]


def _coarse_grid(array: PlanarArray) -> Floats:
    """Visible spatial frequencies, two a resolution cell along each axis that the array has."""
    axes = [
        (np.arange(2 * n) + 0.5) / n - 1.0 if n > 1 else np.zeros(1) for n in (array.nx, array.ny)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid[np.sum(grid**2, axis=-1) <= 1.0]


def _peaks(profile: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Indices of up to `count` greatest local maxima of a profile, greatest first."""
    padded = np.concatenate([[-1.0], profile, [-1.0]])
    peaks = np.flatnonzero((profile >= padded[:-2]) & (profile >= padded[2:]))
    return peaks[np.argsort(-profile[peaks], kind="stable")[:count]]


def fit(signatures: Signatures, frame: Complex, parameters: Floats) -> Fit:
    """Least squares of a frame (J, Nsc) on paths at `parameters` (B, L, 6)."""
    batch, paths, _ = parameters.shape
    s, e = signatures.factors(parameters)
    c = s.shape[-2]
    sc, ec = s.conj(), e.conj()
    match = np.einsum("blcj,blcj->blc", sc, ec @ frame.T)
    s, sc = s.reshape(batch, paths * c, -1), sc.reshape(batch, paths * c, -1)
    e, ec = e.reshape(batch, paths * c, -1), ec.reshape(batch, paths * c, -1)
    gram = sc @ s.swapaxes(1, 2)
    gram *= ec @ e.swapaxes(1, 2)
    gram = gram.reshape(batch, paths, c, paths, c)
    slopes = paths * (c - 1)
    # Columns: the frame, then the derivatives, each projected on the signatures.
    right = np.empty((batch, paths, 1 + slopes), complex)
    right[..., 0] = match[..., 0]
    right[..., 1:] = gram[:, :, 0, :, 1:].reshape(batch, paths, slopes)
    solved = np.linalg.solve(gram[:, :, 0, :, 0], right)
    # What is left of the derivatives' products once the signatures are projected out.
    left = np.empty((batch, slopes, 1 + slopes), complex)
    left[..., 0] = match[..., 1:].reshape(batch, slopes)
    left[..., 1:] = gram[:, :, 1:, :, 1:].reshape(batch, slopes, slopes)
    left -= right[..., 1:].conj().swapaxes(1, 2) @ solved
    gain = solved[..., 0]
    scale = np.repeat(gain, c - 1, axis=1)
    left *= scale.conj()[..., None]
    left[..., 1:] *= scale[:, None, :]
    explained = np.einsum("bl,bl->b", match[..., 0].conj(), gain).real
    return Fit(gain, explained, left[..., 0].real, left[..., 1:].real)


def refine(
    signatures: Signatures, frame: Complex, parameters: Floats, energy: float, iterations: int
) -> tuple[Floats, Fit]:
    """Levenberg-Marquardt from `parameters` (B, L, 6): B independent problems at once.

    It ends when no problem can gain more than a thousandth of the noise's energy per element,
    far less than the estimate's own uncertainty.
    """
    batch, paths, _ = parameters.shape
    free = signatures.free
    current = fit(signatures, frame, parameters)
    damping = np.full(batch, 1e-3)
    diagonal = np.arange(current.gradient.shape[1])
    for _ in range(iterations):
        unit = 1.0 / np.sqrt(np.maximum(current.curvature[:, diagonal, diagonal], 1e-300))
        scaled = current.curvature * (unit[:, :, None] * unit[:, None, :])
        scaled[:, diagonal, diagonal] += damping[:, None]
        right = unit * current.gradient
        step = np.linalg.solve(scaled, right[..., None])[..., 0]
        noise = np.maximum(energy - current.explained, 1e-14 * energy) / frame.size
        if np.all(np.einsum("bp,bp->b", step, right) < 1e-3 * noise):
            break
        trial = parameters.copy()
        trial[..., free] += (unit * step).reshape(batch, paths, -1)
        new = fit(signatures, frame, trial)
        better = new.explained > current.explained
        damping = np.where(better, damping * 0.1, damping * 10.0)
        if better.all():
            parameters, current = trial, new
        elif better.any():
            parameters = np.where(better[:, None, None], trial, parameters)
            current = Fit(*(_where(better, n, c) for n, c in zip(new, current, strict=True)))
    parameters = parameters.copy()
    parameters[..., :4] = wrap_spatial_frequency(parameters[..., :4])
    return parameters, current


def _where(chosen: NDArray[np.bool_], new: Any, old: Any) -> Any:
    return np.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)


class OffGridEstimator:
    """The default estimator; see `make_estimator` for the arguments."""

    candidates = 3

    def __init__(
        self,
        model: SnapshotModel,
        *,
        max_paths: int = 3,
        false_alarm_rate: float = 1e-2,
        delay_window: tuple[float, float] | None = None,
        doppler_window: tuple[float, float] | None = None,
        reference_departure: ArrayLike | None = None,
    ) -> None:
        if max_paths < 1:
            raise EstimatorError(f"max_paths is {max_paths}; give 1 or more")
        self.model = model
        self.max_paths = max_paths
        self._signatures = Signatures(model, departure_of(reference_departure))
        windows = search_windows(model, delay_window, doppler_window)
        self._search = CoarseSearch(self._signatures, *windows)
        self.threshold = detection_threshold(
            self._statistic, model.shape, len(self._signatures.free), false_alarm_rate
        )

    def estimate(self, frame: ArrayLike) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf); the same frame gives the same bits.

        Raises:
            FrameError: wrong shape, or not finite.
        """
        y = self._rows(checked_frame(self.model, frame))
        energy = _energy(y)
        parameters, result, statistic = self._strongest(y, energy, 0.0)
        if statistic < self.threshold:
            noise = energy / y.size
            return Estimate(no_paths(), np.zeros((0, 6, 6)), noise, statistic, self.threshold)
        while parameters.shape[1] < self.max_paths:
            residual = y - self._rebuild(parameters[0], result.gain[0])
            left = energy - float(result.explained[0])
            newest, _, share = self._strongest(residual, left, 0.5 * self.threshold)
            if share < self.threshold:
                break
            start = np.concatenate([parameters, newest], axis=1)
            parameters, result = refine(self._signatures, y, start, energy, 20)
        return self._estimate(parameters[0], result, energy, y.size, statistic)

    def _rows(self, frame: Complex) -> Complex:
        """(J, Nsc) from (Ms, Nsc, Nrf)."""
        return np.ascontiguousarray(frame.transpose(0, 2, 1)).reshape(-1, frame.shape[1])

    def _statistic(self, frame: Complex) -> float:
        y = self._rows(frame)
        return self._strongest(y, _energy(y), 0.0)[2]

    def _strongest(self, y: Complex, energy: float, worthwhile: float) -> tuple[Floats, Fit, float]:
        """The strongest path in y (1, 1, 6), its fit, and its share of the energy.

        It is refined only if its share on the grid is `worthwhile`.
        """
        start, explained = self._search(y, self.candidates)
        start = start[explained >= 0.5 * explained[0], None]
        rounds = 3 if explained[0] >= worthwhile * energy else 0
        parameters, result = refine(self._signatures, y, start, energy, rounds)
        best = slice(int(np.argmax(result.explained)), None)
        best = slice(best.start, best.start + 1)
        if rounds:
            parameters, result = refine(self._signatures, y, parameters[best], energy, 12)
        return parameters, result, float(result.explained[0]) / max(energy, 1e-300)

    def _rebuild(self, parameters: Floats, gain: Complex) -> Complex:
        s, e = self._signatures.factors(parameters)
        return (gain[:, None] * s[:, 0]).T @ e[:, 0]

    def _estimate(
        self, parameters: Floats, result: Fit, energy: float, elements: int, statistic: float
    ) -> Estimate:
        paths, free = len(parameters), self._signatures.free
        # Each path uses up its complex gain and its real parameters.
        degrees = max(elements - paths * (1 + len(free) / 2), 1.0)
        noise = max(energy - float(result.explained[0]), 0.0) / degrees
        covariance = np.zeros((paths, 6, 6))
        joint = noise / 2 * np.linalg.inv(result.curvature[0])
        joint = joint.reshape(paths, len(free), paths, len(free))
        covariance[:, free[:, None], free] = np.einsum("iaib->iab", joint)
        order = np.argsort(-np.abs(result.gain[0]), kind="stable")
        p = parameters[order]
        found = Paths(result.gain[0][order], p[:, 0:2], p[:, 2:4], p[:, 4], p[:, 5])
        return Estimate(found, covariance[order], noise, statistic, self.threshold)


def _energy(y: Complex) -> float:
    return float(np.vdot(y, y).real)
