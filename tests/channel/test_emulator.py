# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator against closed forms and an independent, slow formulation."""

import ctypes
import mmap
from itertools import pairwise

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.channel import (
    BeamSchedule,
    BlockFading,
    ChannelEmulator,
    ChannelPath,
    ShadowedRician,
)
from gnuradio.dislac.channel.endpoints import PART
from gnuradio.dislac.channel.numpy_engine import matrix_product
from gnuradio.dislac.dsp import BLOCK, CHUNK, GaussianNoise, StreamError
from gnuradio.dislac.geometry import LinearMotion, range_and_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_signals import gains, sum_of_tones

FS, FC, C = 7.68e6, 28e9, 3e8
SCENE = {"sample_rate": FS, "carrier_frequency": FC, "speed": C}
LEO = LinearMotion((100e3, 200e3, 300e3), (7e3, 0, 0))
BS = LinearMotion((-50, 190, 100))
UE = LinearMotion((0, 0, 0), (10, -3, 0))
SCATTERERS = [LinearMotion((-20, 100, 40)), LinearMotion((-40, 30, 90))]

rng = np.random.default_rng(1)
TONES = np.concatenate([rng.uniform(-FS / 4, FS / 4, 30), [-FS / 4, FS / 4]])
AMPLITUDES = np.exp(2j * np.pi * rng.uniform(size=32)) / np.sqrt(32)

STRIDE = 5
"""Samples from one that is compared with the closed form to the next: any place within a block."""


def tones(n, delay=0.0):
    """The analytic signal at n / fs - delay, (samples, tones): exact where numbers are large."""
    cycles = np.outer(n, TONES / FS) % 1 - np.outer(np.broadcast_to(delay, np.shape(n)), TONES)
    return AMPLITUDES * np.exp(2j * np.pi * cycles)


def received(nodes, n, speed=C):
    """Closed form of what arrives over a path of unit gain, (samples, tones)."""
    delay = range_and_rate(nodes, n / FS)[0] / speed
    return tones(n, delay) * np.exp(-2j * np.pi * (FC * delay % 1))[:, None]


def emulated(nodes, start, length=4 * CHUNK):
    """What the emulator makes of the tones, and the indices of its full samples."""
    emulator = ChannelEmulator([ChannelPath(nodes)], **SCENE, start=start)
    x = sum_of_tones(start + np.arange(length), TONES / FS, AMPLITUDES)
    y = emulator.process(x[None].astype(np.complex64))[0]
    filled = int(range_and_rate(nodes, start / FS)[0] / C * FS) + 100
    n = start + np.arange(len(y))
    return n[filled:], y[filled:]


@pytest.mark.parametrize("nodes", [(LEO, BS), (LEO, UE, BS), (LEO, UE, SCATTERERS[0], BS)])
@pytest.mark.parametrize("second", [0, 5, 10])
def test_wideband_signal_over_ten_seconds_of_motion(nodes, second):
    n, y = emulated(nodes, int(second * FS) + 17)
    n, y = n[::STRIDE], y[::STRIDE]
    truth = received(nodes, n)
    error = y - truth.sum(1)
    assert 10 * np.log10(np.mean(np.abs(error) ** 2)) < -86
    # Each tone's phase, fitted over the run: its mean is the carrier's, its slope the delay's.
    phase = np.angle(gains(y, truth)) / (2 * np.pi)
    slope, carrier = np.polyfit(TONES, phase, 1)
    assert abs(carrier) < 1e-4
    assert abs(slope) < 1e-11
    # sample by sample
    assert np.abs(np.angle(y / truth.sum(1)))[np.abs(truth.sum(1)) > 0.5].max() < 0.01 * 2 * np.pi


def test_narrow_tone_is_continuous_at_every_border():
    start = int(10 * FS) + 17
    emulator = ChannelEmulator([ChannelPath((LEO, BS))], **SCENE, start=start)
    n = start + np.arange(6 * CHUNK)
    y = emulator.process(np.ones((1, len(n)), np.complex64))[0][20_000:]
    n = n[20_000 : 20_000 + len(y)]
    phase = FC * range_and_rate((LEO, BS), n / FS)[0] / C
    error = y * np.exp(2j * np.pi * (phase % 1)) - 1
    assert np.abs(error).max() < 1.5e-4  # 2e-5 cycles
    step = np.abs(np.diff(error))
    assert step[n[1:] % BLOCK == 0].max() < 1e-4
    assert step[n[1:] % CHUNK == 0].max() < 1e-4


