# SPDX-License-Identifier: GPL-3.0-or-later
"""From arrival and residual delay to a fix."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.bounds import PATH_PARAMETERS, path_covariance, position_bound
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.geometry import ANYWHERE, LinearMotion, Locus, bistatic_range
from gnuradio.dislac.positioning import BistaticLocator, Fix, FixStatus, Reason
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

C = 3e8  # the paper's
LEO = np.array([100e3, 200e3, 300e3])
BS = np.array([-50.0, 190.0, 100.0])
DELAY = bistatic_range(LEO, BS, np.zeros(3)) / C
ARRIVAL = (-BS / np.linalg.norm(BS))[:2]
LOCATOR = BistaticLocator(
    LinearMotion(LEO, [7e3, 0.0, 0.0]), LinearMotion(BS), PlanarArray(4, 4), speed=C
)
# what a frame of eight symbols and 32 subcarriers allows at 0 dB, roughly
SPREAD = np.array([[1e-5, 2e-6, 2e-12], [2e-6, 1.5e-5, -1e-12], [2e-12, -1e-12, 5e-18]])


@pytest.fixture(autouse=True)
def no_warning():
    """No input whatever is answered with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def measure(locator, position, time=0.0):
    """Arrival and residual delay of a target, as the geometry has them."""
    transmitter, receiver = locator.transmitter.state(time)[0], locator.receiver.state(time)[0]
    ray = position - receiver
    distance = np.linalg.norm(ray)
    direction = ray / distance if distance > 0 else np.array([0.0, 0.0, -1.0])
    delay = bistatic_range(transmitter, receiver, position) / locator.speed
    return locator.receive_array.spatial_frequency(direction), float(delay)


def test_the_papers_scene():
    fix = LOCATOR.locate(
        ARRIVAL, DELAY, SPREAD, doppler=165.9, frame=7, time=0.0, truth=np.zeros(3), bound=2.6
    )
    assert fix.outcome == FixStatus.OK and fix.valid
    assert_allclose(fix.position, np.zeros(3), atol=1e-9)
    assert fix.error < 1e-9
    assert_allclose(fix.direction, -BS / np.linalg.norm(BS))
    assert (fix.frame, fix.time, fix.residual_doppler, fix.bound) == (7, 0.0, 165.9, 2.6)
    assert_allclose(fix.residual_delay * 1e9, 1296.005290, atol=5e-7)
    assert_allclose(fix.deviation, np.sqrt(np.trace(fix.covariance)))
    assert fix.outcome == "ok"  # as it is written to files


@pytest.mark.parametrize(
    ("atom", "floor"),
    [((1 / 7, -5 / 7), 62.92), ((3 / 11, -9 / 11), 18.13), ((0.2, -13 / 15), 6.23)],
)
def test_floors_of_the_grid(atom, floor):
    # with the true residual delay, 1296.005290 ns
    assert_allclose(LOCATOR.locate(atom, DELAY, truth=np.zeros(3)).error, floor, atol=0.01)


@pytest.mark.parametrize(("error", "expected"), [(40e-9, 8.04), (100e-9, 16.57)])
def test_timing_advance_error(error, expected):
    # geometry alone, from the atom of the 16 x 16 grid; delays come out longer by the error
    fix = LOCATOR.locate((0.2, -13 / 15), DELAY + error, truth=np.zeros(3))
    assert_allclose(fix.error, expected, atol=0.005)


coordinate = st.floats(-500, 500)
position = st.tuples(coordinate, coordinate, st.floats(-300, 80)).map(np.array)
# from a mast across the street to a satellite
transmitter = st.tuples(coordinate, coordinate, st.floats(10, 500)).flatmap(
    lambda p: st.sampled_from([1.0, 10.0, 1000.0]).map(lambda far: np.array(p) * far)
)
tilt = st.tuples(st.floats(-180, 180), st.floats(-40, 40), st.floats(-40, 40)).map(
    lambda degrees: Rotation.from_euler("ZYX", degrees, degrees=True)
)


