# SPDX-License-Identifier: GPL-3.0-or-later
"""The Cramer-Rao bound of a position found from one bistatic echo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..channel import Paths, SnapshotModel
from ..geometry import SPEED_OF_LIGHT, bistatic_gradient
from .paths import PATH_PARAMETERS, UNKNOWNS, estimable_covariance, fisher_information

__all__ = ["PositionBound", "position_bound"]

Floats = NDArray[np.float64]

_MEASURED = [2 + PATH_PARAMETERS.index(name) for name in ("arrival_x", "arrival_y", "delay")]


@dataclass(frozen=True, eq=False)
class PositionBound:
    """Lower bound of the error of an unbiased position estimate.

    Args:
        covariance: (3, 3) bound of the covariance [m^2]; infinite variance where the frame does
            not determine a coordinate, zero where it is known, NaN where the target is at the
            receiver, so that its echo comes from no direction.
        deviation: root of its trace: bound of the root mean square position error [m].
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
    known_height: bool = False,
    speed: float = SPEED_OF_LIGHT,
) -> PositionBound:
    """Bound on the position that the first path, the target's echo, gives away.

    The position determines that path's arrival and residual delay. Its gain, departure and
    Doppler shift, and everything about the other paths, are nuisance; to leave the other paths
    out, leave them out of `paths`.

    Args:
        model, paths, noise_power: see `fisher_information`; the first path as the geometry has it.
        transmitter, receiver, position: (3,) where the nodes and the target are [m].
        known_height: the z coordinate is known, which bounds the two others more tightly.
        speed: of propagation [m/s].

    Raises:
        ValueError: `noise_power` is not positive.
    """
    if np.array_equal(position, receiver):
        return PositionBound(np.full((3, 3), np.nan), np.nan)
    slopes = measurement_jacobian(model.receive_array, transmitter, receiver, position, speed)
    # The coordinates take the places of the three parameters that they determine.
    change = np.eye(UNKNOWNS * len(paths))
    change[np.ix_(_MEASURED, _MEASURED)] = slopes
    free = _MEASURED
    if known_height:
        # z stands last of the three, and no unknown at all
        *free, z = _MEASURED
        change[:, z] = 0.0
    information = change.T @ fisher_information(model, paths, noise_power) @ change
    covariance = np.zeros((3, 3))
    covariance[: len(free), : len(free)] = estimable_covariance(information)[np.ix_(free, free)]
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
    u = ray / distance
    turn = (np.eye(3) - np.outer(u, u)) / distance
    # The spatial frequency is linear in the direction, and `turn` is symmetric.
    arrival = array.spatial_frequency(turn).T
    delay = bistatic_gradient(transmitter, receiver, position) / speed
    return np.vstack([arrival, delay])
