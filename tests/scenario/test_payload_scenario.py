# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario's payload: sent, received and used for sensing, without GNU Radio."""

from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.scenario import (
    ECHO_ALONE,
    ScenarioError,
    levels,
    load_scenario,
    reception,
    routes,
    timing,
    transmission,
    truth,
)
from gnuradio.dislac.studies.rate_and_position import trade_off
from gnuradio.dislac.systems import bistatic
from gnuradio.dislac.waveform import demodulate

EXAMPLES = Path(__file__).parents[2] / "examples"
DIRECT = {"channel.paths": [{"kind": "direct"}], "channel.noise": {"snr_db": 30}}
PRS = str(EXAMPLES / "prs.yml")


def received(scenario, blocks):
    """Demodulated frames (K, Ms, Nsc, Nrf) of the sample-domain chain."""
    numerology, count = scenario.numerology, len(blocks)
    lead = timing.preamble(scenario)
    end = lead + count * numerology.frame_period
    sent = np.zeros((scenario.chains, end), np.complex64)
    frames = sent[:, lead:end].reshape(scenario.chains, count, -1)
    frames[..., : numerology.frame_length] = transmission.payload_frames(scenario, blocks)
    samples = reception.received(scenario, sent)
    starts = timing.first_arrival(scenario) + numerology.frame_period * np.arange(count)
    grids = [demodulate(samples[:, n : n + numerology.frame_length], numerology) for n in starts]
    return np.moveaxis(np.stack(grids), 1, -1)


SHARED = {"modulation": "qpsk", "pilot_comb": 4}
SMALL = {"nx": 2, "ny": 2}


@pytest.mark.parametrize(
    "source, settings",
    [
        ("lab", {}),
        ("lab", {"payload.dmrs": False, "payload.pilot_comb": 2}),
        ("lab", {"payload.pilot_comb": 8, "payload.pilot_power_share": 0.4}),
        ("paper", {"payload.pilot_comb": 2}),
        ("paper", {"payload.pilot_comb": 2, "beams.coupling": "physical"}),
        (PRS, {"pilots.resources": [{}], "beams.chains": 16, "beams.kind": "element"}),
        (
            PRS,
            {
                "beams.kind": "element",
                "nodes.transmitter.array": SMALL,
                "nodes.receiver.array": SMALL,
                "payload.dmrs_additional": 3,
                "estimator.delay_window_ns": [-500, 500],
            },
        ),
    ],
)
def test_bytes_come_through_the_chain(source, settings):
    values = {**DIRECT, "numerology.frame_period": 6000, "payload.modulation": "16qam", **settings}
    scenario = load_scenario(source, values)
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 256, (6, scenario.payload.block_size), dtype=np.uint8)
    receiver = reception.payload_receiver(scenario)
    # PRS differ from frame to frame
    for index, frame in enumerate(received(scenario, blocks)):
        found = receiver.receive(frame, index)
        assert found.good and np.array_equal(found.block, blocks[index])


@pytest.mark.parametrize("source", ["paper", PRS])
def test_pilots_are_seen_as_before(source):
    """What the demodulator leaves of the pilots is the snapshot model, at the pilots' amplitude."""
    values = {"payload.modulation": "64qam", "payload.pilot_power_share": 0.5}
    values |= {"channel.noise": {}, "precompensation.mode": "time-varying"}
    if source == "paper":  # the level that is looked at is that of the echo
        values |= {**ECHO_ALONE, "payload.pilot_comb": 2, "beams.chains": 2}
    scenario = load_scenario(source, values)
    block = scenario.payload.idle_block(0)
    frame = received(scenario, block[None])[0]
    found = scenario.pilots.descramble(np.moveaxis(frame, -1, 0), 0)
    expected = synthesize(routes.snapshot_model(scenario), truth.true_paths(scenario, 0))
    phase = np.vdot(expected, found) / np.vdot(expected, expected)
    assert abs(phase) == pytest.approx(1.0, abs=0.01)
    assert np.linalg.norm(found - phase * expected) < 0.01 * np.linalg.norm(found)
    if scenario.payload.shared:
        whole = synthesize(routes.payload_model(scenario), truth.true_paths(scenario, 0))
        sent = scenario.payload.grid(scenario.payload.encode(block))
        error = np.linalg.norm(frame - phase * sent[..., None] * whole)
        assert error < 0.01 * np.linalg.norm(frame)
        # the level is that of the average element
        assert np.mean(np.abs(frame) ** 2) == pytest.approx(1.0, rel=0.2)


def test_data_aided_fixes_are_better_by_what_energy_says():
    """Of eight frames with nothing but the echo in them, all of which is known."""
    settings = {"payload.modulation": "16qam", "channel.noise.snr_db": 10}
    scenario = load_scenario("paper", {**ECHO_ALONE, **settings})
    known = {}
    receiver = bistatic.data_aided_estimator(scenario, known.__getitem__)
    clean = synthesize(routes.payload_model(scenario), truth.true_paths(scenario, 0))
    rng = np.random.default_rng(2)
    noise = levels.noise_power(scenario)
    fixes, found = [], []
    for k in range(8):
        sent = known[k] = scenario.payload.grid(rng.integers(0, 2, scenario.payload.bits))
        z = rng.normal(size=(*clean.shape, 2)) @ [1, 1j] * np.sqrt(noise / 2)
        estimate = receiver.estimate(sent[..., None] * clean + z, k)
        fixes.append(bistatic.locate(scenario, estimate, 0))
        found.append(estimate.noise_power)
    assert all(fix.valid for fix in fixes)
    assert np.sqrt(np.mean([fix.error**2 for fix in fixes])) < fixes[0].bound
    assert np.mean(found) == pytest.approx(noise, rel=0.05)


def test_settings_that_do_not_fit_are_refused():
    data = {"payload.modulation": "qpsk"}
    with pytest.raises(ScenarioError, match="comb of 3 does not divide 32"):
        load_scenario("paper", {**data, "payload.pilot_comb": 3})
    with pytest.raises(ScenarioError, match="own comb"):
        load_scenario(PRS, {**data, "payload.pilot_comb": 4})
    with pytest.raises(ScenarioError, match="in all frames"):
        load_scenario(PRS, {**data, "pilots.muting.option_1": [1, 0]})
    with pytest.raises(ScenarioError, match="modulation"):
        load_scenario("paper", {"payload.modulation": "8psk"})
    with pytest.raises(ValueError, match="has no payload"):
        reception.payload_receiver(load_scenario("paper"))
    with pytest.raises(ValueError, match="has no payload"):
        bistatic.data_aided_estimator(load_scenario("paper", ECHO_ALONE), {}.get)
    with pytest.raises(ValueError, match="takes no direct path off"):
        bistatic.data_aided_estimator(load_scenario("paper", data), {}.get)


def test_rate_and_position_share_the_power():
    """Pilots with a part b of the energy have a bound 1/sqrt(b) of all elements' bound."""
    found = {
        share: trade_off(
            load_scenario("paper", {"payload": {**SHARED, "pilot_power_share": share}}), 30
        )
        for share in (0.1, 0.4)
    }
    for share, point in found.items():
        gain = 20 * np.log10(point.pilots_alone / point.data_aided)
        assert gain == pytest.approx(-10 * np.log10(share), abs=0.05)
    assert found[0.1].rate > found[0.4].rate
    # no more than the channel's capacity on what is left of time and elements
    left = load_scenario("paper", {"payload": SHARED}).payload.data.mean() * 64 / 80
    assert 0.6 < found[0.1].rate / (left * np.log2(1 + 30 * 0.9 / 0.75)) < 1.0
