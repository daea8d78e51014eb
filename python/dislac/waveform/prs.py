# SPDX-License-Identifier: GPL-3.0-or-later
"""NR downlink positioning reference signals (PRS)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .gold import gold_sequence, qpsk
from .numerology import nr_slot_symbols

__all__ = [
    "PRB",
    "PRS_COMBS",
    "PRS_PERIODS",
    "PrsResource",
    "PrsResourceSet",
    "prs_c_init",
    "prs_grid",
    "prs_mask",
    "prs_sequence",
]

Complex = NDArray[np.complex128]
Ints = NDArray[np.int64]

PRB = 12
"""Subcarriers of a physical resource block."""

PRS_COMBS = {2: (2, 4, 6, 12), 4: (4, 12), 6: (6, 12), 12: (12,)}
"""Comb sizes K, and with each the numbers of symbols L that a resource may have."""

PRS_PERIODS = (4, 5, 8, 10, 16, 20, 32, 40, 64, 80, 160, 320, 640, 1280, 2560, 5120, 10240)
"""Periods of a resource set [ms]; times 2^mu, in slots."""

# Table 7.4.1.7.3-1: k' of the symbols l - l_start = 0, 1, ..., over and over again.
_OFFSETS = {
    2: (0, 1),
    4: (0, 2, 1, 3),
    6: (0, 3, 1, 4, 2, 5),
    12: (0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11),
}
_REPETITIONS = (1, 2, 4, 6, 8, 16, 32)
_GAPS = (1, 2, 4, 8, 16, 32)
_PATTERNS = (2, 4, 6, 8, 16, 32)
_BIT_REPETITIONS = (1, 2, 4, 8)
_SYSTEM_FRAMES = 1024


@dataclass(frozen=True)
class PrsResource:
    """One PRS resource: a comb with a beam of its own.

    Parameters
    ----------
    sequence_id
        n_ID,seq, 0 to 4095.
    re_offset
        k_offset, the resource element of the first symbol, 0 to K - 1.
    first_symbol
        l_start, 0 to 12.
    slot_offset
        T_offset,res, slots after the beginning of the set, 0 to 511.
    """

    sequence_id: int = 0
    re_offset: int = 0
    first_symbol: int = 0
    slot_offset: int = 0


@dataclass(frozen=True)
class PrsResourceSet:
    """PRS resources that share all that the standard has them share, and when they are sent.

    Parameters
    ----------
    mu
        subcarrier spacing 15 kHz 2^mu.
    extended
        extended cyclic prefix, 12 symbols a slot.
    comb
        K, see `PRS_COMBS`.
    symbols
        L, see `PRS_COMBS`.
    start_prb
        first resource block, counted from point A, 0 to 2176.
    prbs
        how many. (The standard signals 24, 28, ..., 272; any number up to 272 will do.)
    period
        T_per, slots from one instance of the set to the next; 2^mu times one of `PRS_PERIODS`.
    slot_offset
        T_offset, slot in which the first instance begins.
    repetition
        T_rep, how often each resource is sent in an instance.
    time_gap
        T_gap, slots from one repetition to the next.
    muting_option_1
        a bit for each instance, or for each `muting_bit_repetition` of them, over and over again; 0
        is silence. Empty: none is muted.
    muting_bit_repetition
        T_muting.
    muting_option_2
        a bit for each repetition in an instance. Empty: none is muted.
    resources
        those of the set.

    Raises
    ------
    ValueError
        says which value the standard does not have, and which it has.

    References
    ----------
    TS 38.211 clauses 7.4.1.7.3 and 7.4.1.7.4; TS 38.214 clause 5.1.6.5.

    Examples
    --------
    A period of ten slots of 1 ms. A comb of 2 fills every second subcarrier of its symbols.

    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import PrsResource, PrsResourceSet, prs_mask
    >>> resource = PrsResource(first_symbol=3)
    >>> prs = PrsResourceSet(mu=0, comb=2, symbols=4, prbs=24, period=10, resources=(resource,))
    >>> np.flatnonzero(prs.transmitted(resource, np.arange(30))).tolist()
    [0, 10, 20]
    >>> prs_mask(prs, resource, grid_prbs=24).sum(axis=1).tolist()
    [0, 0, 0, 144, 144, 144, 144, 0, 0, 0, 0, 0, 0, 0]
    """

    mu: int
    comb: int
    symbols: int
    prbs: int
    period: int
    start_prb: int = 0
    slot_offset: int = 0
    repetition: int = 1
    time_gap: int = 1
    muting_option_1: tuple[int, ...] = ()
    muting_bit_repetition: int = 1
    muting_option_2: tuple[int, ...] = ()
    extended: bool = False
    resources: tuple[PrsResource, ...] = (PrsResource(),)

    def __post_init__(self) -> None:
        _one_of("mu", self.mu, range(7))
        _one_of("comb", self.comb, PRS_COMBS)
        _one_of(f"symbols of comb {self.comb}", self.symbols, PRS_COMBS[self.comb])
        _within("start_prb", self.start_prb, 0, 2176)
        _within("prbs", self.prbs, 1, 272)
        _one_of("period", self.period, [ms << self.mu for ms in PRS_PERIODS])
        _within("slot_offset", self.slot_offset, 0, self.period - 1)
        _one_of("repetition", self.repetition, _REPETITIONS)
        _one_of("time_gap", self.time_gap, _GAPS)
        _one_of("muting_bit_repetition", self.muting_bit_repetition, _BIT_REPETITIONS)
        for name, lengths in (
            ("muting_option_1", (0, *_PATTERNS)),
            ("muting_option_2", (0, self.repetition)),
        ):
            pattern = getattr(self, name)
            _one_of(f"number of bits of {name}", len(pattern), lengths)
            if pattern and set(pattern) not in ({0, 1}, {1}):
                raise ValueError(f"{name} is {list(pattern)}; give bits, at least one of them 1")
        if not self.resources:
            raise ValueError("resources is empty; a set has one at least")
        per_slot = nr_slot_symbols(self.extended)
        for resource in self.resources:
            _within("sequence_id", resource.sequence_id, 0, 4095)
            _within("re_offset", resource.re_offset, 0, self.comb - 1)
            _within("first_symbol", resource.first_symbol, 0, min(12, per_slot - self.symbols))
            _within("slot_offset of a resource", resource.slot_offset, 0, 511)
        if self.slots > self.period:
            raise ValueError(
                f"an instance of {self.slots} slots does not fit a period of {self.period}; use "
                "fewer repetitions, a shorter time_gap, smaller slot offsets or a longer period"
            )

    @property
    def slot_symbols(self) -> int:
        """Symbols of a slot."""
        return nr_slot_symbols(self.extended)

    @property
    def slots(self) -> int:
        """Slots from the beginning of an instance to the end of its last repetition."""
        latest = max(resource.slot_offset for resource in self.resources)
        return latest + (self.repetition - 1) * self.time_gap + 1

    @property
    def frame_slots(self) -> int:
        """Slots of a radio frame of 10 ms."""
        return 10 << self.mu

    @property
    def instances(self) -> int:
        """Instances until the system frame number, and with it the muting, begins again."""
        return _SYSTEM_FRAMES * self.frame_slots // self.period

    def transmitted(self, resource: PrsResource, slots: ArrayLike) -> NDArray[np.bool_]:
        """Mask of the slots, counted from slot 0 of system frame 0, in which a resource is sent.

        References
        ----------
        TS 38.211 clause 7.4.1.7.4.
        """
        slot = np.asarray(slots) % (_SYSTEM_FRAMES * self.frame_slots)
        instance, within = np.divmod(slot - self.slot_offset - resource.slot_offset, self.period)
        repetition, rest = np.divmod(within, self.time_gap)
        sent = (rest == 0) & (repetition < self.repetition) & self.instance_sent(instance)
        if self.muting_option_2:
            sent &= np.take(self.muting_option_2, repetition % self.repetition) == 1
        return np.asarray(sent)

    def instance_sent(self, instances: ArrayLike) -> NDArray[np.bool_]:
        """Mask of the instances, counted from the first, that muting option 1 lets be sent."""
        instance = np.asarray(instances)
        if not self.muting_option_1:
            return np.ones(instance.shape, dtype=bool)
        bit = instance // self.muting_bit_repetition % len(self.muting_option_1)
        return np.asarray(np.take(self.muting_option_1, bit) == 1)

    def elements(self, resource: PrsResource) -> tuple[Ints, Ints]:
        """Place of a resource in a slot: (L,) symbols, and (L,) first subcarrier in each.

        Subcarriers are counted from the set's first one; they follow `comb` apart.

        References
        ----------
        TS 38.211 clause 7.4.1.7.3.
        """
        row = np.arange(self.symbols)
        offset = np.take(_OFFSETS[self.comb], row % self.comb)
        return resource.first_symbol + row, (resource.re_offset + offset) % self.comb

    def values(self, resource: PrsResource, slots: ArrayLike) -> Complex:
        """Values (..., L, 12 prbs / K) of a resource in slots numbered within a radio frame.

        The sequence begins at point A, wherever the set begins.

        References
        ----------
        TS 38.211 clauses 7.4.1.7.2 and 7.4.1.7.3.
        """
        symbol = self.elements(resource)[0]
        first, count = (PRB * prbs // self.comb for prbs in (self.start_prb, self.prbs))
        slot = np.asarray(slots)[..., None]
        sequence = prs_sequence(
            prs_c_init(resource.sequence_id, slot, symbol, self.slot_symbols), first + count
        )
        return sequence[..., first:]


def prs_c_init(
    sequence_id: ArrayLike, slot: ArrayLike, symbol: ArrayLike, slot_symbols: int = 14
) -> Ints:
    """Initial value of the Gold sequence.

    Parameters
    ----------
    sequence_id
        n_ID,seq.
    slot
        number of the slot within its radio frame.
    symbol
        of the slot.
    slot_symbols
        symbols of a slot.

    References
    ----------
    TS 38.211 clause 7.4.1.7.2.
    """
    high, low = np.divmod(np.asarray(sequence_id, dtype=np.int64), 1024)
    place = slot_symbols * np.asarray(slot, dtype=np.int64) + np.asarray(symbol) + 1
    return np.asarray(((high << 22) + (place * (2 * low + 1) << 10) + low) % (1 << 31))


def prs_sequence(c_init: ArrayLike, length: int) -> Complex:
    """QPSK symbols r(0) ... r(length - 1), (..., length). Source: TS 38.211 clause 7.4.1.7.2."""
    return qpsk(gold_sequence(c_init, 2 * length))


def prs_grid(
    resource_set: PrsResourceSet,
    resource: PrsResource,
    slot: int,
    *,
    grid_prbs: int,
    grid_start: int = 0,
) -> Complex:
    """Resource grid (symbols of a slot, 12 grid_prbs) with one resource, zero elsewhere.

    It is there whether or not the resource is due in this slot: see `PrsResourceSet.transmitted`.

    Parameters
    ----------
    resource_set, resource
        a set, and one of its resources.
    slot
        number of the slot; the sequence depends on its number within its radio frame.
    grid_prbs
        resource blocks of the grid.
    grid_start
        its first one, counted from point A.

    Raises
    ------
    ValueError
        the set does not lie within the grid.

    References
    ----------
    TS 38.211 clause 7.4.1.7.3, with beta_PRS = 1.
    """
    first = grid_place(resource_set, grid_prbs, grid_start)
    grid = np.zeros((resource_set.slot_symbols, PRB * grid_prbs), dtype=complex)
    symbol, start = resource_set.elements(resource)
    values = resource_set.values(resource, slot % resource_set.frame_slots)
    comb = resource_set.comb * np.arange(values.shape[-1])
    grid[symbol[:, None], first + start[:, None] + comb] = values
    return grid


def prs_mask(
    resource_set: PrsResourceSet, resource: PrsResource, *, grid_prbs: int, grid_start: int = 0
) -> NDArray[np.bool_]:
    """Elements (symbols of a slot, 12 grid_prbs) that a resource occupies; see `prs_grid`."""
    return prs_grid(resource_set, resource, 0, grid_prbs=grid_prbs, grid_start=grid_start) != 0


def grid_place(resource_set: PrsResourceSet, grid_prbs: int, grid_start: int) -> int:
    """Subcarrier of a grid at which a set begins.

    Raises
    ------
    ValueError
        the set does not lie within the grid.
    """
    first, last = resource_set.start_prb, resource_set.start_prb + resource_set.prbs - 1
    if first < grid_start or last >= grid_start + grid_prbs:
        raise ValueError(
            f"PRBs {first} to {last} of the PRS do not lie among PRBs {grid_start} to "
            f"{grid_start + grid_prbs - 1} of the grid, all counted from point A"
        )
    return PRB * (first - grid_start)


def _one_of(name: str, value: int, choices: object) -> None:
    if value not in choices:  # type: ignore[operator]
        listed = ", ".join(map(str, choices))  # type: ignore[call-overload]
        raise ValueError(f"{name} is {value}; use one of {listed}")


def _within(name: str, value: int, least: int, greatest: int) -> None:
    if not least <= value <= greatest:
        raise ValueError(f"{name} is {value}; use {least} to {greatest}")
