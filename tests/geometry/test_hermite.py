# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpolated motions, and what follows from any motion along a path."""

from datetime import UTC, datetime

import numpy as np
import pytest
from gnuradio.dislac.geometry import (
    CircularOrbit,
    ElementSet,
    HermiteMotion,
    LinearMotion,
    LocalMotion,
    SatelliteMotion,
    delay_and_doppler,
    follow_path,
    range_and_rate,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.constants import c

SITE = (50.9, -1.4, 20.0)
ORBIT = CircularOrbit(550e3, np.radians(53), 0.2, 0.9)
GROUND = LinearMotion((0, 0, 0))
# The low orbit with drag of sgp4's verification
LINES = (
    "1 06251U 62025E   06176.82412014  .00008885  00000-0  12808-3 0  3985",
    "2 06251  58.0579  54.0425 0030035 139.1568 221.1854 15.56387291  6774",
)


class Counted:
    """The orbit, its velocity spoilt, and the times at which it was asked."""

    def __init__(self):
        self.asked = 0

    def state(self, time):
        self.asked += np.size(time)
        position, velocity = ORBIT.state(time)
        return position, velocity + 1.0


def test_error_is_that_of_the_cubic():
    time = np.linspace(-700.0, 700.0, 5001)
    for step, limit in ((2.0, 5e-7), (4.0, 8e-6)):
        position, velocity = HermiteMotion(Counted(), step).state(time)
        truth = ORBIT.state(time)
        # fourth derivative of a circle, step^4 / 384 of it
        bound = 6.93e6 * (2 * np.pi / ORBIT.period) ** 4 * step**4 / 384
        assert np.abs(position - truth[0]).max() < min(limit, 1.5 * bound + 5e-9)
        assert np.abs(velocity - truth[1]).max() < 16 * bound / step


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_no_times_have_no_states(shape):
    for vector in HermiteMotion(ORBIT).state(np.empty(shape)):
        assert vector.shape == (*shape, 3)


def test_sgp4_is_followed_to_a_hundredth_of_a_cycle_at_28_ghz():
    elements = ElementSet.from_tle(*LINES)
    exact = SatelliteMotion(elements, datetime(2006, 6, 25, 21, 0, tzinfo=UTC))
    smooth = HermiteMotion(exact)
    time = np.random.default_rng(1).uniform(0, 600, 4000)
    error = np.linalg.norm(smooth.state(time)[0] - exact.state(time)[0], axis=-1)
    assert error.max() < 0.01 * c / 28e9 / 2
    # what SGP4 calls velocity is not good enough for that
    off = np.linalg.norm(smooth.state(time)[1] - exact.state(time)[1], axis=-1)
    assert 1e-3 < off.max() < 1.0


def test_velocity_is_the_derivative_of_the_position():
    smooth = HermiteMotion(ORBIT, 3.0)
    time, step = np.linspace(0.1, 400.0, 1001), 1e-3
    slope = (smooth.state(time + step)[0] - smooth.state(time - step)[0]) / (2 * step)
    assert_allclose(smooth.state(time)[1], slope, atol=2e-5)


def test_no_step_at_nodes_and_blocks():
    smooth = HermiteMotion(ORBIT, 2.0)
    node = 2.0 * np.arange(-70, 70)
    before, after = (smooth.state(node + d) for d in (-1e-9, 1e-9))
    assert_allclose(after[0], before[0] + 2e-9 * before[1], atol=5e-9)
    assert_allclose(after[1], before[1], atol=5e-7)


def test_same_bits_whatever_is_asked_together():
    smooth = HermiteMotion(ORBIT)
    time = np.random.default_rng(2).uniform(-500, 500, (7, 30))
    together = smooth.state(time)
    for k in range(7):
        alone = HermiteMotion(ORBIT).state(time[k])
        assert_array_equal(together[0][k], alone[0])
        assert_array_equal(together[1][k], alone[1])
    assert smooth.state(3.0)[0].shape == (3,)


def test_a_pass_asks_for_few_states():
    counted = Counted()
    smooth = HermiteMotion(counted)
    for second in range(600):
        smooth.state(second + np.linspace(0, 1, 50))
    assert counted.asked < 600


# Along a path


def test_a_link_follows_the_range():
    node = LocalMotion(ORBIT, SITE)
    time = np.linspace(0, 600, 200)
    link = follow_path([node, GROUND], time, 28e9)
    delay, doppler = delay_and_doppler([node, GROUND], time, 28e9)
    assert_array_equal(link.delay, delay)
    assert_allclose(link.doppler, doppler, rtol=1e-14)
    assert_allclose(link.delay_rate, -doppler / 28e9, rtol=1e-14)
    assert_allclose(link.length, delay * c, rtol=1e-15)
    # the rate of the rate by differences over another step
    step = 0.05
    rates = [range_and_rate([node, GROUND], time + d)[1] for d in (-step, step)]
    assert_allclose(link.doppler_rate, -28e9 / c * (rates[1] - rates[0]) / (2 * step), rtol=1e-6)


def test_the_closed_form_of_a_straight_line():
    """r = sqrt(h^2 + (v t)^2): rates and their rates are known."""
    height, speed = 550e3, 7.5e3
    flying, time = LinearMotion((0, 0, height), (speed, 0, 0)), np.linspace(-300, 300, 101)
    link = follow_path([flying, GROUND], time, 2e9)
    length = np.hypot(height, speed * time)
    assert_allclose(link.delay, length / c, rtol=1e-14)
    assert_allclose(link.doppler, -2e9 / c * speed**2 * time / length, atol=1e-8)
    assert_allclose(link.doppler_rate, -2e9 / c * (speed * height) ** 2 / length**3, rtol=1e-6)


def test_behind_a_feeder_the_service_link_shifts_what_the_satellite_sends():
    node = LocalMotion(ORBIT, SITE)
    feeding, time = LinearMotion((200e3, -50e3, 0)), np.linspace(0, 600, 50)
    both = follow_path([feeding, node, GROUND], time, [18e9, 28e9])
    service = follow_path([node, GROUND], time, 28e9)
    feeder = follow_path([feeding, node], time - service.delay, 18e9)  # as it passes the satellite
    growth = 1 - service.delay_rate
    bend = -service.doppler_rate / 28e9
    expected = {
        "length": service.length + feeder.length,
        "delay": service.delay + feeder.delay,
        "delay_rate": service.delay_rate + feeder.delay_rate * growth,
        "doppler": (28e9 + feeder.doppler) * (1 + service.doppler / 28e9) - 28e9,
        "doppler_rate": service.doppler_rate
        + feeder.doppler_rate * growth**2
        - feeder.doppler * bend,
    }
    for name, value in expected.items():
        assert_allclose(getattr(both, name), value, rtol=1e-9, err_msg=name)
    same = follow_path([feeding, node, GROUND], time, 28e9)
    assert_allclose(same.doppler, -28e9 * same.delay_rate, rtol=1e-12)
    with pytest.raises(ValueError, match="3 carriers for 2 hops"):
        follow_path([feeding, node, GROUND], time, [1e9, 2e9, 3e9])
