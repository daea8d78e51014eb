# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadowed-Rician fading: a Nakagami-m line of sight and Rayleigh scattering."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockFading", "FadingError", "ShadowedRician"]

Complexes = NDArray[np.complex128]
Draw = Callable[[np.random.Generator, int], Complexes]


class FadingError(ValueError):
    """Parameters that no fading distribution has."""


@dataclass(frozen=True)
class ShadowedRician:
    """g = Z exp(j xi) + A exp(j zeta), of unit mean power where the two powers add to one.

    Parameters
    ----------
    shadowing
        m of the Nakagami-m amplitude Z, 0.5 at least; large for a clear sight.
    line_of_sight_power
        Omega = E Z^2.
    scattered_power
        2 b0 = E A^2.

    Raises
    ------
    FadingError
        a parameter is out of range.

    References
    ----------
    Bistatic localization paper, (4); the defaults are its light shadowing.
    """

    shadowing: float = 19.4
    line_of_sight_power: float = 0.803
    scattered_power: float = 0.197

    def __post_init__(self) -> None:
        if not 0.5 <= self.shadowing < np.inf:
            raise FadingError(f"shadowing m is {self.shadowing}; it must be 0.5 or more")
        for name in ("line_of_sight_power", "scattered_power"):
            if not 0 <= getattr(self, name) < np.inf:
                raise FadingError(f"{name} is {getattr(self, name)}; it must not be negative")

    def line_of_sight(self, rng: np.random.Generator, size: int, phase: float = 0.0) -> Complexes:
        """Line-of-sight part (size,): Nakagami-m amplitude, constant phase [rad]."""
        power = rng.gamma(self.shadowing, self.line_of_sight_power / self.shadowing, size)
        return np.asarray(np.sqrt(power) * np.exp(1j * phase))

    def scattered(self, rng: np.random.Generator, size: int) -> Complexes:
        """Scattered part (size,): Rayleigh amplitude, uniform phase."""
        parts = rng.standard_normal((size, 2)) * np.sqrt(self.scattered_power / 2)
        return parts[:, 0] + 1j * parts[:, 1]

    def sample(self, rng: np.random.Generator, size: int, phase: float = 0.0) -> Complexes:
        """Both parts together (size,)."""
        return self.line_of_sight(rng, size, phase) + self.scattered(rng, size)


_FRAMES = 256
"""Frames whose gains are drawn together."""


@dataclass(frozen=True)
class BlockFading:
    """Gains that stay for a frame and are drawn again for the next, as a function of its number.

    The gain of a frame depends on the seed and the frame's number alone, whatever was asked
    before. Usable as the gain of a `ChannelPath`.

    Parameters
    ----------
    draw
        returns that many unit gains from a generator, such as `ShadowedRician.scattered`.
    seed
        not negative; different for paths that fade independently.
    amplitude
        complex factor on all gains.
    """

    draw: Draw
    seed: int
    amplitude: complex = 1.0
    _block: Callable[[int], Complexes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise FadingError(f"the seed is {self.seed}; it must not be negative")

        @lru_cache(maxsize=4)
        def block(number: int) -> Complexes:
            rng = np.random.default_rng((self.seed, number))
            return self.amplitude * self.draw(rng, _FRAMES)

        object.__setattr__(self, "_block", block)

    def __call__(self, frame: NDArray[np.int64]) -> Complexes:
        """Gains of the shape of `frame`, the frames' numbers, not negative."""
        frame = np.asarray(frame)
        numbers, which = np.unique(frame // _FRAMES, return_inverse=True)
        gains = np.stack([self._block(int(n)) for n in numbers])
        return np.asarray(gains[which.reshape(frame.shape), frame % _FRAMES])
