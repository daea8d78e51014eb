# SPDX-License-Identifier: GPL-3.0-or-later
"""No estimate with status ok whose target is elsewhere: maxima, windows, places as likely."""

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.estimation.detection import log_odds
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.levels import noise_power
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.systems.bistatic import estimator

POSITION = [0, 1, 4]


@pytest.fixture(autouse=True)
def roughly_calibrated(monkeypatch):
    """Paths far above the threshold, which need not be exact."""
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)


def estimate(seed, snr_db, overrides):
    """Estimate of a frame of `paper` without its direct path, and the error in deviations."""
    rng = np.random.default_rng([seed, 41])
    angle, radius = rng.uniform(0, 2 * np.pi), 200 * np.sqrt(rng.uniform())
    target = [-50 + radius * np.cos(angle), 190 + radius * np.sin(angle), 0.0]
    base = {
        **ECHO_ALONE,
        "seed": seed,
        "channel.noise.snr_db": snr_db,
        "nodes.target.position": [float(x) for x in target],
    }
    scenario = load_scenario("paper", {**base, **overrides})
    model, paths = snapshot_model(scenario), true_paths(scenario, 0)
    noise = rng.standard_normal((*model.shape, 2)) @ [1, 1j]
    frame = synthesize(model, paths) + np.sqrt(noise_power(scenario) / 2) * noise
    found = estimator(scenario).estimate(frame)
    if not found.detected:
        return found, np.nan
    error = np.array([*(found.paths.arrival - paths.arrival)[0], *found.paths.delay - paths.delay])
    covariance = found.covariance[0][np.ix_(POSITION, POSITION)]
    return found, float(np.sqrt(error @ np.linalg.solve(covariance, error)))


@pytest.mark.monte_carlo
@pytest.mark.parametrize(("symbols", "chains"), [(8, 1), (4, 2), (1, 8), (2, 8)])
def test_few_rows_find_the_greatest_of_many_maxima(symbols, chains):
    """Starts from the best points of a coarse grid end elsewhere in 4 to 18 of 100 frames."""
    overrides = {"numerology.symbols": symbols, "beams.chains": chains}
    for seed in range(5000, 5025):
        found, error = estimate(seed, 20, overrides)
        assert found.status == "ok"
        assert error < 5


def test_a_target_that_ended_in_another_maximum():
    overrides = {"beams.chains": 2, "nodes.target.position": [-214.0, 84.0, 0.0]}
    found, error = estimate(302, 0, overrides)
    assert found.status == "ok"
    assert error < 5


@pytest.mark.monte_carlo
@pytest.mark.parametrize("seed", range(3))
def test_large_arrays_with_few_chains(seed):
    overrides = {f"nodes.{node}.array": {"nx": 8, "ny": 8} for node in ("transmitter", "receiver")}
    found, error = estimate(seed, 20, {**overrides, "beams.chains": 2})
    assert found.status == "ok"
    assert error < 5


@pytest.mark.monte_carlo
def test_places_that_are_as_likely_are_ambiguous():
    """With few rows and weak signals the truth is one of several; with strong ones it is not."""
    statuses = []
    overrides = {"numerology.symbols": 1, "beams.chains": 8, "estimator.false_alarm_rate": 0.3}
    for seed in range(30):
        found, error = estimate(seed, -10, overrides)
        statuses.append(found.status)
        assert found.status != "ok" or not error > 5
    assert statuses.count("ambiguous") > 20


def test_posterior_odds_are_ratios_of_integrals():
    """Of two Gaussian peaks, one parameter, flat prior of a cell's deviation."""
    noise, elements, cell = 0.5, 1e7, 50.0
    explained, width = np.array([40.0, 37.0]), np.array([0.2, 1.5])
    curvature = noise / (2 * width**2)
    x = np.linspace(-30, 30, 200_001)
    masses = [
        np.sum(np.exp((e - 40.0) / noise - x**2 / (2 * w**2)))
        for e, w in zip(explained, width, strict=True)
    ]
    odds = log_odds(explained, curvature[:, None, None], noise, elements, np.array([cell]))
    assert odds[0] == 0.0
    # the prior of 50 changes a width of 1.5 by 5e-4
    assert odds[1] == pytest.approx(np.log(masses[1] / masses[0]), abs=2e-3)


def test_the_noise_power_is_not_known_better_than_the_frame_shows():
    """Unknown noise power makes the likelihood a power of the residual energy."""
    elements, left = 24, 24 * 0.7
    explained = np.array([100.0, 88.0])
    odds = log_odds(explained, np.ones((2, 1, 1)), left / elements, elements, np.ones(1))
    assert odds[1] == pytest.approx(-elements * np.log((left + 12.0) / left))


WIDE = {"estimator.doppler_window_hz": [-24e3, 24e3]}
NARROW = {"estimator.doppler_window_hz": [-1.5e3, 1.5e3]}


@pytest.mark.parametrize("snr_db", [20, 0, -10])
@pytest.mark.parametrize(("window", "status"), [(NARROW, "outside_window"), (WIDE, "ok")])
def test_a_doppler_outside_the_window_is_no_fix(snr_db, window, status):
    overrides = {
        "numerology.symbols": 32,
        "nodes.target.velocity": [90.0, -60.0, 0.0],
        "nodes.target.position": [-89.0, 15.0, 0.0],
        **window,
    }
    found, error = estimate(1, snr_db, overrides)
    assert found.status == status
    assert status != "ok" or error < 5


@pytest.mark.parametrize("snr_db", [20, 10])
@pytest.mark.parametrize(
    ("longest", "status"), [(1.04e-6, "outside_window"), (1.25e-6, "outside_window"), (2e-6, "ok")]
)
def test_a_delay_outside_the_window_is_no_fix(snr_db, longest, status):
    """The path comes 1.33 us late."""
    overrides = {
        "numerology.subcarrier_spacing": 240e3,
        "nodes.target.position": [-214.0, 84.0, 0.0],
        "estimator.delay_window_ns": [-130.0, longest * 1e9],
    }
    found, error = estimate(1, snr_db, overrides)
    assert found.status == status
    assert status != "ok" or error < 5


@pytest.mark.parametrize(("deviations", "status"), [(1.0, "outside_window"), (4.0, "ok")])
def test_within_its_uncertainty_of_an_edge_it_may_lie_beyond(deviations, status):
    found, _ = estimate(4, 10, {})
    edge = found.paths.delay[0] + deviations * np.sqrt(found.covariance[0, 4, 4])
    window = {"estimator.delay_window_ns": [-100.0, float(edge * 1e9)]}
    assert estimate(4, 10, window)[0].status == status


def test_a_single_symbol_measures_no_doppler_and_needs_none():
    overrides = {"numerology.symbols": 1, "nodes.target.velocity": [200.0, 100.0, 0.0]}
    found, error = estimate(2, 20, overrides)
    assert found.status == "ok"
    assert error < 5
    assert np.isinf(found.covariance[0, 5, 5])
