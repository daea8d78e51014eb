# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np
import pytest
from gnuradio.dislac.scenario import (
    ECHO_ALONE,
    ScenarioError,
    joined_overrides,
    load_scenario,
    parse_scenario,
    preset_names,
)

MINIMAL = """\
numerology:
  carrier_frequency: 28e9
  subcarrier_spacing: 120e3
  fft_size: 64
  cyclic_prefix: 16
  subcarriers: 32
  symbols: 8
nodes:
  transmitter: {position: [100e3, 200e3, 300e3], array: {nx: 4, ny: 4}}
  receiver: {position: [0, 0, 100], array: {nx: 4, ny: 4}}
  target: {position: [10, 0, 0]}
"""


def test_presets_load():
    assert preset_names() == ["lab", "paper"]
    paper, lab = (load_scenario(name) for name in ("paper", "lab"))
    assert paper.sample_rate == lab.sample_rate == 7.68e6
    assert paper.propagation_speed == 3e8
    assert lab.propagation_speed == 299792458
    assert (paper.chains, lab.chains) == (8, 2)
    assert paper.transmit_beams.shape == (8, 16, 8)


def test_beams_have_unit_norm_columns_and_differ_between_ends():
    paper = load_scenario("paper")
    for beams in (paper.transmit_beams, paper.receive_beams):
        assert np.allclose(np.linalg.norm(beams, axis=1), 1)
    assert not np.allclose(paper.transmit_beams, paper.receive_beams)


def test_defaults_and_the_seed():
    scenario = parse_scenario(MINIMAL)
    assert scenario.numerology.frame_period == scenario.numerology.frame_length == 640
    assert scenario.channel.snr is None
    other = parse_scenario(MINIMAL, overrides={"seed": 2})
    assert not np.allclose(other.receive_beams, scenario.receive_beams)
    again = parse_scenario(MINIMAL)
    assert np.array_equal(again.receive_beams, scenario.receive_beams)
    assert not np.allclose(scenario.rng("a").random(4), scenario.rng("b").random(4))


ECHO, DIRECT = {"kind": "echo"}, {"kind": "direct"}
OTHER = {"position": [-150e3, 80e3, 500e3], "velocity": [0, 7e3, 0]}


@pytest.mark.parametrize("name", ["paper", "lab"])
@pytest.mark.parametrize(
    ("paths", "synchronization", "removal", "part"),
    [
        ([ECHO], {}, "none", 16),
        ([ECHO, DIRECT], {}, "direct-path", 4),
        ([DIRECT, {"kind": "scattered", "count": 2}, ECHO], {}, "direct-path", 4),
        ([ECHO, {"kind": "scattered", "count": 2}], {}, "none", 16),
        ([DIRECT], {}, "none", 16),
        # from another satellite it is not what delays and Doppler shifts are relative to
        ([ECHO, {**DIRECT, "from": "other"}], {}, "none", 16),
        ([ECHO, DIRECT, {**DIRECT, "from": "other"}], {}, "direct-path", 4),
        # what radios hear is not the emulated scene
        ([ECHO], {"reference": "direct-path"}, "direct-path", 4),
        ([ECHO, DIRECT], {"reference": "time"}, "direct-path", 4),
        ([ECHO], {"reference": "time"}, "none", 16),
        ([ECHO, DIRECT], {"removal": "none"}, "none", 16),
        ([ECHO], {"reference": "direct-path", "removal": "none"}, "none", 16),
        ([ECHO], {"removal": "static"}, "static", 4),
        ([DIRECT], {"removal": "direct-path"}, "direct-path", 4),
    ],
)
def test_the_direct_path_is_taken_off_where_there_is_one_beside_an_echo(
    name, paths, synchronization, removal, part
):
    """And then windows begin early by a quarter of the prefix, instead of a sixteenth."""
    nodes = {"nodes.satellites": {"other": OTHER}} if any("from" in path for path in paths) else {}
    overrides = {"channel.paths": paths, "synchronization": synchronization, **nodes}
    scenario = load_scenario(name, overrides)
    assert scenario.synchronization.removal == removal
    prefix = scenario.numerology.shortest_prefix
    assert scenario.numerology.window_advance == math.ceil(prefix / part)
    for advance in (0, 3):
        chosen = load_scenario(name, {**overrides, "numerology.window_advance": advance})
        assert chosen.numerology.window_advance == advance
        assert chosen.synchronization.removal == removal


def test_a_scene_without_paths_is_an_echo_alone():
    scenario = parse_scenario(MINIMAL)
    assert [path.kind for path in scenario.channel.paths] == ["echo"]
    assert scenario.synchronization.removal == "none"
    assert scenario.numerology.window_advance == 1


@pytest.mark.parametrize("name", ["paper", "lab"])
def test_presets_hold_a_direct_path_and_can_do_without(name):
    preset, alone = load_scenario(name), load_scenario(name, ECHO_ALONE)
    assert [path.kind for path in preset.channel.paths] == ["echo", "direct"]
    assert [path.kind for path in alone.channel.paths] == ["echo"]
    removal = [scenario.synchronization.removal for scenario in (preset, alone)]
    assert removal == ["direct-path", "none"]
    again = parse_scenario(alone.text)
    assert (len(again.channel.paths), again.synchronization.removal) == (1, "none")


def test_text_carries_the_overrides():
    scenario = load_scenario(
        "paper", {"channel.noise.snr_db": 7, "nodes.target.position": [1, 2, 3]}
    )
    again = parse_scenario(scenario.text)
    assert again.channel.snr == pytest.approx(10**0.7)
    assert np.array_equal(again.target.motion.position, [1, 2, 3])
    assert again.text == scenario.text


