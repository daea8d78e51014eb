# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios that cannot be used: refused at once, with file, line and key."""

import os
import time
from pathlib import Path

import pytest
import yaml
from gnuradio.dislac.scenario import ScenarioError, budget, load_scenario, parse_scenario
from gnuradio.dislac.scenario.loader import LARGEST_FILE, load_document
from gnuradio.dislac.scenario.text import parse_value
from gnuradio.dislac.systems import bistatic

PAPER = load_document("paper").text()
CHAIN = {"phase_deg": 0.0, "delay_ns": 0.0}
CALIBRATION = {"carrier_frequency": 28e9, "chains": [CHAIN] * 8}


def refusal(text, name="case.yml", overrides=None):
    start = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, name, overrides)
    assert time.process_time() - start < 3
    message = str(caught.value)
    assert len(message) < 700 and message.isprintable()
    return message


NUMBERS = [
    ("locator.known_height_m", "nan"),
    ("origin.latitude_deg", "nan"),
    ("origin.height_m", "nan"),
    ("channel.link.eirp_dbw", "nan"),
    ("channel.link.absorption", "inf"),
    ("channel.link.path_loss_exponent", "nan"),
    ("synchronization.time_zero", "inf"),
    ("synchronization.coast_ms", "nan"),
    ("numerology.carrier_frequency", "inf"),
    ("numerology.carrier_frequency", "1e300"),
    ("numerology.subcarrier_spacing", "1e-300"),
    ("propagation_speed", "nan"),
    ("seed", "1e30"),
    ("seed", str(2**64)),
    ("seed", "1.5"),
    ("seed", "0x" + "f" * 60_000),
    ("frames", "1"),
    *(
        (f"channel.{key}", "1e300")
        for key in ("noise.snr_db", "link.eirp_dbw", "link.receive_gain_dbi", "link.rcs_dbsm")
    ),
]


@pytest.mark.parametrize(("key", "number"), NUMBERS)
def test_a_number_that_is_none_is_refused_with_its_key(key, number):
    value = float(number) if number in ("nan", "inf", "1e300") else parse_value(number)
    assert key in refusal(PAPER, overrides={key: value})


@pytest.mark.parametrize("key", ["phase_deg", "delay_ns", "phase_error_deg", "amplitude_error_db"])
def test_a_calibration_without_a_finite_number_is_refused(key):
    chains = [{**CHAIN, key: float("nan")}, *[CHAIN] * 7]
    overrides = {"calibration": {**CALIBRATION, "chains": chains}}
    assert f"calibration.chains[0].{key}: nan" in refusal(PAPER, overrides=overrides)


def test_line_and_key_are_those_of_the_file():
    text = PAPER.replace("snr_db: 0", "snr_db: .nan")
    line = 1 + text[: text.index(".nan")].count("\n")
    assert refusal(text).startswith(f"case.yml:{line}: channel.noise.snr_db: nan is not a finite")


WHOLE = [
    ("seed", 7.0),
    ("numerology.symbols", 8.0),
    ("numerology.cyclic_prefix", 16.0),
    ("numerology.frame_period", 7.68e3),
    ("nodes.receiver.array.nx", 4.0),
    ("beams.chains", 4.0),
    ("pilots.user", 1.0),
    ("estimator.every", 2.0),
]


@pytest.mark.parametrize(("key", "value"), WHOLE)
def test_a_whole_number_may_be_written_with_a_point(key, value):
    """7.68e3 samples are 7680, to the last bit of what is made of them."""
    scenarios = [load_scenario("paper", {key: number}) for number in (value, int(value))]
    assert scenarios[0].text == scenarios[1].text
    assert scenarios[0].numerology == scenarios[1].numerology
    assert (scenarios[0].transmit_beams == scenarios[1].transmit_beams).all()


def test_what_is_handed_in_stays_as_it_is():
    array = {"nx": 4.0, "ny": 4}
    assert load_scenario("paper", {"nodes.receiver.array": array}).receiver.array.nx == 4
    assert isinstance(array["nx"], float)


def test_a_choice_of_whole_numbers_may_be_written_with_a_point():
    prs = Path(__file__).parents[2] / "examples" / "prs.yml"
    assert load_scenario(prs, {"pilots.comb": 4.0}).text == load_scenario(prs).text