@given(target=position, transmitter=transmitter, orientation=tilt)
def test_round_trip_over_wide_geometry(target, transmitter, orientation):
    array = PlanarArray(4, 4, orientation)
    below = bool(orientation.inv().apply(target - BS)[2] < 0)
    locator = BistaticLocator(LinearMotion(transmitter), LinearMotion(BS), array, below=below)
    arrival, delay = measure(locator, target)
    fix = locator.locate(arrival, delay, truth=target)
    ray = (target - BS) / np.linalg.norm(target - BS)
    way = transmitter - BS
    total = np.linalg.norm(way) + locator.speed * delay
    # every target but those that a threshold refuses is found
    refused = {Reason.NEAR_BASELINE, Reason.ILL_CONDITIONED}
    if 1 - way @ ray / total < 1e-12:  # on the baseline rounding decides
        refused.add(Reason.NO_POSITIVE_ROOT)
    assert fix.outcome in {FixStatus.OK, *refused}
    if 1 - way @ ray / total > 0.011 and abs(orientation.inv().apply(ray)[2]) > 0.011:
        assert fix.outcome == FixStatus.OK
    if fix.valid:
        assert fix.error < 1e-6


def test_the_satellite_moves_and_time_says_where_it_is():
    target = np.array([40.0, 20.0, 0.0])
    arrival, delay = measure(LOCATOR, target, time=3.0)
    assert LOCATOR.locate(arrival, delay, time=3.0, truth=target).error < 1e-8
    assert LOCATOR.locate(arrival, delay, time=0.0, truth=target).error > 1.0


def test_the_speed_of_propagation_counts():
    slower = replace(LOCATOR, speed=0.99 * C)
    assert slower.locate(ARRIVAL, DELAY / 0.99, truth=np.zeros(3)).error < 1e-8


def test_side_of_the_array_is_prior_knowledge():
    target = BS + np.array([30.0, 20.0, 60.0])
    arrival, delay = measure(LOCATOR, target)
    assert replace(LOCATOR, below=False).locate(arrival, delay, truth=target).error < 1e-9
    blind = LOCATOR.locate(arrival, delay)
    assert blind.valid and blind.position[2] < BS[2]


@pytest.mark.parametrize(
    "known",
    [
        ANYWHERE,
        Locus.at_height(0.0),
        Locus.plane(np.zeros(3), [0.2, -0.3, 1.0]),
        Locus.line(np.zeros(3), [1.0, 2.0, 0.1]),
    ],
)
def test_covariance_against_monte_carlo(known):
    rng = np.random.default_rng(30)
    turned = PlanarArray(4, 4, Rotation.from_euler("zyx", [40, 15, -10], degrees=True))
    locator = replace(LOCATOR, receive_array=turned, known=known)
    arrival, delay = measure(locator, np.zeros(3))
    spread = SPREAD / 4
    # Draws whose own mean and covariance are exactly zero and one: what is left is how far the law
    # is from a straight line, up to 0.002 of the variance, not how well draws know it.
    draws = rng.normal(size=(100, 3))
    draws -= draws.mean(axis=0)
    draws = np.linalg.solve(np.linalg.cholesky(np.cov(draws.T)), draws.T).T
    draws = [*arrival, delay] + draws @ np.linalg.cholesky(spread).T
    fixes = [locator.locate(draw[:2], draw[2], spread) for draw in draws]
    found = np.cov(np.array([fix.position for fix in fixes]).T)
    predicted = locator.locate(arrival, delay, spread).covariance
    scale = np.sqrt(np.trace(predicted))
    assert_allclose(found / scale**2, predicted / scale**2, atol=0.008)
    assert_allclose(np.sqrt(np.trace(found)), scale, rtol=0.006)
    off = np.array([fix.position for fix in fixes]) @ known.normals.T - known.offsets
    assert_allclose(off, 0.0, atol=1e-9)


def make_model(rng):
    symbols, chains, spacing = 8, 8, 120e3
    return SnapshotModel(
        transmit_array=PlanarArray(4, 4),
        receive_array=PlanarArray(4, 4),
        transmit_beams=phase_shifter_beams(symbols, 16, chains, rng),
        receive_beams=phase_shifter_beams(symbols, 16, chains, rng),
        pilots=np.exp(2j * np.pi * rng.uniform(size=(symbols, chains))),
        symbol_times=np.arange(symbols) * 1.25 / spacing,
        frequencies=(np.arange(32) - 15.5) * spacing,
    )


