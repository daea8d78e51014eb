# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths from frames of NR PRS: combs, with holes that hold noise alone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.bounds import PATH_PARAMETERS, path_covariance
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.estimation import DelayDoppler, make_estimator
from gnuradio.dislac.estimation.path_responses import PathResponses
from gnuradio.dislac.waveform import (
    Numerology,
    PrsResource,
    PrsResourceSet,
    demodulate,
    modulate,
    nr_cyclic_prefixes,
    prs_pilots,
)
from gnuradio.dislac.waveform.prs import PRS_COMBS

COMBS = [(comb, symbols) for comb in PRS_COMBS for symbols in PRS_COMBS[comb]]
DELAY = PATH_PARAMETERS.index("delay")
ONE_ELEMENT = PlanarArray(1, 1)
WINDOWS = {"delay_window": (-0.2e-6, 2.3e-6), "doppler_window": (-500.0, 500.0)}
NUMEROLOGY = Numerology(2e9, 30e3, 384, nr_cyclic_prefixes(1, 384), 288, 14, 30 * 384 * 8)


@pytest.fixture
def roughly_calibrated(monkeypatch):
    """Where paths are far above the threshold, it need not be exact."""
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)


@cache
def pilots_of(comb, symbols, chains=1, resources=1):
    each = tuple(PrsResource(100 * k, k) for k in range(resources))
    resource_set = PrsResourceSet(1, comb, symbols, 24, 8, resources=each)
    return prs_pilots(resource_set, chains, grid_prbs=24)


def model_of(pilots, array=ONE_ELEMENT, coupling="physical", seed=1):
    rng = np.random.default_rng(seed)
    chains = pilots.chains.shape[1]
    transmit_beams = phase_shifter_beams(1, array.size, chains, rng)
    receive_beams = phase_shifter_beams(14, array.size, chains, rng)
    if array is ONE_ELEMENT:
        transmit_beams, receive_beams = np.ones_like(transmit_beams), np.ones_like(receive_beams)
    f = NUMEROLOGY.frequencies[pilots.subcarriers]
    return SnapshotModel(
        transmit_array=array,
        receive_array=array,
        transmit_beams=np.repeat(transmit_beams, len(pilots.symbols), axis=0),
        receive_beams=receive_beams[pilots.symbols],
        pilots=pilots.chains,
        symbol_times=NUMEROLOGY.symbol_times[pilots.symbols],
        frequencies=f[0],
        coupling=coupling,
        offsets=f[:, 0] - f[0, 0],
    )


def one_path(delay, doppler=0.0, gain=1.0, arrival=(0.0, 0.0), departure=(0.0, 0.0)):
    return Paths(
        np.array([gain], complex), np.array([arrival]), np.array([departure]),
        np.array([delay]), np.array([doppler]),
    )  # fmt: skip


def white(rng, *shape):
    return rng.standard_normal((*shape, 2)) @ [1, 1j] / np.sqrt(2)


def information_on_the_grid(pilots, delay, doppler):
    """Fisher information (4, 4) on gain (two parts), delay and Doppler, hole by hole."""
    mask = pilots.grid()[0] != 0
    f, t = np.meshgrid(NUMEROLOGY.frequencies, NUMEROLOGY.symbol_times)
    y = mask * np.exp(2j * np.pi * (doppler * t - delay * f))
    slopes = np.stack([y, 1j * y, -2j * np.pi * f * y, 2j * np.pi * t * y]).reshape(4, -1)
    return 2 * (slopes.conj() @ slopes.T).real


@pytest.mark.monte_carlo
@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize(("comb", "symbols"), COMBS)
def test_delay_of_a_frame_of_prs_is_estimated_at_its_bound(comb, symbols):
    """The rms of 300 errors is good to 4 per cent; three times that is allowed."""
    pilots = pilots_of(comb, symbols)
    model = model_of(pilots)
    paths = one_path(1.1e-6, 100.0)
    power = 0.5
    bound = np.sqrt(path_covariance(model, paths, power)[0, DELAY, DELAY])
    on_the_grid = np.linalg.inv(information_on_the_grid(pilots, 1.1e-6, 100.0) / power)
    assert bound == pytest.approx(np.sqrt(on_the_grid[2, 2]), rel=1e-6)
    estimator = make_estimator("off-grid", model, max_paths=1, **WINDOWS)
    view = DelayDoppler(
        model.symbol_times, model.frequencies, *WINDOWS.values(), offsets=model.offsets
    )
    rng = np.random.default_rng([comb, symbols])
    errors = []
    for delay in rng.uniform(0, 2e-6, 300):
        paths = one_path(delay, 100.0, np.exp(2j * np.pi * rng.uniform()))
        frame = synthesize(model, paths) + np.sqrt(power) * white(rng, *model.shape)
        estimate = estimator.estimate(frame)
        errors.append(estimate.paths.delay[0] - delay)
    # The matched filter of one path is the same estimate.
    assert view.peak(frame[..., 0]).delay == pytest.approx(estimate.paths.delay[0], abs=bound / 20)
    assert np.sqrt(estimate.covariance[0, DELAY, DELAY]) == pytest.approx(bound, rel=0.2)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(bound, rel=0.12)


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("comb", PRS_COMBS)
def test_from_samples_too(comb):
    """Modulated, delayed by a fraction of a sample, and demodulated; noise also in the holes."""
    pilots = pilots_of(comb, comb)
    model = model_of(pilots)
    estimator = make_estimator("off-grid", model, max_paths=1, **WINDOWS)
    delay, power = 7.3 / NUMEROLOGY.sample_rate, 0.1
    bound = np.sqrt(path_covariance(model, one_path(delay), power)[0, DELAY, DELAY])
    samples = modulate(pilots.grid(), NUMEROLOGY)
    frequency = np.fft.fftfreq(samples.shape[1], 1 / NUMEROLOGY.sample_rate)
    late = np.fft.ifft(np.fft.fft(samples) * np.exp(-2j * np.pi * frequency * delay))
    rng = np.random.default_rng(comb)
    errors = []
    for _ in range(100):
        noisy = late + np.sqrt(power) * white(rng, *late.shape)
        frame = pilots.descramble(demodulate(noisy, NUMEROLOGY))
        errors.append(estimator.estimate(frame).paths.delay[0] - delay)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(bound, rel=0.22)


