# SPDX-License-Identifier: GPL-3.0-or-later
"""The link between two radios: the emulator's samples, in any pieces, as soon as they can be."""

import numpy as np
import pytest
from gnuradio.dislac.channel import ChannelEmulator
from gnuradio.dislac.channel import relay as module
from gnuradio.dislac.channel.path import ChannelPath
from gnuradio.dislac.channel.relay import RelayLink
from gnuradio.dislac.dsp.noise import GaussianNoise
from gnuradio.dislac.dsp.stream import StreamError
from gnuradio.dislac.geometry import SPEED_OF_LIGHT, LinearMotion

RATE = 5.76e6
STILL = LinearMotion((0, 0, 0))


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def kernels(request, monkeypatch):
    """Both forms of the filter, where there are both."""
    if request.param == "numpy":
        monkeypatch.setattr(module, "kernels", lambda: None)
    else:
        pytest.importorskip("numba")


def link(distance, speed=0.0, rate=RATE, carrier=0.0, **options):
    nodes = LinearMotion((distance, 0, 0), (speed, 0, 0)), STILL
    return RelayLink(nodes, sample_rate=rate, carriers=(carrier,), **options)


def tones(frequencies, count, streams=1):
    """Tones [cycles a sample] (streams, count), each stream with a phase of its own."""
    n = np.arange(count)
    parts = [np.exp(2j * np.pi * (f * n + 0.1 * k)) for k, f in enumerate(frequencies)]
    return np.stack([np.exp(1j * s) * sum(parts) for s in range(streams)]).astype(np.complex64)


def pass_through(relay, x, sizes):
    """Output for input in pieces, into places of any size."""
    sizes, out, taken = iter(sizes), [], 0
    while taken < x.shape[1]:
        size = int(next(sizes))
        relay.take(x[:, taken : taken + size])
        taken += size
        place = np.full((len(x), size), np.nan, np.complex64)
        while made := relay.make(place):
            out.append(place[:, :made].copy())
    return np.concatenate(out, axis=1)


def bits(x):
    return np.ascontiguousarray(x).view(np.uint64)


@pytest.mark.parametrize(
    ("distance", "speed", "carrier"),
    [(0.0, 0.0, 0.0), (5e3, 0.0, 0.0), (374e3, 7e3, 2e9), (1700.0, -7.5e3, 2e9)],
)
def test_the_same_bits_whatever_the_pieces(distance, speed, carrier):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 160_000)).astype(np.float32).view(np.complex64)
    x[:, 30_000:50_000] = 0
    noise = GaussianNoise(2, 0.1, 5)
    relay = link(distance, speed, carrier=carrier, streams=2, noise=noise)
    whole = pass_through(relay, x, [x.shape[1]])
    for sizes in (np.full(10**6, 333), rng.integers(1, 9000, 10**6)):
        relay.reset()
        assert np.array_equal(bits(pass_through(relay, x, sizes)), bits(whole))
    assert whole.shape[1] >= x.shape[1]


@pytest.mark.parametrize(
    ("distance", "speed", "carrier"),
    [(15e3, 0.0, 0.0), (374e3, 7e3, 2e9), (400e3, -7.5e3, 20e9), (1e7, 300.0, 2e9)],
)
def test_samples_are_those_of_the_emulator(distance, speed, carrier):
    relay = link(distance, speed, carrier=carrier, streams=2)
    path = ChannelPath(relay.path.nodes, coupling=np.eye(2), carriers=(carrier,))
    emulator = ChannelEmulator([path], sample_rate=RATE, carrier_frequency=carrier)
    x = tones([-0.4, -0.1, 0.0, 0.33], 400_000, 2)
    wanted = emulator.process(x)
    made = pass_through(relay, x, [x.shape[1]])
    count = min(wanted.shape[1], made.shape[1])
    error = np.linalg.norm(made[:, :count] - wanted[:, :count])
    assert error < 1e-6 * np.linalg.norm(wanted[:, :count])


def test_a_tone_is_late_by_the_path():
    """Closed form: the phase of a tone, and its frequency, at each sample."""
    speed, frequency, carrier = -7.3e3, 0.31, 1.5e9
    relay = link(20e3, speed, carrier=carrier)
    made = pass_through(relay, tones([frequency], 100_000), [100_000])[0, 1000:]
    n = 1000 + np.arange(len(made))
    delay = (20e3 + speed * n / RATE) / SPEED_OF_LIGHT
    phase = frequency * (n - delay * RATE) - carrier * delay
    assert np.abs(made - np.exp(2j * np.pi * phase)).max() < 3e-4


