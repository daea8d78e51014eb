# SPDX-License-Identifier: GPL-3.0-or-later
"""Expectations of the paths of a frame, before it is looked at."""

import numpy as np
from numpy.typing import NDArray

from .path_responses import DELAY
from .refinement import Prior

__all__ = ["BEYOND", "MORE", "SECONDARY_POWER", "Expectations"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Power expected of a secondary path over that of the first.
SECONDARY_POWER = 0.1
# By how much secondary paths come later than the echo [s] (3GPP TR 38.901 has 32 ns in street
# canyons at 28 GHz in line of sight), and how far from its direction [spatial frequency].
DELAY_SPREAD, ARRIVAL_SPREAD = 30e-9, 0.1
# Probability of one path more, up to the number that is looked for, and beyond.
MORE, BEYOND = 0.6, 0.15
# Log-likelihood that a solution loses where a path precedes the strongest one by as much as this
# part of a resolution cell, or more.
PRECEDENCE, PRECEDENCE_CELLS = 10.0, 0.05


class Expectations:
    """Expectations of paths to one receiver.

    Parameters
    ----------
    doppler_spread
        of their Doppler shifts about the first one's [Hz].
    delay_cell
        resolution cell [s].
    """

    def __init__(self, doppler_spread: float, delay_cell: float) -> None:
        self._doppler_spread = doppler_spread
        self.same_delay = PRECEDENCE_CELLS * delay_cell

    def prior(self, noise: float, gain: Complex, paths: int) -> Prior:
        """Prior knowledge of paths, on the scale of gains (L,) found."""
        relative = np.full(paths, SECONDARY_POWER)
        relative[0] = 1.0
        scale = float(np.mean(np.abs(gain) ** 2 / relative[: len(gain)]))
        return Prior(noise, scale * relative, DELAY_SPREAD, ARRIVAL_SPREAD, self._doppler_spread)

    def plausible(
        self, parameters: Floats, gain: Complex, explained: Floats, noise: float
    ) -> Floats:
        """(B,) energy explained, less what paths that precede the strongest cost."""
        delay = parameters[..., DELAY]
        strongest = np.abs(gain).argmax(axis=1)[:, None]
        lead = np.take_along_axis(delay, strongest, axis=1)[:, 0] - delay.min(axis=1)
        early = np.minimum(lead / self.same_delay, 1.0)
        return np.asarray(explained - PRECEDENCE * noise * early)