SETTINGS = {
    "one resource, paired": (pilots_of(4, 4, 3), "paired"),
    "one resource, physical": (pilots_of(4, 4, 3), "physical"),
    "three resources": (pilots_of(4, 4, 3, 3), "physical"),
    "comb of twelve": (pilots_of(12, 12, 3, 3), "physical"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_slopes_of_the_responses(name):
    """Derivatives, put together from their halves, against differences of the frames."""
    pilots, coupling = SETTINGS[name]
    model = model_of(pilots, PlanarArray(3, 2), coupling)
    responses = PathResponses(model)
    at = np.array([0.2, -0.4, 0.3, 0.1, 0.9e-6, 80.0])

    def response(parameters):
        p = parameters
        frame = synthesize(model, one_path(p[4], p[5], 1.0, p[0:2], p[2:4]))
        return frame.transpose(0, 2, 1).reshape(-1, frame.shape[1])

    s, e = responses.factors(at)
    products = s[:, :, None] * e[:, None, :]
    assert np.allclose(products[0], response(at))
    found = np.tensordot(responses.sharing(1).T, products[1:], 1)
    order = responses.spread(1).argmax(axis=1)  # which parameter each of those is
    # A single beam in all symbols says nothing of where a path leaves.
    expected = [0, 1, 4, 5] if name == "one resource, physical" else range(6)
    assert responses.free.tolist() == list(expected)
    for slope, k in zip(found, order, strict=True):
        step = 1e-4 * np.eye(6)[k] * responses.cells
        difference = (response(at + step) - response(at - step)) / (2 * step[k])
        assert np.allclose(slope, difference, atol=1e-6 * np.abs(difference).max())


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", ["off-grid", "mmv-bomp"])
def test_a_clean_frame_gives_its_path_back(name, kind):
    pilots, coupling = SETTINGS[name]
    model = model_of(pilots, PlanarArray(3, 3), coupling)
    paths = one_path(1.3e-6, 70.0, 0.6 - 0.8j, (1 / 3, -1 / 3), (1 / 3, 1 / 3))
    known = paths.departure[0] if kind == "mmv-bomp" and coupling == "physical" else None
    estimator = make_estimator(
        kind, model, grid_points=7, max_paths=1, reference_departure=known, **WINDOWS
    )
    found = estimator.estimate(synthesize(model, paths)).paths
    assert np.allclose(found.arrival, paths.arrival, rtol=0, atol=3e-10)
    assert found.delay == pytest.approx(paths.delay, abs=2e-19)
    assert found.doppler == pytest.approx(paths.doppler, rel=0, abs=4e-6)
    if name != "one resource, physical" or known is not None:
        assert np.allclose(found.departure, paths.departure, rtol=0, atol=3e-10)
        assert np.allclose(found.gain, paths.gain, rtol=5e-10)


@pytest.mark.monte_carlo
@pytest.mark.usefixtures("roughly_calibrated")
def test_two_paths_apart_by_an_ambiguity_of_one_comb():
    """1 / (12 spacings) apart in delay: one symbol's comb cannot resolve them, the frame can."""
    pilots = pilots_of(12, 12, 4, 4)
    model = model_of(pilots, PlanarArray(4, 4))
    gap = 1 / (12 * 30e3)
    paths = Paths(
        np.array([1.0, 0.7j]), np.array([[0.3, -0.5], [-0.6, 0.2]]), np.zeros((2, 2)) + 0.1,
        np.array([0.2e-6, 0.2e-6 + gap]), np.array([40.0, 40.0]),
    )  # fmt: skip
    window = {**WINDOWS, "delay_window": (-0.2e-6, 3.5e-6)}
    estimator = make_estimator("off-grid", model, max_paths=3, **window)
    power = 0.1
    bound = np.sqrt(path_covariance(model, paths, power)[:, DELAY, DELAY])
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(12):
        frame = synthesize(model, paths) + np.sqrt(power) * white(rng, *model.shape)
        found = estimator.estimate(frame).paths
        assert len(found) >= 2
        errors.append(found.delay[:2] - paths.delay)
    rms = np.sqrt(np.mean(np.square(errors), axis=0))
    assert np.all(rms < 1.8 * bound)


@pytest.mark.monte_carlo
def test_noise_alone_is_detected_as_often_as_set():
    model = model_of(pilots_of(4, 4, 2, 2), PlanarArray(2, 1))
    estimator = make_estimator("off-grid", model, max_paths=1, false_alarm_rate=0.05, **WINDOWS)
    rng = np.random.default_rng(5)
    count = sum(estimator.estimate(white(rng, *model.shape)).detected for _ in range(250))
    # 12.5 are expected, give or take 3.4, and the threshold is fitted to 200 frames.
    assert 3 <= count <= 26


def test_offsets_that_are_none_change_nothing():
    model = model_of(pilots_of(2, 2, 2), PlanarArray(2, 2), "paired")
    level = replace(model, offsets=np.zeros(2))
    assert np.array_equal(level.element_frequencies, np.round(model.frequencies, 3))
    assert len(model.element_frequencies) == 288
