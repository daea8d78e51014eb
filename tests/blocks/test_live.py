# SPDX-License-Identifier: GPL-3.0-or-later
"""State and counters of the receiver, in the live view and over the publisher."""

import numpy as np
import pytest
from block_helpers import small_scenario
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.displays.status import Status, StatusKeeper
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.io import ExportError, fix_to_json
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import load_scenario, routes, truth

QtWidgets = pytest.importorskip("PyQt5.QtWidgets")
pytest.importorskip("pyqtgraph")

SCENARIO = load_scenario("paper")
MODEL = routes.snapshot_model(SCENARIO)
PATHS = truth.true_paths(SCENARIO, 0, 1)


def event(name, **details):
    return {"event": name, **details}


# What has become of the frames


def test_frames_between_those_that_come_were_skipped_unless_they_were_lost():
    keeper = StatusKeeper()
    keeper.take_frames(10)
    keeper.take_frames(20, count=3)  # of 11 to 20
    assert keeper.status() == Status("", "", 4, 7, 0)
    assert keeper.take_event(event("frame_dropped", frame=13, reason="cut off"))
    assert keeper.take_event(event("frame_dropped", frame=14, count=2, reason="in a gap"))
    assert keeper.status() == Status("", "", 4, 4, 3)
    keeper.take_frames(0)  # the transmitter has begun again
    keeper.take_frames(1)
    assert keeper.status() == Status("", "", 6, 4, 3)


def test_the_state_is_the_last_that_was_reported():
    keeper = StatusKeeper()
    for state in ("searching", "locked", "lost"):
        assert keeper.take_event(event("sync", state=state, reason=f"why {state}"))
    assert not keeper.take_event(event("gap", missing=3))
    assert keeper.status() == Status("lost", "why lost", 0, 0, 0)
    keeper.clear()
    assert keeper.status() == Status()


# The window


@pytest.fixture(scope="module")
def qt():
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    yield application
    application.processEvents()


def vectors(number, seed=1):
    rng = np.random.default_rng(seed)
    clean = synthesize(MODEL, PATHS)
    noise = rng.standard_normal((number, *clean.shape, 2)) @ [1, 1j] / np.sqrt(20)
    noisy = clean + noise * np.sqrt(np.mean(np.abs(clean) ** 2))
    return noisy.reshape(number, -1).astype(np.complex64)


class Chain(gr.top_block):
    """Frame vectors, with indices from `first` on by `step`, into a live view."""

    def __init__(self, frames, first=0, step=1, **settings):
        gr.top_block.__init__(self)
        self.view = dislac.live_view(SCENARIO, **settings)
        indices = first + step * np.arange(len(frames))
        tags = [
            gr.tag_utils.python_to_tag((k, pmt_keys.FRAME, pmt_keys.frame_to_tag(int(n)), None))
            for k, n in enumerate(indices)
        ]
        self.source = blocks.vector_source_c(frames.ravel(), False, frames.shape[1], tags)
        self.connect(self.source, self.view)


@pytest.fixture
def window(qt):
    """Shows the window of a live view as large as a laptop's screen, and gives it."""
    shown = []

    def show(view):
        widget = view.qwidget()
        widget.resize(1280, 800)
        widget.show()
        qt.processEvents()
        shown.append(widget)
        return widget

    yield show
    for widget in shown:
        widget.hide()


def pdu(paths=PATHS):
    return pmt_keys.estimate_to_pdu(Estimate(paths, None, 1.0, 0.5, 0.1), 0, 0.0)


def a_fix(frame=0):
    position = np.array([3.0, 4.0, 0.0])
    return Fix(frame, 0.1, FixStatus.OK, position, np.eye(3), 1296e-9, 166.0, error=5.0, bound=2.6)


def counters(widget):
    return {name: label.text() for name, label in widget.counters.items()}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_window_shows_it_all(window, theme):
    chain = Chain(vectors(5), first=100, step=3, theme=theme)
    widget = window(chain.view)
    chain.run()
    chain.view.handle_paths(pdu())
    chain.view.handle_fix(pmt_keys.fix_to_pdu(a_fix(112)))
    chain.view.handle_event(pmt_keys.event_to_pdu("sync", {"state": "locked", "reason": "found"}))
    chain.view.handle_event(
        pmt_keys.event_to_pdu("frame_dropped", {"frame": 101, "reason": "not finite"})
    )
    widget.refresh()
    assert (widget.state.text(), widget.reason.text()) == ("LOCKED", "found")
    assert counters(widget) == {
        "used": "used <b>5</b>",
        "skipped": "skipped <b>7</b>",
        "lost": "lost <b>1</b>",
    }
    fix, echo, angles = (
        w.panel.texts() for w in (widget.map, widget.delay_doppler, widget.spectrum)
    )
    assert fix["Frame"] == "112" and fix["Error"] == "5.00 m"
    assert echo["Frame"] == "112"
    assert float(echo["Peak delay"].split()[0]) == pytest.approx(1296.0, abs=3.0)
    assert float(angles["Off the truth"]) < 0.03
    peak = [float(x.replace("−", "-")) for x in angles["Peak direction"].split(",")]
    assert peak == pytest.approx(PATHS.arrival[0], abs=0.03)
    # The cuts pass through the peak, and no level is above it.
    delay_axis, along_delay = widget.delay_doppler.delay_cut.getData()
    along_doppler, doppler_axis = widget.delay_doppler.doppler_cut.getData()
    top = float(echo["Peak"].split()[0])
    assert along_delay.max() == pytest.approx(top, abs=0.06)
    assert along_doppler.max() == pytest.approx(top, abs=0.06)
    assert delay_axis[np.argmax(along_delay)] == pytest.approx(1.296, abs=0.02)
    assert abs(doppler_axis[np.argmax(along_doppler)]) < 1.0
    assert chain.view.news() is None  # nothing new


