# SPDX-License-Identifier: GPL-3.0-or-later
"""Bistatic range, its gradient, and where rays, cones, lines and planes meet an ellipsoid of
constant range."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "bistatic_ellipse",
    "bistatic_gradient",
    "bistatic_range",
    "cone_in_plane",
    "ellipsoid_on_line",
    "range_along_ray",
]


def bistatic_range(
    transmitter: ArrayLike, receiver: ArrayLike, target: ArrayLike
) -> NDArray[np.float64]:
    """Excess of transmitter-target-receiver over the direct way [m], (...).

    Formed without subtracting large numbers: at LEO distances |T-X| - |T-R| would lose digits.

    Parameters
    ----------
    transmitter, receiver, target
        (..., 3) positions [m].

    Examples
    --------
    The way over the target, 5 m and 3 m, is 4 m longer than the direct one of 4 m.

    >>> from gnuradio.dislac.geometry import bistatic_range
    >>> float(bistatic_range(transmitter=[0, 0, 4], receiver=[0, 0, 0], target=[3, 0, 0]))
    4.0
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

    Parameters
    ----------
    transmitter, receiver
        (..., 3) foci [m].
    direction
        (..., 3) unit vector from the receiver.
    excess
        (...) bistatic range less the direct distance [m].

    References
    ----------
    Bistatic localization paper, (29) to (31), in closed form.

    Examples
    --------
    The target in the example of `bistatic_range`, seen to the east, is 3 m away.

    >>> from gnuradio.dislac.geometry import range_along_ray
    >>> float(range_along_ray([0, 0, 4], [0, 0, 0], direction=[1, 0, 0], excess=4.0))
    3.0
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

    Parameters
    ----------
    transmitter, receiver
        (3,) foci [m].
    excess
        bistatic range less the direct distance [m].
    height
        z coordinate of the outline [m].
    points
        of the outline.

    Returns
    -------
    NDArray[np.float64]
        (points, 3) [m]; NaN where the ellipsoid does not reach the height, or does not exist
        (excess <= 0).

    Examples
    --------
    Below a transmitter straight above the receiver, the ellipse is a circle.

    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import bistatic_ellipse
    >>> outline = bistatic_ellipse([0, 0, 4], [0, 0, 0], excess=4.0, height=0.0, points=5)
    >>> np.round(np.hypot(outline[:, 0], outline[:, 1]), 9).tolist()
    [3.0, 3.0, 3.0, 3.0, 3.0]
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


def ellipsoid_on_line(
    transmitter: ArrayLike, receiver: ArrayLike, excess: float, point: ArrayLike, along: ArrayLike
) -> NDArray[np.float64]:
    """The places (n, 3) where a line meets the bistatic ellipsoid: two, or none.

    With the receiver at zero and e, D, d and b = d / D as in `bistatic_ellipse`, the ellipsoid is
    |x| = a + b.x with a = e (D + |d|) / (2 D). On the line x = q + y v, with q its point nearest
    to the receiver, the square of that is a quadratic equation in y. It has no further roots: a
    negative a + b.x would need |x| < |b.x|.

    Parameters
    ----------
    transmitter, receiver
        (3,) foci [m].
    excess
        bistatic range less the direct distance [m]; not positive: there is no ellipsoid.
    point
        (3,) of the line [m].
    along
        (3,) unit vector along it.
    """
    if not excess > 0.0:
        return np.empty((0, 3))
    r, v = np.asarray(receiver, dtype=float), np.asarray(along, dtype=float)
    d = np.asarray(transmitter, dtype=float) - r
    q = np.asarray(point, dtype=float) - r
    q = q - (q @ v) * v
    baseline = float(np.linalg.norm(d))
    total = baseline + excess
    b = d / total
    slope = b @ v
    level = excess * (total + baseline) / (2 * total) + b @ q
    # squeeze y^2 - 2 slope level y + |q|^2 - level^2 = 0
    squeeze = 1.0 - slope**2
    inside = (slope * level) ** 2 - squeeze * (q @ q - level**2)
    if not (inside >= 0.0 and squeeze > 0.0):
        return np.empty((0, 3))
    larger = slope * level + np.copysign(np.sqrt(inside), slope * level)
    smaller = (q @ q - level**2) / larger if larger != 0.0 else 0.0
    return np.asarray(r + q + np.outer([smaller, larger / squeeze], v))


def cone_in_plane(
    transmitter: ArrayLike,
    receiver: ArrayLike,
    excess: float,
    axis: ArrayLike,
    cosine: float,
    normal: ArrayLike,
    offset: float,
) -> NDArray[np.float64]:
    """The places (n, 3) in a plane that share a bistatic range and an angle off an axis: two, or
    none.

    A ray u meets the ellipsoid at s = k / (D - d.u), k = e (D + |d|) / 2 (see `range_along_ray`),
    and the plane, at a distance h from the receiver, where s n.u = h. Both hold where
    (k n + h d).u = h D: linear in u, which leads around the cone with the angle t as
    u = c a + sqrt(1 - c^2) (cos t e_1 + sin t e_2).

    Parameters
    ----------
    transmitter, receiver
        (3,) foci [m].
    excess
        bistatic range less the direct distance [m]; not positive: there is no ellipsoid.
    axis
        (3,) unit vector a, of the cone whose apex is the receiver.
    cosine
        c, of the angle between axis and rays, in [-1, 1].
    normal
        (3,) unit vector n of the plane.
    offset
        n.x of its points x [m].
    """
    if not excess > 0.0:
        return np.empty((0, 3))
    r, a, n = (np.asarray(v, dtype=float) for v in (receiver, axis, normal))
    d = np.asarray(transmitter, dtype=float) - r
    height = offset - n @ r
    baseline = float(np.linalg.norm(d))
    total = baseline + excess
    weights = excess * (total + baseline) / 2 * n + height * d
    across = np.linalg.svd(a[None])[2][1:]
    radius = np.sqrt(max(0.0, 1.0 - cosine**2))
    first, second = radius * (across @ weights)
    level = height * total - cosine * (weights @ a)
    size = np.hypot(first, second)
    if not abs(level) <= size or size == 0.0:
        return np.empty((0, 3))
    turn = np.arctan2(second, first) + np.arccos(level / size) * np.array([1.0, -1.0])
    u = cosine * a + radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1) @ across
    return np.asarray(r + range_along_ray(transmitter, receiver, u, excess)[:, None] * u)


def bistatic_gradient(
    transmitter: ArrayLike, receiver: ArrayLike, target: ArrayLike
) -> NDArray[np.float64]:
    """Gradient (..., 3) of `bistatic_range` with respect to the target's position.

    The sum of the unit vectors that lead from the transmitter and from the receiver to the
    target. At either of them the vector that has no direction counts as zero.

    Parameters
    ----------
    transmitter, receiver, target
        (..., 3) positions [m].

    Examples
    --------
    A step to the east makes both ways longer, by 3/5 and by 1 of its length.

    >>> import numpy as np
    >>> from gnuradio.dislac.geometry import bistatic_gradient
    >>> np.round(bistatic_gradient([0, 0, 4], [0, 0, 0], [3, 0, 0]), 9).tolist()
    [1.6, 0.0, -0.8]
    """
    t, r, x = (np.asarray(p, dtype=float) for p in (transmitter, receiver, target))
    return _unit(x - t) + _unit(x - r)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (..., 3) of vectors (..., 3); zero stays zero."""
    norm = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.where(norm > 0, norm, 1.0))
