# SPDX-License-Identifier: GPL-3.0-or-later
"""A propagation path of the channel emulator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..dsp.stream import StreamError
from ..geometry.motion import SPEED_OF_LIGHT, Motion, range_and_rate

__all__ = ["BlockGain", "ChannelPath"]

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]
BlockGain = Callable[[NDArray[np.int64]], Complexes]


@dataclass(frozen=True)
class ChannelPath:
    """One propagation path.

    Parameters
    ----------
    nodes
        what it visits, transmitter first, receiver last. Paths whose transmit array and next node
        are the same objects leave in the same direction and share work.
    gain
        complex amplitude; or a function of frame numbers (int array, not negative) that returns
        those frames' amplitudes, such as `BlockFading`. A frame's gain holds while the receive
        beams' schedule counts that frame.
    departure, arrival
        (2,) spatial frequencies at the transmit and the receive array. None follows the nodes,
        chunk by chunk. Of no effect without an array.
    coupling
        (receive elements, transmit elements) matrix between the ends, in place of the arrays'
        responses. None: the arrays' responses, and ones at an end without an array.
    carriers
        carrier frequency of each hop [Hz], where a node (a transparent satellite behind its feeder
        link) moves the signal in frequency. None: the emulator's on all hops.
    transmitter
        number of the node that has the transmit array: 0, or 1 behind a feeder link.

    Raises
    ------
    StreamError
        there are less than two nodes, or numbers of the wrong shape.
    """

    nodes: tuple[Motion, ...]
    gain: complex | BlockGain = 1.0
    departure: ArrayLike | None = None
    arrival: ArrayLike | None = None
    coupling: ArrayLike | None = None
    carriers: tuple[float, ...] | None = None
    transmitter: int = 0

    def __post_init__(self) -> None:
        if len(self.nodes) < 2:
            raise StreamError(f"a path of {len(self.nodes)} nodes; it needs two at least")
        if self.carriers is not None and len(self.carriers) != len(self.nodes) - 1:
            raise StreamError(
                f"{len(self.carriers)} carriers for a path of {len(self.nodes) - 1} hops"
            )
        if not 0 <= self.transmitter < len(self.nodes) - 1:
            raise StreamError(
                f"node {self.transmitter} of {len(self.nodes)} cannot have the transmit array; "
                f"nodes 0 to {len(self.nodes) - 2} can"
            )
        if not callable(self.gain) and not np.isfinite(self.gain):
            raise StreamError(f"the gain of a path is {self.gain}; it must be finite")
        for name, value in (("departure", self.departure), ("arrival", self.arrival)):
            if value is not None and np.shape(value) != (2,):
                raise StreamError(f"{name} has shape {np.shape(value)}; (2,) is needed")
        if self.coupling is not None and np.ndim(self.coupling) != 2:
            raise StreamError("the coupling of a path must be a matrix")

    @property
    def first_leg(self) -> tuple[Motion, Motion]:
        """The node with the transmit array, and the one that it sends to."""
        return self.nodes[self.transmitter], self.nodes[self.transmitter + 1]

    def range_and_rate(
        self, time: ArrayLike, *, speed: float = SPEED_OF_LIGHT
    ) -> tuple[Floats, Floats]:
        """Length [m] of the path for what arrives at `time` [s], and how fast it grows [m/s]."""
        carriers = 0.0 if self.carriers is None else self.carriers
        return range_and_rate(self.nodes, time, carriers, speed=speed)

    @property
    def factors(self) -> tuple[Complexes, Complexes]:
        """Coupling matrix as left (elements, rank) times right (rank, elements); rank one where
        there is no matrix."""
        if self.coupling is None:
            return np.ones((1, 1), dtype=complex), np.ones((1, 1), dtype=complex)
        matrix: Complexes = np.asarray(self.coupling, dtype=complex)
        i, j = np.unravel_index(np.argmax(np.abs(matrix)), matrix.shape)
        pivot = matrix[i, j]
        left: Complexes = matrix[:, j : j + 1]
        right: Complexes = matrix[i : i + 1] / (pivot or 1.0)
        if np.allclose(left @ right, matrix, rtol=1e-12, atol=0):
            return left, right
        return matrix, np.eye(matrix.shape[1], dtype=complex)
