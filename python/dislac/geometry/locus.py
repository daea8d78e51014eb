# SPDX-License-Identifier: GPL-3.0-or-later
"""Prior knowledge of a position: that it lies in a plane, or on a line."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ANYWHERE", "Locus"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Locus:
    """The positions x with ``normals @ x = offsets``: all of space, a plane, or a line.

    Parameters
    ----------
    normals
        (k, 3) orthonormal rows; k is 0 for all of space, 1 for a plane, 2 for a line.
    offsets
        (k,) [m].
    """

    normals: Floats
    offsets: Floats

    @classmethod
    def plane(cls, point: ArrayLike, normal: ArrayLike) -> Self:
        """The plane through a point (3,) [m] across a normal (3,) of any length.

        Raises
        ------
        ValueError
            the normal has no direction.
        """
        return cls._across(point, _unit(normal, "normal")[None])

    @classmethod
    def line(cls, point: ArrayLike, direction: ArrayLike) -> Self:
        """The line through a point (3,) [m] along a direction (3,) of any length.

        Raises
        ------
        ValueError
            the direction is zero or not finite.
        """
        along = _unit(direction, "direction")
        return cls._across(point, np.linalg.svd(along[None])[2][1:])

    @classmethod
    def at_height(cls, height: float) -> Self:
        """The horizontal plane at a height [m]."""
        return cls.plane([0.0, 0.0, height], [0.0, 0.0, 1.0])

    @classmethod
    def _across(cls, point: ArrayLike, normals: Floats) -> Self:
        return cls(normals, normals @ np.asarray(point, dtype=float))

    @property
    def directions(self) -> Floats:
        """Orthonormal directions (3, 3 - k) in which a position can move."""
        known = len(self.normals)
        if known == 0:
            return np.eye(3)
        return np.ascontiguousarray(np.linalg.svd(self.normals)[2][known:].T)

    @property
    def height(self) -> float | None:
        """z coordinate of all its positions [m], None where they have several."""
        if len(self.normals) == 0:
            return None
        vertical = self.normals[:, 2] @ self.normals
        if not np.allclose(vertical, [0.0, 0.0, 1.0], rtol=0.0, atol=1e-12):
            return None
        return float(self.normals[:, 2] @ self.offsets)

    def correction(self, position: ArrayLike) -> Floats:
        """The shortest step (3,) from a position (3,) that leads there [m]."""
        return np.asarray((self.offsets - self.normals @ np.asarray(position)) @ self.normals)


def _unit(vector: ArrayLike, name: str) -> Floats:
    values = np.asarray(vector, dtype=float)
    largest = np.max(np.abs(values))
    if not 0.0 < largest < np.inf:
        raise ValueError(f"{name} {values.tolist()} has no direction; give a finite, nonzero one")
    values = values / largest
    return np.asarray(values / np.linalg.norm(values))


ANYWHERE = Locus(np.zeros((0, 3)), np.zeros(0))
"""All of space: nothing is known."""
