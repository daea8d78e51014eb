# SPDX-License-Identifier: GPL-3.0-or-later
"""Planes and lines on which a position is known to lie."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import ANYWHERE, Locus
from numpy.testing import assert_allclose

POINT = np.array([100.0, -20.0, 7.0])
PLACES = np.random.default_rng(1).normal(0, 1e3, (20, 3))


@pytest.mark.parametrize("scale", [1e-9, 0.5, 1.0, 1e12])
def test_a_normal_has_any_length(scale):
    normal = np.array([1.0, -2.0, 2.0])
    plane = Locus.plane(POINT, scale * normal)
    assert_allclose(plane.normals, [normal / 3], rtol=1e-15)
    assert_allclose(plane.offsets, [(100 + 40 + 14) / 3])
    line = Locus.line(POINT, scale * normal)
    assert line.normals.shape == (2, 3)
    assert_allclose(line.normals @ line.normals.T, np.eye(2), atol=1e-15)
    assert_allclose(line.normals @ normal, 0.0, atol=1e-14)


@pytest.mark.parametrize("vector", [(0, 0, 0), (np.inf, 0, 0), (np.nan, 1, 1)])
@pytest.mark.parametrize(("make", "name"), [(Locus.plane, "normal"), (Locus.line, "direction")])
def test_what_has_no_direction_is_refused(make, name, vector):
    with pytest.raises(ValueError, match=f"{name} .* has no direction; give a finite, nonzero"):
        make(POINT, vector)


@pytest.mark.parametrize(
    ("locus", "free"),
    [
        (ANYWHERE, 3),
        (Locus.plane(POINT, [3.0, 1.0, -2.0]), 2),
        (Locus.at_height(-12.5), 2),
        (Locus.line(POINT, [3.0, 1.0, -2.0]), 1),
    ],
)
def test_the_shortest_step_leads_there_and_the_rest_is_free(locus, free):
    for place in PLACES:
        step = locus.correction(place)
        there = place + step
        assert_allclose(locus.normals @ there, locus.offsets, atol=1e-10)
        assert_allclose(locus.directions.T @ step, 0.0, atol=1e-10)
        assert_allclose(locus.correction(there), 0.0, atol=1e-10)
    assert locus.directions.shape == (3, free)
    assert_allclose(locus.directions.T @ locus.directions, np.eye(free), atol=1e-15)
    if free == 1:
        assert_allclose(np.abs(locus.directions[:, 0]) * np.sqrt(14), [3, 1, 2])


@pytest.mark.parametrize(
    ("locus", "height"),
    [
        (ANYWHERE, None),
        (Locus.at_height(-12.5), -12.5),
        (Locus.plane(POINT, [0.0, 0.0, -4.0]), 7.0),
        (Locus.plane(POINT, [0.0, 1e-3, 1.0]), None),
        (Locus.line(POINT, [5.0, -1.0, 0.0]), 7.0),
        (Locus.line(POINT, [5.0, -1.0, 1e-3]), None),
        (Locus.line(POINT, [0.0, 0.0, 1.0]), None),
    ],
)
def test_a_height_is_that_of_all_positions(locus, height):
    assert locus.height == (None if height is None else pytest.approx(height, abs=1e-12))
