# SPDX-License-Identifier: GPL-3.0-or-later
"""Posterior of the paths about a solution, by adaptive importance sampling.

Paths that are hardly resolved have a likelihood that bends: its curvature at the top neither says
where they may be nor how much probability lies there. Draws from a Student distribution, weighed by
what they should be distributed as, do. Each round fits the distribution drawn from to all draws
before, and all draws are weighed together, as drawn from the mixture of the distributions of all
rounds. Greatest weights are cut, at the root of the number of draws times the mean.

References
----------
J.-M. Cornuet, J.-M. Marin, A. Mira, C. Robert, Adaptive multiple importance sampling, Scand. J.
Stat. 39 (2012); E. Ionides, Truncated importance sampling, J. Comput. Graph. Stat. 17 (2008); the
effective number of draws is that of A. Kong, 1992.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

__all__ = ["Sample", "predictive_factor", "sample", "tail_factor"]

Floats = NDArray[np.float64]

# Draws of a round; rounds at most; effective draws that are enough; degrees of freedom.
DRAWS, ROUNDS, ENOUGH, FREEDOM = 128, 6, 60.0, 5.0


# Part of a mixture's probability that may lie beyond this number of standard deviations of it. Half
# of all fixes have such a mixture, so that it is one in a thousand of all.
OUTSIDE, SIGMAS = 2e-3, 5.0
# Greatest factor that is taken for that, and steps of the bisection that finds it, to a twentieth.
MOST_GROWTH, GROWTH_STEPS = 2.0**12, 4


class Sample(NamedTuple):
    """Draws (N, P) with weights (N,) whose sum is 1, how many equal ones they are worth, and the
    logarithm of the integral of the density."""

    draws: Floats
    weight: Floats
    effective: float
    evidence: float


def sample(log_density: Callable[[Floats], Floats], dimension: int) -> Sample:
    """Draws of a density, not normalised, near the standard normal distribution.

    Parameters
    ----------
    log_density
        of points (N, P).
    dimension
        P.
    """
    rng = np.random.default_rng(0)
    mean, shape = np.zeros(dimension), np.eye(dimension)
    draws: Floats = np.empty((0, dimension))
    density: Floats = np.empty(0)
    proposals: list[tuple[Floats, Floats]] = []
    for _ in range(ROUNDS):
        value, vector = np.linalg.eigh(shape)
        half = vector * np.sqrt(np.maximum(value, 1e-12))
        normal = rng.standard_normal((DRAWS // 2, dimension)) @ half.T
        normal /= np.sqrt(rng.chisquare(FREEDOM, (len(normal), 1)) / FREEDOM)
        new = mean + np.concatenate([normal, -normal])
        proposals.append((mean, half))
        draws = np.concatenate([draws, new])
        density = np.concatenate([density, log_density(new)])
        drawn = [_student(draws, *proposal) for proposal in proposals]
        ratio = density - (logsumexp(drawn, axis=0) - np.log(len(proposals)))
        evidence = float(logsumexp(ratio) - np.log(len(ratio)))
        weight = np.minimum(np.exp(ratio - ratio.max()), _cut(ratio))
        weight /= weight.sum()
        effective = float(1.0 / np.sum(weight**2))
        if effective >= ENOUGH:
            break
        mean = weight @ draws
        spread = (weight[:, None] * (draws - mean)).T @ (draws - mean)
        # Few draws do not determine a covariance: as many more are taken to be spread as before.
        shape = (effective * spread + dimension * shape) / (effective + dimension)
    return Sample(draws, weight, effective, evidence)


def _cut(ratio: Floats) -> float:
    return float(np.exp(logsumexp(ratio) - ratio.max() - 0.5 * np.log(len(ratio))))


def _student(points: Floats, mean: Floats, half: Floats) -> Floats:
    """Logarithm of the density of a multivariate Student distribution at points (N, P)."""
    size = len(mean)
    z = np.linalg.solve(half, (points - mean).T)
    log_scale = np.linalg.slogdet(half)[1]
    constant = gammaln((FREEDOM + size) / 2) - gammaln(FREEDOM / 2) - log_scale
    constant -= size / 2 * np.log(FREEDOM * np.pi)
    return np.asarray(constant - (FREEDOM + size) / 2 * np.log1p(np.sum(z**2, axis=0) / FREEDOM))


def predictive_factor(effective: float, dimension: int) -> float:
    """Factor by which the mean square deviation of independent draws from their mean is widened, so
    that the error squared over it is the dimension in the mean; infinite where they are too few.

    References
    ----------
    Mean and covariance of Student's predictive distribution, for a Gaussian of which both are
    estimated.
    """
    left = effective - dimension - 2
    return float((effective + 1) / left) if left > 0 else np.inf


def tail_factor(points: Floats, mass: Floats, within: Floats, between: Floats) -> float:
    """Factor by which the covariance between a mixture's parts counts, so that few lie beyond it.

    Beside the covariance within the parts (d, d), that between them (d, d), times the factor,
    leaves no more than `OUTSIDE` of the probability (N,) of points (N, d) about the middle beyond
    `SIGMAS`. It is 1 where no more lies there anyway. A single covariance cannot be right for most
    and for the far ones: it grows in the directions only in which the parts are apart.
    """
    # Parts along axes in which the one is the identity, and the other diagonal.
    unit = 1.0 / np.sqrt(np.diag(within))
    value, vector = np.linalg.eigh(within * unit[:, None] * unit)
    whiten = unit[:, None] * vector / np.sqrt(np.maximum(value, 1e-9))
    spread, vector = np.linalg.eigh(whiten.T @ between @ whiten)
    spread = np.maximum(spread, 0.0)
    squares = (points @ (whiten @ vector)) ** 2
    beyond = squares @ (1.0 / (1.0 + spread)) > SIGMAS**2
    squares, mass = squares[beyond], mass[beyond] / mass.sum()

    def outside(factor: float) -> bool:
        far = squares @ (1.0 / (1.0 + factor * spread)) > SIGMAS**2
        return bool(mass[far].sum() > OUTSIDE)

    if not outside(1.0):
        return 1.0
    least, most = 1.0, 2.0
    while outside(most) and most < MOST_GROWTH:
        least, most = most, 2.0 * most
    for _ in range(GROWTH_STEPS):
        middle = (least * most) ** 0.5
        least, most = (middle, most) if outside(middle) else (least, middle)
    return most
