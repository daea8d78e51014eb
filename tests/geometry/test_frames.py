# SPDX-License-Identifier: GPL-3.0-or-later
"""From the local frame to the map."""

import numpy as np
from gnuradio.dislac.geometry import geodetic_from_enu
from numpy.testing import assert_allclose

ORIGIN = (50.9, -1.4, 20.0)
# WGS-84, from its defining constants: an independent way to the same numbers
A, F = 6378137.0, 1 / 298.257223563
E2 = F * (2 - F)


def ecef(latitude_deg, longitude_deg, height):
    latitude, longitude = np.radians([latitude_deg, longitude_deg])
    normal = A / np.sqrt(1 - E2 * np.sin(latitude) ** 2)
    return np.array(
        [
            (normal + height) * np.cos(latitude) * np.cos(longitude),
            (normal + height) * np.cos(latitude) * np.sin(longitude),
            (normal * (1 - E2) + height) * np.sin(latitude),
        ]
    )


def test_the_origin_maps_to_itself():
    assert_allclose(geodetic_from_enu(np.zeros(3), ORIGIN), ORIGIN, atol=1e-8)


def test_against_the_ellipsoid():
    latitude, longitude = np.radians(ORIGIN[:2])
    east = [-np.sin(longitude), np.cos(longitude), 0.0]
    up = [
        np.cos(latitude) * np.cos(longitude),
        np.cos(latitude) * np.sin(longitude),
        np.sin(latitude),
    ]
    axes = np.array([east, np.cross(up, east), up])
    for position in ([-50.0, 190.0, 100.0], [3000.0, -4000.0, -20.0], [100e3, 200e3, 300e3]):
        there = ecef(*geodetic_from_enu(position, ORIGIN))
        assert_allclose(there, ecef(*ORIGIN) + position @ axes, atol=1e-3)


def test_shapes():
    assert geodetic_from_enu(np.zeros((4, 5, 3)), ORIGIN).shape == (4, 5, 3)
