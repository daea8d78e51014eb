# SPDX-License-Identifier: GPL-3.0-or-later
"""Serialized values: what is let through to GNU Radio, and what is not."""

import struct
import time
from contextlib import suppress

import pytest
from gnuradio.dislac.io.pmt_format import (
    DEEPEST,
    LONGEST,
    LONGEST_SYMBOL,
    MOST_VALUES,
    FormatError,
    value_end,
)
from hypothesis import given
from hypothesis import strategies as st


def count(number):
    return struct.pack(">I", number)


def symbol(name):
    return b"\x02" + struct.pack(">H", len(name)) + name


# The format, written a second time: every value with its bytes

simple = st.one_of(
    st.sampled_from([b"\x00", b"\x01", b"\x06"]),
    st.text(max_size=20).map(lambda text: symbol(text.encode())),
    *(
        st.binary(min_size=size, max_size=size).map(bytes([kind]).__add__)
        for kind, size in ((3, 4), (4, 8), (5, 16), (11, 8), (13, 8))
    ),
    *(
        st.integers(0, 5).map(
            lambda n, kind=kind, size=size: (
                bytes([10, kind]) + count(n) + b"\x01\x00" + bytes(n * size)
            )
        )
        for kind, size in enumerate((1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 8, 16))
    ),
)
values = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from([b"\x07", b"\x09"]), inner, inner).map(b"".join),
        st.tuples(st.sampled_from([b"\x08", b"\x0c"]), st.lists(inner, max_size=4)).map(
            lambda parts: parts[0] + count(len(parts[1])) + b"".join(parts[1])
        ),
    ),
    max_leaves=20,
)


@given(values, st.binary(max_size=9), st.binary(max_size=9), st.floats(0, 1, exclude_max=True))
def test_a_value_ends_where_it_was_written_to_end(value, before, behind, cut):
    assert value_end(before + value + behind, len(before)) == len(before) + len(value)
    with pytest.raises(FormatError):
        value_end(value[: int(cut * len(value))])


@given(st.binary(max_size=300))
def test_any_bytes_have_an_end_within_them_or_none(data):
    with suppress(FormatError):
        assert 0 < value_end(memoryview(data)) <= len(data)


def test_each_limit_from_both_sides():
    def deep(pairs):
        return b"\x07" * pairs + b"\x06" * (pairs + 1)

    def vector(items):
        return b"\x08" + count(items) + b"\x06" * items

    def bytes_of(length):
        return b"\x0a\x00" + count(length - 8) + b"\x01\x00" + bytes(length - 8)

    def characters(length):
        return symbol(b"a" * length)

    for make, most in (
        (deep, DEEPEST - 1),
        (vector, MOST_VALUES - 1),
        (bytes_of, LONGEST),
        (characters, LONGEST_SYMBOL),
    ):
        assert value_end(make(most)) == len(make(most))
        with pytest.raises(FormatError):
            value_end(make(most + 1))


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x07" * 60_000,
        b"\x09\x06" * 30_000,
        *(kind + count(2**32 - 1) + b"\x06" * 100 for kind in (b"\x08", b"\x0c")),
        *(bytes([10, kind]) + count(2**32 - 1) + b"\x01\x00" * 50 for kind in range(12)),
        b"\x08" + count(MOST_VALUES) * 2 + b"\x08\x00\x00\x04\x00" * 12_000,
        b"\x0a\x0c" + count(0) + b"\x01\x00",
        b"\x0e",
        b"\xff" * 100,
        symbol(b"\xff\xfe"),
        b"",
    ],
    ids=lambda data: data[:6].hex() or "nothing",
)
def test_hostile_bytes_are_refused_at_once(hostile):
    begin = time.process_time()
    with pytest.raises(FormatError):
        value_end(hostile)
    assert time.process_time() - begin < 0.1


def test_symbols_are_named():
    names = set()
    value_end(b"\x07" + symbol(b"rx_time") + symbol("\N{DEGREE SIGN}".encode()), 0, names)
    assert names == {b"rx_time", "\N{DEGREE SIGN}".encode()}


@pytest.mark.gnuradio
def test_what_gnu_radio_writes_passes():
    pmt = pytest.importorskip("pmt")
    for value in (
        *(pmt.PMT_T, pmt.PMT_F, pmt.PMT_NIL, pmt.PMT_EOF, pmt.intern("dislac:frame")),
        *(pmt.from_long(-1), pmt.from_long(1 << 40), pmt.from_uint64(2**64 - 1)),
        *(pmt.from_double(1.5), pmt.from_complex(1j)),
        pmt.cons(pmt.from_uint64(1), pmt.from_uint64(2)),
        pmt.make_tuple(pmt.from_uint64(1), pmt.from_double(0.5)),
        pmt.make_vector(3, pmt.PMT_NIL),
        pmt.to_pmt({"a": 1, "b": {"c": [1.0, 2.0]}}),
        pmt.list3(pmt.PMT_T, pmt.PMT_F, pmt.PMT_NIL),
        *(
            getattr(pmt, f"init_{kind}vector")(n, [1] * n)
            for kind in ("u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64")
            for n in (0, 3)
        ),
        *(getattr(pmt, f"init_{kind}vector")(2, [1, 2]) for kind in ("f32", "f64", "c32", "c64")),
    ):
        data = pmt.serialize_str(value)
        assert value_end(data) == len(data)
        assert pmt.equal(pmt.deserialize_str(data), value)
