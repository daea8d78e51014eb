# SPDX-License-Identifier: GPL-3.0-or-later
"""What a path that is there and has not been detected does to the estimate of the target's.

A weak path within a resolution cell of the echo adds next to nothing to the likelihood once the
echo has moved to make up for it, and so no detector finds it; but it has moved the echo. The
frame is linear in such a path and, for as little as it moves, in the known ones. Its arrival and
delay are hence run through on a grid about the target's, each point weighed by its prior and its
marginal likelihood: gain, Gaussian beforehand, and displacement of the known paths integrated in
closed form.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .refinement import Fit, Prior
from .signature import DELAY, Signatures

__all__ = ["Undetected", "undetected_path"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# The grid: distances of arrivals from the target's [spatial frequency], each at so many angles, and
# so many delays of equal probability.
# Log-likelihood from which on a path counts as detected.
DETECTED = 11.0
# By how much at most a known path moves farther for having given gain away.
STRETCH = 3.0
RADII, ANGLES, DELAYS = 0.01 * 2.0 ** np.arange(8), 8, 6


class Undetected(NamedTuple):
    """Logarithm of the evidence for there being an undetected path or none, against none for sure;
    mean (6,) and covariance (6, 6) of what it adds to the target's parameters."""

    evidence: float
    shift: Floats
    covariance: Floats


def undetected_path(
    signatures: Signatures,
    frame: Complex,
    parameters: Floats,
    current: Fit,
    target: int,
    prior: Prior,
    probability: float,
) -> Undetected:
    """One path more than the known ones (L, 6) in a frame (J, Nsc), near the target's.

    Args:
        current: the fit at the known paths.
        target: which of them is the target's.
        prior: of the known ones and the undetected one, the last.
        probability: that there is one.
    """
    paths, noise, power = len(parameters), prior.noise, prior.power[-1]
    own = parameters[target]
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    offset = (RADII[:, None, None] * circle).reshape(-1, 2)
    arrival = own[:2] + offset
    mass = np.repeat(prior.arrival_density(RADII) * RADII**2, ANGLES)
    seen = np.sum(arrival**2, axis=1) <= 1.0
    arrival, mass = arrival[seen], mass[seen]
    quantile = (np.arange(DELAYS) + 0.5) / DELAYS
    excess = prior.delay_spread * np.tan(np.pi / 2 * quantile)
    at = np.tile(own, (DELAYS, 1))
    at[:, DELAY] += excess
    mass = np.repeat(mass / mass.sum(), DELAYS) / DELAYS

    model = signatures.model
    s, e = signatures.factors(parameters)
    c = s.shape[-2]
    s, e = s.reshape(paths * c, -1), e.reshape(paths * c, -1)
    gain = current.gain[0]
    # The undetected path's factors: (A, J) by arrival, (D, J) and (D, Nsc) by delay.
    row = model.receive_array.steering(arrival) @ signatures.receive.T * signatures.sent(own)
    turn = np.exp(-2j * np.pi * np.outer(at[:, DELAY], signatures.offsets))
    tone = signatures.factors(at)[1][:, 0]
    heard = turn.conj().T * (frame @ tone.conj().T)  # (J, D)
    match = (row.conj() @ heard).ravel()  # (A D,)
    size = np.repeat(np.sum(np.abs(row) ** 2, axis=1), DELAYS) * np.sum(np.abs(tone[0]) ** 2)
    cross = (s.conj() * turn[:, None]) @ row.T  # (D, L C, A)
    cross *= (tone @ e.conj().T)[:, :, None]
    cross = cross.transpose(1, 2, 0).reshape(paths, c, -1)
    gram = ((s.conj() @ s.T) * (e.conj() @ e.T)).reshape(paths, c, paths, c)
    # Known gains eliminated; then the displacements, by real numbers.
    known = gram[:, 0, :, 0] + noise / prior.power[:-1] * np.eye(paths)
    share = signatures.sharing(paths)
    scale = np.repeat(gain, c - 1)
    slope = gram[:, 0, :, 1:].reshape(paths, -1) * scale
    solved = np.linalg.solve(known, cross[:, 0])
    size = size - np.sum(cross[:, 0].conj() * solved, axis=0).real
    match = match - gain @ cross[:, 0].conj()
    coupling = cross[:, 1:].reshape(-1, cross.shape[-1]) * scale.conj()[:, None]
    coupling -= slope.conj().T @ solved
    coupling = share.T @ coupling  # (P, K)
    both = np.stack([coupling.real, -coupling.imag], axis=-1)  # (P, K, 2)
    unit = 1.0 / np.sqrt(np.maximum(np.diag(current.curvature[0]), 1e-300))
    curvature = current.curvature[0] * unit[:, None] * unit + 1e-9 * np.eye(len(unit))
    moved = np.linalg.solve(curvature, both.reshape(len(unit), -1) * unit[:, None])
    moved = (moved * unit[:, None]).reshape(both.shape)
    left = np.eye(2) * (np.maximum(size, 0.0) + noise / power)[:, None, None]
    left -= np.einsum("pka,pkb->kab", both, moved)
    determinant = left[:, 0, 0] * left[:, 1, 1] - left[:, 0, 1] ** 2
    floor = (noise / power) ** 2
    determinant = np.maximum(determinant, floor)
    inverse = np.empty_like(left)
    inverse[:, 0, 0], inverse[:, 1, 1] = left[:, 1, 1], left[:, 0, 0]
    inverse[:, 0, 1] = inverse[:, 1, 0] = -left[:, 0, 1]
    inverse /= determinant[:, None, None]
    pull = np.stack([match.real, match.imag], axis=-1)
    amplitude = np.einsum("kab,kb->ka", inverse, pull)
    gained = np.sum(amplitude * pull, axis=1) / noise
    # A known path that gives some of its gain away has to move the farther.
    rest = np.abs(gain[target] - solved[target] * (amplitude @ [1, 1j]))
    stretch = np.minimum(np.abs(gain[target]) / np.maximum(rest, 1e-300), STRETCH)
    spread = signatures.spread(paths).reshape(len(unit), paths, 6)[:, target]
    moved = np.einsum("pi,pka->kia", spread, moved) * stretch[:, None, None]
    shift = -np.einsum("kia,ka->ki", moved, amplitude)
    own = noise / 2 * moved @ inverse @ moved.swapaxes(1, 2)
    chance = gained + np.log(probability * mass * noise / power) - 0.5 * np.log(determinant)
    chance = np.append(np.where(gained < DETECTED, chance, -np.inf), np.log1p(-probability))
    largest = chance.max()
    weight = np.exp(chance - largest)
    evidence = float(largest + np.log(weight.sum()))
    weight /= weight.sum()
    mean = weight[:-1] @ shift
    covariance = np.einsum("k,kab->ab", weight[:-1], own + shift[:, :, None] * shift[:, None, :])
    return Undetected(evidence, mean, covariance - np.outer(mean, mean))