def test_fast_satellite_keeps_80_db():
    """23 ppm: a satellite near the horizon of a low orbit."""
    fast = LinearMotion((2.6e6, 0, 550e3), (7.6e3, 0, 0))
    n, y = emulated((fast, BS), 0, 6 * CHUNK)
    length, rate = range_and_rate((fast, BS), 0.0)
    assert abs(rate / C) == pytest.approx(23e-6, rel=0.1)
    error = y[::STRIDE] - received((fast, BS), n[::STRIDE]).sum(1)
    assert 10 * np.log10(np.mean(np.abs(error) ** 2)) < -81
    assert length / C * FS > CHUNK


def test_delays_of_few_samples():
    near = (LinearMotion((0, 0, 0)), LinearMotion((3.0, 0, 0), (0, 40, 0)))
    n = np.arange(4 * CHUNK)
    emulator = ChannelEmulator([ChannelPath(near)], **SCENE)
    assert emulator.lookahead == CHUNK
    y = emulator.process(sum_of_tones(n, TONES / FS, AMPLITUDES).astype(np.complex64)[None])[0]
    assert len(y) == 3 * CHUNK
    error = y[100::STRIDE] - received(near, n[100 : len(y) : STRIDE]).sum(1)
    assert 10 * np.log10(np.mean(np.abs(error) ** 2)) < -70


# Bits


def scene(coupling, start=0, fading=True, **options):
    draw = np.random.default_rng(3)
    array = PlanarArray(2, 2)
    schedules = [
        BeamSchedule(phase_shifter_beams(4, 4, 3, draw), 80, 700, first) for first in (900, 1000)
    ]
    gain = BlockFading(ShadowedRician().scattered, 4) if fading else 0.3
    return ChannelEmulator(
        [
            ChannelPath((LEO, UE, BS), 0.5),
            ChannelPath((LEO, BS), 1j),
            ChannelPath((LEO, UE, SCATTERERS[0], BS), gain),
        ],
        **SCENE,
        transmit_array=array,
        receive_array=array,
        transmit_beams=schedules[0],
        receive_beams=schedules[1],
        coupling=coupling,
        transmit_advance=lambda t: 1e-3 + 6e-6 * t,
        start=start,
        **options,
    )


def streams(count, length, seed=5):
    draw = np.random.default_rng(seed)
    return (draw.standard_normal((count, length, 2)) @ [1, 1j]).astype(np.complex64)


def in_pieces(process, x, edges):
    edges = [0, *edges, x.shape[1]]
    return np.concatenate([process.process(x[:, a:b]) for a, b in pairwise(edges)], axis=1)


COUNT = 3 * CHUNK + 5_000


@pytest.fixture(scope="module", params=["physical", "paired"])
def whole(request):
    x = streams(3, COUNT)
    noise = GaussianNoise(3, 0.1, 9)
    return request.param, x, noise, scene(request.param, start=123, noise=noise).process(x)


@pytest.mark.parametrize("size", [1000, 4096, 4097, 100_000])
def test_same_bits_at_any_buffer_size(whole, size):
    coupling, x, noise, y = whole
    pieces = in_pieces(scene(coupling, start=123, noise=noise), x, range(size, x.shape[1], size))
    assert y.shape[1] == (123 + COUNT) // CHUNK * CHUNK - 123
    assert np.array_equal(pieces, y)


@settings(max_examples=10)
@given(edges=st.lists(st.integers(0, COUNT), max_size=6).map(sorted))
def test_same_bits_at_any_split(whole, edges):
    coupling, x, noise, y = whole
    assert np.array_equal(in_pieces(scene(coupling, start=123, noise=noise), x, edges), y)


def test_same_bits_sample_by_sample(whole):
    coupling, x, noise, y = whole
    process = scene(coupling, start=123, noise=noise)
    parts = in_pieces(process, x[:, :CHUNK], range(1, CHUNK))
    assert np.array_equal(parts, y[:, : CHUNK - 123]) and parts.shape[1] == CHUNK - 123


def test_same_bits_after_reset(whole):
    coupling, x, noise, y = whole
    process = scene(coupling, start=123, noise=noise)
    process.process(streams(3, 30_000, seed=6))
    process.reset()
    assert np.array_equal(process.process(x), y)


def test_later_start_is_silence_before():
    x = streams(3, 30_000)
    late = scene("physical", start=5000).process(x)
    padded = scene("physical").process(np.concatenate([np.zeros((3, 5000), np.complex64), x], 1))
    assert np.array_equal(late, padded[:, 5000:])


