# SPDX-License-Identifier: GPL-3.0-or-later
"""Sensing with the payload, against the bound and against least squares written out."""

import numpy as np
import pytest
from gnuradio.dislac.bounds import fisher_information, path_covariance
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.estimation import DataAided, FrameError, make_estimator
from gnuradio.dislac.waveform import BITS_PER_SYMBOL, make_payload, map_bits
from scipy.optimize import least_squares

SNR_DB = 10.0


def comb_mask(symbols, subcarriers, comb):
    """One subcarrier in `comb`, one further up in each symbol."""
    return (np.arange(subcarriers) - np.arange(symbols)[:, None]) % comb == 0


@pytest.fixture(scope="module")
def model(make_model):
    return make_model()


@pytest.fixture(scope="module")
def plain(model):
    return make_estimator("off-grid", model, max_paths=1)


@pytest.fixture(scope="module")
def estimate_from(plain):
    """Estimate from a frame and what was sent in it."""
    known = {}
    receiver = DataAided(plain, known.__getitem__)

    def estimate(frame, sent):
        known[7] = sent
        return receiver.estimate(frame, 7)

    return estimate


def frames(model, paths, modulation, count, seed):
    """Frames with payload on all but a quarter of the elements, what was sent, the noise power."""
    rng = np.random.default_rng(seed)
    shape = model.shape[:2]
    turns = 1j ** rng.integers(0, 4, shape)
    payload = make_payload(np.where(comb_mask(*shape, 4), turns, 0), modulation)
    clean = synthesize(model, paths)
    noise = float(np.mean(np.abs(clean) ** 2)) * 10 ** (-SNR_DB / 10)
    for _ in range(count):
        sent = payload.grid(rng.integers(0, 2, payload.bits))
        z = rng.normal(size=(*clean.shape, 2)) @ [1, 1j] * np.sqrt(noise / 2)
        yield payload, sent, sent[..., None] * clean + z, noise


def errors(estimate, paths):
    """(6,) errors of the first path, in the order of `PATH_PARAMETERS`."""
    found = estimate.paths
    return np.concatenate(
        [
            found.arrival[0] - paths.arrival[0],
            found.departure[0] - paths.departure[0],
            found.delay[:1] - paths.delay,
            found.doppler[:1] - paths.doppler,
        ]
    )


@pytest.mark.monte_carlo
@pytest.mark.parametrize("modulation", ["16qam", "256qam"])
def test_the_error_is_that_of_the_bound(modulation, scene, model, estimate_from):
    """Normalized squared error of all six parameters, with all elements and with pilots alone.

    Its mean is 6; over 60 frames that shows 0.3 dB. The bound of each is its own: what data adds
    is 6.02 dB, four times the energy.
    """
    paths = scene.echo(np.zeros(3))
    whole, pilots = [], []
    for payload, sent, frame, noise in frames(model, paths, modulation, 60, 11):
        for known, out in ((sent, whole), (np.where(payload.pilots, sent, 0), pilots)):
            estimate = estimate_from(frame, known)
            covariance = path_covariance(model, paths, noise, np.abs(known) ** 2)[0]
            error = errors(estimate, paths)
            out.append(error @ np.linalg.solve(covariance, error))
    for squared in (whole, pilots):
        assert abs(10 * np.log10(np.mean(squared) / 6)) < 0.5


@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
def test_it_is_the_least_squares_estimate(modulation, scene, model, estimate_from):
    paths = scene.echo(np.array([20.0, -40.0, 0.0]), gain=0.7 - 0.4j)
    ((_, sent, frame, noise),) = frames(model, paths, modulation, 1, 12)
    estimate = estimate_from(frame, sent)
    unit = np.sqrt(np.diag(path_covariance(model, paths, noise, np.abs(sent) ** 2)[0]))

    def unexplained(steps):
        p = estimate.paths
        moved = type(p)(
            gain=np.ones(1, complex),
            arrival=p.arrival + unit[:2] * steps[:2],
            departure=p.departure + unit[2:4] * steps[2:4],
            delay=p.delay + unit[4] * steps[4],
            doppler=p.doppler + unit[5] * steps[5],
        )
        s = sent[..., None] * synthesize(model, moved)
        left = frame - s * np.vdot(s, frame) / np.vdot(s, s)
        return left.view(float).ravel()

    best = least_squares(unexplained, np.zeros(6), x_scale=1.0).x
    assert np.abs(best).max() < 0.1  # of a standard deviation


