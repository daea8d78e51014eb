# SPDX-License-Identifier: GPL-3.0-or-later
"""The Cramer-Rao bound of a position found from one bistatic echo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..channel import Paths, SnapshotModel
from ..dsp.information import estimable_covariance
from ..geometry import ANYWHERE, SPEED_OF_LIGHT, Locus, bistatic_gradient
from .paths import PATH_PARAMETERS, UNKNOWNS, fisher_information

__all__ = [
    "PositionBound",
    "measurement_gradients",
    "measurement_jacobian",
    "position_bound",
]

Floats = NDArray[np.float64]

_MEASURED = [2 + PATH_PARAMETERS.index(name) for name in ("arrival_x", "arrival_y", "delay")]


@dataclass(frozen=True, eq=False)
class PositionBound:
    """Lower bound of the error of an unbiased position estimate.

    Parameters
    ----------
    covariance
        (3, 3) bound of the covariance [m^2]; infinite variances where the frame does not determine
        the position, NaN where the target is at the receiver, so that its echo comes from no
        direction.
    deviation
        root of its trace: bound of the root mean square position error [m].
    """

    covariance: Floats
    deviation: float


def position_bound(
    model: SnapshotModel,
    paths: Paths,
    noise_power: float,
    *,
    transmitter: ArrayLike,
    receiver: ArrayLike,
    position: ArrayLike,
    known: Locus = ANYWHERE,
    speed: float = SPEED_OF_LIGHT,
    power: ArrayLike | None = None,
    nuisance: Floats | None = None,
    timing_deviation: float = 0.0,
) -> PositionBound:
    """Bound on the position that the first path, the target's echo, gives away.

    The position determines that path's arrival and residual delay. Its gain, departure and
    Doppler shift, and everything about the other paths, are nuisance; to leave the other paths
    out, leave them out of `paths`. An axis along which the receive array has a single element
    measures nothing: without enough known of the position besides, its bound is infinite.

    Parameters
    ----------
    model, paths, noise_power
        see `fisher_information`; the first path as the geometry has it.
    transmitter, receiver, position
        (3,) where the nodes and the target are [m].
    known
        where the target is known to be, which leaves fewer coordinates to find.
    speed
        of propagation [m/s].
    power, nuisance
        see `fisher_information`.
    timing_deviation
        of the receiver's timing, an unknown that delays contain and of which this is the standard
        deviation beforehand [s].

    Returns
    -------
    PositionBound
        covariance [m^2] and deviation [m].

    Raises
    ------
    ValueError
        `noise_power` is not positive.

    Examples
    --------
    Four times the noise doubles the bound.

    >>> from gnuradio.dislac.bounds import position_bound
    >>> from gnuradio.dislac.scenario import load_scenario
    >>> from gnuradio.dislac.scenario.routes import snapshot_model
    >>> from gnuradio.dislac.scenario.truth import true_paths
    >>> scene = load_scenario("paper")
    >>> nodes = {
    ...     "transmitter": [100e3, 200e3, 300e3],
    ...     "receiver": [-50, 190, 100],
    ...     "position": [0, 0, 0],
    ... }
    >>> model, echo = snapshot_model(scene), true_paths(scene, frame=0, count=1)
    >>> one, four = (position_bound(model, echo, noise, **nodes).deviation for noise in (1.0, 4.0))
    >>> f"{four / one:.3f}"
    '2.000'
    """
    if np.array_equal(position, receiver):
        return PositionBound(np.full((3, 3), np.nan), np.nan)
    slopes = measurement_jacobian(model.receive_array, transmitter, receiver, position, speed)
    basis = known.directions
    # Steps along the basis take the places of the measured parameters, which they determine.
    change = np.eye(UNKNOWNS * len(paths))
    change[np.ix_(_MEASURED, _MEASURED)] = 0.0
    free = _MEASURED[: basis.shape[1]]
    change[np.ix_(_MEASURED, free)] = slopes @ basis
    prior: Floats = np.zeros(len(change))
    if timing_deviation > 0:
        # The timing moves the echo's delay; those of other paths are unknown anyway.
        change = np.column_stack([change, np.eye(len(change))[_MEASURED[2]]])
        prior = np.append(prior, timing_deviation**-2)
    information = change.T @ fisher_information(model, paths, noise_power, power, nuisance) @ change
    information += np.diag(prior)
    steps = estimable_covariance(information)[np.ix_(free, free)]
    if not np.all(np.isfinite(steps)):
        return PositionBound(np.diag([np.inf] * 3), np.inf)
    covariance = basis @ steps @ basis.T
    return PositionBound(covariance, float(np.sqrt(np.trace(covariance))))


def measurement_jacobian(
    array: PlanarArray,
    transmitter: ArrayLike,
    receiver: ArrayLike,
    position: ArrayLike,
    speed: float,
) -> Floats:
    """Derivative (3, 3) of (arrival_x, arrival_y, delay) with respect to the target's position.

    Arguments as `position_bound`; the target is not at the receiver.
    """
    ray = np.asarray(position, dtype=float) - np.asarray(receiver, dtype=float)
    distance = np.linalg.norm(ray)
    gradient = bistatic_gradient(transmitter, receiver, position)
    slopes = measurement_gradients(array, ray / distance, gradient)
    return slopes / np.array([distance, distance, speed])[:, None]


def measurement_gradients(array: PlanarArray, direction: Floats, gradient: Floats) -> Floats:
    """Gradients (3, 3) by the target's position of its distance times arrival_x and arrival_y,
    those two varied alone, and of its bistatic range: numbers without unit.

    Parameters
    ----------
    array
        at the receiver.
    direction
        (3,) unit vector from the receiver to the target.
    gradient
        (3,) of the bistatic range.
    """
    # The spatial frequency is linear in the direction, and the projection is symmetric.
    across = np.eye(3) - np.outer(direction, direction)
    return np.vstack([array.spatial_frequency(across).T, gradient])
