# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of estimators: the schema, the command line and Companion offer what stands here."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel
from .grid import GridEstimator
from .mmv_bomp import MmvBomp
from .off_grid import OffGridEstimator
from .path_responses import departure_of
from .result import Estimator, EstimatorError
from .solver import DirectionDictionary, Solver

__all__ = ["DEFAULT_ESTIMATOR", "ESTIMATORS", "GRID_POINTS", "EstimatorKind", "make_estimator"]


@dataclass(frozen=True)
class EstimatorKind:
    """One entry of the table.

    Parameters
    ----------
    title
        its name in menus.
    description
        one line.
    make
        constructor, with the arguments of `make_estimator` but for the name.
    reaches_bound
        its errors are those of the Cramer-Rao bound, as far as frames hold nothing but noise
        besides.
    on_grid
        it holds a dictionary of `grid_points` an axis.
    needs_departure
        over `physical` coupling it has to be given `reference_departure`.
    """

    title: str
    description: str
    make: Callable[..., Estimator]
    reaches_bound: bool = False
    on_grid: bool = False
    needs_departure: bool = False


def _off_grid(model: SnapshotModel, *, grid_points: int, **settings: object) -> Estimator:
    return OffGridEstimator(model, **settings)  # type: ignore[arg-type]


def _on_grid(
    make_solver: Callable[[DirectionDictionary], Solver[DirectionDictionary]],
) -> Callable[..., Estimator]:
    """Constructor of an estimator on a grid from that of its solver."""

    def make(
        model: SnapshotModel,
        *,
        grid_points: int,
        max_paths: int,
        reference_departure: ArrayLike | None,
        **settings: object,
    ) -> Estimator:
        departure = departure_of(reference_departure)
        dictionary = DirectionDictionary.on_grids(model, grid_points, departure)
        solver = make_solver(dictionary)
        return GridEstimator(model, solver, atoms=max_paths, **settings)  # type: ignore[arg-type]

    return make


ESTIMATORS: dict[str, EstimatorKind] = {
    "off-grid": EstimatorKind(
        "Off the grid",
        "coherent search, then Gauss-Newton; reaches the bound",
        _off_grid,
        reaches_bound=True,
    ),
    "mmv-bomp": EstimatorKind(
        "Algorithm 1 (MMV-BOMP)",
        "Algorithm 1 of the paper and its matched filter",
        _on_grid(MmvBomp),
        on_grid=True,
        needs_departure=True,
    ),
}
"""Estimators by their names."""

DEFAULT_ESTIMATOR = "off-grid"

GRID_POINTS = 16
"""Points an axis of grids, where no other number is given."""


def make_estimator(
    kind: str,
    model: SnapshotModel,
    *,
    grid_points: int = GRID_POINTS,
    max_paths: int = 3,
    false_alarm_rate: float = 1e-2,
    delay_window: tuple[float, float] | None = None,
    doppler_window: tuple[float, float] | None = None,
    reference_departure: ArrayLike | None = None,
    nuisance: NDArray[np.float64] | None = None,
) -> Estimator:
    """Build an estimator: everything that does not depend on the frame is computed here, once.

    An estimator reuses its buffers: one thread at a time.

    Parameters
    ----------
    kind
        a name in `ESTIMATORS`.
    model
        the snapshot model of the frames to come.
    grid_points
        points an axis of the spatial-frequency grids of estimators on a grid.
    max_paths
        most paths that ``off-grid`` finds; ``mmv-bomp`` always selects this many atoms.
    false_alarm_rate
        probability of detecting a path in a frame of noise alone.
    delay_window
        (least, greatest) residual delay to search [s]; by default from -1/16 to 5/16 of the span 1
        / (subcarrier spacing) over which delays are unambiguous.
    doppler_window
        (least, greatest) residual Doppler to search [Hz]; by default half a Doppler resolution
        about zero, enough for a pre-compensation that works.
    reference_departure
        (2,) spatial frequency at which all paths are known to leave the transmitter; without it the
        departure is estimated. Over `physical` coupling ``mmv-bomp`` cannot, and needs it.
    nuisance
        (Nsc, k) orthonormal patterns over the subcarriers of which every symbol and chain of a
        frame holds an unknown amount, such as `direct_path_patterns`.

    Returns
    -------
    Estimator
        for frames of the model.

    Raises
    ------
    EstimatorError
        there is no such estimator, or a setting that makes no sense for the model.

    Examples
    --------
    The echo of a scene, without noise, and what is found of it.

    >>> from gnuradio.dislac.channel import synthesize
    >>> from gnuradio.dislac.estimation import make_estimator
    >>> from gnuradio.dislac.scenario import load_scenario
    >>> from gnuradio.dislac.scenario.routes import snapshot_model
    >>> from gnuradio.dislac.scenario.truth import true_paths
    >>> scene = load_scenario("paper")
    >>> model, echo = snapshot_model(scene), true_paths(scene, frame=0, count=1)
    >>> estimate = make_estimator("off-grid", model, max_paths=1).estimate(synthesize(model, echo))
    >>> f"{estimate.paths.delay[0] * 1e6:.4f} of {echo.delay[0] * 1e6:.4f} us"
    '1.2960 of 1.2960 us'
    """
    if kind not in ESTIMATORS:
        names = " and ".join(map(repr, ESTIMATORS))
        raise EstimatorError(f"no estimator is called {kind!r}; there are {names}")
    return ESTIMATORS[kind].make(
        model,
        grid_points=grid_points,
        max_paths=max_paths,
        false_alarm_rate=false_alarm_rate,
        delay_window=delay_window,
        doppler_window=doppler_window,
        reference_departure=reference_departure,
        nuisance=nuisance,
    )
