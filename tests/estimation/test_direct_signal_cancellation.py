# SPDX-License-Identifier: GPL-3.0-or-later
"""Echoes beside a direct path: what its cancellation leaves, costs, and says of itself."""

from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.estimation import (
    DirectPathMeter,
    DirectSignalCancellation,
    EstimatorError,
    StaticCancellation,
    direct_path_patterns,
    make_estimator,
)
from gnuradio.dislac.scenario import ScenarioError, load_scenario, reception, transmission
from gnuradio.dislac.scenario.levels import noise_power
from gnuradio.dislac.scenario.routes import directions, known_response, snapshot_model
from gnuradio.dislac.scenario.timing import first_arrival, reference_link
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.systems import bistatic
from gnuradio.dislac.systems.bistatic import estimators

SCENE = load_scenario("paper", {"beams.chains": 4})
MODEL = snapshot_model(SCENE)
ECHO = true_paths(SCENE, 0, 1)
RESPONSE = MODEL.response(*directions(SCENE, reference_link(SCENE), 0.0))
RESPONSE = RESPONSE / np.sqrt(np.mean(np.abs(RESPONSE) ** 2))
FRAME_TIME = 1e-3
WINDOW = (-0.3e-6, 1.8e-6)


def still(frame: int) -> np.ndarray:
    """The direct path arrives alike in all frames."""
    return RESPONSE


def moving(frame: int) -> np.ndarray:
    """As the satellite moves, it arrives from elsewhere."""
    return known_response(SCENE, [frame])[0]


def no_leaks(frame: int) -> np.ndarray:
    symbols, subcarriers, chains = MODEL.shape
    return np.zeros((0, symbols, chains, subcarriers), complex)


def direct(delay=0.0, doppler=0.0, response=RESPONSE) -> np.ndarray:
    """A direct path 38 dB above the noise, late and shifted."""
    turn = np.exp(2j * np.pi * doppler * MODEL.symbol_times)[:, None, None]
    tone = np.exp(-2j * np.pi * delay * MODEL.frequencies)[:, None]
    return 80 * response[:, None] * tone * turn


def echo(frame: int, **changes) -> np.ndarray:
    """The echo in a frame, of unit power; it turns from frame to frame by its Doppler."""
    paths = replace(ECHO, **changes)
    clean = synthesize(MODEL, paths)
    turn = np.exp(2j * np.pi * paths.doppler[0] * FRAME_TIME * frame)
    return turn * clean / np.sqrt(np.mean(np.abs(clean) ** 2))


def noise(rng, power=1.0) -> np.ndarray:
    return rng.standard_normal((*MODEL.shape, 2)) @ [1, 1j] * np.sqrt(power / 2)


METER = DirectPathMeter(MODEL, (-0.5e-6, 1.5e-6), (-6e3, 6e3))


@pytest.fixture(scope="module")
def alone():
    return make_estimator("off-grid", MODEL, max_paths=1, delay_window=WINDOW)


@pytest.fixture(scope="module")
def rest():
    """Estimates from what is left beside a direct path."""
    return make_estimator(
        "off-grid",
        MODEL,
        max_paths=1,
        delay_window=WINDOW,
        nuisance=direct_path_patterns(MODEL),
    )


@pytest.fixture(scope="module")
def receiver(rest):
    return DirectSignalCancellation(rest, METER, still, no_leaks)


def errors_and_variances(estimator, frames, truth=ECHO):
    estimates = [estimator.estimate(frame) for frame in frames]
    error = np.array([estimate.paths.delay[0] - truth.delay[0] for estimate in estimates])
    return error, np.array([estimate.covariance[0, 4, 4] for estimate in estimates])


