# SPDX-License-Identifier: GPL-3.0-or-later
"""The study of honest fixes: its frames, what it counts, and that it can be interrupted."""

import os
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.positioning import Fix, FixStatus, Reason
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.budget import MEMORY
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.simulation import received_frames
from gnuradio.dislac.studies.honesty import honesty, main
from gnuradio.dislac.studies.outcomes import cause, consistency, efficient
from gnuradio.dislac.studies.runner import run
from gnuradio.dislac.studies.scene_frames import View, observe
from gnuradio.dislac.studies.scenes import CELLS, Scene, draw

SCENE = {
    "numerology.carrier_frequency": 28e9,
    "numerology.subcarrier_spacing": 120e3,
    "propagation_speed": 299792458.0,
    "nodes.transmitter.position": [100e3, 200e3, 300e3],
    "nodes.transmitter.velocity": [7e3, 0, 0],
    "nodes.transmitter.array": {"nx": 3, "ny": 2},
    "nodes.receiver.position": [-50, 190, 100],
    "nodes.receiver.array": {"nx": 4, "ny": 2, "orientation_deg": [30.0, -20.0, 10.0]},
    "nodes.target.position": [0, 0, 0],
    "nodes.target.velocity": [0, 0, 0],
    "precompensation.doppler_error_hz": 0.0,
    "channel.paths": [{"kind": "echo"}],
    "channel.noise.snr_db": 200.0,
}


def scene(overrides, late=0.0, frames=1, second=None):
    return Scene({**SCENE, **overrides}, np.full(frames, late), second, None, None, None)


def mismatch(found, expected):
    """Of two frames, but for a complex gain [dB]."""
    gain = np.vdot(expected, found) / np.vdot(expected, expected)
    return 20 * np.log10(np.linalg.norm(found - gain * expected) / np.linalg.norm(found))


@pytest.mark.parametrize("coupling", ["paired", "physical"])
@pytest.mark.parametrize("velocity", [[0, 0, 0], [2, -3, 0]])
def test_frames_from_positions_and_lengths_agree_with_the_snapshot_model(coupling, velocity):
    """Elements, tilt, both ends, delay and Doppler; slow, so that hardly anything leaks."""
    drawn = scene(
        {
            "beams.coupling": coupling,
            "precompensation.mode": "time-varying",
            "nodes.target.velocity": velocity,
        }
    )
    scenario = load_scenario("paper", drawn.overrides)
    (view,) = observe(drawn, scenario, np.random.default_rng(1))
    model = snapshot_model(scenario)
    assert mismatch(view.frame, synthesize(model, true_paths(scenario, 0))) < -40
    # What the bound is computed from is the same path.
    assert mismatch(view.frame, synthesize(model, view.paths)) < -40
    assert np.mean(np.abs(view.frame) ** 2) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("mode", ["frame", "time-varying"])
def test_frames_agree_with_the_chain_of_samples(mode):
    """A Doppler shift of a fourteenth of the spacing leaks at -22 dB, as it does there."""
    overrides = {"precompensation.mode": mode, "nodes.target.velocity": [25, 60, 0]}
    drawn = scene({**overrides, "numerology.window_advance": 2})
    scenario = load_scenario("paper", {**drawn.overrides, "channel.noise": {}})
    (view,) = observe(drawn, scenario, np.random.default_rng(1))
    assert 0.05 < abs(view.paths.doppler[0]) / 120e3 < 0.1
    (frame,) = received_frames(scenario, 1)
    assert mismatch(frame, view.frame) < -45
    unleaked = synthesize(snapshot_model(scenario), view.paths)
    assert -25 < mismatch(frame, unleaked) < -15


def test_two_targets_and_the_timing():
    """A late frame is a longer delay of every path; equal targets share the unit power."""
    on_time, late = (
        scene({"precompensation.mode": "time-varying"}, late, second=np.array([20.0, 0, 0]))
        for late in (0.0, 5e-8)
    )
    scenario = load_scenario("paper", on_time.overrides)
    (first,), (other,) = (
        observe(drawn, scenario, np.random.default_rng(1)) for drawn in (on_time, late)
    )
    assert len(first.paths) == 2 and first.direct == 0
    assert np.allclose(other.paths.delay - first.paths.delay, 5e-8, rtol=1e-9)
    assert abs(first.paths.gain[0]) == pytest.approx(abs(first.paths.gain[1]))


