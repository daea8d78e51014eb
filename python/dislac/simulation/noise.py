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

    Returns
    -------
    NDArray[np.complex128]
        Of that shape, with independent real and imaginary parts of half the power each.

    Examples
    --------
    The mean power of many; independent parts of equal power make the mean square zero.

    >>> import numpy as np
    >>> from gnuradio.dislac.simulation import complex_normal
    >>> noise = complex_normal((100, 1000), np.random.default_rng(1), power=4.0)
    >>> f"{np.mean(np.abs(noise) ** 2):.1f}, {abs(np.mean(noise ** 2)):.1f}"
    '4.0, 0.0'
    """
    noise = rng.standard_normal((*shape, 2)) @ np.array([1, 1j]) * np.sqrt(power / 2)
    return np.asarray(noise)
