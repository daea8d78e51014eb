# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-compensation, alone and followed by the channel."""

from itertools import pairwise

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.channel import (
    BeamSchedule,
    ChannelEmulator,
    ChannelPath,
    Paths,
    Precompensator,
    SnapshotModel,
    departure_delay,
    synthesize,
)
from gnuradio.dislac.dsp import CHUNK, StreamError
from gnuradio.dislac.geometry import LinearMotion, delay_and_doppler, range_and_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from tone_signals import sum_of_tones

FS, FC, C = 7.68e6, 28e9, 3e8
SCENE = {"sample_rate": FS, "carrier_frequency": FC, "speed": C}
BS = LinearMotion((-50, 190, 100))
UE = LinearMotion((0, 0, 0))
START, PERIOD, SYMBOL, MS = 15_360, 7680, 80, 8
FRAME = START + PERIOD
"""First sample of frame 1, at which the satellite is where the paper has it."""
PLACE = np.array((100e3, 200e3, 300e3))
LEO = LinearMotion(PLACE - np.array((7e3, 0, 0)) * FRAME / FS, (7e3, 0, 0))

TONES = np.random.default_rng(1).uniform(-FS / 4, FS / 4, 24)
AMPLITUDES = np.exp(2j * np.pi * np.random.default_rng(2).uniform(size=24)) / np.sqrt(24)


def tones(n, delay=0.0, doppler=0.0):
    """The signal, delayed [s] and shifted [Hz] with zero phase at `FRAME`."""
    n = np.asarray(n)
    x = sum_of_tones(n, TONES / FS, AMPLITUDES * np.exp(-2j * np.pi * delay * TONES))
    return x * np.exp(2j * np.pi * doppler * (n - FRAME) / FS)


def sent(length=8 * CHUNK, **options):
    x = tones(np.arange(length)).astype(np.complex64)
    return Precompensator((LEO, BS), **SCENE, **options).process(x[None])


def over(nodes, samples):
    return ChannelEmulator([ChannelPath(nodes)], **SCENE).process(samples)[0]


def residual(y, n, guess=1296.0):
    """Delay [s] and Doppler [Hz] that fit what has been received at samples n."""

    def error(p):
        model = tones(n, p[0] * 1e-9, p[1])
        gain = np.vdot(model, y) / np.vdot(model, model)
        return (y - gain * model).view(float)

    fit = least_squares(error, (guess, 150.0), x_scale=(0.1, 10.0))
    return fit.x[0] * 1e-9, fit.x[1]


def test_departure_delay_solves_the_time_of_arrival():
    t = np.array([[0.0, 1.0], [3.0, 10.0]])
    delay = departure_delay((LEO, UE, BS), t)
    arrival = range_and_rate((LEO, UE, BS), t + delay)[0] / 299792458.0
    assert np.abs(delay - arrival).max() < 1e-17


def test_time_varying_gives_the_input_back():
    n = np.arange(8 * CHUNK)
    for start in (0, int(10 * FS)):
        x = tones(n).astype(np.complex64)[None]
        out = Precompensator((LEO, BS), **SCENE, start=start).process(x)
        y = ChannelEmulator([ChannelPath((LEO, BS))], **SCENE, start=start).process(out)[0]
        error = y[20_000:] - x[0, 20_000 : len(y)]
        assert 10 * np.log10(np.mean(np.abs(error) ** 2)) < -86


def test_echo_keeps_the_papers_residuals():
    n = np.arange(FRAME - 4 * 640, FRAME + 4 * 640)
    y = over((LEO, UE, BS), sent())[n]
    delay, doppler = residual(y, n)
    assert delay == pytest.approx(1296.005290e-9, abs=0.02e-9)
    assert doppler == pytest.approx(165.942, abs=0.5)


