# SPDX-License-Identifier: GPL-3.0-or-later
"""Covariance of those parameters that an information matrix determines."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["estimable_covariance"]

Floats = NDArray[np.float64]

RANK_TOLERANCE = 1e-11
"""Eigenvalues of a Fisher information of unit diagonal that count as zero."""

LEAK_TOLERANCE = 1e-6
"""Part of a unit parameter's square that may lie in the empty directions by rounding alone."""


def estimable_covariance(information: Floats) -> Floats:
    """Inverse (n, n) of a Fisher information that may be singular.

    On the range of the information its pseudo-inverse is the bound. A parameter outside that
    range can move without an effect on the frame, the others making up for it: its variance is
    infinite and its covariances are zero. Parameters are scaled to unit information first, so
    that metres and nanoseconds weigh the same (`RANK_TOLERANCE`, `LEAK_TOLERANCE`).
    """
    scale = np.sqrt(np.maximum(np.diag(information), 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    value, vector = np.linalg.eigh(information / np.outer(scale, scale))
    full = value > RANK_TOLERANCE
    lost = np.sum(vector[:, ~full] ** 2, axis=1) > LEAK_TOLERANCE
    basis = vector[:, full] / scale[:, None]
    covariance = (basis / value[full]) @ basis.T
    covariance[lost, :] = covariance[:, lost] = 0.0
    covariance[lost, lost] = np.inf
    return np.asarray(covariance)
