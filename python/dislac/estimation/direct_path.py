# SPDX-License-Identifier: GPL-3.0-or-later
"""Echoes beside a direct path that is thousands of times as strong."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import Paths, SnapshotModel, synthesize
from .result import Estimate, Estimator, checked_frame
from .signature import extent

__all__ = ["DirectPathRemoval", "WithoutDirectPath", "without_constants"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

ORDER = 2
"""The direct path's signature is a constant and a slope over the subcarriers of each row."""

FAR = 0.5
"""A path later than so many resolution cells of delay is an echo, and no part of the signature."""

CHANGED = 0.5
"""A signature that explains less than this part of what lies where it lies has changed."""


PASSES = 2
"""An estimate is made so many times more where the direct path's gain had taken part of an echo."""

UNMOVED = 0.5
"""Noise, in one of a frame's dimensions, times this: what is too little to estimate again for."""


def without_constants(frame: NDArray[Any]) -> NDArray[Any]:
    """A frame (Ms, Nsc, Nrf) less its mean over the subcarriers: all that has no delay goes, and
    most of what has little, a target very near as well as the direct path."""
    return frame - frame.mean(axis=1, keepdims=True)


class DirectPathRemoval:
    """Takes the direct path off frames whose zero of delay and Doppler it is.

    Its signature is learned: for each row and chain a constant over the subcarriers and a slope,
    averaged over the frames before. Whatever arrays, beams and chains do to it is in there, and so
    is what else stays with it from frame to frame. As the ends move, beams hear it otherwise: what
    the geometry says of that is added, by a factor for each chain. Of each frame the signature is
    taken off with one complex gain of its own. (To let each frame's delay and Doppler move too
    would cost an echo dearly that arrives from where the direct path does but for the side of the
    array.) Echoes that have been found go neither into that gain nor into the signature, those very
    near the direct path excepted, which would be hard to tell from a signature that has changed.

    Before a signature is known, the constants of the frame itself are taken off.

    With `static`, the signature is a number for each element: whatever stays the same relative to
    the direct path is taken off at all delays, and an echo does so too whose Doppler is less than
    a fraction of 1 / `memory` of the frame rate.

    Args:
        model: of the frames.
        known: frame -> (Ms, Nrf), how the direct path should be heard in it, in any scale.
        memory: how many frames the signature is averaged over.
        static: whether all that stays is taken off.
    """

    def __init__(
        self,
        model: SnapshotModel,
        known: Callable[[int], Complex],
        *,
        memory: int = 16,
        static: bool = False,
    ) -> None:
        if memory < 1:
            raise ValueError(f"memory is {memory}; give a number of frames, 1 or more")
        self.model, self.known, self.memory = model, known, memory
        subcarriers = len(model.frequencies)
        order = subcarriers if static else min(ORDER, subcarriers)
        powers = np.vander(np.linspace(-1, 1, subcarriers), order, increasing=True)
        self._basis = np.eye(subcarriers) if static else np.linalg.qr(powers)[0]
        self._constant = self._basis.sum(axis=0)  # what a constant of 1 is in the basis
        # An echo that is later goes into no signature; unless all that stays is to go.
        self._near = np.inf if static else FAR / extent(model.element_frequencies)
        self.reset()

    def reset(self) -> None:
        """Forgets the signature."""
        self._signature: Complex | None = None  # (order, Ms, Nrf)
        self._heard: Complex = np.zeros(0, complex)  # (Ms, Nrf) `known`, averaged like that
        self._weight = 0.0
        self._gain = 1.0 + 0.0j

    def echoes(self, estimate: Estimate) -> Complex:
        """(Ms, Nsc, Nrf) the paths that are none of the direct path's signature."""
        p, far = estimate.paths, estimate.paths.delay > self._near
        return synthesize(self.model, Paths(*(value[far] for value in vars(p).values())))

    def remove(self, frame: Complex, index: int, echoes: Complex | None = None) -> Complex:
        """The frame (Ms, Nsc, Nrf) with this index, without the direct path.

        Args:
            echoes: what is known of the rest of the frame.
        """
        direct = frame if echoes is None else frame - echoes
        if self._signature is not None:
            pattern = self._pattern(self._signature, index)
            energy = max(float(np.vdot(pattern, pattern).real), 1e-300)
            gain = complex(np.vdot(pattern, direct)) / energy
            there = direct - without_constants(direct)
            if energy * abs(gain) ** 2 >= CHANGED * float(np.vdot(there, there).real):
                self._gain = gain
                return np.asarray(frame - gain * pattern)
            self.reset()
        self._gain = complex(np.sqrt(np.mean(np.abs(frame) ** 2)))
        return frame - direct + without_constants(direct)

    def _pattern(self, signature: Complex, index: int) -> Complex:
        """(Ms, Nsc, Nrf) the direct path in a frame, but for its gain."""
        constants = np.tensordot(self._constant, signature, 1) / len(self._basis)
        energy = np.maximum(np.sum(np.abs(self._heard) ** 2, axis=0), 1e-300)
        chains = np.sum(self._heard.conj() * constants, axis=0) / energy
        moved = chains * (self.known(index) - self._heard)
        signature = signature + np.multiply.outer(self._constant, moved)
        return np.tensordot(self._basis, signature, 1).transpose(1, 0, 2)

    def learn(self, frame: Complex, index: int, echoes: Complex, noise_power: float) -> None:
        """Takes the frame that was given to `remove` last into the signature, less its echoes."""
        if not abs(self._gain) > 0:
            return
        parts = np.tensordot(self._basis.T, frame - echoes, ([1], [1])) / self._gain
        heard = self.known(index)
        weight = abs(self._gain) ** 2 / max(noise_power, 1e-300)
        self._weight = self._weight * (1 - 1 / self.memory) + weight
        if self._signature is None:
            self._signature, self._heard = parts, heard
        else:
            share = weight / self._weight
            self._signature = self._signature + share * (parts - self._signature)
            self._heard = self._heard + share * (heard - self._heard)


class WithoutDirectPath:
    """An estimator for frames in which the direct path is heard: it is removed first, and again
    where its gain turns out to have taken a part of an echo.

    Frames are taken in their order: the same frames give the same bits, not the same frame.
    """

    def __init__(self, estimator: Estimator, removal: DirectPathRemoval) -> None:
        self._estimator, self._removal = estimator, removal

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model of the frames, but for the direct path."""
        return self._estimator.model

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf), relative to its direct path.

        Args:
            index: the frame's, by which the ends have moved.

        Raises:
            FrameError: wrong shape, or not finite.
        """
        y = checked_frame(self.model, frame)
        rest = self._removal.remove(y, index)
        estimate = self._estimator.estimate(rest)
        echoes = self._removal.echoes(estimate)
        for _ in range(PASSES):
            before, rest = rest, self._removal.remove(y, index, echoes)
            # Of what the direct path's gain had taken, the part that echoes look like: as large as
            # the part of the echoes that it had taken.
            moved, energy = (np.sum(np.abs(x) ** 2) for x in (rest - before, echoes))
            if moved**2 <= UNMOVED * estimate.noise_power * energy:
                break
            estimate = self._estimator.estimate(rest)
            echoes = self._removal.echoes(estimate)
        self._removal.learn(y, index, echoes, estimate.noise_power)
        return estimate

    def reset(self) -> None:
        """Forgets what has been learned of the direct path."""
        self._removal.reset()
