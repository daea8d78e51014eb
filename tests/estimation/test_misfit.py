# SPDX-License-Identifier: GPL-3.0-or-later
"""Structured signals that are not the transmitter's: they are no path of its, and no noise."""

from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation.misfit import Misfit, statistic_threshold
from gnuradio.dislac.estimation.path_responses import PathResponses
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.systems.bistatic import estimator

POSITION = [0, 1, 4]
PRS = Path(__file__).parents[2] / "examples" / "prs.yml"


@pytest.fixture(autouse=True)
def roughly_calibrated(monkeypatch):
    """What is tested is far above the threshold, which need not be exact."""
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 40)


def white(rng, shape):
    return rng.standard_normal((*shape, 2)) @ [1, 1j] / np.sqrt(2)


def foreign_frame(own, other, rng, power):
    """What a receiver of the scenario `own` makes of the transmitter of `other`.

    Its pilots on their elements, each symbol and chain by itself, from anywhere to anywhere; then
    `own`'s scrambling taken off. Nothing of the snapshot model is used.
    """
    numerology = own.numerology
    arrival, departure = (direction(rng) for _ in range(2))
    a_r, a_t = own.receiver.array.steering(arrival), other.transmitter.array.steering(departure)
    receive_response = np.einsum("mai,a->im", own.receive_beams.conj(), a_r)
    transmit_response = np.einsum("a,mai->im", a_t, other.transmit_beams)[
        ..., None
    ] * other.pilots.grid(0)
    if own.coupling == "physical":
        transmit_response = np.broadcast_to(transmit_response.sum(axis=0), transmit_response.shape)
    delay, doppler = rng.uniform(0, 1e-6), rng.uniform(-500, 500)
    turns = doppler * numerology.symbol_times[:, None] - delay * numerology.frequencies
    grid = receive_response[..., None] * transmit_response * np.exp(2j * np.pi * turns)
    frame = own.pilots.descramble(grid.astype(np.complex64), 0).astype(complex)
    return frame * np.sqrt(power / np.mean(np.abs(frame) ** 2))


def direction(rng):
    while True:
        u = rng.uniform(-1, 1, 2)
        if u @ u < 1:
            return u


def scene(kind, seed, rng):
    """Own scenario, and that of a foreign satellite."""
    source = str(PRS) if kind == "sequence" else "lab" if kind == "lab" else "paper"
    overrides = {**ECHO_ALONE, "seed": seed}
    other = dict(overrides)
    if kind == "user":
        other["pilots.user"] = int(rng.integers(1, 256))
    elif kind == "sequence":
        first = int(rng.integers(100, 4000))
        other["pilots.resources"] = [{"sequence_id": first + k, "re_offset": k} for k in range(4)]
    else:
        other["seed"] = seed + 100
    return load_scenario(source, overrides), load_scenario(source, other)


@pytest.mark.monte_carlo
@pytest.mark.parametrize("kind", ["seed", "user", "lab", "sequence"])
def test_a_foreign_satellite_is_no_fix(kind):
    """At +10 to +38 dB; each kind of noise taken for white, 5 to 30 of 100 would be fixes."""
    for seed in range(6 if kind == "sequence" else 15):
        rng = np.random.default_rng([seed, 3])
        own, other = scene(kind, seed, rng)
        receiver = estimator(own)
        for _ in range(3):
            frame = foreign_frame(own, other, rng, 10 ** rng.uniform(1, 3.8))
            found = receiver.estimate(frame + white(rng, frame.shape))
            assert not (found.detected and found.status == "ok")
            assert found.detected == (found.statistic >= found.threshold)


@pytest.mark.monte_carlo
@pytest.mark.parametrize("kind", ["seed", "sequence"])
def test_beside_our_own_a_foreign_one_is_noise(kind):
    fixes = 0
    for seed in range(5 if kind == "sequence" else 12):
        rng = np.random.default_rng([seed, 4])
        own, other = scene(kind, seed, rng)
        paths = true_paths(own, 0)
        frame = synthesize(snapshot_model(own), paths)
        frame *= 10 / np.sqrt(np.mean(np.abs(frame) ** 2))
        frame = frame + foreign_frame(own, other, rng, 10 ** rng.uniform(1, 3.0))
        found = estimator(own).estimate(frame + white(rng, frame.shape))
        if not found.detected or found.status != "ok":
            continue
        fixes += 1
        away = [*(found.paths.arrival - paths.arrival)[0], *found.paths.delay - paths.delay]
        covariance = found.covariance[0][np.ix_(POSITION, POSITION)]
        assert np.sqrt(away @ np.linalg.solve(covariance, away)) < 5
    assert fixes >= 4


