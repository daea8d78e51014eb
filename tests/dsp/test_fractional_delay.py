# SPDX-License-Identifier: GPL-3.0-or-later
"""The fractional-delay filter and its bookkeeping."""

import numpy as np
import pytest
from gnuradio.dislac.dsp.delay import (
    CENTRE,
    FRACTIONS,
    LENGTH,
    PASSBAND,
    REACH,
    SPREAD,
    TAPS,
    active_blocks,
    backward,
    batches,
    differentiator,
    follow,
    forward,
    fraction_responses,
    pieces,
    split_delay,
    split_delays,
    valid,
    window_starts,
)
from gnuradio.dislac.dsp.stream import BLOCK, BLOCKS, CHUNK, RingBuffer, StreamError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("passband", [0.25, 0.3, 0.4, PASSBAND])
def test_responses_are_delays_up_to_the_edge_of_the_passband(passband):
    table = fraction_responses(passband)
    rows = np.arange(0, len(table), 97)
    frequency = np.fft.fftfreq(LENGTH)
    delay = CENTRE + rows[:, None] / FRACTIONS
    error = np.abs(table[rows] - np.exp(-2j * np.pi * frequency * delay))
    limit = -75 if passband == PASSBAND else -70
    assert 20 * np.log10(error[:, np.abs(frequency) < passband].max()) < limit


def test_a_narrow_passband_has_a_short_filter():
    for passband, taps in ((PASSBAND, TAPS), (0.3, 16), (0.25, 13)):
        taps_used = np.abs(np.fft.ifft(fraction_responses(passband)[700])) > 1e-6
        assert np.count_nonzero(taps_used) <= taps
    centre = np.abs(np.fft.fftfreq(LENGTH)) <= 0.25
    exact = np.exp(-2j * np.pi * np.fft.fftfreq(LENGTH) * (CENTRE + 700 / FRACTIONS))
    error = np.abs(fraction_responses()[700] - exact)[centre].max()
    assert 20 * np.log10(error) < -85
    with pytest.raises(StreamError, match=r"passband is 0.5; it must lie between 0 and 0.44 fs"):
        fraction_responses(0.5)


def test_split_delay_recomposes_to_half_a_step():
    start = np.array([9574.3, -9574.3, 0.999, 12.0])
    delay = start[:, None, None] + 0.006 * np.arange(3 * BLOCKS).reshape(3, BLOCKS)
    whole, row = split_delay(delay)
    again = whole + row / FRACTIONS
    assert np.abs(again - delay).max() <= 0.5 / FRACTIONS + 1e-9
    assert row.min() >= 0 and row.max() < len(fraction_responses())


def test_split_delays_recompose_at_both_borders_of_a_hop():
    begin = np.array([9574.3, -9574.3, 0.9999, 12.0])[:, None] + np.linspace(0, 3, 50)
    end = begin + np.array([-5.9e-3, 5.9e-3, 1e-3, 2e-4])[:, None]
    split = split_delays(begin, end)
    filters = split.whole + split.row / FRACTIONS
    assert np.abs(filters + split.begin - begin).max() < 1e-9
    assert np.abs(filters + split.end - end).max() < 1e-9
    # held where it changes by less than a step of the table
    split = split_delays(begin, begin + 0.99 / FRACTIONS)
    assert not np.any(split.begin) and not np.any(split.end)


@pytest.mark.parametrize("passband", [0.25, 0.3, 0.4, PASSBAND])
def test_delays_that_move_within_a_hop_are_followed(passband):
    """23 ppm, the most that a satellite brings: of tones up to the edge, what is left is 90 dB
    down, and within the widest passband 70 dB; held delays leave -50 dB."""
    slope = differentiator(passband)
    assert len(slope) <= REACH
    n = np.arange(-len(slope), BLOCK + len(slope))
    tones = np.linspace(-passband, passband, 21)[:, None]
    change = 23e-6 * BLOCK
    begin, end = (np.array([side * change / 2 + 3e-5], np.float32) for side in (-1, 1))
    x = np.exp(2j * np.pi * tones * n).astype(np.complex64)[:, None]
    late = begin + (end - begin) * np.arange(BLOCK) / BLOCK
    expected = np.exp(2j * np.pi * tones * (np.arange(BLOCK) - late))
    error = np.abs(follow(x, slope, begin, end)[:, 0] - expected)
    power = 10 * np.log10(np.mean(error**2))
    assert power < (-70 if passband == PASSBAND else -90)
    assert np.array_equal(follow(x, slope, 0 * begin, 0 * end), x[..., len(slope) : -len(slope)])


