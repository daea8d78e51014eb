#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellite, channel and base station as three processes: each is killed and started again in turn,
and the base station is halted for a while. Prints how long it took until there were fixes again,
how many of the fixes were other than those of one flowgraph, and the memory that each took.

    benchmarks/restarts.py [--scenario FILE] [--chains N] [--stall SECONDS] [KEY=VALUE ...]
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Condition, Thread

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from gnuradio.dislac.blocks.flowgraphs import run_flowgraph
from gnuradio.dislac.io import fix_to_dict
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.text import parse_value

COMMAND = [sys.executable, "-u", "-c", "from gnuradio.dislac.cli import main; main()"]
PATIENCE = 60.0
ECHO = "channel.paths=[{kind: echo}]"
"""Beside a direct path fixes depend on the frames before, and so on those that a restart costs."""


class Process:
    """One of the three, and what it says."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.said = Condition()
        self.start()

    def start(self) -> None:
        self.fixes: list[dict] = []
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for stream in (self.process.stdout, self.process.stderr):
            Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream) -> None:
        for line in stream:
            with self.said:
                if line.startswith("{"):
                    self.fixes.append(json.loads(line))
                else:
                    self.lines.append(line)
                self.said.notify_all()

    def wait_for(self, condition) -> float:
        """When a condition has come true."""
        with self.said:
            if not self.said.wait_for(condition, PATIENCE):
                raise TimeoutError(f"{self.arguments[0]}: {self.lines[-5:]}")
            return time.monotonic()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def memory(self) -> float:
        """Resident memory [MB]."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def reported(lines: list[str]) -> bool:
    """Whether the station has said that what comes does not go on from what came."""
    return any(re.search(r"again at [\d.]+|before [\d.]+", line) for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="paper")
    parser.add_argument("--stall", type=float, default=10.0)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    settings = [ECHO, *options.settings]
    pairs = [setting.partition("=")[::2] for setting in settings]
    scenario = load_scenario(options.scenario, {k: parse_value(v) for k, v in pairs})
    common = [options.scenario, *(f"--set={setting}" for setting in settings)]
    satellite = Process("satellite", *common, "--at", "5760")
    channel = Process("channel", *common, "--from", "5760", "--at", "5761")
    station = Process("station", *common, "--from", "5761", "--json")
    three = {"satellite": satellite, "channel": channel, "station": station}
    seen: list[dict] = []

    def memories() -> str:
        return ", ".join(f"{name} {p.memory():.0f} MB" for name, p in three.items())

    def run_on(count: int) -> None:
        known = len(station.fixes)
        station.wait_for(lambda: len(station.fixes) >= known + count)

    try:
        run_on(50)
        print(f"running: {memories()}")
        for name, process in three.items():
            known = len(station.fixes), len(station.lines)
            seen += station.fixes if process is station else []
            begin = time.monotonic()
            process.kill()
            process.start()
            if process is station:
                end = station.wait_for(lambda: station.fixes)
            else:
                station.wait_for(lambda known=known: reported(station.lines[known[1] :]))
                # fixes that were under way before do not count
                place = len(station.fixes)
                end = station.wait_for(lambda place=place: len(station.fixes) > place + 1)
            print(f"{name} killed and started again: fixes again after {end - begin:.2f} s")
            run_on(50)
        before = {name: p.memory() for name, p in three.items()}
        os.kill(station.process.pid, signal.SIGSTOP)
        time.sleep(options.stall)
        after = {name: p.memory() for name, p in three.items()}
        os.kill(station.process.pid, signal.SIGCONT)
        run_on(50)
        growth = ", ".join(f"{name} {after[name] - before[name]:+.1f} MB" for name in three)
        print(f"station halted for {options.stall:g} s: {growth}")
        print(f"running: {memories()}")
        print("station: " + "; ".join(line.strip() for line in station.lines))
    finally:
        seen += station.fixes
        for process in three.values():
            process.kill()

    last = max(fix["frame"] for fix in seen)
    wanted: list[dict] = []
    run_flowgraph(scenario, frames=last + 1, on_fix=lambda f: wanted.append(fix_to_dict(f))).run()
    truth = {fix["frame"]: fix for fix in json.loads(json.dumps(wanted))}
    other = [fix for fix in seen if fix != truth[fix["frame"]]]
    print(f"{len(seen)} fixes of frames up to {last}: {len(other)} other than one flowgraph's")
    for fix in other[:5]:
        print(f"  {fix}\n  {truth[fix['frame']]}")
    sys.exit(bool(other))


if __name__ == "__main__":
    main()