@pytest.mark.parametrize("rate", [1.92e6, 5.76e6, 23.04e6, 61.44e6])
@pytest.mark.parametrize("distance", [0.0, 1.0, 15e3, 374e3])
def test_what_is_added_is_half_a_filter_less_the_path(rate, distance):
    """With as much input as output, and no more, there is always output; what is added to a path
    of 0.1 ms or longer is nothing, and to a shorter one less than 0.1 ms."""
    relay = link(distance, rate=rate)
    late = max(distance / SPEED_OF_LIGHT * rate, relay.least)
    out = np.zeros((1, 200_000), np.complex64)
    ahead = relay.make(out)
    assert ahead == int(late) - relay.least
    x = tones([0.01], 3000)
    for n in range(0, 3000, 100):
        relay.take(x[:, n : n + 100])
        assert relay.make(out) == 100
    added = late / rate - distance / SPEED_OF_LIGHT
    assert 0 <= added < 17e-6
    if distance / SPEED_OF_LIGHT * rate > relay.least:
        assert added == pytest.approx(0, abs=1e-12)


def test_a_path_that_shrinks_and_grows_through_the_least():
    """It is followed down to half a filter, stays, and is followed again, without a step."""
    height, speed = 300.0, 20e3
    nodes = LinearMotion((-2500.0, 0, height), (speed, 0, 0)), STILL
    relay = RelayLink(nodes, sample_rate=RATE, carriers=(0.0,))
    frequency = 0.05
    made = pass_through(relay, tones([frequency], 1_500_000), np.full(2000, 5760))[0]
    n = np.arange(len(made))
    distance = np.hypot(-2500.0 + speed * n / RATE, height)
    delay = np.maximum(distance / SPEED_OF_LIGHT * RATE, relay.least)
    assert delay.min() == relay.least and delay[0] > 40 and delay[-1] > 40
    error = made[100:] - np.exp(2j * np.pi * frequency * (n - delay))[100:]
    assert np.abs(error).max() < 2e-4


def test_what_waits_is_bounded_by_the_path():
    """An hour's worth would not fit: only the delay's samples are kept, and two chunks."""
    relay = link(374e3, 7e3)
    place = np.zeros((1, 70_000), np.complex64)
    x = tones([0.1], 65_536)
    sizes = set()
    for _ in range(40):
        relay.take(x)
        while relay.make(place):
            pass
        sizes.add(relay._input.ring[1])
    assert max(sizes) <= 4 * 65_536


def test_samples_that_are_not_finite_pass_by():
    """They spoil what their filter reaches, and nothing later; no warning is given."""
    relay = link(15e3)
    x = tones([0.1], 4000)
    wanted = pass_through(relay, x, [4000])
    relay.reset()
    x[0, 1000:1004] = np.nan, np.inf, 3e38, 1e38
    made = pass_through(relay, x, [4000])
    spoilt = np.flatnonzero(made != wanted)
    assert len(spoilt) and spoilt.min() > 1000 + 288 - 40 and spoilt.max() < 1004 + 288 + 40


def test_settings_that_cannot_be():
    for settings in ({"sample_rate": 0.0}, {"speed": np.inf}, {"sample_rate": np.nan}):
        with pytest.raises(StreamError, match="must be positive"):
            RelayLink((STILL, STILL), **{"sample_rate": RATE, "carriers": (0.0,), **settings})
    with pytest.raises(StreamError, match="2 carriers for a path of 1 hops"):
        RelayLink((STILL, STILL), sample_rate=RATE, carriers=(0.0, 0.0))
    with pytest.raises(StreamError, match="not finite"):
        link(np.nan)


def test_a_path_holds_so_many_samples_at_most(monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 1000)
    metres = SPEED_OF_LIGHT / RATE
    assert link(999 * metres).make(np.zeros((1, 2000), np.complex64)) == 999 - RelayLink.least
    with pytest.raises(StreamError, match="at 0 s the path holds 1001 samples; 1000 are the most"):
        link(1001 * metres)
    growing = link(999 * metres, 7e3)  # by 0.77 samples in 32768
    growing.take(np.zeros((1, 10**6), np.complex64))
    with pytest.raises(StreamError, match=r"s the path holds 100\d samples"):
        growing.make(np.zeros((1, 10**6), np.complex64))
