# SPDX-License-Identifier: GPL-3.0-or-later
"""Thresholds at a false-alarm rate, of families of responses and of the off-grid estimator."""

import numpy as np
import pytest
from gnuradio.dislac.estimation import make_estimator
from gnuradio.dislac.estimation.detection import detection_threshold

N = 32


def tones(cells):
    """Statistic of the best tone of N samples over a count of resolution cells, none missed."""
    family = np.exp(2j * np.pi * np.outer(np.arange(0, cells, 1 / 16) / N, np.arange(N))) / N**0.5

    def statistics(frames):
        y = frames.reshape(len(frames), N)
        return np.max(np.abs(y @ family.T) ** 2, axis=1) / np.sum(np.abs(y) ** 2, axis=1)

    return statistics


@pytest.mark.parametrize("cells", [4, 24])
@pytest.mark.parametrize("exhaustive", [False, True])
def test_noise_exceeds_the_threshold_as_often_as_is_asked(cells, exhaustive):
    """1000 frames give the constant to 5 %, as far as the law allows that; of 40,000 others, 0.7 %
    at a rate of 0.3, 3 % at 0.03, and 7 % at 0.005 are chance."""
    statistics, rng = tones(cells), np.random.default_rng(5)
    noise = statistics(rng.standard_normal((40_000, N, 2)).view(complex)[..., 0])
    for rate, tolerance in ((0.3, 0.15), (0.03, 0.25), (0.005, 0.4)):
        threshold = detection_threshold(statistics, (1, N, 1), N, rate, 1, exhaustive=exhaustive)
        assert np.mean(noise > threshold) == pytest.approx(rate, rel=tolerance)


def test_costly_searches_are_calibrated_on_fewer_frames():
    counts = []

    def statistics(frames):
        counts.append(len(frames))
        return tones(4)(frames)

    for looks in (1, 300_000, 600_000, 3_000_000, 10_000_000, 10**12):
        counts.append(0)
        detection_threshold(statistics, (1, N, 1), N, 0.1, 1, looks=looks)
    totals = [sum(part) for part in np.split(counts, np.flatnonzero(np.equal(counts, 0)))[1:]]
    assert totals == [1000, 1000, 500, 500, 150, 100]


@pytest.mark.parametrize("coupling", ["paired", "physical"])
def test_many_frames_at_once_have_the_statistics_that_each_has(make_model, coupling, monkeypatch):
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
    model = make_model(symbols=4, chains=4, coupling=coupling)
    receiver = make_estimator("off-grid", model)
    frames = np.random.default_rng(6).standard_normal((12, *model.shape, 2)).view(complex)[..., 0]
    single = [receiver.estimate(frame).statistic for frame in frames]
    np.testing.assert_allclose(receiver._statistics(frames), single, rtol=2e-3)
