# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.arrays import wrap_spatial_frequency
from gnuradio.dislac.bounds import position_bound
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import make_estimator
from gnuradio.dislac.estimation.off_grid import DELAY_SPREAD
from gnuradio.dislac.estimation.refinement import Prior, fit
from gnuradio.dislac.estimation.signature import Signatures

SPEED = 3e8


@pytest.fixture(scope="module")
def estimator(make_model):
    return make_estimator("off-grid", make_model())


def random_target(rng):
    angle, radius = rng.uniform(0, 2 * np.pi), 200 * np.sqrt(rng.uniform())
    return np.array([-50 + radius * np.cos(angle), 190 + radius * np.sin(angle), 0.0])


def table(paths):
    return np.column_stack([paths.arrival, paths.departure, paths.delay, paths.doppler])


@pytest.mark.parametrize("coupling", ["paired", "physical"])
def test_a_clean_frame_gives_its_path_back(scene, make_model, coupling):
    model = make_model(5, coupling=coupling)
    paths = scene.echo(np.array([-120.0, 60, 0]), gain=0.6 - 0.8j)
    found = make_estimator("off-grid", model).estimate(synthesize(model, paths)).paths
    assert len(found) == 1
    np.testing.assert_allclose(found.gain, paths.gain, rtol=1e-4)
    np.testing.assert_allclose(table(found)[:, :4], table(paths)[:, :4], atol=1e-5)
    np.testing.assert_allclose(found.delay, paths.delay, atol=1e-13)


@pytest.mark.parametrize(("snr_db", "trials", "excess_db"), [(-15, 40, 2.0), (0, 60, 0.9)])
def test_position_error_reaches_the_bound(scene, estimator, receive, snr_db, trials, excess_db):
    """The rms of 60 errors is good to about 0.6 dB; outliers would cost tens."""
    errors, bounds = [], []
    for seed in range(trials):
        target = random_target(np.random.default_rng([7, seed]))
        echo = scene.echo(target)
        frame, noise_power = receive(estimator.model, echo, snr_db, seed)
        errors.append(scene.error(estimator.estimate(frame).paths, target))
        bound = position_bound(
            estimator.model, echo, noise_power,
            transmitter=scene.satellite, receiver=scene.station, position=target, speed=SPEED,
        )  # fmt: skip
        bounds.append(bound.deviation)
    excess = 10 * np.log10(np.mean(np.square(errors)) / np.mean(np.square(bounds)))
    assert -1.5 < excess < excess_db


def test_solutions_that_are_as_good_are_averaged(scene, estimator, receive):
    """Two of equal score: the mean lies between them, half their distance is a deviation."""
    echo = scene.echo(np.array([-120.0, 60, 0]))
    frame, _ = receive(estimator.model, echo, 10, 1)
    one = estimator.estimate(frame)
    y = estimator._rows(frame)
    parameters = np.array([table(one.paths)] * 2)
    half = np.array([0.01, -0.02, 0.0, 0.03, 2e-9, 30.0])
    parameters[1] += 2 * half
    result = fit(estimator._signatures, y, parameters)
    result = result._replace(explained=result.explained[:1].repeat(2))
    both = estimator._averaged(one, [(parameters, result)] * 2, float(np.vdot(y, y).real))
    np.testing.assert_allclose(table(both.paths)[0], parameters[0, 0] + half, rtol=1e-9)
    spread = both.covariance[0] - one.covariance[0]
    np.testing.assert_allclose(spread, np.outer(half, half), rtol=1e-6, atol=1e-18)


def test_covariance_says_how_far_off_the_estimates_are(scene, estimator, receive):
    """The squared error weighed with the inverse covariance is chi-square with 6 degrees."""
    echo = scene.echo(np.zeros(3))
    weighed = []
    for seed in range(50):
        estimate = estimator.estimate(receive(estimator.model, echo, 5, seed)[0])
        error = (table(estimate.paths) - table(echo))[0]
        weighed.append(error @ np.linalg.solve(estimate.covariance[0], error))
        assert estimate.noise_power == pytest.approx(10**-0.5 * np.mean(
            np.abs(synthesize(estimator.model, echo)) ** 2), rel=0.15)  # fmt: skip
    assert np.mean(weighed) == pytest.approx(6, abs=4 * np.sqrt(12 / 50))


def test_slopes_are_derivatives_of_the_explained_energy(make_model, noise):
    model = make_model(3, symbols=4, subcarriers=8, chains=4)
    signatures = Signatures(model)
    rng = np.random.default_rng(1)
    frame = noise(rng, (16, 8), 1.0)
    point = rng.uniform(-0.5, 0.5, (1, 2, 6)) * np.array([1, 1, 1, 1, 1e-6, 1e3])
    point[:, 1, 2:4] = point[:, 0, 2:4]
    prior = Prior(noise=1.0, power=np.array([10.0, 0.5]), delay_spread=3e-7)
    gradient = fit(signatures, frame, point, prior).gradient[0]
    for k, column in enumerate(signatures.sharing(2).T):
        # Steps of 1e-6 in the spatial frequencies, 1e-12 s and 1e-3 Hz.
        step = 1e-6 * column.reshape(1, 2, 6) * np.array([1, 1, 1, 1, 1e-6, 1e3])
        up, down = (fit(signatures, frame, point + s, prior).explained[0] for s in (step, -step))
        # Half the unexplained energy falls by the gradient.
        assert (up - down) / 4 == pytest.approx(gradient[k] * np.abs(step).max(), rel=1e-3)