@pytest.mark.monte_carlo
@pytest.mark.parametrize(("late", "shifted"), [(0.0, 0.0), (10e-9, 0.0), (100e-9, 300.0)])
def test_estimates_are_relative_to_the_direct_path_and_cost_what_it_hides(
    alone, receiver, late, shifted
):
    """Two of 32 subcarriers' worth of energy, 0.28 dB at most. Frames are independent, so the first
    is as good as any other."""
    rng = np.random.default_rng(2)
    errors, variances, undisturbed = [], [], []
    turn = np.exp(2j * np.pi * shifted * MODEL.symbol_times)[:, None, None]
    turn = turn * np.exp(-2j * np.pi * late * MODEL.frequencies)[:, None]
    for frame in range(120):
        y = echo(frame) * turn + noise(rng)
        beside = receiver.estimate(direct(late, shifted) + y)
        errors.append(beside.paths.delay[0] - ECHO.delay[0])
        variances.append(beside.covariance[0, 4, 4])
        undisturbed.append(alone.estimate(y * turn.conj()).paths.delay[0] - ECHO.delay[0])
        assert (
            abs(beside.paths.doppler[0] - ECHO.doppler[0]) < 6 * beside.covariance[0, 5, 5] ** 0.5
        )
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(undisturbed)))
    assert ratio < 1.08
    normalised = np.mean(np.square(errors) / variances)
    assert abs(normalised - 1.0) < 4 * np.sqrt(2 / 120)


@pytest.mark.monte_carlo
def test_errors_of_elements_beams_and_chains_do_not_matter(receiver):
    """By decibels, tens of degrees and a nanosecond, at any level."""
    rng = np.random.default_rng(1)
    errors = np.exp(0.3 * noise(rng)[:, :1, :] / np.sqrt(2))
    slopes = np.exp(-2j * np.pi * np.multiply.outer(MODEL.frequencies, rng.normal(0, 1e-9, 4)))
    frames = []
    for frame in range(60):
        gain = np.exp(2j * np.pi * rng.random()) * 10 ** rng.uniform(-1, 1)
        frames.append(gain * (direct() * errors * slopes + echo(frame) + noise(rng)))
    # The direct path's mean delay over the chains is what delays are relative to.
    error, variance = errors_and_variances(receiver, frames)
    assert np.all(np.abs(error) < 4.5 * np.sqrt(variance) + 2e-9)


@pytest.mark.monte_carlo
def test_the_covariance_grows_where_an_echo_is_hardly_later_than_the_direct_path(receiver):
    rng = np.random.default_rng(3)
    cell = 1 / (32 * 120e3)
    deviations = []
    for cells in (3.0, 1.0, 0.7):
        near = replace(ECHO, delay=np.array([cells * cell]))
        frames = [direct() + echo(k, delay=near.delay) + noise(rng, 0.03) for k in range(60)]
        error, variance = errors_and_variances(receiver, frames, near)
        assert np.mean(error**2 / variance) < 1.0 + 4 * np.sqrt(2 / 60)
        deviations.append(np.sqrt(np.median(variance)))
    assert deviations[0] < deviations[1] < deviations[2]
    assert deviations[2] > 2 * deviations[0]


@pytest.mark.monte_carlo
def test_an_echo_whose_response_overlaps_the_direct_paths_is_not_moved():
    """Two elements, and an echo 1.2 resolution cells late, 27 dB below the direct path."""
    scene = load_scenario("lab", {"channel.noise.snr_db": 10})
    model, count = snapshot_model(scene), 60
    truth = [true_paths(scene, frame) for frame in range(count)]
    assert 1.1 < truth[0].delay[0] * np.ptp(model.element_frequencies) < 1.3
    rng = np.random.default_rng(10)
    z = rng.standard_normal((count, *model.shape, 2)) @ [1, 1j] * np.sqrt(noise_power(scene) / 2)
    estimator = bistatic.estimator(scene)
    frames = [synthesize(model, paths) for paths in truth] + z
    estimates = [estimator.estimate(y, k) for k, y in enumerate(frames)]
    error = np.array([e.paths.delay[0] - t.delay[0] for e, t in zip(estimates, truth, strict=True)])
    deviation = np.sqrt(np.mean([e.covariance[0, 4, 4] for e in estimates]))
    assert abs(np.mean(error)) < 4 * deviation / np.sqrt(count)
    assert 0.7 < np.std(error) / deviation < 1.3


def test_frames_do_not_depend_on_those_before(receiver):
    rng = np.random.default_rng(5)
    frames = [direct() + echo(k) + noise(rng) for k in range(4)]
    first = [receiver.estimate(frame).paths.delay[0] for frame in frames]
    again = [receiver.estimate(frame).paths.delay[0] for frame in frames[::-1]]
    assert first == again[::-1]


