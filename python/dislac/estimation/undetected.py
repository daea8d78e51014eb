# SPDX-License-Identifier: GPL-3.0-or-later
"""Effect of a path that is there but not detected on the estimate of the target's.

A weak path within a resolution cell of the echo adds next to nothing to the likelihood once the
echo's estimate has moved to make up for it. No detector finds it, and yet the estimate has moved.
The frame is linear in such a path, and nearly so in what little the known ones move. Its arrival,
delay and Doppler shift are therefore run through on a grid about the target's, and its mean power
through some values; at each the gain, Gaussian beforehand, and the displacements of the known paths
are integrated in closed form. Grid points are weighed with prior and marginal likelihood.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .expectations import OTHER_TARGET, SECONDARY_POWER
from .path_responses import DELAY, DOPPLER, PathResponses
from .refinement import Fit, Prior

__all__ = ["DETECTED", "Undetected", "likely_places", "undetected_path"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# The grid: distances of arrivals from the target's [spatial frequency], an octave apart, at this
# number of angles each, and this number of delays of equal probability.
RADII, ANGLES, DELAYS = 0.01 * 2.0 ** np.arange(8), 8, 6
# Mean power over that of the target's path, of scatterers and of another target, and how many of
# the paths are such.
POWERS = np.array([SECONDARY_POWER, 1.0])
PARTS = np.array([1.0 - OTHER_TARGET, OTHER_TARGET])
DETECTED = 11.0
"""Log-likelihood from which on a path counts as detected."""
# Points that stand for a Gaussian gain of variance one in each part: three radii of equal
# probability at four phases each.
NODES = np.concatenate(
    [
        np.sqrt(-2 * np.log(1 - q)) * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) / np.sqrt(2)
        if k % 2
        else np.sqrt(-2 * np.log(1 - q)) * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
        for k, q in enumerate((1 / 6, 1 / 2, 5 / 6))
    ]
)
# Grid points of less than this logarithm of prior times Bayes factor are left out.
NEGLIGIBLE = -12.0
# The target's gain is this part of the undetected one's or more.
COMPARABLE = 0.5


class Undetected(NamedTuple):
    """Effect of an undetected path on the estimate of a target.

    evidence: logarithm of the evidence for such a path or none, relative to none for certain.
    weight, shift: (N,) probabilities, and (N, 6) displacements of the target's parameters; it is
    not displaced with the probability that is left.
    """

    evidence: float
    weight: Floats
    shift: Floats

    @property
    def displacement(self) -> Floats:
        """Mean square (6, 6) displacement."""
        return np.asarray((self.weight[:, None] * self.shift).T @ self.shift)


def undetected_path(
    responses: PathResponses,
    frame: Complex,
    parameters: Floats,
    current: Fit,
    target: int,
    prior: Prior,
    probability: float,
    most: float = DETECTED,
) -> Undetected:
    """One path more than the known ones (L, 6) in a frame (J, Nsc), about the target's.

    Parameters
    ----------
    current
        the fit at the known paths, a batch of one.
    target
        index of the target's path.
    prior
        of the known paths.
    probability
        that there is one, beforehand.
    most
        log-likelihood from which on it is not the subject, as it is looked for besides.
    """
    found = _gained(responses, frame, parameters, current, target, prior)
    gain, noise, power = current.gain[0], prior.noise, POWERS * prior.power[0]
    radius, given, moved = found.radius, found.given, found.moved
    value, vector = np.linalg.eigh(found.precision)
    value = np.maximum(value, 0.0) + (noise / power)[:, None, None]  # (Q, K, 2)
    pull = np.einsum("kab,ka->kb", vector, found.pull)
    gained = np.sum(pull**2 / value, axis=-1) / noise
    chance = gained - 0.5 * np.sum(np.log(value * (power / noise)[:, None, None]), axis=-1)
    chance += np.log(PARTS)[:, None] + np.log(found.mass)
    # Points that matter, N of them.
    q, k = np.nonzero((gained < most) & (chance > NEGLIGIBLE))
    # Nodes of equal probability stand for what is left open of the gain: (N, M, 2).
    parts = (pull[k] / value[q, k])[:, None] + np.sqrt(noise / 2 / value[q, k])[:, None] * NODES
    amplitude = parts @ vector[k].swapaxes(1, 2)
    # The undetected path's place is relative to the target's, which has moved: by the more, the
    # more of the gain found is the undetected one's.
    own = abs(gain[target])
    added = amplitude @ [1, 1j]
    rest = np.maximum(np.abs(gain[target] - given[k, None] * added), 1e-3 * own)
    scale = own / rest
    density = prior.arrival_density(radius[k, None] * scale) * scale**2
    density /= prior.arrival_density(radius[k])[:, None]
    density *= rest >= COMPARABLE * np.abs(added)
    # What that moves the target.
    spread = responses.spread(len(parameters)).reshape(len(moved), -1, 6)[:, target]
    moved = moved[:, k].transpose(1, 2, 0) @ spread  # (N, 2, 6)
    shift = -(amplitude @ moved) * scale[..., None]
    with np.errstate(divide="ignore"):
        weight = chance[q, k, None] + np.log(density)
    most_likely = float(np.max(weight, initial=0.0))
    weight = np.exp(weight - most_likely)
    weight *= probability / len(NODES)
    total = float(weight.sum()) + (1.0 - probability) * np.exp(-most_likely)
    weight = weight.ravel() / total
    shift = shift.reshape(-1, 6)
    return Undetected(float(np.log(total)) + most_likely, weight, shift)


def likely_places(
    responses: PathResponses,
    frame: Complex,
    parameters: Floats,
    current: Fit,
    prior: Prior,
    count: int,
) -> tuple[Floats, Floats]:
    """Places (N, 6) about each of the known paths (L, 6) where one more would explain most of a
    frame (J, Nsc), `count` of each at different distances, known paths moving out of its way; and
    (N,) the energy that it would explain."""
    candidates, energy = [], []
    for target in range(len(parameters)):
        near = _gained(responses, frame, parameters, current, target, prior)
        precision = near.precision + prior.noise / prior.power[0] * np.eye(2)
        gained = np.sum(near.pull * _solved(precision, near.pull), axis=-1)
        rings = (np.flatnonzero(near.radius == radius) for radius in np.unique(near.radius))
        best = np.array([own[np.argmax(gained[own])] for own in rings])
        best = best[np.argsort(-gained[best], kind="stable")[:count]]
        found = np.tile(parameters[target], (len(best), 1))
        found[:, [0, 1, DELAY, DOPPLER]] = near.candidates[best]
        candidates.append(found)
        energy.append(gained[best])
    return np.concatenate(candidates), np.concatenate(energy)


def _solved(matrix: Floats, right: Floats) -> Floats:
    """(K, 2) solutions of symmetric positive equations (K, 2, 2)."""
    (a, b), (_, d) = matrix.transpose(1, 2, 0)
    x, y = right.T
    return np.asarray(np.array([d * x - b * y, a * y - b * x]) / np.maximum(a * d - b**2, 1e-300)).T


class _Gained(NamedTuple):
    """One more path at K points about a known one.

    candidates: (K, 4) arrival, delay and Doppler shift; radius, mass: (K,) distance of its arrival,
    and probability; precision, pull: (K, 2, 2), (K, 2) of its gain's two parts, times the noise;
    moved: (P, K, 2) what the unknowns of known paths give way; given: (K,) what the gain of the
    known one gives away.
    """

    candidates: Floats
    radius: Floats
    mass: Floats
    precision: Floats
    pull: Floats
    moved: Floats
    given: Complex


def _gained(
    responses: PathResponses,
    frame: Complex,
    parameters: Floats,
    current: Fit,
    target: int,
    prior: Prior,
) -> _Gained:
    cell = float(responses.cells[DOPPLER])
    arrival, doppler, delay, radius, mass = _grid(parameters[target], prior, cell)
    size, match, given, coupling = _coupled(
        responses, frame, parameters, current, target, prior, (arrival, doppler, delay)
    )
    # Displacements of the known paths, eliminated: real unknowns against real and imaginary part.
    both = np.stack([coupling.real, -coupling.imag], axis=-1)  # (P, K, 2)
    unit = 1.0 / np.sqrt(np.maximum(np.diag(current.curvature[0]), 1e-300))
    curvature = current.curvature[0] * unit[:, None] * unit + 1e-9 * np.eye(len(unit))
    moved = np.linalg.solve(curvature, both.reshape(len(unit), -1) * unit[:, None])
    moved = (moved * unit[:, None]).reshape(both.shape)
    free = size[:, None, None] * np.eye(2) - np.einsum("pka,pkb->kab", both, moved)
    # Rounding must not leave less than nothing.
    own = np.maximum(np.einsum("kaa->ka", free), 0.0)
    most = np.sqrt(own.prod(axis=1))
    mixed = np.clip(free[:, 0, 1], -most, most)
    free = np.array([[own[:, 0], mixed], [mixed, own[:, 1]]]).transpose(2, 0, 1)
    pull = np.stack([match.real, match.imag], axis=-1)
    pairs = np.repeat(np.column_stack([arrival, doppler]), len(delay), axis=0)
    candidates = np.insert(pairs, 2, np.tile(delay, len(arrival)), axis=1)
    return _Gained(candidates, radius, mass, free, pull, moved, given)


def _grid(
    target: Floats, prior: Prior, cell: float
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Arrivals (A, 2), Doppler shifts (A,) and delays (D,) about the target (6,); of each pair, how
    far the arrival is from the target's, and the probability (A D,).

    Parameters
    ----------
    cell
        resolution cell of Doppler shifts, which distinguishes those farther off than half of it.
    """
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    arrival = target[:2] + (RADII[:, None, None] * circle).reshape(-1, 2)
    mass = np.repeat(prior.arrival_density(RADII) * RADII**2, ANGLES)
    seen = np.sum(arrival**2, axis=1) <= 1.0
    arrival, mass = arrival[seen], mass[seen] / mass[seen].sum()
    step = min(cell / 4, prior.doppler_spread)
    shift = step * np.array([-1.0, 0.0, 1.0])
    edges = step / prior.doppler_spread * np.array([-1.5, -0.5, 0.5, 1.5])
    chance = np.diff(np.arctan(edges)) / np.pi
    doppler = target[DOPPLER] + np.tile(shift, len(arrival))
    quantile = (np.arange(DELAYS) + 0.5) / DELAYS
    delay = target[DELAY] + prior.delay_spread * np.tan(np.pi / 2 * quantile)
    radius = np.repeat(np.repeat(RADII, ANGLES)[seen], len(shift) * DELAYS)
    mass = np.repeat(np.outer(mass, chance).ravel(), DELAYS) / DELAYS
    return np.repeat(arrival, len(shift), axis=0), doppler, delay, radius, mass


