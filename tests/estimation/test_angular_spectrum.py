# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of a frame over directions of arrival."""

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.estimation import AngularSpectrum
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

NX, NY, SYMBOLS, SUBCARRIERS = 4, 3, 2, 16
DEPARTURE = np.array([0.2, -0.1])


def element_model(offsets=0.0) -> SnapshotModel:
    """A chain for each element of the receive array, one transmit element on the air."""
    elements = NX * NY
    return SnapshotModel(
        transmit_array=PlanarArray(1, 1),
        receive_array=PlanarArray(NX, NY),
        transmit_beams=np.ones((SYMBOLS, 1, elements), complex),
        receive_beams=np.broadcast_to(np.eye(elements), (SYMBOLS, elements, elements)),
        pilots=np.ones((SYMBOLS, elements), complex),
        symbol_times=np.arange(SYMBOLS) * 10e-6,
        frequencies=(np.arange(SUBCARRIERS) - SUBCARRIERS / 2) * 120e3,
        offsets=offsets,
    )


def path(arrival, gain=1.0, delay=1e-6, doppler=200.0) -> Paths:
    return Paths(
        gain=np.array([gain], complex),
        arrival=np.asarray(arrival, float)[None],
        departure=DEPARTURE[None],
        delay=np.array([delay]),
        doppler=np.array([doppler]),
    )


def kernel(elements, difference):
    """|sum_n exp(j pi n x)|^2 / N^2, the beam pattern of a uniform line."""
    x = np.asarray(difference, float) * np.pi / 2
    small = np.abs(np.sin(x)) < 1e-12
    ratio = np.sin(elements * x) / (elements * np.where(small, 1.0, np.sin(x)))
    return np.where(small, 1.0, ratio**2)


def test_one_path_draws_the_arrays_beam_pattern():
    model = element_model()
    spectrum = AngularSpectrum(model, 33)
    arrival = np.array([0.25, -0.5])
    gain = spectrum.gain(synthesize(model, path(arrival, 0.7j)), DEPARTURE, doppler=200.0)
    pattern = (
        kernel(NX, spectrum.axis - arrival[0])[:, None]
        * kernel(NY, spectrum.axis - arrival[1])[None]
    )
    expected = SYMBOLS * NX * NY * pattern
    assert_allclose(gain[spectrum.visible], expected[spectrum.visible], rtol=1e-4, atol=1e-4)
    assert np.isnan(gain[~spectrum.visible]).all()
    x, y = np.meshgrid(spectrum.axis, spectrum.axis, indexing="ij")
    assert spectrum.visible[x**2 + y**2 <= 1].all()
    assert not spectrum.visible[x**2 + y**2 > 1.2].any()


def test_a_doppler_that_is_not_taken_off_costs_what_it_turns():
    model = element_model()
    spectrum = AngularSpectrum(model, 33)
    frame = synthesize(model, path([0.25, -0.5], doppler=20e3))
    lost = np.nanmax(spectrum.gain(frame, DEPARTURE)) / (SYMBOLS * NX * NY)
    assert lost == pytest.approx(np.cos(np.pi * 20e3 * 10e-6) ** 2, rel=1e-4)


def test_subcarriers_that_differ_between_symbols_are_brought_together_by_the_delay():
    model = element_model(np.array([0.0, 60e3]))
    spectrum = AngularSpectrum(model, 33)
    frame = synthesize(model, path([0.25, -0.5], delay=2e-6))
    whole, torn = (
        np.nanmax(spectrum.gain(frame, DEPARTURE, 200.0, delay)) / (SYMBOLS * NX * NY)
        for delay in (2e-6, 0.0)
    )
    assert whole == pytest.approx(1.0, rel=1e-4)
    assert torn == pytest.approx(np.cos(np.pi * 60e3 * 2e-6) ** 2, rel=1e-4)


def test_noise_gains_nothing_on_average():
    spectrum = AngularSpectrum(element_model(), 9)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(300, *spectrum.model.shape, 2)) @ [1, 1j]
    gains = [spectrum.gain(frame, DEPARTURE)[spectrum.visible] for frame in noise]
    assert_allclose(np.mean(gains), 1.0, atol=0.02)


def test_silence_has_no_gain():
    spectrum = AngularSpectrum(element_model(), 9)
    silence = np.zeros(spectrum.model.shape)
    assert not spectrum.gain(silence, DEPARTURE)[spectrum.visible].any()


@given(st.floats(0.0, 0.9), st.floats(0.0, 2 * np.pi))
def test_the_peak_lies_in_the_true_direction_between_the_grids_points(radius, angle):
    model = element_model()
    spectrum = AngularSpectrum(model)
    arrival = radius * np.array([np.cos(angle), np.sin(angle)])
    peak = spectrum.peak(spectrum.gain(synthesize(model, path(arrival)), DEPARTURE, 200.0))
    assert_allclose(peak.arrival, arrival, atol=1e-3)  # of a grid's step, 0.05
    assert peak.gain == pytest.approx(SYMBOLS * NX * NY, rel=0.02)


def test_two_paths_show_whatever_their_delays():
    model = element_model()
    spectrum = AngularSpectrum(model)
    frame = synthesize(model, path([-0.5, 0.5])) + synthesize(model, path([0.5, -0.5], delay=2e-6))
    gain = spectrum.gain(frame, DEPARTURE, 200.0)
    places = [
        tuple(np.round((np.array(u) + 1) * 20).astype(int)) for u in ((-0.5, 0.5), (0.5, -0.5))
    ]
    assert_allclose([gain[p] for p in places], SYMBOLS * NX * NY / 2, rtol=4e-7)
