# SPDX-License-Identifier: GPL-3.0-or-later
"""The demodulator where no tag says where frames are."""

import numpy as np
from block_helpers import Graph, in_every_buffer, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.scenario.timing import first_arrival
from gnuradio.dislac.simulation import received_stream
from gnuradio.dislac.waveform import demodulate

SIZE = 8 * 32 * 2


def test_frames_by_time_and_a_gap():
    scenario = small_scenario(
        synchronization__reference="time",
        synchronization__time_zero=5,
        precompensation__mode="time-varying",
    )
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


def synchronized_scenario(**overrides):
    """A direct path 38 dB above the echo, heard by a receiver whose clock and carrier are off."""
    values = {
        "beams__chains": 4,
        "channel__paths": [{"kind": "echo"}, {"kind": "direct", "relative_power_db": 38}],
        "channel__noise__snr_db": 6,
        "front_end__carrier_offset_hz": 9e3,
        "front_end__clock_offset_ppm": -18,
        "front_end__start_offset": 9_321.3,
        "synchronization__reference": "direct-path",
    }
    return small_scenario(**values | overrides)


def test_the_direct_path_leads_to_the_same_frames_in_every_buffer():
    scenario = synchronized_scenario()
    x = received_stream(scenario, 12)[:, :16_000].copy()
    x[1, 8_000:8_100] = np.nan
    blocks = []

    def run(most):
        blocks.append(dislac.ofdm_demodulator(scenario))
        return Graph(blocks[-1], x, outputs=1, vlen=8 * 32 * 4).result(most)

    result = in_every_buffer(run)
    block = blocks[-1]
    frames = [index for _, index in indices(result.tags)]
    lost = sum(e.get("count", 1) for e in result.events if e["event"] == "frame_dropped")
    assert lost == block.frames_lost
    assert block.frames_used == len(frames) >= 6
    assert len(frames) + lost == frames[-1] + 1
    assert [e["state"] for e in result.events if e["event"] == "sync"] == ["searching", "locked"]
    # The direct path is all there is in a frame, at zero delay and Doppler.
    vectors = result.streams.reshape(-1, 8, 32, 4)
    spread = vectors - vectors.mean(axis=2, keepdims=True)
    assert np.mean(np.abs(spread) ** 2) < 10**-3.3 * np.mean(np.abs(vectors) ** 2)


def test_a_whole_flowgraph_finds_targets_from_a_cold_start():
    scenario = synchronized_scenario()
    fixes = []
    graph = dislac.flowgraphs.run_flowgraph(scenario, frames=12, on_fix=fixes.append)
    graph.run()
    counters = graph.counters()
    assert counters["fixes"] == len(fixes) >= 7
    errors = np.array([fix.error for fix in fixes])
    bounds = np.array([fix.bound for fix in fixes])
    assert np.sqrt(np.mean(errors**2)) < 2 * np.sqrt(np.mean(bounds**2))


def test_a_flowgraph_runs_by_time_too():
    scenario = synchronized_scenario(
        numerology__frame_period=7_680,
        synchronization__reference="time",
        channel__paths=[{"kind": "echo"}],
        front_end__carrier_offset_hz=0,
        front_end__clock_offset_ppm=0,
    )
    fixes = []
    graph = dislac.flowgraphs.run_flowgraph(scenario, frames=12, on_fix=fixes.append)
    graph.run()
    # The receiver starts in the silence before the first frame, and looks on after the last.
    assert [fix.frame for fix in fixes[:12]] == list(range(12))
    assert not any(fix.valid for fix in fixes[12:])
    errors = np.array([fix.error for fix in fixes[:12]])
    bounds = np.array([fix.bound for fix in fixes[:12]])
    assert np.sqrt(np.mean(errors**2)) < 2 * np.sqrt(np.mean(bounds**2))
