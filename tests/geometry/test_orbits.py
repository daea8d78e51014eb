# SPDX-License-Identifier: GPL-3.0-or-later
"""Circular orbits and Walker shells."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import (
    CircularOrbit,
    LinearMotion,
    OrbitError,
    WalkerShell,
    range_and_rate,
)
from gnuradio.dislac.geometry.frames import EARTH_ROTATION
from gnuradio.dislac.geometry.orbits import EQUATORIAL_RADIUS, GRAVITATION
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

ELEVATIONS = np.radians([85.0, 60.0, 30.0, 10.0])
angle = st.floats(-np.pi, np.pi)


def inertial(orbit, time):
    """The same orbit by three rotations, and its velocity, in the frame that does not turn."""
    radius = EQUATORIAL_RADIUS + orbit.altitude
    motion = 2 * np.pi / orbit.period
    turn = Rotation.from_euler("ZXZ", [[orbit.node_longitude, orbit.inclination, 0.0]])
    u = orbit.argument + motion * np.atleast_1d(time)
    circle = np.stack([np.cos(u), np.sin(u), 0 * u], -1)
    ahead = np.stack([-np.sin(u), np.cos(u), 0 * u], -1)
    matrix = turn.as_matrix()[0].T
    return radius * circle @ matrix, radius * motion * ahead @ matrix


# One orbit


@given(inclination=st.floats(0, np.pi), node=angle, argument=angle, time=st.floats(-1e5, 1e5))
def test_orbit_against_rotations(inclination, node, argument, time):
    orbit = CircularOrbit(550e3, inclination, node, argument)
    position, velocity = inertial(orbit, time)
    earth = Rotation.from_euler("Z", -EARTH_ROTATION * time)
    place = earth.apply(position[0])
    ours, speed = orbit.state(time)
    assert_allclose(ours, place, atol=1e-5)
    turning = np.cross([0, 0, EARTH_ROTATION], place)
    assert_allclose(speed, earth.apply(velocity[0]) - turning, atol=1e-8)


def test_velocity_is_the_derivative_of_the_position():
    orbit = CircularOrbit(550e3, np.radians(53), 0.3, 1.0)
    time = np.linspace(0, 6000, 50)
    step = 0.5
    slope = (orbit.state(time + step)[0] - orbit.state(time - step)[0]) / (2 * step)
    assert_allclose(orbit.state(time)[1], slope, atol=2e-3)


def test_period_and_speed():
    orbit = CircularOrbit(550e3, 0.0)
    radius = EQUATORIAL_RADIUS + 550e3
    assert_allclose(orbit.period, 2 * np.pi * np.sqrt(radius**3 / GRAVITATION), rtol=1e-15)
    # eastward over the equator, the Earth's rotation is taken off
    speed = np.sqrt(GRAVITATION / radius) - EARTH_ROTATION * radius
    assert_allclose(orbit.state(0.0), [[radius, 0, 0], [0, speed, 0]], atol=1e-6)


def test_time_zero_can_be_later():
    orbit = CircularOrbit(550e3, 0.9, 0.3, 1.0)
    assert_allclose(orbit.later(1234.5).state(100.0), orbit.state(1334.5), atol=1e-6)


def test_a_geostationary_satellite_stands_still():
    radius = (GRAVITATION / EARTH_ROTATION**2) ** (1 / 3)
    orbit = CircularOrbit(radius - EQUATORIAL_RADIUS, 0.0, 0.5)
    position, velocity = orbit.state(np.array([0.0, 20_000.0]))
    assert_allclose(position[1], position[0], atol=1e-3)
    assert_allclose(velocity, 0, atol=1e-9)


# Shells


def test_a_shell_is_evenly_spread():
    shell = WalkerShell(550e3, 6, 4, np.radians(53), 2, 0.1, 0.2)
    orbits = [shell.motion(s) for s in range(len(shell))]
    nodes = np.array([orbit.node_longitude for orbit in orbits]).reshape(6, 4)
    assert_allclose(np.diff(nodes, axis=0), np.pi / 3)
    assert_allclose(np.diff(nodes, axis=1), 0, atol=1e-15)
    arguments = np.array([orbit.argument for orbit in orbits]).reshape(6, 4)
    assert_allclose(np.diff(arguments, axis=1), np.pi / 2)
    assert_allclose(np.diff(arguments, axis=0), 2 * np.pi * 2 / 24)
    assert (nodes[0, 0], arguments[0, 0]) == (0.1, 0.2)
    assert shell.names[5] == "1/1"


@given(
    planes=st.integers(1, 12),
    per_plane=st.integers(1, 12),
    phasing=st.integers(0, 11),
    time=st.floats(-1e4, 1e4),
)
def test_a_shell_is_the_same_seen_from_any_satellite(planes, per_plane, phasing, time):
    """Walker's pattern: turned by a plane and on by the phasing, it falls onto itself."""
    shell = WalkerShell(550e3, planes, per_plane, 1.0, phasing % planes)
    positions = shell.states([time])[0][:, 0]
    turn = Rotation.from_euler("Z", 2 * np.pi / planes)
    ahead = 2 * np.pi * (phasing % planes) / len(shell) * shell.motion(0).period / (2 * np.pi)
    # what turns with the Earth meanwhile is taken back
    back = Rotation.from_euler("Z", EARTH_ROTATION * ahead)
    moved = turn.apply(back.apply(shell.states([time + ahead])[0][:, 0]))
    distance = np.linalg.norm(moved[:, None] - positions, axis=-1)
    assert distance.min(axis=0).max() < 1e-3 > distance.min(axis=1).max()


def test_the_shell_moves_as_its_orbits_do():
    shell = WalkerShell(550e3, 5, 3, 0.9, 1)
    time = np.array([0.0, 100.0, 5000.0])
    states = shell.states(time, [14, 2])
    for row, satellite in enumerate((14, 2)):
        assert_allclose(
            [vector[row] for vector in states], shell.motion(satellite).state(time), atol=1e-6
        )
    assert shell.states(time)[0].shape == (15, 3, 3)


def test_neighbours_in_a_plane_keep_their_distance():
    shell = WalkerShell(550e3, 72, 22, np.radians(53), 39)
    time = np.linspace(0, 6000, 7)
    length, rate = range_and_rate([shell.motion(0), shell.motion(1)], time)
    assert_allclose(length, 2 * (EQUATORIAL_RADIUS + 550e3) * np.sin(np.pi / 22), rtol=1e-12)
    assert_allclose(rate, 0, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CircularOrbit(-1.0, 0.0), "altitude"),
        (lambda: CircularOrbit(550e3, 4.0), "inclination of an orbit is 229"),
        (lambda: WalkerShell(550e3, 0, 3, 1.0), "0 planes"),
        (lambda: WalkerShell(550e3, 3, 3, 1.0, 3), "between 0 and 2"),
        (lambda: WalkerShell(550e3, 3, 3, 1.0).motion(9), "satellite 9"),
    ],
)
def test_impossible_orbits_are_refused(make, message):
    with pytest.raises(OrbitError, match=message):
        make()


def test_a_site_under_the_orbit_sees_the_altitude():
    site = LinearMotion([EQUATORIAL_RADIUS, 0, 0])
    assert_allclose(range_and_rate([CircularOrbit(550e3, 1.0), site], 0.0)[0], 550e3, rtol=1e-12)
