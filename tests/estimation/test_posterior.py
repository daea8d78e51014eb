# SPDX-License-Identifier: GPL-3.0-or-later
"""Adaptive importance sampling against densities with known integrals and moments."""

import numpy as np
import pytest
from gnuradio.dislac.estimation.posterior import predictive_factor, sample, tail_factor


def test_a_gaussian_has_its_evidence_mean_and_covariance():
    mean = np.array([0.5, -0.3, 0.2])
    covariance = np.array([[1.0, 0.4, 0.0], [0.4, 0.8, 0.1], [0.0, 0.1, 0.5]])
    inverse = np.linalg.inv(covariance)

    def log_density(x):
        return 7.0 - 0.5 * np.einsum("na,ab,nb->n", x - mean, inverse, x - mean)

    found = sample(log_density, 3)
    volume = 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert found.evidence == pytest.approx(7.0 + volume, abs=0.3)
    middle = found.weight @ found.draws
    away = found.draws - middle
    spread = (found.weight[:, None] * away).T @ away
    assert np.all(np.abs(middle - mean) < 0.5)
    assert np.trace(np.linalg.solve(covariance, spread)) / 3 == pytest.approx(1.0, abs=0.4)


def test_a_bent_density_is_wider_than_its_curvature():
    """Of x Gaussian with variance 1, and y with variance 0.25 about x^2 / 2, y has 0.75 about 0.5;
    the curvature at the top says 0.25 about 0. Far ends that are never drawn are missed."""

    def log_density(p):
        x, y = p[:, 0], 0.5 * p[:, 1]
        return -0.5 * x**2 - 0.5 * ((y - x**2 / 2) / 0.5) ** 2

    found = sample(log_density, 2)
    y = 0.5 * found.draws[:, 1]
    middle = found.weight @ y
    assert 0.3 < found.weight @ (y - middle) ** 2 < 1.2
    assert 0.2 < middle < 0.7


def test_covariances_of_few_draws_are_widened_by_as_much_as_they_are_unsure():
    rng = np.random.default_rng(3)
    draws, dimension = 12, 3
    errors = []
    for _ in range(4000):
        drawn = rng.standard_normal((draws, dimension))
        error = rng.standard_normal(dimension) - drawn.mean(axis=0)
        spread = np.cov(drawn.T, bias=True) * predictive_factor(draws, dimension)
        errors.append(error @ np.linalg.solve(spread, error))
    assert np.mean(errors) == pytest.approx(dimension, rel=0.15)
    assert predictive_factor(dimension + 2, dimension) == np.inf


@pytest.mark.parametrize(("far", "chance"), [(20.0, 0.01), (8.0, 0.02), (6.0, 1e-3), (4.0, 0.02)])
def test_a_covariance_grows_along_what_is_apart_until_little_is_beyond_five_sigma(far, chance):
    """A Gaussian, and with a small probability a place `far` on either side along one axis."""
    points = np.array([[0.0, 0.0, 0.0], [far, 0.0, 0.0], [-far, 0.0, 0.0]])
    mass = np.array([1.0 - chance, chance / 2, chance / 2])
    within, between = np.diag([1.0, 4.0, 0.25]), np.diag([chance * far**2, 0.0, 0.0])
    turn = np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]
    factor = tail_factor(points @ turn.T, mass, turn @ within @ turn.T, turn @ between @ turn.T)
    needed = (far**2 / 25.0 - 1.0) / between[0, 0] if chance > 2e-3 else 1.0
    assert max(needed, 1.0) * 0.999 <= factor <= max(needed, 1.0) * 1.05
