# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of bytes in blocks of one size: cut up, and put together again.

A block begins with a header of 16 bits: whether a packet begins, whether one ends, and how many
bytes of it follow (14 bits). A header of zeros is an idle block.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEADER", "Reassembly", "segments"]

HEADER = 2
"""Bytes of a block's header."""

_BEGINS, _ENDS, _LENGTH = 0x8000, 0x4000, 0x3FFF


def segments(packet: bytes, size: int) -> NDArray[np.uint8]:
    """Blocks (count, size) that carry a packet.

    Parameters
    ----------
    packet
        its bytes.
    size
        bytes of a block, header included.

    Raises
    ------
    ValueError
        the packet is empty.

    Examples
    --------
    Blocks of 8 bytes hold 6 of a packet; the third carries the rest.

    >>> from gnuradio.dislac.waveform import Reassembly, segments
    >>> blocks = segments(b"gnu radio 3.10", size=8)
    >>> reassembly = Reassembly()
    >>> [reassembly.take(block) for block in blocks]
    [None, None, b'gnu radio 3.10']
    """
    if not packet:
        raise ValueError("a packet of no bytes cannot be distinguished from none; give one or more")
    room = min(size - HEADER, _LENGTH)
    count = -(-len(packet) // room)
    lengths = np.full(count, room)
    lengths[-1] = len(packet) - (count - 1) * room
    headers = lengths.astype(">u2")
    headers[0] |= _BEGINS
    headers[-1] |= _ENDS
    blocks = np.zeros((count, size), np.uint8)
    blocks[:, :HEADER] = headers.view(np.uint8).reshape(-1, HEADER)
    content = np.zeros(count * room, np.uint8)
    content[: len(packet)] = np.frombuffer(packet, np.uint8)
    blocks[:, HEADER : HEADER + room] = content.reshape(count, room)
    return blocks


class Reassembly:
    """Packets out of blocks that come in order, some of them lost.

    Attributes
    ----------
    packets_lost
        packets of which something came, but not all.
    """

    def __init__(self) -> None:
        self.packets_lost = 0
        self._parts: list[bytes] | None = None
        self._given_up = False  # the packet that goes on now is counted as lost already

    def take(self, block: NDArray[np.uint8]) -> bytes | None:
        """The packet that a block completes, if it does."""
        header = int.from_bytes(block[:HEADER].tobytes(), "big")
        length = header & _LENGTH
        if not length:
            return None
        if header & _BEGINS:
            self.lose()
            self._parts, self._given_up = [], False
        if self._parts is None:
            self.packets_lost += not self._given_up
            self._given_up = not header & _ENDS
            return None
        self._parts.append(block[HEADER : HEADER + length].tobytes())
        if not header & _ENDS:
            return None
        packet, self._parts = b"".join(self._parts), None
        return packet

    def lose(self) -> None:
        """A block was lost: the packet that it may have belonged to cannot be completed."""
        if self._parts is not None:
            self.packets_lost += 1
            self._parts, self._given_up = None, True
