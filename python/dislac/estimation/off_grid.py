# SPDX-License-Identifier: GPL-3.0-or-later
"""Off-grid estimation: coherent search on a coarse grid, then Gauss-Newton on all paths jointly.

One path is the maximum-likelihood estimate: the greatest share of the frame's energy that one
signature explains, over arrival, departure, delay and Doppler. Further paths are looked for one at
a time on the residual, from several starts, and all are refined together each time (Newtonized
OMP). They share one departure: the satellite is far beyond everything that scatters.

Paths closer than the array or the bandwidth resolves leave the likelihood nearly flat, with pairs
of huge opposite gains at its top. What is known beforehand settles that: gains are Gaussian, of a
scale that the solution itself gives, and further paths come later than the echo and from about its
direction. What that leaves open stays open: the target is the mean over all solutions found, each
weighed by its evidence (Laplace's approximation of the marginal likelihood), with each path that
may be the target's, and with what a path not detected may do to it (`undetected`). Its covariance
is that of the mixture.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from ..arrays import wrap_spatial_frequency
from ..channel import Paths, SnapshotModel
from ..dsp.information import estimable_covariance
from .detection import detection_threshold
from .judgement import Judge
from .maxima import LocalMaxima, joined
from .posterior import Sample, predictive_factor, sample
from .refinement import Fit, Prior, fit, marginal, pick, refine
from .result import Estimate, EstimatorError, checked_frame, nothing
from .search import CoarseSearch, DirectionSearch, FurtherSearch
from .signature import DELAY, Signatures, departure_of, search_windows
from .undetected import undetected_path

__all__ = ["OffGridEstimator"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Power expected of a further path over that of the first.
FURTHER_POWER = 0.1
# By how much further paths come later than the echo [s] (3GPP TR 38.901 has 32 ns in street canyons
# at 28 GHz in line of sight), and how far from its direction [spatial frequency].
DELAY_SPREAD, ARRIVAL_SPREAD = 30e-9, 0.1
# Probability of one path more, up to the number that is looked for, and beyond.
MORE, BEYOND = 0.6, 0.15
# Log-likelihood that a further path has to add. Noise adds as much in one frame of ten: a path too
# many of which the target's estimate hardly notices, where one too few would bend it.
FURTHER_GAIN = 11.0
# Log-likelihood that a solution loses where a path precedes the strongest one by as much as this
# part of a resolution cell, or more.
PRECEDENCE, PRECEDENCE_CELLS = 10.0, 0.05
# A further path is refined from so many starts for a few rounds, the best of them to the end. It is
# given up where the grid, or those rounds, show less than these parts of what it has to add.
STARTS, ROUNDS, FINALISTS = 4, 2, 3
WORTHWHILE, PROMISING = 0.6, 0.8
# Solutions closer than this part of a resolution cell are one; those whose evidence is less than
# the best by this logarithm are left out.
SAME, HOPELESS = 0.02, 14.0
# The prior weighs the noise, of which a missing path is a part: passes until that is settled.
PASSES = 4
# The target is the first to arrive of the paths with at least this part of the greatest gain, and
# strong enough to be detected alone: what noise adds must never be taken for it.
COMPARABLE_GAIN = 0.5
# Less probable targets of a solution are left out.
PROBABLE = 1e-2
DELAY_TOLERANCE = 1e-10
# Solutions whose evidence is less than the best by no more than this logarithm are sampled.
SAMPLED = 6.0
# What makes the position.
POSITION = (0, 1, 4)


class OffGridEstimator:
    """The default estimator; see `make_estimator` for the arguments."""

    def __init__(
        self,
        model: SnapshotModel,
        *,
        max_paths: int = 3,
        false_alarm_rate: float = 1e-2,
        delay_window: tuple[float, float] | None = None,
        doppler_window: tuple[float, float] | None = None,
        reference_departure: ArrayLike | None = None,
        nuisance: Floats | None = None,
    ) -> None:
        if max_paths < 1:
            raise EstimatorError(f"max_paths is {max_paths}; give 1 or more")
        self.model = model
        self.max_paths = max_paths
        self._signatures = Signatures(model, departure_of(reference_departure), nuisance)
        windows = search_windows(model, delay_window, doppler_window)
        self._doppler_spread = max(float(np.ptp(windows[1])) / 4, 1e-3 * self._signatures.cells[5])
        self._search = CoarseSearch(self._signatures, *windows)
        departures = self._search.departures
        self._maxima = LocalMaxima(
            self._signatures, DirectionSearch(self._signatures, departures, windows[1])
        )
        self._further = FurtherSearch(self._signatures, windows[0])
        self._judge = Judge(self._signatures, windows, departures, self._maxima)
        self.threshold = detection_threshold(
            self._statistic,
            model.shape,
            self._signatures.dimensions,
            false_alarm_rate,
            parameters=len(self._signatures.free),
            model=self._signatures.content + windows,
        )

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf); the same frame gives the same bits.

        Raises:
            FrameError: wrong shape, or not finite.
        """
        y = self._rows(checked_frame(self.model, frame))
        energy = _energy(y)
        parameters, result = self._strongest(y, energy)
        statistic = _share(result, energy)
        if statistic < self.threshold:
            return nothing(statistic, self.threshold, energy / self._signatures.dimensions)
        maxima = self._maxima(y, energy, parameters, result)
        parameters, result = maxima[0][:1], pick(maxima[1], [0])
        solutions = [(parameters[0], result)]
        while parameters.shape[1] < self.max_paths:
            noise = (energy - float(result.explained[0])) / self._signatures.dimensions
            more = self._with_another(y, energy, parameters, result)
            if more is None:
                break
            solutions += [(p, pick(more[1], [k])) for k, p in enumerate(more[0])]
            best = np.argmax(
                self._plausible(more[0], more[1].gain, more[1].explained, noise), keepdims=True
            )
            if more[1].explained[best[0]] < result.explained[0] + FURTHER_GAIN * noise:
                break
            parameters, result = more[0][best], pick(more[1], best)
        estimate = self._estimate(parameters[0], result, energy, statistic)
        noiseless = estimate.noise_power < 1e-12 * energy / self._signatures.dimensions
        if self.max_paths > 1 and not noiseless:
            estimate = self._averaged(estimate, solutions, y, energy)
        return self._judge(estimate, y, parameters[0], result.gain[0], maxima)

    def _rows(self, frame: Complex) -> Complex:
        """(J, Nsc) from (Ms, Nsc, Nrf), without the nuisance."""
        rows = np.ascontiguousarray(frame.transpose(0, 2, 1)).reshape(-1, frame.shape[1])
        return self._signatures.project(rows)

    def _statistic(self, frame: Complex) -> float:
        y = self._rows(frame)
        energy = _energy(y)
        return _share(self._strongest(y, energy)[1], energy)

    def _strongest(self, y: Complex, energy: float) -> tuple[Floats, Fit]:
        """The strongest path in y, and after it where the search for it began, rough (B, 1, 6)."""
        start, explained = self._search(y, 3)
        start = start[explained >= 0.5 * explained[0], None]
        parameters, result = refine(self._signatures, y, start, energy, 3)
        best = np.argmax(result.explained, keepdims=True)
        strongest = refine(
            self._signatures, y, parameters[best], energy, 12, current=pick(result, best)
        )
        return joined(strongest, (parameters, result))

    def _with_another(
        self, y: Complex, energy: float, parameters: Floats, result: Fit
    ) -> tuple[Floats, Fit] | None:
        """All paths refined with one more, some solutions (B, L + 1, 6); None if too little of the
        frame is left for one."""
        left = energy - float(result.explained[0])
        if left < 1e-12 * energy:
            return None
        noise = left / self._signatures.dimensions
        paths = parameters.shape[1]
        s, e = self._signatures.factors(parameters[0])
        residual = y - (result.gain[0, :, None] * s[:, 0]).T @ e[:, 0]
        start, gain = self._further(residual, parameters[0], (s, e), STARTS)
        start = start[gain >= WORTHWHILE * FURTHER_GAIN * noise]
        if not len(start):
            return None
        prior = self._prior(noise, result.gain[0], paths + 1)
        least = float(result.explained[0]) + PROMISING * FURTHER_GAIN * noise
        both = np.concatenate([parameters.repeat(len(start), axis=0), start[:, None]], axis=1)
        both, new = refine(self._signatures, y, both, energy, ROUNDS, prior)
        if new.explained.max() < least:
            return None
        best = np.argsort(-self._plausible(both, new.gain, new.explained, noise), kind="stable")[
            :FINALISTS
        ]
        both = both[best]
        for _ in range(PASSES):
            # The missing path was a part of the noise so far, and the prior weighs the noise.
            leader = int(new.explained.argmax())
            left = energy - float(new.explained[leader])
            prior = self._prior(left / self._signatures.dimensions, new.gain[leader], paths + 1)
            both, new = refine(self._signatures, y, both, energy, 20, prior)
            if energy - float(new.explained.max()) > 0.9 * left:
                break
        return both, new

    def _plausible(
        self, parameters: Floats, gain: Complex, explained: Floats, noise: float
    ) -> Floats:
        """(B,) energy explained, less what paths that precede the strongest cost."""
        delay = parameters[..., 4]
        strongest = np.abs(gain).argmax(axis=1)[:, None]
        lead = np.take_along_axis(delay, strongest, axis=1)[:, 0] - delay.min(axis=1)
        early = np.minimum(lead / (PRECEDENCE_CELLS * self._signatures.delay_cell), 1.0)
        return explained - PRECEDENCE * noise * early

    def _estimate(
        self, parameters: Floats, result: Fit, energy: float, statistic: float
    ) -> Estimate:
        paths, free = len(parameters), self._signatures.free
        # Each path uses up its complex gain and its real parameters.
        degrees = max(self._signatures.dimensions - paths * (1 + len(free) / 2), 1.0)
        noise = max(energy - float(result.explained[0]), 0.0) / degrees
        covariance = self._covariance(result.curvature[0], noise, paths)
        gain = result.gain[0]
        target = self._target(parameters, result, energy)
        order = np.argsort(-np.abs(gain), kind="stable")
        order = np.concatenate([[target], order[order != target]])
        p = parameters[order]
        found = Paths(gain[order], p[:, 0:2], p[:, 2:4], p[:, 4], p[:, 5])
        return Estimate(found, covariance[order], noise, statistic, self.threshold)

    def _target(self, parameters: Floats, result: Fit, energy: float, solution: int = 0) -> int:
        """Which of the paths (L, 6) of a solution is the target's."""
        size = np.abs(result.gain[solution])
        s, e = self._signatures.factors(parameters)
        alone = size**2 * np.prod([np.sum(np.abs(x[:, 0]) ** 2, axis=1) for x in (s, e)], axis=0)
        enough = alone >= self.threshold * (energy - float(result.explained[solution]))
        enough &= size >= COMPARABLE_GAIN * size.max()
        enough |= size == size.max()
        # Delays this close do not tell which came first; the stronger is then the likelier one.
        delay = parameters[:, 4]
        first = delay[enough].min() + PRECEDENCE_CELLS * self._signatures.delay_cell
        return int(np.argmax(np.where(enough & (delay <= first), size, 0.0)))

    def _targets(
        self, parameters: Floats, result: Fit, energy: float, prior: Prior, variance: Floats
    ) -> list[tuple[int, float]]:
        """Paths (L, 6) of a solution that may be the target's, and how probably: the first
        of the comparable ones, as far as their delays, of `variance` (L,), tell; and rather a
        strong one."""
        best = self._target(parameters, result, energy)
        size = np.abs(result.gain[0])
        delay = parameters[:, DELAY]
        apart = np.sqrt(variance[:, None] + variance) + DELAY_TOLERANCE
        first = ndtr((delay - delay[:, None]) / apart)
        comparable = size >= COMPARABLE_GAIN * size.max()
        np.fill_diagonal(first, 1.0)
        chance = np.where(comparable, np.where(comparable, first, 1.0).prod(axis=1), 0.0)
        strength = size**2 / prior.power[0] * (1.0 / FURTHER_POWER - 1.0)
        chance *= np.exp(strength - strength.max())
        chance[best] = max(chance[best], 1e-6)
        chance /= chance.sum()
        return [(k, float(chance[k])) for k in np.flatnonzero(chance > PROBABLE)]

    def _prior(self, noise: float, gain: Complex, paths: int) -> Prior:
        """Prior knowledge of paths, on the scale of gains (L,) found."""
        relative = np.full(paths, FURTHER_POWER)
        relative[0] = 1.0
        scale = float(np.mean(np.abs(gain) ** 2 / relative[: len(gain)]))
        return Prior(noise, scale * relative, DELAY_SPREAD, ARRIVAL_SPREAD, self._doppler_spread)

    def _distinct(self, solutions: list[tuple[Floats, Fit]]) -> list[tuple[Floats, Fit]]:
        """Solutions without repetitions."""
        kept: list[tuple[Floats, Fit]] = []
        near = SAME * self._signatures.cells
        for parameters, result in solutions:
            ordered = parameters[np.argsort(parameters[:, DELAY])]
            if not any(
                len(p) == len(ordered)
                and np.all(np.abs(p[np.argsort(p[:, DELAY])] - ordered) < near)
                for p, _ in kept
            ):
                kept.append((parameters, result))
        return kept

    def _information(self, result: Fit, prior: Prior, paths: int) -> Floats:
        """(P, P) of the unknowns of a solution's paths, none of which is less certain than a
        resolution cell."""
        cells = self._signatures.unknown_cells(paths)
        return np.asarray(result.curvature[0] * (2.0 / prior.noise) + np.diag(1.0 / cells**2))

    def _log_posterior(self, y: Complex, parameters: Floats, prior: Prior) -> Floats:
        """(B,) logarithm of the posterior density of paths (B, L, 6), gains integrated, up to a
        constant that is the same for any number of paths."""
        there = marginal(self._signatures, y, parameters, prior)
        plausible = self._plausible(parameters, there.gain, there.explained, prior.noise)
        further = (parameters.shape[1] - 1) * np.log(MORE * prior.density)
        return np.asarray(plausible / prior.noise - there.volume + further)

    def _posterior(
        self, y: Complex, parameters: Floats, result: Fit, prior: Prior
    ) -> tuple[Sample, Floats]:
        """Draws about a solution (L, 6), and the paths (N, L, 6) that they stand for."""
        paths = len(parameters)
        cells = self._signatures.unknown_cells(paths)
        # In cells, so that units do not decide what rounding leaves of the smallest eigenvalues.
        information = self._information(result, prior, paths) * cells[:, None] * cells
        value, vector = np.linalg.eigh(information)
        half = vector / np.sqrt(np.maximum(value, 1.0))
        spread = cells[:, None] * self._signatures.spread(paths)

        def there(draws: Floats) -> Floats:
            return parameters + (draws @ half.T @ spread).reshape(len(draws), paths, 6)

        visible = np.all(np.sum(parameters[:, :2] ** 2, axis=-1) <= 1.0)

        def log_density(draws: Floats) -> Floats:
            places = there(draws)
            density = self._log_posterior(y, places, prior)
            density -= np.sum((draws @ half.T) ** 2, axis=1) / 2
            if visible:
                hidden = np.any(np.sum(places[..., :2] ** 2, axis=-1) > 1.0, axis=1)
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
        self, estimate: Estimate, solutions: list[tuple[Floats, Fit]], y: Complex, energy: float
    ) -> Estimate:
        """The estimate with its target replaced by the mean over all solutions, each with as many
        undetected paths as there may be besides."""
        noise = estimate.noise_power
        judged = []
        for parameters, result in self._distinct(solutions):
            prior = self._prior(noise, result.gain[0], len(parameters))
            result = fit(self._signatures, y, parameters[None], prior)
            score = self._evidence(y, parameters, result, prior)
            judged.append((score, parameters, result, prior))
        best = max(score for score, *_ in judged)
        evidence, target, spread = [], [], []
        for score, parameters, result, prior in judged:
            if score < best - HOPELESS:
                continue
            paths = len(parameters)
            own = self._covariance(result.curvature[0], noise, paths)
            mean = parameters
            if paths > 1 and score > best - SAMPLED:
                drawn, places = self._posterior(y, parameters, result, prior)
                score = drawn.evidence
                mean, own = self._moments(drawn, places, own)
            chance = MORE if paths < self.max_paths else BEYOND
            for which, share in self._targets(parameters, result, energy, prior, own[:, 4, 4]):
                more = undetected_path(
                    self._signatures, y, parameters, result, which, prior, chance
                )
                evidence.append(score + np.log(share) + more.evidence)
                target.append(mean[which])
                spread.append(own[which] + more.displacement)
        weight = np.exp(np.array(evidence) - max(evidence))
        weight /= weight.sum()
        found = estimate.paths
        own = np.concatenate(
            [found.arrival[0], found.departure[0], found.delay[:1], found.doppler[:1]]
        )
        away = np.array(target) - own
        away[:, :4] = wrap_spatial_frequency(away[:, :4])
        mean = weight @ away
        covariance = np.array(estimate.covariance)
        lost = np.isinf(spread).any(axis=0)
        covariance[0] = np.einsum("k,kab->ab", weight, np.where(lost, 0.0, spread))
        covariance[0] += (weight[:, None] * (away - mean)).T @ (away - mean)
        covariance[0][lost] = np.inf
        mean += own
        replaced = {
            "arrival": wrap_spatial_frequency(mean[:2]),
            "departure": wrap_spatial_frequency(mean[2:4]),
            "delay": mean[4],
            "doppler": mean[5],
        }
        values = {name: np.array(value) for name, value in vars(found).items()}
        for name, value in replaced.items():
            values[name][0] = value
        return replace(estimate, paths=Paths(**values), covariance=covariance)

    def _moments(self, drawn: Sample, places: Floats, own: Floats) -> tuple[Floats, Floats]:
        """Mean (L, 6) and covariance (L, 6, 6) of the paths drawn; `own` where the frame tells
        nothing."""
        mean = np.einsum("n,nla->la", drawn.weight, places)
        away = places - mean
        spread = np.einsum("n,nla,nlb->lab", drawn.weight, away, away)
        spread *= predictive_factor(drawn.effective, len(POSITION))
        lost = np.isinf(own)
        known = np.einsum("laa->la", own) > 0
        kept = ~lost & known[:, :, None] & known[:, None]
        return mean, np.where(kept & np.isfinite(spread), spread, own)

    def _covariance(self, curvature: Floats, noise: float, paths: int) -> Floats:
        """(L, 6, 6) from half the Fisher information times the noise power.

        What the model cannot tell, or not apart from something else, has infinite variance, a given
        departure none.
        """
        free, spread = self._signatures.free, self._signatures.spread(paths)
        joint = estimable_covariance(curvature)
        lost = np.isinf(np.diag(joint))
        known = np.where(np.isinf(joint), 0.0, joint) * (noise / 2)
        every = (spread.T @ known @ spread).reshape(paths, 6, paths, 6)
        variance = np.full(6, np.inf)
        if self._signatures.departure is not None:
            variance[2:4] = 0.0
        covariance = np.tile(np.diag(variance), (paths, 1, 1))
        own = np.einsum("lalb->lab", every)
        covariance[:, free[:, None], free] = own[:, free[:, None], free]
        path, parameter = np.nonzero(np.any(spread[lost], axis=0).reshape(paths, 6))
        covariance[path, parameter, :] = covariance[path, :, parameter] = 0.0
        covariance[path, parameter, parameter] = np.inf
        return covariance


def _energy(y: Complex) -> float:
    return float(np.vdot(y, y).real)


def _share(result: Fit, energy: float) -> float:
    return float(result.explained[0]) / max(energy, 1e-300)
