# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds of positions: against differences over the position itself, and reference values."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.bounds import PATH_PARAMETERS, path_covariance, position_bound
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.geometry import ANYWHERE, Locus, bistatic_range
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

C = 3e8  # the paper's
LEO = np.array([100e3, 200e3, 300e3])
BS = np.array([-50.0, 190.0, 100.0])
SPACING = 120e3
HEIGHT = Locus.at_height(0.0)  # a bound asks for the direction alone
KNOWN = {False: ANYWHERE, True: HEIGHT}


def make_model(rng, symbols=8, subcarriers=32, chains=8, array=None, coupling="paired"):
    array = array or PlanarArray(4, 4)
    return SnapshotModel(
        transmit_array=PlanarArray(4, 4),
        receive_array=array,
        transmit_beams=phase_shifter_beams(symbols, 16, chains, rng),
        receive_beams=phase_shifter_beams(symbols, array.size, chains, rng),
        pilots=np.exp(2j * np.pi * rng.uniform(size=(symbols, chains))),
        symbol_times=np.arange(symbols) * 1.25 / SPACING,
        frequencies=(np.arange(subcarriers) - (subcarriers - 1) / 2) * SPACING,
        coupling=coupling,
    )


def echo(model, position, gain=1.0 + 0.0j, departure=None, doppler=166.0):
    """The path by way of `position`, as the geometry has it."""
    ray, way = position - BS, position - LEO
    if departure is None:
        departure = model.transmit_array.spatial_frequency(way / np.linalg.norm(way))
    return Paths(
        gain=np.array([gain]),
        arrival=model.receive_array.spatial_frequency(ray / np.linalg.norm(ray))[None],
        departure=np.array([departure]),
        delay=np.array([bistatic_range(LEO, BS, position) / C]),
        doppler=np.array([doppler]),
    )


def join(*paths):
    fields = ("gain", "arrival", "departure", "delay", "doppler")
    return Paths(*(np.concatenate([getattr(p, name) for p in paths]) for name in fields))


def bound(model, paths, position, snr=1.0, **options):
    noise_power = np.mean(np.abs(synthesize(model, paths)) ** 2) / snr
    return position_bound(
        model,
        paths,
        noise_power,
        transmitter=LEO,
        receiver=BS,
        position=position,
        speed=C,
        **options,
    )


def random_position(rng):
    """In the disc of 200 m around the foot of the base station."""
    radius, angle = 200 * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
    return np.array([BS[0] + radius * np.cos(angle), BS[1] + radius * np.sin(angle), 0.0])


def numeric_bound(model, position, others, noise_power, known_height):
    """From differences of `synthesize` over the position, gain, departure and Doppler themselves.

    `others` are nuisance paths, whose unknowns are varied one by one.
    """
    departure = echo(model, position).departure[0]
    free = 2 if known_height else 3
    start = np.concatenate([np.zeros(free), [1.0, 0.0], departure, [0.0]])
    for k in range(len(others)):
        own = [others.gain[k].real, others.gain[k].imag, *others.arrival[k], *others.departure[k]]
        start = np.concatenate([start, own, [others.delay[k] * 1e6, others.doppler[k] * 1e-4]])

    def frame(x):
        moved = position + np.append(x[:free], [0.0] * (3 - free)) * 100.0
        x = x[free:]
        first = echo(model, moved, x[0] + 1j * x[1], x[2:4], 166.0 + 1e4 * x[4])
        rows = x[5:].reshape(-1, 8).T
        rest = Paths(
            rows[0] + 1j * rows[1], rows[2:4].T, rows[4:6].T, rows[6] * 1e-6, rows[7] * 1e4
        )
        return synthesize(model, join(first, rest)).ravel()

    step = 1e-5
    columns = [
        (frame(start + step * axis) - frame(start - step * axis)) / (2 * step)
        for axis in np.eye(len(start))
    ]
    jacobian = np.stack(columns, axis=-1)
    information = 2 / noise_power * (jacobian.conj().T @ jacobian).real
    return np.linalg.inv(information)[:free, :free] * 100.0**2


@pytest.mark.parametrize("known_height", [False, True])
@pytest.mark.parametrize("coupling", ["paired", "physical"])
@pytest.mark.parametrize("nuisance", [0, 2])
def test_against_differences_over_the_position(coupling, nuisance, known_height):
    rng = np.random.default_rng(20)
    turned = PlanarArray(4, 3, Rotation.from_euler("zyx", [30, -20, 10], degrees=True))
    model = make_model(rng, subcarriers=16, chains=4, array=turned, coupling=coupling)
    position = np.array([20.0, -30.0, 5.0])
    others = Paths(
        gain=0.4 * np.exp(2j * np.pi * rng.uniform(size=nuisance)),
        arrival=rng.uniform(-0.6, 0.6, (nuisance, 2)),
        departure=rng.uniform(-0.6, 0.6, (nuisance, 2)),
        delay=rng.uniform(0.5e-6, 3e-6, nuisance),
        doppler=rng.uniform(-200, 200, nuisance),
    )
    paths = join(echo(model, position), others)
    noise_power = np.mean(np.abs(synthesize(model, paths)) ** 2)
    found = bound(model, paths, position, known=KNOWN[known_height])
    expected = numeric_bound(model, position, others, noise_power, known_height)
    free = len(expected)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert_allclose(found.covariance[:free, :free] / scale, expected / scale, atol=1e-5)
    assert_array_equal(found.covariance[free:], 0.0)
    assert_allclose(found.deviation**2, np.trace(expected), rtol=1e-5)


