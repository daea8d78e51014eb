# SPDX-License-Identifier: GPL-3.0-or-later
"""The demodulator where no tag says where frames are."""

import numpy as np
from block_helpers import Graph, in_every_buffer, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.scenario.truth import first_arrival
from gnuradio.dislac.waveform import demodulate

SIZE = 8 * 32 * 2


def test_frames_by_time_and_a_gap():
    scenario = small_scenario(synchronization__reference="time", synchronization__time_zero=5)
    first = first_arrival(scenario) / scenario.sample_rate
    x = noise(2, 60_000)
    gap = 100 * 1280 / scenario.sample_rate
    times = [(0, 5 + first), (20_000, 5 + first + 20_000 / scenario.sample_rate + gap)]
    tags = [(n, pmt_keys.RX_TIME, pmt_keys.time_to_tag(t)) for n, t in times]
    tags += [(5, 77)]  # tags of frames do not matter here

    blocks = []

    def run(most):
        blocks.append(dislac.ofdm_demodulator(scenario))
        return Graph(blocks[-1], x, tags, outputs=1, vlen=SIZE).result(most)

    result = in_every_buffer(run)
    # frame 15 is cut at 20000 - 15 * 1280 = 800 samples: none is
    assert [index for _, index in indices(result.tags)] == [*range(16), *range(116, 147)]
    start = 20_000 + 116 * 1280 - (20_000 + 100 * 1280)
    samples = np.ascontiguousarray(x[:, start : start + 640])
    expected = scenario.pilots.descramble(demodulate(samples, scenario.numerology))
    vectors = result.streams.reshape(-1, 8, 32, 2)
    assert np.allclose(vectors[16], expected, atol=1e-3)
    states = [(e["event"], e.get("state")) for e in result.events]
    assert states[:3] == [("sync", "searching"), ("sync", "locked"), ("gap", None)]
    assert result.events[3] == {
        "event": "frame_dropped",
        "frame": 16,
        "reason": "in a gap",
        "count": 100,
    }
    assert blocks[-1].frames_lost == 100
