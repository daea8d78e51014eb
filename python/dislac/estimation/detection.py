# SPDX-License-Identifier: GPL-3.0-or-later
"""Detection at a set false-alarm rate, whatever the noise power.

The statistic T is the share of a frame's energy that lies along one signature, the largest over
all that an estimator looks at. Along one fixed signature noise alone gives P(T > t) = (1 - t)^(N-1)
for N elements, so x = -(N-1) log(1 - T) is exponential, and the noise power has cancelled. The
maximum over a smooth family with d free parameters exceeds x at about C x^(d/2) e^-x places
(expected number of peaks of a Gaussian field: Rice's formula in d dimensions), hence

    P(max > x) = 1 - exp(-C x^(d/2) e^-x).

C alone depends on beams, windows and numerology. It is fitted (maximum likelihood) to noise-only
frames run through the very estimator it is for.
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
    parameters: int,
    false_alarm_rate: float,
) -> float:
    """Value that the statistic of noise alone exceeds with probability `false_alarm_rate`.

    Args:
        statistic: from a frame (Ms, Nsc, Nrf) to the share of its energy that is explained.
        shape: (Ms, Nsc, Nrf).
        parameters: number d of continuous parameters the statistic is maximised over.
        false_alarm_rate: in (0, 0.5].

    Raises:
        EstimatorError: false-alarm rate out of range.
    """
    if not 0.0 < false_alarm_rate <= 0.5:
        raise EstimatorError(f"false_alarm_rate is {false_alarm_rate}; give one in (0, 0.5]")
    degrees = float(np.prod(shape)) - 1.0
    order = parameters / 2.0
    rng = np.random.default_rng(0)
    noise = (
        rng.standard_normal((*shape, 2)).view(complex)[..., 0] for _ in range(CALIBRATION_FRAMES)
    )
    x = -degrees * np.log1p(-np.array([statistic(frame) for frame in noise]))
    cells = 1.0 / np.mean(x**order * np.exp(-x))
    # cells x^order e^-x = q in closed form; it has no root only where its peak is below q.
    q = -np.log1p(-false_alarm_rate) / cells
    argument = max(-(q ** (1.0 / order)) / order, -1.0 / np.e)
    level = -order * float(lambertw(argument, k=-1).real)
    return float(-np.expm1(-level / degrees))
