# SPDX-License-Identifier: GPL-3.0-or-later
"""Phase-continuous rotation: exact phases at the blocks' borders, straight lines between."""

import numpy as np
from numpy.typing import NDArray

from .stream import BLOCK, Samples, aligned_empty

__all__ = ["rotation"]

FINE = 16
COARSE = BLOCK // FINE


def _cis(cycles: NDArray[np.float64]) -> Samples:
    """exp(j 2 pi cycles), reduced in double precision before it is made in single."""
    angle = (2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)
    out = aligned_empty(angle.shape)
    np.cos(angle, out=out.real)
    np.sin(angle, out=out.imag)
    return out


def rotation(start: NDArray[np.float64], end: NDArray[np.float64], out: Samples) -> Samples:
    """Rotation exp(j phase) of each sample of blocks whose phase runs straight.

    Where one block's end is the next one's start the phase is continuous. At a Doppler rate of a
    [Hz/s] the chord departs from the true phase by at most a (BLOCK / fs)^2 / 8 cycles.

    Parameters
    ----------
    start, end
        (..., blocks) phase at the first sample of each block and at the one after its last
        [cycles], not wrapped.
    out
        (..., blocks, BLOCK) where to write it.
    """
    step = ((end - start) / BLOCK)[..., None]
    cycles = np.empty((*start.shape, COARSE + FINE))
    cycles[..., :COARSE] = start[..., None] + step * (FINE * np.arange(COARSE))
    cycles[..., COARSE:] = step * np.arange(FINE)
    turns = _cis(cycles)
    coarse, fine = turns[..., :COARSE, None], turns[..., None, COARSE:]
    np.multiply(coarse, fine, out=out.reshape(*start.shape, COARSE, FINE))
    return out
