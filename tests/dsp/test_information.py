# SPDX-License-Identifier: GPL-3.0-or-later
"""Inverse of an information matrix that may say nothing of some parameters."""

import numpy as np
import pytest
from gnuradio.dislac.dsp.information import estimable_covariance
from numpy.testing import assert_allclose

UNITS = np.array([1.0, 1e-9, 1e6, 30.0])


def information(rng, rank=4):
    """Of parameters in very different units."""
    slopes = rng.standard_normal((rank, 4)) / UNITS
    return slopes.T @ slopes


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_where_all_is_known_it_is_the_inverse(scale):
    j = scale * information(np.random.default_rng(1), 7)
    unit = np.sqrt(np.outer(np.diag(np.linalg.inv(j)), np.diag(np.linalg.inv(j))))
    assert_allclose(estimable_covariance(j) / unit, np.linalg.inv(j) / unit, atol=1e-9)


def test_a_parameter_of_which_nothing_is_known_leaves_the_others_as_they_are():
    j = information(np.random.default_rng(2), 7)
    j[1, :] = j[:, 1] = 0.0
    found = estimable_covariance(j)
    rest = np.ix_([0, 2, 3], [0, 2, 3])
    assert found[1, 1] == np.inf
    assert not found[1, [0, 2, 3]].any() and not found[[0, 2, 3], 1].any()
    unit = np.sqrt(np.outer(*[np.diag(found[rest])] * 2))
    assert_allclose(found[rest] / unit, np.linalg.inv(j[rest]) / unit, atol=1e-9)


def test_two_that_make_up_for_each_other_are_both_lost():
    """Only their sum, in units of each, is known."""
    slopes = np.array([[1 / UNITS[0], 1 / UNITS[1], 0, 0], [0, 0, 1 / UNITS[2], 0]])
    slopes = np.vstack([slopes, [0, 0, 0, 2 / UNITS[3]]])
    found = estimable_covariance(slopes.T @ slopes)
    assert_allclose(np.diag(found), [np.inf, np.inf, UNITS[2] ** 2, UNITS[3] ** 2 / 4])
    assert not found[~np.eye(4, dtype=bool)].any()


def test_a_frame_that_says_nothing():
    found = estimable_covariance(np.zeros((2, 2)))
    assert_allclose(found, np.diag([np.inf, np.inf]))
