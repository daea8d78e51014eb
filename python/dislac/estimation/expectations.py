# SPDX-License-Identifier: GPL-3.0-or-later
"""Expectations of the paths of a frame, before it is looked at."""

import numpy as np
from numpy.typing import NDArray

from .path_responses import DELAY
from .refinement import Prior

__all__ = ["BEYOND", "MORE", "OTHER_TARGET", "SECONDARY_POWER", "Expectations"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Power expected of a secondary path over that of the first, if it comes over a scatterer. As many
# are of another target, as strong as the first.
SECONDARY_POWER, OTHER_TARGET = 0.1, 0.2
# By how much secondary paths come later than the echo [s] (3GPP TR 38.901 has 32 ns in street
# canyons at 28 GHz in line of sight), and how far from its direction [spatial frequency].
DELAY_SPREAD, ARRIVAL_SPREAD = 30e-9, 0.1
# Probability of one path more, up to the number that is looked for, and beyond.
MORE, BEYOND = 0.6, 0.15
# Log-likelihood that a solution loses where a path precedes the echo by as much as this part of a
# resolution cell, or more: nothing comes over a shorter way.
PRECEDENCE, PRECEDENCE_CELLS = 10.0, 0.05


class Expectations:
    """Expectations of paths to one receiver.

    Parameters
    ----------
    greatest_doppler
        Doppler shift that a target may have [Hz]. Shifts of its paths differ by parts of it, as
        their directions do.
    delay_cell
        resolution cell [s].
    """

    def __init__(self, greatest_doppler: float, delay_cell: float) -> None:
        self._doppler_spread = ARRIVAL_SPREAD * greatest_doppler
        self.same_delay = PRECEDENCE_CELLS * delay_cell

    def prior(self, noise: float, gain: Complex, paths: int) -> Prior:
        """Prior knowledge of paths, on the scale of gains (L,) found."""
        relative = np.full(paths, SECONDARY_POWER)
        relative[0] = 1.0
        scale = float(np.mean(np.abs(gain) ** 2 / relative[: len(gain)]))
        return Prior(noise, scale * relative, DELAY_SPREAD, ARRIVAL_SPREAD, self._doppler_spread)

    def priors(self, noise: float, gain: Complex) -> list[Prior]:
        """Prior knowledge of paths on the scale of gains (L,), the strongest first: all others come
        over scatterers, or the strongest of those is another target's."""
        paths = len(gain)
        scattered = self.prior(noise, gain, paths)
        if paths == 1:
            return [scattered]
        chance = (paths - 1) * float(np.log1p(-OTHER_TARGET))
        relative = np.full(paths, SECONDARY_POWER)
        relative[:2] = 1.0
        power = float(np.mean(np.abs(gain) ** 2 / relative)) * relative
        return [
            scattered._replace(chance=chance),
            scattered._replace(power=power, chance=float(np.log1p(-np.exp(chance)))),
        ]

    def plausible(
        self, parameters: Floats, gain: Complex, explained: Floats, noise: float
    ) -> Floats:
        """(B,) energy explained by paths (B, L, 6), less what it costs that one of them is the
        echo.

        The echo is the first to arrive, and expected to be the strongest. If another one is it, the
        gains are those of a greater scale: as many times its logarithm as there are gains.
        """
        delay, power = parameters[..., DELAY], np.abs(gain) ** 2
        early = (delay - delay.min(axis=1, keepdims=True)) / self.same_delay
        scale = power.sum(axis=1, keepdims=True) - (1.0 - SECONDARY_POWER) * power
        ratio = scale / np.maximum(scale.min(axis=1, keepdims=True), 1e-300)
        cost = PRECEDENCE * np.minimum(early, 1.0)
        cost += delay.shape[1] * np.log(np.maximum(ratio, 1.0))
        return np.asarray(explained - noise * cost.min(axis=1))
