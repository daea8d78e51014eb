# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings made straight from a radio, which tags no frames: they replay to the live fixes."""

import numpy as np
import pytest
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.blocks.flowgraphs import replay_flowgraph, run_flowgraph
from gnuradio.dislac.blocks.radio_flowgraphs import radio_flowgraph
from gnuradio.dislac.io import RecordingReader
from gnuradio.dislac.scenario import load_scenario

FRAMES, PERIOD = 24, 7680
LAB = load_scenario("lab")
DIRECT_PATH = {"synchronization.reference": "direct-path"}


@pytest.fixture(scope="module")
def on_air(tmp_path_factory):
    """A file of what the lab's receiver hears."""
    base = tmp_path_factory.mktemp("air") / "air"
    run_flowgraph(LAB, frames=FRAMES, record=base).run()
    return f"{base}.sigmf-data"


class Recorder(gr.top_block):
    """Radio Source and Recording Sink, and a count of samples between them."""

    def __init__(self, scenario, device, count, base, **settings):
        super().__init__()
        self.source = dislac.radio_source(scenario, device, **settings)
        self.sink = dislac.recording_sink(scenario, base)
        for chain in range(scenario.chains):
            head = blocks.head(8, count)
            self.connect((self.source, chain), head, (self.sink, chain))


def fixes_of(make, *arguments, **settings):
    """Fixes of a flowgraph, by their frames."""
    fixes = []
    make(*arguments, on_fix=fixes.append, **settings).run()
    return {fix.frame: fix for fix in fixes}


@pytest.mark.parametrize(
    ("driver", "overrides", "found_by"),
    [
        ("uhd", {}, "time"),
        ("uhd", DIRECT_PATH, "direct-path"),
        ("soapy", {}, "direct-path"),
    ],
)
def test_it_replays_to_the_fixes_of_the_live_run(on_air, tmp_path, driver, overrides, found_by):
    scenario = load_scenario("lab", overrides)
    kind = "type" if driver == "uhd" else "driver"
    device = f"{driver}:{kind}=loopback,file={on_air},gaps=61000+300;110000+9000"
    settings = {"start_time": 0.0} if driver == "uhd" else {}
    # Each a device of its own: the clock of one that was used has gone on.
    recorded = f"{device},name=recorded-{found_by}"
    Recorder(scenario, recorded, FRAMES * PERIOD, tmp_path / "r", **settings).run()

    reader = RecordingReader(tmp_path / "r")
    assert reader.frames == ()
    assert reader.sample_count == FRAMES * PERIOD
    assert reader.scenario.synchronization.reference == found_by
    # Gaps are counted by the receiver's clock.
    offsets = [mark.offset for mark in reader.marks]
    assert offsets == [0, 61000, 110000 - 300]
    if driver == "uhd":
        clocks = [sum(mark.time) * LAB.sample_rate for mark in reader.marks]
        np.testing.assert_allclose(np.diff(np.array(clocks) - offsets), [300, 9000], atol=1e-6)
    else:
        assert [mark.time for mark in reader.marks] == [None] * 3
    said = [w for w in reader.warnings if "holds no frame starts" in w]
    assert len(said) == (not overrides)

    live = fixes_of(
        radio_flowgraph, scenario, f"{device},name=live-{found_by}", frames=16, **settings
    )
    replayed = fixes_of(replay_flowgraph, reader)
    assert len(live) == 16 and live.keys() <= replayed.keys()
    for frame, fix in live.items():
        again = replayed[frame]
        np.testing.assert_array_equal(fix.position, again.position)
        np.testing.assert_array_equal(fix.covariance, again.covariance)
        assert (fix.time, fix.status) == (again.time, again.status)
