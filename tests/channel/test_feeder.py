# SPDX-License-Identifier: GPL-3.0-or-later
"""A feeder link before a transparent satellite: its own delay, its own Doppler shift."""

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.channel import ChannelEmulator, ChannelPath, Precompensator
from gnuradio.dislac.dsp import CHUNK, StreamError
from gnuradio.dislac.geometry import (
    CircularOrbit,
    LinearMotion,
    LocalMotion,
    carrier_cycles,
    delay_and_doppler,
    range_and_rate,
)
from scipy.constants import c
from tone_signals import gains, sum_of_tones, tone_matrix

FS = 7.68e6
CARRIERS = 18e9, 28e9
FEEDING, BS = LinearMotion((-300e3, 50e3, 0)), LinearMotion((-50, 190, 100))
LEO = LinearMotion((100e3, 200e3, 500e3), (7e3, 0, 0))
PASSING = LocalMotion(
    CircularOrbit(550e3, np.radians(53), node_longitude=-1.21), (50.9, -1.4, 20.0)
)
"""Up from 870 to 1450 s, highest at 1160 s."""

TONES = np.random.default_rng(1).uniform(-FS / 4, FS / 4, 16)
AMPLITUDES = np.exp(2j * np.pi * np.random.default_rng(2).uniform(size=16)) / 4


def tones(n):
    return AMPLITUDES * tone_matrix(n, TONES / FS)


def cycles_and_delay(y, n):
    """By how many cycles and seconds y is late."""
    slope, carrier = np.polyfit(TONES, np.angle(gains(y, tones(n))) / (2 * np.pi), 1)
    return -carrier, -slope


def over(samples, nodes, start=0, carriers=CARRIERS, **options):
    emulator = ChannelEmulator(
        [ChannelPath(nodes, carriers=carriers, transmitter=len(nodes) - 2)],
        sample_rate=FS,
        carrier_frequency=28e9,
        start=start,
        **options,
    )
    return emulator.process(samples.astype(np.complex64))[0]


def test_each_hop_turns_at_its_own_carrier():
    nodes, start = (FEEDING, LEO, BS), 5_000_000
    n, tone = start + np.arange(4 * CHUNK), 3e5
    y = over(np.exp(2j * np.pi * (n * tone / FS % 1))[None], nodes, start)
    n, y = n[35_000 : len(y)], y[35_000:]
    service = range_and_rate(nodes[1:], n / FS)[0] / c
    feeder = range_and_rate(nodes[:2], n / FS - service)[0] / c  # as it passes the satellite
    turns = n * tone / FS % 1 - tone * (feeder + service)
    turns -= CARRIERS[0] * feeder % 1 + CARRIERS[1] * service % 1
    error = np.angle(y * np.exp(-2j * np.pi * turns)) / (2 * np.pi)
    assert np.abs(error).max() < 1e-3


def test_a_path_over_a_satellite_is_two_paths_one_after_the_other():
    """To the satellite on the feeder's carrier, and from there on the service link's."""
    start = 5_000_000
    n = start + np.arange(12 * CHUNK)
    x = sum_of_tones(n, TONES / FS, AMPLITUDES)[None]
    whole = over(x, (FEEDING, LEO, BS), start)
    up = over(x, (FEEDING, LEO), start, CARRIERS[:1])
    down = over(up[None], (LEO, BS), start, CARRIERS[1:])
    first = 60_000  # more than both delays take, and the filters
    whole, down = whole[first : len(down)], down[first:]
    assert len(down) > 2 * CHUNK
    # two delays, each held for 256 samples, are not quite one; with 26 ns, or 471 cycles, between
    # the feeder link's length at the two times, more would be seen
    error = np.sqrt(np.mean(np.abs(whole - down) ** 2) / np.mean(np.abs(down) ** 2))
    assert error < 3e-3
    halves = np.split(np.arange(len(down) - len(down) % 2), 2)
    assert all(abs(np.angle(np.vdot(whole[h], down[h]))) < 1e-5 for h in halves)


