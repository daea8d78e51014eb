# SPDX-License-Identifier: GPL-3.0-or-later
"""Complex noise in arrays."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["complex_normal"]


def complex_normal(
    shape: tuple[int, ...], rng: np.random.Generator, power: float = 1.0
) -> NDArray[np.complex128]:
    """Draw circularly symmetric complex normal numbers.

    Parameters
    ----------
    shape
        Of the array.
    rng
        Generator that they are drawn from.
    power
        Their variance.
    """
    noise = rng.standard_normal((*shape, 2)) @ np.array([1, 1j]) * np.sqrt(power / 2)
    return np.asarray(noise)
