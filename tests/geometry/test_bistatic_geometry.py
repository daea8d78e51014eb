# SPDX-License-Identifier: GPL-3.0-or-later
"""Bistatic range, its gradient, and the ray that meets the ellipsoid."""

import warnings

import numpy as np
import pytest
from gnuradio.dislac.geometry import bistatic_gradient, bistatic_range, range_along_ray
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

LEO = np.array([100e3, 200e3, 300e3])
BS = np.array([-50.0, 190.0, 100.0])
C = 3e8  # the paper's

coordinate = st.floats(-1e4, 1e4, allow_nan=False)
point = st.tuples(coordinate, coordinate, coordinate).map(np.array)
# from a mast across the street to a satellite
far_point = st.tuples(point, st.sampled_from([1e-2, 1.0, 1e2])).map(lambda p: p[0] * p[1])


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_the_papers_scene():
    excess = bistatic_range(LEO, BS, np.zeros(3))
    assert_allclose(excess / C * 1e9, 1296.005290, atol=5e-7)
    assert_allclose(range_along_ray(LEO, BS, unit(-BS), excess), 220.454077, atol=5e-7)


@pytest.mark.parametrize(
    ("direction", "excess", "expected"),
    [
        (unit(-BS), 388.801587, 220.454077),
        ([0.2, -13 / 15, -np.sqrt(1 - 0.04 - (13 / 15) ** 2)], 388.801587, 218.904125),
        ([0.0, 0.0, -1.0], 200.0, 110.992090),
        ([-1.0, 0.0, 0.0], 500.0, 394.320355),
    ],
)
def test_closed_form_cases(direction, excess, expected):
    assert_allclose(range_along_ray(LEO, BS, direction, excess), expected, atol=1e-6)


def test_position_per_timing_advance_error_at_the_origin():
    excess = bistatic_range(LEO, BS, np.zeros(3))
    there = range_along_ray(LEO, BS, unit(-BS), excess + C * np.array([-1e-9, 1e-9]))
    assert_allclose((there[1] - there[0]) / 2, 0.170091, atol=5e-7)


@given(transmitter=far_point, receiver=point, target=point)
def test_ray_meets_the_target_it_came_from(transmitter, receiver, target):
    distance = np.linalg.norm(target - receiver)
    excess = bistatic_range(transmitter, receiver, target)
    if distance < 1e-3 or excess < 1e-4 * distance:
        return  # no direction, or so near the baseline that no distance can be measured
    found = range_along_ray(transmitter, receiver, unit(target - receiver), excess)
    assert_allclose(found, distance, rtol=1e-7, atol=1e-7)


@given(receiver=point, target=point)
def test_one_place_for_transmitter_and_receiver_makes_a_sphere(receiver, target):
    excess = bistatic_range(receiver, receiver, target)
    assert_allclose(excess, 2 * np.linalg.norm(target - receiver))
    direction = np.array([0.36, 0.48, -0.8])
    assert_allclose(range_along_ray(receiver, receiver, direction, excess), excess / 2)


@given(transmitter=far_point, receiver=point, target=point)
def test_range_is_the_detour_and_never_negative(transmitter, receiver, target):
    detour = (
        np.linalg.norm(transmitter - target)
        + np.linalg.norm(target - receiver)
        - np.linalg.norm(transmitter - receiver)
    )
    scale = max(np.linalg.norm(transmitter), np.linalg.norm(receiver), np.linalg.norm(target), 1.0)
    assert_allclose(bistatic_range(transmitter, receiver, target), detour, atol=1e-14 * scale)


def test_range_keeps_its_digits_at_satellite_distance():
    # Straight away from the satellite the detour is twice the step, to the last digit; formed by
    # subtraction it would be a multiple of 6e-11 m.
    away = unit(BS - LEO)
    assert_allclose(bistatic_range(LEO, BS, BS + 1e-3 * away), 2e-3, rtol=1e-10)


def test_gradient_against_differences():
    rng = np.random.default_rng(3)
    transmitter, receiver, target = rng.normal(size=(3, 20, 3)) * 300
    step = 1e-3
    numeric = [
        (
            bistatic_range(transmitter, receiver, target + step * axis)
            - bistatic_range(transmitter, receiver, target - step * axis)
        )
        / (2 * step)
        for axis in np.eye(3)
    ]
    assert_allclose(
        bistatic_gradient(transmitter, receiver, target), np.stack(numeric, axis=-1), atol=1e-7
    )


def test_gradient_at_the_foci_is_finite():
    assert_allclose(bistatic_gradient(LEO, BS, BS), unit(BS - LEO))
    assert_allclose(bistatic_gradient(LEO, BS, LEO), unit(LEO - BS))


def test_shapes_broadcast():
    directions = np.tile(unit(-BS), (4, 5, 1))
    assert range_along_ray(LEO, BS, directions, np.full(5, 388.8)).shape == (4, 5)
    assert bistatic_range(LEO, BS, np.zeros((4, 5, 3))).shape == (4, 5)
    assert bistatic_gradient(LEO, BS, np.zeros((4, 5, 3))).shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("direction", "excess", "expected"),
    [
        (unit(-BS), 0.0, 0.0),
        (unit(-BS), -10.0, 0.0),
        (unit(LEO - BS), 0.0, 0.0),
        (unit(-BS), np.nan, np.nan),
        # along the baseline all of the excess lies beyond the transmitter
        (unit(LEO - BS), 2.0, np.linalg.norm(LEO - BS) + 1.0),
    ],
)
def test_degenerate_rays_give_no_warning(direction, excess, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(range_along_ray(LEO, BS, direction, excess), expected)


def test_no_finite_excess_overflows():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(range_along_ray(LEO, BS, unit(-BS), 1e300))
        assert range_along_ray(LEO, BS, unit(LEO - BS), 1e-300) > 0
