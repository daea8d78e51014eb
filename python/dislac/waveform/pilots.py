# SPDX-License-Identifier: GPL-3.0-or-later
"""Pilots: the paper's codes, orthogonal across users, and NR positioning reference signals."""

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from .prs import PRB, PrsResourceSet, grid_place

__all__ = ["PILOT_KINDS", "Pilots", "code", "code_count", "make_pilots", "prs_pilots"]

PILOT_KINDS = ("zadoff-chu", "walsh-hadamard", "random-phase")


@dataclass(frozen=True, eq=False)
class Pilots:
    """Pilots that the transmit chains send on elements of a frame's grid.

    Pilots come in R rows. A row is a comb of Nq subcarriers in one symbol, on which chain i sends
    s[q, i] = scrambling[q] * chains[i]. Where all elements hold pilots, rows are symbols; of
    several PRS resources each has rows of its own. Elements outside all rows are empty, and are
    nowhere to be seen any more once the scrambling has been taken off.

    Parameters
    ----------
    chains
        (R, Nrf) pilot of each chain, the same on all elements of a row.
    scrambling
        (F, R, Nq) what makes rows no impulse trains, unit modulus; F different frames follow each
        other for ever.
    symbols
        (R,) in which symbol of the frame a row is.
    first
        (R,) its first subcarrier.
    comb
        distance of its subcarriers.
    grid_shape
        (Ms, Nsc).
    sent
        (P,) whether there are any pilots in frame 0, 1, ..., for ever.
    interleaved
        False if another user's signal would be an echo with another delay and Doppler shift.
    """

    chains: NDArray[np.complex128]
    scrambling: NDArray[np.complex128]
    symbols: NDArray[np.int64]
    first: NDArray[np.int64]
    comb: int
    grid_shape: tuple[int, int]
    sent: NDArray[np.bool_]
    interleaved: bool = True

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Shape of a frame with the scrambling taken off: (R, Nq, Nrf)."""
        _, rows, subcarriers = self.scrambling.shape
        return rows, subcarriers, self.chains.shape[1]

    @property
    def subcarriers(self) -> NDArray[np.int64]:
        """(R, Nq) subcarrier of each element."""
        return self.first[:, None] + self.comb * np.arange(self.scrambling.shape[2])

    @property
    def occupancy(self) -> float:
        """Subcarriers with pilots in a symbol that has any, on average."""
        return self.scrambling[0].size / len(np.unique(self.symbols))

    @property
    def cycle(self) -> int:
        """After how many frames the scrambling returns."""
        return len(self.scrambling)

    def sends(self, frame: int) -> bool:
        """True if there are any pilots in a frame."""
        return bool(self.sent[frame % len(self.sent)])

    def grid(self, frame: int = 0) -> NDArray[np.complex64]:
        """(Nrf, Ms, Nsc) resource grid of each transmit chain in a frame, muted or not."""
        grid = np.zeros((self.chains.shape[1], *self.grid_shape), dtype=np.complex64)
        values = self.chains.T[:, :, None] * self.scrambling[frame % self.cycle]
        grid[:, self.symbols[:, None], self.subcarriers] = values
        return grid

    def descramble(self, grid: NDArray[Any], frame: int = 0) -> NDArray[np.complex64]:
        """Frame (R, Nq, Nrf) of received complex grids (Nrf, Ms, Nsc), scrambling taken off."""
        if self.frame_shape[:2] != self.grid_shape:
            grid = grid[:, self.symbols[:, None], self.subcarriers]
        scrambling = self.scrambling[frame % self.cycle].conj().astype(np.complex64)
        return np.moveaxis(grid * scrambling, 0, -1)


def code_count(kind: str, length: int) -> int:
    """Number of orthogonal codes of this kind and length."""
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
    kind: str,
    symbols: int,
    subcarriers: int,
    chains: int,
    *,
    user: int = 0,
    seed: int = 0,
    interleaved: bool = True,
) -> Pilots:
    """Pilots of one user.

    Users with the same other arguments are orthogonal over the time-frequency grid:
    sum over m, n of s_k^H s_j = 0 for k != j. The shared scrambling of random quarter turns
    keeps a constant code from becoming an impulse train.

    What a user's code has beyond that of user 0 is spread over the grid in a random order, the
    same for all users. In its own order it would be a phase that grows evenly over symbols and
    subcarriers, or a part of one: a receiver of user 0 could not distinguish the signal of user k
    from an echo with another delay and Doppler shift.

    Parameters
    ----------
    kind
        one of `PILOT_KINDS`.
    symbols, subcarriers, chains
        Ms, Nsc, Nrf.
    user
        which user's.
    seed
        of the scrambling (of the random phases, and of the random order).
    interleaved
        false for codes in their own order.

    Raises
    ------
    ValueError
        unknown kind, or more users than there are codes.

    References
    ----------
    Bistatic localization paper, section II-B.

    Examples
    --------
    Two users share a grid of 8 symbols by 32 subcarriers: their pilots are orthogonal.

    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import make_pilots
    >>> one, other = (make_pilots("zadoff-chu", 8, 32, chains=2, user=k) for k in range(2))
    >>> np.allclose(np.abs(one.grid()), 1), f"{abs(np.vdot(one.grid(), other.grid())):.3f}"
    (True, '0.000')
    """
    length = symbols * subcarriers
    if not 0 <= user < code_count(kind, length):
        raise ValueError(
            f"user {user} has no {kind} code: {symbols} x {subcarriers} elements allow "
            f"{code_count(kind, length)} users, numbered from 0"
        )
    shared, order = (np.random.default_rng((seed, stream)) for stream in (0, 2))
    own, first = (code(kind, length, k, np.random.default_rng((seed, 1))) for k in (user, 0))
    if interleaved and user:  # user 0's code is left as it is, to the last bit
        own = first * (own * first.conj())[order.permutation(length)]
    scrambling = 1j ** shared.integers(0, 4, length) * own
    count = code_count(kind, symbols)
    of_chain = [code(kind, symbols, i % count, np.random.default_rng(seed)) for i in range(chains)]
    return Pilots(
        chains=np.stack(of_chain, axis=1),
        scrambling=scrambling.reshape(1, symbols, subcarriers),
        symbols=np.arange(symbols),
        first=np.zeros(symbols, dtype=np.int64),
        comb=1,
        grid_shape=(symbols, subcarriers),
        sent=np.ones(1, dtype=bool),
        interleaved=interleaved,
    )


def prs_pilots(
    resource_set: PrsResourceSet, chains: int, *, grid_prbs: int, grid_start: int = 0
) -> Pilots:
    """Pilots that are NR positioning reference signals.

    A frame is an instance of the resource set: all its slots, from the one in which it begins.
    Frame 0 is the first instance after system frame 0. A single resource is sent by all chains,
    each through its own beam. Of several resources each chain sends one, which distinguishes the
    chains' beams: they must not share elements.

    Parameters
    ----------
    resource_set
        what is sent, and when.
    chains
        Nrf.
    grid_prbs
        resource blocks of the grid.
    grid_start
        its first one, counted from point A.

    Raises
    ------
    ValueError
        the set does not lie within the grid; more than one resource, but not as many as chains; or
        resources that share elements.

    References
    ----------
    TS 38.211 clause 7.4.1.7.
    """
    several = len(resource_set.resources) > 1
    if several and len(resource_set.resources) != chains:
        raise ValueError(
            f"{len(resource_set.resources)} resources for {chains} chains; give each chain one, "
            "or all chains the same single one"
        )
    place = grid_place(resource_set, grid_prbs, grid_start)
    per_slot, per_frame = resource_set.slot_symbols, resource_set.frame_slots
    cycle = per_frame // gcd(per_frame, resource_set.period)
    begin = resource_set.slot_offset + resource_set.period * np.arange(cycle)
    muting = np.array(resource_set.muting_option_2 or (1,) * resource_set.repetition)
    repetitions = resource_set.time_gap * np.flatnonzero(muting)
    symbols, first, values, chain = [], [], [], []
    for index, resource in enumerate(resource_set.resources):
        slots = resource.slot_offset + repetitions
        symbol, start = resource_set.elements(resource)
        symbols.append((per_slot * slots[:, None] + symbol).ravel())
        first.append(np.tile(start, len(slots)))
        sent = resource_set.values(resource, (begin[:, None] + slots) % per_frame)
        values.append(sent.reshape(cycle, len(symbols[-1]), -1))
        chain.append(np.full(len(symbols[-1]), index))
    rows = np.stack([np.concatenate(symbols), np.concatenate(first)])
    if len(np.unique(rows, axis=1).T) != len(rows.T):
        raise ValueError(
            "resources share elements; give them different re_offset, first_symbol or slot_offset"
        )
    order = np.lexsort(rows[::-1])
    one_hot = np.eye(chains)[np.concatenate(chain)] if several else np.ones((len(order), chains))
    instances = np.arange(resource_set.instances if resource_set.muting_option_1 else 1)
    return Pilots(
        chains=one_hot[order].astype(complex),
        scrambling=np.concatenate(values, axis=1)[:, order],
        symbols=rows[0, order],
        first=place + rows[1, order],
        comb=resource_set.comb,
        grid_shape=(per_slot * resource_set.slots, PRB * grid_prbs),
        sent=resource_set.instance_sent(instances),
    )
