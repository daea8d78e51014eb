# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the local east-north-up frame and the Earth."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["geodetic_from_enu"]


def geodetic_from_enu(position: ArrayLike, origin: ArrayLike) -> NDArray[np.float64]:
    """WGS-84 latitude [deg], longitude [deg] and height [m], (..., 3), for maps and exports.

    Args:
        position: (..., 3) in the east-north-up frame at `origin` [m].
        origin: (3,) latitude [deg], longitude [deg] and height [m] of the frame's origin.

    Raises:
        ImportError: pymap3d is not installed.
    """
    from pymap3d import enu2geodetic

    enu = np.asarray(position, dtype=float)
    latitude, longitude, height = np.asarray(origin, dtype=float)
    return np.stack(
        enu2geodetic(enu[..., 0], enu[..., 1], enu[..., 2], latitude, longitude, height), axis=-1
    )