@pytest.mark.parametrize(
    "known",
    [
        ANYWHERE,
        Locus.at_height(0.0),
        Locus.plane([0, 0, 0], [1, -2, 3]),
        Locus.line([0, 0, 0], [1, 2, 0.3]),
    ],
)
def test_an_efficient_measurement_makes_a_fix_that_meets_the_bound(known):
    model = make_model(np.random.default_rng(31))
    paths = Paths(
        gain=np.array([1.0 + 0j]),
        arrival=ARRIVAL[None],
        departure=np.array([[-0.27, -0.53]]),
        delay=np.array([DELAY]),
        doppler=np.zeros(1),
    )
    # so little that nothing bends over the uncertainty
    noise_power = 1e-6 * np.mean(np.abs(synthesize(model, paths)) ** 2)
    use = [PATH_PARAMETERS.index(name) for name in ("arrival_x", "arrival_y", "delay")]
    spread = path_covariance(model, paths, noise_power)[0][np.ix_(use, use)]
    locator = replace(LOCATOR, known=known)
    fix = locator.locate(ARRIVAL, DELAY, spread)
    bound = position_bound(
        model,
        paths,
        noise_power,
        transmitter=LEO,
        receiver=BS,
        position=np.zeros(3),
        known=known,
        speed=C,
    )
    assert_allclose(fix.covariance, bound.covariance, rtol=1e-6, atol=1e-14)
    assert_allclose(fix.deviation, bound.deviation, rtol=1e-7)


def test_known_height_is_met_and_helps():
    rough = ARRIVAL + np.array([2e-3, 4e-3])
    plain = LOCATOR.locate(rough, DELAY, SPREAD, truth=np.zeros(3))
    known = replace(LOCATOR, known=Locus.at_height(0.0)).locate(
        rough, DELAY, SPREAD, truth=np.zeros(3)
    )
    assert known.position[2] == pytest.approx(0.0, abs=1e-12)
    assert known.deviation < 0.6 * plain.deviation
    assert known.error < 0.5 * plain.error


def test_a_row_of_elements_needs_to_know_the_height():
    # A row of elements and everything at one height: arrival_y, which such an array does not
    # measure, says nothing, whatever an estimator puts there.
    upright = PlanarArray(2, 1, Rotation.from_euler("x", 90, degrees=True))
    target = BS + np.array([40.0, -60.0, 0.0])
    below = bool(upright.orientation.inv().apply(target - BS)[2] < 0)
    locator = replace(LOCATOR, receive_array=upright, below=below)
    (x, _), delay = measure(locator, target)
    spread = np.diag([1e-4, np.inf, 1e-17])
    refused(locator.locate((x, 0.3), delay, spread, truth=target), Reason.UNDERDETERMINED)
    known = replace(locator, known=Locus.at_height(BS[2]))
    for arrival_y in (0.0, 0.3, np.nan):
        fix = known.locate((x, arrival_y), delay, spread, truth=target)
        assert fix.error < 1e-8
        assert_allclose(fix.covariance[2], 0.0, atol=1e-12)
        assert_allclose(fix.direction, (target - BS) / np.linalg.norm(target - BS), atol=1e-10)


# -- where there is no fix ------------------------------------------------------------------------


def refused(fix, status):
    """Check that a fix has this status and no position."""
    assert fix.outcome == status
    assert not fix.valid
    assert np.all(np.isnan(fix.position)) and np.all(np.isnan(fix.covariance))
    assert np.isnan(fix.error) and np.isnan(fix.deviation)


def test_a_fix_of_nothing():
    fix = Fix(3, 0.5, FixStatus.NO_DETECTION, bound=2.6)
    refused(fix, FixStatus.NO_DETECTION)
    assert np.all(np.isnan(fix.direction)) and fix.bound == 2.6


@pytest.mark.parametrize(
    ("arrival", "delay"),
    [
        ((np.nan, 0.1), 1e-6),
        ((0.1, np.inf), 1e-6),
        ((0.1, 0.1), np.nan),
        ((0.1, 0.1), np.inf),
        ((0.1, 0.1), -np.inf),
        ((0.1, 0.1), 1e300),
    ],
)
def test_nonsense_is_invalid(arrival, delay):
    refused(LOCATOR.locate(arrival, delay, SPREAD, truth=np.zeros(3)), Reason.INVALID)


@pytest.mark.parametrize("delay", [0.0, -0.0, -1e-9, -1e-3])
def test_no_delay_no_ellipsoid(delay):
    fix = LOCATOR.locate(ARRIVAL, delay, SPREAD, truth=np.zeros(3))
    refused(fix, Reason.NO_POSITIVE_ROOT)
    assert_allclose(fix.direction, -BS / np.linalg.norm(BS))  # which still says where from