def test_a_second_path_bends_nothing_and_silences_nothing():
    """Weaker by 10 dB, in the same resolution cell of delay, one path being looked for: it shows,
    and the covariance is that beside another path, a few times that alone."""
    scenario = load_scenario("paper", ECHO_ALONE)
    echo = true_paths(scenario, 0, 1)
    paths = Paths(
        echo.gain[0] * np.array([1.0, 0.316j]),
        echo.arrival + np.array([[0.0, 0.0], [0.3, -0.2]]),
        np.repeat(echo.departure, 2, axis=0),
        echo.delay + np.array([0, 20e-9]),
        np.repeat(echo.doppler, 2),
    )
    model, receiver = snapshot_model(scenario), estimator(scenario)
    rng = np.random.default_rng(1)
    deviations = []
    for of_them in (echo, paths):
        frame = synthesize(model, of_them)
        frame = frame / np.sqrt(np.mean(np.abs(frame) ** 2)) + 0.1 * white(rng, frame.shape)
        found = receiver.estimate(frame)
        assert found.status == "ok"
        error = np.array(
            [*(found.paths.arrival - echo.arrival)[0], *(found.paths.delay - echo.delay)]
        )
        covariance = found.covariance[0][np.ix_(POSITION, POSITION)]
        assert np.sqrt(error @ np.linalg.solve(covariance, error)) < 5
        deviations.append(np.sqrt(covariance[2, 2]))
        assert len(found.paths) == 1
    assert 1 < deviations[1] / deviations[0] < 4


# The test itself


@pytest.fixture(scope="module")
def misfit():
    model = snapshot_model(load_scenario("paper", ECHO_ALONE))
    responses = PathResponses(model)
    s, e = responses.factors(np.array([0.1, -0.3, 0.2, 0.4, 0.5e-6, 100.0]))
    return Misfit(responses, ((-0.26e-6, 2e-6), (-3e3, 3e3))), s[0], e[0]


@pytest.mark.monte_carlo
def test_white_noise_is_let_pass(misfit):
    """Four marginals, each at 1e-4: in 500 frames 0.2 times."""
    test, s, e = misfit
    rng = np.random.default_rng(1)
    verdicts = [test(white(rng, (64, 32)), s, e, 30.0, 1.0) for _ in range(500)]
    assert sum(verdict.excess > 1.0 for verdict in verdicts) <= 3


@pytest.mark.parametrize(("energy", "refused"), [(20.0, True), (400.0, False)])
def test_a_path_must_stand_out_of_what_it_leaves_at_its_delay(misfit, energy, refused):
    """Four times the noise over the rows of the delay, as one signal of another shape leaves it."""
    test, s, e = misfit
    rng = np.random.default_rng(2)
    rows = white(rng, (64,)) * 2.0
    rows -= s * (s.conj() @ rows) / np.vdot(s, s)
    residual = 0.1 * white(rng, (64, 32)) + np.outer(rows, e) / np.sqrt(32)
    noise = float(np.mean(np.abs(residual) ** 2))
    verdict = test(residual, s, e, energy, noise)
    assert verdict.excess > 4.0 / noise * 0.6
    assert (verdict.margin < 1.0) == refused


def test_a_single_response_exceeds_a_share_as_often_as_the_beta_law_says():
    for n, rate in ((5, 1e-2), (64, 1e-4)):
        assert (1 - statistic_threshold(n, 1.0, 0, rate)) ** (n - 1) == pytest.approx(rate)


def test_the_best_of_a_family_exceeds_a_share_as_often_as_the_tube_formula_says():
    """Tones over 9 resolution cells in 24 samples of noise; the ends of the window add a little."""
    n, cells, rate = 24, 9, 0.05
    rng = np.random.default_rng(3)
    noise = white(rng, (8000, n))
    tones = np.exp(2j * np.pi * np.outer(np.arange(0, cells, 1 / 16) / n, np.arange(n)))
    share = np.abs(noise @ tones.T).max(axis=1) ** 2 / n / np.sum(np.abs(noise) ** 2, axis=1)
    measured = np.mean(share > statistic_threshold(n, cells, 1, rate))
    assert 0.85 * rate < measured < 1.45 * rate
