# SPDX-License-Identifier: GPL-3.0-or-later
"""Local maxima of one path's likelihood over directions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import wrap_spatial_frequency
from .path_responses import DELAY, PathResponses
from .refinement import Fit, pick, refine
from .search import DirectionSearch

__all__ = ["LocalMaxima", "joined"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Other maxima are refined for a few rounds, and to the end where they leave no more than this times
# what the best one leaves.
ROUGH, CLOSE = 4, 1.5


def joined(first: tuple[Floats, Fit], second: tuple[Floats, Fit]) -> tuple[Floats, Fit]:
    """Two batches of parameters and fits as one."""
    results: Iterator[Any] = zip(first[1], second[1], strict=True)
    return np.concatenate([first[0], second[0]]), Fit(*map(np.concatenate, results))


class LocalMaxima:
    """Local maxima about places that are known, and at others with the delay of the first.

    Parameters
    ----------
    responses
        of the model.
    directions
        the search for other places.
    """

    def __init__(self, responses: PathResponses, directions: DirectionSearch) -> None:
        self._responses = responses
        self._directions = directions

    def __call__(
        self, y: Complex, energy: float, parameters: Floats, result: Fit
    ) -> tuple[Floats, Fit]:
        """Local maxima (B, 1, 6), the greatest first, and places on the way to them.

        Parameters
        ----------
        y
            (J, Nsc) a frame.
        energy
            of the frame.
        parameters, result
            known places (A, 1, 6), the first a maximum, and the fits there.
        """
        start = self._directions(y, float(parameters[0, 0, DELAY]))[:, None]
        start = start[self.apart(start[:, 0], parameters[0, 0])]
        if len(start):
            more = refine(self._responses, y, start, energy, ROUGH)
            parameters, result = joined((parameters, result), more)
        left = energy - result.explained
        close = left <= left.min() * CLOSE
        close &= self.apart(parameters[:, 0], parameters[0, 0])
        if np.any(close):
            rough = parameters[close], pick(result, close)
            last = refine(self._responses, y, rough[0], energy, 20, current=rough[1])
            parameters, result = joined((parameters, result), last)
        order = np.argsort(-result.explained, kind="stable")
        return parameters[order], pick(result, order)

    def apart(self, points: Floats, point: Floats) -> NDArray[np.bool_]:
        """(B,) true for parameters (B, 6) farther than a third of a cell from those of a point."""
        away = points - point
        away[:, :4] = wrap_spatial_frequency(away[:, :4])
        free = self._responses.free
        return np.asarray(np.any(np.abs(away / self._responses.cells)[:, free] > 0.3, axis=1))
