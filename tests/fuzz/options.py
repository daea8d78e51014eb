# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong values for every option of every command.

python -m tests.fuzz.options --seed 1 --count 1300
"""

import argparse
import math
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from gnuradio.dislac.cli import main as dislac
from gnuradio.dislac.estimation import detection
from gnuradio.dislac.printable import printable

from tests.fuzz import harness
from tests.fuzz.scenarios import FEW_FRAMES, TLE, patient_run, warm

FIX = (
    '{"frame": 0, "time": 0.0, "position": [1, 2, 3], "covariance": null, "residual_delay": null, '
    '"residual_doppler": null, "direction": null, "status": "ok", "error": null, "bound": null}\n'
)

GOOD: dict[str, list[str]] = {
    "run": ["paper", "--frames", "1"],
    "transmit": ["paper", "--frames", "1", "--radio", "soapy:driver=none"],
    "replay": ["recording"],
    "bound": ["paper"],
    "waveform": [],
    "passes": ["sky.tle", "--site", "50.9,-1.4,20", "--hours", "1"],
    "geometry": ["paper"],
    "doctor": [],
    "calibrate": ["paper", "--frames", "8"],
    "export": ["fixes.jsonl", "--to", "gpx", "--scenario", "paper"],
    "monitor": ["5999"],
    "satellite": ["paper", "--at", "5998", "--frames", "1"],
    "channel": ["paper", "--from", "5997", "--at", "5996"],
    "station": ["paper", "--from", "5995"],
    "relay": ["paper", "--rate", "1e6"],
    "keys": ["."],
    "study": ["waveforms", "--trials", "1", "--workers", "0"],
}
"""Arguments with which each command works, or waits for its peer."""

SERVERS = {"monitor", "satellite", "channel", "station", "relay"}
PATIENCE = 3.0
"""Seconds after which a command that waits for a peer counts as running."""

VALUES = [
    *("nan", "inf", "-inf", "1e300", "-1e300", "1e-300", "1e18", "1000000000000000000", "-1", "0"),
    *("1" + "0" * 400, "0.5", "1.0", "0x10", "1_0", "", " ", "x", "None", "true", "1,2", "1,nan"),
    *("nan,nan", "1e300,0", "91,0", "-", "/dev/full", "/dev/zero", "/proc/self/mem", "."),
    *("no/such/file", "a" * 5000, "\x1b[2J", "\u0661", "\udcff", "max", "2026-13-01", "a=b"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1e9", "1e6"),
]

SETTINGS = [
    *("=", "=1", "seed", "seed=", "seed=nan", "seed=-1", "seed=1e300", "a.b.c=1", "seed.x=1"),
    *("channel.noise.snr_db=.inf", "channel.noise.snr_db=.nan", "channel.noise.snr_db=1e300"),
    *("x=[1", "x=&a [*a]", "x={? [1]: 2}", "x=!!bool maybe", "x=!!timestamp y", "..=1", ".=1"),
    *("numerology.symbols=1e6", "nodes.transmitter.position=[0,0,1e9]", "propagation_speed=1e5"),
    *("nodes.target=null", "channel.paths=[]", "a." * 5000 + "b=1", "seed=" + "1" * 5000),
    *("calibration=/dev/zero", "calibration=no/file", "calibration=.", "estimator.kind=x"),
    "seed=0x" + "f" * 60_000,
]


@dataclass(frozen=True)
class Case:
    """A command line; `names` are what a refusal may name."""

    arguments: tuple[str, ...]
    names: tuple[str, ...]


def parameters(name: str) -> list[click.Parameter]:
    """Parameters of a command; those of a study are of the one that `GOOD` names."""
    command = dislac.commands[name]
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), GOOD[name][0])
    return command.params


def cases(rng: np.random.Generator, commands: tuple[str, ...] = tuple(GOOD)) -> Iterator[Case]:
    """Endless cases: every option of the commands in turn, each with a wrong value."""
    places = [
        (name, option)
        for name in commands
        for option in parameters(name)
        if not getattr(option, "is_flag", False)
    ]
    while True:
        for number in rng.permutation(len(places)):
            name, option = places[number]
            flag = option.opts[0] if isinstance(option, click.Option) else ""
            values = SETTINGS if flag == "--set" else VALUES
            value = values[rng.integers(len(values))]
            if flag == "--record" and value.startswith("/"):
                value = value[1:]  # what is not there is made, and need not be made elsewhere
            good = GOOD[name]
            if not flag:
                arguments = [value, *good[1:]]
            elif flag in good:
                place = good.index(flag)
                arguments = [*good[: place + 1], value, *good[place + 2 :]]
            else:
                arguments = [*good, flag, value]
            shown = printable(value).rstrip("…")[:20].strip()  # as messages show it
            names = (
                flag.lstrip("-"),
                (option.name or "").upper(),
                shown or "error",
                "" if value.isprintable() else ascii(value),
            )
            yield Case((name, *arguments), tuple(text for text in names if text))


def has_no_end(case: Case) -> bool:
    """Return True for a command that waits for a peer, or was asked for frames without end."""
    return case.arguments[0] in SERVERS or case.arguments[-2:] == ("--frames", "0")


def fault(case: Case, outcome: harness.Outcome) -> str | None:
    """A word for what is wrong with the end of a case."""
    server = has_no_end(case)
    if found := outcome.fault:
        return None if server and found == "hang" else found
    if "Warning" in outcome.output:
        return "a warning of a library"
    if outcome.status > 1 or (outcome.status and case.arguments[0] != "doctor"):
        if "dislac: error: " not in outcome.output:
            return f"status {outcome.status} without an error"
        words = {"--set": ("=", *case.names, case.arguments[-1].partition("=")[0])}
        names = words.get(case.arguments[-2], case.names)
        named = any(name in outcome.output for name in (*names, *KEYS))
        if not (named or REFUSED.search(outcome.output)):
            return "refused without the option"
    return None


KEYS = ("channel.noise.snr_db", "estimator.kind", "seed:", "No such option", "soapy", "uhd")
"""Words for options that name what they stand for, and for what begins as an option does."""


REFUSED = re.compile(r"error: (scenario in )?\S+\.(yml|sigmf-meta)(:\d+)?: (?!scenario:)\S+: ")
"""A refusal of a key of a scenario."""


def prepare(folder: Path) -> None:
    """Write the files that the good arguments name."""
    (folder / "sky.tle").write_text("ISS\n" + "\n".join(TLE) + "\n")
    (folder / "fixes.jsonl").write_text(FIX)
    record = ["run", "paper", "--frames", "2", "--record", "recording"]
    assert harness.run_command(record, folder=folder, longest=120).status == 0


def run(case: Case, folder: Path, patience: float = harness.LONGEST) -> harness.Outcome:
    """The end of a case, run in `folder`; see `patient_run`."""
    longest = PATIENCE if has_no_end(case) else patience
    return patient_run(case.arguments, folder, longest)


def main() -> None:
    """Run cases and print what is wrong with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1300)
    parser.add_argument("--first", type=int, default=0, help="case to begin with, to repeat one")
    parser.add_argument("--commands", nargs="+", default=list(GOOD))
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so long")
    options = parser.parse_args()
    detection.CALIBRATION_FRAMES = FEW_FRAMES
    warm()
    end = time.monotonic() + options.seconds
    faults, ends = 0, Counter()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        rng = np.random.default_rng(options.seed)
        for number, case in enumerate(cases(rng, tuple(options.commands))):
            if number < options.first:
                continue
            if number >= options.first + options.count or time.monotonic() > end:
                break
            outcome = run(case, Path(folder), patience=60)
            ends[outcome.status] += 1
            if found := fault(case, outcome):
                faults += 1
                line = " ".join(text[:60] for text in case.arguments)
                last = outcome.output.strip().splitlines()[-1:] or [""]
                print(f"case {number}: {found}: dislac {line!r}: {last[0][:300]}", flush=True)
    print(f"{sum(ends.values())} options: {faults} faults; exit statuses {dict(ends)}")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
