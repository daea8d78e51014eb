# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration of receive chains from frames made as the model says."""

import numpy as np
import pytest
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import CalibrationError, calibrate
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.routes import snapshot_model

ARRIVAL, DEPARTURE = np.array([0.2, -0.3]), np.array([0.1, 0.4])


def scene(source="paper", **overrides):
    """Model, and response of the transmitter."""
    values = {key.replace("__", "."): value for key, value in overrides.items()}
    model = snapshot_model(load_scenario(source, values))
    return model, model.response(ARRIVAL, DEPARTURE)


def drawn_frames(
    model, count, rng, *, snr_db, delays, phases, gains=None, doppler=0.0, late=0.0, rate=0.0
):
    """Frames (count, Ms, Nsc, Nrf), each with a random phase, carrier offset and delay."""
    chains = model.shape[2]
    gains = np.ones(chains) if gains is None else gains
    frame = np.empty(model.shape, dtype=complex)
    for chain, gain in enumerate(gains * np.exp(1j * phases)):
        path = [np.array([gain]), ARRIVAL[None], DEPARTURE[None], delays[[chain]], np.zeros(1)]
        frame[:, :, chain] = synthesize(model, Paths(*path))[:, :, chain]
    f = np.add.outer(model.offsets, model.frequencies)
    t = model.symbol_times[:, None]
    phase, nu, tau = rng.uniform(-1, 1, (3, count, 1, 1))
    turns = 0.5 * phase + doppler * nu * t - (late * tau + rate * t) * f
    y = frame * np.exp(2j * np.pi * turns)[..., None]
    power = np.mean(np.abs(y) ** 2) / 10 ** (snr_db / 10)
    return y + rng.standard_normal((*y.shape, 2)) @ [1, 1j] * np.sqrt(power / 2)


def wrapped(angle):
    return np.angle(np.exp(1j * np.asarray(angle)))


def test_phases_to_a_degree_and_delays_to_a_tenth_of_a_nanosecond_at_20_db():
    model, response = scene(beams__chains=4)
    rng = np.random.default_rng(1)
    phases, delays = rng.uniform(-np.pi, np.pi, 4), rng.uniform(-20e-9, 20e-9, 4)
    frames = drawn_frames(
        model, 2000, rng, snr_db=20, phases=phases, delays=delays, doppler=2e3, late=130e-9
    )
    found = calibrate(model, frames.astype(np.complex64), response)
    assert np.abs(np.degrees(wrapped(found.phase - phases + phases[0]))).max() < 0.1
    assert np.abs(found.delay - delays + delays[0]).max() < 0.1e-9
    assert found.snr == pytest.approx(100, rel=0.02)
    assert found.frames == 2000 and len(found) == 4


@pytest.mark.monte_carlo
@pytest.mark.parametrize(
    ("source", "overrides"),
    [
        ("paper", {"beams__chains": 3}),
        ("lab", {}),
        ("examples/prs.yml", {}),
        ("paper", {"beams__chains": 3, "beams__coupling": "physical"}),
        ("paper", {"beams__chains": 3, "numerology__symbols": 1}),
    ],
)
def test_errors_are_as_large_as_it_says(source, overrides):
    model, response = scene(source, **overrides)
    rng = np.random.default_rng(2)
    chains = model.shape[2]
    scores = []
    for _ in range(12):
        phases = rng.uniform(-np.pi, np.pi, chains)
        delays = rng.uniform(-20e-9, 20e-9, chains)
        gains = 10 ** (rng.uniform(-3, 3, chains) / 20)
        frames = drawn_frames(
            model, 12, rng, snr_db=5, phases=phases, delays=delays, gains=gains, late=50e-9
        )
        found = calibrate(model, frames, response)
        scores.append(
            np.stack(
                [
                    wrapped(found.phase - phases + phases[0])[1:] / found.phase_error[1:],
                    (found.delay - delays + delays[0])[1:] / found.delay_error[1:],
                    (found.amplitude * gains[0] / gains - 1)[1:] / found.amplitude_error[1:],
                ]
            )
        )
        assert found.phase[0] == found.delay[0] == found.phase_error[0] == 0
        assert found.amplitude[0] == 1
    # twelve draws or more of a unit variance each
    spread = np.sqrt(np.mean(np.square(scores), axis=(0, 2)))
    assert np.all((spread > 0.55) & (spread < 1.6)), spread


def test_chains_may_be_samples_apart_and_the_carrier_far_off():
    model, response = scene(beams__chains=4)
    delays = np.array([0.0, 900e-9, -700e-9, 130e-9])
    frames = drawn_frames(
        model,
        20,
        np.random.default_rng(3),
        snr_db=20,
        phases=np.zeros(4),
        delays=delays,
        doppler=30e3,
        late=500e-9,
    )
    found = calibrate(model, frames, response)
    assert np.abs(found.delay - delays).max() < 1e-9
    assert np.abs(found.phase).max() < np.radians(1)


def test_a_clock_that_drifts_is_no_delay_between_chains():
    model, response = scene(beams__chains=4)
    frames = drawn_frames(
        model,
        10,
        np.random.default_rng(4),
        snr_db=80,
        phases=np.zeros(4),
        delays=np.zeros(4),
        rate=20e-6,
    )
    found = calibrate(model, frames, response)
    assert np.abs(found.delay).max() < 1e-12
    assert np.abs(found.phase).max() < 1e-4


