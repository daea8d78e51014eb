# SPDX-License-Identifier: GPL-3.0-or-later
"""A feeder link before a transparent satellite: its own delay, its own Doppler shift."""

import numpy as np
import pytest
from gnuradio.dislac.channel import ChannelEmulator, ChannelPath
from gnuradio.dislac.dsp import CHUNK, StreamError
from gnuradio.dislac.geometry import LinearMotion, range_and_rate
from scipy.constants import c

FS = 7.68e6
GATEWAY, BS = LinearMotion((-300e3, 50e3, 0)), LinearMotion((-50, 190, 100))
LEO = LinearMotion((100e3, 200e3, 500e3), (7e3, 0, 0))


def test_each_hop_turns_at_its_own_carrier():
    nodes, carriers, start = (GATEWAY, LEO, BS), (18e9, 28e9), 5_000_000
    emulator = ChannelEmulator(
        [ChannelPath(nodes, carriers=carriers)],
        sample_rate=FS,
        carrier_frequency=28e9,
        start=start,
    )
    n, tone = start + np.arange(8 * CHUNK), 3e5
    y = emulator.process(np.exp(2j * np.pi * (n * tone / FS % 1)).astype(np.complex64)[None])[0]
    n, y = n[35_000 : len(y)], y[35_000:]
    feeder, service = (range_and_rate(nodes[k : k + 2], n / FS)[0] / c for k in (0, 1))
    turns = n * tone / FS % 1 - tone * (feeder + service)
    turns -= carriers[0] * feeder % 1 + carriers[1] * service % 1
    error = np.angle(y * np.exp(-2j * np.pi * turns)) / (2 * np.pi)
    assert np.abs(error).max() < 1e-3


def test_one_carrier_a_hop():
    with pytest.raises(StreamError, match="1 carriers for a path of 2 hops"):
        ChannelPath((GATEWAY, LEO, BS), carriers=(1e9,))
