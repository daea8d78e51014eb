# SPDX-License-Identifier: GPL-3.0-or-later
"""Judgement of an estimate: what a frame leaves unexplained, and where else its target may be."""

import math
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import wrap_spatial_frequency
from .alike import FALSE_PLACES, DirectionsAlike
from .detection import log_odds
from .joint_search import Solution
from .maxima import LocalMaxima
from .misfit import Misfit, Verdict
from .path_responses import DELAY, DOPPLER, PathResponses
from .refinement import Fit, fit, refine
from .result import Estimate, nothing
from .search import LEAST_LEFT, DirectionSearch

__all__ = ["Judge", "Rest"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# A target's place is ambiguous if there are posterior odds of at least this for one that is
# farther off in what makes the position than this many standard deviations.
RIVAL_ODDS, APART = 1e-3, 5.0
POSITION = (0, 1, 4)
# Directions that may look alike where secondary paths may be there: what is taken for one path may
# be two, whose rows any other direction explains as well.
MISTAKEN = 1e-3
# Log-likelihood by which a path outside of the windows has to explain a frame better.
OUTSIDE_GAIN = 11.0
# Noise power of a frame without noise, of its power: what rounding and refinement leave.
EXACT = 1e-9
# Standard deviations from the edge of a window within which the truth may be beyond it.
EDGE = 2.0


class Rest(NamedTuple):
    """Rest of a frame beside what has been found in it.

    verdict: of the test of misfit; noise: power that the target's path is measured against;
    explained: energy of that path; parameters, gain: (L, 6) and (L,) of all paths; target: index of
    the target's; alone: (J, Nsc) the frame with nothing but it and the rest, None if nothing else
    has been found.
    """

    verdict: Verdict
    noise: float
    explained: float
    parameters: Floats
    gain: Complex
    target: int
    alone: Complex | None


class Judge:
    """Judgement of estimates of frames of one model.

    Parameters
    ----------
    responses
        of the model.
    windows
        of delay [s] and Doppler [Hz] in which a path is looked for.
    departures
        (Gt, 2) at which one is looked for.
    maxima
        other places for a target within the windows.
    max_paths
        number of paths that are looked for.
    """

    def __init__(
        self,
        responses: PathResponses,
        windows: tuple[tuple[float, float], tuple[float, float]],
        departures: Floats,
        maxima: LocalMaxima,
        max_paths: int,
    ) -> None:
        self._responses = responses
        self._max_paths = max_paths
        self._windows = windows
        self._departures = departures
        self._maxima = maxima
        self._misfit = Misfit(responses, windows)
        self._alike = DirectionsAlike(responses)

    def rest(self, estimate: Estimate, y: Complex, solution: Solution) -> Rest:
        """Rest of a frame (J, Nsc) beside the paths of a solution that an estimate shows."""
        parameters, gain = solution[0], solution[1].gain[0]
        s, e = self._responses.at(parameters)
        residual = y - (gain[:, None] * s).T @ e
        k = int(np.argmin(np.abs(gain - estimate.paths.gain[0])))
        explained = float(abs(gain[k]) ** 2 * np.vdot(s[k], s[k]).real * np.vdot(e[k], e[k]).real)
        noise = max(estimate.noise_power, EXACT * _energy(y) / self._responses.dimensions)
        verdict = self._misfit(residual, s[k], e[k], explained, noise)
        alone = residual + gain[k] * np.outer(s[k], e[k]) if len(s) > 1 else None
        return Rest(verdict, noise, explained, parameters, gain, k, alone)

    def __call__(
        self, estimate: Estimate, y: Complex, rest: Rest, maxima: tuple[Floats, Fit]
    ) -> Estimate:
        """The estimate with its status, and with noise that is no less than what the target's path
        leaves; without any path where that is too much.

        Parameters
        ----------
        maxima
            other places for the target (B, 1, 6), where there is nothing but it.
        """
        verdict, noise = rest.verdict, rest.noise
        if np.isfinite(verdict.margin) and self._elsewhere(y, maxima):
            return replace(estimate, status="outside_window")
        if verdict.margin < 1.0:
            return nothing(
                estimate.threshold * verdict.margin,
                estimate.threshold,
                _energy(y) / self._responses.dimensions,
            )
        end_fire = self._end_fire(estimate)
        covariance = np.asarray(estimate.covariance)
        if verdict.excess > 1.0:
            covariance = np.where(np.isinf(covariance), covariance, covariance * verdict.excess)
        estimate = replace(estimate, covariance=covariance)
        noise *= verdict.excess
        if self._at_an_edge(estimate):
            return replace(estimate, status="outside_window")
        if rest.alone is not None:
            target = rest.parameters[None, rest.target, None]
            known = fit(self._responses, rest.alone, target)
            maxima = self._maxima(rest.alone, _energy(rest.alone), target, known)
        alike = self._alike(rest.parameters, rest.gain, rest.target, noise, rest.explained)
        most = FALSE_PLACES if len(rest.parameters) >= self._max_paths else MISTAKEN
        if end_fire or alike > most or self._ambiguous(estimate, maxima, noise):
            return replace(estimate, status="ambiguous")
        return estimate

    @cached_property
    def _all_directions(self) -> DirectionSearch:
        """The search over all Dopplers that the symbols can resolve."""
        steps = np.diff(np.unique(self._responses.model.symbol_times))
        half = 0.5 / float(steps.min()) if len(steps) else 0.0
        return DirectionSearch(self._responses, self._departures, (-half, half))

    def _elsewhere(self, y: Complex, maxima: tuple[Floats, Fit]) -> bool:
        """True if a path outside of the windows explains more of y than any within.

        One look, at the delay at which all rows together have most energy, whatever the directions.
        """
        least, greatest = self._windows[0]
        rows, every = (
            1.0 / float(np.diff(f).min()) if len(f) > 1 else 0.0
            for f in (
                self._responses.model.frequencies,
                self._responses.model.element_frequencies,
            )
        )
        at = np.zeros((2 * y.shape[1], 6))
        at[:, DELAY] = (least + greatest - rows) / 2 + rows * np.arange(len(at)) / len(at)
        tones = self._responses.factors(at)[1][:, 0]
        left = np.maximum(np.sum(np.abs(tones) ** 2, axis=1), LEAST_LEFT * y.shape[1])
        power = np.sum(np.abs(y @ tones.conj().T) ** 2, axis=0) / left
        # Combs that lie apart distinguish delays that each of them alone does not.
        turns = np.arange(max(round(every / rows), 1)) if rows > 0 else np.zeros(1)
        delays = at[int(np.argmax(power)), DELAY] + rows * turns
        start = np.concatenate([self._all_directions(y, float(delay)) for delay in delays])
        if not len(start):
            return False
        energy = _energy(y)
        parameters, result = refine(self._responses, y, start[:, None], energy, 20)
        best = int(np.argmax(result.explained))
        noise = (energy - float(result.explained[best])) / self._responses.dimensions
        if result.explained[best] < maxima[1].explained[0] + OUTSIDE_GAIN * noise:
            return False
        found = parameters[best, 0, DELAY:]
        inside = [low <= x <= high for x, (low, high) in zip(found, self._windows, strict=True)]
        free = np.isin([DELAY, DOPPLER], self._responses.free)
        return bool(np.any(free & ~np.array(inside)))

    def _at_an_edge(self, estimate: Estimate) -> bool:
        """True if delay or Doppler of the target may lie beyond its window.

        A Doppler shift that is not known to a part of a resolution cell is hardly measured: beams
        that change from symbol to symbol can hide it, at no cost to the position.
        """
        paths, covariance = estimate.paths, np.asarray(estimate.covariance)
        for k, value in ((DELAY, paths.delay[0]), (DOPPLER, paths.doppler[0])):
            if k in self._responses.free:
                least, greatest = self._windows[k - DELAY]
                margin = EDGE * math.sqrt(covariance[0, k, k])
                if k == DOPPLER and margin > self._responses.cells[k] / 4:
                    continue
                if not least + margin <= value <= greatest - margin:
                    return True
        return False

    def _end_fire(self, estimate: Estimate) -> bool:
        """True if the target's arrival is so near one end of an array's axis that it may be at the
        other: spatial frequencies 2 apart are the same to elements half a wavelength apart."""
        arrival, covariance = estimate.paths.arrival[0], np.asarray(estimate.covariance)[0]
        far = math.sqrt(-2.0 * math.log(RIVAL_ODDS))
        for axis in np.intersect1d(self._responses.free, (0, 1)):
            other = np.hypot(2.0 - abs(arrival[axis]), arrival[1 - axis])
            if other < 1.0 + far * math.sqrt(covariance[axis, axis]):
                return True
        return False

    def _ambiguous(self, estimate: Estimate, maxima: tuple[Floats, Fit], noise: float) -> bool:
        """True if another place explains the frame nearly as well as the target's."""
        parameters, result = maxima[0][:, 0], maxima[1]
        if not np.any(self._maxima.apart(parameters, parameters[0])):
            return False
        cells = self._responses.cells[self._responses.free]
        elements = self._responses.dimensions
        odds = log_odds(result.explained, result.curvature, noise, elements, cells)
        free = np.intersect1d(self._responses.free, POSITION)
        paths = estimate.paths
        own = np.array([*paths.arrival[0], *paths.departure[0], paths.delay[0], paths.doppler[0]])
        away = parameters - own
        away[:, :4] = wrap_spatial_frequency(away[:, :4])
        away = away[:, free]
        covariance = np.asarray(estimate.covariance)[0][np.ix_(free, free)]
        covariance = covariance + np.diag((1e-3 * self._responses.cells[free]) ** 2)
        distance = np.sum(away * np.linalg.solve(covariance, away.T).T, axis=1)
        possible = np.sum(parameters[:, :2] ** 2, axis=1) <= 1.0
        possible[0] = False
        rivals = possible & (distance > APART**2) & (odds > np.log(RIVAL_ODDS))
        return bool(np.any(rivals))


def _energy(y: Complex) -> float:
    return float(np.vdot(y, y).real)
