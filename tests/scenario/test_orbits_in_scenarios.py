# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a scenario in orbit."""

from datetime import UTC, datetime

import numpy as np
import pytest
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.geometry import (
    CircularOrbit,
    HermiteMotion,
    LocalMotion,
    SatelliteMotion,
    WalkerShell,
    range_and_rate,
)
from gnuradio.dislac.scenario import (
    ScenarioError,
    levels,
    load_scenario,
    parse_scenario,
    routes,
    timing,
    transmission,
    truth,
)
from gnuradio.dislac.scenario.emulation import emulator
from gnuradio.dislac.scenario.transmission import precompensator

ORIGIN = (50.9, -1.4, 0.0)
WALKER = {
    "kind": "walker",
    "altitude": 550e3,
    "inclination_deg": 53,
    "planes": 6,
    "satellites_per_plane": 5,
    "phasing": 1,
}
CIRCULAR = {"kind": "circular", "altitude": 550e3, "inclination_deg": 53}
LINES = [
    "1 06251U 62025E   06176.82412014  .00008885  00000-0  12808-3 0  3985",
    "2 06251  58.0579  54.0425 0030035 139.1568 221.1854 15.56387291  6774",
]
TLE = {"kind": "tle", "lines": LINES}
OMM = {
    "EPOCH": "2026-01-01T12:00:00",
    "MEAN_MOTION": 15.06,
    "ECCENTRICITY": 0.001,
    "INCLINATION": 53.0,
    "RA_OF_ASC_NODE": 20.0,
    "ARG_OF_PERICENTER": 57.0,
    "MEAN_ANOMALY": 57.0,
    "BSTAR": 1e-5,
}


def orbiting(orbit, **overrides):
    node = {"orbit": orbit, "array": {"nx": 4, "ny": 4}}
    return load_scenario("paper", {"nodes.transmitter": node, **overrides})


def test_a_satellite_of_a_shell_in_the_frame_of_the_scene():
    scenario = orbiting({**WALKER, "plane": 5, "satellite": 3, "start": 2300.0})
    shell = WalkerShell(550e3, 6, 5, np.radians(53), 1)
    expected = LocalMotion(shell.motion(28), ORIGIN)
    time = np.array([0.0, 10.0, 600.0])
    for ours, theirs in zip(
        scenario.transmitter.motion.state(time), expected.state(2300.0 + time), strict=True
    ):
        assert np.allclose(ours, theirs, rtol=0, atol=1e-6)
    # up, and coming nearer
    assert scenario.transmitter.motion.state(0.0)[0][2] > 0
    assert range_and_rate(timing.endpoints(scenario), 0.0)[1] < -5e3


def test_a_circular_orbit():
    orbit = {**CIRCULAR, "node_longitude_deg": 20, "argument_deg": -70}
    motion = orbiting(orbit).transmitter.motion
    angles = np.radians([53, 20, -70])
    expected = LocalMotion(CircularOrbit(550e3, *map(float, angles)), ORIGIN).state(5.0)
    assert np.array_equal(motion.state(5.0), expected)


def test_mean_elements_are_interpolated_and_kept_by_the_text():
    pytest.importorskip("sgp4")
    scenario = orbiting(TLE, epoch="2006-06-25T21:00:00+01:00")
    assert scenario.epoch == datetime(2006, 6, 25, 20, tzinfo=UTC)
    motion = scenario.transmitter.motion
    assert isinstance(motion, HermiteMotion)
    exact = motion.motion.motion
    assert isinstance(exact, SatelliteMotion) and exact.elements.record.satnum == 6251
    again = parse_scenario(scenario.text)
    assert again.epoch == scenario.epoch
    assert np.array_equal(again.transmitter.motion.state(7.0), motion.state(7.0))


def test_omm_and_an_epoch_without_quotes():
    pytest.importorskip("sgp4")
    text = load_scenario("paper").text.replace("origin:", "epoch: 2026-01-01T12:00:00\norigin:")
    node = {"orbit": {"kind": "omm", "elements": OMM}, "array": {"nx": 4, "ny": 4}}
    scenario = parse_scenario(text, overrides={"nodes.transmitter": node})
    assert scenario.epoch == datetime(2026, 1, 1, 12, tzinfo=UTC)
    height = np.linalg.norm(scenario.transmitter.motion.state(0.0)[0] + [0, 0, 6.37e6])
    assert 6.8e6 < height < 7.0e6


