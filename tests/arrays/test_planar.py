# SPDX-License-Identifier: GPL-3.0-or-later
"""Planar arrays, their grids and beams."""

import numpy as np
import pytest
from gnuradio.dislac.arrays import (
    PlanarArray,
    phase_shifter_beams,
    spatial_frequency_grid,
    wrap_spatial_frequency,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

component = st.floats(-1, 1)
direction = (
    st.tuples(component, component, component)
    .filter(lambda v: np.linalg.norm(v) > 1e-3)
    .map(lambda v: np.array(v) / np.linalg.norm(v))
)
turn = st.tuples(*[st.floats(-180, 180)] * 3).map(
    lambda degrees: Rotation.from_euler("ZYX", degrees, degrees=True)
)


def test_steering_is_the_phase_of_a_plane_wave():
    # Elements half a wavelength apart: a wave from u reaches element p earlier by p.u / 2
    # wavelengths, so its phase is ahead by 2 pi p.u / 2.
    array = PlanarArray(3, 4)
    u = np.array([0.3, -0.5])
    v = array.steering(u)
    for x in range(3):
        for y in range(4):
            expected = np.exp(1j * np.pi * (x * u[0] + y * u[1])) / np.sqrt(12)
            assert_allclose(v[x * 4 + y], expected, atol=1e-15)


@given(u=st.tuples(component, component))
def test_steering_is_a_kronecker_product_of_unit_norm(u):
    v = PlanarArray(3, 4).steering(u)
    along = [PlanarArray(3, 1).steering(u), PlanarArray(1, 4).steering(u)]
    assert_allclose(v, np.kron(*along), atol=1e-14)
    assert_allclose(np.linalg.norm(v), 1.0)


def test_element_positions_are_the_derivative_of_steering():
    array, u, step = PlanarArray(3, 4), np.array([0.3, -0.5]), 1e-6
    for axis in range(2):
        by = step * np.eye(2)[axis]
        numeric = (array.steering(u + by) - array.steering(u - by)) / (2 * step)
        slope = 1j * np.pi * array.element_positions[:, axis] * array.steering(u)
        assert_allclose(numeric, slope, atol=1e-9)


def test_element_positions_belong_to_the_array_alone():
    with pytest.raises(ValueError, match="read-only"):
        PlanarArray(2, 2).element_positions[0] = 1.0


@given(u=direction, orientation=turn)
def test_direction_and_spatial_frequency_are_inverse(u, orientation):
    array = PlanarArray(4, 4, orientation)
    below = orientation.inv().apply(u)[2] < 0
    # near the array's plane the third component is ill determined: compare the first two
    found = array.direction(array.spatial_frequency(u), below=below)
    assert_allclose(np.linalg.norm(found), 1.0)
    assert_allclose(array.spatial_frequency(found), array.spatial_frequency(u), atol=1e-14)
    assert_allclose(found, u, atol=3e-8)


def test_orientation_turns_the_body_into_the_scene():
    # body x looks east before, north after a quarter turn about the vertical
    array = PlanarArray(4, 4, Rotation.from_euler("z", 90, degrees=True))
    assert_allclose(array.spatial_frequency([0.0, 1.0, 0.0]), [1.0, 0.0], atol=1e-15)
    assert_allclose(array.direction([0.6, 0.0]), [0.0, 0.6, -0.8], atol=1e-15)
    assert_allclose(array.direction([0.6, 0.0], below=False), [0.0, 0.6, 0.8], atol=1e-15)


def test_outside_the_disc_the_nearest_direction_in_the_plane():
    assert_allclose(PlanarArray(4, 4).direction([3.0, -4.0]), [0.6, -0.8, 0.0], atol=1e-15)


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
def test_shapes(shape):
    array = PlanarArray(2, 3)
    u = np.full((*shape, 2), 0.1)
    assert array.steering(u).shape == (*shape, 6)
    assert array.direction(u).shape == (*shape, 3)
    assert array.spatial_frequency(array.direction(u)).shape == (*shape, 2)


def test_grid_of_the_paper():
    grid = spatial_frequency_grid(16)
    assert grid.shape == (172, 2)
    assert np.all(np.sum(grid**2, axis=-1) <= 1 + 1e-12)
    # the atoms that the three floors of the paper's scene come from
    for points, atom in [(8, (1 / 7, -5 / 7)), (12, (3 / 11, -9 / 11)), (16, (0.2, -13 / 15))]:
        distance = np.linalg.norm(spatial_frequency_grid(points) - atom, axis=-1)
        assert np.min(distance) < 1e-12


def test_a_grid_that_holds_both_ends_holds_some_columns_twice():
    axis = np.linspace(-1, 1, 16)
    full = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    columns = PlanarArray(4, 4).steering(full)
    same = np.abs(columns.conj() @ columns.T) > 1 - 1e-9
    assert len(np.unique(same, axis=0)) == 225


@given(u=st.tuples(st.floats(-10, 10), st.floats(-10, 10)))
def test_wrapping_leaves_the_steering_vector_as_it_is(u):
    wrapped = wrap_spatial_frequency(u)
    assert np.all((wrapped >= -1) & (wrapped < 1))
    array = PlanarArray(3, 4)
    assert_allclose(array.steering(wrapped), array.steering(u), atol=1e-12)


def test_beams_are_phase_shifters_of_unit_norm():
    beams = phase_shifter_beams(5, 16, 3, np.random.default_rng(1))
    assert beams.shape == (5, 16, 3)
    assert_allclose(np.abs(beams), 0.25)
    assert_array_equal(beams, phase_shifter_beams(5, 16, 3, np.random.default_rng(1)))
    # independent from symbol to symbol: their mean inner product vanishes
    many = phase_shifter_beams(2000, 16, 1, np.random.default_rng(2))[..., 0]
    inner = np.einsum("ma,ma->m", many[1:].conj(), many[:-1])
    assert abs(np.mean(inner)) < 4 / np.sqrt(16 * 2000)
