# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain, emulated and from a recording."""

import threading

import numpy as np
import pytest
from block_helpers import small_scenario
from gnuradio.dislac.blocks.flowgraphs import replay_flowgraph, run_flowgraph
from gnuradio.dislac.dsp.stream import CHUNK
from gnuradio.dislac.io import RecordingReader, fix_to_json, read_fixes
from gnuradio.dislac.positioning import FixStatus
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario, timing

SCENARIO = small_scenario(channel__noise={"snr_db": 20})
ALONE = {"channel__noise": {"snr_db": 20}, **ECHO_ALONE}
"""Without a direct path to learn from the frames before, each frame's fix is its own."""


def recorded(scenario, base):
    """A recording, and the fixes and counters of the run that made it."""
    fixes = []
    tb = run_flowgraph(scenario, frames=6, record=base, on_fix=fixes.append)
    tb.run()
    return base, fixes, tb.counters()


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Of the echo beside its direct path."""
    return recorded(SCENARIO, tmp_path_factory.mktemp("session") / "r")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Of the echo alone."""
    return recorded(small_scenario(**ALONE), tmp_path_factory.mktemp("alone") / "r")


def test_every_frame_gives_a_fix(alone):
    _, fixes, counters = alone
    assert [fix.frame for fix in fixes] == list(range(6))
    assert [fix.time for fix in fixes] == [timing.fix_time(SCENARIO, k) for k in range(6)]
    assert all(fix.status is FixStatus.OK for fix in fixes)
    assert all(fix.error < 6 * fix.bound for fix in fixes)
    rms = np.sqrt(np.mean([fix.error**2 for fix in fixes]))
    assert 0.2 < rms / np.mean([fix.bound for fix in fixes]) < 2.5
    assert counters == {
        "frames_sent": 6, "frames_used": 6, "frames_skipped": 0, "frames_lost": 0, "fixes": 6
    }  # fmt: skip


def test_fixes_beside_the_direct_path_are_near_their_bound():
    """The preset as it is, with a direct path 38 dB above the echo, once its response is known."""
    scenario = load_scenario("paper", {"channel.noise.snr_db": 10})
    assert [path.kind for path in scenario.channel.paths] == ["echo", "direct"]
    fixes = []
    tb = run_flowgraph(scenario, frames=16, on_fix=fixes.append)
    tb.run()
    assert [fix.frame for fix in fixes] == list(range(16))
    assert all(fix.status is FixStatus.OK for fix in fixes)
    error, bound = ([getattr(fix, name) for fix in fixes[4:]] for name in ("error", "bound"))
    assert np.sqrt(np.mean(np.square(error))) < 1.5 * np.sqrt(np.mean(np.square(bound)))
    assert tb.counters()["fixes"] == tb.counters()["frames_used"] == 16


@pytest.mark.parametrize("most", [100, 999, 4_097, 10_000_000])
@pytest.mark.parametrize("speed", [None, 0.5])
def test_a_replay_gives_the_same_fixes_bit_for_bit(session, most, speed):
    base, fixes, counters = session
    again = []
    tb = replay_flowgraph(RecordingReader(base), speed=speed, on_fix=again.append)
    tb.run(most)
    assert list(map(fix_to_json, again)) == list(map(fix_to_json, fixes))
    assert tb.counters() == counters


@pytest.mark.parametrize("most", [100, 4_097])
def test_a_run_does_not_depend_on_buffers(session, most):
    _, fixes, _ = session
    again = []
    tb = run_flowgraph(SCENARIO, frames=6, on_fix=again.append)
    tb.source.set_max_output_buffer(2 * CHUNK)
    tb.run(most)
    assert list(map(fix_to_json, again)) == list(map(fix_to_json, fixes))


def test_one_frame_in_three_is_used(alone, tmp_path):
    base, fixes, _ = alone
    scenario = small_scenario(**ALONE, estimator__every=3)
    tb = replay_flowgraph(RecordingReader(base), scenario, directory=tmp_path)
    tb.run()
    assert list(map(fix_to_json, read_fixes(tmp_path / "fixes.jsonl"))) == [
        fix_to_json(fix) for fix in fixes if fix.frame % 3 == 0
    ]
    assert tb.counters() == {
        "frames_sent": 6, "frames_used": 2, "frames_skipped": 4, "frames_lost": 0, "fixes": 2
    }  # fmt: skip


def test_an_endless_run_can_be_stopped(session):
    enough = threading.Event()
    fixes = []

    def keep(fix):
        fixes.append(fix)
        if len(fixes) == 3:
            enough.set()

    tb = run_flowgraph(SCENARIO, on_fix=keep)
    tb.start()
    assert enough.wait(60)
    tb.stop()
    tb.wait()
    counters = tb.counters()
    assert counters["fixes"] == len(fixes) == counters["frames_used"] >= 3
    assert list(map(fix_to_json, fixes[:3])) == list(map(fix_to_json, session[1][:3]))


def test_a_damaged_recording_still_gives_its_good_frames(alone, tmp_path):
    base, fixes, _ = alone
    data = np.fromfile(f"{base}.sigmf-data", np.complex64).reshape(-1, 2)
    first, period = timing.first_arrival(SCENARIO), 1280
    data[first + period + 7, 0] = np.nan
    data[: first + 4 * period + 100].tofile(tmp_path / "r.sigmf-data")
    (tmp_path / "r.sigmf-meta").write_bytes((base.parent / "r.sigmf-meta").read_bytes())
    again = []
    tb = replay_flowgraph(RecordingReader(tmp_path / "r"), on_fix=again.append)
    tb.run()
    expected = [fix_to_json(fixes[k]) for k in (0, 2, 3)]
    assert list(map(fix_to_json, again)) == expected
    counters = tb.counters()
    assert (counters["frames_sent"], counters["frames_lost"], counters["fixes"]) == (3, 3, 3)
