# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of sight over a smooth Earth, against plane trigonometry."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import earth_between, elevation, enu_from_ecef

RADIUS = 6371e3
SITE = (50.9, -1.4, 0.0)


def at(arc_deg, height):
    """Place an arc north of zero, above a sphere that the horizontal plane touches there."""
    arc = np.radians(arc_deg)
    north, up = (RADIUS + height) * np.array([np.sin(arc), np.cos(arc)])
    return np.array([0.0, north, up - RADIUS])


@pytest.mark.parametrize("height", [0.0, 1.5, 100.0, 8e3])
def test_a_satellite_sets_where_its_line_of_sight_touches_the_sphere(height):
    # it touches at an arc of acos(R / (R + h)) from each end
    satellite = 550e3
    arc = np.degrees(
        np.arccos(RADIUS / (RADIUS + height)) + np.arccos(RADIUS / (RADIUS + satellite))
    )
    place = at(0.0, height)
    assert not earth_between(place, at(arc - 0.01, satellite))
    assert earth_between(place, at(arc + 0.01, satellite))
    assert earth_between(at(arc + 0.01, satellite), place)
    dip = -np.arccos(RADIUS / (RADIUS + height))
    assert elevation(place, at(arc, satellite)) == pytest.approx(dip, abs=1e-6)


def test_many_at_once():
    others = np.array([at(arc, 550e3) for arc in (0.0, 10.0, 20.0, 25.0, 90.0, 180.0)])
    assert earth_between(np.zeros(3), others).tolist() == [False] * 3 + [True] * 3
    assert elevation(np.zeros(3), others)[0] == pytest.approx(np.pi / 2)
    assert not earth_between(np.zeros(3), np.zeros(3))


def test_in_a_valley_the_horizon_is_level():
    place = at(0.0, -30.0)
    assert not earth_between(place, place + np.array([0.0, 1e5, 10.0]))
    assert earth_between(place, place + np.array([0.0, 1e6, -2e4]))


@pytest.mark.parametrize("latitude", [0.0, 50.9, 90.0])
def test_the_earth_is_flattened(latitude):
    """Along the meridian the ellipsoid curves as its radius of curvature says."""
    a, b = 6378137.0, 6356752.314245
    eccentricity = 1 - (b / a) ** 2
    curvature = (
        a * (1 - eccentricity) / (1 - eccentricity * np.sin(np.radians(latitude)) ** 2) ** 1.5
    )
    origin = (latitude, 0.0, 0.0)
    for height in (10.0, 1000.0):
        # over this distance the horizontal through zero rises by that height, nearly
        distance = np.sqrt(2 * curvature * height)
        place = np.array([0.0, 0.0, height])
        # the vertical of the ellipsoid through the place, not quite that of its foot
        assert elevation(place, [0.0, 1.0, height], origin) == pytest.approx(0.0, abs=3e-6)
        for part, hidden in ((0.98, True), (1.02, False)):
            # a line through the mast's top that passes the surface lower or higher
            slope = -height / (part * distance) * 2
            assert earth_between(place, place + 3 * distance * np.array([0, 1, slope]), origin) == (
                hidden
            )


def test_the_far_side():
    antipode, _ = enu_from_ecef(-np.array([4.0e6, -1.0e5, 4.9e6]), np.zeros(3), SITE)
    assert earth_between(np.zeros(3), antipode, SITE)
    assert elevation(np.zeros(3), antipode, SITE) < -1.3


def test_inside_the_earth_is_no_valley():
    place = at(0.0, 100.0)
    assert not earth_between(at(0.001, -900.0), place)
    assert earth_between(at(0.001, -1100.0), place)
    assert earth_between(np.array([100e3, 200e3, -300e3]), place)
