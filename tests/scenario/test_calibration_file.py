# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration files, and scenarios that name them."""

from dataclasses import fields, replace

import numpy as np
import pytest
import yaml
from gnuradio.dislac.estimation import Calibration
from gnuradio.dislac.scenario import (
    ECHO_ALONE,
    ScenarioError,
    load_scenario,
    parse_scenario,
    reception,
    routes,
    truth,
)
from gnuradio.dislac.scenario.calibration import load_calibration, write_calibration

SCENARIO = load_scenario("paper", {"beams.chains": 3})
FOUND = Calibration(
    phase=np.radians([0.0, 120.5, -3.25]),
    delay=np.array([0.0, -12.5e-9, 3e-9]),
    amplitude=np.array([1.0, 10**0.05, 10**-0.1]),
    phase_error=np.radians([0.0, 0.01, 0.02]),
    delay_error=np.array([0.0, 0.04e-9, 0.05e-9]),
    amplitude_error=np.array([0.0, 1e-3, 2e-3]),
    frames=200,
    snr=100.0,
)


@pytest.fixture
def file(tmp_path):
    write_calibration(tmp_path / "new" / "chains.yml", FOUND, SCENARIO)
    return tmp_path / "new" / "chains.yml"


def test_a_file_gives_back_what_was_written(file):
    back = load_calibration(file)
    for field in fields(Calibration):
        np.testing.assert_allclose(
            getattr(back, field.name), getattr(FOUND, field.name), rtol=1e-3, atol=1e-14
        )
    data = yaml.safe_load(file.read_text())
    assert data["scenario"] == "paper" and data["carrier_frequency"] == 28e9
    assert data["chains"][1]["phase_deg"] == 120.5 and data["chains"][1]["delay_ns"] == -12.5
    first = file.read_bytes()
    write_calibration(file, FOUND, SCENARIO)
    assert file.read_bytes() == first
    assert [path.name for path in file.parent.iterdir()] == ["chains.yml"]


def test_a_scenario_finds_it_beside_itself_and_carries_it(file, monkeypatch):
    scenario_file = file.parent / "scene.yml"
    scenario_file.write_text(
        replace(SCENARIO).text.replace("seed: 1", "seed: 1\ncalibration: chains.yml")
    )
    scenario = load_scenario(scenario_file)
    np.testing.assert_allclose(scenario.calibration.phase, FOUND.phase)
    factors = reception.chain_factors(scenario)
    f = scenario.numerology.frequencies
    wanted = np.exp(2j * np.pi * -12.5e-9 * f - 1j * np.radians(120.5)) / 10**0.05
    assert factors.shape == (3, 1, 32)
    np.testing.assert_allclose(factors[1, 0], wanted, rtol=1e-5)
    file.unlink()
    carried = parse_scenario(scenario.text, overrides={"seed": 4})
    np.testing.assert_allclose(carried.calibration.delay, FOUND.delay)
    # and can do without
    assert parse_scenario(scenario.text, overrides={"calibration": None}).calibration is None
    assert reception.for_calibration(scenario).calibration is None


def test_presets_find_it_where_one_is(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert load_scenario("paper", {"beams.chains": 3, "calibration": "chains.yml"}).calibration
    assert reception.chain_factors(SCENARIO) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "scene.yml:1: calibration: .*chains.yml: cannot read the calibration .*`dislac cal"),
        ("chains: [", "chains.yml:1: not valid YAML"),
        ("[1, 2]", "chains.yml:1: not a calibration: expected keys such as 'chains:'"),
        ("carrier_frequency: 28e9", "'chains' is a required property"),
        (
            "carrier_frequency: 28e9\nchains: [{phase_deg: 0}]",
            r"chains.yml:2: chains\[0\]: 'delay_ns' is a required property",
        ),
        (
            "carrier_frequency: 28e9\nchains: [{phase_deg: 0, delay_ns: 0, date: 0}]",
            r"chains\[0\].date: unknown key",
        ),
        (
            "carrier_frequency: 28e9\nchains: [{phase_deg: 0, delay_ns: 0}]",
            "scene.yml:1: calibration: it is of 1 chains; here are 3",
        ),
        (
            "carrier_frequency: 2e9\nchains: &c\n" + "- {phase_deg: 0, delay_ns: 0}\n" * 3,
            "it holds at 2e.09 Hz; the carrier is 2.8e.10 Hz",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    (tmp_path / "scene.yml").write_text("calibration: chains.yml\n" + SCENARIO.text)
    if text is not None:
        (tmp_path / "chains.yml").write_text(text)
    with pytest.raises(ScenarioError, match=said):
        load_scenario(tmp_path / "scene.yml")


def test_the_window_may_reach_farther_into_the_prefix():
    chosen = load_scenario("paper", {"numerology.window_advance": 8})
    assert chosen.numerology.window_advance == 8
    assert load_scenario("paper", ECHO_ALONE).numerology.window_advance == 1
    with pytest.raises(ScenarioError, match=r"numerology.window_advance: .* between 0 and the 16"):
        load_scenario("paper", {"numerology.window_advance": 17})


def test_what_is_emulated_for_a_calibration():
    own = reception.for_calibration(SCENARIO, emulated=True)
    assert [path.kind for path in own.channel.paths] == ["direct"]
    assert own.numerology.window_advance == 8 and own.synchronization.every == 1
    direct = {"kind": "direct", "relative_power_db": 3}
    scene = load_scenario("paper", {"channel.paths": [direct]})
    assert reception.for_calibration(scene, emulated=True).channel.paths == scene.channel.paths
    assert reception.for_calibration(SCENARIO).channel.paths == SCENARIO.channel.paths


def test_the_response_follows_the_transmitter():
    frames = np.array([0, 500_000])
    response = routes.known_response(SCENARIO, frames)
    for frame, one in zip(frames, response, strict=True):
        direct = load_scenario("paper", {"beams.chains": 3, "channel.paths": [{"kind": "direct"}]})
        path = truth.true_paths(direct, int(frame))
        wanted = routes.snapshot_model(direct).response(path.arrival[0], path.departure[0])
        np.testing.assert_allclose(one, wanted, rtol=1e-9)
    assert np.abs(response[0] - response[1]).max() > 1e-3
