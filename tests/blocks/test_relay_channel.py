# SPDX-License-Identifier: GPL-3.0-or-later
"""One direction of the link between two radios, in a flowgraph."""

import numpy as np
import pytest
from block_helpers import BUFFERS, Graph, noise
from gnuradio import dislac
from gnuradio.dislac.scenario import emulation, load_scenario

SCENARIO = load_scenario("lab", {"nodes.transmitter.position": [374e3, 0, 0]})
FAR = load_scenario("lab", {"nodes.transmitter.position": [4e7, 0, 0]})
"""A path that holds more samples than GNU Radio's buffers do."""


@pytest.mark.parametrize(
    ("scenario", "uplink", "buffers"),
    [(SCENARIO, False, BUFFERS), (SCENARIO, True, BUFFERS), (FAR, False, BUFFERS[2:])],
)
def test_streams_are_those_of_the_link(scenario, uplink, buffers):
    settings = {"streams": 2, "uplink": uplink, "carrier_frequency": 2e9, "noise_power": 0.1}
    x = noise(2, 40_000)
    link = emulation.relay_link(scenario, 5.76e6, **settings)
    link.take(x)
    wanted = np.zeros((2, 1_000_000), np.complex64)
    wanted = wanted[:, : link.make(wanted)]
    assert wanted.shape[1] == 40_000 + int(link.delay(0.0) * 5.76e6) - link.least
    for most in buffers:
        got = Graph(dislac.relay_channel(scenario, 5.76e6, **settings), x, outputs=2).result(most)
        assert np.array_equal(got.streams, wanted)
