# SPDX-License-Identifier: GPL-3.0-or-later
"""NR PRS against a second implementation: TS 38.211 written down bit by bit, as it stands there."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from gnuradio.dislac.waveform import (
    PrsResource,
    PrsResourceSet,
    gold_sequence,
    nr_cyclic_prefixes,
    prs_grid,
    prs_mask,
    prs_pilots,
)
from gnuradio.dislac.waveform.numerology import nr_mu
from gnuradio.dislac.waveform.prs import PRS_COMBS, PRS_PERIODS, prs_c_init
from hypothesis import assume, given, settings
from hypothesis import strategies as st

# The clauses, literally


def shift_register(taps, state, count):
    x = list(state)
    for n in range(count - 31):
        x.append(sum(x[n + tap] for tap in taps) % 2)
    return x


@cache
def first_sequence(count):
    return shift_register((3, 0), [1] + [0] * 30, count)


def gold(c_init, length):
    """5.2.1"""
    x1 = first_sequence(1600 + length)
    x2 = shift_register((3, 2, 1, 0), [c_init // 2**i % 2 for i in range(31)], 1600 + length)
    return [(x1[n + 1600] + x2[n + 1600]) % 2 for n in range(length)]


# Table 7.4.1.7.3-1
K_PRIME = {
    2: [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    4: [0, 2, 1, 3, 0, 2, 1, 3, 0, 2, 1, 3],
    6: [0, 3, 1, 4, 2, 5, 0, 3, 1, 4, 2, 5],
    12: [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11],
}


def reference_grid(s, resource, slot_in_frame, grid_prbs, grid_start):
    """7.4.1.7.2 and 7.4.1.7.3"""
    symbols = 12 if s.extended else 14
    grid = np.zeros((symbols, 12 * grid_prbs), complex)
    n_id = resource.sequence_id
    for l in range(resource.first_symbol, resource.first_symbol + s.symbols):  # noqa: E741
        c_init = (
            2**22 * math.floor(n_id / 1024)
            + 2**10 * (symbols * slot_in_frame + l + 1) * (2 * (n_id % 1024) + 1)
            + n_id % 1024
        ) % 2**31
        k_prime = K_PRIME[s.comb][l - resource.first_symbol]
        above = 12 * (s.start_prb + s.prbs)
        c = gold(c_init, 2 * above // s.comb)
        for m in range(above // s.comb):
            k = m * s.comb + (resource.re_offset + k_prime) % s.comb
            if k >= 12 * s.start_prb:
                r = (1 - 2 * c[2 * m] + 1j * (1 - 2 * c[2 * m + 1])) / math.sqrt(2)
                grid[l, k - 12 * grid_start] = r
    return grid


def reference_transmitted(s, resource, frame, slot):
    """7.4.1.7.4"""
    place = 10 * 2**s.mu * frame + slot - s.slot_offset - resource.slot_offset
    if place % s.period not in [i * s.time_gap for i in range(s.repetition)]:
        return False
    if s.muting_option_1:
        i = math.floor(place / (s.muting_bit_repetition * s.period)) % len(s.muting_option_1)
        if not s.muting_option_1[i]:
            return False
    if s.muting_option_2:
        i = math.floor(place % s.period / s.time_gap) % len(s.muting_option_2)
        if not s.muting_option_2[i]:
            return False
    return True


# The whole range of parameters


@st.composite
def patterns(draw, lengths):
    length = draw(st.sampled_from(lengths))
    bits = draw(st.lists(st.integers(0, 1), min_size=length, max_size=length))
    assume(not bits or any(bits))
    return tuple(bits)


@st.composite
def resource_sets(draw, most_resources=2, farthest=2176, longest=10240):
    mu, extended = draw(st.integers(0, 6)), draw(st.booleans())
    comb = draw(st.sampled_from(sorted(PRS_COMBS)))
    symbols = draw(st.sampled_from(PRS_COMBS[comb]))
    period = draw(st.sampled_from([p for p in PRS_PERIODS if p <= longest])) << mu
    repetition = draw(st.sampled_from([r for r in (1, 2, 4, 6, 8, 16, 32) if r <= period]))
    gaps = [g for g in (1, 2, 4, 8, 16, 32) if (repetition - 1) * g < period]
    gap = draw(st.sampled_from(gaps))
    room = min(511, period - (repetition - 1) * gap - 1)
    resources = st.builds(
        PrsResource,
        sequence_id=st.integers(0, 4095),
        re_offset=st.integers(0, comb - 1),
        first_symbol=st.integers(0, (12 if extended else 14) - symbols).filter(lambda x: x < 13),
        slot_offset=st.integers(0, room),
    )
    return PrsResourceSet(
        mu=mu,
        comb=comb,
        symbols=symbols,
        prbs=draw(st.integers(1, 272)),
        period=period,
        start_prb=draw(st.integers(0, farthest)),
        slot_offset=draw(st.integers(0, period - 1)),
        repetition=repetition,
        time_gap=gap,
        muting_option_1=draw(patterns((0, 2, 4, 6, 8, 16, 32))),
        muting_bit_repetition=draw(st.sampled_from((1, 2, 4, 8))),
        muting_option_2=draw(patterns((0, repetition))),
        extended=extended,
        resources=tuple(draw(st.lists(resources, min_size=1, max_size=most_resources))),
    )


@given(st.integers(0, 2**31 - 1), st.integers(1, 400))
def test_gold_sequence(c_init, length):
    assert gold_sequence(c_init, length).tolist() == gold(c_init, length)


def test_gold_sequences_of_many_initial_values_at_once_and_a_long_one():
    values = np.array([[0, 1], [2**31 - 1, 123456789]])
    sequences = gold_sequence(values, 9_000)
    assert sequences.shape == (2, 2, 9_000)
    for value, sequence in zip(values.ravel(), sequences.reshape(4, -1), strict=True):
        assert sequence.tolist() == gold(int(value), 9_000)
    with pytest.raises(ValueError, match=r"give 0 to 2\^31 - 1"):
        gold_sequence(2**31, 10)


@settings(max_examples=30)
@given(resource_sets(most_resources=1), st.data())
def test_grid(s, data):
    resource = s.resources[0]
    slot = data.draw(st.integers(0, 1024 * s.frame_slots - 1))
    below = data.draw(st.integers(0, min(5, s.start_prb)))
    above = data.draw(st.integers(0, 5))
    place = {"grid_prbs": below + s.prbs + above, "grid_start": s.start_prb - below}
    expected = reference_grid(s, resource, slot % (10 * 2**s.mu), **place)
    assert np.allclose(prs_grid(s, resource, slot, **place), expected, atol=1e-12)
    assert np.array_equal(prs_mask(s, resource, **place), expected != 0)


@given(resource_sets(), st.data())
def test_when_it_is_sent(s, data):
    resource = s.resources[-1]
    # Most slots hold nothing: look around an instance.
    instance = data.draw(st.integers(0, s.instances - 1))
    first = instance * s.period + s.slot_offset + resource.slot_offset
    slots = np.arange(first - 3, first + s.repetition * s.time_gap + 3)
    slots %= 1024 * s.frame_slots
    frame, slot = np.divmod(slots, 10 * 2**s.mu)
    expected = [
        reference_transmitted(s, resource, int(a), int(b)) for a, b in zip(frame, slot, strict=True)
    ]
    assert s.transmitted(resource, slots).tolist() == expected


@settings(max_examples=40)
@given(resource_sets(most_resources=3, farthest=10, longest=16), st.data())
def test_frames_are_instances(s, data):
    """A frame of pilots holds what the slots of its instance hold, and is muted with them."""
    assume(s.slots <= 40)
    chains = max(len(s.resources), data.draw(st.integers(1, 4)) if len(s.resources) == 1 else 1)
    place = {"grid_prbs": s.start_prb + s.prbs, "grid_start": 0}
    try:
        pilots = prs_pilots(s, chains, **place)
    except ValueError as error:
        masks = [
            (r.slot_offset + i * s.time_gap, m + r.first_symbol, (r.re_offset + k) % s.comb)
            for r in s.resources
            for i in range(s.repetition)
            if not s.muting_option_2 or s.muting_option_2[i]
            for m, k in enumerate(K_PRIME[s.comb][: s.symbols])
        ]
        assert "share elements" in str(error) and len(set(masks)) < len(masks)
        return
    frame = data.draw(st.integers(0, s.instances - 1))
    begin = frame * s.period + s.slot_offset
    assume(begin + s.slots <= 1024 * s.frame_slots)
    slots = range(begin, begin + s.slots)
    expected = np.array(
        [
            np.concatenate([prs_grid(s, r, i, **place) * s.transmitted(r, i) for i in slots])
            for r in s.resources
        ]
    )
    if len(s.resources) == 1:
        expected = np.repeat(expected, chains, axis=0)
    sent = pilots.grid(frame) * pilots.sends(frame)
    assert np.allclose(sent, expected, atol=1e-6)
    assert pilots.sends(frame) == np.any(expected)


@pytest.mark.parametrize("comb", PRS_COMBS)
def test_combs_with_different_offsets_are_orthogonal(comb):
    for symbols in PRS_COMBS[comb]:
        resources = tuple(PrsResource(17 * k, k) for k in range(comb))
        s = PrsResourceSet(1, comb, symbols, 24, 20, resources=resources)
        grids = np.array([prs_grid(s, r, 3, grid_prbs=24).ravel() for r in resources])
        elements = 12 * 24 * symbols // comb
        assert np.allclose(grids.conj() @ grids.T, elements * np.eye(comb), atol=1e-9)
        # Together they fill their symbols, and each falls on every subcarrier equally often.
        masks = grids.reshape(comb, 14, -1) != 0
        assert np.array_equal(masks.sum(axis=(0, 2)), [288] * symbols + [0] * (14 - symbols))
        assert np.all(masks.sum(axis=1) == symbols // comb)


def test_the_sequence_begins_at_point_a():
    """The same resource blocks hold the same, whichever of them are sent."""
    wide = PrsResourceSet(0, 6, 6, 272, 10, start_prb=0)
    part = PrsResourceSet(0, 6, 6, 24, 10, start_prb=100)
    resource = PrsResource(sequence_id=1234, re_offset=5)
    whole = prs_grid(wide, resource, 7, grid_prbs=272)
    assert np.array_equal(
        prs_grid(part, resource, 7, grid_prbs=24, grid_start=100), whole[:, 1200:1488]
    )


def test_initial_values_worked_out_by_hand():
    assert prs_c_init(0, 0, 0) == 2**10
    assert prs_c_init(1, 2, 3) == 2**10 * 32 * 3 + 1
    assert prs_c_init(1025, 0, 0) == 2**22 + 2**10 * 3 + 1
    assert prs_c_init(4095, 639, 13) == (3 * 2**22 + 2**10 * 8960 * 2047 + 1023) % 2**31


# Prefixes


@given(st.integers(0, 6), st.integers(1, 32), st.booleans(), st.integers(0, 200))
def test_prefixes_in_basic_time_units(mu, size, extended, first_slot):
    """5.3.1, in units of T_c = 1 / (480 kHz 4096), kappa = 64."""
    fft_size = size * (4 if extended else 128)
    found = nr_cyclic_prefixes(mu, fft_size, extended=extended, first_slot=first_slot, slots=2)
    sample = Fraction(2048 * 64, 2**mu * fft_size)  # T_c in one of our samples
    expected = []
    for slot in (first_slot, first_slot + 1):
        for symbol in range(12 if extended else 14):
            l = slot % 2**mu * (12 if extended else 14) + symbol  # noqa: E741
            length = Fraction(512 * 64, 2**mu) if extended else Fraction(144 * 64, 2**mu)
            if not extended and l in (0, 7 * 2**mu):
                length += 16 * 64
            expected.append(length / sample)
    assert list(found) == expected


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("mu", range(7))
def test_a_subframe_lasts_a_millisecond(mu, extended):
    for fft_size in (128, 384, 4096):
        prefixes = nr_cyclic_prefixes(mu, fft_size, extended=extended, slots=2**mu)
        assert sum(prefixes) + len(prefixes) * fft_size == 15 * 2**mu * fft_size


def test_prefixes_that_are_no_samples_are_refused():
    with pytest.raises(ValueError, match=r"fft_size is 1000: 9/128 of it .*a multiple of 128"):
        nr_cyclic_prefixes(0, 1000)
    with pytest.raises(ValueError, match=r"fft_size is 126: a quarter .*a multiple of 4"):
        nr_cyclic_prefixes(2, 126, extended=True)
    assert nr_cyclic_prefixes(2, 100, extended=True) == (25,) * 12
    with pytest.raises(ValueError, match="mu is 7; give 0 to 6"):
        nr_cyclic_prefixes(7, 2048)


def test_numerologies_by_their_spacing():
    assert [nr_mu(15e3 * 2**mu) for mu in range(7)] == list(range(7))
    for spacing in (7.5e3, 45e3, 1920e3, 15e3 + 1e-6):
        with pytest.raises(ValueError, match="is no NR subcarrier spacing; use 15e3 times"):
            nr_mu(spacing)


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"comb": 3}, "comb is 3; use one of 2, 4, 6, 12"),
        ({"comb": 6, "symbols": 4}, "symbols of comb 6 is 4; use one of 6, 12"),
        ({"period": 12}, "period is 12; use one of 8, 10, 16"),
        ({"prbs": 273}, "prbs is 273; use 1 to 272"),
        ({"slot_offset": 20}, "slot_offset is 20; use 0 to 19"),
        ({"repetition": 3}, "repetition is 3; use one of 1, 2, 4"),
        ({"muting_option_1": (1, 0, 1)}, "bits of muting_option_1 is 3; use one of 0, 2"),
        ({"muting_option_2": (1, 0)}, "bits of muting_option_2 is 2; use one of 0, 1"),
        ({"muting_option_1": (0, 0)}, r"muting_option_1 is \[0, 0\]; give bits, at least one"),
        ({"repetition": 8, "time_gap": 4}, "29 slots does not fit a period of 20"),
        ({"resources": (PrsResource(re_offset=4),)}, "re_offset is 4; use 0 to 3"),
        ({"resources": (PrsResource(first_symbol=11),)}, "first_symbol is 11; use 0 to 10"),
        ({"resources": ()}, "a set has one at least"),
    ],
)
def test_what_the_standard_does_not_have_is_refused(change, message):
    values = {"mu": 1, "comb": 4, "symbols": 4, "prbs": 24, "period": 20} | change
    with pytest.raises(ValueError, match=message):
        PrsResourceSet(**values)


def test_resources_must_fit_grid_and_chains():
    s = PrsResourceSet(1, 4, 4, 24, 20, start_prb=2, resources=(PrsResource(), PrsResource(1, 1)))
    with pytest.raises(ValueError, match="PRBs 2 to 25 of the PRS do not lie among PRBs 0 to 23"):
        prs_grid(s, s.resources[0], 0, grid_prbs=24)
    with pytest.raises(ValueError, match="2 resources for 3 chains"):
        prs_pilots(s, 3, grid_prbs=26)
    same = PrsResourceSet(1, 4, 4, 24, 20, resources=(PrsResource(), PrsResource(7)))
    with pytest.raises(ValueError, match="resources share elements"):
        prs_pilots(same, 2, grid_prbs=24)


# Into frames and out of them


def test_what_lies_outside_the_combs_does_not_enter():
    s = PrsResourceSet(1, 12, 12, 20, 8, start_prb=2, repetition=2, time_gap=2)
    pilots = prs_pilots(s, 3, grid_prbs=24)
    assert pilots.grid_shape == (3 * 14, 288)
    assert pilots.frame_shape == (24, 20, 3)
    assert pilots.cycle == 5 and pilots.occupancy == 20
    for frame in (0, 1, 6):
        grid = pilots.grid(frame)
        empty = grid == 0
        assert empty.mean() == 1 - 2 * 12 * 20 / (42 * 288)
        noisy = np.where(empty, np.complex64(np.nan), grid)
        assert np.allclose(pilots.descramble(noisy, frame), 1, atol=1e-6)
    assert not np.allclose(pilots.grid(0), pilots.grid(1))
    assert np.array_equal(pilots.grid(0), pilots.grid(5))


def test_several_resources_are_rows_of_their_own():
    resources = (PrsResource(5, 0), PrsResource(6, 1), PrsResource(7, 0, first_symbol=4))
    pilots = prs_pilots(PrsResourceSet(1, 2, 4, 24, 20, resources=resources), 3, grid_prbs=24)
    assert pilots.frame_shape == (12, 144, 3)
    assert pilots.symbols.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7]
    assert pilots.first.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert np.array_equal(pilots.chains.sum(axis=1), np.ones(12))
    # A row that is received on its own holds the pilots of its chain alone.
    heard = pilots.grid().sum(axis=0)[None]
    assert np.allclose(pilots.descramble(heard)[..., 0], 1, atol=1e-6)
