# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios in which a feeder sends to transparent satellites."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import LinearMotion, delay_and_doppler
from gnuradio.dislac.io.sky import follow_scenario
from gnuradio.dislac.scenario import (
    ScenarioError,
    levels,
    load_scenario,
    parse_scenario,
    routes,
    timing,
    truth,
)
from gnuradio.dislac.scenario.emulation import emulator, relay_link
from gnuradio.dislac.scenario.transmission import precompensator
from gnuradio.dislac.simulation import received_frames
from gnuradio.dislac.studies.fidelity import error_vector_magnitude
from gnuradio.dislac.systems.bistatic import estimator, locate

C = 3e8
PLACE, FEEDER = (300e3, 120e3, 0.0), 18e9
FED_FROM = {"position": list(PLACE), "carrier_frequency": FEEDER}
OTHER = {"position": [-150e3, 80e3, 500e3], "velocity": [0, 7e3, 0]}


def fed(**overrides):
    return load_scenario("paper", {"nodes.feeder": FED_FROM, **overrides})


def test_all_paths_begin_at_the_feeder():
    paths = [{"kind": "echo"}, {"kind": "direct", "from": "other"}, {"kind": "scattered"}]
    scenario = fed(**{"nodes.satellites": {"other": OTHER}, "channel.paths": paths})
    assert scenario.feeder.carrier_frequency == FEEDER
    nodes = [routes.path_nodes(scenario, path) for path in scenario.channel.paths]
    assert [len(n) for n in nodes] == [4, 3, 5]
    assert {n[0] for n in nodes} == {scenario.feeder.motion}
    assert nodes[1][1] is scenario.satellites["other"].motion
    own = scenario.transmitter.motion
    assert timing.reference_link(scenario) == (
        scenario.feeder.motion,
        own,
        scenario.receiver.motion,
    )
    assert timing.carriers(scenario, nodes[0]) == (FEEDER, 28e9, 28e9)
    assert precompensator(scenario).carrier_frequency == (FEEDER, 28e9)
    assert [path.first_leg[0] is own for path in emulator(scenario).paths] == [True, False, True]
    again = parse_scenario(scenario.text)
    assert np.array_equal(again.feeder.motion.position, PLACE)


def test_the_feeder_adds_its_delay_and_its_shift():
    """Written out: the feeder cancels for the transmitter's paths, and stays for the other's."""
    paths = [{"kind": "echo"}, {"kind": "direct", "from": "other"}]
    with_it, without = (
        load_scenario("paper", {"nodes.satellites": {"other": OTHER}, "channel.paths": paths, **g})
        for g in ({"nodes.feeder": FED_FROM}, {})
    )
    assert timing.preamble(with_it) - timing.preamble(without) > 360e3 / C * 7.68e6
    time = timing.frame_time(with_it, 2)
    found = truth.true_paths(with_it, 2)
    own, other = with_it.transmitter.motion, with_it.satellites["other"].motion
    receiver, target = with_it.receiver.motion, with_it.target.motion
    hub = LinearMotion(PLACE)
    service, echo, direct = (
        np.array(delay_and_doppler(nodes, time, 28e9, speed=C))
        for nodes in ((own, receiver), (own, target, receiver), (other, receiver))
    )
    # the feeder link as the signal passes the satellites
    (near, shift), (far, other_shift) = (
        delay_and_doppler((hub, node), time - way[0], FEEDER, speed=C)
        for node, way in ((own, service), (other, direct))
    )
    fed_service, fed_direct = (
        np.array((way[0] + delay, way[1] + moved * (1 + way[1] / 28e9)))
        for way, delay, moved in ((service, near, shift), (direct, far, other_shift))
    )
    expected = np.array([echo - service, fed_direct - fed_service])
    assert np.allclose(found.delay, expected[:, 0], rtol=0, atol=1e-15)
    assert np.allclose(found.doppler, expected[:, 1], rtol=0, atol=1e-6)
    assert abs(far - near) > 1e-4 and abs(other_shift - shift) > 1e4
    # phases: those of the carriers on the hops, and what the transmitter, which takes off the
    # reference link's Doppler shift, has turned meanwhile
    turns = np.array([28e9 * (echo - service)[0], 28e9 * (direct - service)[0]])
    turns[1] += FEEDER * (far - near)
    turns -= np.array([service[1], fed_service[1]]) * found.delay
    gains = np.array(levels.path_gains(with_it)) * np.exp(-2j * np.pi * turns)
    assert np.allclose(found.gain, gains, rtol=0, atol=1e-5 * np.abs(gains))


