# SPDX-License-Identifier: GPL-3.0-or-later
"""Test of a found path against what it leaves unexplained.

White noise has the same power in every direction of a frame's space. A signal that is not of the
model has not: what one satellite transmits is common to all receive chains, and pilots repeat from
symbol to symbol. A foreign signal of few degrees of freedom resembles some response of the model
far more often than as much white noise would. So a frame is contracted with the found response
along one or two of its three dimensions, chain, symbol and subcarrier, to

    rows (symbol, chain), tones (subcarrier), symbols x tones, and symbols.

The found path is in each with all its energy P; what it leaves there, R of n - 1 - d/2 complex
degrees of freedom, d parameters being fitted, is compared with the noise power found over the whole
frame. Where it is too much for white noise,

1. the noise that the path is to be measured against is what it leaves there, and
2. P / (P + R) must exceed what the best response of the model reaches of white noise of n elements.
   A family of d parameters and C resolution cells does so, its cells (pi / 3)^(1/2) each, with
   probability C (pi / 3)^k Gamma(n) / Gamma(n - k) t^k (1 - t)^(n - 1 - k) for statistics t, k =
   d/2: the volume of a tube about a manifold in complex projective space.

References
----------
H. Hotelling, Tubes and spheres in n-spaces, and a class of statistical problems, Am. J. Math. 61
(1939); R. Adler and J. Taylor, Random Fields and Geometry (2007), section 10.6.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, gammaln

from .path_responses import PathResponses

__all__ = ["Misfit", "Verdict", "statistic_threshold"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

SIGNIFICANT = 1e-4
"""Probability at which white noise is taken for more than white noise."""

STRUCTURED_RATE = 1e-4
"""Probability at which a foreign signal is taken for a path."""

PARAMETERS = ((0, 1, 2, 3, 5), (4,), (2, 3, 4, 5), (2, 3, 5))
"""Parameters of a path that its response depends on in each marginal: over rows, over tones, over
symbols x tones, over symbols."""


ONE_DIRECTION = (0, 3)
"""Marginals at the path's delay, where what is left may all lie in the direction that bends it."""


class Verdict(NamedTuple):
    """Outcome of the test.

    Parameters
    ----------
    excess
        noise power that the path is measured against, over that of the whole frame; 1 if nothing
        but white noise is left.
    margin
        least ratio of a GLRT statistic to its threshold, infinite if nothing but white noise is
        left; the path is refused below 1.
    """

    excess: float
    margin: float


def statistic_threshold(elements: int, cells: float, parameters: int, rate: float) -> float:
    """Part of the energy of white noise that the best response of a family exceeds at a rate.

    Parameters
    ----------
    elements
        number n of complex elements, more than 1 + parameters / 2.
    cells
        number of resolution cells of the family.
    parameters
        real parameters d of it.
    rate
        small probability.
    """
    k, n = parameters / 2, float(elements)
    level = np.log(cells) + k * np.log(np.pi / 3) + gammaln(n) - gammaln(n - k) - np.log(rate)

    def excess(t: float) -> float:
        return float(level + k * np.log(t) + (n - 1 - k) * np.log1p(-t))

    peak = max(k / (n - 1), 1e-12)
    return float(brentq(excess, peak, 1 - 1e-15)) if excess(peak) > 0 else peak


class Misfit:
    """The test for one model.

    Parameters
    ----------
    responses
        of the model.
    windows
        of delay [s] and Doppler [Hz].
    """

    def __init__(
        self, responses: PathResponses, windows: tuple[tuple[float, float], tuple[float, float]]
    ) -> None:
        model = responses.model
        symbols, subcarriers, chains = self._shape = model.shape
        visible = [
            np.pi / 4 if array.nx > 1 and array.ny > 1 else 1.0
            for array in (model.receive_array, model.transmit_array)
        ]
        lengths = [2.0 * visible[0], 2.0, 2.0 * visible[1], 2.0]
        lengths += [window[1] - window[0] for window in windows]
        count = np.maximum(np.array(lengths) / responses.cells, 1.0)
        tones = subcarriers - responses.nuisance.shape[1]
        sizes = symbols * chains, tones, symbols * tones, symbols
        self._tests: list[tuple[int, float, float, float]] = []
        for index, (size, names) in enumerate(zip(sizes, PARAMETERS, strict=True)):
            free = [p for p in names if p in responses.free]
            degrees = size - 1 - len(free) / 2
            if degrees < 1:
                continue
            # At least the gain is fitted in a marginal; how much more differs from path to path.
            most = float(gammaincinv(size - 1, 1 - SIGNIFICANT)) / degrees
            cells = float(np.prod(count[free]))
            least = statistic_threshold(size, cells, len(free), STRUCTURED_RATE)
            self._tests.append((index, degrees, most, least))

    def __call__(
        self, residual: Complex, s: Complex, e: Complex, explained: float, noise: float
    ) -> Verdict:
        """Test a path.

        Parameters
        ----------
        residual
            (J, Nsc) what is left of the frame.
        s, e
            (J,) and (Nsc,) factors of the path's response.
        explained
            energy P of the path.
        noise
            noise power per element found over the whole frame.
        """
        left = self._left(residual, s, e)
        excess, margin = 1.0, np.inf
        for index, degrees, most, least in self._tests:
            ratio = left[index] / max(degrees * noise, 1e-300)
            if ratio > most:
                # White over tones; over rows and symbols another path, hence in one direction.
                concentrated = degrees if index in ONE_DIRECTION else 1.0
                excess = max(excess, ratio, 1.0 + (ratio - most) * concentrated)
                margin = min(margin, explained / (explained + left[index]) / least)
        return Verdict(excess, margin)

    def _left(self, residual: Complex, s: Complex, e: Complex) -> list[float]:
        """Energy of the residual in each marginal."""
        symbols, subcarriers, chains = self._shape
        tone = e.conj() / max(float(np.linalg.norm(e)), 1e-150)
        rows = residual @ tone
        by_symbol = s.reshape(symbols, 1, chains).conj()
        scale = np.sqrt(np.maximum(np.sum(np.abs(by_symbol) ** 2, axis=-1), 1e-300))
        combined = (by_symbol @ residual.reshape(symbols, chains, subcarriers))[:, 0] / scale
        tones = (s.conj() / np.linalg.norm(s)) @ residual
        parts = rows, tones, combined, combined @ tone
        return [float(np.vdot(part, part).real) for part in parts]