def test_consistency_in_closed_form():
    error, turn = np.array([1.0, 2.0, 3.0]), np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]
    covariance = turn @ np.diag([4.0, 9.0, 1e-4]) @ turn.T
    expected = error @ np.linalg.solve(covariance, error)
    assert consistency(error, covariance) == (pytest.approx(expected), 3)
    flat = np.diag([1.0, 4.0, 0.0])
    assert consistency(np.array([1.0, 2.0, 0.0]), flat) == (pytest.approx(2.0), 2)
    assert consistency(np.array([1.0, 2.0, 0.1]), flat) == (np.inf, 2)
    assert consistency(error, np.full((3, 3), np.inf)) == (np.inf, 0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"limit": 9.9}, None),
        ({"limit": 10.1}, "bound"),
        # 16 - 8 samples of 7.68 MHz remain, and 8 before
        ({"delay": 1.04e-6}, None),
        ({"delay": 1.05e-6}, "delay"),
        ({"delay": -1.04e-6}, None),
        ({"delay": -1.05e-6}, "delay"),
        ({"doppler": -11.9e3}, None),
        ({"doppler": -12.1e3}, "doppler"),
        # the threshold is a twentieth of the noise, and the echo twice that
        ({"noise": 1.0, "threshold": 0.047}, None),
        ({"noise": 1.0, "threshold": 0.049}, "weak"),
        ({"up": -1.0}, "horizon"),
        ({"status": FixStatus.AMBIGUOUS}, "geometry"),
    ],
)
def test_causes_on_both_sides(change, expected):
    """Of what is left out of the availability."""
    values = {"limit": 1.0, "delay": 5e-7, "doppler": 0.0, "noise": 0.01, "threshold": 0.1}
    values = {**values, "up": 1.0, "status": FixStatus.OK, **change}
    place = [100e3, 200e3, 300e3 * values["up"]]
    scenario = load_scenario(
        "paper",
        {**SCENE, "numerology.window_advance": 8, "nodes.transmitter.position": place},
    )
    model, paths = snapshot_model(scenario), true_paths(scenario, 0, 1)
    delay, doppler = np.array([values["delay"]]), np.array([values["doppler"]])
    power = np.mean(np.abs(model.response(paths.arrival, paths.departure)) ** 2)
    gain = np.array([np.sqrt(0.1 / power) + 0j])  # a tenth of unit power
    paths = replace(paths, gain=gain, delay=delay, doppler=doppler)
    view = View(np.zeros(model.shape, complex), paths, 0, values["noise"])
    best = Fix(0, 0.0, values["status"], np.zeros(3), bound=values["limit"])
    assert cause(scenario, view, values["threshold"], best) == expected


def test_the_bound_beside_a_direct_path_does_not_depend_on_the_timing():
    """What is unknown of the direct path is so relative to it."""
    paths = [{"kind": "echo"}, {"kind": "direct", "relative_power_db": 30}]
    overrides = {"channel.paths": paths, "channel.noise.snr_db": 10.0}
    bounds = []
    for late in (0.0, 9e-8):
        drawn = scene({**overrides, "precompensation.mode": "time-varying"}, late)
        scenario = load_scenario("paper", drawn.overrides)
        (view,) = observe(drawn, scenario, np.random.default_rng(1))
        bounds.append(efficient(scenario, view, 0).bound)
    assert bounds[1] == pytest.approx(bounds[0], rel=1e-3)


@pytest.mark.parametrize(("part", "expected"), [(1.02, None), (0.98, "weak")])
def test_beside_a_direct_path_an_echo_counts_by_what_that_leaves_of_it(part, expected):
    """The direct path's constant and slope, fitted to an echo half a resolution cell behind it,
    take nine tenths of it."""
    scenario = load_scenario("paper", SCENE | {"numerology.window_advance": 8})
    model, paths = snapshot_model(scenario), true_paths(scenario, 0, 1)
    late = 0.5 / np.ptp(model.frequencies)
    paths = Paths(*(np.repeat(value, 2, axis=0) for value in vars(paths).values()))
    paths = replace(paths, delay=np.array([late, 0.0]), doppler=np.zeros(2))
    tone = np.exp(-2j * np.pi * late * model.frequencies)
    line = np.polynomial.Polynomial.fit
    x = model.frequencies
    rest = (tone.real - line(x, tone.real, 1)(x)) + 1j * (tone.imag - line(x, tone.imag, 1)(x))
    left = np.mean(np.abs(rest) ** 2)
    assert 0.05 < left < 0.2
    response = model.response(paths.arrival[0], paths.departure[0])
    power = abs(paths.gain[0]) ** 2 * np.mean(np.abs(response) ** 2)
    view = View(np.zeros(model.shape, complex), paths, 1, 1.0)
    ratio = left * power / 10**0.3 / part
    best = Fix(0, 0.0, FixStatus.OK, np.zeros(3), bound=1.0)
    assert cause(scenario, view, ratio / (1 + ratio), best) == expected


@pytest.mark.parametrize(("part", "expected"), [(0.97, None), (1.03, "alike")])
def test_few_rows_leave_directions_alike(part, expected):
    """Two chains in two symbols are four complex numbers: less a gain and four directions, one is
    left to distinguish a direction of the two arrays' 8 pi / 4 x 6 pi / 4 from another by."""
    few = {"beams.chains": 2, "numerology.symbols": 2, "numerology.window_advance": 8}
    scenario = load_scenario("paper", SCENE | few)
    model, paths = snapshot_model(scenario), true_paths(scenario, 0, 1)
    paths = replace(paths, delay=np.array([5e-7]), doppler=np.zeros(1))
    energy = np.sum(np.abs(synthesize(model, paths)) ** 2)
    rows = energy / 10**0.3 / (100 * 48 * np.pi**2 / 16 - 1)
    view = View(np.zeros(model.shape, complex), paths, 0, part * rows / 4)
    best = Fix(0, 0.0, FixStatus.NO_SOLUTION, reason=Reason.INVALID, bound=1.0)
    assert cause(scenario, view, 1e-6, best) == (expected or "geometry")