def test_nothing_overlaps_at_the_size_of_a_laptop(window):
    widget = window(Chain(vectors(1)).view)
    parts = [
        *(widget.header, widget.map, widget.delay_doppler, widget.spectrum),
        *(w.panel for w in (widget.map, widget.delay_doppler, widget.spectrum)),
    ]
    places = [part.rect().translated(part.mapTo(widget, part.rect().topLeft())) for part in parts]
    for number, place in enumerate(places):
        assert widget.rect().contains(place)
        assert not any(place.intersects(other) for other in places[:number])


def test_without_anybody_who_says_so_there_is_no_lock(window):
    widget = window(Chain(vectors(1)).view)
    assert widget.state.text() == "BY TAGS"
    assert widget.reason.text() == "frames are found by their tags"


def test_frames_that_come_fast_are_waited_for_together_and_slow_ones_are_not(qt):
    chain = Chain(vectors(40))
    view = chain.view
    frame = vectors(1)[0]
    view.begin()
    sizes = []
    for calls in (2, 3, 50, 50, 50, 50, 50, 0, 1):
        for _ in range(calls):
            view._newest.put(frame, 0)
            view._calls += 1
        view.look()
        sizes.append(view.output_multiple())
    assert sizes == [1, 2, 4, 8, 16, 16, 16, 1, 1]
    chain.run()
    assert chain.view._status.status().frames_used == 40


def test_frames_that_were_still_waited_for_at_the_end_are_counted(qt, monkeypatch):
    chain = Chain(vectors(21), first=100, step=2)
    monkeypatch.setattr(chain.view, "begin", lambda: chain.view.set_output_multiple(16))
    chain.run()
    status = chain.view._status.status()
    assert (status.frames_used, status.frames_skipped) == (21, 20)


@pytest.mark.parametrize(
    "wrong", [{"trail": 0}, {"update_rate": 21}, {"update_rate": 0}, {"theme": "pink"}]
)
def test_settings_that_make_no_sense(qt, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dislac.live_view(SCENARIO, **wrong)


# The publisher


def test_a_running_flowgraph_publishes_what_it_finds():
    zmq = pytest.importorskip("gnuradio.dislac.io.monitor")
    scenario = small_scenario(channel__noise={"snr_db": 10})
    fixes = []
    flowgraph = run_flowgraph(scenario, on_fix=fixes.append)
    flowgraph.publish("0")
    flowgraph.start()
    heard, statuses = [], []
    with zmq.FixSubscriber(flowgraph.publisher.endpoint) as subscriber:
        while len(heard) < 3:
            message = subscriber.receive(30.0)
            assert message is not None
            if message.topic == zmq.FIX:
                heard.append(message.text)
            elif message.topic == zmq.STATUS:
                statuses.append(message.content())
    flowgraph.stop()
    flowgraph.wait()
    said = [fix_to_json(fix) for fix in fixes]
    assert set(heard) <= set(said)
    assert list(statuses[0]) == [
        *("scenario", "state", "reason", "frames_used", "frames_skipped", "frames_lost", "fixes")
    ]
    assert statuses[0]["scenario"] == "paper"
    counts = [status["frames_used"] for status in statuses]
    assert counts == sorted(counts) and counts[-1] >= 2
    assert flowgraph.publisher.endpoint == ""


def test_a_publisher_takes_events_and_refuses_all_interfaces():
    block = dislac.fix_publisher(SCENARIO, "0")
    block.handle_event(pmt_keys.event_to_pdu("sync", {"state": "lost", "reason": "a fade"}))
    assert block._status.status() == Status("lost", "a fade")
    with pytest.raises(ValueError, match="every network"):
        dislac.fix_publisher(SCENARIO, "tcp://*:5570")
    with pytest.raises(ValueError, match="keys is empty"):
        dislac.fix_publisher(SCENARIO, "0", keys="")


def test_a_sink_refuses_a_format_that_the_scenario_does_not_allow():
    with pytest.raises(ExportError, match="NMEA has a time"):
        dislac.fix_sink(SCENARIO, "unused", formats=["nmea"])
