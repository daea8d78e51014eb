# SPDX-License-Identifier: GPL-3.0-or-later
"""Range, delay and Doppler of moving nodes."""

import numpy as np
from gnuradio.dislac.geometry import (
    LinearMotion,
    carrier_cycles,
    delay_and_doppler,
    range_and_rate,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.constants import c

LEO = LinearMotion([100e3, 200e3, 300e3], [7e3, 0.0, 0.0])
BS = LinearMotion([-50.0, 190.0, 100.0])
UE = LinearMotion([0.0, 0.0, 0.0])

vector = st.tuples(*[st.floats(-1e3, 1e3, allow_nan=False)] * 3)


def test_the_papers_ranges():
    assert_allclose(range_and_rate([LEO, UE], 0.0)[0], 374165.738677, atol=5e-7)
    assert_allclose(range_and_rate([LEO, BS], 0.0)[0], 373997.391167, atol=5e-7)
    assert_allclose(range_and_rate([UE, BS], 0.0)[0], 220.454077, atol=5e-7)


def test_the_papers_delay_and_doppler():
    echo_delay, echo_doppler = delay_and_doppler([LEO, UE, BS], 0.0, 28e9, speed=3e8)
    delay, doppler = delay_and_doppler([LEO, BS], 0.0, 28e9, speed=3e8)
    assert_allclose((echo_delay - delay) * 1e9, 1296.005290, atol=1e-6)
    assert_allclose([echo_doppler, doppler], [-174610.678, -174776.620], atol=5e-4)
    assert_allclose(echo_doppler - doppler, 165.942, atol=5e-4)


def test_the_speed_of_light_is_the_default():
    delay, doppler = delay_and_doppler([LEO, BS], 0.0, 28e9)
    length, rate = range_and_rate([LEO, BS], 0.0)
    assert_allclose([delay, doppler], [length / c, -28e9 / c * rate], rtol=1e-15)


@given(p=vector, v=vector, q=vector, w=vector, time=st.floats(-10, 10))
def test_rate_is_the_derivative_of_the_range(p, v, q, w, time):
    nodes = [LEO, LinearMotion(p, v), LinearMotion(q, w)]
    hop = np.linalg.norm(nodes[1].state(time)[0] - nodes[2].state(time)[0])
    if hop < 1.0:
        return  # the range has a kink where two nodes meet
    step = 1e-4
    before, after = range_and_rate(nodes, np.array([time - step, time + step]))[0]
    # the second derivative of a hop is at most its relative speed squared over its length
    bend = step**2 * (2e3 * np.sqrt(3)) ** 3 / hop**2
    assert_allclose(range_and_rate(nodes, time)[1], (after - before) / (2 * step), atol=1e-5 + bend)


def test_an_approaching_node_has_positive_doppler():
    incoming = LinearMotion([1000.0, 0.0, 0.0], [-30.0, 0.0, 0.0])
    _, doppler = delay_and_doppler([incoming, UE], 0.0, 1e9, speed=3e8)
    assert_allclose(doppler, 100.0)


FEEDER, SERVICE = 18e9, 28e9
HUB = LinearMotion([-300e3, 50e3, 0.0])


def traced(time):
    """Delay, and cycles of the carrier that are missing, of what arrives at a time over a feeder:
    back to the satellite, then back to the feeder."""

    def flight(one, other, when):
        return np.sqrt(np.sum((one.state(when)[0] - other.state(when)[0]) ** 2, axis=-1)) / c

    passing = time - flight(LEO, BS, time)
    leaving = passing - flight(HUB, LEO, passing)
    # the feeder's carrier has turned by FEEDER * leaving; the satellite moves it by the difference
    turned = FEEDER * (leaving - time) + (SERVICE - FEEDER) * (passing - time)
    return time - leaving, -turned


def test_a_feeders_delay_cycles_and_doppler_are_those_of_a_signal_followed_back():
    time, step = np.linspace(-40.0, 40.0, 41), 1e-2
    nodes, carriers = [HUB, LEO, BS], (FEEDER, SERVICE)
    delay, doppler = delay_and_doppler(nodes, time, carriers)
    cycles, growth = carrier_cycles(nodes, time, carriers)
    length, rate = range_and_rate(nodes, time, carriers)
    expected = traced(time)
    assert_allclose(delay, expected[0], rtol=0, atol=1e-13)
    assert_allclose(cycles, expected[1], rtol=0, atol=1e-3)  # the tracer subtracts times of 40 s
    assert_allclose(length, c * delay, rtol=1e-15)
    assert_array_equal(doppler, -growth)
    # the Doppler shift is the slope of the phase, the rate that of the delay (fourth order)
    times = time + step * np.array([[-2], [-1], [1], [2]])
    weights = np.array([1, -8, 8, -1]) / (12 * step)
    assert_allclose(weights @ carrier_cycles(nodes, times, carriers)[0], growth, rtol=0, atol=2e-5)
    slope = weights @ range_and_rate(nodes, times, carriers)[0]
    assert_allclose(slope, rate, rtol=0, atol=1e-6)


def test_the_service_link_shifts_the_shifted_carrier():
    """(f_service + f_feeder d1) (1 + d2), with the legs' relative shifts written out."""

    def shift(one, other, when):
        (p, v), (q, w) = one.state(when), other.state(when)
        return -np.dot(q - p, w - v) / np.linalg.norm(q - p) / c

    for time in (-30.0, 0.0, 25.0):
        passing = time - np.linalg.norm(LEO.state(time)[0] - BS.state(time)[0]) / c
        first, second = shift(HUB, LEO, passing), shift(LEO, BS, time)
        received = (SERVICE + FEEDER * first) * (1 + second)
        found = delay_and_doppler([HUB, LEO, BS], time, (FEEDER, SERVICE))[1]
        assert abs(found - (received - SERVICE)) < 1e-5
        assert abs(FEEDER * first * second) > 1.0  # what was missing
        # the other way, as an uplink, the carriers change places
        up = delay_and_doppler([BS, LEO, HUB], time, (SERVICE, FEEDER))[1]
        passing = time - np.linalg.norm(LEO.state(time)[0] - HUB.state(time)[0]) / c
        first, second = shift(BS, LEO, passing), shift(LEO, HUB, time)
        assert abs(up - ((FEEDER + SERVICE * first) * (1 + second) - FEEDER)) < 1e-5


def test_hops_of_one_carrier_are_taken_at_one_time():
    nodes = [HUB, LEO, UE, BS]
    parts = [range_and_rate(nodes[k : k + 2], 3.0) for k in range(3)]
    assert_allclose(range_and_rate(nodes, 3.0), np.sum(parts, axis=0), rtol=1e-15)
    same = delay_and_doppler(nodes, 3.0, (SERVICE,) * 3)
    assert_array_equal(same, delay_and_doppler(nodes, 3.0, SERVICE))


def test_nodes_at_one_place():
    length, rate = range_and_rate([BS, BS], [0.0, 1.0])
    assert_array_equal(length, [0.0, 0.0])
    assert_array_equal(rate, [0.0, 0.0])


def test_state_has_the_shape_of_time():
    for shape in [(), (4,), (2, 3)]:
        position, velocity = LEO.state(np.ones(shape))
        assert position.shape == velocity.shape == (*shape, 3)
        assert_allclose(position[..., 0], 107e3)
    assert np.shape(range_and_rate([LEO, BS], 0.0)[0]) == ()
