# SPDX-License-Identifier: GPL-3.0-or-later
"""Phases with which chains add up towards the receiver, and what a signal is by default."""

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.geometry import LinearMotion
from gnuradio.dislac.scenario.model import Node
from gnuradio.dislac.scenario.signals import towards_receiver
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

SYMBOLS, CHAINS = 3, 4


def arrives(array, direction, beams, pilots):
    """(Ms,) amplitude of what all chains together bring to a receiver in a direction."""
    ones = np.ones((SYMBOLS, 1, CHAINS))
    model = SnapshotModel(
        *(array, PlanarArray(1, 1), beams, ones, pilots, np.zeros(SYMBOLS), np.zeros(1)),
        coupling="physical",
    )
    values = [1.0], [[0.0, 0.0]], [array.spatial_frequency(direction)], [0.0], [0.0]
    return np.abs(synthesize(model, Paths(*map(np.array, values)))[:, 0, 0])


@pytest.mark.parametrize("ray", [(0.0, 0.0, -1.0), (0.5, -0.3, -0.8), (-0.2, 0.7, 0.4)])
@pytest.mark.parametrize("shape", [(4, 4), (1, 5), (5, 1)])
@pytest.mark.parametrize("turned", [(0, 0, 0), (40, -20, 10)])
def test_chains_add_up_towards_a_receiver_anywhere(ray, shape, turned):
    """The amplitudes of the single chains add up: far off the boresight, too."""
    ray = np.array(ray) / np.linalg.norm(ray)
    array = PlanarArray(*shape, orientation=Rotation.from_euler("xyz", turned, degrees=True))
    beams = phase_shifter_beams(SYMBOLS, array.size, CHAINS, np.random.default_rng(1))
    place = np.array([3e3, -2e3, 5e5])
    transmitter = Node(LinearMotion(place), array)
    receiver = Node(LinearMotion(place + 7e5 * ray), PlanarArray(1, 1))
    phases = towards_receiver(transmitter, receiver, beams)
    assert_allclose(np.abs(phases), 1.0)
    alone = [arrives(array, ray, beams, np.eye(CHAINS)[[k] * SYMBOLS]) for k in range(CHAINS)]
    assert_allclose(arrives(array, ray, beams, phases), np.sum(alone, axis=0))
    # which they would not do by themselves
    assert np.all(arrives(array, ray, beams, np.ones_like(phases)) < 0.99 * np.sum(alone, axis=0))
