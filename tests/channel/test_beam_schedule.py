# SPDX-License-Identifier: GPL-3.0-or-later
"""Which beams are in force at which sample."""

import numpy as np
import pytest
from gnuradio.dislac.channel import BeamSchedule
from gnuradio.dislac.dsp import StreamError
from hypothesis import given
from hypothesis import strategies as st


@given(
    symbols=st.integers(1, 5),
    length=st.integers(1, 40),
    gap=st.integers(0, 300),
    start=st.integers(0, 500),
    first=st.integers(0, 2000),
    count=st.integers(1, 900),
)
def test_segments_cover_every_sample_with_its_symbol(symbols, length, gap, start, first, count):
    schedule = BeamSchedule(np.ones((symbols, 1, 1)), length, symbols * length + gap, start)
    n = first + np.arange(count)
    symbol, frame = (
        np.concatenate(
            [np.repeat(value, s.length) for s in segments for value in [getattr(s, name)]]
        )
        for name, segments in (
            ("symbol", schedule.segments(first, count)),
            ("frame", schedule.segments(first, count)),
        )
    )
    within = (n - start) % schedule.period
    assert np.array_equal(symbol, np.minimum(within // length, symbols - 1))
    assert np.array_equal(symbol, schedule.symbol(n))
    assert np.array_equal(
        frame, (n - start) // schedule.period - (first - start) // schedule.period
    )
    position = 0
    for s in schedule.segments(first, count):
        assert s.first == position
        position += s.length * len(s.symbol)
    assert position == count


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    gap=st.integers(0, 90),
    start=st.integers(0, 500),
    first=st.integers(0, 2000),
    count=st.integers(1, 900),
)
def test_symbols_of_different_length(lengths, gap, start, first, count):
    period = sum(lengths) + gap
    schedule = BeamSchedule(np.ones((len(lengths), 1, 1)), lengths, period, start)
    last = len(lengths) - 1
    frame = [m for m, length in enumerate(lengths) for _ in range(length)] + [last] * gap
    expected = [frame[(n - start) % period] for n in range(first, first + count)]
    assert schedule.symbol(first + np.arange(count)).tolist() == expected
    found = [np.repeat(s.symbol, s.length) for s in schedule.segments(first, count)]
    assert np.concatenate(found).tolist() == expected


@pytest.mark.parametrize(
    ("beams", "length", "period"),
    [
        (np.ones((2, 3)), 10, 100),
        (np.ones((8, 4, 2)), 80, 639),
        (np.ones((1, 1, 1)), 0, 5),
        (np.ones((2, 1, 1)), [5, 6], 10),
        (np.ones((2, 1, 1)), [3, 0], 10),
    ],
)
def test_impossible_schedules_are_refused(beams, length, period):
    with pytest.raises(StreamError, match=r"shape|do not fit"):
        BeamSchedule(beams, length, period)
    with pytest.raises(StreamError, match=r"\(3,\) symbol lengths for 2 symbols"):
        BeamSchedule(np.ones((2, 1, 1)), [1, 2, 3], 10)
