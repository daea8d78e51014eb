# SPDX-License-Identifier: GPL-3.0-or-later
"""Phase-continuous rotation: exact phases at the hops' borders, straight lines between."""

import numpy as np
from numpy.typing import NDArray

from .stream import HOP, Samples, aligned_empty

__all__ = ["HopPhasors", "hop_phasors", "rotation"]

FINE = 16
COARSE = HOP // FINE

HopPhasors = tuple[Samples, Samples]


def _cis(cycles: NDArray[np.float64]) -> Samples:
    """exp(j 2 pi cycles), reduced in double precision before it is made in single."""
    angle = (2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)
    out = aligned_empty(angle.shape)
    np.cos(angle, out=out.real)
    np.sin(angle, out=out.imag)
    return out


def hop_phasors(start: NDArray[np.float64], end: NDArray[np.float64]) -> HopPhasors:
    """Coarse and fine phasors of hops whose phase runs straight from `start` to `end`.

    Where one hop's end is the next one's start the phase is continuous. At a Doppler rate of a
    [Hz/s] the chord departs from the true phase by at most a (HOP / fs)^2 / 8 cycles; the fine
    steps have the mean slope of their chunk, which adds at most a CHUNK FINE / (2 fs^2).

    Args:
        start, end: (..., HOPS) phase of the hops of a chunk at their first sample and at the one
            after their last [cycles], not wrapped.

    Returns:
        coarse (..., HOPS, COARSE, 1) and fine (..., 1, 1, FINE), whose product is the rotation.
    """
    step = (end - start) / HOP
    coarse = _cis(start[..., None] + step[..., None] * (FINE * np.arange(COARSE)))
    fine = _cis(step.mean(axis=-1)[..., None] * np.arange(FINE))
    return coarse[..., None], fine[..., None, None, :]


def rotation(coarse: Samples, fine: Samples, out: Samples) -> Samples:
    """Rotation exp(j phase) of each sample, written to `out` (..., hops, HOP)."""
    np.multiply(coarse, fine, out=out.reshape(*coarse.shape[:-1], FINE))
    return out
