# SPDX-License-Identifier: GPL-3.0-or-later
"""What all estimators have in common: frames they refuse, detection, determinism."""

import numpy as np
import pytest
from gnuradio.dislac.estimation import ESTIMATORS, EstimatorError, FrameError, make_estimator
from scipy.stats import binom

KINDS = list(ESTIMATORS)


@pytest.fixture(scope="module", params=KINDS)
def estimator(request, make_model):
    return make_estimator(request.param, make_model(symbols=4, chains=4), false_alarm_rate=0.05)


@pytest.mark.monte_carlo
def test_noise_alone_is_detected_at_the_rate_set(estimator, noise):
    """At any noise power; the count lies in the central 99.8 per cent of its binomial law."""
    rng = np.random.default_rng(20)
    frames, rate = 400, 0.05
    count = 0
    for _ in range(frames):
        frame = noise(rng, estimator.model.shape, 10 ** rng.uniform(-12, 3))
        estimate = estimator.estimate(frame)
        assert estimate.detected == (estimate.statistic >= estimate.threshold)
        assert estimate.detected == (len(estimate.paths) > 0)
        count += estimate.detected
    least, greatest = binom.interval(0.998, frames, rate)
    assert least <= count <= greatest


def test_a_lower_rate_has_a_higher_threshold(make_model):
    model = make_model(symbols=2, subcarriers=16, chains=4)
    rates = (1e-1, 1e-2, 1e-4)
    thresholds = [make_estimator("off-grid", model, false_alarm_rate=p).threshold for p in rates]
    assert thresholds == sorted(thresholds)
    # In the far tail one decade costs little more than log(10) of log-likelihood.
    step = -(np.prod(model.shape) - 1) * np.diff(np.log1p(-np.array(thresholds)))
    assert 1.0 < step[0] / np.log(10) < 2.0
    assert 1.0 < step[1] / (2 * np.log(10)) < 1.6


def test_the_same_frame_gives_the_same_bits(scene, estimator, receive):
    frame, _ = receive(estimator.model, scene.echo(np.zeros(3)), 5, 1)
    other, _ = receive(estimator.model, scene.echo(np.array([50.0, 80, 0])), 5, 2)
    first = estimator.estimate(frame)
    estimator.estimate(other)
    again = estimator.estimate(frame)
    for name in ("gain", "arrival", "departure", "delay", "doppler"):
        np.testing.assert_array_equal(getattr(again.paths, name), getattr(first.paths, name))
    assert again.statistic == first.statistic


def test_single_precision_frames_are_taken(scene, estimator, receive):
    frame, _ = receive(estimator.model, scene.echo(np.zeros(3)), 10, 1)
    double = estimator.estimate(frame).paths
    single = estimator.estimate(frame.astype(np.complex64)).paths
    np.testing.assert_allclose(single.arrival, double.arrival, atol=1e-4)
    np.testing.assert_allclose(single.delay, double.delay, atol=1e-10)


def test_frames_that_cannot_be_used_are_refused(estimator):
    good = np.ones(estimator.model.shape, complex)
    with pytest.raises(FrameError, match=r"\(3, 32, 4\).*\(4, 32, 4\)"):
        estimator.estimate(good[:3])
    for bad in (np.nan, np.inf, complex(0, -np.inf)):
        frame = good.copy()
        frame[2, 5, 1] = bad
        with pytest.raises(FrameError, match=r"1 values.*\(2, 5, 1\)"):
            estimator.estimate(frame)
    with pytest.raises(FrameError, match="complex"):
        estimator.estimate(np.full(good.shape, "x"))


def test_a_silent_frame_holds_nothing(estimator):
    estimate = estimator.estimate(np.zeros(estimator.model.shape, complex))
    assert not estimate.detected
    assert estimate.noise_power == 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_paths": 0}, "1 or more|from 1 to"),
        ({"false_alarm_rate": 0.0}, r"\(0, 0.5\]"),
        ({"delay_window": (1e-6, 0.0)}, "delay_window"),
        ({"delay_window": (0.0, 9e-6)}, "unambiguous"),
        ({"doppler_window": (0.0, np.inf)}, "doppler_window"),
        ({"reference_departure": (0.0, 0.0, 1.0)}, "two spatial frequencies"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make_model, kind, settings, words):
    with pytest.raises(EstimatorError, match=words):
        make_estimator(kind, make_model(symbols=2, subcarriers=8, chains=4), **settings)


def test_unknown_kinds_are_refused(make_model):
    with pytest.raises(EstimatorError, match="'off-grid' and 'mmv-bomp'"):
        make_estimator("amp", make_model(symbols=2))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_model_is_calibrated_once(kind, make_model, monkeypatch, tmp_path):
    """One file of kept constants for each model; another rate is worked out from the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)

    def thresholds(seed, **settings):
        model = make_model(seed, symbols=2, chains=2)
        made = make_estimator(kind, model, max_paths=1, **settings)
        return made.threshold, len(list((tmp_path / "gr-dislac" / "thresholds").iterdir()))

    first = thresholds(23)
    assert first[1] == 1 and thresholds(23) == first
    rarer = thresholds(23, false_alarm_rate=1e-3)
    assert rarer[1] == 1 and rarer[0] > first[0]
    assert thresholds(23, delay_window=(0.0, 1e-6))[1] == 2
    assert thresholds(23, doppler_window=(-400.0, 400.0))[1] == 3
    assert thresholds(23, nuisance=np.full((32, 1), 32**-0.5))[1] == 4
    assert thresholds(23, reference_departure=(0.1, 0.2))[1] == 5
    assert thresholds(24)[1] == 6