@pytest.mark.parametrize("delay", [np.nan, np.inf])
def test_split_delay_refuses_what_is_no_delay(delay):
    with pytest.raises(StreamError, match="not finite"):
        split_delay(np.array([3.0, delay]))


@pytest.mark.parametrize("lag", [0, 5, SPREAD])
def test_hops_of_overlap_save_join_to_the_linear_convolution(lag):
    """Whole samples are taken by where the input is read, for every path that shares it."""
    rng = np.random.default_rng(1)
    buffer = RingBuffer(2)
    buffer.reset(3 * CHUNK, lead=2 * CHUNK)
    x = rng.standard_normal((2, 2 * CHUNK, 2)) @ np.array([1, 1j])
    for part in np.split(x, 2, axis=1):
        buffer.reserve(CHUNK)[:] = part
    longest = 300
    starts = window_starts(4, np.full(BLOCKS, longest))
    assert active_blocks(buffer, starts).all()
    windows = np.empty((2, BLOCKS, LENGTH), np.complex64)
    buffer.gather(starts, [slice(0, 20), slice(20, BLOCKS)], slice(0, 2), windows)
    row = 1000
    spectra = forward(windows) * fraction_responses()[row]
    y = valid(backward(spectra), lag).reshape(2, CHUNK)
    t = np.arange(TAPS) - CENTRE - (row / FRACTIONS)
    # 48 taps and a transition of 0.12 fs leave room for 90.6 dB
    h = (
        np.sinc(t)
        * np.kaiser(20001, 0.1102 * (90.6 - 8.7))[np.rint(10000 * (1 + t / (TAPS / 2))).astype(int)]
    )
    whole = longest - lag
    past = np.concatenate([np.zeros((2, CHUNK)), x], axis=1)
    for i in range(2):
        full = np.convolve(past[i], h)
        begin = 2 * CHUNK - whole + CENTRE
        assert np.abs(y[i] - full[begin : begin + CHUNK]).max() < 2e-4
    assert y.shape == (2, BLOCKS * BLOCK)


def test_windows_are_silent_only_where_all_they_hold_is_zero():
    buffer = RingBuffer(1)
    buffer.reset(0)
    x = np.zeros((1, CHUNK), np.complex64)
    x[0, 10_000:10_640] = 1
    buffer.reserve(CHUNK)[:] = x
    starts = BLOCK * np.arange(BLOCKS) + 7
    starts[-2:] -= LENGTH  # within the chunk
    exact = np.array([x[0, start : start + LENGTH].any() for start in starts])
    active = active_blocks(buffer, np.stack([starts, starts]))
    assert np.all(active >= exact) and active.sum() <= exact.sum() + 1


@given(
    flags=st.lists(st.booleans(), min_size=BLOCKS, max_size=BLOCKS),
    change=st.integers(0, BLOCKS),
    most=st.sampled_from([1, 5, 32, BLOCKS]),
)
def test_batches_of_pieces_cover_the_hops_in_order(flags, change, most):
    whole = np.stack([np.zeros(BLOCKS, int), np.arange(BLOCKS) >= change])
    groups = batches(pieces(np.array(flags), whole, most), most)
    found = []
    for group in groups:
        assert 0 < sum(piece.stop - piece.start for piece in group) <= most
        for piece in group:
            assert np.ptp(whole[:, piece], axis=1).max() == 0
            found += range(piece.start, piece.stop)
    assert found == np.flatnonzero(flags).tolist()


def test_pieces_are_worked_on_as_many_together_as_there_is_room_for():
    some = [slice(3, 8), slice(10, 13), slice(20, 21), slice(30, 37)]
    assert batches(some, 8) == [some[:2], some[2:]]
    assert batches(some, 9) == [some[:3], some[3:]]
    assert batches(some, 7) == [some[:1], some[1:3], some[3:]]
    assert batches([], 7) == []


def test_pieces_end_where_a_whole_delay_changes_or_there_is_silence():
    flags, whole = np.ones(BLOCKS, bool), np.zeros((2, BLOCKS), int)
    flags[5:9] = False
    whole[1, 20:] = 1
    flags[-1] = False
    last = BLOCKS - 1
    assert pieces(flags, whole, BLOCKS) == [slice(0, 5), slice(9, 20), slice(20, last)]
    cut = pieces(flags, whole, 100)
    assert [p.stop - p.start for p in cut] == [5, 11, 100, 100, last - 220]
    assert pieces(~flags, 0 * whole, BLOCKS) == [slice(5, 9), slice(last, BLOCKS)]