def test_where_no_direct_path_is_found_the_timing_is_as_uncertain_as_is_known(rest):
    rng = np.random.default_rng(6)
    blind = np.zeros_like(RESPONSE)
    receiver = DirectSignalCancellation(
        rest, METER, lambda frame: blind, no_leaks, timing_deviation=20e-9
    )
    y = echo(0) + noise(rng, 0.3)
    beside, without = receiver.estimate(y), rest.estimate(y)
    assert beside.paths.delay[0] == without.paths.delay[0]
    added = beside.covariance[0, 4, 4] - without.covariance[0, 4, 4]
    assert added == pytest.approx((20e-9) ** 2, rel=1e-9)


def test_too_few_subcarriers_are_refused():
    few = load_scenario("paper", {"numerology.subcarriers": 2})
    with pytest.raises(ScenarioError, match=r"estimator: 2 subcarriers .*removal: none"):
        bistatic.estimator(few)


def test_ringing_of_symbols_edges_goes(monkeypatch):
    """Emulated samples of the direct path alone: 54 dB below it where symbols meet, if left."""
    scene = load_scenario(
        "paper",
        {
            "channel.paths": [{"kind": "direct"}],
            "channel.noise": {},
            "synchronization.removal": "direct-path",
        },
    )
    numerology, frames = scene.numerology, 4
    first = first_arrival(scene)
    sent = np.zeros((8, first + frames * numerology.frame_period), np.complex64)
    for k in range(frames):
        start = first + k * numerology.frame_period
        sent[:, start : start + numerology.frame_length] = transmission.pilot_frame(scene, k)
    samples = reception.received(scene, sent)

    def left(estimator) -> list[float]:
        levels = []
        for k in range(frames):
            start = first + k * numerology.frame_period
            grid = reception.frame_grid(
                scene, samples[:, start : start + numerology.frame_length], k
            )
            frame = scene.pilots.descramble(grid, k)
            rest = estimator.cancel(frame, k)
            levels.append(10 * np.log10(np.mean(np.abs(rest) ** 2) / np.mean(np.abs(frame) ** 2)))
        return levels

    assert max(left(bistatic.estimator(scene))) < -71
    monkeypatch.setattr(estimators, "RINGING", 0)
    scene.kept.clear()
    assert min(left(bistatic.estimator(scene))) > -56
    scene.kept.clear()


# Static cancellation


def test_static_clutter_goes_at_all_delays_and_what_moves_stays(alone):
    rng = np.random.default_rng(4)
    receiver = StaticCancellation(alone, METER, still, memory=16)
    clutter = 10 * echo(0, doppler=np.zeros(1), delay=np.array([0.8e-6]))
    estimates = [
        receiver.estimate(direct() + clutter + echo(frame) + noise(rng, 0.1)) for frame in range(60)
    ]
    assert [e.status for e in estimates[:17]] == ["learning"] * 16 + ["ok"]
    found = np.array([e.paths.delay[0] for e in estimates[16:]])
    assert np.all(np.abs(found - ECHO.delay[0]) < 20e-9)


def test_the_static_response_moves_as_the_geometry_says_whatever_chains_do_to_it(alone):
    """Frames 64 ms apart, in which the satellite moves by more than a millirad."""
    rng = np.random.default_rng(6)
    chains = np.exp(noise(rng)[0, 0])  # by decibels, and at any phase
    left = {}
    for response in (still, moving):
        receiver = StaticCancellation(alone, METER, response, memory=16)
        for frame in 64 * np.arange(30):
            y = direct(response=chains * moving(frame)) + echo(frame) + noise(rng, 0.01)
            estimate = receiver.estimate(y, frame)
        assert abs(estimate.paths.delay[0] - ECHO.delay[0]) < 10e-9
        left[response] = estimate.noise_power
    assert left[moving] < 0.012
    assert left[still] > 0.1


def test_a_frame_of_zeros_teaches_nothing_and_a_memory_is_of_frames(alone):
    rng = np.random.default_rng(9)
    receiver = StaticCancellation(alone, METER, still, memory=2)
    frames = [direct() + echo(k) + noise(rng, 0.1) for k in range(3)]
    expected = [receiver.estimate(frame).paths.delay for frame in frames]
    receiver.reset()
    for frame, delay in zip(frames, expected, strict=True):
        receiver.estimate(0 * frame)
        assert np.array_equal(receiver.estimate(frame).paths.delay, delay)
    with pytest.raises(EstimatorError, match="memory is 0"):
        StaticCancellation(alone, METER, still, memory=0)
