# SPDX-License-Identifier: GPL-3.0-or-later
"""Outline of a covariance on a map."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["confidence_ellipse"]


def confidence_ellipse(
    covariance: ArrayLike, probability: float = 0.95, points: int = 33
) -> NDArray[np.float64]:
    """Outline (points, 2) about zero that holds a plane normal distribution with a probability.

    Counterclockwise; the last point is the first one again. NaN where the covariance is not
    finite.

    Parameters
    ----------
    covariance
        (2, 2) [m^2].
    probability
        in [0, 1).
    points
        of the outline.

    Examples
    --------
    With equal variances a circle, of the radius sqrt(-2 ln(1 - probability)) standard deviations.

    >>> import numpy as np
    >>> from gnuradio.dislac.positioning import confidence_ellipse
    >>> outline = confidence_ellipse(np.eye(2), probability=0.95, points=5)
    >>> np.round(np.hypot(outline[:, 0], outline[:, 1]), 3).tolist()
    [2.448, 2.448, 2.448, 2.448, 2.448]
    """
    spread = np.asarray(covariance, dtype=float)
    if not np.all(np.isfinite(spread)):
        return np.full((points, 2), np.nan)
    values, vectors = np.linalg.eigh(spread)
    axes = vectors * np.sqrt(np.maximum(values, 0.0) * -2.0 * np.log1p(-probability))
    axes[:, 1] *= np.sign(np.linalg.det(vectors))
    turn = np.linspace(0.0, 2 * np.pi, points)
    outline = (axes @ [np.cos(turn), np.sin(turn)]).T
    outline[-1] = outline[0]
    return np.asarray(outline)
