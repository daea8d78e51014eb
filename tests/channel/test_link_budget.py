# SPDX-License-Identifier: GPL-3.0-or-later
"""The link budget against the reference's figures (c = 3e8, no absorption unless said)."""

import numpy as np
import pytest
from gnuradio.dislac.channel import (
    absorption,
    bistatic_gain,
    direct_power,
    echo_power,
    path_gain,
    thermal_noise,
)
from gnuradio.dislac.channel.link_budget import LinkError

CARRIER = 28e9
C = {"speed": 3e8}
EIRP = 10**4.31
GAIN = 10**1.6


def db(ratio):
    return 10 * np.log10(ratio)


def dbm(power):
    return db(power) + 30


def test_reference_figures():
    footnote = echo_power(EIRP, GAIN, (300e3, 50.0), CARRIER, 100.0, **C)
    scene = echo_power(EIRP, GAIN, (374165.738677, 220.454077), CARRIER, 100.0, **C)
    direct = direct_power(EIRP, GAIN, 373997.391167, CARRIER, **C)
    noise = thermal_noise(32 * 120e3)
    assert dbm(footnote) == pytest.approx(-106.80, abs=0.005)
    assert dbm(scene) == pytest.approx(-121.60, abs=0.005)
    assert dbm(direct) == pytest.approx(-83.74, abs=0.005)
    assert dbm(noise) == pytest.approx(-108.16, abs=0.005)
    assert db(scene / noise) == pytest.approx(-13.4, abs=0.05)
    assert db(path_gain(374165.738677, CARRIER, **C)) == pytest.approx(-172.85, abs=0.005)
    assert absorption(0.06, 0.04) == pytest.approx(0.904837, abs=5e-7)


def test_absorption_and_noise_figure_act_as_factors():
    clear = echo_power(EIRP, GAIN, (300e3, 50.0), CARRIER, 100.0)
    dim = echo_power(EIRP, GAIN, (300e3, 50.0), CARRIER, 100.0, transmittance=absorption(0.1))
    assert dim / clear == pytest.approx(np.exp(-0.1))
    assert thermal_noise(1e6, temperature=290, noise_factor=4) == pytest.approx(
        4 * 1.380649e-23 * 290 * 1e6
    )


def test_bistatic_gain_is_the_radar_equation():
    wavelength = 3e8 / CARRIER
    expected = 7.0 * wavelength**2 / ((4 * np.pi) ** 3 * 1e4**2 * np.array([10.0, 30.0]) ** 2)
    gain = bistatic_gain((1e4, np.array([10.0, 30.0])), CARRIER, 7.0, **C)
    assert np.allclose(gain, expected)


def test_exponent_takes_effect_beyond_a_metre():
    assert path_gain(1.0, CARRIER, 3.5) == pytest.approx(path_gain(1.0, CARRIER))
    assert path_gain(100.0, CARRIER, 3.5) / path_gain(100.0, CARRIER) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: path_gain(0.0, CARRIER),
        lambda: path_gain(1.0, -1.0),
        lambda: bistatic_gain((1.0, 1.0), CARRIER, -2.0),
        lambda: thermal_noise(0.0),
        lambda: absorption(-0.1),
    ],
)
def test_impossible_quantities_are_refused(call):
    with pytest.raises(LinkError, match="must"):
        call()
