# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of scenarios that cannot give a right position."""

import re
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.geometry import look_angles
from gnuradio.dislac.positioning import FixStatus, Reason
from gnuradio.dislac.scenario import ECHO_ALONE, ScenarioError, load_scenario, preset_names
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.timing import frame_time
from gnuradio.dislac.scenario.truth import bound, true_paths
from gnuradio.dislac.scenario.windows import unambiguous_doppler
from gnuradio.dislac.simulation import received_frames
from gnuradio.dislac.systems.bistatic import estimator, locate, warnings

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yml"))
AT = {**ECHO_ALONE, "channel.noise": {"snr_db": 20}}
FAR = {"nodes.target.position": [-214, 84, 0]}
ROW = {"nodes.receiver.array": {"nx": 8, "ny": 1}, "nodes.target.position": [-100, 50, 0]}
UPRIGHT = {
    **ROW,
    "nodes.receiver.array": {"nx": 8, "ny": 1, "orientation_deg": [0, 0, -90]},
}
ONE = {**ROW, "nodes.receiver.array": {"nx": 1, "ny": 1, "orientation_deg": [0, 0, -90]}}
BESIDE = {"position": [100e3, 200e3, 310e3], "velocity": [7e3, 0, 0]}
SCATTERED = [{"kind": "echo"}, {"kind": "direct"}, {"kind": "scattered", "count": 2}]
ROAD = {"locator.known_line": {"point": [-100, 50, 0], "direction": [1, 3, 0]}}


@pytest.mark.parametrize("source", [*preset_names(), *EXAMPLES], ids=str)
def test_nothing_is_said_of_what_comes_with_the_module(source):
    assert warnings(load_scenario(source)) == []


@pytest.mark.parametrize(
    ("settings", "texts"),
    [
        (ROW, ["8 x 1 elements measures one .*status underdetermined.* locator.known_height_m"]),
        (ONE, ["1 x 1 elements measures no direction, .* locator.known_line"]),
        ({**ONE, "locator.known_height_m": 0}, ["measures no direction"]),
        ({**ROW, "locator.known_height_m": 0}, ["a second place .*orientation_deg.*ambiguous"]),
        ({**UPRIGHT, "locator.known_height_m": 0}, []),
        ({"channel.paths": SCATTERED}, [r"max_paths is 1, .* has 3 .* estimator\.max_paths=3"]),
        ({"channel.paths": SCATTERED, "estimator.max_paths": 3}, []),
        ({"pilots.interleaved": False}, ["pilots.interleaved is false: .* passes for an echo"]),
        ({"pilots.interleaved": False, "synchronization.reference": "direct-path"}, []),
        ({**ONE, **ROAD}, []),
        (
            {"nodes.target.array": {"nx": 2, "ny": 2}},
            [r"^nodes\.target\.array has no effect.*leave"],
        ),
        ({"nodes.satellites": {"b": BESIDE}}, []),
        (
            {"nodes.satellites": {"b": BESIDE, "a": {**BESIDE, "array": {"nx": 2, "ny": 2}}}},
            [r"^nodes\.satellites\.a\.array has no effect.* nodes\.transmitter: leave it out"],
        ),
        ({"locator.known_height_m": 2}, ["nodes.target is 2 m away .*known_height_m"]),
        ({"nodes.target.position": [0, 0, 150]}, ["behind the receive array.*locator.side"]),
        ({"nodes.target.position": [0, 0, 99.9]}, ["plane of the receive array"]),
        (
            {
                "nodes.transmitter.velocity": [0, 0, 0],
                "nodes.target.position": [40, 370, 370],
                "locator.side": "above",
            },
            ["nearly between receiver and transmitter: move nodes.target"],
        ),
        ({**FAR, "numerology.subcarrier_spacing": 240e3}, ["1334 ns .* than the 977 ns .*prefix"]),
        ({"precompensation.timing_advance_error_ns": 700}, ["1996 ns .* than the 1953 ns"]),
        (
            {"precompensation.timing_advance_error_ns": -1500},
            ["-204 ns .*than .* 130 ns.*_advance"],
        ),
        (
            {"estimator.delay_window_ns": [-100, 1200]},
            ["1296 ns .*widen estimator.delay_window_ns"],
        ),
        (
            {"precompensation.doppler_error_hz": 7e3},
            ["7166 Hz .*widen estimator.doppler_window_hz"],
        ),
        ({"precompensation.doppler_error_hz": 6e3}, []),
        ({"precompensation.doppler_error_hz": 50e3}, ["50166 Hz .* 48000 Hz .*spacing"]),
        ({"front_end": {"carrier_offset_hz": 8e3}}, ["8166 Hz"]),
        (
            {"nodes.transmitter.position": [1e6, 1.5e6, -4e5]},
            [
                "transmitter is below the horizon of nodes.receiver .* -12.5 deg.*below_horizon",
                "transmitter is below the horizon of nodes.target",
            ],
        ),
    ],
)
def test_each_thing_is_said_with_key_and_remedy(settings, texts):
    found = warnings(load_scenario("paper", {**ECHO_ALONE, **settings}))
    assert len(found) == len(texts)
    for text, pattern in zip(found, texts, strict=True):
        assert re.search(pattern, text), text
        keys = "nodes.", "locator.", "numerology.", "estimator.", "pilots."
        assert any(key in text for key in keys)