def test_a_path_that_comes_far_later_stays_where_it_is(scene, estimator, receive):
    """30 delay spreads: what is expected of delays must not bend what is plain to see."""
    echo = scene.echo(np.zeros(3))
    both = Paths(
        gain=np.array([1.0, 0.4j]),
        arrival=np.concatenate([echo.arrival, echo.arrival + np.array([0.35, 0.2])]),
        departure=np.repeat(echo.departure, 2, axis=0),
        delay=np.concatenate([echo.delay, echo.delay + 30 * DELAY_SPREAD]),
        doppler=np.repeat(echo.doppler, 2),
    )
    estimate = estimator.estimate(receive(estimator.model, both, 15, 3)[0])
    error = np.abs(table(estimate.paths)[:2] - table(both))
    assert np.all(error < 4 * np.sqrt(np.einsum("laa->la", estimate.covariance))[:2])


def test_two_close_paths_are_told_apart(scene, estimator, receive):
    echo = scene.echo(np.zeros(3))
    offset = np.array([0.35, 0.2])
    both = Paths(
        gain=np.array([1.0, 0.4j]),
        arrival=np.concatenate([echo.arrival, echo.arrival + offset]),
        departure=np.repeat(echo.departure, 2, axis=0),
        delay=np.concatenate([echo.delay, echo.delay + 60e-9]),
        doppler=np.repeat(echo.doppler, 2),
    )
    estimate = estimator.estimate(receive(estimator.model, both, 15, 3)[0])
    # In one frame of ten noise adds a path, which is weak.
    assert np.all(np.abs(estimate.paths.gain[2:]) < 0.1)
    error = np.abs(table(estimate.paths)[:2] - table(both))
    spread = np.sqrt(np.einsum("laa->la", estimate.covariance))[:2]
    assert np.all(error < 4 * spread)
    assert np.all(spread[:, :2] < 0.03)


def test_the_target_is_the_earliest_of_comparable_paths(scene, estimator, receive):
    echo = scene.echo(np.zeros(3))
    later = scene.echo(np.array([100.0, 300, 0]))
    assert later.delay[0] < echo.delay[0]
    for gain, target in ((1.2, later), (3.0, echo)):
        both = Paths(
            gain=np.array([gain, 1.0]),
            arrival=np.concatenate([echo.arrival, later.arrival]),
            departure=np.repeat(echo.departure, 2, axis=0),
            delay=np.concatenate([echo.delay, later.delay]),
            doppler=np.repeat(echo.doppler, 2),
        )
        found = estimator.estimate(receive(estimator.model, both, 10, 3)[0]).paths
        assert len(found) >= 2
        assert found.delay[0] == pytest.approx(target.delay[0], abs=10e-9)


def test_arrivals_at_the_rim_wrap(scene, estimator, receive):
    rim = replace(scene.echo(np.zeros(3)), arrival=np.array([[0.02, -0.999]]))
    inside = 0
    for seed in range(8):
        found = estimator.estimate(receive(estimator.model, rim, 0, seed)[0]).paths
        assert np.all((found.arrival >= -1) & (found.arrival < 1))
        away = wrap_spatial_frequency(found.arrival[0] - rim.arrival[0])
        assert np.all(np.abs(away) < 0.05)
        inside += found.arrival[0, 1] < 0
    assert 0 < inside < 8  # noise takes some across the rim


def test_a_known_departure_is_kept_and_has_no_variance(scene, make_model, receive):
    model = make_model(2)
    echo = scene.echo(np.array([30.0, 40, 0]))
    estimator = make_estimator("off-grid", model, reference_departure=echo.departure[0])
    estimate = estimator.estimate(receive(model, echo, 0, 1)[0])
    np.testing.assert_allclose(estimate.paths.departure, echo.departure, rtol=1e-14)
    assert not estimate.covariance[0, 2:4].any()
    assert scene.error(estimate.paths, np.array([30.0, 40, 0])) < 12


def test_a_linear_array_leaves_its_missing_axis_open(make_model, receive):
    model = make_model(2, chains=2, shape=(2, 1))
    path = Paths(
        np.ones(1, complex), np.array([[0.3, 0.0]]), np.array([[-0.2, 0.0]]),
        np.array([1e-6]), np.array([0.0]),
    )  # fmt: skip
    estimate = make_estimator("off-grid", model).estimate(receive(model, path, 20, 1)[0])
    assert estimate.paths.arrival[0] == pytest.approx([0.3, 0.0], abs=0.02)
    assert np.isinf(estimate.covariance[0, 1, 1])
    assert estimate.covariance[0, 0, 0] < 0.02**2


def test_a_doppler_beyond_the_default_window_needs_a_wider_one(scene, make_model, receive):
    model = make_model(2, symbols=4)
    echo = replace(scene.echo(np.zeros(3)), doppler=np.array([20e3]))
    estimator = make_estimator("off-grid", model, doppler_window=(-25e3, 25e3))
    estimate = estimator.estimate(receive(model, echo, 5, 1)[0])
    assert abs(estimate.paths.doppler[0] - 20e3) < 4 * np.sqrt(estimate.covariance[0, 5, 5])