@pytest.mark.parametrize("coupling", ["physical", "paired"])
def test_silence_is_left_out_without_a_trace(coupling):
    x = streams(3, 2 * CHUNK)
    x[:, (np.arange(2 * CHUNK) - 1000) % 14_000 >= 320] = 0
    y = scene(coupling).process(x)
    # too little to see, enough to be worked on
    full = scene(coupling).process(x + np.complex64(1e-30))
    assert np.abs(y - full).max() < 1e-6 < np.abs(y).max()
    assert np.count_nonzero(y[0]) < 5 * (320 + 4 * BLOCK)
    assert np.array_equal(in_pieces(scene(coupling), x, range(1000, 2 * CHUNK, 1000)), y)


# Beams and couplings


@pytest.mark.parametrize("coupling", ["physical", "paired"])
def test_beams_against_a_slow_formulation(coupling):
    """Weights sample by sample in double precision, one emulated stream for each scalar."""
    emulator = scene(coupling)
    x = streams(3, 2 * CHUNK)
    y = emulator.process(x)
    n = np.arange(y.shape[1])
    centre = (n // PART + 0.5) * PART / FS
    transmitting, receiving = emulator.transmitter.schedule, emulator.receiver.schedule
    array = PlanarArray(2, 2)
    expected = np.zeros(y.shape, dtype=complex)
    advance = np.floor((1e-3 + 6e-6 * (n // BLOCK * BLOCK + BLOCK - 1) / FS) * FS)
    f = transmitting.beams[transmitting.symbol(n + advance.astype(int))]
    w = receiving.beams[receiving.symbol(n)]
    for path in emulator.paths:
        ends = [(path.nodes[0], path.nodes[1]), (path.nodes[-1], path.nodes[-2])]
        v = []
        for here, there in ends:
            sight = there.state(centre)[0] - here.state(centre)[0]
            sight /= np.linalg.norm(sight, axis=-1, keepdims=True)
            v.append(array.steering(array.spatial_frequency(sight)))
        out = np.einsum("na,nai->ni", v[0], f).T * x[:, : len(n)]
        if coupling == "physical":
            out = out.sum(0, keepdims=True)
        moved = [
            ChannelEmulator([ChannelPath(path.nodes)], **SCENE).process(z[None])[0]
            for z in out.astype(np.complex64)
        ]
        gain = path.gain
        if callable(gain):
            gain = gain(np.maximum((n - 1000) // 700, 0))
        expected += np.einsum("nai,na->in", w.conj(), v[1]) * gain * np.array(moved)
    assert np.sqrt(np.mean(np.abs(expected) ** 2)) > 0.1
    assert np.abs(y - expected).max() < 1e-5 * np.abs(expected).max()


def test_given_directions_replace_the_followed_ones():
    array = PlanarArray(2, 2)
    options = {**SCENE, "transmit_array": array, "receive_array": array}
    x = streams(4, 4 * CHUNK)
    fixed = ChannelPath((LEO, BS), departure=(0.1, -0.3), arrival=(0.2, 0.5))
    y = ChannelEmulator([fixed], **options).process(x)
    scalar = (array.steering((0.1, -0.3)) @ x).astype(np.complex64)
    one = ChannelEmulator([ChannelPath((LEO, BS))], **SCENE).process(scalar[None])
    expected = array.steering((0.2, 0.5))[:, None] * one
    assert np.abs(y - expected).max() < 1e-5 and np.abs(expected).max() > 0.5


@pytest.mark.parametrize(
    "matrix",
    [np.eye(2), np.outer([1, 2j, 0], [1, -1]), np.arange(6.0).reshape(3, 2), np.zeros((1, 2))],
)
def test_plain_streams_with_any_coupling_matrix(matrix):
    x = streams(2, 4 * CHUNK)
    y = ChannelEmulator([ChannelPath((LEO, BS), 0.5, coupling=matrix)], **SCENE).process(x)
    alone = ChannelEmulator([ChannelPath((LEO, BS), coupling=np.eye(2))], **SCENE).process(x)
    assert y.shape == (len(matrix), 4 * CHUNK)
    assert np.abs(y - 0.5 * matrix @ alone).max() < 1e-5


def test_paths_add_up():
    x = streams(2, 4 * CHUNK)
    paths = [ChannelPath(nodes, g) for nodes, g in (((LEO, BS), 1), ((LEO, UE, BS), 2j))]
    options = {**SCENE, "inputs": 2, "outputs": 3}
    together = ChannelEmulator(paths, **options).process(x)
    apart = [ChannelEmulator([path], **options).process(x) for path in paths]
    assert np.abs(together - sum(apart)).max() < 1e-5 * np.abs(together).max()
    assert np.array_equal(together[0], together[2])


def test_no_paths_leave_the_noise():
    noise = GaussianNoise(2, 1.5, 3)
    emulator = ChannelEmulator([], **SCENE, inputs=1, outputs=2, noise=noise)
    y = emulator.process(streams(1, 3 * CHUNK))
    expected = np.zeros((2, CHUNK), np.complex64)
    noise.fill(2, expected)
    assert np.array_equal(y[:, 2 * CHUNK :], expected)
    assert np.mean(np.abs(y) ** 2) == pytest.approx(1.5, rel=0.05)


def test_nan_passes_and_passes_by():
    """What arrives broken is passed on, and does not stay inside."""
    emulator = ChannelEmulator([ChannelPath((LEO, BS))], **SCENE)
    x = streams(1, 6 * CHUNK)
    x[0, 2 * CHUNK] = np.nan
    y = emulator.process(x)
    bad = np.flatnonzero(np.isnan(y[0]))
    assert len(bad) and bad.max() - bad.min() < 3 * BLOCK


def test_single_columns_are_multiplied_without_reading_beyond_their_end():
    """BLAS's dot product of a column looks at the next row, which memory need not have."""
    page, rows = mmap.PAGESIZE, 8
    memory = mmap.mmap(-1, (rows + 1) * page)
    column = np.ndarray((1, rows, 1), np.complex64, memory, 0, (page * rows, page, 8))
    column[:] = 1 + np.arange(rows)[:, None]
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(begin + rows * page), page, 0) == 0
    out = np.empty((1, 1, 1), np.complex64)
    matrix_product(np.ones((1, 1, rows), np.complex64), column, out)
    assert out == 36


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 0.0}, "sample_rate"),
        ({"speed": -1.0}, "speed"),
        ({"carrier_frequency": np.nan}, "carrier_frequency"),
        ({"coupling": "both"}, "coupling"),
        ({"start": -5}, "start"),
        ({"transmit_array": PlanarArray(2, 2), "inputs": 3}, "transmitter"),
        (
            {
                "receive_array": PlanarArray(2, 2),
                "receive_beams": BeamSchedule(np.ones((1, 3, 2)), 5, 5),
            },
            "receiver",
        ),
        ({"coupling": "paired", "inputs": 2, "outputs": 3}, "paired"),
    ],
)
def test_settings_that_disagree_are_refused(options, message):
    with pytest.raises(StreamError, match=message):
        ChannelEmulator([ChannelPath((LEO, BS))], **{**SCENE, **options})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nodes": (LEO,)}, "nodes"),
        ({"gain": np.nan}, "gain"),
        ({"arrival": (1, 2, 3)}, "arrival"),
        ({"coupling": np.ones(3)}, "matrix"),
    ],
)
def test_impossible_paths_are_refused(values, message):
    with pytest.raises(StreamError, match=message):
        ChannelPath(**{"nodes": (LEO, BS), **values})