def test_several_satellites():
    """The other satellite's paths have its own delays, and levels by the link budget."""
    other = {"orbit": {**WALKER, "plane": 4, "satellite": 4, "start": 2300.0}}
    paths = [
        {"kind": "direct", "from": "other"},
        {"kind": "echo", "from": "other"},
        {"kind": "echo"},
    ]
    scenario = orbiting(
        {**WALKER, "plane": 5, "satellite": 3, "start": 2300.0},
        **{"nodes.satellites": {"other": other}, "channel.paths": paths},
    )
    satellite = scenario.satellites["other"].motion
    nodes = [routes.path_nodes(scenario, path) for path in scenario.channel.paths]
    assert [n[0] is satellite for n in nodes] == [True, True, False]
    assert nodes[0] == (satellite, scenario.receiver.motion)
    found = truth.true_paths(scenario, 0)
    assert abs(found.delay[0]) < 2e-6  # the transmitter's echo comes first
    assert np.all(np.abs(found.delay[1:]) > 1e-4)
    powers = np.abs(found.gain) ** 2
    near, far = (
        range_and_rate([node, scenario.target.motion], 0.0)[0]
        for node in (scenario.transmitter.motion, satellite)
    )
    (echo,) = powers[1:][np.abs(powers[1:] / powers[0] * (far / near) ** 2 - 1) < 1e-9]
    assert echo
    # only the transmitter's echo counts as signal
    assert np.isfinite(truth.bound(scenario, 0))
    assert levels.noise_power(scenario) == pytest.approx(1.0)


def test_the_band_holds_the_largest_shift_of_a_pass():
    """At the highest point there is none; later there are 600 kHz."""
    orbit = {**WALKER, "plane": 5, "satellite": 3, "start": 2571.0}
    scenario = orbiting(orbit)
    rates = range_and_rate(timing.endpoints(scenario), np.array([0.0, 300.0]))[1]
    assert abs(rates[0]) < 500 < 6000 < rates[1]
    samples = np.zeros((8, 4 * CHUNK), np.complex64)
    advance, channel = precompensator(scenario), emulator(scenario)
    assert channel.process(advance.process(samples)).shape[1] > 0

    edge = 17 * 120e3 + 28e9 * rates[1] / 3e8
    assert edge / 7.68e6 < transmission.passband(scenario) < 0.44


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"nodes.target": {}}, r"paper.yml:\d+: nodes.target: give either position"),
        (
            {"nodes.target": {"orbit": CIRCULAR, "position": [0, 0, 0]}},
            "nodes.target: give either position",
        ),
        (
            {"nodes.target": {"orbit": CIRCULAR, "velocity": [0, 0, 0]}},
            "nodes.target.velocity: an orbit has its own",
        ),
        ({"nodes.target": {"orbit": {"kind": "circular"}}}, "needs altitude, inclination_deg"),
        ({"nodes.target": {"orbit": {**CIRCULAR, "planes": 3}}}, "orbit.planes: not for an orbit"),
        ({"nodes.target": {"orbit": {**WALKER, "phasing": 6}}}, "between 0 and 5"),
        ({"nodes.target": {"orbit": {**WALKER, "satellite": 5}}}, "no satellite 5; 0 to 4 are"),
        ({"nodes.target": {"orbit": {"kind": "round"}}}, "orbit.kind: 'round'"),
        ({"nodes.target": {"orbit": {**CIRCULAR, "altitude": -1}}}, "orbit.altitude: -1"),
        ({"epoch": "noon"}, "epoch: 'noon' is not a time such as"),
        (
            {"channel.paths": [{"kind": "direct", "from": "moon"}]},
            "from: nodes.satellites has no 'moon'",
        ),
    ],
)
def test_wrong_orbits_are_refused(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("paper", overrides)


def test_wrong_elements_are_refused():
    pytest.importorskip("sgp4")
    with pytest.raises(ScenarioError, match="needs to know what time zero is: give epoch"):
        orbiting(TLE)
    with pytest.raises(ScenarioError, match="is not line 1 of a TLE"):
        orbiting({**TLE, "lines": ["a", "b"]}, epoch="2006-06-25")
    with pytest.raises(ScenarioError, match="MEAN_MOTION is missing"):
        orbiting({"kind": "omm", "elements": {}}, epoch="2006-06-25")
    with pytest.raises(ScenarioError, match="has no place"):
        orbiting(TLE, epoch="2030-06-25")
    # an orbit now, and none seconds later
    decaying = {"kind": "omm", "elements": {**OMM, "MEAN_MOTION": 15.6, "BSTAR": 5}}
    with pytest.raises(ScenarioError, match=r"nodes\.transmitter\.orbit: .* has no place 60 s"):
        orbiting(decaying, epoch=OMM["EPOCH"])


def test_an_orbit_needs_a_place_on_earth():
    text = load_scenario("paper").text
    start = text.index("origin:")
    text = text[:start] + text[text.index("numerology:") :]
    with pytest.raises(ScenarioError, match="needs to know where the scene lies: give origin"):
        parse_scenario(text, overrides={"nodes.target": {"orbit": CIRCULAR}})
