# SPDX-License-Identifier: GPL-3.0-or-later
"""Search for the paths of a frame, all refined jointly."""

import numpy as np
from numpy.typing import NDArray

from ..arrays import wrap_spatial_frequency
from .expectations import Expectations
from .path_responses import DELAY, PathResponses
from .refinement import Fit, fit, pick, refine
from .search import SecondarySearch
from .undetected import DETECTED, likely_places

__all__ = ["SECONDARY_GAIN", "JointSearch", "Solution"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Solution = tuple[Floats, Fit]
"""Paths (L, 6) and their fit, a batch of one."""

# Log-likelihood that a secondary path has to add. Noise adds as much in one frame of ten: a path
# too many of which the target's estimate hardly notices, where one too few would bend it.
SECONDARY_GAIN = DETECTED
# What one path more than are looked for has to add.
CLEAR_GAIN = 2 * SECONDARY_GAIN
# Starts from which a secondary path is refined, rounds for all of them, and how many of the best
# are refined to the end.
STARTS, ROUNDS, FINALISTS = 4, 2, 3
# Starts beside each known path, which may be a pair that is not resolved.
BESIDE = 3
# A secondary path is given up where the grid, or those rounds, show less than these parts of what
# it has to add.
WORTHWHILE, PROMISING = 0.6, 0.8
# The prior weighs the noise, of which a missing path is a part: passes until that is settled.
PASSES = 4
# Different solutions that are continued; sweeps in which all paths of the best are exchanged one by
# one; and the log-likelihood that an exchange has to gain.
WIDTH, SWEEPS, BETTER = 3, 3, 1.0
# Solutions closer than this part of a resolution cell are one.
SAME = 0.02


class JointSearch:
    """Search for the paths of frames of one model.

    Paths are added one at a time, to several solutions at once: the best places for a few paths are
    not always among the best for one more, least where rows are few. At the end each path in turn
    is looked for again among the others.

    Parameters
    ----------
    responses
        of the model.
    delay_window
        [s].
    max_paths
        largest number of paths that are looked for.
    expectations
        of paths.
    """

    def __init__(
        self,
        responses: PathResponses,
        delay_window: tuple[float, float],
        max_paths: int,
        expectations: Expectations,
    ) -> None:
        self._responses = responses
        self._secondary = SecondarySearch(responses, delay_window)
        self._max_paths = max_paths
        self._expect = expectations

    def __call__(
        self, y: Complex, energy: float, maxima: tuple[Floats, Fit]
    ) -> tuple[Solution, list[Solution]]:
        """The best paths of a frame (J, Nsc), and all solutions tried.

        Parameters
        ----------
        energy
            of the frame.
        maxima
            of one path's likelihood (B, 1, 6), the greatest first.
        """
        singles = [(p, pick(maxima[1], [k])) for k, p in enumerate(maxima[0])]
        beam, solutions = self._distinct(singles)[:WIDTH], singles[:1]
        for _ in range(SWEEPS):
            beam = self._grown(y, energy, beam, solutions)
            other = self._exchanged(y, energy, beam[0], solutions)
            if other is None:
                break
            beam = [other, *beam[: WIDTH - 1]]
        return beam[0], self._distinct(solutions)

    def beyond(self, y: Complex, energy: float, best: Solution) -> list[Solution]:
        """Solutions with one path more than the best one has, the most plausible first, where that
        shows so clearly that it is no noise.

        Most frames hold none, which the coarse grid alone shows.
        """
        known, result = best
        before = float(result.explained[0])
        noise = (energy - before) / self._responses.dimensions
        if before > (1.0 - 1e-12) * energy:
            return []
        s, e = self._responses.factors(known)
        residual = y - (result.gain[0, :, None] * s[:, 0]).T @ e[:, 0]
        if self._secondary(residual, known, (s, e), 1)[1][0] < SECONDARY_GAIN * noise:
            return []
        found = self._with_another(y, energy, known, result)
        more = [(p, r) for p, r in found if r.explained[0] > before + CLEAR_GAIN * noise]
        return self._ranked(more, noise)

    def alternatives(self, y: Complex, energy: float, best: Solution) -> list[Solution]:
        """Solutions hard to distinguish from the best one, where that has several paths: with one
        path more, however little it adds, and with a pair on the other sides of its middle.

        Several unresolved paths may look like fewer at quite different places. Of a single one that
        is known in closed form (`undetected`).
        """
        known, result = best
        if len(known) < 2 or float(result.explained[0]) > (1.0 - 1e-12) * energy:
            return []
        found = self._mirrored(y, energy, known, result)
        if len(known) < self._max_paths:
            found += self._with_another(y, energy, known, result, -np.inf)
        return found

    def _mirrored(self, y: Complex, energy: float, known: Floats, result: Fit) -> list[Solution]:
        """Known paths (L, 6) refined with each of them, and the nearest stronger one, where they
        would be with the same sum and the same spread: only the third moment distinguishes the two.
        """
        order = np.argsort(-np.abs(result.gain[0]), kind="stable")
        known, gain = known[order], result.gain[0][order]
        starts = []
        for k in range(1, len(known)):
            away = known[k] - known[:k]
            away[:, :4] = wrap_spatial_frequency(away[:, :4])
            distance = np.abs(away / self._responses.cells)[:, self._responses.free].max(axis=1)
            j = int(np.argmin(distance))
            if distance[j] > 1.0:
                continue
            share = float(np.clip((gain[k] / (gain[j] + gain[k])).real, 0.0, 1.0))
            flipped = known.copy()
            flipped[j] = known[j] + 2 * share * away[j]
            flipped[k] = flipped[j] - away[j]
            starts.append(flipped)
        if not starts:
            return []
        noise = (energy - float(result.explained[0])) / self._responses.dimensions
        prior = self._expect.prior(noise, gain, len(known))
        both, new = refine(self._responses, y, np.array(starts), energy, 20, prior)
        return [(p, pick(new, [k])) for k, p in enumerate(both)]

    def _grown(
        self, y: Complex, energy: float, beam: list[Solution], solutions: list[Solution]
    ) -> list[Solution]:
        """Solutions, the best first, with as many paths as explain enough; what is tried is added
        to `solutions`."""
        while len(beam[0][0]) < self._max_paths:
            before = float(beam[0][1].explained[0])
            noise = (energy - before) / self._responses.dimensions
            found = self._with_another(y, energy, *beam[0])
            solutions += found
            if not found:
                break
            best = self._ranked(found, noise)[0]
            if best[1].explained[0] < before + SECONDARY_GAIN * noise:
                break
            others: list[Solution] = []
            for other in beam[1:]:
                if len(other[0]) == len(beam[0][0]):
                    others += self._with_another(y, energy, *other)
            solutions += others
            beam = self._distinct(self._ranked([*found, *others], noise))[:WIDTH]
        return beam

    def _exchanged(
        self, y: Complex, energy: float, best: Solution, solutions: list[Solution]
    ) -> Solution | None:
        """The paths with one of them somewhere else, where that is better, else None; what is tried
        is added to `solutions`."""
        parameters, result = best
        if len(parameters) < 2:
            return None
        found: list[Solution] = []
        for k in range(len(parameters)):
            rest = np.delete(parameters, k, axis=0)
            found += self._with_another(y, energy, rest, fit(self._responses, y, rest[None]))
        solutions += found
        noise = (energy - float(result.explained[0])) / self._responses.dimensions
        other = self._ranked([best, *found], noise)[0]
        gained = other[1].explained[0] - result.explained[0]
        return other if gained > BETTER * noise else None

    def _ranked(self, solutions: list[Solution], noise: float) -> list[Solution]:
        """Solutions of one number of paths, the most plausible first."""
        plausible = [
            float(self._expect.plausible(p[None], r.gain, r.explained, noise)[0])
            for p, r in solutions
        ]
        return [solutions[k] for k in np.argsort(-np.array(plausible), kind="stable")]

    def _with_another(
        self, y: Complex, energy: float, known: Floats, result: Fit, gain: float = SECONDARY_GAIN
    ) -> list[Solution]:
        """Known paths (L, 6) refined with one more, some solutions; none if too little of the frame
        is left for one that adds that much log-likelihood."""
        left = energy - float(result.explained[0])
        if left < 1e-12 * energy:
            return []
        noise = left / self._responses.dimensions
        paths = len(known) + 1
        s, e = self._responses.factors(known)
        residual = y - (result.gain[0, :, None] * s[:, 0]).T @ e[:, 0]
        far = self._secondary(residual, known, (s, e), STARTS)
        # What paths leave that have taken the place of more than one is too little to be a peak.
        beside = self._expect.prior(noise, result.gain[0], len(known))
        near = likely_places(self._responses, y, known, result, beside, BESIDE)
        start, added = (np.concatenate(both) for both in zip(far, near, strict=True))
        start = start[added >= WORTHWHILE * gain * noise]
        if not len(start):
            return []
        prior = self._expect.prior(noise, result.gain[0], paths)
        least = float(result.explained[0]) + PROMISING * gain * noise
        both = np.concatenate([known[None].repeat(len(start), axis=0), start[:, None]], axis=1)
        both, new = refine(self._responses, y, both, energy, ROUNDS, prior)
        if new.explained.max() < least:
            return []
        plausible = self._expect.plausible(both, new.gain, new.explained, noise)
        best = np.argsort(-plausible, kind="stable")[:FINALISTS]
        # What is known beforehand is relative to the strongest.
        size = np.abs(new.gain[best])
        order = np.argsort(-size, axis=1, kind="stable")
        both = np.take_along_axis(both[best], order[..., None], axis=1)
        size, explained = np.take_along_axis(size, order, axis=1), new.explained[best]
        for _ in range(PASSES):
            # The missing path was a part of the noise so far, and the prior weighs the noise.
            leader = int(explained.argmax())
            left = energy - float(explained[leader])
            prior = self._expect.prior(left / self._responses.dimensions, size[leader], paths)
            both, new = refine(self._responses, y, both, energy, 20, prior)
            size, explained = np.abs(new.gain), new.explained
            if energy - float(explained.max()) > 0.9 * left:
                break
        return [(p, pick(new, [k])) for k, p in enumerate(both)]

    def _distinct(self, solutions: list[Solution]) -> list[Solution]:
        """Solutions without repetitions."""
        kept: list[Solution] = []
        near = SAME * self._responses.cells
        for parameters, result in solutions:
            ordered = parameters[np.argsort(parameters[:, DELAY])]
            if not any(
                len(p) == len(ordered)
                and np.all(np.abs(p[np.argsort(p[:, DELAY])] - ordered) < near)
                for p, _ in kept
            ):
                kept.append((parameters, result))
        return kept