@pytest.mark.parametrize(("part", "says"), [(0.99, False), (1.01, True)])
def test_no_satellite_flies_straight_on_for_longer_than_the_earths_radius(part, says):
    scenario = load_scenario("paper", ECHO_ALONE)
    period = scenario.numerology.frame_period / scenario.sample_rate
    frame = round(part * 6371e3 / 7000 / period)
    said = [text for text in warnings(scenario, frame) if "straight on" in text]
    assert bool(said) == says
    if said:
        assert f"nodes.transmitter has flown 6.43e+03 km straight on when frame {frame}" in said[0]


def test_what_the_direct_path_takes_off():
    """Relative to the direct path there are neither timing nor carrier errors."""
    errors = {"precompensation.doppler_error_hz": 9e3, "front_end": {"carrier_offset_hz": 9e3}}
    errors |= {"precompensation.timing_advance_error_ns": 1500}
    assert len(warnings(load_scenario("paper", {**ECHO_ALONE, **errors}))) == 2
    locked = {"synchronization.reference": "direct-path"}
    assert warnings(load_scenario("paper", {**errors, **locked})) == []
    assert warnings(load_scenario("paper", {**locked, "precompensation.mode": "none"})) == []


@pytest.mark.usefixtures("roughly_calibrated")
def test_satellites_rise_and_set():
    """The target is at zero, whose horizon is the plane of the scene."""
    source = Path(__file__).parents[2] / "examples" / "pass_following.yml"
    scenario = load_scenario(source, {**ECHO_ALONE, "nodes.target.velocity": [0, 0, 0]})
    frames = np.arange(0, 5000, 100)  # ten a second
    time = [frame_time(scenario, frame) for frame in frames]
    up = look_angles(scenario.transmitter.motion.state(time)[0])[1]
    assert up.max() > 1.4 and up.min() < -0.05
    nothing = estimator(scenario).estimate(np.ones(snapshot_model(scenario).shape, complex))
    for frame, angle in zip(frames, up, strict=True):
        status = locate(scenario, nothing, frame).outcome
        assert (status == Reason.BELOW_HORIZON) == (angle < 0)
        said = [text for text in warnings(scenario, frame) if "below the horizon" in text]
        assert any(f"{np.degrees(angle):.1f} degrees" in text for text in said) == (angle < 0)


