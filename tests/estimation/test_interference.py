# SPDX-License-Identifier: GPL-3.0-or-later
"""Strong paths: what they leak between subcarriers and symbols bends no estimate."""

from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.channel.intercarrier import symbol_channels
from gnuradio.dislac.estimation import InterferenceCancellation
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.systems.bistatic import estimator
from gnuradio.dislac.waveform import demodulate

SCENE = load_scenario("paper", {**ECHO_ALONE, "estimator.doppler_window_hz": [-12e3, 12e3]})
NUMEROLOGY, PILOTS, MODEL = SCENE.numerology, SCENE.pilots, snapshot_model(SCENE)


@pytest.fixture(scope="module", autouse=True)
def roughly_calibrated():
    """Echoes are far above the threshold here: it need not be exact."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
        yield


@pytest.fixture(scope="module")
def receiver():
    return estimator(SCENE)


def path(doppler):
    return replace(true_paths(SCENE, 0), gain=np.ones(1), doppler=np.array([doppler]))


def with_interference(paths):
    """A frame, by the channel's matrices of its symbols."""
    transmit = SCENE.transmitter.array.steering(paths.departure[0]) @ SCENE.transmit_beams
    receive = SCENE.receiver.array.steering(paths.arrival[0]) @ SCENE.receive_beams.conj()
    channels = symbol_channels(paths.gain, paths.delay, paths.doppler, NUMEROLOGY)
    received = np.einsum("mqk,imk->imq", channels, PILOTS.grid(0))
    return PILOTS.descramble(received * (transmit * receive).T[:, :, None], 0)


def noise(rng, power):
    return rng.standard_normal((*MODEL.shape, 2)) @ [1, 1j] * np.sqrt(power / 2)


def errors(receiver, frames, paths):
    """(K, 6) errors over standard deviations, and (K,) normalised estimation errors squared."""
    deviations, squares = [], []
    for frame in frames:
        estimate = receiver.estimate(frame)
        p, covariance = estimate.paths, estimate.covariance[0]
        away = [p.arrival - paths.arrival, p.departure - paths.departure]
        away = np.concatenate([np.ravel(a[:1]) for a in away])
        away = np.r_[away, p.delay[0] - paths.delay[0], p.doppler[0] - paths.doppler[0]]
        scale = np.sqrt(np.diag(covariance))
        deviations.append(away / scale)
        unit = covariance / np.outer(scale, scale)
        squares.append(deviations[-1] @ np.linalg.solve(unit, deviations[-1]))
    return np.array(deviations), np.array(squares)


@pytest.mark.monte_carlo
def test_interference_between_subcarriers_bends_no_estimate(receiver):
    """A twelfth of the spacing at 30 dB: 17 dB more than the noise."""
    paths, rng, count = path(10e3), np.random.default_rng(1), 40
    clean = with_interference(paths)
    level = np.mean(np.abs(clean) ** 2)
    frames = [clean + noise(rng, 1e-3 * level) for _ in range(count)]
    taken, squares = errors(receiver, frames, paths)
    assert np.all(np.abs(taken.mean(axis=0)) < 4.5 / np.sqrt(count))
    assert abs(squares.mean() - 6) < 4.5 * np.sqrt(12 / count)
    assert receiver.estimate(frames[0]).noise_power == pytest.approx(1e-3 * level, rel=0.1)
    left = receiver._estimator.estimate(frames[0])
    assert left.noise_power > 4e-3 * level


@pytest.mark.monte_carlo
def test_weak_interference_bends_no_estimate_either(receiver):
    """A tenth of the spacing at 5 dB: 10 dB less than the noise, and the same in all frames."""
    paths, rng, count = path(11.5e3), np.random.default_rng(5), 200
    clean = with_interference(paths)
    level = 10**-0.5 * np.mean(np.abs(clean) ** 2)
    frames = [clean + noise(rng, level) for _ in range(count)]
    taken, _ = errors(receiver, frames, paths)
    bent, _ = errors(receiver._estimator, frames, paths)
    assert np.sum(taken.mean(axis=0) ** 2) < 20 / count < np.sum(bent.mean(axis=0) ** 2)


@pytest.mark.monte_carlo
def test_what_rings_into_windows_bends_no_estimate(receiver):
    """Three samples, the same in all frames, 13 dB above the noise."""
    paths, rng, count = path(0.0), np.random.default_rng(2), 60
    clean = synthesize(MODEL, paths)
    level = np.mean(np.abs(clean) ** 2)
    prefix = NUMEROLOGY.cyclic_prefix - NUMEROLOGY.window_advance
    ringing = np.zeros((SCENE.chains, NUMEROLOGY.frame_length), complex)
    by_symbol = ringing.reshape(SCENE.chains, NUMEROLOGY.symbols, -1)
    by_symbol[..., prefix : prefix + 3] = rng.standard_normal((*by_symbol.shape[:2], 3, 2)) @ [
        1,
        1j,
    ]
    rings = PILOTS.descramble(demodulate(ringing, NUMEROLOGY), 0)
    rings *= np.sqrt(20e-4 * level / np.mean(np.abs(ringing[ringing != 0]) ** 2))
    frames = [clean + rings + noise(rng, 1e-4 * level) for _ in range(count)]
    taken, squares = errors(receiver, frames, paths)
    assert np.all(np.abs(taken.mean(axis=0)) < 4.5 / np.sqrt(count))
    assert abs(squares.mean() - 6) < 4.5 * np.sqrt(12 / count)
    assert receiver.estimate(frames[0]).noise_power == pytest.approx(1e-4 * level, rel=0.1)
    bent, _ = errors(receiver._estimator, frames, paths)
    assert np.abs(bent.mean(axis=0)).max() > 4.5 / np.sqrt(count)


def test_an_estimate_that_nothing_bends_is_left_as_it_is(receiver):
    """No interference, or too little to distinguish from the noise."""
    rng, chosen = np.random.default_rng(3), receiver._estimator
    for power, frame in (
        (1e-4, synthesize(MODEL, path(0.0))),
        (1e-1, with_interference(path(1e3))),
    ):
        y = frame + noise(rng, power * np.mean(np.abs(frame) ** 2))
        ours, plain = receiver.estimate(y), chosen.estimate(y)
        assert ours.noise_power == plain.noise_power
        assert np.array_equal(ours.covariance, plain.covariance)


def test_what_holds_no_path_is_estimated_once(receiver):
    frames = []

    class Counting:
        model = MODEL

        def estimate(self, frame, index=0):
            frames.append(index)
            return receiver._estimator.estimate(frame, index)

        def reset(self):
            frames.clear()

    silent = InterferenceCancellation(Counting(), receiver._leak, receiver._edges, 120e3)
    assert not silent.estimate(noise(np.random.default_rng(4), 1.0), 7).detected
    assert frames == [7]
