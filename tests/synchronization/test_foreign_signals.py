# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals of other transmitters: never taken for the direct path, which is found beside them."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.reception import direct_path, front_end, synchronizer
from gnuradio.dislac.scenario.timing import first_arrival
from gnuradio.dislac.simulation import received_stream
from gnuradio.dislac.synchronization import FrameReader, acquire, measure, recognition, reference
from gnuradio.dislac.synchronization.recognition import chance, equalized
from gnuradio.dislac.waveform import modulate
from scipy.stats import beta

PRS = str(Path(__file__).parents[2] / "examples" / "prs.yml")
ONE = "pilots.resources"


@cache
def loaded(source, overrides=()):
    return load_scenario(source, {"synchronization.reference": "direct-path", **dict(overrides)})


def placed(made, start, carrier, rng):
    """A period of the direct path with unit power of an element, and random phases of the chains;
    the frame before it has ended at its beginning, or just not."""
    n = made.numerology
    frame = (
        modulate(direct_path(made).grids[0], n)
        * np.exp(2j * np.pi * rng.random(made.chains))[:, None]
    )
    x = np.zeros((made.chains, n.frame_period + n.frame_length + 1), complex)
    for begin in (start, start - n.frame_period, start + n.frame_period):
        first, last = max(begin, 0), min(begin + n.frame_length, x.shape[1])
        if first < last:
            x[:, first:last] = frame[:, first - begin : last - begin]
    x *= np.sqrt(n.subcarriers / n.fft_size / np.mean(np.abs(frame) ** 2))
    return x * np.exp(2j * np.pi * carrier / n.sample_rate * np.arange(x.shape[1]))


def noise(made, rng):
    n = made.numerology
    shape = made.chains, n.frame_period + n.frame_length + 1, 2
    return rng.standard_normal(shape) @ [1, 1j] / np.sqrt(2)


def search(made, x):
    window = made.synchronization.carrier_window
    return acquire(x.astype(np.complex64), direct_path(made), window)


FAST = (("numerology.frame_period", 1_280),)
BOTH = (*FAST, ("beams.coupling", "physical"))
LONG = (("numerology.frame_period", 2_560), ("numerology.symbols", 32))
WALSH = (*FAST, ("pilots.kind", "walsh-hadamard"))
RANDOM = (*FAST, ("pilots.kind", "random-phase"))
SHIFTED = ("pilots.interleaved", False)
"""Users' codes that are shifts of one another."""
TOGETHER = ((ONE, ({"sequence_id": 7},)),)