def _coupled(
    responses: PathResponses,
    frame: Complex,
    parameters: Floats,
    current: Fit,
    target: int,
    prior: Prior,
    grid: tuple[Floats, Floats, Floats],
) -> tuple[Floats, Complex, Complex, Complex]:
    """Products of the undetected path's response at K = A D grid points, known gains eliminated.

    Returns
    -------
    tuple[Floats, Complex, Complex, Complex]
        (K,) with itself; (K,) with what the known paths leave of the frame; (K,) the gain that the
        target's path gives away for a unit of the undetected one's; (P, K) with the derivatives by
        the unknowns of the known paths.
    """
    arrival, doppler, delay = grid
    paths, gain = len(parameters), current.gain[0]
    s, e = responses.factors(parameters)
    c = s.shape[-2]
    s, e = s.reshape(paths * c, -1), e.reshape(paths * c, -1)
    array = responses.model.receive_array
    row = (
        array.steering(arrival)
        @ responses.receive.T
        * responses.transmit_response(parameters[target])
    )
    row *= np.exp(2j * np.pi * np.outer(doppler - parameters[target, DOPPLER], responses.times))
    turn = np.exp(-2j * np.pi * np.outer(delay, responses.offsets))  # (D, J)
    at = np.tile(parameters[target], (len(delay), 1))
    at[:, DELAY] = delay
    tone = responses.factors(at)[1][:, 0]  # (D, Nsc)
    size = np.outer(np.sum(np.abs(row) ** 2, axis=1), np.sum(np.abs(tone) ** 2, axis=1)).ravel()
    match = (row.conj() @ (turn.conj().T * (frame @ tone.conj().T))).ravel()
    cross = (s.conj() * turn[:, None]) @ row.T  # (D, L C, A)
    cross *= (tone @ e.conj().T)[:, :, None]
    cross = cross.transpose(1, 2, 0).reshape(paths, c, -1)
    gram = ((s.conj() @ s.T) * (e.conj() @ e.T)).reshape(paths, c, paths, c)
    own = gram[:, 0, :, 0] + prior.noise / prior.power * np.eye(paths)
    given = np.linalg.solve(own, cross[:, 0])
    scale = np.repeat(gain, c - 1)
    slope = gram[:, 0, :, 1:].reshape(paths, -1) * scale
    coupling = cross[:, 1:].reshape(len(scale), -1) * scale.conj()[:, None]
    coupling -= slope.conj().T @ given
    return (
        np.maximum(size - np.sum(cross[:, 0].conj() * given, axis=0).real, 0.0),
        match - gain @ cross[:, 0].conj(),
        given[target],
        responses.sharing(paths).T @ coupling,
    )
