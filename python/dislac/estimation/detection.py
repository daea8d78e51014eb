# SPDX-License-Identifier: GPL-3.0-or-later
"""Detection at a set false-alarm rate, whatever the noise power.

The statistic T is the share of an energy that lies along one signature, the largest over all that
an estimator looks at. Along one fixed signature of N elements noise alone gives P(T > t) =
(1 - t)^(N-1), so x = -(N-1) log(1 - T) is exponential, and the noise power has cancelled. The
maximum over a smooth family with d parameters exceeds x at about C x^(d/2) e^-x places (expected
number of peaks of a Gaussian field: Rice's formula in d dimensions), hence

    P(max > x) = 1 - exp(-C x^k e^-x),  k = d/2.

C depends on beams, windows and numerology. A search that climbs from the best points of a coarse
grid misses some of the lower maxima, which makes k look greater. What is not known is fitted
(maximum likelihood) to noise-only frames that run through the very estimator it is for.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from .result import EstimatorError

__all__ = ["detection_threshold"]

CALIBRATION_FRAMES = 200


def detection_threshold(
    statistic: Callable[[NDArray[np.complex128]], float],
    shape: tuple[int, int, int],
    elements: int,
    false_alarm_rate: float,
    order: float | None = None,
) -> float:
    """Value that the statistic of noise alone exceeds with probability `false_alarm_rate`.

    Args:
        statistic: from a frame (Ms, Nsc, Nrf) to a share of energy.
        shape: (Ms, Nsc, Nrf).
        elements: number N of elements whose energy is shared.
        false_alarm_rate: in (0, 0.5].
        order: k; fitted if not given.

    Raises:
        EstimatorError: false-alarm rate out of range.
    """
    if not 0.0 < false_alarm_rate <= 0.5:
        raise EstimatorError(f"false_alarm_rate is {false_alarm_rate}; give one in (0, 0.5]")
    degrees = max(elements - 1.0, 1.0)
    rng = np.random.default_rng(0)
    shares = [
        statistic(rng.standard_normal((*shape, 2)).view(complex)[..., 0])
        for _ in range(CALIBRATION_FRAMES)
    ]
    x = -degrees * np.log1p(-np.array(shares))
    k, cells = _fitted(x, np.arange(0.25, 12.0, 0.25) if order is None else np.array([order]))
    # cells x^k e^-x = q in closed form; it has no root only where its peak is below q.
    q = -np.log1p(-false_alarm_rate) / cells
    argument = max(-(q ** (1.0 / k)) / k, -1.0 / np.e)
    level = -k * float(lambertw(argument, k=-1).real)
    return float(-np.expm1(-level / degrees))


def _fitted(x: NDArray[np.float64], orders: NDArray[np.float64]) -> tuple[float, float]:
    """Most likely k among `orders`, and C: samples of density C |h'| exp(-C h), h = x^k e^-x."""
    k = orders[:, None]
    h = x**k * np.exp(-x)
    cells = 1.0 / h.mean(axis=1)
    likelihood = np.log(cells) + np.mean(np.log(h) + np.log(np.maximum(1.0 - k / x, 1e-3)), axis=1)
    best = int(np.argmax(likelihood))
    return float(orders[best]), float(cells[best])