def test_target_at_the_base_station():
    arrival, delay = measure(LOCATOR, BS)
    refused(LOCATOR.locate(arrival, delay, SPREAD, truth=BS), Reason.NO_POSITIVE_ROOT)
    # as near as the least delay: without a covariance found there
    assert LOCATOR.locate(arrival, 1e-12, truth=BS).error < 1e-3
    assert LOCATOR.locate(arrival, 5e-324, truth=BS).error == 0.0
    # with one it might be nowhere
    deviation = np.sqrt(SPREAD[2, 2])
    refused(LOCATOR.locate(arrival, 2.9 * deviation, SPREAD), Reason.NO_POSITIVE_ROOT)
    assert LOCATOR.locate(arrival, 3.1 * deviation, SPREAD).valid


@pytest.mark.parametrize("arrival", [(0.9, 0.9), (1.0 + 1e-9, 0.0), (-1e308, 1e308)])
def test_outside_the_visible_disc(arrival):
    refused(LOCATOR.locate(arrival, 1e-6, SPREAD), Reason.BEHIND)


def test_behind_the_array_by_the_truth():
    target = BS + np.array([30.0, 20.0, 60.0])
    arrival, delay = measure(LOCATOR, target)
    refused(LOCATOR.locate(arrival, delay, SPREAD, truth=target), Reason.BEHIND)


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("turned", [None, Rotation.from_euler("x", 30, degrees=True)])
def test_behind_begins_at_the_plane_of_the_array(below, turned):
    """A decimetre on either side of it, wherever the array looks."""
    array = PlanarArray(4, 4) if turned is None else PlanarArray(4, 4, orientation=turned)
    locator = replace(LOCATOR, receive_array=array, below=below)
    for side in (-0.1, 0.1):
        ray = np.array([20.0, -30.0, side])
        target = BS + (ray if turned is None else turned.apply(ray))
        fix = locator.locate((0.5, -0.5), DELAY, SPREAD, truth=target)
        assert (fix.outcome == Reason.BEHIND) == ((side > 0) == below)


def test_behind_the_array_by_its_height():
    target = BS + np.array([30.0, 20.0, 60.0])
    arrival, delay = measure(LOCATOR, target)
    refused(
        replace(LOCATOR, known=Locus.at_height(target[2])).locate(arrival, delay, SPREAD),
        Reason.BEHIND,
    )


@pytest.mark.parametrize("along", [1e-3, 100.0, 1e5, 373e3, "satellite", 374e3])
@pytest.mark.parametrize("noise", [-1e-9, 0.0, 1e-12, 1e-9, 1e-6])
def test_on_the_baseline(along, noise):
    # A point between the two has no residual delay. What noise makes of that is no target, not
    # even one beyond the satellite, which solves the equations.
    locator = replace(LOCATOR, below=False)
    toward = (LEO - BS) / np.linalg.norm(LEO - BS)
    target = LEO if along == "satellite" else BS + along * toward
    arrival, delay = measure(locator, target)
    fix = locator.locate(arrival, delay + noise, SPREAD)
    assert fix.outcome in {Reason.NO_POSITIVE_ROOT, Reason.NEAR_BASELINE}
    assert not fix.valid and np.all(np.isnan(fix.position))


def test_far_beyond_the_transmitter_all_is_well_again():
    street = replace(LOCATOR, transmitter=LinearMotion(BS - np.array([0.0, 0.0, 20.0])))
    target = BS + np.array([0.0, 0.0, -80.0])
    assert street.locate(*measure(street, target), SPREAD, truth=target).error < 1e-9


