# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame in another unit, or turned in phase, is the same scene; and the grids of searches."""

import inspect

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.channel import Paths
from gnuradio.dislac.estimation import make_estimator
from gnuradio.dislac.estimation.path_responses import (
    PathResponses,
    array_grid,
    extent,
    search_windows,
    window_grid,
)
from gnuradio.dislac.estimation.search import CoarseSearch, DirectionSearch, SecondarySearch
from numpy.testing import assert_allclose

FACTORS = [1.0, -1.0, 1j, -1j, 1e-6 * np.exp(0.7j), 1e6 * np.exp(2j)]
WINDOWS = (-1e-6, 3e-6), (-3e3, 3e3)


@pytest.fixture(scope="module")
def responses(make_model):
    return PathResponses(make_model(chains=2))


def frame_of(responses, parameters, gain=1.0):
    """Rows (J, Nsc) of the path with these parameters (6,)."""
    s, e = responses.at(np.array(parameters))
    return gain * np.outer(s, e)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_search_explains_all_of_a_path_on_its_grid(responses, factor):
    """Energies in the unit of the frame, squared; the place is the same."""
    search = CoarseSearch(responses, *WINDOWS)
    here = [*search.arrivals[9], *search.departures[4], search.delays[7], search.dopplers[0]]
    frame = frame_of(responses, here, factor)
    starts, explained = search(frame, 3)
    assert_allclose(starts[0], here)
    assert explained[0] == pytest.approx(np.sum(np.abs(frame) ** 2), rel=1e-5)
    assert np.all(explained[1:3] < explained[0])


@pytest.mark.parametrize("factor", FACTORS)
def test_directions_are_found_at_their_delay(responses, factor):
    search = DirectionSearch(responses, np.zeros((2, 2)), WINDOWS[1])
    here = [*search.arrivals[30], *search.departures[11], 4e-7, search.dopplers[1]]
    starts = search(frame_of(responses, here, factor), 4e-7)
    assert_allclose(starts[0], here)
    assert len(starts) == len(search(frame_of(responses, here), 4e-7))


@pytest.mark.parametrize("factor", FACTORS)
def test_a_secondary_path_is_found_beside_the_first(responses, factor):
    search = SecondarySearch(responses, WINDOWS[0])
    first = np.array([0.25, -0.25, 0.25, 0.25, 0.0, 0.0])
    here = np.array([*search.arrivals[2], *first[2:4], search.delays[9], 0.0])
    known = responses.factors(first[None])
    frame = frame_of(responses, here, factor)
    # as it is: the known path is in no other than these, nor is anything else
    starts, explained = search(frame, first[None], known, 2)
    assert_allclose(starts[0], here)
    plain = search(frame_of(responses, here), first[None], known, 2)
    assert_allclose(starts, plain[0])
    assert_allclose(explained, abs(factor) ** 2 * plain[1], rtol=1e-9)
    # of what it explains, the part that the known path and its derivatives could is left out
    s, e = (x.reshape(-1, x.shape[-1]) for x in known)
    basis = np.einsum("kj,kn->kjn", s, e).reshape(len(s), -1)
    atom = frame.ravel() / factor
    own = atom - basis.T @ np.linalg.lstsq(basis.T, atom, rcond=None)[0]
    score = abs(factor) ** 2 * np.vdot(atom, atom).real ** 2 / np.vdot(own, own).real
    assert explained[0] == pytest.approx(score, rel=1e-4)


@pytest.mark.parametrize("kind", ["off-grid", "mmv-bomp"])
@pytest.mark.parametrize("factor", FACTORS[1:])
def test_an_estimate_turns_and_scales_with_the_frame(
    kind, factor, make_model, receive, monkeypatch
):
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 5)
    model = make_model(chains=2)
    values = [0.8 + 0.6j], [[0.3, -0.2]], [[-0.1, 0.4]], [1.2e-6], [100.0]
    path = Paths(*map(np.array, values))
    frame, _ = receive(model, path, 15.0, 3)
    known = path.departure[0] if kind == "mmv-bomp" else None
    estimator = make_estimator(kind, model, max_paths=1, reference_departure=known)
    plain, other = (estimator.estimate(f) for f in (frame, factor * frame))
    assert plain.status == other.status and len(plain.paths.delay) == len(other.paths.delay) == 1
    assert_allclose(other.paths.gain, factor * plain.paths.gain, rtol=1e-6)
    for name, tolerance in (("arrival", 1e-7), ("departure", 1e-7), ("delay", 1e-14)):
        ours, theirs = (getattr(one.paths, name) for one in (plain, other))
        assert_allclose(theirs, ours, rtol=1e-6, atol=tolerance)
    assert_allclose(other.paths.doppler, plain.paths.doppler, rtol=1e-6, atol=1e-3)
    assert other.noise_power == pytest.approx(abs(factor) ** 2 * plain.noise_power, rel=1e-6)
    assert other.statistic == pytest.approx(plain.statistic, rel=1e-6)
    assert other.threshold == plain.threshold


# Grids, also of arrays of a row and of one symbol


def test_a_row_of_elements_has_a_grid_along_its_axis():
    axis = np.linspace(-1, 1, 5)
    assert_allclose(array_grid(PlanarArray(3, 1), 5), np.stack([axis, 0 * axis], 1))
    assert_allclose(array_grid(PlanarArray(1, 3), 5), np.stack([0 * axis, axis], 1))
    assert_allclose(array_grid(PlanarArray(1, 1), 5), [[0, 0]])
    whole = array_grid(PlanarArray(2, 2), 5)
    assert len(whole) == 13 and np.all(np.sum(whole**2, axis=1) <= 1)


def test_extents_are_counted_with_the_last_cell():
    assert extent(np.arange(4) * 0.5) == pytest.approx(2.0)
    assert extent(np.array([0.0, 0.0, 3.0])) == pytest.approx(6.0)
    assert extent(np.array([7.0])) == 0.0


def test_cells_of_a_window_are_as_few_as_are_asked_for():
    assert_allclose(window_grid((-1.0, 1.0), 2.0), [-0.75, -0.25, 0.25, 0.75])
    assert_allclose(window_grid((-1.0, 1.0), 2.01), -1 + (np.arange(5) + 0.5) * 0.4)
    assert_allclose(window_grid((3.0, 3.0), 5.0), [3.0])


def test_windows_are_those_that_the_page_says(make_model):
    """By default, -1/16 to 5/16 of the delays' span, and half a Doppler cell about zero."""
    model = make_model()
    delays, dopplers = search_windows(model, None, None)
    span = 1 / 120e3
    assert delays == pytest.approx((-span / 16, 5 * span / 16))
    cell = 1 / extent(model.symbol_times)
    assert dopplers == pytest.approx((-cell / 4, cell / 4))
    alone = search_windows(make_model(symbols=1), None, None)
    assert alone[1] == (0.0, 0.0)
    assert search_windows(model, (0.0, 1e-6), (5.0, 5.0)) == ((0.0, 1e-6), (5.0, 5.0))


def test_defaults_of_estimators_are_those_of_the_page():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(make_estimator).parameters.items()
    }
    assert defaults["grid_points"] == 16
    assert defaults["max_paths"] == 3
    assert defaults["false_alarm_rate"] == 1e-2
