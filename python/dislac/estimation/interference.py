# SPDX-License-Identifier: GPL-3.0-or-later
"""Interference that strong paths make themselves, between subcarriers and between symbols.

A snapshot model knows neither. At high signal-to-noise ratios both are more than noise, and not
white: they bend the estimate, and its covariance does not say so. Between subcarriers it is known
once the path is, and is taken off. Between symbols it depends on the filters that a signal has come
through, of which nothing is known but that they ring for a few samples: where a late path's symbols
begin little before the transform windows, the first samples of those are left out. They are unknown
to the estimate then, as are samples that were lost: each is filled in with what the paths found
would have there, and the paths are estimated again (expectation maximization).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import Paths, SnapshotModel, synthesize
from .result import Estimate, Estimator, checked_frame

__all__ = ["InterferenceCancellation"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

STRONG = 10.0
"""Power of paths over the noise found, in an element, below which none is looked for between
symbols."""

NOTICEABLE = 3e-3
"""Power over the noise, in an element, of what may bend an estimate by a tenth of its standard
deviation; by more where most of an echo is taken off with a direct path."""

SIGNIFICANT = 3.0
"""Standard deviations by which first samples exceed the noise where more than that is in them."""

PASSES = 3
"""Most times that a frame is estimated again."""


class InterferenceCancellation:
    """An estimator for frames in which paths may be strong.

    Parameters
    ----------
    estimator
        of frames without interference.
    leak
        paths and frame number -> (Ms, Nsc, Nrf), the interference between subcarriers.
    edges
        frame number -> (Ms, Nsc, K), what the first K samples of each transform window are in a
        frame.
    spacing
        of the subcarriers [Hz].
    nuisance
        (Nsc, k) the estimator's.
    """

    def __init__(
        self,
        estimator: Estimator,
        leak: Callable[[Paths, int], Complex],
        edges: Callable[[int], Complex],
        spacing: float,
        nuisance: Floats | None = None,
    ) -> None:
        self._estimator, self._leak, self._edges = estimator, leak, edges
        self._spacing = spacing
        count = len(estimator.model.frequencies)
        self._nuisance = np.zeros((count, 0)) if nuisance is None else nuisance

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model of the frames, but for interference."""
        return self._estimator.model

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf).

        Parameters
        ----------
        index
            the frame's, by which its scrambling differs.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        y = checked_frame(self.model, frame)
        estimate = self._estimator.estimate(y, index)
        found = synthesize(self.model, estimate.paths)
        power, level = _energy(found), estimate.noise_power * y.size
        shift = np.max(np.abs(estimate.paths.doppler), initial=0.0) / self._spacing
        ringing = power > STRONG * level
        if not ringing and power * (1.0 - np.sinc(shift) ** 2) <= NOTICEABLE * level:
            return estimate
        symbols, subcarriers, chains = y.shape
        edges = np.linalg.qr(self._without_nuisance(self._edges(index)))[0]
        lost = symbols * chains * edges.shape[2]
        size = symbols * chains * (subcarriers - self._nuisance.shape[1])
        taken: Complex = np.zeros_like(y)
        for again in range(PASSES):
            leak = self._leak(estimate.paths, index)
            rest = self._without_nuisance(y - leak - found)
            first = edges @ (edges.conj().swapaxes(1, 2) @ rest)
            if not again:
                noise = max(_energy(rest) - _energy(first), 0.0) / (size - lost)
                ringing &= _energy(first) > noise * (lost + SIGNIFICANT * lost**0.5)
            more = leak + first if ringing else leak
            if _energy(more - taken) <= NOTICEABLE * noise * size:
                break
            taken = more
            estimate = self._estimator.estimate(y - taken, index)
            found = synthesize(self.model, estimate.paths)
        if not ringing:
            return estimate
        # Nothing is left of what was lost, neither noise nor information.
        share = size / (size - lost)
        covariance = estimate.covariance
        if covariance is not None:
            covariance = covariance * share**2
        return replace(estimate, noise_power=estimate.noise_power * share, covariance=covariance)

    def reset(self) -> None:
        """Forget all frames, as far as the estimator inside remembers any."""
        self._estimator.reset()

    def _without_nuisance(self, values: Complex) -> Complex:
        """Values (Ms, Nsc, n) without what they hold of the nuisance."""
        return np.asarray(values - self._nuisance @ (self._nuisance.T @ values))


def _energy(values: Complex) -> float:
    return float(np.vdot(values, values).real)
