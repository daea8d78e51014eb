# SPDX-License-Identifier: GPL-3.0-or-later
"""Which element holds what; bytes into frames and back; packets cut up and put together."""

import numpy as np
import pytest
from gnuradio.dislac.waveform import (
    BITS_PER_SYMBOL,
    HEADER,
    Equalizer,
    PayloadReceiver,
    Reassembly,
    bit_error_rate,
    gold_sequence,
    hard_bits,
    make_payload,
    make_pilots,
    segments,
)
from gnuradio.dislac.waveform.payload import sensing_grid, thin
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq


def pilots(symbols=8, subcarriers=32, comb=4, seed=1):
    turns = np.random.default_rng(seed).integers(0, 4, (symbols, subcarriers))
    steps = np.arange(subcarriers) - np.arange(symbols)[:, None]
    return np.where(steps % comb == 0, 1j**turns, 0)


@given(
    st.integers(1, 30),
    st.integers(12, 60),
    st.integers(2, 12),
    st.sampled_from(list(BITS_PER_SYMBOL)),
    st.none() | st.floats(0.01, 0.99),
    st.none() | st.integers(0, 3),
)
def test_every_element_has_one_use_and_the_frame_unit_power(
    symbols, subcarriers, comb, modulation, share, additional
):
    sensing = pilots(symbols, subcarriers, comb)
    try:
        payload = make_payload(sensing, modulation, power_share=share, additional_dmrs=additional)
    except ValueError as error:
        assert "hold no block" in str(error)
        return
    references = (payload.known[0] != 0) & ~payload.pilots
    used = payload.pilots.astype(int) + references + payload.data
    assert np.array_equal(payload.pilots, sensing != 0)
    assert np.all(used <= 1) and payload.power.mean() == pytest.approx(1.0)
    assert np.all(used == 1)
    energy = payload.power[payload.pilots].sum() / payload.power.sum()
    assert energy == pytest.approx(share if share else np.mean(payload.pilots))
    np.testing.assert_allclose(payload.power[~payload.pilots], payload.amplitude**2)


def test_reference_signals_stand_where_the_clause_has_them():
    """TS 38.211, 7.4.1.1.1: l is the symbol's number within the slot, whatever the allocation."""
    sensing = np.zeros((28, 24), complex)
    payload = make_payload(sensing, "qpsk", additional_dmrs=1, identity=7)
    two = make_payload(sensing[:14], "qpsk", additional_dmrs=1, identity=7)
    # allocations (10, 9, 9) and (7, 7), of type B
    for found, begins, after in ((payload, (0, 10, 19), 7), (two, (0, 7), 4)):
        places = {begin + k for begin in begins for k in (0, after)}
        for place, row in enumerate(found.known[0]):
            if place not in places:
                assert not row.any() and found.data[place].all()
                continue
            slot, symbol = place // 14, place % 14
            c_init = (2**17 * (14 * slot + symbol + 1) * 15 + 14) % 2**31
            bits = 1.0 - 2.0 * gold_sequence(c_init, 24)
            np.testing.assert_allclose(row[::2], (bits[::2] + 1j * bits[1::2]) / np.sqrt(2))
            assert np.array_equal(found.data[place], np.arange(24) % 2 == 1)


@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
@pytest.mark.parametrize("size", [(8, 32), (14, 120)])
def test_blocks_come_back_and_damage_is_seen(modulation, size):
    payload = make_payload(pilots(*size), modulation, identity=5)
    assert payload.check == ("crc24a" if payload.bits > 3840 else "crc16")
    blocks = np.random.default_rng(2).integers(0, 256, (3, payload.block_size), dtype=np.uint8)
    bits = payload.encode(blocks)
    frames = payload.grid(bits)
    assert frames.shape == (3, *size)
    for frame in frames:
        np.testing.assert_array_equal(frame[~payload.data], payload.known[0, ~payload.data])
    found, good = payload.decode(payload.read(frames))
    assert good.all() and np.array_equal(found, blocks)
    bits[1, 17] ^= 1
    found, good = payload.decode(bits)
    assert good.tolist() == [True, False, True]