@pytest.mark.monte_carlo
@pytest.mark.parametrize(
    ("source", "settings", "other"),
    [
        ("paper", FAST, ("seed", 108)),
        ("paper", BOTH, ("seed", 108)),
        ("lab", (), ("seed", 108)),
        *((*scene, ("pilots.user", 8)) for scene in (("paper", FAST), ("lab", ()))),
        ("paper", WALSH, ("pilots.user", 64)),
        # Half a symbol and 6 kHz; half a sample and 12 kHz; 1 sample and 24 kHz; 2 samples
        *(("paper", (*FAST, SHIFTED), ("pilots.user", user)) for user in (1, 2, 4, 8, 255, 248)),
        ("paper", (*BOTH, SHIFTED), ("pilots.user", 2)),
        # A thirty-second of a sample and 1.5 kHz
        ("paper", (*LONG, SHIFTED), ("pilots.user", 1)),
        *(("paper", (*WALSH, SHIFTED), ("pilots.user", user)) for user in (1, 32, 64, 128)),
        *(("paper", (*RANDOM, SHIFTED), ("pilots.user", user)) for user in (1, 2, 8)),
        *(("lab", (SHIFTED,), ("pilots.user", user)) for user in (1, 8)),
        (PRS, TOGETHER, (ONE, ({"sequence_id": 8},))),
        (PRS, (), (ONE, tuple({"sequence_id": 50 + k, "re_offset": k} for k in range(4)))),
    ],
)
def test_other_signals_are_not_found_and_ours_is_beside_them(source, settings, other):
    made, foreign = loaded_of(source, settings), loaded_of(source, (*settings, other))
    rng = np.random.default_rng(11)
    n = made.numerology
    for level in (10, 24, 38) if source != PRS else (24,):
        start = int(rng.integers(n.symbol_length, n.frame_period - n.symbol_length))
        carrier = rng.uniform(-10e3, 10e3)
        their = 10 ** (level / 20) * placed(foreign, start, rng.uniform(-10e3, 10e3), rng)
        noisy = noise(made, rng)
        assert search(made, their + noisy) is None
        # Frames overlap by a half.
        own = (start + n.frame_length // 2) % (n.frame_period - n.symbol_length) + 1
        theirs = 10 ** (20 / 20) * their / 10 ** (level / 20)
        found = search(made, 10 * placed(made, own, carrier, rng) + theirs + noisy)
        assert abs(found.start - own) <= 1
        assert abs(found.carrier - carrier) < n.sample_rate / n.frame_length


def loaded_of(source, settings):
    """As `loaded`, with lists where YAML has them."""
    thawed = {
        key: [dict(item) for item in value] if isinstance(value, tuple) else value
        for key, value in settings
    }
    return load_scenario(source, {"synchronization.reference": "direct-path", **thawed})


@pytest.mark.parametrize("over", [6, 12, 18])
def test_ours_is_found_beneath_a_stronger_signal_from_elsewhere(over):
    made, foreign = loaded("paper", FAST), loaded("paper", (*FAST, ("seed", 5)))
    rng = np.random.default_rng(12)
    for _ in range(10):
        own, other = rng.integers(300, 900, 2)
        x = 10 * placed(made, own, -3e3, rng) + noise(made, rng)
        x += 10 ** (1 + over / 20) * placed(foreign, other, 7e3, rng)
        found = search(made, x)
        assert found is not None and abs(found.start - own) <= 1


def test_two_users_at_once_are_distinguished():
    made = loaded("paper", (*FAST, SHIFTED))
    other = loaded("paper", (*FAST, SHIFTED, ("pilots.user", 1)))
    rng = np.random.default_rng(13)
    for _ in range(5):
        start, carrier = int(rng.integers(100, 1_200)), rng.uniform(-20e3, 20e3)
        x = placed(made, start, carrier, rng) + placed(other, start, carrier, rng)
        found = search(made, 10 * x + noise(made, rng))
        assert abs(found.start - start) <= 1 and abs(found.carrier - carrier) < 3e3


@pytest.mark.parametrize(("level", "least", "most"), [(-11, 20, 20), (-20, 0, 0)])
def test_a_weak_direct_path_is_found(level, least, most):
    made = loaded("paper", FAST)
    rng = np.random.default_rng(14)
    starts = rng.integers(100, 1_200, 20)
    found = [
        search(made, 10 ** (level / 20) * placed(made, int(start), 4e3, rng) + noise(made, rng))
        for start in starts
    ]
    near = [f for f, start in zip(found, starts, strict=True) if f and abs(f.start - start) <= 3]
    assert least <= len(near) <= most
    assert len(near) == sum(f is not None for f in found)


def heard(made, level):
    """Stream of the direct path, its element `level` dB above noise of unit power."""
    x = received_stream(made, 30)
    n = made.numerology
    power = np.sum(np.abs(x) ** 2, dtype=float) / (30 * n.frame_length * len(x))
    return x * 10 ** (level / 20) * np.sqrt(n.subcarriers / n.fft_size / power)


@pytest.mark.parametrize("other", [{"seed": 9}, {"pilots.user": 8}, {"pilots.user": 1}])
@pytest.mark.parametrize("before", [False, True])
def test_the_lock_is_lost_when_only_another_signal_is_left(other, before):
    settings = {
        "pilots.interleaved": False,
        "beams.chains": 4,
        "numerology.frame_period": 1_280,
        "channel.paths": [{"kind": "direct"}],
        "channel.noise.snr_db": 300,
        "synchronization.reference": "direct-path",
        "synchronization.coast_ms": 2,
    }
    own = load_scenario("paper", {**settings, "front_end.start_offset": 3_000.3})
    foreign = load_scenario("paper", {**settings, **other, "front_end.start_offset": 2_800.6})
    x, their = heard(own, 20), heard(foreign, 25)
    length = min(x.shape[1], their.shape[1])
    x, their = x[:, :length].copy(), their[:, :length].copy()
    cut = length - 12_000
    x[:, cut:] = 0
    if not before:
        their[:, :cut] = 0
    rng = np.random.default_rng(15)
    x = x + their + rng.standard_normal((4, length, 2)) @ [1, 1j] / np.sqrt(2)
    found = synchronizer(own)
    frames = [f for f, _ in FrameReader(found, 4).read(list(x.astype(np.complex64)), 0)]
    states = [e.details["state"] for e in found.events if e.name == "sync"]
    assert states == ["searching", "locked", "lost"]
    assert len(frames) >= 5 and not any(frame.start > cut for frame in frames)
    due = first_arrival(own) + np.arange(32) * own.numerology.frame_period
    true = front_end(own).sample(due / own.sample_rate)
    assert max(np.min(np.abs(f.start + f.delay - true)) for f in frames) < 0.2


@pytest.mark.parametrize("elements", [32, 256])
@pytest.mark.parametrize("signals", [1, 2, 8])
def test_chance_is_that_of_a_share_that_random_signals_explain(elements, signals):
    for statistic in (1, 1.5, 3) / np.float64(elements) * (1 + 6 / signals):
        exact = beta.logsf(statistic, signals, signals * (elements - 1))
        # It errs on the safe side, by a few tenths.
        assert -0.05 < chance(statistic, np.ones(signals), elements) - exact < 0.6
    # Signals of unequal power are nearly as few as the strong ones.
    unequal = chance(0.2, np.array([1.0, *(1e-6,) * 7]), elements)
    assert unequal == pytest.approx(chance(0.2, np.ones(1), elements), abs=0.01)


@pytest.mark.monte_carlo
@pytest.mark.parametrize("foreign", [False, True])
def test_false_locks_are_as_rare_as_asked_for(monkeypatch, foreign):
    for module in (reference, recognition):
        monkeypatch.setattr(module, "FALSE_LOCK", 0.1)
    made = loaded("paper", (("numerology.frame_period", 700),))
    rng = np.random.default_rng(16)
    n, hits, trials = made.numerology, 0, 60
    for _ in range(trials):
        x = noise(made, rng)
        if foreign:  # by a random vector in each symbol
            grid = rng.integers(0, 4, (n.symbols, n.subcarriers))
            arrives = rng.standard_normal((made.chains, n.symbols, 2)) @ [1, 1j]
            frame = modulate(arrives[..., None] * 1j**grid, n)
            x[:, 20 : 20 + n.frame_length] += 10 * frame
        hits += search(made, x) is not None
    assert hits <= 0.1 * trials + 3 * np.sqrt(0.1 * trials)


def test_equalized_signals_have_no_direction():
    rng = np.random.default_rng(17)
    y = rng.standard_normal((4, 3, 500, 2)) @ [1, 1j] + 30 * np.multiply.outer(
        rng.standard_normal((4, 3)), np.ones(500)
    )
    z = equalized(y.astype(np.complex64))
    for part in z.transpose(1, 0, 2):
        assert part @ part.conj().T / 500 == pytest.approx(np.eye(4), abs=1e-2)


def test_the_level_of_another_signal_is_no_level_step():
    made, foreign = loaded("paper", FAST), loaded("paper", (*FAST, ("seed", 5)))
    ours, theirs = (direct_path(one).grids[0].copy() for one in (made, foreign))
    theirs[:, :6] = 0
    assert measure(ours + 2 * theirs, direct_path(made), 0).unevenness < 2
    ours[:, 6:] *= 10
    assert measure(ours, direct_path(made), 0).unevenness > 8
