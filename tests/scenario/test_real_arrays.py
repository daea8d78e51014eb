# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of real arrays: elements at places in metres, every way as long as it is.

What each element receives is worked out here from lengths alone, from each element of the satellite
over the target to each element of the receiver, spherical waves and moving satellite included; then
the scenario's estimator and locator have to find the target.
"""

import numpy as np
import pytest
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario, routes, timing
from gnuradio.dislac.systems import bistatic
from scipy.spatial.transform import Rotation

SNR_DB = 10.0


def elements(settings, carrier, speed):
    """(N, 3) places of an array's elements about the first [m], half a wavelength apart."""
    turn = Rotation.from_euler("ZYX", settings.get("orientation_deg", [0, 0, 0]), degrees=True)
    places = [(x, y, 0.0) for x in range(settings["nx"]) for y in range(settings["ny"])]
    return turn.apply(speed / carrier / 2 * np.array(places))


def drawn_frame(scenario, arrays, rng):
    """Frame 0 (Ms, Nsc, Nrf), of unit mean power, in noise that is `SNR_DB` weaker."""
    numerology, pilots, speed = scenario.numerology, scenario.pilots, scenario.propagation_speed
    carrier = numerology.carrier_frequency
    model = routes.snapshot_model(scenario)
    satellite, station, target = (
        node.motion.state(timing.frame_time(scenario, 0) + numerology.symbol_times)
        for node in (scenario.transmitter, scenario.receiver, scenario.target)
    )
    sending, hearing = (elements(array, carrier, speed) for array in arrays)
    out = np.linalg.norm(satellite[0][:, None] + sending - target[0][:, None], axis=-1)  # (Ms, Nt)
    back = np.linalg.norm(station[0][:, None] + hearing - target[0][:, None], axis=-1)  # (Ms, Nr)
    # what the pre-compensation takes off: the way between the arrays' origins
    straight = np.linalg.norm(satellite[0] - station[0], axis=-1)
    out = out - straight[:, None]
    frame = np.empty(model.shape, complex)
    for n, f in enumerate(carrier + model.frequencies):
        sent = np.einsum(
            "ma,mai,mi->mi",
            np.exp(-2j * np.pi * f / speed * out),
            model.transmit_beams,
            pilots.chains,
        )
        heard = np.exp(-2j * np.pi * f / speed * back)
        frame[:, n] = np.einsum("mai,ma->mi", model.receive_beams.conj(), heard) * sent
    frame *= np.exp(2j * np.pi * rng.uniform()) / np.sqrt(np.mean(np.abs(frame) ** 2))
    noise = rng.standard_normal((*model.shape, 2)) @ [1, 1j] / np.sqrt(2)
    return frame + noise * 10 ** (-SNR_DB / 20)


FLAT = {"nx": 4, "ny": 4}
SHAPES = {
    "flat": (FLAT, FLAT),
    "tilted": (FLAT, {"nx": 4, "ny": 4, "orientation_deg": [35.0, 20.0, -10.0]}),
    "oblong": (
        {"nx": 2, "ny": 4, "orientation_deg": [80.0, 10.0, -5.0]},
        {"nx": 8, "ny": 3, "orientation_deg": [-60.0, -25.0, 15.0]},
    ),
}


@pytest.mark.monte_carlo
@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("shape", SHAPES)
def test_fixes_of_real_arrays_reach_the_bound(shape):
    rng = np.random.default_rng(list(shape.encode()))
    transmits, receives = SHAPES[shape]
    errors, bounds, mirrored = [], [], []
    for seed in range(1, 9):
        place = [*rng.uniform(-100, 100, 2).tolist(), 0.0]
        scenario = load_scenario(
            "paper",
            {
                **ECHO_ALONE,
                "seed": seed,
                "channel.noise": {"snr_db": SNR_DB},
                "nodes.target.position": place,
                "nodes.transmitter.array": transmits,
                "nodes.receiver.array": receives,
            },
        )
        estimator, station = bistatic.estimator(scenario), scenario.receiver.motion.state(0.0)[0]
        for _ in range(16):
            frame = drawn_frame(scenario, (transmits, receives), rng)
            fix = bistatic.locate(scenario, estimator.estimate(frame, 0), 0)
            assert fix.valid, fix.status
            errors.append(fix.error)
            bounds.append(fix.bound)
            mirror = 2 * station[:2] - place[:2]
            mirrored.append(np.linalg.norm(fix.position[:2] - mirror))
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(bounds)))
    # 128 errors of which one axis is most: the ratio's standard deviation is 0.06
    assert 0.8 < ratio < 1.2, ratio
    assert max(errors) < 6 * max(bounds)
    assert min(mirrored) > 100