def test_idle_blocks_are_known_and_differ():
    payload = make_payload(pilots(), "qpsk")
    one, other = payload.idle_block(0), payload.idle_block(1)
    assert not one[:HEADER].any() and len(one) == payload.block_size
    assert np.mean(one != other) > 0.9
    assert Reassembly().take(one) is None


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="hold no block"):
        make_payload(np.ones((8, 32)), "qpsk")
    with pytest.raises(ValueError, match="share of power is 1"):
        make_payload(pilots(), "qpsk", power_share=1.0)
    with pytest.raises(ValueError, match="share of power"):
        make_payload(np.zeros((8, 32)), "qpsk", power_share=0.5)
    for identity in (-1, 1024):
        with pytest.raises(ValueError, match=f"identity is {identity}; use 0 to 1023"):
            make_payload(pilots(), "qpsk", identity=identity)
    assert make_payload(pilots(), "qpsk", identity=1023).identity == 1023


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.integers(3, 60))
def test_packets_come_back_from_blocks(packets, size):
    end, found = Reassembly(), []
    for packet in packets:
        for block in segments(packet, size):
            assert len(block) == size
            found += [p for p in [end.take(block)] if p is not None]
            end.take(np.zeros(size, np.uint8))  # idle blocks may stand anywhere
    assert found == packets and end.packets_lost == 0


@given(st.sets(st.integers(0, 29)))
def test_a_lost_block_costs_its_packet_alone(lost):
    packets = [bytes([k]) * 25 for k in range(10)]
    blocks = np.concatenate([segments(p, 12) for p in packets])  # three each
    end, found = Reassembly(), []
    for number, block in enumerate(blocks):
        if number in lost:
            end.lose()
        elif (packet := end.take(block)) is not None:
            found.append(packet)
    whole = [p for k, p in enumerate(packets) if not {3 * k, 3 * k + 1, 3 * k + 2} & lost]
    assert found == whole
    assert end.packets_lost <= 10 - len(whole)


def test_an_empty_packet_is_refused():
    with pytest.raises(ValueError, match="one or more"):
        segments(b"", 20)


# The receiver

SPACING, FFT = 30e3, 256
TIMES = np.arange(8) * 274 / (FFT * SPACING)
FREQUENCIES = (np.arange(200) - 100) * SPACING
PREFIX = 18 / (FFT * SPACING)


def noise(rng, shape, power):
    return rng.normal(size=(*shape, 2)) @ [1, 1j] * np.sqrt(power / 2)


def equalizer(payload, snr, delay=(-PREFIX / 8, PREFIX), **settings):
    return Equalizer(
        payload.known_power,
        TIMES,
        FREQUENCIES,
        delay_window=delay,
        doppler_window=(-200.0, 200.0),
        noise_power=1 / snr,
        **settings,
    )


@pytest.mark.parametrize("hopping", [False, True])
def test_channel_estimates_err_as_they_say(hopping):
    """Channels drawn from the prior: mean square error as reckoned, element by element."""
    rng = np.random.default_rng(4)
    payload, snr, draws = make_payload(pilots(8, 200), "qpsk"), 100.0, 400
    end = equalizer(payload, snr, hopping=hopping)
    delays, dopplers = (
        rng.uniform(-PREFIX / 8, PREFIX, (draws, 8)),
        rng.uniform(-200, 200, (draws, 8)),
    )
    gains = noise(rng, (draws, 8, 8), 1 / 8)
    if not hopping:
        gains[:] = gains[:1].repeat(draws, 0)
        gains = noise(rng, (draws, 8, 1), 1 / 8).repeat(8, axis=2)
    tones = np.exp(-2j * np.pi * delays[..., None] * FREQUENCIES)
    turns = np.exp(2j * np.pi * dopplers[..., None] * TIMES)
    h = np.einsum("dpm,dpm,dpn->mnd", gains, turns, tones)
    y = payload.grid(rng.integers(0, 2, payload.bits))[..., None] * h
    y = y + noise(rng, h.shape, 1 / snr)
    error = np.mean(np.abs(end.channel(y, payload.known[0]) - h) ** 2, axis=-1)
    assert error.mean() == pytest.approx(end.error.mean(), rel=0.05)
    assert np.all(np.abs(error / end.error - 1) < 0.6)
    assert end(y, payload.known[0]).received_noise == pytest.approx(1 / snr, rel=0.03)


