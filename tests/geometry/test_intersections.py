# SPDX-License-Identifier: GPL-3.0-or-later
"""Places where lines and cones meet the bistatic ellipsoid."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import bistatic_range
from gnuradio.dislac.geometry.bistatic import cone_in_plane, ellipsoid_on_line
from numpy.testing import assert_allclose


def unit(vector):
    return np.asarray(vector) / np.linalg.norm(vector)


# From a transmitter in orbit to one across the street, and one in the receiver's own place.
SCENES = [
    (np.array([3e5, -4e5, 5e5]), np.array([20.0, -70.0, 30.0])),
    (np.array([300.0, 100.0, -50.0]), np.array([-40.0, 20.0, 10.0])),
    (np.array([3.0, -4.0, 5.0]), np.array([3.0, -4.0, 5.0])),
]


@pytest.mark.parametrize("scene", range(len(SCENES)))
def test_a_line_meets_the_ellipsoid_in_the_target_and_once_more(scene):
    (transmitter, receiver), rng = SCENES[scene], np.random.default_rng(scene)
    for _ in range(20):
        target, along = receiver + rng.normal(0, 200, 3), unit(rng.normal(size=3))
        excess = bistatic_range(transmitter, receiver, target)
        # the line is given by another of its points, and its direction either way
        found = ellipsoid_on_line(transmitter, receiver, excess, target + 321 * along, -along)
        assert found.shape == (2, 3)
        away = np.linalg.norm(found - target, axis=1)
        assert away.min() < 1e-5
        ranges = [bistatic_range(transmitter, receiver, place) for place in found]
        assert_allclose(ranges, excess, rtol=1e-6)
        for place in found:
            assert np.linalg.norm(np.cross(place - target, along)) < 1e-6


def test_lines_that_pass_the_ellipsoid_meet_it_nowhere():
    zero = np.zeros(3)
    # a sphere of half the excess about both
    for height, count in ((9.999, 2), (10.001, 0)):
        found = ellipsoid_on_line(zero, zero, 20.0, [0.0, 0.0, height], [1.0, 0.0, 0.0])
        assert len(found) == count
    assert_allclose(
        np.sort(ellipsoid_on_line(zero, zero, 20.0, [0.0, 6.0, 0.0], [1.0, 0.0, 0.0])[:, 0]),
        [-8.0, 8.0],
    )
    # through the middle the smaller root is zero over zero
    found = ellipsoid_on_line(zero, zero, 20.0, zero, [0.0, 1.0, 0.0])
    assert_allclose(np.abs(found[:, 1]), 10.0)
    for excess in (0.0, -1.0, np.nan):
        assert ellipsoid_on_line(zero, zero, excess, zero, [1.0, 0.0, 0.0]).shape == (0, 3)


@pytest.mark.parametrize("scene", range(len(SCENES)))
def test_a_cone_in_a_plane_holds_the_target_and_another_place(scene):
    (transmitter, receiver), rng = SCENES[scene], np.random.default_rng(scene)
    met = 0
    for _ in range(20):
        target = receiver + rng.normal(0, 200, 3)
        axis, normal = (unit(rng.normal(size=3)) for _ in range(2))
        excess = bistatic_range(transmitter, receiver, target)
        cosine = unit(target - receiver) @ axis
        found = cone_in_plane(transmitter, receiver, excess, axis, cosine, normal, normal @ target)
        assert found.shape == (2, 3)
        met += np.linalg.norm(found - target, axis=1).min() < 1e-4
        # the one on the far side of the plane's line of sight counts where it is in the plane
        for place in found:
            assert bistatic_range(transmitter, receiver, place) == pytest.approx(excess, rel=1e-6)
            assert unit(place - receiver) @ axis == pytest.approx(cosine, abs=1e-9)
            assert normal @ place == pytest.approx(normal @ target, abs=1e-4)
    assert met == 20


def test_cones_that_miss_the_plane_have_no_place_in_it():
    zero, up = np.zeros(3), np.array([0.0, 0.0, 1.0])
    # on a sphere of radius 10, rays 60 degrees off the vertical end at a height of 5
    for height, count in ((4.999, 0), (5.001, 0)):
        assert len(cone_in_plane(zero, zero, 20.0, up, 0.5, up, height)) == count
    across = np.array([1.0, 0.0, 0.0])
    for offset, count in ((8.66, 2), (8.661, 0), (-8.66, 2), (-8.661, 0)):
        assert len(cone_in_plane(zero, zero, 20.0, up, 0.5, across, offset)) == count
    found = cone_in_plane(zero, zero, 20.0, up, 0.5, across, 3.0)
    assert_allclose(np.sort(found[:, 1]), np.sqrt(75 - 9) * np.array([-1, 1]))
    assert_allclose(found[:, [0, 2]], [[3, 5], [3, 5]])
    for excess in (0.0, -1.0, np.nan):
        assert cone_in_plane(zero, zero, excess, up, 0.5, across, 3.0).shape == (0, 3)
