# SPDX-License-Identifier: GPL-3.0-or-later
"""Echoes beside a direct path that is thousands of times as strong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import Paths, SnapshotModel, synthesize
from .result import Estimate, Estimator, checked_frame
from .signature import extent

__all__ = ["DirectPathRemoval", "WithoutDirectPath"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

ORDER = 2
"""The direct path's signature is a constant and a slope over the subcarriers of each row."""

FAR = 0.5
"""A path later than so many resolution cells of delay is an echo, and no part of the signature."""

CHANGED = 0.5
"""A signature that explains less than this part of what lies where it lies has changed."""


class DirectPathRemoval:
    """Takes the direct path off frames whose zero of delay and Doppler it is.

    Its signature is learned: for each row and chain a constant over the subcarriers and a slope,
    averaged over the frames before. Whatever arrays, beams and chains do to it is in there, and so
    is what else stays with it from frame to frame. Of each frame the signature is taken off with
    one complex gain of its own, of which an echo loses nothing, be it as near as it may. (To let
    each frame's delay and Doppler move too would cost an echo dearly that arrives from where the
    direct path does but for the side of the array.) Echoes that have been found do not go into the
    signature, those very near the direct path excepted, which would be hard to tell from a
    signature that has changed.

    Before a signature is known, the constants of the frame itself are taken off.

    With `static`, the signature is a number for each element: whatever stays the same relative to
    the direct path is taken off at all delays, and an echo does so too whose Doppler is less than
    a fraction of 1 / `memory` of the frame rate.

    Args:
        model: of the frames.
        memory: how many frames the signature is averaged over; 0: none is learned, and the
            constants of each frame are taken off, at the expense of targets very near.
        static: whether all that stays is taken off.
    """

    def __init__(self, model: SnapshotModel, *, memory: int = 16, static: bool = False) -> None:
        if memory < 0:
            raise ValueError(f"memory is {memory}; give the number of frames, 0 for none")
        self.model = model
        self.memory = memory
        subcarriers = len(model.frequencies)
        order = subcarriers if static else min(ORDER, subcarriers)
        powers = np.vander(np.linspace(-1, 1, subcarriers), order, increasing=True)
        self._basis = np.eye(subcarriers) if static else np.linalg.qr(powers)[0]
        # An echo that is later goes into no signature; unless all that stays is to go.
        self._near = np.inf if static else FAR / extent(model.element_frequencies)
        self.reset()

    def reset(self) -> None:
        """Forgets the signature."""
        self._signature: Complex | None = None  # (order, Ms, Nrf)
        self._weight = 0.0
        self._gain = 1.0 + 0.0j

    def remove(self, frame: Complex) -> Complex:
        """The frame (Ms, Nsc, Nrf) without the direct path."""
        constant = frame.mean(axis=1, keepdims=True)
        if self._signature is not None:
            pattern = np.tensordot(self._basis, self._signature, 1).transpose(1, 0, 2)
            energy = max(float(np.vdot(pattern, pattern).real), 1e-300)
            gain = complex(np.vdot(pattern, frame)) / energy
            explained = gain * pattern
            there = frame.shape[1] * float(np.vdot(constant, constant).real)
            if energy * abs(gain) ** 2 >= CHANGED * there:
                self._gain = gain
                return np.asarray(frame - explained)
            self.reset()
        self._gain = complex(np.sqrt(np.mean(np.abs(frame) ** 2)))
        return frame - constant

    def learn(self, frame: Complex, estimate: Estimate) -> None:
        """Takes the frame that was given to `remove` last into the signature, less its echoes."""
        if self.memory == 0 or not abs(self._gain) > 0:
            return  # nothing is to be learned, or the frame was empty
        rest = frame
        far = estimate.paths.delay > self._near
        if np.any(far):
            p = estimate.paths
            echoes = Paths(*(value[far] for value in vars(p).values()))
            rest = frame - synthesize(self.model, echoes)
        parts = np.tensordot(self._basis.T, rest, ([1], [1])) / self._gain
        weight = abs(self._gain) ** 2 / max(estimate.noise_power, 1e-300)
        self._weight = self._weight * (1 - 1 / self.memory) + weight
        if self._signature is None:
            self._signature = parts
        else:
            self._signature = self._signature + (weight / self._weight) * (parts - self._signature)


class WithoutDirectPath:
    """An estimator for frames in which the direct path is heard: it is removed first.

    Frames are taken in their order: the same frames give the same bits, not the same frame.
    """

    def __init__(self, estimator: Estimator, removal: DirectPathRemoval) -> None:
        self._estimator, self._removal = estimator, removal

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model of the frames, but for the direct path."""
        return self._estimator.model

    def estimate(self, frame: ArrayLike) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf), relative to its direct path.

        Raises:
            FrameError: wrong shape, or not finite.
        """
        y = checked_frame(self.model, frame)
        estimate = self._estimator.estimate(self._removal.remove(y))
        self._removal.learn(y, estimate)
        return estimate

    def reset(self) -> None:
        """Forgets what has been learned of the direct path."""
        self._removal.reset()
