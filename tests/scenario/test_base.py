# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario that stands on another, and the one way to change one."""

import numpy as np
import pytest
import yaml
from gnuradio.dislac.scenario import ScenarioError, load_scenario, parse_scenario
from gnuradio.dislac.scenario.loader import merge
from gnuradio.dislac.systems.bistatic import settings_of


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        # Of RFC 7396, appendix A, those that begin with an object
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        # Keys of which a section holds either
        (
            {"noise": {"snr_db": 3}},
            {"noise": {"temperature_k": 290}},
            {"noise": {"temperature_k": 290}},
        ),
        ({"position": [0, 0, 0], "velocity": [1, 0, 0]}, {"orbit": {}}, {"orbit": {}}),
    ],
)
def test_sections_are_joined(below, above, merged):
    assert merge(below, above) == merged


@pytest.fixture
def files(tmp_path):
    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_a_scenario_on_a_preset_is_the_preset_but_for_what_it_says(files):
    folder = files(mine="base: paper\nname: mine\nchannel: {noise: {snr_db: 7}}\n")
    mine = load_scenario(folder / "mine.yml")
    paper = load_scenario("paper", {"name": "mine", "channel.noise.snr_db": 7})
    assert yaml.safe_load(mine.text) == yaml.safe_load(paper.text)
    assert mine.channel.snr == pytest.approx(10**0.7)
    np.testing.assert_array_equal(mine.transmit_beams, paper.transmit_beams)


def test_bases_on_bases_beside_each_other(files):
    folder = files(
        low="base: paper\nnodes: {target: {velocity: [3, 0, 0]}}\nseed: 5\n",
        high="base: low.yml\nseed: 6\nnodes: {target: {position: [1, 2, 3]}}\n",
    )
    scenario = load_scenario(folder / "high.yml")
    assert scenario.seed == 6
    position, velocity = scenario.target.motion.state(0.0)
    assert position.tolist() == [1, 2, 3]
    assert velocity.tolist() == [3, 0, 0]


def test_the_text_holds_it_all(files):
    folder = files(mine="base: paper\nseed: 3\n")
    text = load_scenario(folder / "mine.yml").text
    assert "base" not in yaml.safe_load(text)
    assert parse_scenario(text).seed == 3


def test_errors_name_the_file_in_which_the_key_stands(files):
    folder = files(
        low="base: paper\nnumerology:\n  symbols: none\n", high="base: low.yml\nseed: 2\n"
    )
    with pytest.raises(ScenarioError, match=r"low\.yml:3: numerology\.symbols: 'none' is not"):
        load_scenario(folder / "high.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: mine.yml\n", r"mine\.yml:1: base: .*without end"),
        ("base: other.yml\n", r"mine\.yml:1: base: .*other\.yml: cannot read the base"),
        ("base: 3\n", r"mine\.yml:1: base: 3 is neither a file nor a preset"),
        ("base: [paper]\n", r"base: .* is neither a file nor a preset"),
        ("base: /dev/zero\n", r"mine\.yml:1: base: /dev/zero: cannot read the base"),
    ],
)
def test_bases_that_are_none(files, text, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario(files(mine=text) / "mine.yml")


def test_what_comes_inside_another_file_opens_none(files):
    folder = files(low="base: paper\n")
    with pytest.raises(ScenarioError, match="base: what comes inside another file"):
        parse_scenario(f"base: {folder / 'low.yml'}\n")
    assert parse_scenario("base: paper\nseed: 9\n").seed == 9


def test_a_calibration_is_named_from_the_base_that_names_it(files, tmp_path):
    (tmp_path / "below").mkdir()
    chains = "\n".join(["  - {phase_deg: 1.0, delay_ns: 0.0}"] * 8)
    (tmp_path / "below" / "chains.yml").write_text(f"carrier_frequency: 28e9\nchains:\n{chains}\n")
    (tmp_path / "below" / "low.yml").write_text("base: paper\ncalibration: chains.yml\n")
    folder = files(high="base: below/low.yml\n")
    scenario = load_scenario(folder / "high.yml")
    np.testing.assert_allclose(scenario.calibration.phase, np.radians(1.0))


def test_text_and_fields_agree_after_every_change():
    scenario = load_scenario("paper")
    moved = scenario.with_({"nodes.target.position": [5.0, 6.0, 0.0], "seed": 4})
    again = parse_scenario(moved.text)
    for one in (moved, again):
        assert one.target.motion.state(0.0)[0].tolist() == [5, 6, 0]
        assert one.seed == 4
    np.testing.assert_array_equal(moved.transmit_beams, again.transmit_beams)
    assert not np.array_equal(moved.transmit_beams, scenario.transmit_beams)
    assert scenario.target.motion.state(0.0)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "overrides",
    [
        {"nodes.target.position": [5.0, 6.0, 0.0]},
        {"channel.noise.snr_db": 3},
        {"numerology.symbols": 4},
        {"pilots.user": 1},
        {"beams.chains": 4},
        {"nodes.receiver.array": {"nx": 2, "ny": 2}},
        {"nodes.receiver.position": [-50, 150, 100]},
        {"propagation_speed": 299792458},
        {"origin.latitude_deg": 10},
        {"payload": {"modulation": "qpsk"}},
        {"channel.paths": [{"kind": "echo"}]},
        {"seed": 8},
    ],
)
def test_what_a_change_leaves_is_what_a_new_one_has(overrides):
    """Parts are taken over from the scenario before the change where nothing of theirs changed."""
    changed = load_scenario("paper").with_(overrides)
    again = parse_scenario(changed.text, changed.document.name)
    for name in ("transmit_beams", "receive_beams"):
        np.testing.assert_array_equal(getattr(changed, name), getattr(again, name))
    np.testing.assert_array_equal(changed.pilots.grid(0), again.pilots.grid(0))
    assert changed.numerology == again.numerology
    assert changed.windows == again.windows and settings_of(changed) == settings_of(again)
    assert (changed.payload is None) == (again.payload is None)
    for name in ("transmitter", "receiver", "target"):
        one, other = getattr(changed, name), getattr(again, name)
        np.testing.assert_array_equal(one.motion.state(1.0), other.motion.state(1.0))
        assert one.array.size == other.array.size


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"channel.fading.seed": 3}, "channel.fading: 'omega' is a required property"),
        ({"nodes.target.velocity": [1, 2]}, r"nodes.target.velocity: \[1, 2\] is too short"),
        ({"nodes.target": {"positoin": [0, 0, 0]}}, "nodes.target.positoin: unknown key"),
        ({"seed": -1}, "seed: -1 is less than"),
        ({"seed": float("nan")}, "seed: "),
        (
            {"nodes.target.position": [0.0, 0.0, float("inf")]},
            r"position\[2\]: inf is greater than",
        ),
        ({"estimator": {"max_path": 2}}, "estimator.max_path: unknown key"),
    ],
)
def test_a_change_is_checked_as_a_new_scenario_is(overrides, message):
    scenario = load_scenario("paper").with_({"seed": 2})
    for change in (scenario.with_, lambda given: load_scenario("paper", given)):
        with pytest.raises(ScenarioError, match=message):
            change(overrides)
    assert load_scenario("paper").with_({"seed": 5.0}).seed == 5
