# SPDX-License-Identifier: GPL-3.0-or-later
"""Hybrid beams: one phase-shifter column per RF chain, changing from symbol to symbol."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["phase_shifter_beams"]


def phase_shifter_beams(
    symbols: int, elements: int, chains: int, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Random beams (symbols, elements, chains): unit-modulus phases, unit-norm columns.

    Parameters
    ----------
    symbols, elements, chains
        numbers of symbols, of elements of the array and of RF chains.
    rng
        phases are drawn from it.

    References
    ----------
    Bistatic localization paper, section II-B (F_m and W_m of (7)).

    Examples
    --------
    Each of 16 elements passes on a sixteenth of a chain's power.

    >>> import numpy as np
    >>> from gnuradio.dislac.arrays import phase_shifter_beams
    >>> beams = phase_shifter_beams(8, elements=16, chains=2, rng=np.random.default_rng(1))
    >>> beams.shape, np.allclose(np.abs(beams) ** 2, 1 / 16)
    ((8, 16, 2), True)
    """
    phase = rng.uniform(0.0, 2 * np.pi, (symbols, elements, chains))
    return np.asarray(np.exp(1j * phase) / np.sqrt(elements))
