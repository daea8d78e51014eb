# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements made of estimates."""

import numpy as np
import pytest
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.positioning import Measurement, measurements
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario, routes


@pytest.fixture(scope="module")
def model() -> SnapshotModel:
    return routes.snapshot_model(load_scenario("paper", ECHO_ALONE))


def test_a_measurement_holds_what_the_estimate_says(model):
    rng = np.random.default_rng(2)
    roots = rng.normal(size=(2, 6, 6))
    covariance = roots @ roots.swapaxes(1, 2)
    kept = covariance.copy()
    paths = Paths(
        np.array([1.0, 0.5j]), rng.uniform(-0.5, 0.5, (2, 2)), rng.uniform(-0.5, 0.5, (2, 2)),
        np.array([1e-6, 2e-6]), np.array([10.0, -20.0]),
    )  # fmt: skip
    estimate = Estimate(paths, covariance, 0.25, 0.9, 0.1)
    found = measurements(
        estimate, (1, 0), link=("leo", "roof"), frame=4, time=0.1, timing_deviation=0.5, model=model
    )
    for k, measurement in zip((1, 0), found, strict=True):
        own = np.ix_((0, 1, 4, 5), (0, 1, 4, 5))
        expected = kept[k][own] + np.diag([0.0, 0.0, 0.25, 0.0])
        np.testing.assert_array_equal(measurement.covariance, expected)
        values = [*paths.arrival[k], paths.delay[k], paths.doppler[k]]
        np.testing.assert_array_equal(measurement.values, values)
        alone = Paths(*(value[k : k + 1] for value in vars(paths).values()))
        power = np.mean(np.abs(synthesize(model, alone)) ** 2)
        assert measurement.snr == pytest.approx(power / 0.25, rel=1e-9)
        assert (measurement.link, measurement.frame, measurement.time) == (("leo", "roof"), 4, 0.1)
        assert measurement.path == "echo" and np.isnan(measurement.outlier_probability)
    np.testing.assert_array_equal(estimate.covariance, kept)  # the estimate stays as it was


def test_parts_come_in_the_order_asked_for():
    covariance = np.arange(9.0).reshape(3, 3)
    kinds = ("delay", "doppler", "range_rate")
    measurement = Measurement((), 0, 0.0, kinds, np.array([1.0, 2.0, 3.0]), covariance)
    values, part = measurement.select("range_rate", "delay")
    assert values.tolist() == [3.0, 1.0] and part.tolist() == [[8.0, 6.0], [2.0, 0.0]]
    with pytest.raises(ValueError, match="no arrival_x in a measurement of delay, doppler"):
        measurement.select("delay", "arrival_x")


@pytest.mark.parametrize(
    ("kinds", "values", "covariance"),
    [
        (("delay",), np.zeros(2), np.zeros((1, 1))),
        (("delay",), np.zeros(1), np.zeros((2, 2))),
        (("delay", "delay"), np.zeros(2), np.zeros((2, 2))),
    ],
)
def test_what_does_not_fit_is_refused(kinds, values, covariance):
    with pytest.raises(ValueError, match="a measurement of delay"):
        Measurement((), 0, 0.0, kinds, values, covariance)
