# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a ray from the receiver meets the ellipsoid of one bistatic range."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bistatic_range", "range_along_ray"]


def bistatic_range(
    transmitter: ArrayLike, receiver: ArrayLike, target: ArrayLike
) -> NDArray[np.float64]:
    """Excess of transmitter-target-receiver over the direct way [m], (...).

    Formed without subtracting large numbers: at LEO distances |T-X| - |T-R| would lose digits.

    Args:
        transmitter, receiver, target: (..., 3) positions [m].
    """
    t, r, x = (np.asarray(p, dtype=float) for p in (transmitter, receiver, target))
    a, b = t - x, t - r
    # |a|^2 - |b|^2 = (a - b).(a + b), with a - b = r - x
    difference = np.einsum("...i,...i", r - x, a + b)
    difference = difference / (np.linalg.norm(a, axis=-1) + np.linalg.norm(b, axis=-1))
    return np.asarray(difference + np.linalg.norm(x - r, axis=-1))


def range_along_ray(
    transmitter: ArrayLike, receiver: ArrayLike, direction: ArrayLike, excess: ArrayLike
) -> NDArray[np.float64]:
    """Distance s from the receiver at which a ray meets the bistatic ellipsoid [m], (...).

    With d = transmitter - receiver, e the excess range and D = |d| + e, the positive root of
    |d - s u| + s = D is s = e (D + |d|) / (2 (D - d.u)). It is zero for e <= 0: the receiver
    itself, where there is no ellipsoid to meet.

    Args:
        transmitter, receiver: (..., 3) foci [m].
        direction: (..., 3) unit vector from the receiver.
        excess: (...) bistatic range less the direct distance [m].

    Source: bistatic localization paper, (29) to (31), in closed form.
    """
    d = np.asarray(transmitter, dtype=float) - np.asarray(receiver, dtype=float)
    u = np.asarray(direction, dtype=float)
    e = np.maximum(np.asarray(excess, dtype=float), 0.0)
    baseline = np.linalg.norm(d, axis=-1)
    # e + baseline - d.u is formed with the small numbers first; it vanishes only when e = 0
    # and the ray points at the transmitter.
    slack = e + (baseline - np.einsum("...i,...i", d, u))
    return np.where(e > 0, e * (e + 2 * baseline) / (2 * np.where(e > 0, slack, 1.0)), 0.0)
