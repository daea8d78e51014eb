# SPDX-License-Identifier: GPL-3.0-or-later
"""Bistatic range, its gradient, and where rays and planes meet an ellipsoid of constant range."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bistatic_ellipse", "bistatic_gradient", "bistatic_range", "range_along_ray"]


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
    total = np.linalg.norm(a, axis=-1) + np.linalg.norm(b, axis=-1)
    difference = difference / np.where(total > 0, total, 1.0)
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
    e = np.asarray(excess, dtype=float)
    baseline = np.linalg.norm(d, axis=-1)
    # D - d.u = e + |d| |d/|d| - u|^2 / 2: neither term is negative, and nothing cancels when the
    # ray points nearly at the transmitter.
    off = d / np.where(baseline > 0, baseline, 1.0)[..., None] - u
    slack = e + baseline * np.einsum("...i,...i", off, off) / 2
    # e / slack <= 1 first, so that no finite excess overflows; not a number stays so.
    s = e / np.where(e > 0, slack, 1.0) * (e / 2 + baseline)
    return np.where(e <= 0, 0.0, s)


def bistatic_ellipse(
    transmitter: ArrayLike, receiver: ArrayLike, excess: float, height: float, points: int = 181
) -> NDArray[np.float64]:
    """Outline (points, 3) of all places at one height that share a bistatic range [m].

    With the receiver at zero, d = transmitter - receiver, e the excess range, D = |d| + e and
    b = d / D, the ellipsoid |x - d| + |x| = D is |x| = e (D + |d|) / (2 D) + b.x. At a height it
    is an ellipse whose axes lie along and across the horizontal part of b. The last point is the
    first one again.

    Args:
        transmitter, receiver: (3,) foci [m].
        excess: bistatic range less the direct distance [m].
        height: z coordinate of the outline [m].
        points: of the outline.

    Returns:
        NaN where the ellipsoid does not reach the height, or does not exist (excess <= 0).
    """
    r = np.asarray(receiver, dtype=float)
    d = np.asarray(transmitter, dtype=float) - r
    baseline = float(np.linalg.norm(d))
    total = baseline + excess
    if excess <= 0.0:
        return np.full((points, 3), np.nan)
    b = d / total
    z = height - float(r[2])
    # 1 - |b_xy|^2 without subtracting what may be nearly equal
    squeeze = (excess * (total + baseline) + d[2] ** 2) / total**2
    offset = excess * (total + baseline) / (2 * total) + b[2] * z
    across = offset**2 / squeeze - z**2
    if across < 0.0:
        return np.full((points, 3), np.nan)
    horizontal = float(np.hypot(b[0], b[1]))
    along = b[:2] / horizontal if horizontal > 0 else np.array([1.0, 0.0])
    axes = np.sqrt(across) * np.array([along / np.sqrt(squeeze), [-along[1], along[0]]])
    turn = np.linspace(0.0, 2 * np.pi, points)
    outline = np.full((points, 3), height, dtype=float)
    outline[:, :2] = r[:2] + offset / squeeze * b[:2]
    outline[:, :2] += np.stack([np.cos(turn), np.sin(turn)], axis=-1) @ axes
    outline[-1] = outline[0]
    return outline


def bistatic_gradient(
    transmitter: ArrayLike, receiver: ArrayLike, target: ArrayLike
) -> NDArray[np.float64]:
    """Gradient (..., 3) of `bistatic_range` with respect to the target's position.

    The sum of the unit vectors that lead from the transmitter and from the receiver to the
    target. At either of them the vector that has no direction counts as zero.

    Args:
        transmitter, receiver, target: (..., 3) positions [m].
    """
    t, r, x = (np.asarray(p, dtype=float) for p in (transmitter, receiver, target))
    return _unit(x - t) + _unit(x - r)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (..., 3) of vectors (..., 3); zero stays zero."""
    norm = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.where(norm > 0, norm, 1.0))
