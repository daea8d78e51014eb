#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole flowgraph with its live view, as fast as it goes: seconds of signal a second.

    .venv/bin/python benchmarks/live.py [--seconds 60] [--every 64] [KEY=VALUE ...]

The scene is the paper's with 8 x 8 chains, physical beams and four paths, a frame each millisecond,
and noise from a pool; every n-th frame is used. The answer is one JSON object.
"""

import json
import os
import time
from threading import Thread

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click
from gnuradio import dislac
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.text import parse_value
from kernels import SCENE
from PyQt5 import QtCore, QtWidgets


class Live(run_flowgraph):
    """The chain, and everything of it in a window."""

    def __init__(self, scenario: dislac.scenario.Scenario, frames: int) -> None:
        super().__init__(scenario, frames=frames)
        self.view = dislac.live_view(scenario)
        self.connect(self.demodulator, self.view)
        self.msg_connect((self.estimator, "paths"), (self.view, "paths"))
        self.msg_connect((self.locator, "fix"), (self.view, "fix"))
        for block in (self.demodulator, self.estimator):
            self.msg_connect((block, "events"), (self.view, "events"))


@click.command()
@click.option("--seconds", default=60.0)
@click.option("--every", default=64)
@click.argument("settings", nargs=-1)
def main(seconds: float, every: int, settings: tuple[str, ...]) -> None:
    given = {key: parse_value(value) for key, _, value in (s.partition("=") for s in settings)}
    scenario = load_scenario("paper", SCENE | {"estimator.every": every} | given)
    application = QtWidgets.QApplication([])
    frames = round(seconds * scenario.sample_rate / scenario.numerology.frame_period)
    graph = Live(scenario, frames)
    window = graph.view.qwidget()
    window.resize(1280, 800)
    window.show()
    graph.start()
    clock, processor = time.perf_counter(), time.process_time()
    waiting = Thread(target=graph.wait, daemon=True)
    waiting.start()
    watch = QtCore.QTimer()
    watch.timeout.connect(lambda: waiting.is_alive() or application.quit())
    watch.start(20)
    application.exec_()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    print(
        json.dumps(
            {"factor": seconds / clock, "processor": processor / seconds, **graph.counters()}
        )
    )


if __name__ == "__main__":
    main()
