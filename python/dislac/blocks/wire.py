# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples with their tags as GNU Radio's ZeroMQ blocks write them, and sample clocks as tags.

A message is a header, in the host's order, and the items: magic and version (16, 8 bits), the
sender's offset of the first item, the number of tags (64 bits each), and of each tag the offset,
then key, value and source in PMT's serialization. gr-zeromq, lib/tag_headers.cc.

A message comes from another process, which may be anybody's: nothing in it is believed before it
has been checked, and what is kept of it is bounded.
"""

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import pmt

from ..io.pmt_format import FormatError, value_end
from ..printable import printable

__all__ = [
    "LAST_SAMPLE",
    "Header",
    "WireError",
    "WireTag",
    "message_header",
    "read_header",
    "sample_at",
    "time_of",
]

_HEADER = struct.Struct("=HBQQ")
_MAGIC, _VERSION = 0x5FF0, 1

LAST_SAMPLE = 1 << 62
"""Index of a sample, or offset, beyond which there is none: two of them add up to 64 bits."""
MOST_TAGS = 4096
"""Tags of a message beyond which it is not read."""
_LONGEST = 1 << 20
"""Bytes of a header beyond which it is not read."""
_MOST_SYMBOLS = 1024
"""Names that one sender may bring along: GNU Radio keeps each for ever."""


class WireError(ValueError):
    """A message that is damaged, or made to harm."""


class WireTag(NamedTuple):
    """A tag on the way."""

    offset: int
    key: Any
    value: Any


class Header(NamedTuple):
    """Header of a message: offset of its first item, tags, and where the items begin.

    Tags whose names are too many are left out of `tags`, and counted.
    """

    offset: int
    tags: list[WireTag]
    begin: int
    left_out: int


def message_header(offset: int, marks: Sequence[WireTag]) -> bytes:
    """Header of items of which the first has this offset."""
    parts = [_HEADER.pack(_MAGIC, _VERSION, offset, len(marks))]
    for mark in marks:
        parts.append(struct.pack("=Q", mark.offset))
        parts += [pmt.serialize_str(value) for value in (mark.key, mark.value, pmt.PMT_F)]
    return b"".join(parts)


def read_header(message: memoryview, known: set[bytes]) -> Header:
    """Read what stands before the items of a message.

    Parameters
    ----------
    message
        As it has come.
    known
        Names that the sender has used so far; those of this message are added.

    Raises
    ------
    WireError
        The header is damaged, or beyond what is read of one.
    ValueError
        The message is none with such a header.
    """
    if len(message) < _HEADER.size or message[:3] != struct.pack("=HB", _MAGIC, _VERSION):
        raise ValueError(
            "what comes is not samples with tags; let the other end send them (GNU Radio's blocks: "
            "Pass Tags: Yes)"
        )
    _, _, offset, count = _HEADER.unpack_from(message)
    if count > MOST_TAGS:
        raise WireError(f"a message has {count} tags; {MOST_TAGS} are read at most")
    if offset + len(message) > LAST_SAMPLE:
        raise WireError(f"a message begins at the offset {offset}, which no stream reaches")
    place, marks = _HEADER.size, []
    try:
        for _ in range(count):
            (at,) = struct.unpack_from("=Q", message, place)
            symbols: set[bytes] = set()
            key = place + 8
            value = value_end(message, key, symbols)
            source = value_end(message, value, symbols)
            place = value_end(message, source)
            if place > _LONGEST:
                raise FormatError("too many bytes")
            if symbols <= known or len(known | symbols) <= _MOST_SYMBOLS:
                known |= symbols
                name = pmt.deserialize_str(bytes(message[key:value]))
                if not pmt.is_symbol(name) or not offset <= at <= offset + len(message):
                    raise FormatError("a tag without a name, or outside of the message")
                marks.append(WireTag(at, name, pmt.deserialize_str(bytes(message[value:source]))))
    except (struct.error, RuntimeError, FormatError) as error:
        raise WireError(f"a message with samples has a damaged header: {error}") from None
    return Header(offset, marks, place, count - len(marks))


def time_of(sample: int, rate: float) -> Any:
    """Value of an rx_time tag for a sample index since time zero."""
    whole, rest = divmod(Fraction(sample) / Fraction(rate), 1)
    return pmt.make_tuple(pmt.from_uint64(int(whole)), pmt.from_double(float(rest)))


def sample_at(value: Any, rate: float) -> int:
    """Sample index since time zero, the nearest, that an rx_time tag stands for.

    Raises
    ------
    ValueError
        the tag holds no time, or one beyond all samples.
    """
    try:
        whole, rest = (pmt.tuple_ref(value, k) for k in range(2))
        seconds, fraction = pmt.to_uint64(whole), pmt.to_double(rest)
    except (ValueError, IndexError, RuntimeError):
        seconds, fraction = 0, math.nan
    if math.isfinite(fraction):
        sample = round((seconds + Fraction(fraction)) * Fraction(rate))
        if 0 <= sample <= LAST_SAMPLE:
            return sample
    raise ValueError(
        f"an rx_time tag holds {printable(value)}; it must hold whole seconds and their fraction, "
        "from time zero on"
    )
