# SPDX-License-Identifier: GPL-3.0-or-later
"""The two endpoints of an emulated link: array and beams."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..dsp.stream import CHUNK, StreamError
from ..geometry.motion import Motion
from .schedule import BeamSchedule

__all__ = ["PART", "PARTS", "Endpoint", "make_endpoint", "part_times"]

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

PARTS = 16
"""Parts of a chunk, for each of which the directions of its middle hold."""
PART = CHUNK // PARTS


def part_times(index: int, sample_rate: float) -> Floats:
    """(PARTS,) middles of the parts of chunk `index` [s]."""
    return np.asarray((index * PARTS + np.arange(PARTS) + 0.5) * (PART / sample_rate))


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of the link: its array, if any, and its beams (identity where none are set)."""

    array: PlanarArray | None
    schedule: BeamSchedule

    def response(
        self, fixed: ArrayLike | None, here: Motion, there: Motion, time: Floats
    ) -> Complexes:
        """Array response (times, elements), ones without an array."""
        if self.array is None:
            return np.ones((len(time), self.schedule.elements), dtype=complex)
        if fixed is None:
            fixed = self.array.spatial_frequency(_directions(here, there, time))
        return np.broadcast_to(self.array.steering(fixed), (len(time), self.array.size))


def make_endpoint(
    name: str, array: PlanarArray | None, beams: BeamSchedule | None, streams: int | None
) -> Endpoint:
    """The endpoint with these settings; without beams, each stream has an element of its own."""
    elements: dict[str, int] = {}
    if array is not None:
        elements["array"] = array.size
    if beams is not None:
        elements["beams"] = beams.elements
    elif streams is not None:
        elements["streams"] = streams
    if len(set(elements.values())) > 1:
        raise StreamError(f"the {name}'s {elements} disagree on the number of elements")
    if beams is not None and streams not in (None, beams.chains):
        raise StreamError(f"the {name} has {streams} streams, but beams for {beams.chains}")
    count = next(iter(elements.values()), 1)
    return Endpoint(array, beams or BeamSchedule.constant(np.eye(count), 2**62))


def _directions(origin: Motion, target: Motion, time: Floats) -> Floats:
    """Unit vectors (..., 3) of the line of sight from one node to another."""
    sight = target.state(time)[0] - origin.state(time)[0]
    length = np.linalg.norm(sight, axis=-1, keepdims=True)
    return np.asarray(sight / np.where(length > 0, length, 1.0))
