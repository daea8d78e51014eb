# SPDX-License-Identifier: GPL-3.0-or-later
"""Echoes beside a direct path: what its removal leaves, and what it costs."""

from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.estimation import (
    DirectPathRemoval,
    WithoutDirectPath,
    direct_path,
    make_estimator,
)
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.truth import (
    directions,
    known_signature,
    noise_power,
    reference_link,
    snapshot_model,
    true_paths,
)

SCENE = load_scenario("paper", {"beams.chains": 4})
MODEL = snapshot_model(SCENE)
ECHO = true_paths(SCENE, 0, 1)
DIRECT = MODEL.response(*directions(SCENE, reference_link(SCENE), 0.0))[:, None, :]
DIRECT = DIRECT / np.sqrt(np.mean(np.abs(DIRECT) ** 2)) * np.ones((1, 32, 1))
FRAME_TIME = 1e-3


def still(frame: int) -> np.ndarray:
    """The direct path is heard alike in all frames."""
    return DIRECT[:, 0]


def moving(frame: int) -> np.ndarray:
    """As the satellite moves, it is heard from elsewhere."""
    return known_signature(SCENE, [frame])[0]


def echo(frame: int, **changes) -> np.ndarray:
    """The echo in a frame, of unit power; it turns from frame to frame by its Doppler."""
    paths = replace(ECHO, **changes)
    clean = synthesize(MODEL, paths)
    turn = np.exp(2j * np.pi * paths.doppler[0] * FRAME_TIME * frame)
    return turn * clean / np.sqrt(np.mean(np.abs(clean) ** 2))


def noise(rng, power=1.0) -> np.ndarray:
    return rng.standard_normal((*MODEL.shape, 2)) @ [1, 1j] * np.sqrt(power / 2)


def level(frame) -> float:
    return float(10 * np.log10(np.mean(np.abs(frame) ** 2)))


@pytest.fixture(scope="module")
def estimator():
    return make_estimator("off-grid", MODEL, max_paths=1, delay_window=(-0.3e-6, 2.1e-6))


def test_the_direct_path_goes_whatever_the_array_does_to_it_and_the_echo_stays(estimator):
    rng = np.random.default_rng(1)
    # Elements, chains and beams are off by degrees and decibels, chains by nanoseconds.
    errors = np.exp(0.3 * noise(rng)[:, :1, :] / np.sqrt(2))
    slopes = np.exp(-2j * np.pi * np.multiply.outer(MODEL.frequencies, rng.normal(0, 1e-9, 4)))
    direct = 10 ** (38 / 20) * DIRECT * errors * slopes
    receiver = WithoutDirectPath(estimator, removal := DirectPathRemoval(MODEL, still))
    for frame in range(20):
        gain = np.exp(2j * np.pi * rng.random()) * 10 ** rng.uniform(-1, 1)
        z = noise(rng)
        receiver.estimate(gain * (direct + echo(frame) + z))
    rest = removal.remove(gain * (direct + echo(frame) + z), 0) / gain
    assert level(rest - echo(frame) - z) < -15  # 53 dB below the direct path


def test_estimates_beside_a_direct_path_are_those_without(estimator):
    rng = np.random.default_rng(2)
    receiver = WithoutDirectPath(estimator, DirectPathRemoval(MODEL, still))
    alone, beside = [], []
    for frame in range(40):
        y = echo(frame) + noise(rng)
        alone.append(estimator.estimate(y).paths.delay[0] - ECHO.delay[0])
        beside.append(receiver.estimate(80 * DIRECT + y).paths.delay[0] - ECHO.delay[0])
    alone, beside = (np.sqrt(np.mean(np.square(x[2:]))) for x in (alone, beside))
    assert beside < 1.06 * alone


