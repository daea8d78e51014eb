#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the live view costs: processor time of its threads, with a frame every millisecond.

    .venv/bin/python benchmarks/live_view.py [SECONDS]

Linux only: it reads the threads' times from /proc.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from gnuradio import dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario, truth
from gnuradio.dislac.systems import bistatic
from PyQt5 import QtCore, QtWidgets

FRAMES, FIXES = 1000, 30
"""A second."""

SCENARIO = load_scenario("paper", ECHO_ALONE)
WARM_UP = 2.0


class Frames(gr.sync_block):
    """A noisy frame every millisecond, with the paths and the fix of one in some."""

    def __init__(self) -> None:
        estimator, rng = bistatic.estimator(SCENARIO), np.random.default_rng(1)
        clean = synthesize(estimator.model, truth.true_paths(SCENARIO, 0))
        noise = rng.standard_normal((20, *clean.shape, 2)) @ [1, 1j]
        self.frames = (clean + noise * np.sqrt(np.mean(np.abs(clean) ** 2) / 20)).astype("c8")
        found = [estimator.estimate(frame) for frame in self.frames]
        self.pdus = [
            (
                pmt_keys.estimate_to_pdu(estimate, 0, 0.0),
                pmt_keys.fix_to_pdu(bistatic.locate(SCENARIO, estimate, 0)),
            )
            for estimate in found
        ]
        size = self.frames[0].size
        gr.sync_block.__init__(self, "frames", None, [(np.complex64, size)])
        for port in (pmt_keys.PATHS, pmt_keys.FIX):
            self.message_port_register_out(port)
        self.count, self.over, self.begun = 0, False, time.monotonic()

    def work(self, input_items, output_items):
        if self.over:
            return -1
        time.sleep(max(0.0, self.begun + self.count / FRAMES - time.monotonic()))
        number = self.count % len(self.frames)
        output_items[0][0] = self.frames[number].ravel()
        tag = pmt_keys.frame_to_tag(self.count)
        self.add_item_tag(0, self.nitems_written(0), pmt_keys.FRAME, tag)
        if self.count % (FRAMES // FIXES) == 0:
            for port, message in zip(
                (pmt_keys.PATHS, pmt_keys.FIX), self.pdus[number], strict=True
            ):
                self.message_port_pub(port, message)
        self.count += 1
        return 1


def spent() -> dict[str, float]:
    """Processor time of the threads of view and widgets [s]."""
    times = {}
    for task in Path("/proc/self/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        ticks = sum(int(field) for field in rest.split()[11:13])
        if name.startswith("live_view") or int(task.name) == os.getpid():
            kind = "block" if name.startswith("live_view") else "widgets"
            times[kind] = ticks / os.sysconf("SC_CLK_TCK")
    return times


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    application = QtWidgets.QApplication(sys.argv)
    graph = gr.top_block()
    frames, view = Frames(), dislac.live_view(SCENARIO)
    graph.connect(frames, view)
    for port in ("paths", "fix"):
        graph.msg_connect((frames, port), (view, port))
    widget, draws, draw = view.qwidget(), [], view.qwidget().draw
    widget.draw = lambda news: (draws.append(time.monotonic()), draw(news))
    widget.resize(1280, 800)
    widget.show()
    frames.begun = time.monotonic()
    graph.start()
    taken: list[tuple[dict[str, float], float, int]] = []

    def take() -> None:
        taken.append((spent(), time.monotonic(), frames.count))
        if len(taken) == 2:
            application.quit()

    QtCore.QTimer.singleShot(round(1000 * WARM_UP), take)
    QtCore.QTimer.singleShot(round(1000 * (WARM_UP + seconds)), take)
    application.exec_()
    frames.over = True
    graph.stop()
    graph.wait()
    (before, begin, first), (after, end, last) = taken
    shares = {kind: (after[kind] - before[kind]) / (end - begin) for kind in after}
    drawn = sum(begin <= moment < end for moment in draws) / (end - begin)
    print(
        f"{(last - first) / (end - begin):.0f} frames/s, drawn {drawn:.1f} times a second: "
        + ", ".join(f"{kind} {share:.3f}" for kind, share in sorted(shares.items()))
        + f", together {sum(shares.values()):.3f} of a core"
    )


if __name__ == "__main__":
    main()