def test_other_satellites_and_gateways_count():
    hidden = {"position": [1e6, 1.5e6, -4e5]}
    paths = [{"kind": "echo"}, {"kind": "direct", "from": "other"}]
    scenario = load_scenario(
        "paper",
        {
            "nodes.satellites": {"other": hidden},
            "channel.paths": paths,
            "synchronization.removal": "none",
        },
    )
    (text,) = warnings(scenario)
    assert text.startswith("nodes.satellites.other is below the horizon of nodes.receiver")
    gateway = {"position": [0, -6e6, -4e6], "carrier_frequency": 20e9}
    (text,) = warnings(load_scenario("paper", {**ECHO_ALONE, "nodes.gateway": gateway}))
    assert text.startswith("nodes.transmitter is below the horizon of nodes.gateway")


def test_along_the_ground_nothing_is_hidden():
    for height in (1.5, -20.0):
        scene = {
            "nodes.transmitter.position": [-3000, 0, height],
            "nodes.receiver.position": [0, 0, height],
            "nodes.target.position": [12, 1500, height],
            "locator.known_height_m": height,
            "numerology.cyclic_prefix": 128,
            "numerology.frame_period": 30720,
        }
        assert warnings(load_scenario("lab", scene)) == []


# -- arrays of one row, or of one element ---------------------------------------------------------


def fixes(scenario, count=40, seed=71):
    model = snapshot_model(scenario)
    clean = synthesize(model, true_paths(scenario, 0, 1))
    rng, receiver = np.random.default_rng(seed), estimator(scenario)
    for _ in range(count):
        noise = rng.normal(size=(*clean.shape, 2)) @ [1, 1j] * np.sqrt(0.01 / 2)
        yield locate(scenario, receiver.estimate(clean + noise), 0)


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("settings", [ROW, ONE, {**ONE, "locator.known_height_m": 0}])
def test_no_position_where_nothing_more_is_known(settings):
    scenario = load_scenario("paper", {**AT, **settings})
    assert bound(scenario, 0) == np.inf
    for fix in fixes(scenario, 3):
        assert fix.outcome == Reason.UNDERDETERMINED and fix.bound == np.inf
        assert np.all(np.isnan(fix.position)) and np.isnan(fix.deviation)


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("settings", [{**UPRIGHT, "locator.known_height_m": 0}, {**ONE, **ROAD}])
def test_fixes_at_the_bound_where_enough_is_known(settings):
    scenario = load_scenario("paper", {**AT, **settings})
    found = list(fixes(scenario))
    assert all(fix.valid for fix in found)
    rms = np.sqrt(np.mean([fix.error**2 for fix in found]))
    # 40 draws of one or two unknowns know their root mean square to 11 percent at worst
    assert rms == pytest.approx(found[0].bound, rel=0.4)
    assert found[0].deviation == pytest.approx(found[0].bound, rel=0.1)


@pytest.mark.usefixtures("roughly_calibrated")
def test_a_row_that_looks_down_does_not_know_its_side():
    for fix in fixes(load_scenario("paper", {**AT, **ROW, "locator.known_height_m": 0}), 3):
        assert fix.status is FixStatus.AMBIGUOUS and not fix.valid


# -- what a scenario may say ----------------------------------------------------------------------


