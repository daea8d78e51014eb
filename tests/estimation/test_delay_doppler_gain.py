# SPDX-License-Identifier: GPL-3.0-or-later
"""The matched filter's gain over white noise, as the delay-Doppler view shows it."""

import numpy as np
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.estimation.delay_doppler import DelayDoppler, combined
from numpy.testing import assert_allclose

TIMES = np.arange(8) * 10e-6
FREQUENCIES = (np.arange(32) - 16) * 120e3
FILTER = DelayDoppler(TIMES, FREQUENCIES, (-0.26e-6, 2.08e-6), (-50e3, 50e3), upsampling=8)


def snapshots(delay, doppler):
    return np.exp(2j * np.pi * (doppler * TIMES[:, None] - delay * FREQUENCIES))


def test_a_path_alone_gains_the_number_of_elements_at_its_place():
    delay, doppler = FILTER.delays[50], FILTER.dopplers[20]
    gain = FILTER.gain(0.3j * snapshots(delay, doppler))
    assert np.unravel_index(np.argmax(gain), gain.shape) == (20, 50)
    assert_allclose(gain.max(), 8 * 32)


def test_noise_gains_nothing_on_average():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(400, 8, 32)) + 1j * rng.normal(size=(400, 8, 32))
    assert_allclose(np.mean([FILTER.gain(n).mean() for n in noise]), 1.0, atol=0.03)
    assert_allclose(FILTER.gain(noise).mean(), 1.0, atol=0.03)


def test_silence_has_no_gain():
    assert not FILTER.gain(np.zeros((8, 32))).any()


def test_combining_sees_a_path_through_beams_that_change_from_symbol_to_symbol():
    rng = np.random.default_rng(2)
    model = SnapshotModel(
        transmit_array=PlanarArray(4, 4),
        receive_array=PlanarArray(4, 4),
        transmit_beams=phase_shifter_beams(8, 16, 4, rng),
        receive_beams=phase_shifter_beams(8, 16, 4, rng),
        pilots=np.ones((8, 4)),
        symbol_times=TIMES,
        frequencies=FREQUENCIES,
    )
    delay, doppler = FILTER.delays[30], FILTER.dopplers[40]
    path = Paths(
        gain=np.array([1j]),
        arrival=np.array([[0.3, -0.5]]),
        departure=np.array([[0.1, 0.2]]),
        delay=np.array([delay]),
        doppler=np.array([doppler]),
    )
    response = model.response(path.arrival[0], path.departure[0])
    together = combined(synthesize(model, path), response)
    energy = np.sum(np.abs(response) ** 2, axis=-1)
    assert_allclose(together, 1j * energy[:, None] * snapshots(delay, doppler))
    gain = FILTER.gain(together)
    assert np.unravel_index(np.argmax(gain), gain.shape) == (40, 30)
