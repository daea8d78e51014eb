# SPDX-License-Identifier: GPL-3.0-or-later
"""The outline that holds a plane normal distribution with a probability."""

import numpy as np
import pytest
from gnuradio.dislac.positioning import confidence_ellipse
from matplotlib.path import Path
from numpy.testing import assert_allclose

COVARIANCE = np.array([[9.0, 4.0], [4.0, 5.0]])


@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_it_holds_the_share_it_says(probability):
    draws = np.random.default_rng(1).multivariate_normal([0, 0], COVARIANCE, 40_000)
    outline = confidence_ellipse(COVARIANCE, probability, points=361)
    inside = Path(outline).contains_points(draws)
    assert_allclose(inside.mean(), probability, atol=0.01)


def test_the_outline_is_a_contour_of_the_density():
    outline = confidence_ellipse(COVARIANCE, 0.95)
    square = np.einsum("ni,ij,nj->n", outline, np.linalg.inv(COVARIANCE), outline)
    assert_allclose(square, -2 * np.log(0.05))


def test_it_is_closed_and_counterclockwise():
    outline = confidence_ellipse(COVARIANCE)
    assert np.array_equal(outline[0], outline[-1])
    x, y = outline.T
    assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0


def test_what_is_not_known_has_no_outline():
    assert np.isnan(confidence_ellipse(np.full((2, 2), np.nan))).all()