@pytest.mark.parametrize(("degrees", "status"), [(7.9, Reason.NEAR_BASELINE), (8.4, FixStatus.OK)])
def test_baseline_threshold_is_where_it_is_said(degrees, status):
    toward = (LEO - BS) / np.linalg.norm(LEO - BS)
    across = np.cross(toward, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    ray = np.cos(np.radians(degrees)) * toward + np.sin(np.radians(degrees)) * across
    locator = replace(LOCATOR, below=False)
    arrival, delay = measure(locator, BS + 50.0 * ray)
    assert locator.locate(arrival, delay, 1e-4 * SPREAD).outcome == status


@pytest.mark.parametrize(
    ("degrees", "status"), [(0.0, "ill_conditioned"), (0.5, "ill_conditioned"), (0.65, "ok")]
)
def test_plane_threshold_is_where_it_is_said(degrees, status):
    angle = np.radians(degrees)
    target = BS + 100.0 * np.array([-np.cos(angle), 0.0, -np.sin(angle)])
    # of a measurement that is good enough to have a fix there at all
    assert LOCATOR.locate(*measure(LOCATOR, target), 1e-8 * SPREAD).outcome == status


@pytest.mark.parametrize(("ratio", "status"), [(8.0, "ill_conditioned"), (11.5, "ok")])
def test_a_position_that_bends_over_its_uncertainty_is_none(ratio, status):
    """Near the array's plane u_z = sqrt(1 - u_x^2) bends: with s its standard deviation, two sides
    sqrt(3) s away have their mean 1.5 s^2 / u_z off, 0.1 sqrt(3) s where u_z is 8.7 s; the distance
    along the ray bends as well."""
    deviation = 0.01
    u_z = np.sqrt(ratio * deviation)
    ray = np.array([-np.sqrt(1.0 - u_z**2), 0.0, -u_z])
    spread = np.diag([deviation**2, 1e-12, 1e-22])
    arrival, delay = measure(LOCATOR, BS + 100.0 * ray)
    assert LOCATOR.locate(arrival, delay, spread).outcome == status
    # where the height is known, nothing depends on the mirror image
    known = replace(LOCATOR, known=Locus.at_height(BS[2] + 100.0 * ray[2]))
    assert known.locate(arrival, delay, spread).valid


@pytest.mark.monte_carlo
def test_a_curved_uncertainty_is_covered():
    """Measurements drawn about the truth, with errors that make tens of metres: their fixes are at
    the right place but for what their covariance says, where the linear one fails ten times as
    often."""
    rng = np.random.default_rng(8)
    target = np.array([-230.0, 40.0, 0.0])
    arrival, delay = measure(LOCATOR, target)
    deviation = np.array([0.02, 0.02, 1e-8])
    normalised, refused_ones = [], 0
    for error in rng.standard_normal((2000, 3)) * deviation:
        fix = LOCATOR.locate(arrival + error[:2], delay + error[2], np.diag(deviation**2))
        if not fix.valid:
            refused_ones += 1
            continue
        away = fix.position - target
        normalised.append(away @ np.linalg.solve(fix.covariance, away))
    assert refused_ones < 0.2 * 2000
    assert np.mean(np.array(normalised) > 25) < 0.002
    assert 0.93 < np.mean(np.array(normalised) < 7.815) < 0.97


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_infinite_covariance(value):
    spread = SPREAD.copy()
    spread[1, 1] = value
    refused(LOCATOR.locate(ARRIVAL, DELAY, spread), Reason.ILL_CONDITIONED)


def test_without_a_covariance():
    fix = LOCATOR.locate(ARRIVAL, DELAY)
    assert fix.valid and np.all(np.isnan(fix.covariance))


def test_known_height_without_a_covariance_turns_the_ray():
    atom = (0.2, -13 / 15)
    plain = LOCATOR.locate(atom, DELAY, truth=np.zeros(3))
    known = replace(LOCATOR, known=Locus.at_height(0.0)).locate(atom, DELAY, truth=np.zeros(3))
    assert known.position[2] == pytest.approx(0.0, abs=1e-12)
    assert np.all(np.isnan(known.covariance))
    assert known.error < plain.error
    # still on the ellipsoid, but for what a step of 6 m leaves to the second order
    assert_allclose(bistatic_range(LEO, BS, known.position), C * DELAY, rtol=0, atol=5e-5)


@given(
    arrival=st.tuples(*[st.floats(width=64)] * 2),
    delay=st.floats(width=64),
    height=st.one_of(st.none(), st.floats(-1e6, 1e6)),
    shape=st.sampled_from([(4, 4), (4, 1), (1, 4), (1, 1)]),
    line=st.booleans(),
    below=st.booleans(),
    truth=st.one_of(st.none(), st.just(BS), position),
)
def test_any_numbers_get_a_status(arrival, delay, height, shape, line, below, truth):
    known = ANYWHERE
    if height is not None:
        known = Locus.line([0, 0, height], [3, 1, 0.1]) if line else Locus.at_height(height)
    array = PlanarArray(*shape)
    locator = replace(LOCATOR, receive_array=array, known=known, below=below)
    fix = locator.locate(arrival, delay, SPREAD, truth=truth)
    assert fix.valid == bool(np.all(np.isfinite(fix.position)))
    assert fix.valid == bool(np.all(np.isfinite(fix.covariance)))
    if fix.valid:
        assert_array_equal(fix.residual_delay, delay)
