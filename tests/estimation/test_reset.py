# SPDX-License-Identifier: GPL-3.0-or-later
"""After `reset` an estimator gives the estimates of a new one, bit for bit."""

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.estimation import (
    DataAided,
    DirectPathMeter,
    DirectSignalCancellation,
    InterferenceCancellation,
    StaticCancellation,
)
from gnuradio.dislac.estimation.result import nothing
from gnuradio.dislac.scenario import ECHO_ALONE, levels, load_scenario, routes, truth
from gnuradio.dislac.simulation import complex_normal
from gnuradio.dislac.systems import bistatic


@pytest.fixture(autouse=True)
def few_frames(monkeypatch):
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)


def bits(estimate):
    arrays = [*vars(estimate.paths).values()]
    if estimate.covariance is not None:
        arrays.append(estimate.covariance)
    numbers = np.array([estimate.noise_power, estimate.statistic, estimate.threshold])
    return [array.tobytes() for array in (*arrays, numbers)], estimate.status


@pytest.mark.parametrize(
    "settings",
    [
        ECHO_ALONE,
        {**ECHO_ALONE, "estimator.kind": "mmv-bomp"},
        {},
        {"synchronization.removal": "static", "synchronization.memory_frames": 2},
    ],
    ids=["off-grid", "mmv-bomp", "direct-path", "static"],
)
def test_after_reset_estimates_are_those_of_a_new_estimator(settings):
    """The frames before are of another seed, and as many as fill every memory."""
    scenario = load_scenario("paper", {"channel.noise.snr_db": 20, **settings})
    rng = np.random.default_rng(31)
    clean = synthesize(routes.snapshot_model(scenario), truth.true_paths(scenario, 0))
    power = levels.noise_power(scenario)
    frames = [clean + complex_normal(clean.shape, rng, power) for _ in range(6)]

    def estimates(estimator):
        return [bits(estimator.estimate(frame, k)) for k, frame in enumerate(frames[:3])]

    used, new = bistatic.estimator(scenario), bistatic.estimator(scenario)
    for k, frame in enumerate(frames[3:]):
        used.estimate(frame, 9 + k)
    used.reset()
    expected = estimates(new)
    assert estimates(used) == expected
    if settings.get("synchronization.removal") == "static":
        assert estimates(used) != expected  # it does remember


class Counting:
    """An estimator that remembers how many frames it has had."""

    def __init__(self, model):
        self.model = model
        self.frames = 0

    def estimate(self, frame, index=0):
        self.frames += 1
        return nothing(0.0, 1.0, float(self.frames))

    def reset(self):
        self.frames = 0


def wrappers(model):
    symbols, subcarriers, chains = model.shape
    response = np.ones((symbols, chains), complex)
    meter = DirectPathMeter(model, (-1e-7, 1e-7), (-10.0, 10.0))
    leaks = np.zeros((0, symbols, chains, subcarriers), complex)
    edges = np.ones((symbols, subcarriers, 1), complex)
    return {
        "direct": lambda inner: DirectSignalCancellation(
            inner, meter, lambda _: response, lambda _: leaks
        ),
        "static": lambda inner: StaticCancellation(inner, meter, lambda _: response, memory=2),
        "interference": lambda inner: InterferenceCancellation(
            inner, lambda paths, _: np.zeros(model.shape), lambda _: edges, 120e3
        ),
        "data-aided": lambda inner: DataAided(inner, lambda _: np.ones(model.shape[:2])),
    }


@pytest.mark.parametrize("name", ["direct", "static", "interference", "data-aided"])
def test_what_stands_around_an_estimator_resets_it(name, make_model):
    model = make_model(symbols=2, subcarriers=8, chains=2)
    inner = Counting(model)
    receiver = wrappers(model)[name](inner)
    assert receiver.model is model
    frame = complex_normal(model.shape, np.random.default_rng(1))
    first = bits(receiver.estimate(frame))
    assert bits(receiver.estimate(frame)) != first
    receiver.reset()
    assert bits(receiver.estimate(frame)) == first
