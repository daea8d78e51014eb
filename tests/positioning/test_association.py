# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that are targets', fixes of several, and whose they are."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from gnuradio.dislac.bounds import path_covariance
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.positioning import Fix, FixStatus, assign, locate_targets, target_paths
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario, routes, timing, truth
from gnuradio.dislac.simulation import complex_normal
from gnuradio.dislac.systems import bistatic

MEASURED = np.ix_((0, 1, 4), (0, 1, 4))


def paths_of(*gains):
    count = len(gains)
    arrival = np.column_stack([np.linspace(0.1, 0.3, count), np.full(count, -0.8)])
    delay = np.linspace(1e-6, 2e-6, count)
    return Paths(np.array(gains, complex), arrival, np.zeros((count, 2)), delay, np.zeros(count))


def estimate_of(*gains, status="ok"):
    covariance = np.tile(np.diag([1e-6, 1e-6, 0, 0, 1e-18, 1.0]), (len(gains), 1, 1))
    return Estimate(paths_of(*gains), covariance, 1.0, 0.5, 0.1, status)


@pytest.mark.parametrize(
    ("gains", "targets", "expected"),
    [
        ((), 1, []),
        ((), None, []),
        ((1.0,), 3, [0]),
        ((1.0, 2.0j, 0.5), 1, [0]),
        ((1.0, 0.3, 2.0j), 2, [0, 2]),
        ((1.0, 0.3, 2.0j), 3, [0, 2, 1]),
        ((1.0, 0.99, -2.0, 1.01), None, [0, 2, 3]),  # both sides of a half
        ((0.1, 2.0), None, [0, 1]),  # the leading path always
    ],
)
def test_paths_of_targets(gains, targets, expected):
    assert target_paths(estimate_of(*gains), targets).tolist() == expected


@pytest.fixture(scope="module")
def locator():
    return bistatic.locator(load_scenario("paper", ECHO_ALONE))


def test_each_target_has_a_fix(locator):
    estimate = estimate_of(1.0, 0.8, 0.9)
    fixes = locate_targets(
        locator, estimate, 2, link=("leo", "roof"), frame=3, time=0.5, timing_deviation=2e-9
    )
    for fix, k in zip(fixes, (0, 2), strict=True):
        covariance = estimate.covariance[k][MEASURED].copy()
        covariance[2, 2] += 4e-18
        paths = estimate.paths
        alone = locator.locate(paths.arrival[k], paths.delay[k], covariance, frame=3, time=0.5)
        assert fix.valid and np.array_equal(fix.position, alone.position)
        assert np.array_equal(fix.covariance, alone.covariance)
        assert (fix.frame, fix.time, fix.links, fix.target) == (3, 0.5, (("leo", "roof"),), "")
        assert fix.residual_delay == paths.delay[k] and fix.residual_doppler == 0.0
    (single,) = locate_targets(locator, estimate)
    assert single.links == () and single.valid


@pytest.mark.parametrize("status", ["ambiguous", "outside_window", "learning"])
def test_a_status_is_the_leading_path_s(locator, status):
    """Of the others, too, while it is not known what is to be taken off frames."""
    fixes = locate_targets(locator, estimate_of(1.0, 0.9, status=status), 2, bound=1.5)
    assert fixes[0].status == status and fixes[0].bound == 1.5
    assert [fix.valid for fix in fixes[1:]] == ([] if status == "learning" else [True])


def test_no_path_is_one_fix_without_a_position(locator):
    (fix,) = locate_targets(locator, estimate_of(), None, frame=7)
    assert (fix.status, fix.frame) == (FixStatus.NO_DETECTION, 7)


def test_without_a_covariance_there_is_a_position_alone(locator):
    (fix,) = locate_targets(locator, replace(estimate_of(1.0), covariance=None))
    assert fix.valid and np.isnan(fix.covariance).all()


def fix_at(*position):
    return Fix(0, 0.0, FixStatus.OK, np.array(position, float))


def test_assignment_has_the_least_sum_of_errors():
    """Against all ways of pairing, each distance beyond the cutoff counting as much as that."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        cutoff = rng.uniform(0.5, 3.0)
        fixes = [fix_at(*rng.normal(size=3)) for _ in range(rng.integers(1, 5))]
        truths = {f"t{k}": rng.normal(size=3) for k in range(rng.integers(1, 5))}
        made, missed = assign(fixes, truths, cutoff)
        size = max(len(fixes), len(truths))
        cost = np.full((size, size), cutoff)
        for k, fix in enumerate(fixes):
            for j, true in enumerate(truths.values()):
                cost[k, j] = min(np.linalg.norm(fix.position - true), cutoff)
        least = min(sum(cost[range(size), order]) for order in permutations(range(size)))
        found = [fix for fix in made if fix.target]
        total = sum(fix.error for fix in found) + cutoff * (size - len(found))
        assert total == pytest.approx(least, rel=1e-12)
        assert sorted(missed + [fix.target for fix in found]) == sorted(truths)
        for fix in found:
            error = np.linalg.norm(fix.position - truths[fix.target])
            assert fix.error == pytest.approx(error, rel=1e-12) and error < cutoff


def test_fixes_beyond_the_cutoff_are_nobody_s():
    fixes = [fix_at(0, 0, 2.0), Fix(0, 0.0, FixStatus.AMBIGUOUS)]
    for cutoff, target in ((1.99, ""), (2.01, "car")):
        made, missed = assign(fixes, {"car": np.zeros(3)}, cutoff)
        assert made[0].target == target and missed == ([] if target else ["car"])
        assert made[1] is fixes[1]
    assert assign([], {"car": np.zeros(3)}, 1.0) == ([], ["car"])
    assert assign(fixes, {}, 1.0) == (fixes, [])
    with pytest.raises(ValueError, match="cutoff is 0"):
        assign(fixes, {}, 0.0)


def test_two_targets_are_located_at_their_bounds():
    """Of equal strength, 540 ns apart; 24 frames give the error to an eighth."""
    overrides = {**ECHO_ALONE, "estimator.max_paths": 2}
    truths = {"first": np.zeros(3), "second": np.array([-80.0, -100.0, 0.0])}
    scenes = [
        load_scenario("paper", {**overrides, "nodes.target.position": list(map(float, position))})
        for position in truths.values()
    ]
    model, time = routes.snapshot_model(scenes[0]), timing.fix_time(scenes[0], 0)
    estimator, locator = bistatic.estimator(scenes[0]), bistatic.locator(scenes[0])
    echoes = [truth.true_paths(scene, 0) for scene in scenes]
    echoes = [replace(echo, gain=echo.gain / np.abs(echo.gain)) for echo in echoes]
    both = Paths(*(np.concatenate([vars(e)[name] for e in echoes]) for name in vars(echoes[0])))
    clean, rng = synthesize(model, both), np.random.default_rng(12)
    power = float(np.mean(np.abs(synthesize(model, echoes[0])) ** 2)) / 100
    bounds = [
        locator.locate(echo.arrival[0], echo.delay[0], covariance[MEASURED], time=time).deviation
        for echo, covariance in zip(echoes, path_covariance(model, both, power), strict=True)
    ]
    errors = []
    for _ in range(24):
        estimate = estimator.estimate(clean + complex_normal(clean.shape, rng, power))
        made, missed = assign(locate_targets(locator, estimate, 2, time=time), truths, 20.0)
        assert not missed
        errors.append([fix.error for fix in sorted(made, key=lambda fix: fix.target)])
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / bounds
    assert np.all((ratio > 0.6) & (ratio < 1.5))