def test_the_bound_stays_and_departures_are_the_satellites():
    """The feeder is known: at the same instant it changes nothing about the target."""
    with_it, without = fed(), load_scenario("paper")
    time = [timing.frame_time(scenario, 0) for scenario in (with_it, without)]
    later = [100e3 - 7e3 * t for t in time]
    with_it, without = (
        load_scenario("paper", {"nodes.transmitter.position": [x, 200e3, 300e3], **feeder})
        for x, feeder in zip(later, ({"nodes.feeder": FED_FROM}, {}), strict=True)
    )
    one, other = truth.true_paths(with_it, 0), truth.true_paths(without, 0)
    for name in ("delay", "doppler", "arrival", "departure"):
        assert np.allclose(getattr(one, name), getattr(other, name), rtol=1e-9), name
    # levels are those of time zero, when the satellites of the two are not at the same place
    assert truth.bound(with_it, 0) == pytest.approx(truth.bound(without, 0), rel=1e-4)


@pytest.mark.parametrize(("mode", "coupling"), [("frame", "paired"), ("time-varying", "physical")])
def test_samples_follow_the_snapshot_model(mode, coupling):
    overrides = {"precompensation.mode": mode, "beams.coupling": coupling, "channel.noise": {}}
    assert error_vector_magnitude(fed(**overrides)) < -50


def test_fixes_stay_near_their_bound():
    scenario = fed(**{"channel.noise": {"snr_db": 10}})
    receiver = estimator(scenario)
    found = [
        locate(scenario, receiver.estimate(frame, k), k)
        for k, frame in enumerate(received_frames(scenario, 12))
    ]
    assert all(fix.valid for fix in found)
    rmse = np.sqrt(np.mean([fix.error**2 for fix in found]))
    assert rmse < 1.5 * found[0].bound


def test_links_of_a_scenario_follow_the_feeder():
    time = np.array([0.0, 2.0])
    links = follow_scenario(fed(), time)
    plain = follow_scenario(load_scenario("paper"), time)
    service = plain["reference"]
    feeder = follow_scenario(fed(), time - service.delay)["feeder"]  # as it passes the satellite
    shifted = (28e9 + feeder.doppler) * (1 + service.doppler / 28e9) - 28e9
    assert np.allclose(links["reference"].delay, feeder.delay + service.delay, rtol=1e-12)
    assert np.allclose(links["reference"].doppler, shifted, rtol=1e-9)
    assert "feeder" not in plain


@pytest.mark.parametrize(
    ("feeder", "message"),
    [
        ({"position": [0, 0, 0]}, r"paper.yml:\d+: nodes.feeder: 'carrier_frequency' is a req"),
        ({"carrier_frequency": 18e9}, "nodes.feeder: give either position"),
        ({**FED_FROM, "array": {"nx": 1, "ny": 1}}, "nodes.feeder.array: unknown key"),
        ({**FED_FROM, "carrier_frequency": 0}, "nodes.feeder.carrier_frequency: 0 is less"),
    ],
)
def test_wrong_feeders_are_refused(feeder, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("paper", {"nodes.feeder": feeder})


def test_a_relay_goes_down_from_the_feeder_unless_up_is_asked_for():
    scenario = fed()
    nodes = scenario.feeder.motion, scenario.transmitter.motion, scenario.receiver.motion
    carriers = FEEDER, scenario.numerology.carrier_frequency
    down, up = relay_link(scenario, 5.76e6), relay_link(scenario, 5.76e6, uplink=True)
    assert down.path.nodes == nodes and down.path.carriers == carriers
    assert up.path.nodes == nodes[::-1] and up.path.carriers == carriers[::-1]
    assert (down.streams, down.noise, down.speed, down.sample_rate) == (1, None, C, 5.76e6)
    still = relay_link(scenario, 5.76e6, streams=3, carrier_frequency=0.0, noise_power=2.0)
    assert still.path.carriers == (0.0, 0.0) and still.streams == 3
    # each way has noise of its own
    seeds = {relay_link(scenario, 1e6, uplink=u, noise_power=2.0).noise.seed for u in (False, True)}
    assert seeds == {scenario.seed, scenario.seed + 1}


def test_gateway_is_its_name_in_older_files():
    """The same scene, and messages name the key that the file has."""
    now, before = fed(), load_scenario("paper", {"nodes.gateway": FED_FROM})
    assert before.feeder.carrier_frequency == now.feeder.carrier_frequency == FEEDER
    assert np.array_equal(before.feeder.motion.position, now.feeder.motion.position)
    paths = [{"kind": "direct"}]
    frames = [received_frames(s.with_({"channel.paths": paths}), 1) for s in (now, before)]
    np.testing.assert_array_equal(*map(list, frames))
    assert (now.feeder.key, before.feeder.key) == ("nodes.feeder", "nodes.gateway")
    with pytest.raises(ScenarioError, match=r"nodes\.gateway: it stands for nodes\.feeder: give"):
        fed(**{"nodes.gateway": FED_FROM})
