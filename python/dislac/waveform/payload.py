# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that carry data beside the sensing pilots: which element holds what, and blocks of bytes.

All chains send one grid, each with phases of its own, so that their beams add up where the payload
is meant to go. Its mean power is one, whatever the elements are used for.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .crc import CRC_LENGTHS, crc
from .dmrs import dmrs, dmrs_symbols
from .gold import gold_sequence
from .modulation import BITS_PER_SYMBOL, hard_bits, map_bits
from .pilots import Pilots

__all__ = ["Payload", "make_payload", "sensing_grid", "thin"]

Bits = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_RNTI = 0xFFFF
"""n_RNTI of the scrambling: that of what everybody may receive (TS 38.321, 7.1)."""

_SLOT = 14
"""Symbols of a slot, with the normal prefix."""

_SHORT = 3824
"""Bits up to which NR protects a block with the shorter check (TS 38.212, 7.2.1)."""


@dataclass(frozen=True, eq=False)
class Payload:
    """Layout of a frame with data, and how a block of bytes gets into it.

    Parameters
    ----------
    modulation
        constellation of the data elements.
    known
        (F, Ms, Nsc) what is sent beside the data, DM-RS and, where the data's chains send them too,
        sensing pilots; zero elsewhere. F different frames follow each other.
    pilots
        (Ms, Nsc) elements of the sensing pilots.
    data
        (Ms, Nsc) elements of the payload.
    amplitude
        of the data elements, the constellation having unit mean power.
    pilot_amplitude
        of the sensing pilots.
    chains
        (Ms, Nrf) factor of each transmit chain, unit modulus.
    shared
        whether the chains send the sensing pilots with the same factors.
    identity
        n_ID of the scrambling of bits.
    """

    modulation: str
    known: NDArray[np.complex128]
    pilots: Mask
    data: Mask
    amplitude: float
    pilot_amplitude: float
    chains: NDArray[np.complex128]
    shared: bool = True
    identity: int = 0

    @property
    def bits(self) -> int:
        """Bits that a frame's data elements carry."""
        return int(np.count_nonzero(self.data)) * BITS_PER_SYMBOL[self.modulation]

    @property
    def check(self) -> str:
        """CRC that protects a block."""
        return "crc16" if self.bits - CRC_LENGTHS["crc16"] <= _SHORT else "crc24a"

    @property
    def block_size(self) -> int:
        """Whole bytes that a frame carries, besides their CRC."""
        return max(self.bits - CRC_LENGTHS[self.check], 0) // 8

    @property
    def power(self) -> NDArray[np.float64]:
        """(Ms, Nsc) mean |amplitude|^2 of each element, on average one."""
        power = np.where(self.data, self.amplitude**2, self.known_power)
        power[self.pilots] = self.pilot_amplitude**2
        return power

    @property
    def known_power(self) -> NDArray[np.float64]:
        """(Ms, Nsc) |known|^2, the same in all frames."""
        return np.asarray(np.abs(self.known[0]) ** 2)

    def encode(self, blocks: ArrayLike) -> Bits:
        """Scrambled bits (..., bits) of blocks of bytes (..., block_size), check and filling after.

        References
        ----------
        TS 38.212, 5.1 and 7.2.1; TS 38.211, 7.3.1.1.
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

    def known_in(self, frame: ArrayLike) -> NDArray[np.complex128]:
        """(..., Ms, Nsc) what is known of frames with these indices (...)."""
        return self.known[np.asarray(frame) % len(self.known)]

    def grid(self, bits: ArrayLike, frame: ArrayLike = 0) -> NDArray[np.complex128]:
        """Frames (..., Ms, Nsc) with these bits (..., bits) on their data elements.

        Parameters
        ----------
        bits
            as `encode` makes them.
        frame
            index of each frame, or of all (broadcasts to (...)).
        """
        symbols = map_bits(bits, self.modulation)
        known = self.known_in(frame)
        grid = np.broadcast_to(known, (*symbols.shape[:-1], *known.shape[-2:])).copy()
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
        # Neighbouring numbers give similar sequences; these are far apart for different frames.
        c_init = (1103515245 * frame + 12345) % (1 << 31)
        filling = gold_sequence(c_init, 8 * (self.block_size - 2))
        return np.concatenate([np.zeros(2, np.uint8), np.packbits(filling)])

    def _scrambling(self) -> Bits:
        return gold_sequence((_RNTI << 15) + self.identity, self.bits)


def sensing_grid(pilots: Pilots) -> NDArray[np.complex128]:
    """(F, Ms, Nsc) what makes pilots no impulse train, of unit modulus, zero between them."""
    grid = np.zeros((pilots.cycle, *pilots.grid_shape), complex)
    grid[:, pilots.symbols[:, None], pilots.subcarriers] = pilots.scrambling
    return grid


def thin(pilots: Pilots, comb: int) -> Pilots:
    """Pilots on all elements, thinned out to one subcarrier in `comb`, one further up each symbol.

    Raises
    ------
    ValueError
        the comb does not divide the number of subcarriers.
    """
    symbols, subcarriers = pilots.grid_shape
    if subcarriers % comb:
        raise ValueError(
            f"a comb of {comb} does not divide {subcarriers} subcarriers; use one that does"
        )
    first = np.arange(symbols) % comb
    kept = first[:, None] + comb * np.arange(subcarriers // comb)
    scrambling = np.take_along_axis(pilots.scrambling, kept[None], axis=-1)
    return replace(pilots, scrambling=scrambling, first=first, comb=comb)


def make_payload(
    pilots: ArrayLike,
    modulation: str,
    *,
    chains: ArrayLike = 1.0,
    shared: bool = True,
    power_share: float | None = None,
    additional_dmrs: int | None = 2,
    identity: int = 0,
) -> Payload:
    """Payload with DM-RS on all elements that the sensing pilots leave.

    Symbols are scheduled as allocations of mapping type B, as few and as equally long as can be:
    a frame of 14 symbols is two of seven. Each begins with DM-RS (port 1000), whose sequence goes
    by the symbol in its slot, 14 symbols each from the frame's first on; where a sensing pilot
    stands, it takes the place of DM-RS. DM-RS elements have the power of data elements.

    Parameters
    ----------
    pilots
        (Ms, Nsc), or (F, Ms, Nsc) for frames that follow each other: the sensing pilots, unit
        modulus, zero where there are none.
    modulation
        one of `BITS_PER_SYMBOL`.
    chains
        (Ms, Nrf) factor of each transmit chain, unit modulus; by default one chain.
    shared
        whether the chains send the sensing pilots with the same factors, so that pilots measure the
        data's channel.
    power_share
        part of a frame's energy that goes to the sensing pilots, above 0 and below 1; by default
        all elements have equal power.
    additional_dmrs
        dmrs-AdditionalPosition, 0 to 3; None for no DM-RS at all: the channel is then learned from
        the sensing pilots.
    identity
        N_ID of DM-RS and scrambling, 0 to 1023.

    Returns
    -------
    Payload
        which says what is known of frames, and makes and reads them.

    Raises
    ------
    ValueError
        no element is left, or too few for a block; a setting out of range.

    Examples
    --------
    A frame of 7 symbols by 48 subcarriers, with DM-RS and no sensing pilots.

    >>> import numpy as np
    >>> from gnuradio.dislac.waveform import make_payload
    >>> payload = make_payload(np.zeros((7, 48)), "qpsk")
    >>> block = np.arange(payload.block_size, dtype=np.uint8)
    >>> frame = payload.grid(payload.encode(block))
    >>> read, good = payload.decode(payload.read(frame))
    >>> np.array_equal(read, block), bool(good)
    (True, True)
    """
    if not 0 <= identity <= 1023:
        raise ValueError(f"the payload's identity is {identity}; use 0 to 1023")
    given = np.asarray(pilots, dtype=complex)
    sensing = given.reshape(-1, *given.shape[-2:])
    _, symbols, subcarriers = sensing.shape
    mask = np.any(sensing != 0, axis=0)
    references = np.zeros((symbols, subcarriers), complex)
    if additional_dmrs is not None:
        for place in _dmrs_places(symbols, additional_dmrs):
            slot, symbol = divmod(place, _SLOT)
            references[place] = dmrs(subcarriers, symbol, slot=slot, identity=identity)
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
    amplitude = float(np.sqrt((1.0 - power_share) * mask.size / max(mask.size - count, 1)))
    pilot_amplitude = float(np.sqrt(power_share * mask.size / max(count, 1)))
    known = amplitude * references + (pilot_amplitude * sensing if shared else 0 * sensing[:1])
    payload = Payload(
        modulation=modulation,
        known=np.asarray(known, complex),
        pilots=mask,
        data=data,
        amplitude=amplitude,
        pilot_amplitude=pilot_amplitude,
        chains=np.broadcast_to(
            np.asarray(chains, complex), np.broadcast_shapes(np.shape(chains), (symbols, 1))
        ),
        shared=shared,
        identity=identity,
    )
    if payload.block_size < 3:
        raise ValueError(
            f"{payload.bits} bits on {np.count_nonzero(data)} elements hold no block of 3 bytes "
            "and its check; use fewer pilots, more elements or a larger constellation"
        )
    return payload


def _dmrs_places(symbols: int, additional: int) -> list[int]:
    """Symbols of a frame that have DM-RS."""
    if symbols == 1:
        return [0]
    parts = np.array_split(np.arange(symbols), -(-symbols // 13))
    return [int(part[k]) for part in parts for k in dmrs_symbols(len(part), additional)]
