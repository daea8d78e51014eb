# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.dsp.stream import BLOCK
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
from gnuradio.dislac.scenario.levels import noise_power, path_gains
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.timing import frame_time, preamble
from gnuradio.dislac.scenario.truth import bound, true_paths

STILL = {"nodes.transmitter.velocity": [0, 0, 0]}


def test_residuals_of_the_paper():
    scenario = load_scenario("paper", STILL)
    paths = true_paths(scenario, 0)
    assert paths.delay[0] == pytest.approx(1296.005290e-9, abs=1e-15)
    assert paths.arrival[0] == pytest.approx([0.22680, -0.86186], abs=5e-6)
    time = frame_time(scenario, 0)
    moving = load_scenario(
        "paper", {"nodes.transmitter.position": [100e3 - 7e3 * time, 200e3, 300e3]}
    )
    assert true_paths(moving, 0).doppler[0] == pytest.approx(165.942, abs=1e-3)


def test_errors_of_the_precompensation_add_to_the_residuals():
    plain, off = (
        true_paths(load_scenario("paper", overrides), 3)
        for overrides in (
            {},
            {
                "precompensation.timing_advance_error_ns": 40,
                "precompensation.doppler_error_hz": -500,
            },
        )
    )
    assert off.delay - plain.delay == pytest.approx(40e-9)
    assert off.doppler - plain.doppler == pytest.approx(-500)


@pytest.mark.parametrize("alone", [ECHO_ALONE, {}])
def test_unit_power_of_signal_and_power_of_noise(alone):
    """The signal is the echo, alone or beside a direct path."""
    scenario = load_scenario("paper", {**alone, "channel.noise.snr_db": 7})
    assert len(scenario.channel.paths) == (1 if alone else 2)
    frame = synthesize(snapshot_model(scenario), true_paths(scenario, 0, 1))
    assert np.mean(np.abs(frame) ** 2) == pytest.approx(1, rel=1e-3)
    assert noise_power(scenario) == pytest.approx(10**-0.7)
    assert noise_power(load_scenario("paper", {**alone, "channel.noise": {}})) == 0


def test_link_budget_of_the_paper():
    """-121.60 dBm against -108.16 dBm of noise in 3.84 MHz; the direct path at -83.74 dBm."""
    temperature = 10**-20.4 / 1.380649e-23
    noise = {"temperature_k": temperature}
    scenario = load_scenario("paper", {"channel.noise": noise})
    assert -10 * np.log10(noise_power(scenario)) == pytest.approx(-13.44, abs=0.01)
    worse = load_scenario("paper", {"channel.noise": {**noise, "noise_figure_db": 3}})
    assert noise_power(worse) / noise_power(scenario) == pytest.approx(10**0.3)
    both = load_scenario("paper", {"channel.paths": [{"kind": "direct"}, {"kind": "echo"}]})
    direct, echo = path_gains(both)
    assert 20 * np.log10(abs(direct / echo)) == pytest.approx(-83.74 + 121.60, abs=0.01)
    paths = true_paths(both, 0)
    assert paths.delay[1] == 0 and paths.doppler[1] == 0  # the echo comes first


def test_fading_has_its_mean_powers_and_its_seed():
    overrides = {
        "channel.paths": [{"kind": "echo"}, {"kind": "scattered", "count": 2}],
        "channel.fading": {"omega": 0.803, "b0": 0.0985, "m": 19.4},
    }
    scenario = load_scenario("paper", overrides)
    frames = np.arange(20_000)
    drawn = np.array([gain(frames) for gain in path_gains(scenario)])
    power = np.mean(np.abs(drawn) ** 2, axis=1)
    model, paths = snapshot_model(scenario), true_paths(scenario, 0)
    element = np.mean(np.abs(model.response(paths.arrival, paths.departure)) ** 2, axis=(1, 2))
    assert power @ element == pytest.approx(1, abs=0.02)
    assert np.all(power[1:] / power[0] < 0.197 / 0.803 * 10**-0.6)  # and their way is longer
    assert abs(np.corrcoef(np.abs(drawn[1]), np.abs(drawn[2]))[0, 1]) < 0.03
    again = path_gains(load_scenario("paper", overrides))[1](frames[:5])
    assert np.array_equal(again, drawn[1, :5])
    other = path_gains(load_scenario("paper", {**overrides, "seed": 2}))[1](frames[:5])
    assert not np.allclose(other, again)


def test_bound_of_the_paper():
    scenario = load_scenario("paper")
    assert bound(scenario, 0) == pytest.approx(2.6, abs=0.4)
    assert bound(scenario, 0, known_height=True) == pytest.approx(1.2, abs=0.3)
    assert np.isnan(bound(load_scenario("paper", {"channel.noise": {}}), 0))
    assert (
        bound(load_scenario("paper", {"locator.known_height_m": 0}), 0) < bound(scenario, 0) / 1.5
    )


def test_frames_wait_for_the_longest_advance():
    scenario = load_scenario("paper")
    assert preamble(scenario) > 374e3 / 3e8 * scenario.sample_rate
    assert preamble(load_scenario("lab")) % BLOCK == 0