LEVELS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN_OF_ALIASES = "a0: &a0 [x]\n" + "".join(f"a{k + 1}: &a{k + 1} [*a{k}]\n" for k in range(100))
YAML = {
    "bomb": (LEVELS, "values, aliases included"),
    "within itself": ("x: &r [*r]\n", "case.yml:1: .*within what it repeats"),
    "within its section": ("x: &r {y: *r}\n", "within what it repeats"),
    "long chain": (CHAIN_OF_ALIASES, "levels"),
    "deep lists": ("x: " + "[" * 5000, "more than 32 levels"),
    "deep sections": ("x: " + "{a: " * 5000, "more than 32 levels"),
    "deep dashes": ("- " * 5000, "more than 32 levels"),
    "many keys": ("".join(f"k{k}: 1\n" for k in range(60_000)), "more than 10000 values"),
    "long value": (f"x: '{'a' * 100_000}'", "more than 65536 characters"),
    "long number": ("seed: 0x" + "f" * 100_000, "more than 65536 characters"),
    "many digits": ("x: " + "1" * 60_000 + "e", "unknown key"),
    "list as a key": ("a: 1\n? [1]\n: 2\n", "case.yml:2: .*a key is a name"),
    "section as a key": ("? {a: 1}\n: 2\n", "a key is a name"),
    "keys of all kinds": ("1: x\nb: y\nnull: z\n2.5: u\n", "1: unknown key"),
    "keys that look alike": ("1: x\n'1': y\n", "key '1' appears twice"),
    "no truth": ("x: !!bool maybe\n", "case.yml:1: not valid YAML: 'maybe' is no bool"),
    "base 60": ("origin: {latitude_deg: 50, longitude_deg: -1:24}\n", "'-1:24' is read to base 60"),
    "base 60, fraction": ("x: 1:24.5\n", "base 60"),
    "base 8": ("x: 045\n", "'045' is read to base 60 or 8; give a decimal number"),
    "no number": ('x: !!int ""\n', "'' is no int"),
    "no time": ("x: !!timestamp xyz\n", "tag 'timestamp'"),
    "code": ("x: !!python/object/apply:os.system [true]\n", "tag 'python/object"),
    "a set": ("x: !!set {a, b}\n", "tag 'set'"),
    "own tag": ("x: !mine 1\n", "tag '!mine'"),
    "merged scalar": ("<<: 1\n", "mapping"),
    "no anchor": ("x: *y\n", "undefined alias"),
    "two documents": ("a: 1\n---\nb: 2\n", "another document"),
    "null character": ("a: \x00", "not valid YAML"),
    "escapes": ('"\\e[2Jx": 1\n', "unknown key"),
}


@pytest.mark.parametrize("name", YAML)
def test_odd_yaml_is_refused_at_once(name):
    text, reason = YAML[name]
    message = refusal(text)
    assert message.startswith("case.yml")
    with pytest.raises(ScenarioError, match=reason):
        parse_scenario(text, "case.yml")


def test_other_numbers_and_texts_stay_what_they_are():
    values = "[0, 0.5, -0, 0x10, 1_000, 0e3, 10:30x, '0:42', 09]"
    assert parse_value(values) == [0, 0.5, 0, 16, 1000, 0.0, "10:30x", "0:42", "09"]


def test_an_alias_or_a_merged_section_is_welcome():
    text = PAPER.replace(
        "array:\n      nx: 4\n      ny: 4", "array: &a\n      nx: 4\n      ny: 4", 1
    )
    text = text.replace("array:\n      nx: 4\n      ny: 4", "array: *a", 1)
    assert "*a" in text and parse_scenario(text).receiver.array.size == 16
    changed = parse_scenario(text, overrides={"nodes.receiver.array.ny": 2})
    assert (changed.receiver.array.ny, changed.transmitter.array.ny) == (2, 4)
    merged = text.replace("array: *a", "array: {<<: *a, ny: 2}")
    assert parse_scenario(merged).receiver.array.size == 8


