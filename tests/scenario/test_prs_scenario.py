# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios whose pilots are NR PRS, from the file to the fix."""

from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.scenario import ScenarioError, load_scenario
from gnuradio.dislac.scenario.levels import noise_power
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.transmission import pilot_frame
from gnuradio.dislac.scenario.truth import bound, true_paths
from gnuradio.dislac.simulation import received_frames
from gnuradio.dislac.studies.fidelity import error_vector_magnitude
from gnuradio.dislac.systems.bistatic import estimator, locate

PRS = Path(__file__).parents[2] / "examples" / "prs.yml"
ONE = {"pilots.resources": [{"sequence_id": 10}]}
VARIANTS = {
    "four resources": {},
    "one resource, paired": {**ONE, "beams.coupling": "paired"},
    "one resource, physical": ONE,
    "comb of twelve": {**ONE, "pilots.comb": 12, "pilots.symbols": 12},
    "normal prefix": {
        "numerology.subcarrier_spacing": 30e3,
        "numerology.cyclic_prefix": "normal",
        "pilots.period": 8,
    },
    "repeated": {"pilots.repetition": 2, "pilots.muting": {"option_1": [1, 0]}},
    "any prefix": {"numerology.cyclic_prefix": 40, "numerology.frame_period": 10_000},
}

pytestmark = pytest.mark.usefixtures("roughly_calibrated")


@pytest.mark.parametrize("name", VARIANTS)
def test_frames_of_the_chain_follow_the_model(name):
    overrides = {**VARIANTS[name], "channel.noise": {}}
    if name == "repeated":
        overrides["pilots.muting"] = {}
    assert error_vector_magnitude(load_scenario(PRS, overrides), 3) < -39


@pytest.mark.parametrize("given, bits", [({}, [1, 0, 0, 1]), ({"bit_repetition": 2}, [1, 1, 0, 0])])
def test_a_bit_of_muting_stands_for_one_instance_unless_said(given, bits):
    muting = {"option_1": [1, 0, 0, 1], **given}
    scenario = load_scenario(PRS, {"pilots.muting": muting})
    assert [scenario.pilots.sends(frame) for frame in range(4)] == bits


@pytest.mark.monte_carlo
@pytest.mark.parametrize("name", VARIANTS)
def test_fixes_are_as_accurate_as_the_bound_says(name):
    """Snapshot domain. The rms of 40 three-dimensional errors is good to some 10 per cent."""
    scenario = load_scenario(PRS, {**VARIANTS[name], "channel.noise.snr_db": 6})
    receiver, model = estimator(scenario), snapshot_model(scenario)
    clean = synthesize(model, true_paths(scenario, 0))
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((40, *clean.shape, 2)) @ [1, 1j]
    noise *= np.sqrt(noise_power(scenario) / 2)
    fixes = [locate(scenario, receiver.estimate(clean + z), 0) for z in noise]
    rms = np.sqrt(np.mean([fix.error**2 for fix in fixes]))
    assert rms == pytest.approx(bound(scenario, 0), rel=0.3)
    assert np.median([fix.deviation for fix in fixes]) == pytest.approx(bound(scenario, 0), rel=0.2)


def test_samples_of_the_chain_give_fixes_at_the_bound():
    scenario = load_scenario(PRS, {"channel.noise.snr_db": 0})
    receiver = estimator(scenario)
    frames = received_frames(scenario, 20)
    fixes = [locate(scenario, receiver.estimate(frame), k) for k, frame in enumerate(frames)]
    rms = np.sqrt(np.mean([fix.error**2 for fix in fixes]))
    assert rms == pytest.approx(bound(scenario, 0), rel=0.4)


def test_the_other_estimator_takes_prs_too():
    overrides = {"estimator.kind": "mmv-bomp", "estimator.grid_points": 24, "channel.noise": {}}
    for variant in ("four resources", "one resource, paired"):
        scenario = load_scenario(PRS, {**VARIANTS[variant], **overrides})
        paths = true_paths(scenario, 0)
        found = estimator(scenario).estimate(synthesize(snapshot_model(scenario), paths))
        assert found.paths.delay[0] == pytest.approx(paths.delay[0], abs=1e-10)
        assert locate(scenario, found, 0).error < 40