def test_factors_make_the_chains_alike():
    model, response = scene(beams__chains=3)
    truth = {"phases": np.array([0.3, 2.0, -1.0]), "delays": np.array([5e-9, -9e-9, 14e-9])}
    rng = np.random.default_rng(5)
    options = {"snr_db": 60, **truth, "gains": np.array([1.0, 0.5, 1.7])}
    frames = drawn_frames(model, 10, rng, **options)
    factors = calibrate(model, frames, response).factors(model.frequencies)
    assert factors.shape == (3, 32)
    again = calibrate(model, frames * factors.T, response)
    assert np.abs(again.phase).max() < 3e-5
    assert np.abs(again.delay).max() < 4e-12
    assert np.abs(again.amplitude - 1).max() < 4e-8
    # what stays is chain 0's own
    assert np.array_equal(factors[0], np.ones(32))


MODEL, RESPONSE = scene(beams__chains=3)


def some_frames(count=10, snr_db=10.0, gains=(1.0, 1.0, 1.0)):
    return drawn_frames(
        MODEL,
        count,
        np.random.default_rng(6),
        snr_db=snr_db,
        phases=np.zeros(3),
        delays=np.zeros(3),
        gains=np.array(gains),
    )


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (some_frames(7), "7 frames are too few"),
        (some_frames(40, -25.0), "too weak: .* dB in a frame, 15 dB are needed"),
        (some_frames(8, -12.5), "phase of chain . is known to . degrees only, 5 are needed"),
        # 40 dB, to the 0.4 dB that ten frames show of an amplitude at -10 dB an element
        (some_frames(gains=(1, 0.01, 1), snr_db=30.0), "chain 1 is dead, (39|40|41) dB below the"),
        (some_frames(gains=(0, 1, 1)) * [0, 1, 1], "chain 0 is dead: nothing but zeros"),
        (some_frames() * [1, np.nan, 1], "not finite"),
        (some_frames()[:, :4], "have shape"),
        (np.random.default_rng(7).standard_normal((200, 8, 32, 3)) + 0j, "too weak"),
    ],
)
def test_what_is_no_calibration_is_refused(frames, said):
    with pytest.raises(CalibrationError, match=said):
        calibrate(MODEL, frames, RESPONSE)


def test_a_chain_that_hears_nothing_from_there_is_named():
    deaf = RESPONSE.copy()
    deaf[:, 2] = 0
    with pytest.raises(CalibrationError, match="chain 2 is deaf"):
        calibrate(MODEL, some_frames(), deaf)


def chains_of(order, seed, *, snr_db=5.0, count=12, source="paper", **overrides):
    """What calibration says of frames whose chains are connected in another order, and of honest
    ones: two strings, empty where it finds nothing wrong."""
    model, response = scene(source, seed=seed, **overrides)
    rng, chains = np.random.default_rng(seed), model.shape[2]
    phases, delays = rng.uniform(-np.pi, np.pi, chains), rng.uniform(-20e-9, 20e-9, chains)
    frames = drawn_frames(
        model, count, rng, snr_db=snr_db, phases=phases, delays=delays, late=50e-9, doppler=2e3
    )
    said = []
    for y in (frames[..., order], frames):
        try:
            calibrate(model, y, response)
            said.append("")
        except CalibrationError as error:
            said.append(str(error))
    return said


@pytest.mark.monte_carlo
@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("paper", {}),
        ("paper", {"beams__coupling": "physical"}),
        ("paper", {"numerology__symbols": 16}),
        ("paper", {"snr_db": 40.0}),
        ("paper", {"snr_db": -5.0, "count": 40}),
    ],
)
def test_swapped_chains_are_named(source, settings):
    for seed in range(20, 26):
        order = np.arange(8)
        order[[2, 5]] = 5, 2
        swapped, honest = chains_of(order, seed, source=source, **settings)
        assert honest == ""
        assert "what chains 2 and 5 hear" in swapped
        assert "chain 2 follows the response of chain 5, chain 5 follows" in swapped
        assert swapped.endswith("check the cables: chains 2 and 5 look swapped")


def test_three_exchanged_chains_are_named():
    swapped, _ = chains_of([0, 4, 2, 3, 6, 5, 1, 7], 30)
    for pair in ((1, 4), (4, 6), (6, 1)):
        assert "chain {} follows the response of chain {}".format(*pair) in swapped
    assert swapped.endswith("check the cables: chains 1, 4 and 6 look exchanged")


def test_a_chain_with_beams_of_its_own_is_named():
    """Its beams are not those that the scenario says, nor another chain's."""
    model, response = scene()
    other = response.copy()
    other[:, 3] = scene(seed=7)[1][:, 3]
    frames = drawn_frames(
        model,
        20,
        np.random.default_rng(31),
        snr_db=20,
        phases=np.zeros(8),
        delays=np.zeros(8),
    )
    frames[..., 3] *= (other[:, 3] / response[:, 3])[:, None]
    with pytest.raises(CalibrationError, match=r"what chain 3 hears; check cables, beams, and"):
        calibrate(model, frames, response)


def test_a_transmitter_near_its_place_is_good_enough():
    """Five degrees off are no reason to refuse, thirty are."""
    model, _ = scene()
    frames = drawn_frames(
        model, 20, np.random.default_rng(32), snr_db=20, phases=np.zeros(8), delays=np.zeros(8)
    )
    assert (
        len(calibrate(model, frames, model.response(ARRIVAL + np.array([0.08, 0.0]), DEPARTURE)))
        == 8
    )
    with pytest.raises(CalibrationError, match="where the scenario says that the transmitter is"):
        calibrate(model, frames, model.response(ARRIVAL + np.array([0.5, 0.0]), DEPARTURE))


@pytest.mark.parametrize(
    ("source", "settings"), [("lab", {}), ("paper", {"numerology__symbols": 1, "snr_db": 20.0})]
)
def test_chains_of_like_responses_cannot_be_distinguished(source, settings):
    order = np.arange(scene(source)[0].shape[2])
    order[[0, 1]] = 1, 0
    swapped, honest = chains_of(order, 33, source=source, **settings)
    assert swapped == honest == ""