@pytest.mark.parametrize(("known_height", "expected"), [(False, 2.6), (True, 1.2)])
def test_at_the_origin(known_height, expected):
    deviations = []
    for seed in range(60):
        model = make_model(np.random.default_rng(seed))
        paths = echo(model, np.zeros(3))
        deviations.append(bound(model, paths, np.zeros(3), known=KNOWN[known_height]).deviation)
    assert_allclose(np.sqrt(np.mean(np.square(deviations))), expected, rtol=0.04)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [(8, [11.6, 6.52, 3.8, 2.06, 1.19, 0.65]), (32, [5.74, 3.23, 1.86, 1.02, 0.59, 0.32])],
)
def test_over_random_positions(symbols, expected):
    # The reference drew its own beams and positions, others at each SNR: 200 draws of such
    # bounds scatter by 3 to 4 percent.
    rng = np.random.default_rng(21)
    deviations = []
    for _ in range(300):
        model, position = make_model(rng, symbols), random_position(rng)
        deviations.append(bound(model, echo(model, position), position).deviation)
    rms = np.sqrt(np.mean(np.square(deviations)))
    snr_db = np.array([-15, -10, -5, 0, 5, 10])
    assert_allclose(rms * 10 ** (-snr_db / 20), expected, rtol=0.09)


def test_bound_scales_with_snr():
    model = make_model(np.random.default_rng(22))
    paths, position = echo(model, np.zeros(3)), np.zeros(3)
    assert_allclose(
        bound(model, paths, position, snr=0.01).deviation,
        10 * bound(model, paths, position).deviation,
        rtol=1e-8,
    )


def test_orientation_of_the_frame_does_not_matter():
    # The same scene, seen after a turn of the array about its own axis by a quarter, with the
    # beams sorted to match, has the same bound.
    rng = np.random.default_rng(23)
    model, position = make_model(rng), np.array([30.0, 20.0, 0.0])
    quarter = PlanarArray(4, 4, Rotation.from_euler("z", 90, degrees=True))
    beams = model.receive_beams.reshape(8, 4, 4, 8)
    # body x -> scene y, body y -> scene -x: element (n_x, n_y) stands where (3 - n_y, n_x) stood
    turned = replace(
        model,
        receive_array=quarter,
        receive_beams=np.swapaxes(beams[:, ::-1], 1, 2).reshape(8, 16, 8),
    )
    assert_allclose(
        bound(turned, echo(turned, position), position).covariance,
        bound(model, echo(model, position), position).covariance,
        rtol=1e-7,
    )


def test_a_row_of_elements_bounds_what_lies_in_a_known_plane_only():
    rng = np.random.default_rng(24)
    upright = PlanarArray(2, 1, Rotation.from_euler("x", 90, degrees=True))
    model = make_model(rng, array=upright)
    position = BS + np.array([40.0, -60.0, 0.0])
    plain = bound(model, echo(model, position), position)
    assert plain.deviation == np.inf
    assert_array_equal(plain.covariance, np.diag([np.inf] * 3))
    known = bound(model, echo(model, position), position, known=HEIGHT)
    assert 0.1 < known.deviation < 20.0
    assert_allclose(known.covariance[2], 0.0, atol=1e-12)


def test_a_single_element_bounds_what_lies_on_a_known_line_only():
    rng = np.random.default_rng(27)
    model = make_model(rng, array=PlanarArray(1, 1), chains=1)
    position, along = np.array([30.0, 20.0, 0.0]), np.array([0.6, 0.8, 0.0])
    for known in (ANYWHERE, HEIGHT):
        assert bound(model, echo(model, position), position, known=known).deviation == np.inf
    found = bound(model, echo(model, position), position, known=Locus.line(position, along))
    # the delay's bound over how fast the bistatic range grows along the line
    step = 1e-3 * along
    slope = (
        bistatic_range(LEO, BS, position + step) - bistatic_range(LEO, BS, position - step)
    ) / (2e-3 * C)
    noise_power = np.mean(np.abs(synthesize(model, echo(model, position))) ** 2)
    spread = path_covariance(model, echo(model, position), noise_power)[0]
    delay = PATH_PARAMETERS.index("delay")
    assert_allclose(found.deviation, np.sqrt(spread[delay, delay]) / abs(slope), rtol=1e-6)
    assert_allclose(found.covariance, found.deviation**2 * np.outer(along, along), rtol=1e-6)


def test_what_no_frame_determines():
    rng = np.random.default_rng(25)
    position = np.array([30.0, 20.0, 0.0])
    narrow = make_model(rng, subcarriers=1)
    found = bound(narrow, echo(narrow, position), position)
    assert found.deviation == np.inf
    assert_array_equal(found.covariance, np.diag([np.inf] * 3))
    # a direction and a known height make a position all the same
    assert bound(narrow, echo(narrow, position), position, known=HEIGHT).deviation < 50.0


@pytest.mark.parametrize(
    "position",
    [BS, LEO, *(BS + np.array([[10.0, 20.0, 30.0], [0.0, 0.0, 50.0], [80.0, 0.0, 0.0]]))],
)
def test_degenerate_positions_give_no_exception_and_no_warning(position):
    model = make_model(np.random.default_rng(26))
    paths = echo(model, np.zeros(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for known_height in (False, True):
            found = bound(model, paths, position, known=KNOWN[known_height])
            assert np.isnan(found.deviation) == np.array_equal(position, BS)
            assert not found.deviation <= 0.0