def test_numbers_may_be_names_of_satellites():
    node = {"position": [1e5, 0, 5e5]}
    nodes = yaml.safe_load(PAPER)["nodes"]
    text = yaml.safe_dump(
        {**yaml.safe_load(PAPER), "nodes": {**nodes, "satellites": {44714: node}}}
    )
    assert "44714:" in text
    paths = [{"kind": "echo"}, {"kind": "direct", "from": "44714"}]
    scenario = parse_scenario(text, overrides={"channel.paths": paths})
    assert list(scenario.satellites) == ["44714"] == [scenario.channel.paths[1].source]
    assert list(parse_scenario(scenario.text).satellites) == ["44714"]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("channel.paths", [], "channel.paths"),
        ("channel.paths", [{"kind": "direct"}] * 49, "49 paths, where 48"),
        (
            "nodes.satellites",
            {f"s{k}": {"position": [k, 0, 5e5]} for k in range(201)},
            "satellites",
        ),
        ("nodes.transmitter.orbit.elements." + "a." * 40 + "a", 1, "levels"),
        ("nodes.receiver.position", [0, 0, 0], "nodes.receiver: it is where nodes.target is"),
        ("nodes.target.position", [100e3, 200e3, 300e3], "nodes.target: it is where nodes.trans"),
        ("nodes.transmitter.position", [-50, 190, 100], "nodes.receiver: it is where nodes.trans"),
        ("nodes.transmitter.velocity", [1e7, 0, 0], "nodes.transmitter.velocity: 1e.07 m/s"),
    ],
)
def test_what_makes_no_scene_is_refused(key, value, reason):
    overrides = {key: value}
    if "elements" in key:
        overrides = {"nodes.transmitter": {"orbit": {"kind": "omm", "elements": {}}}, **overrides}
    with pytest.raises(ScenarioError, match=reason):
        load_scenario("paper", overrides)


def test_files_are_regular_and_bounded(tmp_path):
    fifo, large = tmp_path / "fifo.yml", tmp_path / "large.yml"
    os.mkfifo(fifo)
    with large.open("wb") as file:
        file.truncate(100_000_000)
    for path, reason in (
        (fifo, "Not a regular file"),
        ("/dev/full", "Not a regular file"),
        ("/dev/zero", "Not a regular file"),
        (large, f"Larger than {LARGEST_FILE:,} bytes"),
        (tmp_path, "directory"),
        ("no\0file", "cannot read"),
    ):
        with pytest.raises(ScenarioError, match=reason):
            load_scenario(path)
        if "\0" not in str(path):
            with pytest.raises(ScenarioError, match=rf"calibration: .*{reason}"):
                load_scenario("paper", {"calibration": str(path)})


def test_a_scenario_inside_another_file_opens_none(tmp_path):
    path = tmp_path / "chains.yml"
    path.write_text(yaml.safe_dump(CALIBRATION))
    text = PAPER + f"calibration: {path}\n"
    assert "case.yml" in (message := refusal(text)) and "opens no further" in message
    assert "/dev/zero" not in refusal(PAPER + "calibration: /dev/zero\n")
    # who runs it may
    assert parse_scenario(text, overrides={"calibration": str(path)}).calibration is not None
    assert parse_scenario(text, overrides={"calibration": None}).calibration is None
    file = tmp_path / "scene.yml"
    file.write_text(text)
    assert load_scenario(file).calibration is not None


@pytest.mark.parametrize(
    ("places", "key"),
    [
        ({"transmitter": "receiver"}, "nodes.receiver: .*nodes.transmitter.* path"),
        ({"target": "receiver"}, "nodes.receiver: .*nodes.target.* path"),
        ({"target": "transmitter"}, "nodes.target: .*nodes.transmitter.* path"),
    ],
)
def test_a_link_budget_over_no_distance_is_refused(places, key):
    place = load_scenario("lab")
    overrides = {
        f"nodes.{name}.position": getattr(place, other).motion.state(0.0)[0].tolist()
        for name, other in places.items()
    }
    with pytest.raises(ScenarioError, match=rf"lab\.yml:\d+: {key}"):
        load_scenario("lab", overrides)


# The budget


