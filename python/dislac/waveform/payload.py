# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that carry data beside the sensing pilots: which element holds what, and blocks of bytes.

A frame's grid stands in the place of the pilots' scrambling: all chains send it, each times its
own pilot. Its mean power is one, whatever the elements are used for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .crc import CRC_LENGTHS, crc
from .dmrs import dmrs, dmrs_symbols
from .gold import gold_sequence
from .modulation import BITS_PER_SYMBOL, hard_bits, map_bits

__all__ = ["Payload", "comb_mask", "make_payload"]

Bits = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_SHORT = 3824
"""Bits up to which NR protects a block with the shorter check (TS 38.212, 7.2.1)."""


@dataclass(frozen=True, eq=False)
class Payload:
    """What stands where in a frame, and how a block of bytes gets into it.

    Args:
        modulation: constellation of the data elements.
        known: (Ms, Nsc) what is sent in every frame, sensing pilots and DM-RS; zero elsewhere.
        pilots: (Ms, Nsc) elements of the sensing pilots.
        data: (Ms, Nsc) elements of the payload.
        amplitude: of the data elements, the constellation having unit mean power.
        identity: n_ID of the scrambling of bits.
    """

    modulation: str
    known: NDArray[np.complex128]
    pilots: Mask
    data: Mask
    amplitude: float
    identity: int = 0

    @property
    def bits(self) -> int:
        """Bits that a frame's data elements carry."""
        return int(np.count_nonzero(self.data)) * BITS_PER_SYMBOL[self.modulation]

    @property
    def check(self) -> str:
        """Which CRC protects a block."""
        return "crc16" if self.bits - CRC_LENGTHS["crc16"] <= _SHORT else "crc24a"

    @property
    def block_size(self) -> int:
        """Whole bytes that a frame carries, besides their CRC."""
        return max(self.bits - CRC_LENGTHS[self.check], 0) // 8

    @property
    def power(self) -> NDArray[np.float64]:
        """(Ms, Nsc) mean |amplitude|^2 of each element, on average one."""
        return np.where(self.data, self.amplitude**2, np.abs(self.known) ** 2)

    def encode(self, blocks: ArrayLike) -> Bits:
        """Scrambled bits (..., bits) of blocks of bytes (..., block_size), check and filling after.

        Source: TS 38.212, 5.1 and 7.2.1; TS 38.211, 7.3.1.1.
        """
        content = np.unpackbits(np.asarray(blocks, dtype=np.uint8), axis=-1)
        parity = crc(content, self.check)
        rest = self.bits - content.shape[-1] - parity.shape[-1]
        filling = np.zeros((*content.shape[:-1], rest), np.uint8)
        return np.concatenate([content, parity, filling], axis=-1) ^ self._scrambling()

    def decode(self, bits: ArrayLike) -> tuple[Bits, Mask]:
        """Blocks of bytes (..., block_size) of scrambled bits, and which (...) pass their check."""
        plain = np.asarray(bits, dtype=np.uint8) ^ self._scrambling()
        size = 8 * self.block_size
        content, parity = plain[..., :size], plain[..., size : size + CRC_LENGTHS[self.check]]
        good = np.all(crc(content, self.check) == parity, axis=-1)
        return np.packbits(content, axis=-1), np.asarray(good)

    def grid(self, bits: ArrayLike) -> NDArray[np.complex128]:
        """Frames (..., Ms, Nsc) with these bits (..., bits) on their data elements."""
        symbols = map_bits(bits, self.modulation)
        grid = np.broadcast_to(self.known, (*symbols.shape[:-1], *self.known.shape)).copy()
        grid[..., self.data] = self.amplitude * symbols
        return grid

    def read(self, equalized: ArrayLike) -> Bits:
        """Bits (..., bits) decided from frames (..., Ms, Nsc) whose channel has been taken off."""
        symbols = np.asarray(equalized)[..., self.data] / self.amplitude
        return hard_bits(symbols, self.modulation)

    def idle_block(self, frame: int) -> Bits:
        """The block (block_size,) that a frame carries when there is nothing to send.

        It begins with two zero bytes; what follows looks random, differs from frame to frame,
        and is known to every receiver.
        """
        filling = gold_sequence(frame % (1 << 31), 8 * (self.block_size - 2))
        return np.concatenate([np.zeros(2, np.uint8), np.packbits(filling)])

    def _scrambling(self) -> Bits:
        return gold_sequence(self.identity, self.bits)


def comb_mask(symbols: int, subcarriers: int, comb: int) -> Mask:
    """(Ms, Nsc) one subcarrier in `comb`, one further up in each symbol."""
    return (np.arange(subcarriers) - np.arange(symbols)[:, None]) % comb == 0


def make_payload(
    pilots: ArrayLike,
    modulation: str,
    *,
    power_share: float | None = None,
    additional_dmrs: int | None = 1,
    identity: int = 0,
) -> Payload:
    """Payload with DM-RS on all elements that the sensing pilots leave.

    Symbols are scheduled as allocations of mapping type B, as few and as equally long as can be:
    a frame of 14 symbols is two of seven. Each begins with DM-RS (port 1000); where a sensing
    pilot stands, it takes the place of DM-RS. DM-RS elements have the power of data elements.

    Args:
        pilots: (Ms, Nsc) the sensing pilots, zero where there are none.
        modulation: one of `BITS_PER_SYMBOL`.
        power_share: part of a frame's energy that goes to the sensing pilots, above 0 and below
            1; by default all elements have equal power.
        additional_dmrs: dmrs-AdditionalPosition, 0 to 3; None for no DM-RS at all: the channel is
            then learned from the sensing pilots.
        identity: N_ID of DM-RS and scrambling, 0 to 1023.

    Raises:
        ValueError: no element is left, or too few for a block; a setting out of range.
    """
    sensing = np.asarray(pilots, dtype=complex)
    mask = sensing != 0
    references = np.zeros_like(sensing)
    if additional_dmrs is not None:
        for slot, start, symbol in _dmrs_places(len(sensing), additional_dmrs):
            references[start + symbol] = dmrs(
                sensing.shape[1], symbol, slot=slot, identity=identity
            )
    references[mask] = 0
    data = ~mask & (references == 0)
    count = np.count_nonzero(mask)
    if power_share is None:
        power_share = count / mask.size
    elif not 0.0 < power_share < 1.0 or not count:
        raise ValueError(
            f"the pilots' share of power is {power_share} on {count} elements; give some pilots a "
            "share above 0 and below 1, or none"
        )
    amplitude = np.sqrt((1.0 - power_share) * mask.size / max(mask.size - count, 1))
    size = np.sqrt(power_share * mask.size / max(count, 1))
    known = amplitude * references
    known[mask] = size * sensing[mask] / np.abs(sensing[mask])
    payload = Payload(modulation, known, mask, data, float(amplitude), identity)
    if payload.block_size < 3:
        raise ValueError(
            f"{payload.bits} bits on {np.count_nonzero(data)} elements hold no block of 3 bytes "
            "and its check; use fewer pilots, more elements or a larger constellation"
        )
    return payload


def _dmrs_places(symbols: int, additional: int) -> list[tuple[int, int, int]]:
    """Allocation, its first symbol, and the symbol in it, of all DM-RS in a frame."""
    if symbols == 1:
        return [(0, 0, 0)]
    parts = np.array_split(np.arange(symbols), -(-symbols // 13))
    return [
        (slot, int(part[0]), symbol)
        for slot, part in enumerate(parts)
        for symbol in dmrs_symbols(len(part), additional, "B")
    ]