@pytest.mark.parametrize(
    ("array", "roll", "known", "expected"),
    [
        ((4, 1), 0, True, "ambiguous"),  # a row along x: (30, 40) and (30, -40)
        ((4, 1), 60, True, "ok"),  # one of them is behind the array
        ((4, 1), 0, False, "underdetermined"),
        ((4, 2), 0, False, "ok"),
    ],
)
def test_an_efficient_measurement_has_the_positions_that_its_geometry_leaves(
    array, roll, known, expected
):
    drawn = scene(
        {
            "nodes.transmitter.position": [0, 0, 500e3],
            "nodes.receiver.position": [0, 0, 20],
            "nodes.target.position": [30, 40, 0],
            "nodes.receiver.array": {
                "nx": array[0],
                "ny": array[1],
                "orientation_deg": [0, 0, roll],
            },
            "locator.side": "below",
            **({"locator.known_height_m": 0.0} if known else {}),
        }
    )
    scenario = load_scenario("paper", {**drawn.overrides, **ECHO_ALONE})
    view = View(np.zeros(1), true_paths(scenario, 0, 1), 0, 1e-5)
    best = efficient(scenario, view, 0)
    assert best.outcome == expected
    if best.valid:
        assert np.linalg.norm(best.position - [30, 40, 0]) < 1e-3
        assert best.deviation == pytest.approx(best.bound, rel=0.01)


@pytest.mark.parametrize("number", [0, 5, 10, 15, 20, 23])
def test_scenes_are_of_their_cell(number):
    cell = CELLS[number]
    for seed in range(20):
        drawn = draw(cell, 4, np.random.default_rng(seed))
        scenario = load_scenario("paper", drawn.overrides)
        kinds = [path.kind for path in scenario.channel.paths]
        assert cell.low <= drawn.overrides["channel.noise.snr_db"] <= cell.high
        assert kinds.count("direct") == cell.direct
        assert (kinds.count("scattered") + (drawn.second is not None) > 0) == cell.several
        assert scenario.synchronization.removal == ("direct-path" if cell.direct else "none")
        assert not (cell.direct and scenario.synchronization.timing_deviation)
        assert np.all(np.abs(drawn.timing) < (1.01e-7 if cell.direct else 3e-7))


@pytest.mark.parametrize("number", [1, 3])
def test_scenes_for_samples_are_all_in_the_scenario(number):
    for seed in range(20):
        drawn = draw(CELLS[number], 3, np.random.default_rng(seed), samples=True)
        scenario = load_scenario("paper", drawn.overrides)
        assert drawn.second is None
        assert np.allclose(drawn.timing, scenario.precompensation.timing_advance_error, atol=1e-18)


QUICK = {"seed": 284, "fixes": 2, "frames": 1, "cells": (16, 22)}


# Thresholds need not be exact to be the same everywhere.
@pytest.mark.monte_carlo
@pytest.mark.usefixtures("roughly_calibrated")
def test_interruptions_make_no_difference(tmp_path):
    """A file that was cut off in the middle of a line; scenes in the order of their numbers."""
    study, chances = honesty(**QUICK), {"trials": 2, "seed": QUICK["seed"], "workers": 0}
    alone = [table.csv() for table in study.tables(run(study, **chances))]
    path = tmp_path / "records.jsonl"
    run(study, **chances, path=path)
    text = path.read_text()
    second = text.index("\n", text.index("\n") + 1) + 1
    path.write_text(text[: second + 40])
    results = run(study, **chances, path=path, resume=True)
    assert [table.csv() for table in study.tables(results)] == alone
    for _, rows in results:
        found = [sum(frame["status"] == "ok" for frame in row["frames"]) for row in rows]
        assert len(found) == 2 or sum(found) >= 2


@pytest.mark.usefixtures("roughly_calibrated")
def test_command_prints_tables_and_a_scene(tmp_path):
    options = ["--seed", "284", "--frames", "2"]
    counts = ["--fixes", "1", "--trials", "1", "--cell", "16"]
    counts += ["--workers", "0", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, [*options, *counts])
    assert result.exit_code == 0, result.output
    assert "availability" in result.output
    statuses = (tmp_path / "honesty.statuses.csv").read_text().splitlines()
    assert statuses[0].startswith("cell,frames,ok")
    assert statuses[1].startswith('"20 to 30 dB, alone, one path",2,')
    shown = CliRunner().invoke(main, [*options, "--scene", "16", "--show"])
    assert shown.exit_code == 0, shown.output
    assert MEMORY not in os.environ
    assert "nodes.target.position" in shown.output and len(shown.output.splitlines()) > 20
    assert CliRunner().invoke(main, ["--show"]).exit_code == 2
