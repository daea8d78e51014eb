# SPDX-License-Identifier: GPL-3.0-or-later
"""Precompensator and channel: the library's samples, whatever the scheduler does."""

import numpy as np
import pytest
from block_helpers import Graph, in_every_buffer, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.channel import (
    ChannelEmulator,
    ChannelPath,
    NetworkEmulator,
    departure_delay,
)
from gnuradio.dislac.dsp.stream import CHUNK
from gnuradio.dislac.geometry import LinearMotion
from gnuradio.dislac.scenario import ScenarioError, emulation, timing, transmission

COUNT = 5 * CHUNK + 1


@pytest.mark.parametrize("mode", ["frame", "time-varying"])
def test_precompensator_is_the_librarys(mode):
    scenario = small_scenario(precompensation__mode=mode)
    x = noise(2, COUNT)
    result = in_every_buffer(
        lambda most: Graph(dislac.precompensator(scenario), x, outputs=2).result(most)
    )
    expected = transmission.precompensator(scenario).process(x)
    assert expected.shape[1] > COUNT - 3 * CHUNK - timing.preamble(scenario)
    assert np.array_equal(result.streams, expected)


def test_frames_leave_early_by_the_delay_they_will_meet():
    scenario = small_scenario()
    rate, first = scenario.sample_rate, timing.preamble(scenario)
    starts = [first, first + 1280, first + 12_800]
    tags = [(start, k) for k, start in enumerate(starts)]
    result = in_every_buffer(
        lambda most: Graph(
            dislac.precompensator(scenario), noise(2, COUNT), tags, outputs=2
        ).result(most)
    )
    assert [value for _, value in indices(result.tags)] == [(k, s) for k, s in enumerate(starts)]
    for (leaves, _), start in zip(result.tags, starts, strict=True):
        delay = departure_delay(timing.endpoints(scenario), leaves / rate, speed=3e8)
        assert abs(leaves + delay * rate - start) < 0.51


def test_an_error_of_the_advance_moves_the_tag():
    scenario, start = small_scenario(), timing.preamble(small_scenario())
    x = noise(2, COUNT)
    places = [
        Graph(dislac.precompensator(scenario, timing_advance_error_ns=error), x, [(start, 0)], 2)
        .result()
        .tags[0][0]
        for error in (0.0, 1e9 * 100 / scenario.sample_rate)
    ]
    assert places[1] - places[0] == 100


def test_without_precompensation_streams_pass():
    x, tags = noise(2, COUNT), [(100, 7), (30_000, 8)]
    result = in_every_buffer(
        lambda most: Graph(
            dislac.precompensator(small_scenario(), mode="none"), x, tags, outputs=2
        ).result(most)
    )
    assert np.array_equal(result.streams, x)
    assert indices(result.tags) == tags


