# SPDX-License-Identifier: GPL-3.0-or-later
"""Average of the leading path over all that a frame may hold.

Average and judgement take as long as the search, and are made of one path: a status holds for the
path alone that it was worked out for. So that path, the leading one, is chosen here, as the target
of a scene of one target; which paths of an estimate are targets' is decided in `positioning`.

The target is the mean over all solutions found, each weighed by its evidence, with each path that
may be the target's, and with what a path not detected may do to it (`undetected`). Its covariance
is that of the mixture, and wide enough for what is far from Gaussian in it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..arrays import wrap_spatial_frequency
from ..channel import Paths
from ..dsp.information import estimable_covariance
from .expectations import BEYOND, MORE, SECONDARY_POWER, Expectations
from .joint_search import Solution
from .path_responses import DELAY, PathResponses
from .posterior import Sample, predictive_factor, sample, tail_factor
from .refinement import Fit, Prior, fit, marginal
from .result import Estimate
from .undetected import DETECTED, Undetected, undetected_path

__all__ = ["TargetAverage", "paths_covariance"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Solutions whose evidence is less than the best by this logarithm are left out; those nearer than
# this are sampled, at most this many of them.
HOPELESS, SAMPLED, MOST_SAMPLED = 14.0, 6.0, 6
# The leading path is the first to arrive of those with at least this part of the greatest gain, and
# strong enough to be detected alone: what noise adds must never be taken for it.
COMPARABLE_GAIN = 0.5
# Less probable targets of a solution are left out.
PROBABLE = 1e-2
DELAY_TOLERANCE = 1e-10
# Parameters that make the position.
POSITION = (0, 1, 4)


class TargetAverage:
    """Average for frames of one model.

    Parameters
    ----------
    responses
        of the model.
    max_paths
        number of paths that are looked for.
    threshold
        energy of a path over what is left, from which on it is detected alone.
    expectations
        of paths.
    """

    def __init__(
        self,
        responses: PathResponses,
        max_paths: int,
        threshold: float,
        expectations: Expectations,
    ) -> None:
        self._responses = responses
        self._max_paths = max_paths
        self._threshold = threshold
        self._expect = expectations

    def __call__(
        self,
        y: Complex,
        energy: float,
        statistic: float,
        best: Solution,
        solutions: list[Solution],
    ) -> Estimate:
        """The estimate from a frame (J, Nsc).

        Parameters
        ----------
        energy
            of the frame.
        statistic
            of the estimate.
        best
            paths that the estimate shows.
        solutions
            those and others.
        """
        estimate = self._estimate(*best, energy, statistic)
        noiseless = estimate.noise_power < 1e-12 * energy / self._responses.dimensions
        several = self._max_paths > 1 or len(best[0]) > 1
        if several and not noiseless:
            estimate = self._averaged(estimate, solutions, y, energy)
        return estimate

    def _estimate(
        self, parameters: Floats, result: Fit, energy: float, statistic: float
    ) -> Estimate:
        paths, free = len(parameters), self._responses.free
        # Each path uses up its complex gain and its real parameters.
        degrees = max(self._responses.dimensions - paths * (1 + len(free) / 2), 1.0)
        noise = max(energy - float(result.explained[0]), 0.0) / degrees
        covariance = paths_covariance(self._responses, result.curvature[0], noise, paths)
        gain = result.gain[0]
        target = self._leading(parameters, result, energy)
        order = np.argsort(-np.abs(gain), kind="stable")
        order = np.concatenate([[target], order[order != target]])
        p = parameters[order]
        found = Paths(gain[order], p[:, 0:2], p[:, 2:4], p[:, 4], p[:, 5])
        return Estimate(found, covariance[order], noise, statistic, self._threshold)

    def _leading(self, parameters: Floats, result: Fit, energy: float, solution: int = 0) -> int:
        """Index of the leading path among the paths (L, 6) of a solution."""
        size = np.abs(result.gain[solution])
        s, e = self._responses.factors(parameters)
        alone = size**2 * np.prod([np.sum(np.abs(x[:, 0]) ** 2, axis=1) for x in (s, e)], axis=0)
        enough = alone >= self._threshold * (energy - float(result.explained[solution]))
        enough &= size >= COMPARABLE_GAIN * size.max()
        enough |= size == size.max()
        # Delays this close do not show which came first; the stronger is then the likelier one.
        delay = parameters[:, 4]
        first = delay[enough].min() + self._expect.same_delay
        return int(np.argmax(np.where(enough & (delay <= first), size, 0.0)))

    def _targets(
        self, parameters: Floats, result: Fit, energy: float, prior: Prior, variance: Floats
    ) -> list[tuple[int, float]]:
        """Paths (L, 6) of a solution that may be the target's, and how probably: the first
        of the comparable ones, as far as their delays, of `variance` (L,), allow it; and rather a
        strong one."""
        best = self._leading(parameters, result, energy)
        size = np.abs(result.gain[0])
        delay = parameters[:, DELAY]
        apart = np.sqrt(variance[:, None] + variance) + DELAY_TOLERANCE
        first = ndtr((delay - delay[:, None]) / apart)
        comparable = size >= COMPARABLE_GAIN * size.max()
        np.fill_diagonal(first, 1.0)
        chance = np.where(comparable, np.where(comparable, first, 1.0).prod(axis=1), 0.0)
        strength = size**2 / prior.power[0] * (1.0 / SECONDARY_POWER - 1.0)
        chance *= np.exp(strength - strength.max())
        chance[best] = max(chance[best], 1e-6)
        chance /= chance.sum()
        return [(k, float(chance[k])) for k in np.flatnonzero(chance > PROBABLE)]

    def _information(self, result: Fit, prior: Prior, paths: int) -> Floats:
        """(P, P) of the unknowns of a solution's paths, none of which is less certain than a
        resolution cell."""
        cells = self._responses.unknown_cells(paths)
        return np.asarray(result.curvature[0] * (2.0 / prior.noise) + np.diag(1.0 / cells**2))

    def _log_posterior(self, y: Complex, parameters: Floats, prior: Prior) -> Floats:
        """(B,) logarithm of the posterior density of paths (B, L, 6), gains integrated, up to a
        constant that is the same for any number of paths."""
        there = marginal(self._responses, y, parameters, prior)
        plausible = self._expect.plausible(parameters, there.gain, there.explained, prior.noise)
        density = prior.density(self._responses.free)
        secondary = (parameters.shape[1] - 1) * np.log(MORE * density)
        return np.asarray(plausible / prior.noise - there.volume + secondary + prior.chance)

    def _posterior(
        self, y: Complex, parameters: Floats, result: Fit, prior: Prior
    ) -> tuple[Sample, Floats]:
        """Draws about a solution (L, 6), and the paths (N, L, 6) that they stand for."""
        paths = len(parameters)
        cells = self._responses.unknown_cells(paths)
        # In cells, so that units do not decide what rounding leaves of the smallest eigenvalues.
        information = self._information(result, prior, paths) * cells[:, None] * cells
        value, vector = np.linalg.eigh(information)
        half = vector / np.sqrt(np.maximum(value, 1.0))
        spread = cells[:, None] * self._responses.spread(paths)

        def there(draws: Floats) -> Floats:
            return parameters + (draws @ half.T @ spread).reshape(len(draws), paths, 6)

        visible = np.all(np.sum(parameters[:, :2] ** 2, axis=-1) <= 1.0)

        def log_density(draws: Floats) -> Floats:
            drawn_paths = there(draws)
            density = self._log_posterior(y, drawn_paths, prior)
            density -= np.sum((draws @ half.T) ** 2, axis=1) / 2
            if visible:
                hidden = np.any(np.sum(drawn_paths[..., :2] ** 2, axis=-1) > 1.0, axis=1)
                density[hidden] = -np.inf
            return density

        found = sample(log_density, len(cells))
        volume = float(np.linalg.slogdet(half)[1] + np.sum(np.log(cells)))
        return found._replace(evidence=found.evidence + volume), there(found.draws)

    def _evidence(self, y: Complex, parameters: Floats, result: Fit, prior: Prior) -> float:
        """Logarithm of a solution's marginal likelihood, by Laplace's approximation: gains are
        integrated exactly, positions and Doppler shifts by the curvature, none of them being less
        certain than a resolution cell."""
        information = self._information(result, prior, len(parameters))
        volume = np.linalg.slogdet(information / (2 * np.pi))[1] / 2
        return float(self._log_posterior(y, parameters[None], prior)[0] - volume)

    def _averaged(
        self, estimate: Estimate, solutions: list[Solution], y: Complex, energy: float
    ) -> Estimate:
        """The estimate with its target replaced by the mean over all solutions, each with as many
        undetected paths as there may be besides."""
        noise, origin = estimate.noise_power, _target_of(estimate.paths)
        judged = self._weighed(solutions, noise, y)
        evidence: list[float] = []
        clouds: list[tuple[Floats, Floats, Undetected]] = []
        sampled = 0
        for score, parameters, result, prior in judged:
            paths = len(parameters)
            own = paths_covariance(self._responses, result.curvature[0], noise, paths)
            mean, drawn = parameters, None
            if paths > 1 and sampled < MOST_SAMPLED and score > judged[0][0] - SAMPLED:
                drawn, drawn_paths = self._posterior(y, parameters, result, prior)
                score, sampled = drawn.evidence, sampled + 1
                mean, own = self._moments(drawn, drawn_paths, own)
            # Up to as many as are looked for. Beside the best solution one more than those counts
            # however clearly it shows; beside others it would only make up for what they are worse.
            chance, most = (MORE, DETECTED) if paths < self._max_paths else (BEYOND, DETECTED)
            if paths >= self._max_paths and parameters is judged[0][1]:
                most = np.inf
            for which, share in self._targets(parameters, result, energy, prior, own[:, 4, 4]):
                more = undetected_path(
                    self._responses, y, parameters, result, which, prior, chance, most
                )
                evidence.append(score + np.log(share) + more.evidence)
                away = mean[which] - origin
                away[:4] = wrap_spatial_frequency(away[:4])
                clouds.append((away, own[which], more))
        return _mixed(estimate, np.array(evidence), clouds)

    def _weighed(
        self, solutions: list[Solution], noise: float, y: Complex
    ) -> list[tuple[float, Floats, Fit, Prior]]:
        """Evidence, paths, fit and prior of each solution that matters, the best first; of those
        that are the same within their uncertainty, the best."""
        judged = []
        for parameters, result in solutions:
            order = np.argsort(-np.abs(result.gain[0]), kind="stable")
            parameters = parameters[order]
            priors = self._expect.priors(noise, result.gain[0][order])
            for which, prior in enumerate(priors):
                again = fit(self._responses, y, parameters[None], prior)
                score = self._evidence(y, parameters, again, prior)
                judged.append((score, which, parameters, again, prior))
        judged.sort(key=lambda solution: -solution[0])
        kept: list[tuple[float, Floats, Fit, Prior]] = []
        near: list[tuple[int, Floats, Floats]] = []
        for score, which, parameters, result, prior in judged:
            if score < judged[0][0] - HOPELESS:
                break
            paths = len(parameters)
            ordered = parameters[np.argsort(parameters[:, DELAY])]
            if any(
                kind == which and len(p) == paths and np.all(np.abs(p - ordered) <= margin)
                for kind, p, margin in near
            ):
                continue
            own = paths_covariance(self._responses, result.curvature[0], noise, paths)
            deviation = np.sqrt(np.einsum("laa->la", own))[np.argsort(parameters[:, DELAY])]
            near.append((which, ordered, np.minimum(deviation, self._responses.cells)))
            kept.append((score, parameters, result, prior))
        return kept

    def _moments(self, drawn: Sample, drawn_paths: Floats, own: Floats) -> tuple[Floats, Floats]:
        """Mean (L, 6) and covariance (L, 6, 6) of the paths drawn; `own` where the frame determines
        nothing."""
        mean = np.einsum("n,nla->la", drawn.weight, drawn_paths)
        away = drawn_paths - mean
        spread = np.einsum("n,nla,nlb->lab", drawn.weight, away, away)
        factor = predictive_factor(drawn.effective, len(POSITION))
        if not np.isfinite(factor):
            return mean, own
        lost = np.isinf(own)
        known = np.einsum("laa->la", own) > 0
        kept = ~lost & known[:, :, None] & known[:, None]
        return mean, np.where(kept, factor * spread, own)


def _target_of(paths: Paths) -> Floats:
    """(6,) parameters of the first path."""
    parts = paths.arrival[0], paths.departure[0], paths.delay[:1], paths.doppler[:1]
    return np.concatenate(parts)


def _mixed(
    estimate: Estimate, evidence: Floats, parts: list[tuple[Floats, Floats, Undetected]]
) -> Estimate:
    """The estimate with its target replaced by the mean of a mixture.

    Parameters
    ----------
    evidence
        (K,) logarithms of the parts' weights.
    parts
        of each how far it is away from the estimate's target (6,), its covariance (6, 6), and what
        undetected paths do besides.
    """
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    away = np.array([part[0] for part in parts])
    own = np.array([part[1] for part in parts])
    displaced = np.array([part[2].displacement for part in parts])
    mean = weight @ away
    lost = np.isinf(own).any(axis=0)
    within = np.einsum("k,kab->ab", weight, np.where(lost, 0.0, own))
    between = np.einsum("k,kab->ab", weight, np.where(lost, 0.0, displaced))
    between += (weight[:, None] * (away - mean)).T @ (away - mean)
    mixed = within + between
    free = [k for k in POSITION if within[k, k] > 0 and not lost[k, k]]
    if free:
        clouds = [_cloud(*part) for part in parts]
        points = np.concatenate([cloud[0] for cloud in clouds]) - mean
        mass = np.concatenate([w * cloud[1] for w, cloud in zip(weight, clouds, strict=True)])
        own_part, other = within[np.ix_(free, free)], between[np.ix_(free, free)]
        mixed += (tail_factor(points[:, free], mass, own_part, other) - 1.0) * between
    mixed[lost] = np.inf
    covariance = np.array(estimate.covariance)
    covariance[0] = mixed
    values = {name: np.array(value) for name, value in vars(estimate.paths).items()}
    values["arrival"][0] = wrap_spatial_frequency(values["arrival"][0] + mean[:2])
    values["departure"][0] = wrap_spatial_frequency(values["departure"][0] + mean[2:4])
    values["delay"][0] += mean[4]
    values["doppler"][0] += mean[5]
    return replace(estimate, paths=Paths(**values), covariance=covariance)


def _cloud(away: Floats, own: Floats, more: Undetected) -> tuple[Floats, Floats]:
    """Points (N, 6) and their probabilities (N,) that stand for a part of a mixture: sigma points
    of its Gaussian, and where undetected paths would have displaced its middle."""
    value, vector = np.linalg.eigh(np.where(np.isfinite(own), own, 0.0))
    half = (vector * np.sqrt(len(own) * np.maximum(value, 0.0))).T
    rest = np.full(2 * len(own), (1.0 - more.weight.sum()) / (2 * len(own)))
    points = np.concatenate([away + half, away - half, away + more.shift])
    return points, np.concatenate([rest, more.weight])


def paths_covariance(
    responses: PathResponses, curvature: Floats, noise: float, paths: int
) -> Floats:
    """(L, 6, 6) from half the Fisher information times the noise power.

    What the model cannot determine, or not separate from something else, has infinite variance, a
    given departure none.
    """
    free, spread = responses.free, responses.spread(paths)
    joint = estimable_covariance(curvature)
    lost = np.isinf(np.diag(joint))
    known = np.where(np.isinf(joint), 0.0, joint) * (noise / 2)
    every = (spread.T @ known @ spread).reshape(paths, 6, paths, 6)
    variance = np.full(6, np.inf)
    if responses.departure is not None:
        variance[2:4] = 0.0
    covariance = np.tile(np.diag(variance), (paths, 1, 1))
    own = np.einsum("lalb->lab", every)
    covariance[:, free[:, None], free] = own[:, free[:, None], free]
    path, parameter = np.nonzero(np.any(spread[lost], axis=0).reshape(paths, 6))
    covariance[path, parameter, :] = covariance[path, :, parameter] = 0.0
    covariance[path, parameter, parameter] = np.inf
    return covariance
