# SPDX-License-Identifier: GPL-3.0-or-later
"""NR PRS through the blocks: source, demodulator, and the whole chain."""

from pathlib import Path

import numpy as np
import pytest
from block_helpers import Graph, in_every_buffer, indices
from gnuradio import dislac
from gnuradio.dislac.blocks.flowgraphs import replay_flowgraph, run_flowgraph
from gnuradio.dislac.io import RecordingReader, fix_to_json
from gnuradio.dislac.scenario import load_scenario, timing, transmission
from gnuradio.dislac.waveform import demodulate

PRS = Path(__file__).parents[2] / "examples" / "prs.yml"
MUTED = {
    "pilots.muting": {"option_1": [1, 1, 0, 1]},
    "pilots.repetition": 2,
    "numerology.frame_period": 12_000,
}
SCENARIO = load_scenario(PRS, {**MUTED, "channel.noise.snr_db": 3})
SENT = [0, 1, 3, 4, 5, 7]


@pytest.fixture(scope="module")
def sent():
    """What the source sends in eight frames."""
    return in_every_buffer(
        lambda most: Graph(dislac.pilot_source(SCENARIO, frames=8), outputs=4).result(most)
    )


def test_each_frame_has_its_sequences_and_muted_ones_are_silent(sent):
    first, length = timing.preamble(SCENARIO), SCENARIO.numerology.frame_length
    assert length == 11_520
    assert indices(sent.tags) == [(first + k * 12_000, k) for k in SENT]
    expected = np.zeros_like(sent.streams)
    for k in SENT:
        start = first + k * 12_000
        expected[:, start : start + length] = transmission.pilot_frame(SCENARIO, k)
    assert np.array_equal(sent.streams, expected)


def test_the_demodulator_takes_each_frame_s_own_sequences_off(sent):
    size = int(np.prod(SCENARIO.pilots.frame_shape))
    tags = [*indices(sent.tags), (timing.preamble(SCENARIO) + 2 * 12_000, 2)]
    # Each receive chain hears the sum of all transmit chains.
    streams = np.repeat(sent.streams.sum(axis=0, keepdims=True), 4, axis=0)
    graph = Graph(dislac.ofdm_demodulator(SCENARIO), streams, sorted(tags), 1, size)
    result = graph.result()
    frames = result.streams.reshape(-1, *SCENARIO.pilots.frame_shape)
    assert [index for _, index in indices(result.tags)] == SENT
    assert np.allclose(frames, 1, atol=1e-5)
    assert graph.block.frames_skipped == 1  # a muted one is no frame, whoever says so
    start = sent.tags[3][0]
    samples = np.ascontiguousarray(streams[:, start : start + 11_520])
    grid = demodulate(samples, SCENARIO.numerology)
    assert np.array_equal(frames[3], SCENARIO.pilots.descramble(grid, 4))


def test_the_chain_gives_a_fix_for_every_frame_sent(tmp_path, monkeypatch):
    # Echoes are far above the threshold here: it need not be exact.
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
    fixes, again = [], []
    flowgraph = run_flowgraph(SCENARIO, frames=8, record=tmp_path / "r", on_fix=fixes.append)
    flowgraph.run()
    assert [fix.frame for fix in fixes] == SENT
    rms = np.sqrt(np.mean([fix.error**2 for fix in fixes]))
    assert 0.3 < rms / fixes[0].bound < 1.8
    replay = replay_flowgraph(RecordingReader(tmp_path / "r"), on_fix=again.append)
    replay.run()
    assert list(map(fix_to_json, again)) == list(map(fix_to_json, fixes))
    assert replay.counters()["frames_lost"] == 0
