# SPDX-License-Identifier: GPL-3.0-or-later
"""Fisher information of a noisy pilot frame about its paths."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..channel import Paths, SnapshotModel
from ..dsp.information import estimable_covariance

__all__ = ["PATH_PARAMETERS", "fisher_information", "path_covariance"]

Floats = NDArray[np.float64]

PATH_PARAMETERS = ("arrival_x", "arrival_y", "departure_x", "departure_y", "delay", "doppler")
"""Order of the parameters of one path in `path_covariance`."""

UNKNOWNS = 2 + len(PATH_PARAMETERS)
"""Real unknowns of one path: those, after the real and the imaginary part of its gain."""


def fisher_information(
    model: SnapshotModel,
    paths: Paths,
    noise_power: float,
    power: ArrayLike | None = None,
    nuisance: Floats | None = None,
) -> Floats:
    """Fisher information (8 L, 8 L) of a frame about its L paths.

    The frame is `channel.synthesize` plus circular white noise. The unknowns, path by path: real
    and imaginary part of the gain, then `PATH_PARAMETERS`.

    Every column of the frame's derivative is an outer product of a symbol-and-chain part and a
    subcarrier part (that by the delay the sum of two), so their Gram matrix is the product,
    element by element, of two small ones; the frame itself never appears.

    Parameters
    ----------
    model
        the frame's beams, pilots, times and frequencies.
    paths
        L paths with their true parameters.
    noise_power
        E|noise|^2 of one element of the frame.
    power
        (Ms, Nsc) |amplitude|^2 of what was sent on each element and is known, over that of the
        model's pilots: zero where there is nothing, or nothing known. None: one.
    nuisance
        (Nsc, k) orthonormal patterns over the subcarriers of which every symbol and chain holds an
        unknown amount, such as a direct path's; not with `power`. None: none.

    Raises
    ------
    ValueError
        `noise_power` is not positive.
    """
    if not noise_power > 0:
        raise ValueError(f"noise_power is {noise_power}: a bound needs a positive one")
    receive, *arrival = _receive(model, paths)
    transmit, *departure = _transmit(model, paths)
    gain = paths.gain[:, None, None]
    turns = np.outer(paths.doppler, model.symbol_times) - np.outer(paths.delay, model.offsets)
    turn = np.exp(2j * np.pi * turns)[..., None]
    unit = receive * transmit * turn
    spatial = np.stack(
        [
            unit,
            1j * unit,
            *(gain * turn * transmit * slope for slope in arrival),
            *(gain * turn * receive * slope for slope in departure),
            gain * unit,
            gain * unit * (2j * np.pi * model.symbol_times[:, None]),
            gain * unit * (-2j * np.pi * model.offsets[:, None]),
        ],
        axis=1,
    ).reshape((UNKNOWNS + 1) * len(paths), -1)
    frequency = np.exp(-2j * np.pi * paths.delay[:, None] * model.frequencies)
    frequency = np.repeat(frequency[:, None], UNKNOWNS + 1, axis=1)
    delay = 2 + PATH_PARAMETERS.index("delay")
    frequency[:, delay] *= -2j * np.pi * model.frequencies
    frequency = frequency.reshape((UNKNOWNS + 1) * len(paths), -1)
    if nuisance is not None:
        frequency = frequency - (frequency @ nuisance) @ nuisance.T
    if power is None:
        gram = (spatial.conj() @ spatial.T) * (frequency.conj() @ frequency.T)
    else:
        gram = _weighted_gram(spatial, frequency, np.asarray(power, dtype=float))
    # The last column is the other half of the derivative by the delay.
    halves = _halves(len(paths))
    return np.asarray(2.0 / noise_power * (halves.T @ gram.real @ halves))


@lru_cache(maxsize=16)
def _halves(paths: int) -> Floats:
    """(9 L, 8 L) that add up the two halves of each path's derivative by the delay."""
    delay = 2 + PATH_PARAMETERS.index("delay")
    return np.asarray(np.kron(np.eye(paths), np.eye(UNKNOWNS)[[*range(UNKNOWNS), delay]]))


def _weighted_gram(
    spatial: NDArray[np.complex128], frequency: NDArray[np.complex128], power: Floats
) -> NDArray[np.complex128]:
    """Gram matrix (n, n) of outer products of (n, Ms Nrf) and (n, Nsc), elements weighted."""
    # A weight is the same for all chains.
    parts = spatial.reshape(len(spatial), len(power), -1)
    by_symbol = np.einsum("ami,bmi->abm", parts.conj(), parts, optimize=True)
    by_subcarrier = frequency.conj()[:, None] * frequency
    return np.asarray(np.sum((by_symbol @ power) * by_subcarrier, axis=-1))


def path_covariance(
    model: SnapshotModel,
    paths: Paths,
    noise_power: float,
    power: ArrayLike | None = None,
    nuisance: Floats | None = None,
) -> Floats:
    """Cramer-Rao bounds (L, 6, 6) on the `PATH_PARAMETERS` of each path; all else is nuisance.

    A parameter that the frame does not determine (the departure when all symbols are alike, the
    Doppler shift of a single symbol, ...) has infinite variance and zero covariance with the
    others: the frame holds no information about it, whatever is known of the rest.

    Parameters
    ----------
    model, paths, noise_power, power, nuisance
        see `fisher_information`.
    """
    information = fisher_information(model, paths, noise_power, power, nuisance)
    covariance = estimable_covariance(information)
    blocks = covariance.reshape(len(paths), UNKNOWNS, len(paths), UNKNOWNS)
    own = np.arange(len(paths))
    return np.asarray(blocks[own, 2:, own, 2:])


def _receive(model: SnapshotModel, paths: Paths) -> NDArray[np.complex128]:
    """Receive response and its derivatives (3, L, Ms, Nrf): value, by arrival_x, by arrival_y."""
    v = _steering_and_slopes(model.receive_array, paths.arrival)
    return np.asarray(np.tensordot(v, model.receive_beams.conj(), axes=(2, 1)), complex)


def _transmit(model: SnapshotModel, paths: Paths) -> NDArray[np.complex128]:
    """Transmit response and its derivatives (3, L, Ms, Nrf), as `_receive` by departure."""
    v = _steering_and_slopes(model.transmit_array, paths.departure)
    beams = model.transmit_beams * model.pilots[:, None]
    transmit_response = np.asarray(np.tensordot(v, beams, axes=(2, 1)), complex)
    if model.coupling == "physical":
        transmit_response = np.broadcast_to(
            transmit_response.sum(-1, keepdims=True),
            (*transmit_response.shape[:-1], model.shape[-1]),
        )
    return transmit_response


def _steering_and_slopes(array: PlanarArray, spatial_frequency: Floats) -> NDArray[np.complex128]:
    """Steering vectors (3, L, size): value, derivative by x, derivative by y."""
    v = array.steering(spatial_frequency)
    slopes = 1j * np.pi * array.element_positions.T[:, None] * v
    return np.concatenate([v[None], slopes])
