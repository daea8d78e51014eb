# SPDX-License-Identifier: GPL-3.0-or-later
"""Detection at a set false-alarm rate, whatever the noise power.

The GLRT statistic T is the part of an energy that lies along one response, the largest over all
that an estimator looks at. Along one fixed response of n elements noise alone gives P(T > t) =
(1 - t)^(n-1), and the noise power has cancelled. The maximum over a smooth family with d parameters
exceeds t at about C o^k (1 - t)^(n-1) places, with o = (n - 1) t / (1 - t) and k = d/2: the volume
of a tube about the family (see `misfit`). Hence

    P(max T > t) = 1 - exp(-h),  h = C o^k (1 - t)^(n-1) e^(-a/o).

C depends on beams, windows and numerology. A search that climbs from the best points of a coarse
grid misses some of the lower maxima, the less the higher they are: a factor e^(-a/o), which leaves
the far tail to theory. C and a are fitted (maximum likelihood) to noise-only frames that run
through the very search they are for. Of the lower half of these only the number counts: there the
law, of high maxima far from each other, does not hold.
"""

import hashlib
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from .kept import keep, kept
from .result import EstimatorError

__all__ = ["detection_threshold", "log_odds"]

Floats = NDArray[np.float64]

CALIBRATION_FRAMES = 1000
LOOKS, MOST_LOOKS = 300_000_000, 1_500_000_000
"""Cost of a calibration [points of a grid] beyond which it takes half of the frames, and beyond
which fewer still, down to `FEWEST_FRAMES`: a minute or so of processor time."""

FEWEST_FRAMES = 100
"""They know C, and so the false-alarm rate, to some 15 %."""

BATCH, ELEMENTS = 50, 2**18
"""Frames at once; and elements of them, at most."""

_constants: dict[bytes, tuple[float, float]] = {}
"""a and log C of the models that have been calibrated in this process."""

MISSED = np.arange(0.0, 100.0, 2.0)
"""Values of a among which the likeliest is taken."""


def detection_threshold(
    statistics: Callable[[NDArray[np.complex128]], Floats],
    shape: tuple[int, int, int],
    elements: int,
    false_alarm_rate: float,
    parameters: int,
    *,
    exhaustive: bool = False,
    looks: int = 1,
    model: Sequence[object] = (),
) -> float:
    """Value that the statistic of noise alone exceeds with probability `false_alarm_rate`.

    Parameters
    ----------
    statistics
        from frames (B, Ms, Nsc, Nrf) to GLRT statistics (B,).
    shape
        (Ms, Nsc, Nrf).
    elements
        number N of elements that the energy is of.
    false_alarm_rate
        in (0, 0.5].
    parameters
        number d of real parameters over which the statistic is a maximum.
    exhaustive
        whether no maximum is missed (a = 0).
    looks
        cost of a frame, in points of the search's grid.
    model
        all that the statistic depends on; the same again is not calibrated again, by this process
        or, where the user's cache can be written to, by later ones.

    Raises
    ------
    EstimatorError
        false-alarm rate out of range.
    """
    if not 0.0 < false_alarm_rate <= 0.5:
        raise EstimatorError(f"false_alarm_rate is {false_alarm_rate}; give one in (0, 0.5]")
    k = max(parameters, 1) / 2
    degrees = max(elements - 1.0, k + 1.0)
    frames = _frames(looks)
    key = _digest(frames, shape, elements, parameters, exhaustive, *model)
    if model and key not in _constants and (found := kept(key)):
        _constants[key] = found
    if not model or key not in _constants:
        rng = np.random.default_rng(0)
        batch = min(BATCH, max(ELEMENTS // math.prod(shape), 1))
        values = [
            statistics(rng.standard_normal((count, *shape, 2)).view(complex)[..., 0])
            for count in np.diff([*range(0, frames, batch), frames])
        ]
        part = np.concatenate(values)
        odds = degrees * part / np.maximum(1.0 - part, 1e-12)
        missed = np.zeros(1) if exhaustive else np.asarray(MISSED, float)
        _constants[key] = _fitted(odds, degrees, k, missed)
        if model:
            keep(key, _constants[key])
    a, log_cells = _constants[key]
    rare = log_cells - np.log(-np.log1p(-false_alarm_rate))

    def excess(odds: float) -> float:
        return rare + float(_log_shape(np.array(odds), degrees, k, a))

    least = (k + np.sqrt(k**2 + 4 * a)) / 2  # about where h is greatest
    level = least
    if excess(least) > 0:
        most = least
        while excess(most) > 0:
            most *= 2
        level = float(brentq(excess, least, most))
    return float(level / (degrees + level))


def _frames(looks: int) -> int:
    """Number of noise frames that calibrate a search of `looks` points."""
    half = min(CALIBRATION_FRAMES // 2, max(MOST_LOOKS // looks, FEWEST_FRAMES))
    return min(CALIBRATION_FRAMES, max(LOOKS // looks, half))


def _digest(*values: object) -> bytes:
    """Hash of numbers, strings and arrays."""
    digest = hashlib.sha256()
    for value in values:
        array = np.asarray(value)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.digest()


def _log_shape(odds: Floats, degrees: float, k: float, a: float | Floats) -> Floats:
    """Logarithm of h / C."""
    return np.asarray(k * np.log(odds) - degrees * np.log1p(odds / degrees) - a / odds)


def _fitted(odds: Floats, degrees: float, k: float, missed: Floats) -> tuple[float, float]:
    """Likeliest a among `missed`, and log C: odds above the median have the density |h'| exp(-h),
    the others the probability exp(-h) of the median."""
    odds = np.sort(odds)
    half = len(odds) // 2
    low, high, a = odds[max(half - 1, 0)], odds[half:], missed[:, None]
    log_h = _log_shape(high, degrees, k, a)
    total = np.exp(log_h).sum(axis=1) + half * np.exp(_log_shape(low, degrees, k, missed))
    log_cells = np.log(len(high) / total)
    slope = np.maximum(1.0 / (1.0 + high / degrees) - k / high - a / high**2, 1e-3)  # -h' / h
    likelihood = len(high) * log_cells + np.sum(log_h + np.log(slope), axis=1)
    best = int(np.argmax(likelihood))
    return float(missed[best]), float(log_cells[best])


def log_odds(
    explained: Floats, curvature: Floats, noise: float, elements: int, cells: Floats
) -> Floats:
    """Logarithm of the posterior odds of places (B,) over the first of them.

    Laplace's approximation: the ratio of the likelihoods, the noise power being known as far as the
    frame determines it, times the ratio of the volumes about the maxima, no parameter being less
    certain than a resolution cell.

    Parameters
    ----------
    explained
        (B,) energy that each place explains.
    curvature
        (B, P, P) of half the unexplained energy.
    noise
        noise power per element at the first.
    elements
        number of elements of the frame.
    cells
        (P,) resolution cells.
    """
    loss = np.maximum(explained[0] - explained, 0.0) / noise
    information = curvature * (2.0 / noise) + np.diag(1.0 / cells**2)
    volume = -0.5 * np.linalg.slogdet(information)[1]
    return np.asarray(volume - volume[0] - elements * np.log1p(loss / elements))