def test_numbers_of_the_frame():
    scenario = load_scenario(PRS)
    numerology, pilots = scenario.numerology, scenario.pilots
    assert (numerology.symbols, numerology.cyclic_prefix) == (12, 96)
    assert numerology.frame_length == 5_760  # a slot of 0.25 ms at 23.04 Msps
    assert numerology.frame_period == 92_160  # 16 slots
    assert pilots.frame_shape == (16, 72, 4)
    assert pilots.cycle == 5  # 16 slots on, of 40 a radio frame
    normal = load_scenario(PRS, {**VARIANTS["normal prefix"], "pilots.slot_offset": 1})
    prefixes = normal.numerology.cyclic_prefix
    assert prefixes == (33, *13 * (27,))
    assert normal.numerology.frame_period == 8 * 11.52e6 / 2_000
    # A resource is one beam, whatever the receiver does.
    assert np.ptp(scenario.transmit_beams, axis=0).max() == 0
    assert abs(np.diff(scenario.receive_beams, axis=0)).min() > 0


def test_frames_differ_as_their_slots_do():
    scenario = load_scenario(PRS)
    frames = [pilot_frame(scenario, k) for k in range(6)]
    assert all(not np.allclose(frames[0], other) for other in frames[1:5])
    assert np.array_equal(frames[0], frames[5])


def test_power_goes_where_the_pilots_are():
    """The same power radiated: a comb of four has four times as much on each of its elements."""
    power = {"temperature_k": 290}
    combs = {
        comb: noise_power(load_scenario(
            PRS, {**ONE, "pilots.comb": comb, "pilots.symbols": comb, "channel.noise": power}
        ))
        for comb in (2, 4, 12)
    }  # fmt: skip
    assert combs[2] / combs[4] == pytest.approx(2, rel=1e-9)
    assert combs[2] / combs[12] == pytest.approx(6, rel=1e-9)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"pilots.comb": 5}, r"prs.yml:\d+: pilots.comb: 5 is not one of \[2, 4, 6, 12\]"),
        ({"pilots.comb": 6}, "pilots: symbols of comb 6 is 4; use one of 6, 12"),
        ({"pilots.period": 17}, "pilots: period is 17; use one of 16, 20"),
        ({"pilots.user": 1}, "pilots.user: pilots of kind nr-prs have no such key"),
        ({"pilots.kind": "zadoff-chu"}, "pilots of kind zadoff-chu have no such key"),
        ({"pilots": {}}, "numerology: 'symbols' is a required property"),
        ({"numerology.subcarriers": 280}, "280 subcarriers are no whole resource blocks"),
        ({"numerology.subcarrier_spacing": 50e3}, "50000 Hz is no NR subcarrier spacing"),
        ({"numerology.symbols": 14}, "numerology.symbols: 14 symbols; a frame of nr-prs is 12"),
        (
            {"numerology.cyclic_prefix": "normal", "numerology.fft_size": 320},
            "numerology.fft_size: fft_size is 320: 9/128",
        ),
        ({"numerology.cyclic_prefix": "short"}, "numerology.cyclic_prefix: 'short' is not valid"),
        ({"numerology.frame_period": 5_759}, "frame_period: a frame of 5760 samples does not fit"),
        ({"beams.coupling": "paired"}, "beams.coupling: several PRS resources dist"),
        ({"beams.chains": 3}, "pilots: 4 resources for 3 chains"),
        ({"pilots.start_prb": 1, "pilots.prbs": 24}, "PRBs 1 to 24 of the PRS do not lie among"),
        ({"pilots.muting": {"option_1": [0, 0]}}, r"muting_option_1 is \[0, 0\]; give bits"),
    ],
)
def test_errors_name_the_key(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario(PRS, overrides)


def test_nr_prefixes_go_with_the_papers_pilots_too():
    scenario = load_scenario(
        "paper", {"numerology.cyclic_prefix": "normal", "numerology.fft_size": 128}
    )
    assert scenario.numerology.cyclic_prefix == (17, *7 * (9,))
    assert error_vector_magnitude(load_scenario(
        "paper",
        {
            "numerology.cyclic_prefix": "extended",
            "numerology.frame_period": 1000,
            "channel.noise": {},
        },
    )) < -45  # fmt: skip
