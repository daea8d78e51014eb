# SPDX-License-Identifier: GPL-3.0-or-later
"""Phase-continuous rotation: exact phases at the hops' borders, straight lines between."""

import numpy as np
from numpy.typing import NDArray

from .stream import HOP, Samples, aligned_empty

__all__ = ["rotation"]

FINE = 16
COARSE = HOP // FINE


def _cis(cycles: NDArray[np.float64]) -> Samples:
    """exp(j 2 pi cycles), reduced in double precision before it is made in single."""
    angle = (2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)
    out = aligned_empty(angle.shape)
    np.cos(angle, out=out.real)
    np.sin(angle, out=out.imag)
    return out


def rotation(start: NDArray[np.float64], end: NDArray[np.float64], out: Samples) -> Samples:
    """Rotation exp(j phase) of each sample of hops whose phase runs straight.

    Where one hop's end is the next one's start the phase is continuous. At a Doppler rate of a
    [Hz/s] the chord departs from the true phase by at most a (HOP / fs)^2 / 8 cycles.

    Args:
        start, end: (..., hops) phase at the first sample of each hop and at the one after its
            last [cycles], not wrapped.
        out: (..., hops, HOP) where to write it.
    """
    step = ((end - start) / HOP)[..., None]
    cycles = np.empty((*start.shape, COARSE + FINE))
    cycles[..., :COARSE] = start[..., None] + step * (FINE * np.arange(COARSE))
    cycles[..., COARSE:] = step * np.arange(FINE)
    turns = _cis(cycles)
    coarse, fine = turns[..., :COARSE, None], turns[..., None, COARSE:]
    np.multiply(coarse, fine, out=out.reshape(*start.shape, COARSE, FINE))
    return out
