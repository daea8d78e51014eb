# SPDX-License-Identifier: GPL-3.0-or-later
"""Detection at a set false-alarm rate, whatever the noise power.

The statistic T is the share of an energy that lies along one signature, the largest over all that
an estimator looks at. Along one fixed signature of N elements noise alone gives P(T > t) =
(1 - t)^(N-1), so x = -(N-1) log(1 - T) is exponential, and the noise power has cancelled. The
maximum over a smooth family with d parameters exceeds x at about C x^(d/2) e^-x places (expected
number of peaks of a Gaussian field: Rice's formula in d dimensions), hence

    P(max > x) = 1 - exp(-h(x)),  h(x) = C x^k e^(-x - a/x),  k = d/2.

C depends on beams, windows and numerology. A search that climbs from the best points of a coarse
grid misses some of the lower maxima, the less the higher they are: a factor e^(-a/x), which leaves
the far tail to theory. C and a are fitted (maximum likelihood) to noise-only frames that run
through the very estimator they are for.
"""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from .result import EstimatorError

__all__ = ["detection_threshold", "log_odds"]

Floats = NDArray[np.float64]

CALIBRATION_FRAMES = 500

_constants: dict[bytes, tuple[float, float]] = {}
"""a and log C of the models that have been calibrated in this process."""

MISSED = np.arange(0.0, 100.0, 2.0)
"""Values of a among which the likeliest is taken."""


def detection_threshold(
    statistic: Callable[[NDArray[np.complex128]], float],
    shape: tuple[int, int, int],
    elements: int,
    false_alarm_rate: float,
    parameters: int,
    *,
    exhaustive: bool = False,
    model: Sequence[object] = (),
) -> float:
    """Value that the statistic of noise alone exceeds with probability `false_alarm_rate`.

    Args:
        statistic: from a frame (Ms, Nsc, Nrf) to a share of energy.
        shape: (Ms, Nsc, Nrf).
        elements: number N of elements whose energy is shared.
        false_alarm_rate: in (0, 0.5].
        parameters: number d of real parameters over which the statistic is a maximum.
        exhaustive: whether no maximum is missed (a = 0).
        model: all that the statistic depends on; the same again is not calibrated again.

    Raises:
        EstimatorError: false-alarm rate out of range.
    """
    if not 0.0 < false_alarm_rate <= 0.5:
        raise EstimatorError(f"false_alarm_rate is {false_alarm_rate}; give one in (0, 0.5]")
    degrees = max(elements - 1.0, 1.0)
    k = max(parameters, 1) / 2
    key = _digest(CALIBRATION_FRAMES, shape, elements, parameters, exhaustive, *model)
    if not model or key not in _constants:
        rng = np.random.default_rng(0)
        shares = [
            statistic(rng.standard_normal((*shape, 2)).view(complex)[..., 0])
            for _ in range(CALIBRATION_FRAMES)
        ]
        x = -degrees * np.log1p(-np.array(shares))
        _constants[key] = _fitted(x, k, np.zeros(1) if exhaustive else MISSED)
    a, log_cells = _constants[key]
    rare = log_cells - np.log(-np.log1p(-false_alarm_rate))

    def excess(level: float) -> float:
        return float(rare + k * np.log(level) - level - a / level)

    least = (k + np.sqrt(k**2 + 4 * a)) / 2  # where h is greatest
    level = float(brentq(excess, least, least + 1e3)) if excess(least) > 0 else least
    return float(-np.expm1(-level / degrees))


def _digest(*values: object) -> bytes:
    """Hash of numbers, strings and arrays."""
    digest = hashlib.sha256()
    for value in values:
        array = np.asarray(value)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.digest()


def _fitted(x: Floats, k: float, missed: Floats) -> tuple[float, float]:
    """Likeliest a among `missed`, and log C: samples of density |h'| exp(-h)."""
    a = missed[:, None]
    log_h = k * np.log(x) - x - a / x
    log_cells = -np.log(np.mean(np.exp(log_h), axis=1))
    slope = np.maximum(1.0 - k / x - a / x**2, 1e-3)  # -h' / h
    likelihood = log_cells + np.mean(log_h + np.log(slope), axis=1)
    best = int(np.argmax(likelihood))
    return float(missed[best]), float(log_cells[best])


def log_odds(
    explained: Floats, curvature: Floats, noise: float, elements: int, cells: Floats
) -> Floats:
    """Logarithm of the posterior odds of places (B,) over the first of them.

    Laplace's approximation: the ratio of the likelihoods, the noise power being known as far as the
    frame tells it, times the ratio of the volumes about the maxima, no parameter being less certain
    than a resolution cell.

    Args:
        explained: (B,) energy that each place explains.
        curvature: (B, P, P) of half the unexplained energy.
        noise: noise power per element at the first.
        elements: number of elements of the frame.
        cells: (P,) resolution cells.
    """
    loss = np.maximum(explained[0] - explained, 0.0) / noise
    information = curvature * (2.0 / noise) + np.diag(1.0 / cells**2)
    volume = -0.5 * np.linalg.slogdet(information)[1]
    return np.asarray(volume - volume[0] - elements * np.log1p(loss / elements))
