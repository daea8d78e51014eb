# SPDX-License-Identifier: GPL-3.0-or-later
"""Estimation from everything that was sent, payload included, where the receiver knows it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel, synthesize
from .result import Estimate, Estimator, FrameError, checked_frame

__all__ = ["DataAided"]


class DataAided:
    """Takes all known elements of a frame for pilots, whatever their amplitudes.

    Elements a of any modulus arrive as y = a mu + z. An estimator for unit-modulus pilots, given
    conj(a) y, would take (|a|^2 - 1) mu for noise; dividing by a instead would raise the noise
    where |a| is small (by 2.8 dB for 16QAM). So what was found is used to take that part off, and
    the estimator runs again. Where it stays, sum conj(s) (conj(a) y - |a|^2 mu) = 0 for all
    responses s and their slopes: the conditions of weighted least squares, which is maximum
    likelihood, and each round comes closer by the factor by which the mean of |a|^2 over a
    resolution cell differs from that over the frame.

    Empty elements, a = 0, are left out by this; few of them should lie together.

    Parameters
    ----------
    estimator
        for unit-modulus pilots on all elements.
    sent
        frame number -> (Ms, Nsc), what was sent on each element, by all chains; zero where that is
        not known, or nothing.
    rounds
        how often what was found is used.
    """

    def __init__(
        self, estimator: Estimator, sent: Callable[[int], ArrayLike], rounds: int = 3
    ) -> None:
        self._estimator = estimator
        self._sent = sent
        self._rounds = rounds

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model of the frames, but for what was sent."""
        return self._estimator.model

    def reset(self) -> None:
        """Forget all frames, as far as the estimator inside remembers any."""
        self._estimator.reset()

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame; gains are those of elements of unit amplitude.

        Parameters
        ----------
        frame
            (Ms, Nsc, Nrf) as received, nothing taken off.
        index
            the frame's.

        Raises
        ------
        FrameError
            wrong shapes, not finite, or nothing was sent.
        """
        model = self.model
        y, a = checked_frame(model, frame), np.asarray(self._sent(index))
        if a.shape != model.shape[:2]:
            raise FrameError(
                f"what was sent has shape {a.shape}; the frame's is (symbols, subcarriers) = "
                f"{model.shape[:2]}"
            )
        power = np.abs(a) ** 2
        mean = float(power.mean())
        if not 0.0 < mean < np.inf:
            raise FrameError("what was sent is zero or not finite; give the elements' values")
        matched: NDArray[np.complex128] = (a.conj() / mean)[..., None] * y
        excess = (power / mean - 1.0)[..., None]
        estimate = self._estimator.estimate(matched, index)
        if not np.any(excess):
            return estimate
        for _ in range(self._rounds):
            if not estimate.detected:
                break
            rest = matched - excess * synthesize(model, estimate.paths)
            estimate = self._estimator.estimate(rest, index)
        return estimate
