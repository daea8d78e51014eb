# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.arrays import spatial_frequency_grid, wrap_spatial_frequency
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import (
    DirectionDictionary,
    EstimatorError,
    GridEstimator,
    MmvBomp,
    make_estimator,
    mmv_bomp_literal,
)


def some_paths(rng, count=3):
    return Paths(
        gain=rng.standard_normal(count) + 1j * rng.standard_normal(count),
        arrival=rng.uniform(-0.7, 0.7, (count, 2)),
        departure=rng.uniform(-0.7, 0.7, (count, 2)),
        delay=rng.uniform(0, 3e-6, count),
        doppler=rng.uniform(-200, 200, count),
    )


def same(model, arrivals, departures, frame, atoms):
    """The fast form gives what the literal one gives."""
    literal = mmv_bomp_literal(model, arrivals, departures, frame, atoms)
    dictionary = DirectionDictionary(model, arrivals, departures)
    fast = MmvBomp(dictionary)(frame, atoms)
    # An odd grid holds -1 and +1, which are the same spatial frequency.
    for a, b in zip(*map(dictionary.directions, (fast.atoms, literal.atoms)), strict=True):
        np.testing.assert_array_equal(wrap_spatial_frequency(a), wrap_spatial_frequency(b))
    scale = np.abs(literal.coefficients).max()
    np.testing.assert_allclose(
        fast.coefficients / scale, literal.coefficients / scale, rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("coupling", ["paired", "physical"])
@pytest.mark.parametrize("chains", [3, 4, 8])
def test_fast_form_equals_the_literal_algorithm(make_model, receive, coupling, chains):
    for seed in range(17):
        rng = np.random.default_rng([seed, chains])
        model = make_model(seed, symbols=4, subcarriers=8, chains=chains, coupling=coupling)
        paths = some_paths(rng)
        frame, _ = receive(model, paths, rng.uniform(-10, 20), seed)
        grid = spatial_frequency_grid(int(rng.choice([7, 8, 9, 10])))
        departures = grid if coupling == "paired" else paths.departure[:1]
        same(model, grid, departures, frame, 3)


def test_fast_form_equals_the_literal_algorithm_at_full_size(make_model, receive):
    model = make_model(3)
    grid = spatial_frequency_grid(16)
    same(model, grid, grid, receive(model, some_paths(np.random.default_rng(4)), 0, 5)[0], 2)


def test_columns_that_some_symbol_hardly_hears_are_scored_in_double_precision(make_model, receive):
    model = make_model(6, symbols=3, subcarriers=8, chains=4)
    # All beams of the first symbol have a null where the second grid point is.
    grid = spatial_frequency_grid(8)
    v = model.receive_array.steering(grid[1])
    model.receive_beams[0] -= np.outer(v, v.conj() @ model.receive_beams[0]) * (1 - 1e-4)
    search = MmvBomp(DirectionDictionary(model, grid, grid))
    assert search._real is np.float64
    same(model, grid, grid, receive(model, some_paths(np.random.default_rng(7)), 10, 8)[0], 3)


def test_linear_arrays_search_their_own_axis(make_model, receive):
    model = make_model(2, chains=2, shape=(2, 1))
    estimator = make_estimator("mmv-bomp", model, grid_points=9, max_paths=1)
    paths = Paths(
        np.ones(1, complex), np.array([[0.25, 0.0]]), np.array([[-0.5, 0.0]]),
        np.array([1e-6]), np.array([0.0]),
    )  # fmt: skip
    found = estimator.estimate(receive(model, paths, 20, 1)[0]).paths
    np.testing.assert_allclose(found.arrival, paths.arrival)
    np.testing.assert_allclose(found.departure, paths.departure)


@pytest.mark.parametrize(
    ("points", "atom", "floor"),
    [
        (8, (0.1429, -0.7143), 62.92),
        (12, (0.2727, -0.8182), 18.13),
        (16, (0.2000, -0.8667), 6.23),
    ],
)
def test_floors_of_the_published_grids(scene, make_model, points, atom, floor):
    target = np.zeros(3)
    estimator = make_estimator("mmv-bomp", make_model(), grid_points=points, max_paths=1)
    found = estimator.estimate(synthesize(estimator.model, scene.echo(target))).paths
    np.testing.assert_allclose(found.arrival[0], atom, atol=5e-5)
    assert scene.error(found, target) == pytest.approx(floor, abs=0.1)


def test_gain_delay_and_doppler_of_a_path_on_the_grid(make_model):
    model = make_model()
    grid = spatial_frequency_grid(16)
    paths = Paths(
        np.array([0.3 - 0.4j]), grid[100:101], grid[60:61], np.array([0.9e-6]), np.array([1500.0])
    )
    estimate = make_estimator("mmv-bomp", model, max_paths=1).estimate(synthesize(model, paths))
    np.testing.assert_allclose(estimate.paths.gain, paths.gain, rtol=1e-6)
    np.testing.assert_allclose(estimate.paths.delay, paths.delay, rtol=1e-6)
    np.testing.assert_allclose(estimate.paths.doppler, paths.doppler, rtol=1e-6)
    assert estimate.covariance is None
    assert estimate.noise_power < 1e-12


def test_physical_coupling_needs_the_departure_and_finds_the_arrival(scene, make_model, receive):
    model = make_model(4, coupling="physical")
    with pytest.raises(EstimatorError, match="reference_departure"):
        make_estimator("mmv-bomp", model)
    echo = scene.echo(np.zeros(3))
    estimator = make_estimator(
        "mmv-bomp", model, max_paths=1, reference_departure=echo.departure[0]
    )
    estimate = estimator.estimate(receive(model, echo, 0, 9)[0])
    np.testing.assert_allclose(estimate.paths.arrival[0], (0.2, -13 / 15))
    np.testing.assert_allclose(estimate.paths.departure, echo.departure, rtol=1e-14)
    assert abs(estimate.paths.delay[0] - echo.delay[0]) < 20e-9


def test_more_atoms_than_chains_are_refused(make_model):
    with pytest.raises(EstimatorError, match="4 chains"):
        make_estimator("mmv-bomp", make_model(chains=4), max_paths=5)


class Literal:
    """Algorithm 1 written out, as a solver."""

    content = ()

    def __init__(self, dictionary):
        self.dictionary = dictionary

    def __call__(self, frame, atoms):
        d = self.dictionary
        return mmv_bomp_literal(d.model, d.arrivals, d.departures, frame, atoms)


def test_a_grid_estimator_takes_any_solver(make_model, receive, monkeypatch):
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
    model = make_model(5, symbols=4, subcarriers=8, chains=4)
    dictionary = DirectionDictionary.on_grids(model, 8, None)
    assert dictionary.size == dictionary.columns(np.arange(dictionary.size)).shape[2]
    frame = receive(model, some_paths(np.random.default_rng(8), 1), 25, 9)[0]
    literal, fast = (
        GridEstimator(model, make(dictionary), atoms=2).estimate(frame)
        for make in (Literal, MmvBomp)
    )
    assert fast.detected and fast.statistic == pytest.approx(literal.statistic, rel=1e-9)
    assert fast.threshold == pytest.approx(literal.threshold, rel=1e-9)
    for name in ("arrival", "departure"):
        np.testing.assert_array_equal(getattr(fast.paths, name), getattr(literal.paths, name))
    for name in ("gain", "delay", "doppler"):
        found, expected = getattr(fast.paths, name), getattr(literal.paths, name)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