ORBIT = {"nodes.transmitter.velocity": [0, 0, 0]}
TOO_MUCH = [
    ({"nodes.transmitter.position": [0, 0, 1e9]}, "nodes.transmitter", "3.33 s of"),
    ({"nodes.transmitter.position": [0, 0, 2.0**31]}, "nodes.transmitter", "7.16 s of"),
    ({"propagation_speed": 1e5, **ORBIT}, "propagation_speed", "3.74 s of"),
    ({"numerology.subcarrier_spacing": 1e9}, "numerology.subcarrier_spacing", "6.4e.10 samples"),
    ({"numerology.symbols": 10**6, "numerology.frame_period": None}, "numerology.frame_period", ""),
    ({"numerology.symbols": 10**5, "numerology.frame_period": 10**7}, "numerology.symbols", ""),
    ({"numerology.frame_period": 2**24 + 1}, "numerology.frame_period", "16777217 samples"),
    ({"nodes.receiver.array": {"nx": 64, "ny": 64}}, "nodes.receiver.array", "16384 arrivals"),
    ({"estimator.delay_window_ns": [0, 1e9]}, "estimator.delay_window_ns", "delays"),
    ({"estimator.doppler_window_hz": [-1e11, 1e11]}, "estimator.doppler_window_hz", "Doppler"),
    (
        {"estimator.kind": "mmv-bomp", "estimator.grid_points": 128},
        "estimator.grid_points",
        "atoms",
    ),
    (
        {
            "synchronization.reference": "direct-path",
            "synchronization.carrier_window_hz": [-5e11, 5e11],
        },
        "synchronization.carrier_window_hz",
        "carrier offsets",
    ),
    (
        {"synchronization.removal": "static", "synchronization.memory_frames": 10**6},
        "synchronization.memory_frames",
        "1000000 frames",
    ),
    (
        {"precompensation.timing_advance_error_ns": 1e9},
        "precompensation.timing_advance_error_ns",
        "1 s of samples",
    ),
    ({"front_end.delay_ns": [0] * 7 + [1e9]}, "front_end.delay_ns", "1 s of samples"),
    ({"front_end.start_offset": -1e9}, "front_end.start_offset", "-1e.09 samples"),
]


@pytest.mark.parametrize(
    ("overrides", "key", "reason"), TOO_MUCH, ids=[key for _, key, _ in TOO_MUCH]
)
def test_what_does_not_fit_is_refused_with_its_key(overrides, key, reason):
    if overrides.get("numerology.frame_period", 0) is None:
        document = yaml.safe_load(PAPER)
        del document["numerology"]["frame_period"]
        text = yaml.safe_dump(document, sort_keys=False)
        overrides = {"numerology.symbols": 10**6}
    else:
        text = PAPER
    start = time.process_time()
    with pytest.raises(ScenarioError, match=rf": {key}: .*{reason}.*: [A-Za-z_, .]+$"):
        parse_scenario(text, overrides=overrides)
    assert time.process_time() - start < 3


def test_what_fits_is_taken():
    """Both sides of the border: as far as a geostationary satellite, not twice as far as that."""
    assert load_scenario("paper", {"nodes.transmitter.position": [0, 0, 36e6]})
    with pytest.raises(ScenarioError, match=r"nodes\.transmitter: 0\.\d+ s of"):
        load_scenario("paper", {"nodes.transmitter.position": [0, 0, 100e6]})
    assert load_scenario("paper", {"numerology.frame_period": budget.MOST_SAMPLES})
    assert load_scenario("paper", {"nodes.receiver.array": {"nx": 16, "ny": 16}})


def test_samples_on_their_way_are_counted():
    """Of eight chains, eight bytes each: before the pre-compensation, behind it, and once for each
    of two directions of departure."""
    scenario = load_scenario("paper", {"nodes.transmitter.position": [0, 0, 10e6]})
    need = budget.flight(scenario)[0]
    assert need.what.startswith("0.0333 s of 7.68e+06")
    assert need.size == pytest.approx(8 * 8 * 4 * 7.68e6 * 10e6 / 3e8, rel=1e-3)


def test_late_errors_name_file_and_key():
    scenario = load_scenario("paper", {"numerology.subcarriers": 1})
    with pytest.raises(ScenarioError, match=r"paper\.yml:\d+: estimator: 1 subcarriers"):
        bistatic.estimator(scenario)


def test_whoever_starts_the_program_may_allow_more_memory(monkeypatch):
    """Two arrays of 20 x 20 elements ask for about a gigabyte."""
    large = {f"nodes.{node}.array": {"nx": 20, "ny": 20} for node in ("receiver", "transmitter")}
    with pytest.raises(ScenarioError, match=r"array: .* GB .*fewer elements, or set DISLAC_MEMORY"):
        load_scenario("paper", large)
    monkeypatch.setenv("DISLAC_MEMORY_GB", "2")
    assert load_scenario("paper", large).receiver.array.size == 400
    for text in "0", "nan", "much", "-1":
        monkeypatch.setenv("DISLAC_MEMORY_GB", text)
        with pytest.raises(ScenarioError, match=r"^DISLAC_MEMORY_GB in the environment: "):
            load_scenario("paper")
