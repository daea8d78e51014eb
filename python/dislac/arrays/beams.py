# SPDX-License-Identifier: GPL-3.0-or-later
"""Hybrid beams: one phase-shifter column per RF chain, changing from symbol to symbol."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["phase_shifter_beams"]


def phase_shifter_beams(
    symbols: int, elements: int, chains: int, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Random beams (symbols, elements, chains): unit-modulus phases, unit-norm columns.

    References
    ----------
    Bistatic localization paper, section II-B (F_m and W_m of (7)).
    """
    phase = rng.uniform(0.0, 2 * np.pi, (symbols, elements, chains))
    return np.asarray(np.exp(1j * phase) / np.sqrt(elements))
