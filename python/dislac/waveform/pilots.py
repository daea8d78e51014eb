# SPDX-License-Identifier: GPL-3.0-or-later
"""Pilots that are orthogonal across users and leave no impulse train."""

from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

__all__ = ["PILOT_KINDS", "Pilots", "code", "code_count", "make_pilots"]

PILOT_KINDS = ("zadoff-chu", "walsh-hadamard", "random-phase")


@dataclass(frozen=True)
class Pilots:
    """The pilots of one user, s[m, n, i] = scrambling[m, n] * chains[m, i], all unit modulus.

    Args:
        chains: (Ms, Nrf) pilot of each chain, the same on every subcarrier.
        scrambling: (Ms, Nsc) the user's spreading code times the scrambling that all users share.
    """

    chains: NDArray[np.complex128]
    scrambling: NDArray[np.complex128]

    def grid(self) -> NDArray[np.complex64]:
        """(Nrf, Ms, Nsc) resource grid of each transmit chain."""
        grid = self.chains.T[:, :, None] * self.scrambling
        return grid.astype(np.complex64)

    def descramble(self, grid: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Frame (Ms, Nsc, Nrf) of received grids (Nrf, Ms, Nsc), scrambling taken off."""
        return np.moveaxis(grid * self.scrambling.conj().astype(np.complex64), 0, -1)


def code_count(kind: str, length: int) -> int:
    """How many orthogonal codes of this kind and length there are."""
    # Walsh-Hadamard codes repeat the largest matrix of Sylvester's kind whose order divides.
    return length & -length if kind == "walsh-hadamard" else length


def code(kind: str, length: int, index: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Code `index` of a family of unit-modulus codes (length,) that are mutually orthogonal.

    ``zadoff-chu``: cyclic shifts of one Zadoff-Chu sequence. ``walsh-hadamard``: rows of a
    Hadamard matrix, repeated to the length. ``random-phase``: one sequence of random phases
    (drawn from `rng`) on the rows of a DFT matrix.
    """
    n = np.arange(length)
    if kind == "zadoff-chu":
        # any root that shares no factor with the length has a perfect autocorrelation
        root = next(r for r in range(length // 2 + 1, 0, -1) if gcd(r, length) == 1)
        sequence = np.exp(-1j * np.pi * ((root * n * (n + length % 2)) % (2 * length)) / length)
        return np.roll(sequence, index)
    if kind == "walsh-hadamard":
        order = code_count(kind, length)
        return np.tile(hadamard(order)[index].astype(complex), length // order)
    if kind == "random-phase":
        phase = rng.uniform(0.0, 1.0, length) + (index * n % length) / length
        return np.asarray(np.exp(2j * np.pi * phase))
    raise ValueError(f"unknown pilot kind {kind!r}; use one of {', '.join(PILOT_KINDS)}")


def make_pilots(
    kind: str, symbols: int, subcarriers: int, chains: int, *, user: int = 0, seed: int = 0
) -> Pilots:
    """Pilots of one user.

    Users with the same other arguments are orthogonal over the time-frequency grid:
    sum over m, n of s_k^H s_j = 0 for k != j. The shared scrambling of random quarter turns
    keeps a constant code from becoming an impulse train.

    Args:
        kind: one of `PILOT_KINDS`.
        symbols, subcarriers, chains: Ms, Nsc, Nrf.
        user: which user's.
        seed: of the scrambling (and of the random phases).

    Raises:
        ValueError: unknown kind, or more users than there are codes.

    Source: bistatic localization paper, section II-B.
    """
    length = symbols * subcarriers
    if not 0 <= user < code_count(kind, length):
        raise ValueError(
            f"user {user} has no {kind} code: {symbols} x {subcarriers} elements allow "
            f"{code_count(kind, length)} users, numbered from 0"
        )
    shared, phases = (np.random.default_rng((seed, stream)) for stream in (0, 1))
    scrambling = 1j ** shared.integers(0, 4, length) * code(kind, length, user, phases)
    count = code_count(kind, symbols)
    of_chain = [code(kind, symbols, i % count, np.random.default_rng(seed)) for i in range(chains)]
    return Pilots(
        chains=np.stack(of_chain, axis=1), scrambling=scrambling.reshape(symbols, subcarriers)
    )
