# SPDX-License-Identifier: GPL-3.0-or-later
"""A ten-minute pass at 550 km: emulator and pre-compensation against the closed form.

Ten minutes of samples are not needed: both can begin at any sample, so they are looked at over some
milliseconds at many instants.
"""

from datetime import UTC, datetime

import numpy as np
import pytest
from gnuradio.dislac.channel import ChannelEmulator, ChannelPath, Precompensator
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.geometry import (
    CircularOrbit,
    ElementSet,
    HermiteMotion,
    LinearMotion,
    LocalMotion,
    SatelliteMotion,
    delay_and_doppler,
    find_passes,
    look_angles,
)
from gnuradio.dislac.geometry.frames import EARTH_ROTATION, ecef_from_geodetic, enu_axes
from gnuradio.dislac.geometry.orbits import EQUATORIAL_RADIUS, GRAVITATION
from scipy.constants import c
from scipy.optimize import minimize
from tone_signals import gains, sum_of_tones, tone_matrix

FS = 7.68e6
SITE = (50.9, -1.4, 20.0)
BS = LinearMotion((-50, 190, 100))
PASS = 300.0
"""The satellite is highest about then [s]; it is up from 0 to 600 s."""
INSTANTS = np.array([0.0, 150.0, 299.99, 410.0, 595.0])
"""Of the pass [s]; 299.99 lies across a node of the interpolation."""


def over(site, peak):
    """A circular orbit at 550 km that is nearly overhead at time `peak`."""

    def height(angles):
        orbit = CircularOrbit(550e3, np.radians(53), *angles)
        return -look_angles(LocalMotion(orbit, site).state(peak)[0])[1]

    node, argument = minimize(height, (-1.2, 1.2), method="Nelder-Mead").x
    return CircularOrbit(550e3, np.radians(53), node + 0.05, argument)


ORBIT = over(SITE, PASS)


def closed_form(time):
    """Distance from the base station, written out again: two rotations of a circle."""
    radius = EQUATORIAL_RADIUS + 550e3
    u = ORBIT.argument + np.sqrt(GRAVITATION / radius**3) * time
    node = ORBIT.node_longitude - EARTH_ROTATION * time
    tilt = np.cos(ORBIT.inclination) * np.sin(u)
    x = radius * (np.cos(u) * np.cos(node) - tilt * np.sin(node))
    y = radius * (np.cos(u) * np.sin(node) + tilt * np.cos(node))
    z = radius * np.sin(ORBIT.inclination) * np.sin(u)
    place = ecef_from_geodetic(SITE) + BS.position @ enu_axes(SITE)
    return np.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2)


class Several:
    """The one orbit as a fleet."""

    names = ("one",)

    def __len__(self):
        return 1

    def states(self, time, which=None):
        one = ORBIT.state(np.asarray(time))
        return tuple(v[None] if which is None else v[None][np.asarray(which)] for v in one)


def test_the_pass_lasts_ten_minutes_and_comes_near_the_zenith():
    passes = find_passes(Several(), SITE, np.arange(-600.0, 1200.0, 10.0))
    assert len(passes) == 1 and passes.rise[0] < 0 and passes.set[0] > 600
    assert np.degrees(passes.elevation[0]) > 70


TONES = np.random.default_rng(1).uniform(-FS / 4, FS / 4, 16)
AMPLITUDES = np.exp(2j * np.pi * np.random.default_rng(2).uniform(size=16)) / 4


def tones(n):
    return AMPLITUDES * tone_matrix(n, TONES / FS)


def late_tones(n, delay, carrier, part):
    """Tones (samples, tones) at a part of the samples, each late by its delay [s]."""
    late = np.outer(delay[part], TONES) + (carrier * delay[part] % 1)[:, None]
    cycles = np.outer(n[part], TONES / FS) % 1 - late
    return AMPLITUDES * np.exp(2j * np.pi * cycles)


def phase_and_delay(y, truth):
    """By how many cycles and seconds y is late against truth (samples, tones)."""
    slope, carrier = np.polyfit(TONES, np.angle(gains(y, truth)) / (2 * np.pi), 1)
    return -carrier, -slope


