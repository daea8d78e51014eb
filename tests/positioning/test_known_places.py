# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that measure one direction or none, with a plane or a line known: frames made from element
positions and path lengths, without a steering vector, become fixes at the bound."""

from dataclasses import dataclass

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.bounds import position_bound
from gnuradio.dislac.channel import Paths, SnapshotModel
from gnuradio.dislac.estimation import make_estimator
from gnuradio.dislac.geometry import (
    ANYWHERE,
    LinearMotion,
    Locus,
    bistatic_range,
    cone_in_plane,
    ellipsoid_on_line,
)
from gnuradio.dislac.positioning import BistaticLocator, FixStatus, Reason
from gnuradio.dislac.positioning.bistatic import SEPARATION
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation
from scipy.stats import chi2

C = 299792458.0
CARRIER, SPACING, SUBCARRIERS, SYMBOLS = 28e9, 240e3, 32, 2
SATELLITE = np.array([150e3, -180e3, 420e3])
MAST = np.array([20.0, -35.0, 60.0])


@dataclass(frozen=True, eq=False)
class Scene:
    """A receive array of nx x ny elements, turned, on a mast, and a target."""

    nx: int
    ny: int
    angles: tuple[float, float, float]
    target: tuple[float, float, float]
    known: Locus

    @property
    def orientation(self):
        return Rotation.from_euler("ZYX", self.angles, degrees=True)

    @property
    def array(self):
        return PlanarArray(self.nx, self.ny, self.orientation)

    @property
    def locator(self):
        ray = self.orientation.inv().apply(np.array(self.target) - MAST)
        return BistaticLocator(
            LinearMotion(SATELLITE),
            LinearMotion(MAST),
            self.array,
            below=bool(ray[2] < 0),
            known=self.known,
        )

    def frame(self, target, gain=1.0 + 0.0j):
        """(Ms, Nsc, Nrf) at the outputs of the elements: phases of path lengths, nothing else."""
        n = np.arange(self.nx * self.ny)
        half = C / CARRIER / 2
        body = half * np.stack([n // self.ny, n % self.ny, 0 * n], axis=-1)
        elements = MAST + self.orientation.apply(body)
        length = np.linalg.norm(SATELLITE - target) + np.linalg.norm(target - elements, axis=-1)
        excess = length - np.linalg.norm(SATELLITE - MAST)
        f = CARRIER + (np.arange(SUBCARRIERS) - SUBCARRIERS / 2) * SPACING
        one = gain * np.exp(-2j * np.pi / C * np.outer(f, excess))
        return np.broadcast_to(one, (SYMBOLS, *one.shape))

    @property
    def model(self):
        elements = self.nx * self.ny
        return SnapshotModel(
            transmit_array=PlanarArray(1, 1),
            receive_array=self.array,
            transmit_beams=np.ones((SYMBOLS, 1, elements), complex),
            receive_beams=np.broadcast_to(
                np.eye(elements, dtype=complex), (SYMBOLS, elements, elements)
            ),
            pilots=np.ones((SYMBOLS, elements), complex),
            symbol_times=np.arange(SYMBOLS) / SPACING,
            frequencies=(np.arange(SUBCARRIERS) - SUBCARRIERS / 2) * SPACING,
            coupling="paired",
        )

    def numeric_bound(self, noise_power):
        """Covariance (f, f) in the free directions, from differences of `frame` itself."""
        free = self.known.directions
        frame = self.frame(self.target)
        # gain, and the Doppler shift, which turns the second symbol
        columns = [frame, 1j * frame, 1j * np.arange(SYMBOLS)[:, None, None] * frame]
        for along in free.T:
            step = 1e-4 * along
            high, low = (self.frame(self.target + s * step) for s in (1, -1))
            columns.append((high - low) / 2e-4)
        j = np.stack([np.ravel(column) for column in columns], axis=-1)
        information = 2 / noise_power * (j.conj().T @ j).real
        return np.linalg.inv(information)[3:, 3:]


GROUND = Locus.at_height(0.0)
SLOPE = Locus.plane([0.0, 0.0, 0.0], [0.3, -0.2, 1.0])
ROAD = Locus.line([10.0, 0.0, 0.0], [1.0, 3.0, 0.2])
LANE = Locus.line([-30.0, -90.0, 2.0], [1.0, -2.0, 0.0])


def on(locus, x, y):
    """The place of a locus nearest to (x, y, 0)."""
    place = np.array([x, y, 0.0])
    return tuple(place + locus.correction(place))


SCENES = {
    "row, height": Scene(8, 1, (20.0, 10.0, -80.0), (60.0, 90.0, 0.0), GROUND),
    "column, slope": Scene(1, 8, (-40.0, 75.0, 20.0), on(SLOPE, -120.0, 30.0), SLOPE),
    "row, slope": Scene(6, 1, (35.0, -15.0, 70.0), on(SLOPE, 80.0, -150.0), SLOPE),
    "row, road": Scene(8, 1, (30.0, 5.0, -60.0), on(ROAD, 40.0, 90.0), ROAD),
    "column, lane": Scene(1, 6, (-30.0, 20.0, -50.0), on(LANE, 10.0, -170.0), LANE),
    "one element, road": Scene(1, 1, (30.0, 5.0, -60.0), on(ROAD, 40.0, 90.0), ROAD),
    "plane array, slope": Scene(3, 3, (30.0, 5.0, 20.0), on(SLOPE, 40.0, 90.0), SLOPE),
    "plane array, lane": Scene(3, 3, (10.0, -5.0, -30.0), on(LANE, 10.0, -170.0), LANE),
    "plane array": Scene(3, 3, (10.0, -5.0, 20.0), (40.0, 70.0, 5.0), ANYWHERE),
}


@pytest.mark.parametrize("name", SCENES)
def test_the_bound_is_that_of_path_lengths(name):
    scene = SCENES[name]
    expected = scene.numeric_bound(1.0)
    found = bound_of(scene, 1.0)
    free = scene.known.directions
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    # elements 200 m from the target see its wave front curved, and the band is not zero
    assert_allclose(free.T @ found.covariance @ free / scale, expected / scale, atol=2e-2)
    assert_allclose(found.deviation, np.sqrt(np.trace(expected)), rtol=5e-3)


def bound_of(scene, noise_power):
    ray = np.array(scene.target) - MAST
    elements = scene.nx * scene.ny
    # a steering vector of the model has unit norm, and a frame here unit elements
    paths = Paths(
        gain=np.full(1, np.sqrt(elements), complex),
        arrival=scene.array.spatial_frequency(ray / np.linalg.norm(ray))[None],
        departure=np.zeros((1, 2)),
        delay=np.array([bistatic_range(SATELLITE, MAST, scene.target) / C]),
        doppler=np.zeros(1),
    )
    return position_bound(
        scene.model,
        paths,
        noise_power,
        transmitter=SATELLITE,
        receiver=MAST,
        position=scene.target,
        known=scene.known,
    )


@pytest.mark.monte_carlo
@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("name", SCENES)
def test_fixes_reach_the_bound_and_their_covariance_holds(name):
    scene, count = SCENES[name], 250
    rng = np.random.default_rng((61, *name.encode()))
    noise_power = 10**-1.7
    estimator = make_estimator(
        "off-grid",
        scene.model,
        max_paths=1,
        delay_window=(-0.1e-6, 1.9e-6),
        doppler_window=(-10e3, 10e3),
    )
    use = np.ix_([0, 1, 4], [0, 1, 4])
    free = scene.known.directions
    unknowns = free.shape[1]
    limit = chi2.ppf(0.95, unknowns)
    nees, errors = [], []
    for _ in range(count):
        frame = scene.frame(scene.target, np.exp(2j * np.pi * rng.uniform()))
        noise = rng.normal(size=(2, *frame.shape)) * np.sqrt(noise_power / 2)
        estimate = estimator.estimate(frame + noise[0] + 1j * noise[1])
        fix = scene.locator.locate(
            estimate.paths.arrival[0], estimate.paths.delay[0], estimate.covariance[0][use]
        )
        assert fix.outcome == FixStatus.OK
        error = fix.position - scene.target
        assert_allclose(scene.known.normals @ error, 0.0, atol=1e-6)
        nees.append(error @ free @ np.linalg.solve(free.T @ fix.covariance @ free, free.T @ error))
        errors.append(error)
    rms = np.sqrt(np.mean(np.sum(np.square(errors), axis=1)))
    # 250 draws know the mean of a chi-square of k to sqrt(2 k / 250), and a share of 95 percent to
    # 1.4 percent: four standard deviations each
    assert abs(np.mean(nees) - unknowns) < 4 * np.sqrt(2 * unknowns / count)
    assert abs(np.mean(np.array(nees) < limit) - 0.95) < 0.055
    assert_allclose(rms, bound_of(scene, noise_power).deviation, rtol=0.19)


# -- closed forms ---------------------------------------------------------------------------------

coordinate = st.floats(-400, 400)
place = st.tuples(coordinate, coordinate, st.floats(-300, 300)).map(np.array)
transmitter = st.tuples(coordinate, coordinate, st.floats(10, 500)).flatmap(
    lambda p: st.sampled_from([1.0, 30.0, 1000.0]).map(lambda far: np.array(p) * far)
)
unit = (
    st.tuples(*[st.floats(-1, 1)] * 3)
    .map(np.array)
    .filter(lambda v: np.linalg.norm(v) > 0.1)
    .map(lambda v: v / np.linalg.norm(v))
)


def excess_of(transmitter, target):
    """Bistatic range of a target seen from `MAST`, where there is an ellipsoid worth the name."""
    excess = float(bistatic_range(transmitter, MAST, target))
    assume(excess > 1.0)
    return excess


@given(transmitter=transmitter, target=place, along=unit)
def test_a_line_meets_the_ellipsoid_in_two_places(transmitter, target, along):
    excess = excess_of(transmitter, target)
    total = excess + np.linalg.norm(transmitter - MAST)
    slope = (transmitter - MAST) @ along / total
    roots = ellipsoid_on_line(transmitter, MAST, excess, target + 3.0 * along, along)
    gap = np.linalg.norm(roots[0] - roots[1]) if len(roots) else 0.0
    if gap < 1.0:  # nearly a tangent: a root is as good as the square root of rounding
        return
    assert_allclose(bistatic_range(transmitter, MAST, roots), excess, rtol=1e-6, atol=1e-6)
    assert_allclose(np.cross(roots - target, along), 0.0, atol=1e-9 * (gap + total))
    if 1.0 - slope**2 > 1e-3:
        assert np.min(np.linalg.norm(roots - target, axis=1)) < 1e-4


@given(transmitter=transmitter, target=place, axis=unit, normal=unit)
def test_a_cone_meets_plane_and_ellipsoid_in_two_places(transmitter, target, axis, normal):
    excess = excess_of(transmitter, target)
    ray = (target - MAST) / np.linalg.norm(target - MAST)
    cosine = float(ray @ axis)
    assume(abs(cosine) < 0.999)
    roots = cone_in_plane(transmitter, MAST, excess, axis, cosine, normal, float(normal @ target))
    if len(roots) < 2 or np.linalg.norm(roots[0] - roots[1]) < 1.0:
        return
    rays = (roots - MAST) / np.linalg.norm(roots - MAST, axis=1, keepdims=True)
    assert_allclose(rays @ axis, cosine, atol=1e-9)
    assert_allclose(bistatic_range(transmitter, MAST, roots), excess, rtol=1e-6, atol=1e-6)
    found = np.min(np.linalg.norm(roots - target, axis=1))
    if (transmitter - MAST) @ ray / np.linalg.norm(transmitter - MAST) < 0.99:
        assert found < 1e-4


def test_no_ellipsoid_and_none_that_is_reached():
    for excess in (0.0, -1.0, np.nan):
        assert not len(ellipsoid_on_line(SATELLITE, MAST, excess, MAST, np.eye(3)[0]))
        assert not len(cone_in_plane(SATELLITE, MAST, excess, np.eye(3)[0], 0.5, np.eye(3)[2], 0.0))
    assert not len(ellipsoid_on_line(SATELLITE, MAST, 50.0, [0, 0, -1e3], np.eye(3)[0]))
    assert not len(cone_in_plane(SATELLITE, MAST, 50.0, np.eye(3)[0], 0.5, np.eye(3)[2], -1e3))


@pytest.mark.parametrize(
    ("locus", "points"),
    [
        (GROUND, [[3.0, -7.0, 0.0], [1e4, 0.0, 0.0]]),
        (SLOPE, [[2.0, 3.0, 0.0], [0.0, 5.0, 1.0]]),
        (ROAD, [[10.0, 0.0, 0.0], [11.0, 3.0, 0.2]]),
        (ANYWHERE, [[1.0, 2.0, 3.0]]),
    ],
)
def test_a_locus_holds_its_points_and_no_others(locus, points):
    for point in points:
        assert_allclose(locus.correction(point), 0.0, atol=1e-11)
    basis = np.vstack([locus.normals, locus.directions.T])
    assert_allclose(basis @ basis.T, np.eye(3), atol=1e-14)
    away = np.array([4.0, 5.0, 6.0])
    step = locus.correction(away)
    assert_allclose(locus.correction(away + step), 0.0, atol=1e-12)
    assert_allclose(locus.directions.T @ step, 0.0, atol=1e-12)


def test_the_height_of_a_locus():
    assert Locus.plane([5.0, 6.0, 7.0], [0.0, 0.0, -2.0]).height == 7.0
    assert Locus.line([5.0, 6.0, 7.0], [1.0, 1.0, 0.0]).height == pytest.approx(7.0)
    assert ANYWHERE.height is SLOPE.height is ROAD.height is None


@pytest.mark.parametrize("vector", [[0, 0, 0], [np.nan, 0, 1], [np.inf, 0, 0]])
@pytest.mark.parametrize("make", [Locus.plane, Locus.line])
def test_what_has_no_direction_is_no_locus(make, vector):
    with pytest.raises(ValueError, match="has no direction"):
        make([0, 0, 0], vector)


# -- where there is no position -------------------------------------------------------------------


def measure(locator, target):
    """Arrival and residual delay of a target."""
    ray = (target - MAST) / np.linalg.norm(target - MAST)
    arrival = locator.receive_array.orientation.inv().apply(ray)[:2]
    return arrival, float(bistatic_range(SATELLITE, MAST, target)) / C


SPREAD = np.diag([1e-5, 1e-5, 1e-18])


@pytest.mark.parametrize(
    ("shape", "known", "determined"),
    [
        ((4, 4), ANYWHERE, True),
        ((8, 1), ANYWHERE, False),
        ((1, 8), ANYWHERE, False),
        ((1, 1), ANYWHERE, False),
        ((8, 1), SLOPE, True),
        ((1, 1), SLOPE, False),
        ((1, 1), ROAD, True),
    ],
)
def test_fewer_equations_than_unknowns(shape, known, determined):
    scene = Scene(*shape, (30.0, 5.0, -60.0), on(known, 40.0, 90.0), known)
    fix = scene.locator.locate(*measure(scene.locator, scene.target), SPREAD, truth=scene.target)
    assert scene.locator.determined == determined
    assert fix.outcome == (FixStatus.OK if determined else Reason.UNDERDETERMINED)
    assert fix.valid == determined == bool(np.isfinite(bound_of(scene, 1.0).deviation))


def test_a_row_that_looks_down_does_not_know_on_which_side_of_it_a_vehicle_drives():
    """Both crossings of cone, ellipsoid and ground lie below; upright it has one of them behind."""
    target = np.array([-40.0, 30.0, 0.0])
    for angles, status in (((0, 0, 0), FixStatus.AMBIGUOUS), ((0, 0, -90), FixStatus.OK)):
        locator = Scene(8, 1, angles, tuple(target), GROUND).locator
        assert locator.locate(*measure(locator, target), SPREAD, truth=target).outcome == status


def test_places_that_do_not_agree():
    target = np.array([40.0, 90.0, 0.0])
    locator = Scene(4, 4, (30.0, 5.0, -60.0), tuple(target), GROUND).locator
    arrival, delay = measure(locator, target)
    # how far the ground may lie: about sqrt(CONTRADICTION) standard deviations of the height
    alone = Scene(4, 4, (30.0, 5.0, -60.0), tuple(target), ANYWHERE).locator
    sigma = np.sqrt(alone.locate(arrival, delay, SPREAD).covariance[2, 2])
    for off, status in ((5.2, FixStatus.OK), (5.8, Reason.CONTRADICTORY)):
        shifted = Scene(4, 4, (30.0, 5.0, -60.0), tuple(target), Locus.at_height(off * sigma))
        assert shifted.locator.locate(arrival, delay, SPREAD).outcome == status
    # without a covariance nothing can be said of that
    assert shifted.locator.locate(arrival, delay).outcome == FixStatus.OK
    below = Scene(1, 1, (30.0, 5.0, -60.0), tuple(target), Locus.line([0, 0, -1e4], [1, 0, 0]))
    assert below.locator.locate(arrival, delay, SPREAD).outcome == Reason.NO_POSITIVE_ROOT


def test_a_line_that_only_just_meets_the_ellipsoid():
    """Roots fewer than `SEPARATION` standard deviations apart are refused, also where the other
    one lies behind."""
    target = np.array([40.0, 90.0, 0.0])
    excess = float(bistatic_range(SATELLITE, MAST, target))
    gradient = np.linalg.svd(np.array([target - MAST, target - SATELLITE]))[2][2]
    seen = set()
    for turn in np.linspace(0.0, 0.1, 201):  # from a tangent on
        toward = (target - MAST) / np.linalg.norm(target - MAST)
        known = Locus.line(target, np.cos(turn) * gradient + np.sin(turn) * toward)
        scene = Scene(1, 1, (0.0, 0.0, 0.0), tuple(target), known)
        roots = ellipsoid_on_line(SATELLITE, MAST, excess, target, known.directions[:, 0])
        fix = scene.locator.locate(*measure(scene.locator, target), SPREAD)
        apart = np.linalg.norm(np.diff(roots, axis=0)) if len(roots) else 0.0
        deviation = bound_deviation(scene, target)
        near = apart < SEPARATION * deviation * 0.99
        seen.add((near, fix.outcome))
        if near:
            assert fix.outcome in {Reason.ILL_CONDITIONED, Reason.NO_POSITIVE_ROOT}
    assert (True, Reason.ILL_CONDITIONED) in seen
    assert {status for near, status in seen if not near} <= {
        FixStatus.AMBIGUOUS,
        FixStatus.OK,
        Reason.ILL_CONDITIONED,
    }
    assert any(status in {FixStatus.AMBIGUOUS, FixStatus.OK} for _, status in seen)


def bound_deviation(scene, target):
    """How far an error of the delay moves a target along the known line [m]."""
    along = scene.known.directions[:, 0]
    step = 1e-3 * along
    ranges = [bistatic_range(SATELLITE, MAST, target + sign * step) for sign in (1, -1)]
    slope = (ranges[0] - ranges[1]) / 2e-3
    return C * np.sqrt(SPREAD[2, 2]) / max(abs(slope), 1e-12)