def test_information_of_disjoint_elements_adds_up_and_grows_with_energy(scene, make_model):
    rng = np.random.default_rng(13)
    for coupling in ("paired", "physical"):
        model, paths = make_model(coupling=coupling), scene.echo(np.zeros(3))
        power = np.abs(map_bits(rng.integers(0, 2, (8, 32 * 6)), "64qam")) ** 2
        mask = comb_mask(8, 32, 4)
        parts = [fisher_information(model, paths, 0.5, power * m) for m in (mask, ~mask)]
        whole = fisher_information(model, paths, 0.5, power)
        # of parameters of mixed units, each in units of its own
        unit = np.sqrt(np.outer(np.diag(whole), np.diag(whole)))
        np.testing.assert_allclose(sum(parts) / unit, whole / unit, rtol=0, atol=3e-15)
        plain = fisher_information(model, paths, 0.5)
        ones = fisher_information(model, paths, 0.5, np.ones((8, 32)))
        np.testing.assert_allclose(ones / unit, plain / unit, rtol=0, atol=3e-15)
        four = path_covariance(model, paths, 0.5, np.full((8, 32), 4.0))[0]
        gain = 10 * np.log10(np.diag(path_covariance(model, paths, 0.5)[0]) / np.diag(four))
        np.testing.assert_allclose(gain, 10 * np.log10(4.0), rtol=1e-9)


def test_information_against_differences(scene, model):
    """Of every element apart, by what `synthesize` changes."""
    rng = np.random.default_rng(14)
    paths = scene.echo(np.zeros(3), gain=0.3 + 1j)
    power = rng.uniform(0, 3, (8, 32)) * comb_mask(8, 32, 2)
    step = 1e-9  # seconds of delay

    def at(delay):
        return synthesize(model, type(paths)(**{**vars(paths), "delay": paths.delay + delay}))

    slope = (at(step) - at(-step)) / (2 * step)
    expected = 2 / 0.2 * np.sum(power[..., None] * np.abs(slope) ** 2)
    found = fisher_information(model, paths, 0.2, power)
    assert found[6, 6] == pytest.approx(expected, rel=1e-4)


def test_unit_modulus_needs_no_second_look(scene, model, plain, estimate_from):
    paths = scene.echo(np.zeros(3))
    sent = 1j ** np.random.default_rng(15).integers(0, 4, model.shape[:2])
    frame = synthesize(model, paths) + 0.1
    found = estimate_from(sent[..., None] * frame, sent)
    expected = plain.estimate(frame).paths
    np.testing.assert_allclose(found.paths.delay, expected.delay, rtol=1e-9)


@pytest.mark.monte_carlo
def test_noise_is_not_taken_for_a_path(model, estimate_from):
    rng = np.random.default_rng(16)
    payload = make_payload(comb_mask(*model.shape[:2], 4).astype(complex), "64qam")
    detected = 0
    for _ in range(100):
        sent = payload.grid(rng.integers(0, 2, payload.bits))
        z = rng.normal(size=(*model.shape, 2)) @ [1, 1j]
        detected += estimate_from(z, sent).detected
    assert detected <= 5  # one is expected


def test_what_cannot_be_used_is_refused(model, estimate_from):
    frame = np.ones(model.shape, complex)
    with pytest.raises(FrameError, match=r"\(8, 32\)"):
        estimate_from(frame, np.ones((8, 31)))
    with pytest.raises(FrameError, match="zero or not finite"):
        estimate_from(frame, np.zeros((8, 32)))