def test_planes_and_lines_of_a_scenario():
    plane = {"locator.known_plane": {"point": [0, 0, 0], "normal": [0.1, 0, 2]}}
    known = load_scenario("paper", plane).known
    assert known.height is None
    assert known.correction([0, 7, 0]) == pytest.approx(np.zeros(3), abs=1e-12)
    assert load_scenario("paper", {"locator.known_height_m": 3}).known.height == 3
    road = load_scenario("paper", ROAD).known
    assert road.correction([-99, 53, 0]) == pytest.approx(np.zeros(3), abs=1e-9)
    assert len(load_scenario("paper").known.normals) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"locator.known_plane": {"point": [0, 0, 0], "normal": [0, 0, 0]}},
            r"locator.known_plane: normal .* has no direction; give",
        ),
        (
            {"locator.known_line": {"point": [0, 0, 0], "direction": [0, 0, 0]}},
            r"locator.known_line: direction .* has no direction; give",
        ),
        ({"locator.known_line": {"point": [0, 0, 0]}}, r"known_line: 'direction' is a required"),
        ({"locator.known_plane": {"point": [0, 0], "normal": [0, 0, 1]}}, r"known_plane.point"),
        (
            {**ROAD, "locator.known_height_m": 0},
            r"locator.known_line: it stands instead of locator.known_height_m: give one",
        ),
    ],
)
def test_what_makes_no_plane_and_no_line(settings, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("paper", settings)


# -- default windows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 2 * 35 * 28e9 / 3e8),
        ({"nodes.target.velocity": [0, -80, 0]}, 2 * 100 * 28e9 / 3e8),
        ({"nodes.receiver.velocity": [15, 0, 0]}, 2 * 50 * 28e9 / 3e8),
        ({"numerology.symbols": 4}, 0.5 / (4 * 80 / 7.68e6)),
        ({"numerology.symbols": 32}, 2 * 35 * 28e9 / 3e8),
        ({"nodes.target.velocity": [0, -800, 0]}, 30e3),
        ({"nodes.target.velocity": [0, -80, 0], "payload": {"modulation": "qpsk"}}, 6e3),
        ({"estimator.doppler_window_hz": [-100, 100]}, 100.0),
    ],
)
def test_the_doppler_window_holds_what_the_scene_can_make(settings, expected):
    low, high = load_scenario("paper", settings).windows.doppler
    assert high == pytest.approx(expected) and low == -high


def test_a_band_wider_than_delays_are_emulated_exactly_for_is_named():
    """Fixes from NR PRS beside a direct path erred by three times the bound."""
    source = Path(__file__).parents[2] / "examples" / "prs.yml"
    (text,) = warnings(load_scenario(source, {"numerology.fft_size": 320}))
    assert re.search("numerology.fft_size is 320: .* 0.462 of the .* use 337 or more", text)
    for size, expected in ((336, 1), (340, 0)):  # the extended prefix is a fourth of it
        assert len(warnings(load_scenario(source, {"numerology.fft_size": size}))) == expected


def test_pilots_far_apart_distinguish_fewer_dopplers():
    """A resource of two symbols, sent twice, two slots of 14 symbols later."""
    source = Path(__file__).parents[2] / "examples" / "prs.yml"
    pilots = {"kind": "nr-prs", "comb": 2, "symbols": 2, "period": 16}
    scenario = load_scenario(source, {"pilots": pilots, "beams.chains": 4})
    symbol = 1 / 60e3 + 96 / 23.04e6
    assert unambiguous_doppler(scenario.numerology, scenario.pilots) == pytest.approx(0.5 / symbol)
    single = load_scenario("paper", {"numerology.symbols": 1})
    assert unambiguous_doppler(single.numerology, single.pilots) == np.inf
    assert single.windows.doppler[1] == pytest.approx(30e3)


@pytest.mark.parametrize(
    ("settings", "advance"),
    [({}, 4), (ECHO_ALONE, 1), ({"numerology.window_advance": 7}, 7)],
)
def test_the_delay_window_ends_where_symbols_run_into_each_other(settings, advance):
    low, high = load_scenario("paper", settings).windows.delay
    assert high == pytest.approx((16 - advance) / 7.68e6) and low == pytest.approx(-2 / 7.68e6)


@pytest.mark.usefixtures("roughly_calibrated")
def test_a_vehicle_as_fast_as_the_scenario_has_it_is_found():
    """It was outside of the window of 32 symbols, and 215 m off."""
    scene = {
        **AT,
        "numerology.symbols": 32,
        "nodes.target.velocity": [90, -60, 0],
        "nodes.target.position": [-89, 15, 0],
    }
    scenario = load_scenario("paper", scene)
    assert warnings(scenario) == []
    receiver = estimator(scenario)
    found = [
        locate(scenario, receiver.estimate(frame, index), index)
        for index, frame in enumerate(received_frames(scenario, 10))
    ]
    assert all(fix.valid for fix in found)
    assert np.sqrt(np.mean([fix.error**2 for fix in found])) < 1.5 * found[0].bound
