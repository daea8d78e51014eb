# SPDX-License-Identifier: GPL-3.0-or-later
import time

import numpy as np
import pytest
from block_helpers import BUFFERS, Graph, in_every_buffer, indices, noise, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks.recordings import recording_source as module
from gnuradio.dislac.io import RecordingReader

# What waits for a flowgraph that hangs waits no longer.
pytestmark = pytest.mark.timeout(100)

SCENARIO = small_scenario()
COUNT = 30_001
TAGS = [(1_000 + 1280 * k, k + 3) for k in range(20)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    base = tmp_path_factory.mktemp("recording") / "chains"
    Graph(dislac.recording_sink(SCENARIO, base), noise(2, COUNT), TAGS).run()
    return base


def play(base, most=10_000_000, **settings):
    return Graph(dislac.recording_source(SCENARIO, base, **settings), outputs=2).result(most)


def test_what_is_recorded_is_played(recording):
    result = in_every_buffer(lambda most: play(recording, most))
    assert np.array_equal(result.streams, noise(2, COUNT))
    assert indices(result.tags) == TAGS


@pytest.mark.parametrize("most", BUFFERS)
def test_files_do_not_depend_on_buffers(recording, most, tmp_path):
    Graph(dislac.recording_sink(SCENARIO, tmp_path / "r"), noise(2, COUNT), TAGS).run(most)
    for suffix in (".sigmf-data", ".sigmf-meta"):
        assert (tmp_path / f"r{suffix}").read_bytes() == recording.with_suffix(suffix).read_bytes()


def test_an_open_recording_is_played(recording):
    result = play(RecordingReader(recording))
    assert np.array_equal(result.streams, noise(2, COUNT))


def test_only_whole_good_frames_are_tagged(recording, tmp_path):
    data = np.fromfile(recording.with_suffix(".sigmf-data"), np.complex64).reshape(-1, 2)
    data[1_000 + 1280 * 4, 1] = np.nan
    data[: 1_000 + 1280 * 8 + 639].tofile(tmp_path / "r.sigmf-data")
    (tmp_path / "r.sigmf-meta").write_bytes(recording.with_suffix(".sigmf-meta").read_bytes())
    graph = Graph(dislac.recording_source(SCENARIO, tmp_path / "r"), outputs=2)
    result = graph.result()
    assert indices(result.tags) == [tag for k, tag in enumerate(TAGS) if k < 8 and k != 4]
    assert result.streams.shape == (2, 1_000 + 1280 * 8 + 639)
    assert {event["event"] for event in result.events} == {"recording_damaged"}
    assert graph.block.frames_lost == 13
    assert graph.block.frames_sent == 7


def test_it_repeats(recording):
    graph = Graph(dislac.recording_source(SCENARIO, recording, repeat=True), outputs=2, head=70_000)
    result = graph.result(999)
    assert np.array_equal(result.streams, np.tile(noise(2, COUNT), 3)[:, :70_000])
    expected = [(turn * COUNT + start, k) for turn in range(3) for start, k in TAGS]
    assert indices(result.tags) == [tag for tag in expected if tag[0] < 70_000]


class Clock:
    """A clock that goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.naps = 100.0, []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, duration: float) -> None:
        self.naps.append(duration)
        self.now += duration


@pytest.mark.parametrize("speed", [0.02, 1.0, 3.0])
def test_it_keeps_pace(recording, speed, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    result = play(recording, 1_000, speed=speed)
    assert np.array_equal(result.streams, noise(2, COUNT))
    assert indices(result.tags) == TAGS
    assert clock.now - 100.0 == pytest.approx(COUNT / SCENARIO.sample_rate / speed, rel=1e-6)
    assert max(clock.naps) < 0.1


def test_full_speed_does_not_sleep(recording, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    play(recording, speed=0)
    assert not clock.naps


def test_a_slow_replay_stops_at_once(recording):
    block = dislac.recording_source(SCENARIO, recording, speed=1e-6, repeat=True)
    graph = Graph(block, outputs=2)
    graph.start()
    while not block.nitems_written(0):
        time.sleep(0.001)
    graph.stop()
    graph.wait()
    assert 0 < block.nitems_written(0) < COUNT


@pytest.mark.parametrize("speed", [-1.0, np.nan, np.inf])
def test_a_speed_must_make_sense(recording, speed):
    with pytest.raises(ValueError, match="1 for real time"):
        dislac.recording_source(SCENARIO, recording, speed=speed)