def test_frame_gains_need_frames():
    path = ChannelPath((LEO, BS), BlockFading(ShadowedRician().scattered, 1))
    with pytest.raises(StreamError, match="receive_beams"):
        ChannelEmulator([path], **SCENE)
    frames = BeamSchedule.constant(np.eye(1), 700)
    y = ChannelEmulator([path], **SCENE, receive_beams=frames).process(streams(1, 6 * CHUNK))
    assert np.any(y)


def test_any_speed_is_followed():
    """230 ppm, far beyond satellites."""
    falling = (LinearMotion((0, 0, 100e3), (0, 0, -70e3)), LinearMotion((0, 0, 0)))
    n = 5000 + np.arange(4 * CHUNK)
    x = np.exp(2j * np.pi * 0.01 * n)[None].astype(np.complex64)
    emulator = ChannelEmulator([ChannelPath(falling)], **SCENE, start=5000)
    y = emulator.process(x)[0, 4000:]
    n = n[4000 : 4000 + len(y)]
    delay = range_and_rate(falling, n / FS)[0] / C
    expected = np.exp(2j * np.pi * (0.01 * (n - delay * FS) - FC * delay % 1))
    assert 10 * np.log10(np.mean(np.abs(y - expected) ** 2)) < -65


def test_a_path_that_gets_too_short_is_refused_when_it_does():
    falling = (LinearMotion((0, 0, 5000), (0, 0, -15e3)), LinearMotion((0, 0, 0)))
    emulator = ChannelEmulator([ChannelPath(falling)], **SCENE)
    assert emulator.lookahead == 0
    with pytest.raises(StreamError, match="must stay longer"):
        for _ in range(400):
            emulator.process(streams(1, CHUNK))
