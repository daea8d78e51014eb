# SPDX-License-Identifier: GPL-3.0-or-later
"""The live displays show what is so, in windows that nobody sees."""

import subprocess
import sys
from threading import Thread

import numpy as np
import pytest
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import Estimate
from gnuradio.dislac.positioning import Fix, FixStatus
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario, routes, timing, truth

QtWidgets = pytest.importorskip("PyQt5.QtWidgets")
QtCore = pytest.importorskip("PyQt5.QtCore")
pytest.importorskip("pyqtgraph")

SCENARIO = load_scenario("paper", ECHO_ALONE)
INK, BLUE, VERMILION = (0x1F, 0x29, 0x33), (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


@pytest.fixture(scope="module")
def qt():
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    yield application
    application.processEvents()


@pytest.fixture
def show(qt):
    """Shows a block's window and gives it; hides it afterwards."""
    shown = []

    def shows(block):
        widget = block.qwidget()
        widget.resize(1100, 700)
        widget.show()
        qt.processEvents()
        shown.append(widget)
        return widget

    yield shows
    for widget in shown:
        widget.hide()
    qt.processEvents()


def fix_at(east, north, up=0.0, frame=0, **values):
    position = np.array([east, north, up])
    return Fix(
        frame=frame,
        time=timing.frame_time(SCENARIO, frame),
        status=FixStatus.OK,
        position=position,
        covariance=np.diag([4.0, 9.0, 1.0]),
        residual_delay=1296e-9,
        residual_doppler=166.0,
        error=float(np.linalg.norm(position)),
        bound=2.6,
        **values,
    )


def pixel(widget, plot, east, north):
    """Colour (red, green, blue) with which a place of a map is shown."""
    view = plot.getViewBox()
    window = view.getViewWidget()
    place = window.mapTo(
        widget, window.mapFromScene(view.mapViewToScene(QtCore.QPointF(east, north)))
    )
    return widget.grab().toImage().pixelColor(place).getRgb()[:3]


def near(color, expected):
    return np.max(np.abs(np.subtract(color, expected))) < 40


def hand_over(block, fixes):
    """Hands fixes to a map in another thread, as GNU Radio does."""
    thread = Thread(target=lambda: [block.handle_fix(pmt_keys.fix_to_pdu(f)) for f in fixes])
    thread.start()
    thread.join()


# The map


def test_a_fix_appears_at_its_place(show):
    block = dislac.position_map(SCENARIO)
    widget = show(block)
    hand_over(block, [fix_at(0.5, 0.5, frame=6), fix_at(6.0, -4.0, frame=7)])
    widget.refresh()
    close_up, scene = widget.close_up.plot, widget.scene.plot
    assert near(pixel(widget, close_up, 6.0, -4.0), VERMILION)
    assert near(pixel(widget, close_up, 0.0, 0.0), INK)  # the truth
    assert near(pixel(widget, scene, -50.0, 190.0), BLUE)  # the base station
    assert near(pixel(widget, close_up, -6.0, -4.0), (255, 255, 255))
    # its 95 % ellipse: 2.448 deviations east
    assert near(pixel(widget, close_up, 6.0 + 2 * 2.448, -4.0), VERMILION)


def test_the_numbers_are_those_of_the_newest_fix(show):
    block = dislac.position_map(SCENARIO)
    widget = show(block)
    hand_over(block, [fix_at(3.0, 4.0, frame=6), fix_at(0.0, -1.0, frame=7)])
    widget.refresh()
    texts = widget.panel.texts()
    assert texts["Frame"] == "7"
    assert texts["Status"] == "ok"
    assert texts["East"] == "0.0 ± 2.0 m"
    assert texts["North"] == "−1.0 ± 3.0 m"
    assert texts["Error"] == "1.00 m"
    assert texts["RMS error"] == "3.61 m"  # sqrt((25 + 1) / 2)
    assert texts["Bound"] == "2.60 m"
    assert texts["Residual delay"] == "1296.0 ns"
    assert texts["Residual Doppler"] == "166 Hz"
    assert texts["Fixes"] == "2 of 2"
    assert texts["Without a fix"] == "none"


def test_a_frame_without_a_position_says_why_and_shows_none(show):
    block = dislac.position_map(SCENARIO)
    widget = show(block)
    hand_over(block, [fix_at(6.0, -4.0), Fix(1, 0.1, FixStatus.NO_DETECTION)])
    widget.refresh()
    texts = widget.panel.texts()
    assert texts["Status"] == "no detection"
    assert texts["Fixes"] == "1 of 2"
    assert texts["Without a fix"] == "1 no detection"
    assert texts["East"] == "–"
    # only the faint dot of the fix before
    assert not near(pixel(widget, widget.close_up.plot, 6.0, -4.0), VERMILION)
    assert not near(pixel(widget, widget.close_up.plot, 6.0, -4.0), (255, 255, 255))


def test_without_a_truth_the_close_up_goes_where_the_fixes_are(show):
    unknown = load_scenario("paper", {"channel.paths": [{"kind": "direct"}]})
    document = unknown.text.replace("  target:\n    position:\n    - 0\n    - 0\n    - 0\n", "")
    scenario = dislac.scenario.parse_scenario(document)
    assert scenario.target is None
    block = dislac.position_map(scenario)
    widget = show(block)
    # Beside round numbers, where lines of the grid are drawn over the picture.
    hand_over(block, [fix_at(101.3 + k, 50.7, frame=k) for k in range(5)])
    widget.refresh()
    (left, right), (bottom, top) = widget.close_up.view.viewRange()
    assert 60 < left < 100 and 106 < right < 150
    assert bottom < 50 < top
    assert near(pixel(widget, widget.close_up.plot, 105.3, 50.7), VERMILION)


def test_the_scene_grows_with_what_it_must_show(show):
    scenario = load_scenario("paper", {"nodes.target.velocity": [1e3, 0, 0]})
    block = dislac.position_map(scenario)
    widget = show(block)
    far = Fix(9, 2.0, FixStatus.OK, position=np.array([2000.0, 0.0, 0.0]))
    hand_over(block, [far])
    widget.refresh()
    (left, right), _ = widget.scene.view.viewRange()
    assert left < -50 and right > 2000


def test_the_trail_is_bounded_and_all_frames_are_counted(show):
    block = dislac.position_map(SCENARIO, trail=3)
    widget = show(block)
    hand_over(block, [fix_at(k, 0.0, frame=k) for k in range(50)])
    track = block._keeper.newest()
    assert track.positions[:, 0].tolist() == [47, 48, 49]
    widget.draw(track)
    assert widget.panel.texts()["Fixes"] == "50 of 50"
    assert block._keeper.newest() is None  # nothing new


def test_a_window_looks_only_while_it_can_be_seen(qt, show):
    widget = show(dislac.position_map(SCENARIO))
    assert widget._timer.isActive()
    widget.hide()
    assert not widget._timer.isActive()


@pytest.mark.parametrize("values", [{"trail": 0}, {"update_rate": 0.0}])
def test_settings_that_make_no_sense(qt, values):
    with pytest.raises(ValueError, match="must be positive"):
        dislac.position_map(SCENARIO, **values)
    if "update_rate" in values:
        with pytest.raises(ValueError, match="must be positive"):
            dislac.delay_doppler_view(SCENARIO, **values)


# The delay-Doppler view


MODEL = routes.snapshot_model(SCENARIO)
PATHS = truth.true_paths(SCENARIO, 0)

# Each symbol weighs by the power of its response: of 24.1 dB, for 256 elements, that leaves
POWERS = np.sum(np.abs(MODEL.response(PATHS.arrival[0], PATHS.departure[0])) ** 2, axis=1)
PEAK = 10 * np.log10(256 * np.mean(POWERS) ** 2 / np.mean(POWERS**2))


def frames(count, snr_db, paths=PATHS, seed=1):
    """Frame vectors (count, size)."""
    rng = np.random.default_rng(seed)
    clean = synthesize(MODEL, paths)
    noise = rng.standard_normal((count, *clean.shape, 2)) @ [1, 1j] / np.sqrt(2)
    noisy = clean + noise * np.sqrt(np.mean(np.abs(clean) ** 2) * 10 ** (-snr_db / 10))
    return noisy.reshape(count, -1).astype(np.complex64)


class Chain(gr.top_block):
    """Frame vectors into a view."""

    def __init__(self, vectors, tagged=(), scenario=SCENARIO):
        gr.top_block.__init__(self)
        self.view = dislac.delay_doppler_view(scenario)
        tags = [
            gr.tag_utils.python_to_tag((item, pmt_keys.FRAME, pmt_keys.frame_to_tag(index), None))
            for item, index in tagged
        ]
        size = vectors.shape[1]
        self.source = blocks.vector_source_c(vectors.ravel(), False, size, tags)
        self.connect(self.source, self.view)


def estimate(paths):
    pdu = pmt_keys.estimate_to_pdu(Estimate(paths, None, 1.0, 0.5, 0.1), 0, 0.0)
    assert pmt_keys.estimate_from_pdu(pdu)[0].detected == (len(paths) > 0)
    return pdu


def test_the_echo_stands_at_its_delay_and_doppler(show):
    chain = Chain(frames(5, 10.0), tagged=[(k, 100 + k) for k in range(5)])
    widget = show(chain.view)
    chain.run()
    chain.view.handle_paths(estimate(PATHS))
    widget.refresh()
    texts = widget.panel.texts()
    assert texts["Frame"] == "104"  # the newest only
    assert float(texts["Peak delay"].split()[0]) == pytest.approx(1296.0, abs=3.0)
    assert float(texts["Peak range"].split()[0]) == pytest.approx(388.8, abs=1.0)
    assert float(texts["Peak Doppler"].split()[0]) == pytest.approx(0.166, abs=0.2)
    assert float(texts["Peak"].split()[0]) == pytest.approx(PEAK, abs=0.4)
    assert "matched" in widget.plot.titleLabel.text
    # bright yellow beside the ring, dark far away
    assert near(pixel(widget, widget.plot, 1.34, 0.2), (0xFD, 0xE7, 0x25))
    assert sum(pixel(widget, widget.plot, 0.55, 30.0)) < 250


def test_the_direct_path_is_taken_off_the_picture(show):
    scenario = load_scenario("paper")
    both = truth.true_paths(scenario, 0)
    direct = synthesize(MODEL, Paths(*(value[1:] for value in vars(both).values())))
    assert np.mean(np.abs(direct) ** 2) > 5000 * np.mean(np.abs(synthesize(MODEL, PATHS)) ** 2)
    chain = Chain(frames(1, 10.0) + direct.reshape(1, -1).astype(np.complex64), scenario=scenario)
    widget = show(chain.view)
    chain.run()
    chain.view.handle_paths(estimate(PATHS))
    widget.refresh()
    texts = widget.panel.texts()
    assert float(texts["Peak delay"].split()[0]) == pytest.approx(1296.0, abs=3.0)
    assert float(texts["Peak"].split()[0]) == pytest.approx(PEAK, abs=0.4)


def test_without_paths_the_powers_of_the_chains_are_added(show):
    chain = Chain(frames(1, 10.0))
    widget = show(chain.view)
    chain.run()
    widget.refresh()
    texts = widget.panel.texts()
    assert texts["Frame"] == "0"  # counted where there is no tag
    assert float(texts["Peak delay"].split()[0]) == pytest.approx(1296.0, abs=20.0)
    assert "sum over the chains" in widget.plot.titleLabel.text


def test_frames_in_which_nothing_was_found_are_not_matched(show):
    none = Paths(*(np.zeros((0, *x.shape[1:]), x.dtype) for x in vars(PATHS).values()))
    chain = Chain(frames(1, -60.0))
    widget = show(chain.view)
    chain.run()
    chain.view.handle_paths(estimate(none))
    widget.refresh()
    assert "sum over the chains" in widget.plot.titleLabel.text
    assert float(widget.panel.texts()["Peak"].split()[0]) < 10.0


def test_a_view_starts_again_with_its_flowgraph(show):
    chain = Chain(frames(1, 10.0))
    widget = show(chain.view)
    chain.view.handle_paths(estimate(PATHS))
    chain.run()
    widget.refresh()
    assert "sum over the chains" in widget.plot.titleLabel.text


# Without windows


def test_no_qt_before_there_is_a_window():
    code = """
import sys
from gnuradio import dislac
dislac.position_map, dislac.delay_doppler_view
assert not any("PyQt" in name or "pyqtgraph" in name for name in sys.modules)
for block in (dislac.position_map, dislac.delay_doppler_view):
    try:
        block(dislac.scenario.load_scenario("paper"))
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("needs a QApplication") == 2


def test_plots_are_closed_before_the_application_ends():
    """A window of Companion is kept beyond the application; what is drawn in it must not be."""
    code = """
from PyQt5 import QtCore, QtWidgets
application = QtWidgets.QApplication([])
from gnuradio.dislac.displays.display import Display, colors_of
display = Display(lambda: None, 10.0, colors_of("light"))
plots = display.add_plots()
plots.addPlot()
display.show()
before = plots.closed
QtCore.QTimer.singleShot(0, application.quit)
application.exec_()
print(before, plots.closed)
"""
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "False True\n"), done.stderr
