# SPDX-License-Identifier: GPL-3.0-or-later
"""Range, delay and Doppler of moving nodes."""

import numpy as np
from gnuradio.dislac.geometry import LinearMotion, delay_and_doppler, range_and_rate
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
