# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct-signal cancellation: echoes beside a direct path that is thousands of times as strong.

In each frame the direct path's delay and Doppler shift are measured and taken off, so that all
other paths come out relative to it. Of each symbol and chain it is then a constant over the
subcarriers, and where chains are not quite alike in delay a slope: two unknowns of every row, which
the estimator projects out of frame and responses alike. That costs an echo two subcarriers' worth
of energy where it is later than a resolution cell, and all of it where it is not late at all; in
either case its covariance says so. Nothing of it is learned from other frames, and nothing need be
known of the direct path's gains.

What is left is what leaks between symbols and between subcarriers. Filters between transmitter and
receiver ring at the edges of symbols, and what of the next symbol rings into a transform window is
no constant over the subcarriers; nor is what a shift in frequency moves from one subcarrier to
others. Both are known but for a few factors (samples of a filter's response, and the shift), which
are fitted as well.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainccinv

from ..channel import SnapshotModel, synthesize
from .path_responses import extent, window_grid
from .result import Estimate, Estimator, EstimatorError, checked_frame

__all__ = [
    "DirectPathMeter",
    "DirectSignalCancellation",
    "StaticCancellation",
    "direct_path_patterns",
    "without_constants",
]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

PATTERNS = 2
"""Unknowns of each row: the direct path's constant over the subcarriers, and its slope."""

FALSE_ALARM = 1e-6
"""Probability that noise alone passes for the direct path."""

PASSES = 3
"""Most estimates of a frame, each with the echoes found before taken out of what the direct path is
measured on."""

UNMOVED = 0.5
"""Part of the noise, in as many dimensions, that is too small a change to estimate again for."""

STEPS, NEAR = 6, 1e-4
"""Gauss-Newton steps from the grid to the direct path's delay and Doppler, at most; one that moves
them by so little of their uncertainty in a frame without noise is the last."""


def without_constants(frame: NDArray[Any]) -> NDArray[Any]:
    """A frame (Ms, Nsc, Nrf) less its mean over the subcarriers: all that has no delay goes, and
    most of what has little, a target very near as well as the direct path."""
    return frame - frame.mean(axis=1, keepdims=True)


def direct_path_patterns(model: SnapshotModel) -> Floats:
    """(Nsc, 2) orthonormal patterns over the subcarriers that the direct path's rows consist of.

    Raises
    ------
    EstimatorError
        so few subcarriers that nothing would be left.
    """
    count = len(model.frequencies)
    if count <= PATTERNS:
        raise EstimatorError(
            f"{count} subcarriers leave nothing beside a direct path that is taken off; use more "
            f"than {PATTERNS}, or synchronization.removal: none"
        )
    powers = np.vander(np.linspace(-1, 1, count), PATTERNS, increasing=True)
    return np.asarray(np.linalg.qr(powers)[0])


class DirectPath(NamedTuple):
    """The direct path in a frame: delay [s] and Doppler [Hz] with their variances, and its energy
    in units of the frame's; all zero where it is not found."""

    delay: float = 0.0
    doppler: float = 0.0
    delay_variance: float = 0.0
    doppler_variance: float = 0.0
    energy: float = 0.0


class DirectPathMeter:
    """Maximum-likelihood delay and Doppler shift of the direct path, chains' gains unknown.

    Frames are rows here, (Ms, Nrf, Nsc): subcarriers last.

    Parameters
    ----------
    model
        of the frames.
    delay_window
        (least, greatest) delay that is looked at [s].
    doppler_window
        (least, greatest) Doppler shift that is looked at [Hz].
    """

    def __init__(
        self,
        model: SnapshotModel,
        delay_window: tuple[float, float],
        doppler_window: tuple[float, float],
    ) -> None:
        self._delays = window_grid(delay_window, 4 * extent(model.element_frequencies))
        self._dopplers = window_grid(doppler_window, 4 * extent(model.symbol_times))
        self._frequencies, self._offsets = model.frequencies, model.offsets
        self._times = model.symbol_times - model.symbol_times.mean()
        self._tones = np.exp(2j * np.pi * np.outer(model.frequencies, self._delays))
        self._turns = np.exp(2j * np.pi * np.outer(model.offsets, self._delays))
        self._doppler_turns = np.exp(-2j * np.pi * np.outer(self._dopplers, self._times))
        cells = len(self._delays) * len(self._dopplers)
        symbols, subcarriers, chains = model.shape
        elements = symbols * subcarriers * chains
        self._least = float(gammainccinv(chains, FALSE_ALARM / cells)) / elements

    def search(self, rows: Complex, response: Complex) -> DirectPath:
        """The direct path in rows (Ms, Nrf, Nsc), anywhere in the windows.

        Parameters
        ----------
        response
            (Ms, Nrf) what its constants should be, but for a gain of each chain.
        """
        match = (response.conj()[..., None] * rows) @ self._tones * self._turns[:, None]
        match = np.tensordot(self._doppler_turns, match, 1)  # (K, Nrf, D)
        score = np.tensordot(_weights(response), np.abs(match) ** 2, (0, 1))
        k, d = np.unravel_index(int(np.argmax(score)), score.shape)
        return self.refine(rows, response, float(self._delays[d]), float(self._dopplers[k]))

    def refine(
        self, rows: Complex, response: Complex, delay: float = 0.0, doppler: float = 0.0
    ) -> DirectPath:
        """The direct path near a delay and a Doppler shift; arguments as `search`."""
        energy = max(float(np.vdot(rows, rows).real), 1e-300)
        z = response.conj()[..., None] * rows
        weight = _weights(response)
        inverse = self._inverse_spread(response)
        f, offsets, times = self._frequencies, self._offsets, self._times
        at = np.array([delay, doppler])
        for _ in range(STEPS):
            tone = np.exp(2j * np.pi * at[0] * f)
            by_row = z @ np.stack([tone, 2j * np.pi * f * tone], axis=1)  # (Ms, Nrf, 2)
            turn = np.exp(2j * np.pi * (at[0] * offsets - at[1] * times))
            total, by_delay = np.tensordot(turn, by_row, 1).T
            by_delay = by_delay + (2j * np.pi * offsets * turn) @ by_row[..., 0]
            by_doppler = (-2j * np.pi * times * turn) @ by_row[..., 0]
            explained = float(weight @ np.abs(total) ** 2)
            slopes = np.stack([by_delay, by_doppler])
            step = inverse @ ((slopes * total.conj()).real @ weight) / max(explained, 1e-300)
            at = at + step
            if np.all(step**2 <= NEAR**2 * np.diag(inverse)):
                break
        if explained < self._least * energy:
            return DirectPath()
        noise = max(energy - explained, 0.0) / rows.size
        variance = np.diag(inverse) * noise / (2 * explained)
        return DirectPath(*map(float, (*at, *variance, explained)))

    def _inverse_spread(self, response: Complex) -> Floats:
        """(2, 2) inverse of the log-likelihood's curvature by delay and Doppler, for unit energy;
        zero for what a single subcarrier, or a single symbol, says nothing of."""
        share = np.sum(np.abs(response) ** 2, axis=1)
        share = share / max(float(share.sum()), 1e-300)
        middle = self._offsets + self._frequencies.mean()
        basis = np.stack([middle, -self._times])
        spread = (basis * share) @ basis.T - np.outer(basis @ share, basis @ share)
        spread[0, 0] += np.var(self._frequencies)
        known = np.diag(spread) > 1e-12 * np.array([np.ptp(middle) ** 2 + 1, 1e-30])
        scale = np.where(known, 1.0 / np.sqrt(np.maximum(np.diag(spread), 1e-300)), 0.0)
        inverse = np.linalg.pinv(spread * np.outer(scale, scale), hermitian=True)
        return np.asarray(inverse * np.outer(scale, scale) / (2 * np.pi) ** 2)

    def turn(self, direct: DirectPath) -> Complex:
        """(Ms, 1, Nsc) what takes the direct path's delay and Doppler shift off rows."""
        frequencies = np.add.outer(self._offsets, self._frequencies)
        turns = direct.delay * frequencies - direct.doppler * self._times[:, None]
        return np.asarray(np.exp(2j * np.pi * turns)[:, None])

    def moved(self, estimate: Estimate, by: DirectPath) -> Estimate:
        """An estimate relative to a direct path that lies elsewhere by so much, and is known to its
        variance only."""
        p = estimate.paths
        paths = replace(p, delay=p.delay - by.delay, doppler=p.doppler - by.doppler)
        covariance = estimate.covariance
        if covariance is not None:
            covariance = covariance.copy()
            covariance[:, 4, 4] += by.delay_variance
            covariance[:, 5, 5] += by.doppler_variance
        return replace(estimate, paths=paths, covariance=covariance)


def _weights(response: Complex) -> Floats:
    """(Nrf,) inverse energies of the chains' responses (Ms, Nrf), zero where a chain has none."""
    energy = np.sum(np.abs(response) ** 2, axis=0)
    received = energy > 1e-9 * energy.max(initial=1e-300)
    return np.where(received, 1.0 / np.maximum(energy, 1e-300), 0.0)


class DirectSignalCancellation:
    """An estimator for frames that hold the direct path.

    Parameters
    ----------
    estimator
        of the rest, with `direct_path_patterns` as its nuisance.
    meter
        measures the direct path.
    response
        frame number -> (Ms, Nrf), the direct path's constants but for chains' gains.
    leaks
        frame number -> (K, Ms, Nrf, Nsc), what leaks between symbols and subcarriers, in any scale;
        K may be 0.
    timing_deviation
        standard deviation of the frames' timing [s], for frames in which no direct path is found.
    """

    def __init__(
        self,
        estimator: Estimator,
        meter: DirectPathMeter,
        response: Callable[[int], Complex],
        leaks: Callable[[int], Complex],
        timing_deviation: float = 0.0,
    ) -> None:
        self._estimator, self._meter = estimator, meter
        self._response, self._leaks = response, leaks
        self._unmeasured = DirectPath(delay_variance=timing_deviation**2)
        self._patterns = direct_path_patterns(estimator.model)

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model of the frames, but for the direct path."""
        return self._estimator.model

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf), relative to its direct path.

        Parameters
        ----------
        index
            the frame's, by which the ends have moved.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        y = _rows(checked_frame(self.model, frame))
        response, leaks = self._response(index), self._leaks(index)
        direct = self._meter.search(y, response)
        echoes: Complex = np.zeros_like(y)
        for _ in range(PASSES):
            turn = self._meter.turn(direct)
            aligned, echoes = y * turn, echoes * turn
            basis = self._orthonormal(leaks * turn)
            rest = aligned - _component(basis, aligned - echoes)
            estimate = self._estimator.estimate(rest.swapaxes(1, 2), index)
            if not direct.energy:
                return self._meter.moved(estimate, self._unmeasured)
            found = _rows(synthesize(self.model, estimate.paths))
            again = self._meter.refine(aligned - found, response)
            # Part of the echoes that the leaks had taken, and part of the direct path left over.
            taken = _energy(_component(basis, found - echoes))
            left = again.energy * self._uncovered(again.delay)
            noise = estimate.noise_power
            if taken <= UNMOVED * noise * len(leaks) and left <= UNMOVED * noise:
                break
            echoes = found * turn.conj()
            direct = again._replace(
                delay=direct.delay + again.delay, doppler=direct.doppler + again.doppler
            )
        else:
            # Direct path and echoes go on giving way to each other.
            estimate = replace(estimate, status="ambiguous")
        return self._meter.moved(estimate, again)

    def reset(self) -> None:
        """Forget all frames, as far as the estimator inside remembers any."""
        self._estimator.reset()

    def cancel(self, frame: ArrayLike, index: int = 0) -> Complex:
        """A frame (Ms, Nsc, Nrf) relative to its direct path and without that.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        y = _rows(checked_frame(self.model, frame))
        turn = self._meter.turn(self._meter.search(y, self._response(index)))
        basis = self._orthonormal(self._leaks(index) * turn)
        rest = y * turn
        rest = rest - _component(basis, rest)
        rest = rest - (rest @ self._patterns) @ self._patterns.T
        return np.asarray(rest.swapaxes(1, 2))

    def _orthonormal(self, leaks: Complex) -> Complex:
        """(K, Ms, Nrf, Nsc) orthonormal combinations of leaks, without the patterns."""
        rows = leaks - (leaks @ self._patterns) @ self._patterns.T
        flat = rows.reshape(len(rows), int(np.prod(rows.shape[1:])))
        gram = flat.conj() @ flat.T
        scale = 1.0 / np.sqrt(np.maximum(np.diag(gram).real, 1e-300))
        gram = gram * np.outer(scale, scale) + 1e-9 * np.eye(len(flat))
        lower = np.linalg.cholesky(gram.conj())
        return np.asarray(np.linalg.solve(lower, scale[:, None] * flat).reshape(rows.shape))

    def _uncovered(self, delay: float) -> float:
        """Part of the energy of a direct path with some delay that its patterns do not cover."""
        frequencies = self.model.frequencies
        tone = np.exp(-2j * np.pi * delay * (frequencies - frequencies.mean()))
        return max(1.0 - _energy(self._patterns.T @ tone) / len(tone), 0.0)


def _rows(frame: Complex) -> Complex:
    """(Ms, Nrf, Nsc) from (Ms, Nsc, Nrf)."""
    return np.ascontiguousarray(frame.swapaxes(1, 2))


def _component(basis: Complex, rows: Complex) -> Complex:
    """Component of rows (Ms, Nrf, Nsc) along an orthonormal basis (K, Ms, Nrf, Nsc)."""
    flat = basis.reshape(len(basis), rows.size)
    return np.asarray(((flat.conj() @ rows.ravel()) @ flat).reshape(rows.shape))


def _energy(values: Complex) -> float:
    return float(np.vdot(values, values).real)


class StaticCancellation:
    """An estimator for frames of which all that stays the same relative to the direct path is taken
    off: clutter at all delays, and echoes whose Doppler is less than a fraction of 1 / `memory` of
    the frame rate.

    What stays is the average over the last frames, relative to the direct path's delay, Doppler and
    gain. As the ends move, beams receive the direct path otherwise: what the geometry says of that
    is added, by a factor for each chain. Until `memory` frames have come, estimates have the status
    ``learning``.

    Frames are taken in their order: the same frames give the same bits, not the same frame.

    Parameters
    ----------
    estimator
        of the rest.
    meter
        measures the direct path.
    response
        frame number -> (Ms, Nrf), the direct path's constants but for chains' gains.
    memory
        over how many frames the average goes.
    """

    def __init__(
        self,
        estimator: Estimator,
        meter: DirectPathMeter,
        response: Callable[[int], Complex],
        memory: int = 16,
    ) -> None:
        if memory < 1:
            raise EstimatorError(f"memory is {memory}; give a number of frames, 1 or more")
        self._estimator, self._meter = estimator, meter
        self._response, self._memory = response, memory
        self.reset()

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model of the frames, but for what stays the same."""
        return self._estimator.model

    def reset(self) -> None:
        """Forget the average, and what the estimator inside remembers."""
        self._estimator.reset()
        symbols, subcarriers, chains = self.model.shape
        self._static: Complex = np.zeros((symbols, chains, subcarriers), complex)
        self._mean_response: Complex = np.zeros((symbols, chains), complex)
        self._frames = 0

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf), relative to its direct path.

        Parameters
        ----------
        index
            the frame's, by which the ends have moved.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        y = _rows(checked_frame(self.model, frame))
        response = self._response(index)
        direct = self._meter.search(y, response)
        aligned = y * self._meter.turn(direct)
        pattern = self._static + self._change(response)[..., None]
        energy = _energy(pattern)
        level = float(np.sqrt(np.mean(np.abs(aligned) ** 2)))
        gain: Any = np.vdot(pattern, aligned) / energy if energy > 0 else level
        rest = aligned - gain * pattern
        estimate = self._estimator.estimate(rest.swapaxes(1, 2), index)
        if direct.energy and abs(gain) > 0:
            self._frames += 1
            share = 1.0 / min(self._frames, self._memory)
            self._static = self._static + share * (aligned / gain - self._static)
            self._mean_response = self._mean_response + share * (response - self._mean_response)
        estimate = self._meter.moved(estimate, direct._replace(delay=0.0, doppler=0.0))
        return estimate if self._frames > self._memory else replace(estimate, status="learning")

    def _change(self, response: Complex) -> Complex:
        """(Ms, Nrf) by how much the direct path's constants have changed since the average."""
        mean = self._mean_response
        energy = np.maximum(np.sum(np.abs(mean) ** 2, axis=0), 1e-300)
        chains = np.sum(mean.conj() * self._static.mean(axis=2), axis=0) / energy
        return np.asarray(chains * (response - mean)) if self._frames else np.zeros_like(response)