@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
def test_error_rate_of_the_receiver_is_within_0_3_db_of_theory(modulation):
    """Flat channel of unknown phase, white noise, a quarter of the elements pilots of equal power.

    What the channel estimate costs is in it; some 1000 errors at 1e-3.
    """
    rng = np.random.default_rng(5)
    payload = make_payload(pilots(8, 200), modulation)
    snr_db = brentq(lambda db: bit_error_rate(modulation, 10 ** (db / 10)) - 1e-3, 0, 40)
    end = equalizer(payload, 10 ** (snr_db / 10), delay=(-1e-7, 3e-7))
    bits = rng.integers(0, 2, (-(-1_000_000 // payload.bits), payload.bits), dtype=np.uint8)
    errors = 0
    for word in bits:
        h = np.exp(2j * np.pi * rng.uniform())
        y = payload.grid(word) * h + noise(rng, payload.data.shape, 10 ** (-snr_db / 10))
        errors += np.count_nonzero(
            payload.read(end(y[..., None], payload.known[0]).symbols) != word
        )
    rate = errors / bits.size
    as_if = brentq(lambda db: bit_error_rate(modulation, 10 ** (db / 10)) - rate, 0, 40)
    assert -0.1 < snr_db - as_if < 0.3


def test_a_reception_says_how_good_it_is():
    rng = np.random.default_rng(6)
    payload = make_payload(pilots(8, 200), "16qam")
    receiver = PayloadReceiver(payload, equalizer(payload, 1e3))
    block = rng.integers(0, 256, payload.block_size, dtype=np.uint8)
    h = np.exp(-2j * np.pi * FREQUENCIES * 4e-7)[:, None] * np.array([1.0, 1j, -0.5])
    y = payload.grid(payload.encode(block))[..., None] * h + noise(rng, (8, 200, 3), 1e-3)
    found = receiver.receive(y)
    assert found.good and np.array_equal(found.block, block)
    # three chains add up
    assert found.evm**2 == pytest.approx(1e-3 / 2.25, rel=0.3)
    assert found.noise_power.mean() == pytest.approx(found.evm**2, rel=0.15)
    assert found.received_noise == pytest.approx(1e-3, rel=0.1)
    assert np.array_equal(found.soft_bits("16qam") < 0, found.bits.astype(bool))
    assert np.array_equal(hard_bits(found.symbols, "16qam"), found.bits)
    lost = receiver.receive(noise(rng, y.shape, 1.0))
    assert not lost.good and lost.evm > 0.2


def test_a_symbol_without_anything_known_is_refused():
    sensing = pilots(8, 200)
    sensing[3] = 0
    payload = make_payload(sensing, "qpsk", additional_dmrs=0)
    with pytest.raises(ValueError, match="symbol 3 holds no known element"):
        equalizer(payload, 100.0, hopping=True)
    assert equalizer(payload, 100.0).error.max() < 0.1


def test_pilots_are_thinned_out_one_further_up_each_symbol():
    """What stays is as it was; what makes the pilots no impulse train stands on it alone."""
    whole = make_pilots("zadoff-chu", 5, 24, 2)
    thinned = thin(whole, 4)
    rows, columns = np.indices((5, 24))
    kept = (columns - rows) % 4 == 0
    np.testing.assert_array_equal(thinned.grid(0), whole.grid(0) * kept)
    np.testing.assert_allclose(np.abs(sensing_grid(thinned)), np.broadcast_to(kept, (1, 5, 24)))
    full = sensing_grid(whole)
    np.testing.assert_array_equal(sensing_grid(thinned), full * kept)
    assert thinned.comb == 4 and len(thinned.scrambling) == len(whole.scrambling)
    with pytest.raises(ValueError, match="a comb of 5 does not divide 24 subcarriers; use one"):
        thin(whole, 5)