@pytest.mark.parametrize("instant", [900.0, 1159.99, 1400.0])
def test_precompensation_undoes_both_hops(instant):
    nodes, start = (FEEDING, PASSING, BS), round(instant * FS)
    process = Precompensator(nodes, sample_rate=FS, carrier_frequency=CARRIERS, start=start)
    n = start + np.arange(2 * process.lookahead + 4 * CHUNK)
    y = over(
        process.process(sum_of_tones(n, TONES / FS, AMPLITUDES).astype(np.complex64)[None]),
        nodes,
        start,
    )
    first = process.lookahead + 100
    n, y = n[first : len(y)], y[first:]
    half = len(y) // 2
    assert half > CHUNK
    parts = [cycles_and_delay(y[p], n[p]) for p in (slice(half), slice(half, None))]
    assert max(abs(late) for _, late in parts) < 1e-9
    assert abs(parts[1][0] - parts[0][0]) / (half / FS) < 1.0
    assert max(abs(cycles) for cycles, _ in parts) < 2e-7
    # one carrier for both hops would have been wrong by much
    shifts = [delay_and_doppler(nodes, instant, f)[1] for f in (CARRIERS, CARRIERS[1])]
    assert abs(shifts[1] - shifts[0]) > 5e3


def test_precompensation_of_a_frame_is_right_in_its_middle():
    """Frames of 1 ms, back to back: late by nothing and shifted by nothing there, in phase."""
    instant, period = 1300.0, 7680
    nodes, start = (FEEDING, PASSING, BS), round(instant * FS)
    process = Precompensator(
        nodes,
        sample_rate=FS,
        carrier_frequency=CARRIERS,
        mode="frame",
        frame_start=start,
        frame_period=period,
        frame_length=period,
        start=start,
    )
    n = start + np.arange(2 * process.lookahead + 4 * CHUNK)
    y = over(
        process.process(sum_of_tones(n, TONES / FS, AMPLITUDES).astype(np.complex64)[None]),
        nodes,
        start,
    )
    first = -(-(process.lookahead + 100) // period)
    found = []
    for frame in range(first, len(y) // period):
        middle = frame * period + period // 2
        parts = [slice(middle - 3000, middle - 500), slice(middle + 500, middle + 3000)]
        before, after = (cycles_and_delay(y[p], n[p]) for p in parts)
        assert abs(before[1] + after[1]) / 2 < 1e-9
        assert abs(after[0] - before[0]) / (3500 / FS) < 1.0
        found.append((before[0] + after[0]) / 2)
    assert len(found) >= 10 and np.abs(found).max() < 1.2e-3


def test_the_satellites_array_sends_not_the_gateways():
    array = PlanarArray(4, 2)
    sight = BS.state(0.0)[0] - LEO.state(0.0)[0]
    direction = array.spatial_frequency(sight / np.linalg.norm(sight))
    x = np.random.default_rng(3).normal(size=(8, 2 * CHUNK))
    y = over(x, (FEEDING, LEO, BS), transmit_array=array)[40_000:]
    one = array.steering(direction) @ x
    expected = over(one[None], (FEEDING, LEO, BS))[40_000:]
    assert np.abs(y - expected).max() < 1e-3 * np.abs(expected).max()


def test_cycles_of_one_carrier_are_those_of_the_delay():
    nodes, time = (FEEDING, LEO, BS), np.array([[0.0, 1.0, 2.0]])
    delay, doppler = delay_and_doppler(nodes, time, 28e9)
    for carrier in (28e9, (28e9, 28e9)):
        cycles, growth = carrier_cycles(nodes, time, carrier)
        assert cycles.shape == growth.shape == (1, 3)
        assert np.allclose(cycles, 28e9 * delay, rtol=1e-14)
        assert np.allclose(growth, -doppler, rtol=1e-14)


def test_one_carrier_a_hop():
    with pytest.raises(StreamError, match="1 carriers for a path of 2 hops"):
        ChannelPath((FEEDING, LEO, BS), carriers=(1e9,))
    with pytest.raises(StreamError, match="node 2 of 3 cannot have the transmit array"):
        ChannelPath((FEEDING, LEO, BS), transmitter=2)
    with pytest.raises(StreamError, match="3 carriers for a reference path of 2 hops"):
        Precompensator((FEEDING, LEO, BS), sample_rate=FS, carrier_frequency=(1e9, 2e9, 3e9))
    with pytest.raises(ValueError, match="3 carriers for 2 hops"):
        carrier_cycles((FEEDING, LEO, BS), 0.0, (1e9, 2e9, 3e9))