@pytest.mark.parametrize("mode", ["time-varying", "frame"])
def test_errors_show_in_the_residuals(mode):
    options = {"mode": mode, "frame_start": START, "frame_period": PERIOD}
    n = np.arange(FRAME + 16, FRAME + 640)
    plain = residual(over((LEO, UE, BS), sent(**options))[n], n)
    wrong = sent(**options, timing_advance_error=40e-9, doppler_error=1500.0)
    moved = residual(over((LEO, UE, BS), wrong)[n], n)
    assert moved[0] - plain[0] == pytest.approx(40e-9, abs=0.05e-9)
    assert moved[1] - plain[1] == pytest.approx(1500.0, abs=0.5)


def test_frame_mode_holds_the_values_of_the_frames_start():
    out = sent(mode="frame", frame_start=START, frame_period=PERIOD)
    y = over((LEO, BS), out)
    # Delay and Doppler are right where the frame begins; within it the delay drifts, and what the
    # Doppler changes by turns the end of the frame by 2e-4.
    n = np.arange(FRAME, FRAME + 640)
    drift = -delay_and_doppler((LEO, BS), FRAME / FS, FC, speed=C)[1] / FC
    drifting = np.exp(2j * np.pi * np.outer((n - drift * (n - FRAME)) / FS, TONES)) @ AMPLITUDES
    assert np.abs(y[n] - drifting).max() < 1e-3
    # frames are mutually coherent
    other = n + PERIOD
    assert np.abs(y[other] / tones(other) - 1).mean() < 0.01


def test_advance_says_what_is_done():
    t = np.array([0.0, 1e-3])
    follow = Precompensator((LEO, BS), **SCENE, timing_advance_error=50e-9)
    expected = departure_delay((LEO, BS), t, speed=C) - 50e-9
    assert np.allclose(follow.advance(t), expected, rtol=0, atol=1e-16)
    held = Precompensator((LEO, BS), **SCENE, mode="frame", frame_start=START, frame_period=PERIOD)
    leaving = np.array([FRAME - 9600, FRAME - 9000]) / FS  # arrive shortly before and after
    frames = (FRAME + np.array([-PERIOD, 0])) / FS
    assert np.allclose(held.advance(leaving), range_and_rate((LEO, BS), frames)[0] / C, rtol=1e-15)