def test_an_echo_whose_signature_overlaps_the_direct_paths_is_not_moved(monkeypatch):
    """Two elements, and an echo 1.2 resolution cells late, 27 dB below the direct path: the gain of
    that would take part of it, and its delay would be a nanosecond off in the mean of any number of
    frames, were the echo that was found not left out of that gain."""
    scene = load_scenario("lab", {"channel.noise.snr_db": 10})
    model, count = snapshot_model(scene), 40
    truth = [true_paths(scene, frame) for frame in range(count)]
    assert 1.1 < truth[0].delay[0] * np.ptp(model.element_frequencies) < 1.3
    rng = np.random.default_rng(10)
    z = rng.standard_normal((count, *model.shape, 2)) @ [1, 1j] * np.sqrt(noise_power(scene) / 2)
    window = scene.estimator.delay_window
    plain = make_estimator("off-grid", model, max_paths=1, delay_window=window)

    frames = [synthesize(model, paths) for paths in truth] + z
    echoes = [synthesize(model, true_paths(scene, frame, 1)) for frame in range(count)] + z

    def known(frame):
        return known_signature(scene, [frame])[0]

    def beside():
        receiver = WithoutDirectPath(plain, DirectPathRemoval(model, known))
        return [receiver.estimate(y, k).paths.delay[0] for k, y in enumerate(frames)]

    alone = np.array([plain.estimate(y).paths.delay[0] for y in echoes])
    spread = np.std(alone - [paths.delay[0] for paths in truth])
    assert abs(np.mean(beside() - alone)) < spread / 2
    monkeypatch.setattr(direct_path, "PASSES", 0)
    assert np.mean(beside() - alone) < -3 * spread


def test_an_echo_that_does_not_turn_is_kept_out_of_the_signature(estimator):
    rng = np.random.default_rng(3)
    receiver = WithoutDirectPath(estimator, removal := DirectPathRemoval(MODEL, still))
    turning = {"doppler": np.zeros(1), "delay": np.array([0.6e-6])}
    for frame in range(30):
        receiver.estimate(80 * DIRECT + echo(frame, **turning) + noise(rng, 0.1))
    rest = removal.remove(80 * DIRECT + echo(0, **turning), 0)
    assert level(rest - echo(0, **turning)) < -20


def test_before_anything_is_known_only_the_constant_goes():
    removal = DirectPathRemoval(MODEL, still)
    frame = 80 * DIRECT + echo(0)
    constant = echo(0).mean(axis=1, keepdims=True)
    assert np.allclose(removal.remove(frame, 0), echo(0) - constant, atol=1e-10)


def test_static_clutter_goes_at_all_delays_and_what_moves_stays(estimator):
    rng = np.random.default_rng(4)
    receiver = WithoutDirectPath(estimator, removal := DirectPathRemoval(MODEL, still, static=True))
    clutter = 10 * echo(0, doppler=np.zeros(1), delay=np.array([0.8e-6]))
    # The echo found at first is the clutter itself; it must not be kept out for that.
    for frame in range(60):
        receiver.estimate(80 * DIRECT + clutter + echo(frame) + noise(rng, 0.1))
    rest = removal.remove(80 * DIRECT + clutter + echo(60), 0)
    assert level(rest - echo(60)) < -12


def test_a_signature_that_has_changed_is_learned_anew(estimator):
    rng = np.random.default_rng(5)
    receiver = WithoutDirectPath(estimator, removal := DirectPathRemoval(MODEL, still))
    for frame in range(10):
        receiver.estimate(80 * DIRECT + echo(frame) + noise(rng))
    other = 80 * DIRECT * np.exp(2j * np.pi * rng.random((8, 1, 4)))
    for frame in range(10):
        receiver.estimate(other + echo(frame) + noise(rng))
    assert level(removal.remove(other, 0)) < 0


def test_the_signature_moves_as_the_geometry_says_whatever_chains_do_to_it(estimator):
    """Frames 64 ms apart, in which the satellite moves by more than a millirad."""
    rng = np.random.default_rng(6)
    every, chains = 64, np.exp(noise(rng)[0, 0])  # by decibels, and at any phase
    left = {}
    for known in (still, moving):
        receiver = WithoutDirectPath(estimator, removal := DirectPathRemoval(MODEL, known))
        for frame in every * np.arange(30):
            direct = 80 * chains * np.repeat(moving(frame)[:, None], 32, axis=1)
            receiver.estimate(direct + echo(frame) + noise(rng, 0.01), frame)
        rest = removal.remove(direct + echo(frame), frame) - echo(frame)
        left[known] = level(rest) - level(direct)
    assert left[moving] < -60
    assert left[still] > -35


def test_a_memory_is_of_frames():
    with pytest.raises(ValueError, match="memory is 0"):
        DirectPathRemoval(MODEL, still, memory=0)


def test_a_frame_of_zeros_teaches_nothing(estimator):
    rng = np.random.default_rng(9)
    receiver = WithoutDirectPath(estimator, DirectPathRemoval(MODEL, still))
    frames = [30 * DIRECT + echo(k) + noise(rng, 0.1) for k in range(3)]
    expected = [receiver.estimate(frame).paths.delay for frame in frames]
    receiver.reset()
    for frame, delay in zip(frames, expected, strict=True):
        receiver.estimate(0 * frame)
        assert np.array_equal(receiver.estimate(frame).paths.delay, delay)
