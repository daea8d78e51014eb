# SPDX-License-Identifier: GPL-3.0-or-later
"""Interface of sparse recovery: a dictionary, and solvers that find the atoms of a frame in it.

A frame comes in blocks: of a pilot frame its symbols, of several gateways one each. An atom is a
column in every block, and all blocks of a frame are made of the same few atoms with coefficients of
their own. Frames are (blocks, snapshots, elements): (Ms, Nsc, Nrf) of a pilot frame.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel
from .path_responses import array_grid
from .result import EstimatorError

__all__ = ["Dictionary", "DirectionDictionary", "Solver", "Support"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Support(NamedTuple):
    """Atoms that a frame is made of, in the order of their selection.

    Parameters
    ----------
    atoms
        (L,) indices into the dictionary.
    coefficients
        (L, blocks, snapshots) of the columns, which have unit norm.
    """

    atoms: NDArray[np.intp]
    coefficients: Complex


class Dictionary(Protocol):
    """Atoms among which a solver chooses."""

    @property
    def size(self) -> int:
        """Number of atoms."""
        ...

    def columns(self, atoms: ArrayLike) -> Complex:
        """(blocks, elements, L) columns of atoms (L,), of unit norm in each block."""
        ...


D_co = TypeVar("D_co", bound=Dictionary, covariant=True)


class Solver(Protocol[D_co]):
    """Recovery of supports in one dictionary."""

    @property
    def dictionary(self) -> D_co:
        """Atoms that it chooses among."""
        ...

    @property
    def content(self) -> Sequence[object]:
        """Strings, numbers and arrays on which its supports depend: those of equal content are
        equal, so that a threshold found for one holds for the other. Empty: never taken for equal.
        """
        ...

    def __call__(self, frame: Complex, atoms: int) -> Support:
        """Select a number of atoms from a frame (blocks, snapshots, elements)."""
        ...


class DirectionDictionary:
    """Spatial responses of a model for all pairs of directions of two grids.

    Atom ``t Gr + r`` is arrival r with departure t.

    Parameters
    ----------
    model
        the snapshot model, whose symbols are the blocks.
    arrivals, departures
        (Gr, 2), (Gt, 2) grids of spatial frequencies.
    """

    def __init__(self, model: SnapshotModel, arrivals: Floats, departures: Floats) -> None:
        self.model = model
        self.arrivals, self.departures = arrivals, departures
        self.receive = model.receive_response(arrivals)
        """(Gr, Ms, Nrf) of the arrivals."""
        self.transmit = model.transmit_response(departures)
        """(Gt, Ms, Nrf) of the departures."""

    @classmethod
    def on_grids(cls, model: SnapshotModel, points: int, departure: Floats | None) -> Self:
        """Dictionary of grids with `points` an axis.

        Parameters
        ----------
        departure
            (2,) at which all paths are known to leave, None for a grid of departures.

        Raises
        ------
        EstimatorError
            too few points, or departures that the model does not resolve.
        """
        if points < 2:
            raise EstimatorError(f"grid_points is {points}; give 2 or more")
        if departure is None and model.coupling == "physical":
            raise EstimatorError(
                "a grid cannot resolve departures over physical coupling; give "
                "reference_departure, or use the off-grid estimator"
            )
        departures = (
            array_grid(model.transmit_array, points) if departure is None else departure[None]
        )
        return cls(model, array_grid(model.receive_array, points), departures)

    @property
    def size(self) -> int:
        """Number of pairs."""
        return len(self.arrivals) * len(self.departures)

    @property
    def content(self) -> tuple[object, ...]:
        """All numbers that the columns are made of, in which nothing is left out."""
        return self.arrivals, self.departures, self.receive, self.transmit

    def directions(self, atoms: ArrayLike) -> tuple[Floats, Floats]:
        """(L, 2) arrivals and (L, 2) departures of atoms (L,)."""
        departure, arrival = np.divmod(np.asarray(atoms), len(self.arrivals))
        return self.arrivals[arrival], self.departures[departure]

    def columns(self, atoms: ArrayLike) -> Complex:
        """(Ms, Nrf, L) columns of atoms (L,), of unit norm in each symbol."""
        departure, arrival = np.divmod(np.asarray(atoms), len(self.arrivals))
        q = (self.receive[arrival] * self.transmit[departure]).transpose(1, 2, 0)
        return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True))
