# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that claim to be a serialized PMT, checked before GNU Radio reads them.

GNU Radio's reader trusts what it reads: it takes a length for granted, and follows nested values by
recursion until the stack ends. A value that `value_end` has let through can do no harm to it.

A value is a byte for its type and what belongs to it, all numbers most significant byte first
(gnuradio-runtime, lib/pmt/pmt_serialize.cc).
"""

import struct

__all__ = ["FormatError", "value_end"]

DEEPEST = 64
"""Values within one another at most; a list holds its rest within it, and a dictionary too."""
MOST_VALUES = 1024
"""Values within one at most: GNU Radio's time to read a tuple grows with the square of its size."""
LONGEST = 1 << 16
"""Bytes of a value at most."""
LONGEST_SYMBOL = 1024
"""Bytes of a symbol at most, as GNU Radio has it."""

_SYMBOL, _PAIR, _VECTOR, _DICT, _UNIFORM, _TUPLE = 0x02, 0x07, 0x08, 0x09, 0x0A, 0x0C
_NUMBERS = {0x00: 0, 0x01: 0, 0x06: 0, 0x03: 4, 0x04: 8, 0x05: 16, 0x0B: 8, 0x0D: 8}
"""Bytes of true, false, nil; int32, double, complex, uint64, int64."""
_ELEMENTS = (1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 8, 16)
"""Bytes of an element of a uniform vector: u8, s8, u16 to s64, f32, f64, c32, c64."""
_COUNT = struct.Struct(">I")
_LENGTH = struct.Struct(">H")


class FormatError(ValueError):
    """Bytes that are no PMT which may be read."""


def value_end(data: bytes | memoryview, begin: int = 0, symbols: set[bytes] | None = None) -> int:
    """Index behind the value that begins at `begin`.

    Parameters
    ----------
    data
        Bytes from anywhere.
    begin
        Index of the value's first byte.
    symbols
        Takes the names of all symbols in the value; None for nobody.

    Raises
    ------
    FormatError
        The value is cut off, of an unknown type, too deep, too large, or has a symbol that is no
        UTF-8.
    """
    place, count, limit = begin, 0, min(len(data), begin + LONGEST)
    missing = [1]  # values that are still to come, of each value that is open
    try:
        while missing:
            if not missing[-1]:
                missing.pop()
                continue
            missing[-1] -= 1
            count += 1
            kind = data[place]
            place += 1
            if kind in _NUMBERS:
                place += _NUMBERS[kind]
            elif kind == _SYMBOL:
                (length,) = _LENGTH.unpack_from(data, place)
                name = bytes(data[place + 2 : place + 2 + length])
                place += 2 + length
                if length > LONGEST_SYMBOL:
                    raise FormatError(f"a symbol of {length} bytes")
                name.decode()
                if symbols is not None:
                    symbols.add(name)
            elif kind in (_PAIR, _DICT):
                missing.append(2)
            elif kind in (_VECTOR, _TUPLE):
                (items,) = _COUNT.unpack_from(data, place)
                place += 4
                if items > MOST_VALUES:
                    raise FormatError(f"a value that claims {items} others")
                missing.append(items)
            elif kind == _UNIFORM:
                size = _ELEMENTS[data[place]]
                (items,) = _COUNT.unpack_from(data, place + 1)
                place += 6 + data[place + 5] + items * size
            else:
                raise FormatError(f"a value of the unknown type {kind}")
            if place > limit or count > MOST_VALUES or len(missing) > DEEPEST:
                raise FormatError("a value that is cut off, or too large or deep to be read")
    except (IndexError, struct.error):
        raise FormatError("a value that is cut off, or of an unknown type") from None
    except UnicodeDecodeError:
        raise FormatError("a symbol that is no UTF-8") from None
    return place