def test_channel_is_the_librarys():
    scenario, x = small_scenario(), noise(2, COUNT)
    result = in_every_buffer(
        lambda most: Graph(dislac.leo_channel(scenario), x, outputs=2).result(most)
    )
    assert result.streams.shape == (2, COUNT // CHUNK * CHUNK)
    assert np.array_equal(result.streams, emulation.emulator(scenario).process(x))


def test_frames_arrive_where_they_are_due_or_after_the_reference_delay():
    scenario = small_scenario()
    delay = departure_delay(timing.endpoints(scenario), 5_000 / scenario.sample_rate, speed=3e8)
    later = 5_000 + round(float(delay) * scenario.sample_rate)
    due = dislac.blocks.pmt_keys.frame_to_tag(3, 20_480)
    result = in_every_buffer(
        lambda most: Graph(
            dislac.leo_channel(scenario), noise(2, COUNT), [(5_000, 2), (10_895, due)], outputs=2
        ).result(most)
    )
    assert indices(result.tags) == [(later, 2), (20_480, 3)]


def test_a_frame_arrives_at_its_tag():
    """Without beams, noise and drift, what comes out at the tag is what went in at the other."""
    scenario = small_scenario(
        beams__kind="element",
        beams__coupling="physical",
        nodes__transmitter={"position": [0, 0, 300e3], "array": {"nx": 2, "ny": 1}},
        nodes__receiver={"position": [0, 0, 0], "array": {"nx": 2, "ny": 1}},
        channel={"paths": [{"kind": "direct", "relative_power_db": 0}]},
        precompensation__mode="time-varying",
    )
    graph = Graph(dislac.pilot_source(scenario, frames=3), outputs=2)
    sent = graph.result()
    early = Graph(dislac.precompensator(scenario), sent.streams, sent.tags, outputs=2).result()
    got = Graph(dislac.leo_channel(scenario), early.streams, early.tags, outputs=2).result()
    assert indices(got.tags) == indices(sent.tags)
    wanted = transmission.pilot_frame(scenario).sum(axis=0)  # straight ahead, the elements add up
    for start, _ in got.tags:
        frame = got.streams[0, start : start + 640]
        match = abs(np.vdot(wanted, frame)) / np.linalg.norm(wanted) / np.linalg.norm(frame)
        assert match > 0.9999


def test_snr_can_change_while_it_runs():
    scenario = small_scenario(channel__noise={"snr_db": 10})
    block = dislac.leo_channel(scenario, snr_db=60.0)
    quiet = Graph(block, np.zeros((2, COUNT), np.complex64), outputs=2)
    assert np.mean(np.abs(quiet.result().streams) ** 2) == pytest.approx(1e-6, rel=0.05)
    block.begin()
    block.set_snr_db(-20.0)
    loud = block._processor.process(np.zeros((2, COUNT), np.complex64))
    assert np.mean(np.abs(loud) ** 2) == pytest.approx(100, rel=0.05)
    block.set_snr_db(None)
    again = block._processor.process(np.zeros((2, COUNT), np.complex64))
    assert np.mean(np.abs(again) ** 2) == pytest.approx(0.1, rel=0.05)


def test_any_streams_can_be_joined():
    """Three streams into two over paths of 150 m and 450 m, 15 m a sample."""
    path_to = {
        metres: (LinearMotion([metres, 0, 0]), LinearMotion([0, 0, 0])) for metres in (150, 450)
    }
    couplings = [[[1, 0, 0], [0, 2, 0]], [[0, 0, 3], [0, 0, 0]]]
    paths = [
        ChannelPath(nodes, coupling=coupling)
        for nodes, coupling in zip(path_to.values(), couplings, strict=True)
    ]
    emulator = ChannelEmulator(paths, sample_rate=2e7, carrier_frequency=0.0, speed=3e8)
    x = noise(3, COUNT)
    result = in_every_buffer(
        lambda most: Graph(
            dislac.leo_channel(small_scenario(), emulator=emulator), x, outputs=2
        ).result(most)
    )
    count = result.streams.shape[1]
    expected = np.zeros((2, count), complex)
    expected[0, 10:] = x[0, : count - 10]
    expected[1, 10:] = 2 * x[1, : count - 10]
    expected[0, 30:] += 3 * x[2, : count - 30]
    assert count > COUNT - 2 * CHUNK
    assert np.max(np.abs(result.streams - expected)) < 2e-7 * np.max(np.abs(expected))
    with pytest.raises(ValueError, match="give your emulator a noise"):
        dislac.leo_channel(small_scenario(), snr_db=3.0, emulator=emulator)


def test_several_transmitters_reach_several_receivers():
    """Streams of 1 and 2 chains into 2 and 1; delays of whole samples, 15 m each."""
    metres = {(0, 0): 150, (1, 0): 450, (1, 1): 600}
    emulator = NetworkEmulator(
        {
            (k, n): ChannelEmulator(
                [ChannelPath((LinearMotion([m, 0, 0]), LinearMotion([0, 0, 0])))],
                sample_rate=2e7,
                carrier_frequency=0.0,
                speed=3e8,
                inputs=[1, 2][k],
                outputs=[2, 1][n],
            )
            for (k, n), m in metres.items()
        },
        transmitters=[1, 2],
        receivers=[2, 1],
    )
    x = noise(3, COUNT)
    result = in_every_buffer(
        lambda most: Graph(
            dislac.leo_channel(small_scenario(), emulator=emulator), x, outputs=3
        ).result(most)
    )
    count = result.streams.shape[1]
    assert count > COUNT - 3 * CHUNK
    expected = np.zeros((3, count), complex)
    expected[:2, 10:] += x[0, : count - 10]
    expected[:2, 30:] += x[1:, : count - 30].sum(axis=0)
    expected[2, 40:] += x[1:, : count - 40].sum(axis=0)
    assert np.max(np.abs(result.streams - expected)) < 2e-7 * np.max(np.abs(expected))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ScenarioError, match=r"precompensation\.mode"):
        dislac.precompensator(small_scenario(), mode="sometimes")
    with pytest.raises(ScenarioError, match="snr_db"):
        dislac.leo_channel(small_scenario(), snr_db="loud")