def test_lookahead_counts_the_samples_taken_before_the_first_come():
    process = Precompensator((LEO, BS), **SCENE)
    assert process.lookahead == -(-9574 // CHUNK) * CHUNK
    need = CHUNK + process.lookahead
    assert process.ready(need) == CHUNK and process.ready(need - 1) == 0
    assert process.process(np.zeros((1, need - 1))).shape == (1, 0)
    assert process.process(np.zeros((1, 1))).shape == (1, CHUNK)


@settings(max_examples=10)
@given(edges=st.lists(st.integers(0, 5 * CHUNK), max_size=6).map(sorted), frame=st.booleans())
def test_same_bits_at_any_split(edges, frame):
    options = {"mode": "frame", "frame_period": 700} if frame else {}
    draw = np.random.default_rng(4)
    x = (draw.standard_normal((3, 5 * CHUNK, 2)) @ [1, 1j]).astype(np.complex64)
    whole, parts = (Precompensator((LEO, BS), **SCENE, chains=3, start=77, **options) for _ in "ab")
    pieces = [parts.process(x[:, a:b]) for a, b in pairwise([0, *edges, 5 * CHUNK])]
    expected = whole.process(x)
    assert expected.shape[1] > 3 * CHUNK
    assert np.array_equal(np.concatenate(pieces, axis=1), expected)


def test_silence_is_left_out_without_a_trace():
    x = np.zeros((1, 3 * CHUNK), np.complex64)
    x[0, 15_000:15_640] = tones(np.arange(640))
    y = Precompensator((LEO, BS), **SCENE).process(x)
    full = Precompensator((LEO, BS), **SCENE).process(x + np.complex64(1e-30))
    assert np.abs(y - full).max() < 1e-6 < np.abs(y).max()
    assert np.count_nonzero(y) < 640 + 4 * 256


def test_an_advance_may_jump_from_frame_to_frame():
    """A frame every 10 ms: 2 samples between the advances of neighbours, taken at once."""
    fast = (LinearMotion((1.2e6, 0, 550e3), (7.6e3, 0, 0)), BS)
    period = 76_800
    process = Precompensator(fast, **SCENE, mode="frame", frame_period=period)
    n = np.arange(5 * CHUNK)
    y = process.process(tones(n).astype(np.complex64)[None])[0]
    for frame in (1, 2):
        middle = frame * period
        held, rate = (float(value) / C for value in range_and_rate(fast, middle / FS))
        first = middle + 600 - round(held * FS)  # some samples after the frame's first
        part = slice(first, first + 256)
        expected = tones(n[part], -held) * np.exp(2j * np.pi * FC * rate * np.arange(256) / FS)
        turn = np.vdot(expected, y[part]) / np.vdot(expected, expected)
        assert abs(turn) == pytest.approx(1, abs=2.5e-6)


@pytest.mark.parametrize("rate", [-7e3, 7e3])
def test_advance_is_the_same_by_departure_and_arrival(rate):
    """Also at the first sample of a frame, where the advance jumps."""
    moving = (LinearMotion((0, 0, 600e3), (0, 0, rate)), BS)
    process = Precompensator(moving, **SCENE, mode="frame", frame_period=1_200_000)
    arrival = np.array([1, 2, 3]) * 1_200_000 / FS
    advance = process.advance_of(arrival)
    expected = range_and_rate(moving, arrival)[0] / C
    assert np.allclose(advance, expected, rtol=0, atol=1e-15)
    assert np.allclose(process.advance(arrival - advance + 1e-5), advance, rtol=0, atol=1e-15)


def test_nothing_comes_before_its_input_whatever_the_error():
    process = Precompensator((LEO, BS), **SCENE, timing_advance_error=0.05)
    assert process.ready(0) == 0 and process.process(np.zeros((1, 0))).shape == (1, 0)


@pytest.mark.parametrize("chains", [1, 2])
def test_large_errors_and_short_references(chains):
    """The advance may be nil or negative: then earlier input is used."""
    near = (LinearMotion((0, 0, 0)), LinearMotion((30, 0, 0)))
    process = Precompensator(near, **SCENE, chains=chains, timing_advance_error=500 / FS)
    n = np.arange(8 * CHUNK)
    y = process.process(np.repeat(tones(n).astype(np.complex64)[None], chains, 0))
    delay = 500 / FS - 30 / C
    expected = tones(n, delay) * np.exp(2j * np.pi * FC * 30 / C)
    assert np.abs(y - expected[: y.shape[1]])[:, 600:].max() < 6e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "none"}, "mode"),
        ({"mode": "frame"}, "frame_period"),
        ({"sample_rate": -1.0}, "sample_rate"),
        ({"doppler_error": np.nan}, "doppler_error"),
        ({"start": -1}, "start"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(StreamError, match=message):
        Precompensator((LEO, BS), **{**SCENE, **options})


# The whole way: samples against the snapshot model


@pytest.mark.parametrize(
    ("coupling", "mode", "limit"),
    [("paired", "frame", -51), ("physical", "frame", -51), ("paired", "time-varying", -51.5)],
)
def test_frames_agree_with_the_snapshot_model(coupling, mode, limit):
    draw = np.random.default_rng(7)
    fft, cp, nsc, chains = 64, 16, 32, 8
    array = PlanarArray(4, 4)
    f, w = (phase_shifter_beams(MS, 16, chains, draw) for _ in range(2))
    pilots = np.exp(2j * np.pi * draw.uniform(size=(MS, chains)))
    scramble = np.exp(2j * np.pi * draw.uniform(size=nsc))
    bins = np.arange(nsc) - nsc // 2
    grid = np.zeros((MS, chains, fft), dtype=complex)
    grid[..., bins] = pilots[..., None] * scramble
    symbols = np.fft.ifft(grid, axis=-1) * fft
    frame = np.concatenate([symbols[..., -cp:], symbols], axis=-1)
    x = np.zeros((chains, 5 * CHUNK), np.complex64)
    for start in (START, FRAME):
        x[:, start : start + MS * SYMBOL] = frame.transpose(1, 0, 2).reshape(chains, -1)
    timing = Precompensator(
        (LEO, BS),
        **SCENE,
        chains=chains,
        mode=mode,
        frame_start=START,
        frame_period=PERIOD,
        frame_length=MS * SYMBOL,
    )
    channel = ChannelEmulator(
        [ChannelPath((LEO, UE, BS))],
        **SCENE,
        transmit_array=array,
        receive_array=array,
        transmit_beams=BeamSchedule(f, SYMBOL, PERIOD, START),
        receive_beams=BeamSchedule(w, SYMBOL, PERIOD, START),
        coupling=coupling,
        transmit_advance=timing.advance,
    )
    y = channel.process(timing.process(x))[:, FRAME : FRAME + MS * SYMBOL]
    y = np.fft.fft(y.reshape(chains, MS, SYMBOL)[..., cp:])[..., bins] / fft
    y = y.transpose(1, 2, 0) / scramble[:, None]

    model = SnapshotModel(
        array,
        array,
        f,
        w,
        pilots,
        np.arange(MS) * SYMBOL / FS,
        bins * FS / fft,
        coupling,
    )
    path = Paths(
        gain=np.ones(1, dtype=complex),
        arrival=array.spatial_frequency((UE.position - BS.position) / 220.454077)[None],
        departure=array.spatial_frequency(-PLACE / np.linalg.norm(PLACE))[None],
        delay=np.array([1296.005290e-9]),
        doppler=np.array([165.942]),
    )
    expected = synthesize(model, path)
    gain = np.vdot(expected, y) / np.vdot(expected, expected)
    assert abs(gain) == pytest.approx(1.0, abs=4e-4)
    evm = np.mean(np.abs(y - gain * expected) ** 2) / np.mean(np.abs(expected) ** 2)
    assert 10 * np.log10(evm) < limit


@pytest.mark.parametrize("mode", ["frame", "time-varying"])
def test_errors_change_between_two_chunks(mode):
    """What is made before is that of one without the errors, all behind it that of one with."""
    x = tones(np.arange(8 * CHUNK)).astype(np.complex64)[None]
    options = {**SCENE, "mode": mode, "frame_start": START, "frame_period": PERIOD}
    errors = {"timing_advance_error": 2e-6, "doppler_error": 500.0}
    changed = Precompensator((LEO, BS), **options)
    first = changed.process(x[:, : 4 * CHUNK])
    changed.set_errors(**errors)
    made = np.concatenate([first, changed.process(x[:, 4 * CHUNK :])], axis=1)
    exact = Precompensator((LEO, BS), **options).process(x)
    wrong = Precompensator((LEO, BS), **options, **errors).process(x)
    border = first.shape[1]
    assert border >= 3 * CHUNK and made.shape[1] > border + 2 * CHUNK
    assert np.abs(made - exact[:, : made.shape[1]])[:, :border].max() < 1e-6
    assert np.abs(made - wrong[:, : made.shape[1]])[:, border:].max() < 1e-6
    assert np.abs(exact - wrong)[:, border:].max() > 1.0


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_timing_advance_changes_by_half_a_chunk_at_once(sign):
    x = np.zeros((1, 4 * CHUNK), np.complex64)
    processor = Precompensator((LEO, BS), **SCENE)
    processor.process(x)
    most = CHUNK / 2 / FS
    with pytest.raises(
        StreamError, match=r"at once; while streams run it may change by 0\.00427 s"
    ):
        processor.set_errors(sign * most * 1.001, 0.0)
    processor.set_errors(sign * most, 0.0)
    assert processor.process(x).shape[1] >= 3 * CHUNK
    assert processor.process(x).shape[1] >= 3 * CHUNK
