# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples with their tags as GNU Radio's ZeroMQ blocks write them, and sample clocks as tags.

A message is a header, in the host's order, and the items: magic and version (16, 8 bits), the
sender's offset of the first item, the number of tags (64 bits each), and of each tag the offset,
then key, value and source in PMT's serialization. gr-zeromq, lib/tag_headers.cc.
"""

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import pmt

__all__ = ["Mark", "message_header", "read_header", "sample_at", "time_of"]

_HEADER = struct.Struct("=HBQQ")
_MAGIC, _VERSION = 0x5FF0, 1
_LONGEST = 1 << 16
"""Bytes of a key or value beyond which it is not read."""


class Mark(NamedTuple):
    """A tag on the way."""

    offset: int
    key: Any
    value: Any


def message_header(offset: int, marks: Sequence[Mark]) -> bytes:
    """What stands before items of which the first has this offset."""
    parts = [_HEADER.pack(_MAGIC, _VERSION, offset, len(marks))]
    for mark in marks:
        parts.append(struct.pack("=Q", mark.offset))
        parts += [pmt.serialize_str(value) for value in (mark.key, mark.value, pmt.PMT_F)]
    return b"".join(parts)


def read_header(message: memoryview) -> tuple[int, list[Mark], int]:
    """Offset of the first item, tags, and where the items begin.

    Raises:
        ValueError: the message has no such header.
    """
    if len(message) < _HEADER.size or message[:3] != struct.pack("=HB", _MAGIC, _VERSION):
        raise ValueError(
            "what comes is not samples with tags; let the other end send them (GNU Radio's blocks: "
            "Pass Tags: Yes)"
        )
    _, _, offset, count = _HEADER.unpack_from(message)
    place, marks = _HEADER.size, []
    try:
        for _ in range(count):
            (at,) = struct.unpack_from("=Q", message, place)
            place += 8
            values = []
            for _ in range(3):
                value = pmt.deserialize_str(bytes(message[place : place + _LONGEST]))
                place += len(pmt.serialize_str(value))
                if pmt.is_eof_object(value) or place > len(message):
                    raise ValueError("cut off")
                values.append(value)
            marks.append(Mark(at, *values[:2]))
    except (struct.error, RuntimeError, ValueError):
        raise ValueError("a message with samples has a damaged header") from None
    return offset, marks, place


def time_of(sample: int, rate: float) -> Any:
    """Value of an rx_time tag for a sample index since time zero."""
    whole, rest = divmod(Fraction(sample) / Fraction(rate), 1)
    return pmt.make_tuple(pmt.from_uint64(int(whole)), pmt.from_double(float(rest)))


def sample_at(value: Any, rate: float) -> int:
    """Sample index since time zero, the nearest, that an rx_time tag stands for.

    Raises:
        ValueError: the tag holds no time.
    """
    try:
        whole, rest = (pmt.tuple_ref(value, k) for k in range(2))
        return round((pmt.to_uint64(whole) + Fraction(pmt.to_double(rest))) * Fraction(rate))
    except (ValueError, IndexError, RuntimeError):
        raise ValueError(
            f"an rx_time tag holds {value}; it must hold seconds and their fraction"
        ) from None