def test_scatterers_lie_in_the_box():
    scenario = load_scenario(
        "paper", {"channel.paths": [{"kind": "echo"}, {"kind": "scattered", "count": 20}]}
    )
    places = np.array([p.scatterer for p in scenario.channel.paths[1:]])
    assert places.shape == (20, 3)
    assert np.all(places >= [-50, 0, 0]) and np.all(places <= [0, 190, 100])
    assert len(np.unique(places, axis=0)) == 20
    assert scenario.channel.paths[1].reflection_loss == pytest.approx(10**-0.6)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "channel.noise.snr_db",
            "abc",
            r"paper.yml:\d+: channel.noise.snr_db: 'abc' is not of type",
        ),
        (
            "nodes.target.positon",
            [0, 0, 0],
            r"paper.yml:26: nodes.target.positon: unknown key; known",
        ),
        ("numerology.frame_period", 3, r"frame_period: a frame of 640 samples does not fit"),
        ("numerology.subcarriers", 65, r"numerology.subcarriers: 65 subcarriers do not fit"),
        ("pilots.user", 256, r"pilots.user: user 256 has no zadoff-chu code"),
        ("estimator.delay_window_ns", [4, 2], r"delay_window_ns: \[4, 2\] is empty"),
        ("beams.kind", "element", r"beams.chains: 8 chains do not match an array of 16"),
        ("channel.noise", {"foo": 1}, r"channel.noise: .*temperature_k with noise_figure_db"),
        ("estimator.kind", "music", r"estimator.kind: 'music' is not one of"),
        ("seed.x", 1, r"seed.x: cannot be overridden"),
    ],
)
def test_errors_name_file_line_and_key(key, value, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("paper", {key: value})


def test_the_line_is_the_line_of_the_key():
    text = MINIMAL.replace("fft_size: 64", "fft_size: none")
    with pytest.raises(ScenarioError, match=r"^bench.yml:4: numerology.fft_size: 'none' is not"):
        parse_scenario(text, "bench.yml")


def test_the_snr_takes_the_place_of_a_temperature_and_the_other_way_round():
    warm = {"temperature_k": 290, "noise_figure_db": 3, "pool": True}
    text = load_scenario("paper", {"channel.noise": warm}).text
    cold = parse_scenario(text, overrides={"channel.noise.snr_db": 7})
    assert cold.document.data["channel"]["noise"] == {"snr_db": 7, "pool": True}
    assert cold.channel.noise_pool and cold.channel.noise_temperature is None
    again = parse_scenario(cold.text, overrides={"channel.noise.temperature_k": 290})
    assert again.document.data["channel"]["noise"] == {"temperature_k": 290, "pool": True}
    for other in ("temperature_k", "noise_figure_db"):
        with pytest.raises(ScenarioError, match=r"instead of channel\.noise\.\w+: give one"):
            load_scenario("paper", {"channel.noise.snr_db": 7, f"channel.noise.{other}": 5})


def test_options_and_other_overrides_are_joined_or_contradict_each_other():
    named = {"channel.noise.snr_db": ("--snr-db", 3.0), "seed": ("--seed", None)}
    others = {"channel.noise.pool": True, "seed": 2}
    assert joined_overrides(named, others, "--set") == {"channel.noise.snr_db": 3.0, **others}
    same = "channel.noise.snr_db", "channel.noise", "channel", "channel.noise.temperature_k"
    for other in same:
        message = rf"--snr-db and --set {other} are both about channel\.noise\.snr_db: give one"
        with pytest.raises(ScenarioError, match=message):
            joined_overrides(named, {other: 5}, "--set")
    unset = {key: (name, None) for key, (name, _) in named.items()}
    assert joined_overrides(unset, {"channel.noise.snr_db": 5}, "--set") == {
        "channel.noise.snr_db": 5
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", r"s.yml:2: not valid YAML"),
        ("seed: 1\nseed: 2\n", r"s.yml:2: not valid YAML: key 'seed' appears twice"),
        ("", r"s.yml:1: not a scenario"),
        ("- 1\n", r"s.yml:1: not a scenario"),
        ("a: \x00", r"s.yml: not valid YAML"),
        ("seed: 1\n", r"s.yml: scenario: 'numerology' is a required property"),
        (
            MINIMAL.replace("  target: {position: [10, 0, 0]}\n", ""),
            r"channel.paths\[0\].kind: a path of kind 'echo' needs nodes.target",
        ),
    ],
)
def test_what_is_no_scenario(text, message):
    with pytest.raises(ScenarioError, match=message):
        parse_scenario(text, "s.yml")


def test_missing_file_names_the_presets(tmp_path):
    with pytest.raises(ScenarioError, match=r"no.yml: cannot read .*presets lab, paper"):
        load_scenario(tmp_path / "no.yml")
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="not a text file"):
        load_scenario(tmp_path / "binary.yml")


@pytest.mark.parametrize("power", [0.0, 5e-324, 9.9e-10])
@pytest.mark.parametrize(("key", "kind"), [("omega", "echo"), ("b0", "scattered")])
def test_fading_without_power_is_refused(key, kind, power):
    fading = {"omega": 0.8, "b0": 0.1, "m": 19.4, key: power}
    overrides = {"channel.paths": [{"kind": kind}], "channel.fading": fading}
    with pytest.raises(ScenarioError, match=rf"channel\.fading\.{key}: .*'{kind}'"):
        load_scenario("paper", overrides)
