# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios from end to end, without GNU Radio."""

from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.dsp.noise import GaussianNoise, PooledNoise
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.emulation import emulator
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.simulation import received_frames
from gnuradio.dislac.studies.fidelity import error_vector_magnitude
from gnuradio.dislac.systems.bistatic import estimator, locate


def fixes(scenario, count):
    receiver = estimator(scenario)
    frames = received_frames(scenario, count)
    return [locate(scenario, receiver.estimate(frame, k), k) for k, frame in enumerate(frames)]


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize(
    ("name", "coupling"), [("paper", "paired"), ("paper", "physical"), ("lab", "physical")]
)
def test_fixes_stay_near_their_bound(name, coupling):
    scenario = load_scenario(name, {"beams.coupling": coupling, "channel.noise": {"snr_db": 10}})
    found = fixes(scenario, 12)
    assert all(fix.valid for fix in found)
    rmse = np.sqrt(np.mean([fix.error**2 for fix in found]))
    assert rmse < 2 * found[0].bound
    assert found[0].deviation == pytest.approx(found[0].bound, rel=0.4)


@pytest.mark.parametrize("mode", ["frame", "time-varying"])
@pytest.mark.parametrize("coupling", ["paired", "physical"])
@pytest.mark.parametrize("others", [{"kind": "direct"}, {"kind": "scattered", "count": 2}])
def test_samples_follow_the_snapshot_model(mode, coupling, others):
    """Paths beside the echo too, and by their phase relative to it: one gain is free for all."""
    overrides = {
        "channel.paths": [{"kind": "echo"}, others],
        "precompensation.mode": mode,
        "beams.coupling": coupling,
        "channel.noise": {},
    }
    assert error_vector_magnitude(load_scenario("paper", overrides)) < -50


def test_beams_switch_with_the_frames_when_the_advance_jumps():
    """A second frame 0.16 s later, whose advance differs by 28 samples, departs within a chunk."""
    overrides = {
        "precompensation.mode": "frame",
        "channel.noise": {},
        "nodes.transmitter.velocity": [0, 0, 7e3],
    }
    first = error_vector_magnitude(load_scenario("paper", overrides), 1)
    overrides["numerology.frame_period"] = 37 * 32_768 + 11_000
    both = error_vector_magnitude(load_scenario("paper", overrides), 2)
    assert first < -47 and abs(both - first) < 0.2


@pytest.mark.usefixtures("roughly_calibrated")
def test_errors_of_the_precompensation_are_measured():
    """A position moves 0.170091 m with each ns of timing-advance error.

    Nothing but the echo is there: relative to a direct path there would be no error.
    """
    scene = {**ECHO_ALONE, "channel.noise": {"snr_db": 60}}
    overrides = {**scene, "precompensation.timing_advance_error_ns": 40}
    fix = fixes(load_scenario("paper", overrides), 1)[0]
    assert fix.residual_delay == pytest.approx(1336e-9, abs=0.3e-9)
    assert fix.error == pytest.approx(40 * 0.170091, abs=0.1)
    overrides = {**scene, "precompensation.doppler_error_hz": 500}
    fix = fixes(load_scenario("paper", overrides), 1)[0]
    assert fix.residual_doppler == pytest.approx(666, abs=10)


@pytest.mark.parametrize(("pool", "kind"), [(False, GaussianNoise), (True, PooledNoise)])
def test_noise_is_drawn_or_comes_from_a_pool(pool, kind):
    scenario = load_scenario("paper", {"channel.noise": {"snr_db": 0, "pool": pool}})
    assert isinstance(emulator(scenario).noise, kind)


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize(("points", "floor"), [(8, 62.92), (12, 18.13), (16, 6.23)])
def test_floors_of_algorithm_1_from_model_and_samples(points, floor):
    """The published floors, of an echo alone. These beams prefer the published atoms; others may
    prefer theirs."""
    overrides = {
        **ECHO_ALONE,
        "seed": 2,
        "estimator.kind": "mmv-bomp",
        "estimator.grid_points": points,
        "channel.noise": {},
    }
    scenario = load_scenario("paper", overrides)
    exact = synthesize(snapshot_model(scenario), true_paths(scenario, 0))
    fix = locate(scenario, estimator(scenario).estimate(exact), 0)
    assert fix.error == pytest.approx(floor, abs=0.01)
    assert fixes(scenario, 1)[0].error == pytest.approx(floor, abs=0.02)


@pytest.mark.parametrize(("paths", "counts"), [(["echo"], True), (["echo", "direct"], False)])
def test_timing_deviation_enters_covariance_and_bound(paths, counts):
    """Along the delay's derivative, unless delays are relative to a direct path."""
    overrides = {"channel.paths": [{"kind": kind} for kind in paths], "channel.noise.snr_db": 20}
    stated = {"synchronization.timing_deviation_ns": 10}
    exact, unsure = (load_scenario("paper", overrides | more) for more in ({}, stated))
    paths = true_paths(exact, 0, 1)
    estimate = Estimate(paths, np.diag([1e-4, 1e-4, 0, 0, 1e-18, 1])[None], 1.0, 1.0, 0.1)
    fixes = [locate(scenario, estimate, 0) for scenario in (exact, unsure)]
    # The change of the position by a delay, from two fixes.
    step = replace(paths, delay=paths.delay + 1e-10)
    moved = locate(exact, replace(estimate, paths=step), 0).position - fixes[0].position
    expected = 1e-8**2 * np.outer(moved, moved) / 1e-10**2 * counts
    assert np.allclose(fixes[1].covariance - fixes[0].covariance, expected, rtol=1e-3, atol=1e-5)
    grown = fixes[1].bound ** 2 - fixes[0].bound ** 2
    assert grown == pytest.approx(np.trace(expected), rel=1e-3, abs=1e-9)
