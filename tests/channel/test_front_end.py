# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver impairments against closed forms."""

import numpy as np
import pytest
from gnuradio.dislac.channel import FrontEnd
from gnuradio.dislac.dsp import CHUNK, StreamError
from gnuradio.dislac.scenario import ScenarioError, load_scenario, reception, timing, transmission
from gnuradio.dislac.waveform import Numerology, demodulate, modulate
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_signals import sum_of_tones

FS = 7.68e6
RNG = np.random.default_rng(3)
TONES = np.append(RNG.uniform(-0.4 * FS, 0.4 * FS, 11), 0.0)
AMPLITUDES = np.exp(2j * np.pi * RNG.uniform(size=12)) / np.sqrt(12)


def tones(time):
    """The signal at times [s]."""
    return np.exp(2j * np.pi * (np.outer(time, TONES) % 1)) @ AMPLITUDES


def fed(count, chains=1):
    """What goes in: `count` samples of the signal on each chain."""
    x = sum_of_tones(np.arange(count), TONES / FS, AMPLITUDES).astype(np.complex64)
    return np.broadcast_to(x, (chains, count))


LONG = fed(17 * CHUNK, 4)
SIGNAL = LONG[:, : 4 * CHUNK]


def test_a_perfect_front_end_changes_nothing():
    x = SIGNAL[:2]
    y = FrontEnd(2, sample_rate=FS).process(x)
    assert y.shape[1] >= 2 * CHUNK
    assert np.abs(y - x[:, : y.shape[1]])[:, 100:].max() < 3e-6


PHASE = np.array([0.0, 1.0, -3.0, 2.0])
DELAY = np.array([0.0, 3.3e-9, -17.7e-9, 800e-9])


@pytest.mark.parametrize("start", [0.0, 1234.56, -789.01])
def test_chains_have_their_phase_and_delay(start):
    front_end = FrontEnd(4, sample_rate=FS, phase=PHASE, delay=DELAY, start_offset=start)
    y = front_end.process(SIGNAL)
    n = np.arange(2000, y.shape[1])
    for chain, phase, delay in zip(y, PHASE, DELAY, strict=True):
        late = AMPLITUDES * np.exp(2j * np.pi * TONES * (start / FS - delay) + 1j * phase)
        wanted = sum_of_tones(n, TONES / FS, late)
        assert np.abs(chain[n] - wanted).max() < 1e-4
        # each tone's phase gives the delay to far better than 0.01 ns
        basis = np.exp(2j * np.pi * (np.outer(n[:5000], TONES / FS) % 1))
        found = np.linalg.lstsq(basis, chain[n[:5000]].astype(complex), rcond=None)[0]
        turned = np.angle(found / AMPLITUDES * np.exp(-2j * np.pi * TONES * start / FS))
        residual = np.angle(np.exp(1j * (turned - phase + 2 * np.pi * TONES * delay)))
        assert abs(residual[-1]) < 1e-4  # at zero frequency: the phase alone
        late = -np.polyfit(2 * np.pi * TONES, residual, 1)[0]
        assert abs(late) < 1e-12


@pytest.mark.parametrize("ppm", [20.0, -20.0, 100.0])
def test_the_clock_drifts_over_a_million_samples(ppm):
    e = ppm * 1e-6
    front_end = FrontEnd(1, sample_rate=FS, clock_offset=e, carrier_offset=17_321.0, delay=50e-9)
    y = front_end.process(LONG[:1])[0]
    assert len(y) > 1e6
    for first in (1000, 500_000, len(y) - 5000):
        n = np.arange(first, first + 5000)
        time = n / (1 + e) / FS
        wanted = tones(time - 50e-9) * np.exp(2j * np.pi * (17_321.0 * time % 1))
        assert np.abs(y[n] - wanted).max() < 2e-3
        assert abs(np.angle(np.vdot(wanted, y[n]))) < 1e-4
    assert np.abs(front_end.time(n) - time).max() < 1e-15
    assert np.abs(front_end.sample(time) - n).max() < 1e-6


def test_ofdm_turns_as_the_calibration_expects():
    """Subcarriers get exp(j (phase - 2 pi f_n delay)); without prefixes, one symbol over and over
    again is band-limited, and nothing rings."""
    numerology = Numerology(28e9, 120e3, 64, 0, 32, 60, 64 * 60)
    symbol = np.exp(2j * np.pi * np.random.default_rng(5).uniform(size=(2, 1, 32)))
    grid = np.broadcast_to(symbol, (2, 60, 32))
    x = np.tile(modulate(grid, numerology), (1, 52)).astype(np.complex64)
    phase, delay = np.array([0.5, -2.0]), np.array([20e-9, -20e-9])
    y = FrontEnd(2, sample_rate=FS, phase=phase, delay=delay, passband=0.27).process(x)
    frame = demodulate(y[:, 6400 : 6400 + numerology.frame_length], numerology)
    f = numerology.frequencies
    turned = np.angle(np.mean(frame, axis=1) / symbol[:, 0] * np.exp(-1j * phase)[:, None])
    late, constant = -np.polyfit(2 * np.pi * f, turned.T, 1)
    assert np.abs(constant).max() < 1.2e-6
    assert np.abs(late - delay).max() < 8e-13