def emulate(nodes, carrier, start, samples):
    emulator = ChannelEmulator(
        [ChannelPath(nodes)], sample_rate=FS, carrier_frequency=carrier, start=start
    )
    return emulator.process(samples[None].astype(np.complex64))[0]


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("carrier", [2e9, 28e9])
def test_emulator_follows_the_closed_form(instant, carrier):
    """At any sample within 0.01 cycle; the delay of any part of a block within 1 ns."""
    node = HermiteMotion(LocalMotion(ORBIT, SITE))
    start = round(instant * FS)
    n = start + np.arange(4 * CHUNK)
    y = emulate((node, BS), carrier, start, sum_of_tones(n, TONES / FS, AMPLITUDES))
    filled = round(closed_form(instant) / c * FS) + 100
    n, y = n[filled : len(y)], y[filled:]
    delay = closed_form(n / FS) / c
    # one sample in five, anywhere in a block
    truth = late_tones(n, delay, carrier, slice(None, None, 5)).sum(1)
    strong = np.abs(truth) > 0.5
    assert np.abs(np.angle(y[::5] / truth))[strong].max() < 1e-3
    # halves of blocks, where what is held is furthest off
    for first in range(0, len(n) - 128, 1111):
        part = slice(first, first + 128)
        cycles, late = phase_and_delay(y[part], late_tones(n, delay, carrier, part))
        assert abs(cycles) < 6e-5
        assert abs(late) < 8e-12


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("carrier", [2e9, 28e9])
def test_precompensation_leaves_nothing(instant, carrier):
    node = HermiteMotion(LocalMotion(ORBIT, SITE))
    start = round(instant * FS)
    process = Precompensator((node, BS), sample_rate=FS, carrier_frequency=carrier, start=start)
    n = start + np.arange(2 * process.lookahead + 4 * CHUNK)
    sent = process.process(sum_of_tones(n, TONES / FS, AMPLITUDES).astype(np.complex64)[None])[0]
    y = emulate((node, BS), carrier, start, sent)
    first = process.lookahead + 100  # before that, what should have left before the start
    y, n = y[first:], n[first : len(y)]
    assert len(y) > 2 * CHUNK
    half = len(y) // 2
    parts = [phase_and_delay(y[p], tones(n[p])) for p in (slice(half), slice(half, None))]
    assert max(abs(late) for _, late in parts) < 1e-9
    turned = parts[1][0] - parts[0][0]
    assert abs(turned) / (half / FS) < 1.0
    assert max(abs(cycles) for cycles, _ in parts) < 8e-8
    # which is no small thing
    assert abs(delay_and_doppler((node, BS), instant, carrier)[1]) > 1e3


def test_precompensation_of_sgp4s_satellite():
    """The whole chain with a satellite from mean elements, at 28 GHz."""
    pytest.importorskip("sgp4")
    lines = (
        "1 06251U 62025E   06176.82412014  .00008885  00000-0  12808-3 0  3985",
        "2 06251  58.0579  54.0425 0030035 139.1568 221.1854 15.56387291  6774",
    )
    exact = SatelliteMotion(ElementSet.from_tle(*lines), datetime(2006, 6, 25, 20, tzinfo=UTC))
    node = HermiteMotion(LocalMotion(exact, SITE))
    start = round(1234.5 * FS)
    process = Precompensator((node, BS), sample_rate=FS, carrier_frequency=28e9, start=start)
    n = start + np.arange(2 * process.lookahead + 4 * CHUNK)
    sent = process.process(sum_of_tones(n, TONES / FS, AMPLITUDES).astype(np.complex64)[None])[0]
    first = process.lookahead + 100
    y = emulate((node, BS), 28e9, start, sent)[first:]
    n = n[first:][: len(y)]
    cycles, late = phase_and_delay(y, tones(n))
    assert len(y) > CHUNK and abs(cycles) < 3e-8 and abs(late) < 1e-13
