# SPDX-License-Identifier: GPL-3.0-or-later
"""Fisher information of pilot frames, and the Cramer-Rao bounds that follow from it."""

from .paths import (
    PATH_PARAMETERS,
    fisher_information,
    path_covariance,
)
from .position import (
    PositionBound,
    measurement_gradients,
    measurement_jacobian,
    position_bound,
)

__all__ = [
    "PATH_PARAMETERS",
    "PositionBound",
    "fisher_information",
    "measurement_gradients",
    "measurement_jacobian",
    "path_covariance",
    "position_bound",
]
