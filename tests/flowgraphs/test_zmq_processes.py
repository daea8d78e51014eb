# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellite, channel and station as commands; each is killed and started again."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.io import fix_to_json
from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario

TREE = Path(__file__).parents[2] / "python" / "tree"
COMMAND = [sys.executable, "-u", "-m", "gnuradio.dislac"]
SETTINGS = {
    **ECHO_ALONE,  # beside a direct path a station that starts late has learned less than others
    "beams.chains": 2,
    "numerology.frame_period": 30_720,
    "nodes.target.velocity": [20, 10, 0],
}


class Process:
    """One of the three; what it says on stderr is kept."""

    def __init__(self, *arguments):
        settings = (f"--set={key}={value}" for key, value in SETTINGS.items())
        self.arguments = [*COMMAND, arguments[0], "paper", *settings, *arguments[1:]]
        self.start()

    def start(self):
        path = os.pathsep.join([str(TREE), *filter(None, [os.environ.get("PYTHONPATH")])])
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.arguments,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.said = []
        self.reader = Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def fixes(self):
        """Fixes of a station as it prints them, one after another."""
        return map(json.loads, self.process.stdout)


def test_each_may_be_killed_and_started_again(tmp_path):
    places = [f"ipc://{tmp_path}/{end}" for end in ("satellite", "channel")]
    satellite = Process("satellite", "--at", places[0])
    channel = Process("channel", "--from", places[0], "--at", places[1])
    station = Process("station", "--from", places[1], "--json")
    seen = []

    def follow(until):
        for fix in station.fixes():
            seen.append(fix)
            if until(fix):
                return
        pytest.fail(f"no more fixes: {station.said}")

    try:
        follow(lambda fix: fix["frame"] == 20)
        satellite.restart()
        follow(lambda fix: fix["frame"] == 5)  # the scene begins again
        channel.restart()
        before = [fix["frame"] for fix in seen][-1]
        follow(lambda fix: fix["frame"] > before + 1 and fix["frame"] - seen[-2]["frame"] > 1)
        station.restart()
        follow(lambda fix: True)
        follow(lambda fix: fix["frame"] > seen[-2]["frame"])
    finally:
        for process in (satellite, channel, station):
            process.kill()

    last = max(fix["frame"] for fix in seen)
    wanted = []
    run_flowgraph(load_scenario("paper", SETTINGS), frames=last + 1, on_fix=wanted.append).run()
    truth = {fix.frame: json.loads(fix_to_json(fix)) for fix in wanted}
    assert [fix for fix in seen if fix != truth[fix["frame"]]] == []


def test_an_address_of_all_interfaces_is_refused_in_one_line():
    process = Process("satellite", "--at", "tcp://*:5560")
    assert process.process.wait() == 1
    process.reader.join()
    assert process.said[0].startswith("dislac: error: 'tcp://*:5560' would listen on every network")
    assert "--bind-any" in process.said[0]