@settings(max_examples=5)
@given(
    st.lists(st.integers(777, 50_000), min_size=1, max_size=6), st.sampled_from([0.0, 9e-4, -2e-5])
)
def test_same_bits_in_every_buffer(sizes, clock):
    options = {
        "sample_rate": FS,
        "carrier_offset": -5e3,
        "clock_offset": clock,
        "start_offset": 321.5,
        "phase": [0.1, 2.0],
        "delay": [0.0, -3e-7],
    }
    x = SIGNAL[:2]
    whole = FrontEnd(2, **options).process(x)
    pieces, front_end, place = [], FrontEnd(2, **options), 0
    while place < x.shape[1]:
        size = [*sizes, 30_001][len(pieces) % (len(sizes) + 1)]
        ready = front_end.ready(len(x[0, place : place + size]))
        pieces.append(front_end.process(x[:, place : place + size]))
        assert pieces[-1].shape[1] == ready
        place += size
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    front_end.reset()
    assert np.array_equal(front_end.process(x), whole)


@pytest.mark.parametrize("clock", [1e-3, -1e-3])
def test_the_past_does_not_grow(clock):
    front_end = FrontEnd(1, sample_rate=FS, clock_offset=clock)
    zeros = np.zeros((1, CHUNK), np.complex64)
    made = sum(front_end.process(zeros).shape[1] for _ in range(1000))
    assert abs(made - 1000 * CHUNK * (1 + clock)) < 3 * CHUNK
    assert front_end._input._size <= 6 * CHUNK


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"clock_offset": 2e-3}, "1000 ppm"),
        ({"carrier_offset": np.nan}, "carrier_offset is nan"),
        ({"phase": [1.0, 2.0, 3.0]}, "one finite number, or 2"),
        ({"delay": np.inf}, "delay is inf"),
        ({"sample_rate": 0.0}, "must be positive"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(StreamError, match=said):
        FrontEnd(2, **{"sample_rate": FS, **settings})


SECTION = {
    "carrier_offset_hz": 100.0,
    "clock_offset_ppm": 2.0,
    "start_offset": 10.5,
    "phase_deg": [0, 90],
    "delay_ns": [0, -5],
}


def test_a_scenario_has_one():
    scenario = load_scenario("paper", {"beams.chains": 2, "front_end": SECTION})
    front_end = reception.front_end(scenario)
    y = front_end.process(SIGNAL[:2])
    n = np.arange(1000, 5000)
    time = (10.5 + n / (1 + 2e-6)) / FS
    # within the band that the scenario's pilots occupy
    inside = np.abs(TONES) < 0.25 * FS
    basis = np.exp(2j * np.pi * ((np.outer(time, TONES) + 100.0 * time[:, None]) % 1))
    for chain, phase, delay in zip(y, (0, np.pi / 2), (0, -5e-9), strict=True):
        found = np.linalg.lstsq(basis, chain[n].astype(complex), rcond=None)[0]
        wanted = AMPLITUDES * np.exp(1j * (phase - 2 * np.pi * TONES * delay))
        assert np.abs(found - wanted)[inside].max() < 4e-5
    assert reception.front_end(load_scenario("paper")) is None


def test_samples_of_a_scenario_come_through_its_front_end():
    """All frames that are sent come out, wherever the receiver starts."""
    section = {**SECTION, "start_offset": 5000.25, "clock_offset_ppm": -50.0}
    scenario = load_scenario(
        "paper", {"beams.chains": 2, "front_end": section, "channel.noise": {}}
    )
    period = scenario.numerology.frame_period
    frame = np.pad(
        transmission.pilot_frame(scenario), ((0, 0), (timing.preamble(scenario), 3 * period))
    )
    y = reception.received(scenario, frame.astype(np.complex64))
    at = reception.front_end(scenario).sample(timing.frame_time(scenario, 0))
    power = np.convolve(np.abs(y[0]) ** 2, np.ones(scenario.numerology.frame_length), "valid")
    assert abs(np.argmax(power) - at) < 20


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("phase_deg", [1, 2, 3], "front_end.phase_deg: 3 values for 2 chains"),
        ("clock_offset_ppm", 2000, "front_end.clock_offset_ppm: 2000 is greater"),
        ("carrier_offset_hz", 1e9, "front_end.carrier_offset_hz"),
        ("drift", 1, "front_end.drift: unknown key"),
    ],
)
def test_wrong_sections_name_the_key(key, value, said):
    with pytest.raises(ScenarioError, match=said):
        load_scenario("paper", {"beams.chains": 2, f"front_end.{key}": value})
