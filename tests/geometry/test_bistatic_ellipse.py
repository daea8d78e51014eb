# SPDX-License-Identifier: GPL-3.0-or-later
"""The section of a bistatic ellipsoid with a horizontal plane."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import bistatic_ellipse, bistatic_range, range_along_ray
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

LEO = np.array([100e3, 200e3, 300e3])
BS = np.array([-50.0, 190.0, 100.0])

place = st.tuples(*[st.floats(-1e3, 1e3)] * 3).map(np.array)


def test_the_papers_ellipse_goes_through_the_target():
    excess = float(bistatic_range(LEO, BS, np.zeros(3)))
    outline = bistatic_ellipse(LEO, BS, excess, 0.0, points=100_001)
    assert np.min(np.linalg.norm(outline, axis=-1)) < 0.05
    assert_allclose(bistatic_range(LEO, BS, outline), excess, atol=1e-6)


@given(place, place, place)
def test_every_point_has_the_range_and_the_height(transmitter, receiver, target):
    excess = float(bistatic_range(transmitter, receiver, target))
    baseline = np.linalg.norm(transmitter - receiver)
    assume(baseline > 1.0 and excess > 1e-3 * baseline)
    outline = bistatic_ellipse(transmitter, receiver, excess, target[2])
    if np.isnan(outline).any():
        # rounding decides where the plane only touches the ellipsoid, at the target
        outline = bistatic_ellipse(transmitter, receiver, excess * (1 + 1e-9), target[2])
    assert np.all(outline[:, 2] == target[2])
    scale = baseline + excess
    assert_allclose(bistatic_range(transmitter, receiver, outline), excess, atol=1e-8 * scale)
    assert_allclose(outline[-1], outline[0])


def test_a_ray_in_the_plane_ends_on_it():
    transmitter, receiver, excess = np.array([400.0, 0, 0]), np.zeros(3), 50.0
    outline = bistatic_ellipse(transmitter, receiver, excess, 0.0, points=721)
    for point in outline[::36]:
        ray = point / np.linalg.norm(point)
        distance = range_along_ray(transmitter, receiver, ray, excess)
        assert_allclose(np.linalg.norm(point), distance, rtol=1e-12)


def test_closed_forms():
    # foci one above the other: circles
    outline = bistatic_ellipse([0, 0, 80.0], [0, 0, 0], 20.0, 40.0)
    assert_allclose(np.hypot(*outline[:, :2].T), 30.0)  # the ellipsoid's equator: 30, 40, 50
    # foci 80 apart in the plane: semi-axes 50 and 30 about their middle
    outline = bistatic_ellipse([80.0, 0, 5.0], [0, 0, 5.0], 20.0, 5.0)
    assert_allclose(outline[:, 0].min(), -10.0)
    assert_allclose(outline[:, 0].max(), 90.0)
    assert_allclose(np.abs(outline[:, 1]).max(), 30.0)


@pytest.mark.parametrize(("excess", "height"), [(0.0, 0.0), (-5.0, 0.0), (20.0, 91.0)])
def test_where_there_is_no_section(excess, height):
    assert np.isnan(bistatic_ellipse([0, 0, 80.0], [0, 0, 0], excess, height)).all()
