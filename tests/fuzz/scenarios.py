# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong values for every key of a scenario, through `dislac run` and `dislac bound`.

python -m tests.fuzz.scenarios --seed 1 --count 6000
"""

import argparse
import copy
import json
import math
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from gnuradio.dislac.estimation import detection
from gnuradio.dislac.scenario.text import parse_value

from tests.fuzz import harness

ROOT = Path(__file__).parents[2]
PRESETS = ROOT / "python" / "dislac" / "scenario" / "presets"
SCHEMA = PRESETS.parent / "schema.yml"

Key = tuple[str | int, ...]

CIRCULAR = {
    "kind": "circular",
    "altitude": 550e3,
    "inclination_deg": 53,
    "node_longitude_deg": 120.0,
    "argument_deg": 60.0,
    "start": 10.0,
}
TLE = [
    "1 25544U 98067A   25345.50000000  .00016717  00000-0  30074-3 0  9993",
    "2 25544  51.6400 189.8924 0007050 108.0286 252.1739 15.49479551673427",
]
OMM = {
    "OBJECT_NAME": "ISS (ZARYA)",
    "OBJECT_ID": "1998-067A",
    "EPOCH": "2025-12-11T12:00:00",
    "MEAN_MOTION": 15.49479551,
    "ECCENTRICITY": 0.000705,
    "INCLINATION": 51.64,
    "RA_OF_ASC_NODE": 189.8924,
    "ARG_OF_PERICENTER": 108.0286,
    "MEAN_ANOMALY": 252.1739,
    "NORAD_CAT_ID": 25544,
    "BSTAR": 0.00030074,
    "MEAN_MOTION_DOT": 0.00016717,
    "MEAN_MOTION_DDOT": 0,
}
CHAIN = {
    "phase_deg": 0.0,
    "delay_ns": 0.0,
    "amplitude_db": 0.0,
    "phase_error_deg": 0.1,
    "delay_error_ns": 0.01,
    "amplitude_error_db": 0.01,
}
CALIBRATION = {
    "scenario": "paper",
    "carrier_frequency": 28e9,
    "frames": 100,
    "snr_db": 20,
    "chains": [CHAIN] * 4,
}
RECEIVER = {
    "front_end": {
        "carrier_offset_hz": 0.0,
        "clock_offset_ppm": 0.0,
        "start_offset": 0.0,
        "phase_deg": [0.0] * 4,
        "delay_ns": [0.0] * 4,
    },
    "calibration": CALIBRATION,
    "beams": {"chains": 4, "kind": "random-phase", "coupling": "paired"},
}
PATHS = [
    {"kind": "echo"},
    {"kind": "direct", "relative_power_db": 20},
    {"kind": "scattered", "count": 1, "reflection_loss_db": 6, "position": [-20.0, 60.0, 30.0]},
]
LEVELS = {
    "eirp_dbw": 43.1,
    "receive_gain_dbi": 16.0,
    "rcs_dbsm": 20.0,
    "path_loss_exponent": 2.0,
    "absorption": 0.0,
}
BUDGET = {"temperature_k": 290.0, "noise_figure_db": 3.0, "pool": True}
WINDOWS = {
    "delay_window_ns": [-200.0, 1500.0],
    "doppler_window_hz": [-8e3, 8e3],
    "every": 1,
    "kind": "off-grid",
    "max_paths": 1,
    "false_alarm_rate": 0.01,
    "grid_points": 4,
}
TIMING = {
    "reference": "time",
    "time_zero": 0.0,
    "timing_deviation_ns": 0.0,
    "carrier_window_hz": [-25e3, 25e3],
    "coast_ms": 100.0,
    "removal": "direct-path",
    "memory_frames": 16,
}

ARRAY = {"nx": 2, "ny": 2}
NETWORK = {
    "satellites": {
        "west": {"position": [100e3, 200e3, 300e3], "velocity": [7e3, 0.0, 0.0], "array": ARRAY},
        "east": {
            "position": [-150e3, 120e3, 350e3],
            "array": ARRAY,
            "signal": {"pilots": {"user": 1}, "payload": {"modulation": "qpsk"}, "eirp_dbw": 40.0},
        },
    },
    "gateways": {
        "mast": {
            "position": [-50.0, 190.0, 100.0],
            "array": ARRAY,
            "radio": {
                "front_end": {"carrier_offset_hz": 0.0},
                "calibration": CALIBRATION,
                "synchronization": {"removal": "none"},
                "estimator": {"grid_points": 4},
                "locator": {"side": "below"},
                "noise": {"snr_db": 20.0},
                "receive_gain_dbi": 16.0,
            },
        }
    },
    "base_stations": {"hill": {"position": [100.0, 190.0, 80.0], "array": ARRAY}},
    "users": {"phone": {"position": [60.0, 20.0, 30.0], "array": ARRAY}},
    "targets": {"van": {"position": [0.0, 0.0, 0.0], "rcs_dbsm": 20.0}},
}
"""Nodes of every kind, with all that is their own."""

BASES: dict[str, tuple[Path, dict[str, Any]]] = {
    "paper": (
        PRESETS / "paper.yml",
        {
            "pilots": {"kind": "zadoff-chu", "user": 0, "interleaved": True},
            "numerology.window_advance": 4,
            "channel.paths": PATHS,
            "channel.noise": {"snr_db": 10.0, "pool": False},
            "estimator": WINDOWS,
            "synchronization": {**TIMING, "reference": "tags"},
            **RECEIVER,
        },
    ),
    "network": (
        PRESETS / "paper.yml",
        {
            "base": "paper",
            "nodes": NETWORK,
            "link": {"transmitter": "west", "receiver": "mast", "target": "van"},
            "precompensation": {"mode": "frame", "towards": "mast"},
            "beams.chains": 4,
            "channel.paths": [
                {"kind": "echo", "from": "west", "to": "mast", "target": "van", "phase_deg": 10.0},
                {"kind": "echo"},
            ],
            "channel.fading": {"omega": 1.0, "b0": 0.1, "m": 2.0, "seed": 1},
            "estimator": {**WINDOWS, "kind": "mmv-bomp"},
            "synchronization": {"removal": "none"},
        },
    ),
    "samples": (
        PRESETS / "paper.yml",
        {
            "nodes.satellites": {
                "own": {
                    "position": [100e3, 200e3, 300e3],
                    "signal": {"eirp_dbw": 43.1},
                    "radio": {"beams": {"chains": 8, "kind": "random-phase"}},
                },
                "other": {
                    "position": [-150e3, 120e3, 350e3],
                    "radio": {"beams": {"chains": 2}},
                    "signal": {"samples": True},
                },
            },
            "beams.coupling": "physical",
        },
    ),
    "levels": (
        PRESETS / "paper.yml",
        {
            "channel.fading": {"omega": 1.0, "b0": 0.1, "m": 2.0},
            "channel.link": LEVELS,
            "channel.noise": BUDGET,
            "locator": {
                "side": "below",
                "known_plane": {"point": [0.0, 0.0, 0.0], "normal": [0.0, 0.0, 1.0]},
            },
            "precompensation": {
                "mode": "time-varying",
                "timing_advance_error_ns": 0.0,
                "doppler_error_hz": 0.0,
            },
        },
    ),
    "grid": (
        PRESETS / "paper.yml",
        {"estimator": {"kind": "mmv-bomp", "grid_points": 4, "max_paths": 2}},
    ),
    "lab": (
        PRESETS / "lab.yml",
        {
            "synchronization": {**TIMING, "reference": "direct-path"},
            "estimator": {"kind": "off-grid", "max_paths": 1},
        },
    ),
    "road": (
        PRESETS / "lab.yml",
        {
            "synchronization": TIMING,
            "locator": {
                "side": "above",
                "known_line": {"point": [12.0, 35.0, 1.5], "direction": [1.0, 0.0, 0.0]},
            },
        },
    ),
    "prs": (
        ROOT / "examples" / "prs.yml",
        {
            "pilots.slot_offset": 0,
            "pilots.start_prb": 0,
            "pilots.grid_start_prb": 0,
            "pilots.prbs": 24,
            "pilots.repetition": 1,
            "pilots.time_gap": 1,
            "pilots.muting": {"option_1": [1, 1], "bit_repetition": 1, "option_2": [1]},
            "pilots.resources": [
                {"sequence_id": 10 + k, "re_offset": k, "first_symbol": 0, "slot_offset": 0}
                for k in range(4)
            ],
        },
    ),
    "payload": (
        PRESETS / "paper.yml",
        {
            "numerology.symbols": 14,
            "payload": {
                "modulation": "16qam",
                "pilot_comb": 4,
                "pilot_power_share": 0.5,
                "dmrs": True,
                "dmrs_additional": 2,
                "identity": 3,
            },
        },
    ),
    "orbits": (
        ROOT / "examples" / "pass_following.yml",
        {
            "epoch": "2025-12-11T12:00:00Z",
            "nodes.satellites.circle": {"orbit": CIRCULAR},
            "nodes.satellites.tle": {"orbit": {"kind": "tle", "lines": TLE}},
            "nodes.satellites.omm": {"orbit": {"kind": "omm", "elements": OMM}},
            "nodes.feeder": {
                "position": [300e3, 120e3, 0.0],
                "velocity": [0.0, 0.0, 0.0],
                "carrier_frequency": 18e9,
            },
        },
    ),
    "old names": (
        ROOT / "examples" / "pass_following.yml",
        {
            "nodes.gateway": {
                "position": [300e3, 120e3, 0.0],
                "velocity": [0.0, 0.0, 0.0],
                "carrier_frequency": 18e9,
            },
        },
    ),
}

MAY_ERR = {
    "calibration",
    "front_end",
    "locator",
    "precompensation",
    "synchronization",
    "estimator",
}
"""Sections whose wrong values may give wrong fixes: they say to the receiver what is not so."""

ODD = [
    math.nan,
    math.inf,
    -math.inf,
    1e300,
    -1e300,
    5e-324,
    1e30,
    1e18,
    1e12,
    1e9,
    1e6,
    -1.0,
    -0.0,
    0,
    1,
    2,
    3,
    0.5,
    1.0,
    -1,
    2**31,
    2**63,
    2**64,
    10**400,
    True,
    None,
    "",
    "x",
    "none",
    "1e3",
    "\x1b[2J",
    "a" * 5000,
    [],
    [1],
    [[]],
    [math.nan] * 3,
    [1e300] * 3,
    [0, 0, 0],
    list(range(1000)),
    {},
    {"x": 1},
]

TEXTS = [
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 10)}]\n" for k in range(9)
    ),
    "x: &r [*r]\n",
    "x: &r {y: *r}\n",
    "? [1]: 2\n: x\n",
    "? [1]\n: x\n",
    "? {a: 1}\n: x\n",
    "1: x\nb: y\n1.0: z\nnull: u\n",
    "x: !!bool maybe\n",
    'x: !!int ""\n',
    "x: !!timestamp xyz\n",
    "x: !!python/object/apply:os.system [true]\n",
    "x: !!binary '='\n",
    "x: !!set {a, b}\n",
    "x: !!omap [a]\n",
    "x: !!float ''\n",
    "x: !foo 1\n",
    "x: " + "[" * 5000,
    "x: " + "{a: " * 5000,
    "- " * 5000,
    "x: " + "1" * 60_000,
    "seed: 0x" + "f" * 60_000,
    "seed: " + "1:" * 30_000 + "1",
    "x: " + "1" * 60_000 + "e",
    "x: '" + "a" * 900_000 + "'\n",
    "".join(f"k{k}: 1\n" for k in range(60_000)),
    "<<: 1\n",
    "<<: [1]\n",
    "<<: *a\n",
    "%YAML 9.9\n---\na: 1\n",
    "a: 1\n---\nb: 2\n",
    "\x00",
    "\t- x",
    "a: 'x",
    "=: =\n",
    "a: =\n",
    "",
    "null",
    "[]",
    "#" * 900_000,
    "\n" * 900_000,
]
"""Whole files."""


COMMANDS = (
    ("waveform",),
    ("bound",),
    ("run", "--json", "--frames", "1"),
    ("run", "--json", "--frames", "1", "--out", "out"),
)


@dataclass(frozen=True)
class Case:
    """A scenario and how it is used."""

    name: str
    text: str
    command: tuple[str, ...]
    trusted: bool = True  # a wrong fix would be a fault


def base(name: str) -> dict[str, Any]:
    """The document of a base."""
    path, overrides = BASES[name]
    document = parse_value(path.read_text())
    for key, value in overrides.items():
        *parents, last = key.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = copy.deepcopy(value)
    if "base" in document:  # whose nodes are not wanted
        document["nodes"] |= dict.fromkeys(("transmitter", "receiver", "target"))
    return document


def keys(value: Any, path: Key = ()) -> Iterator[Key]:
    """Every key of a document, sections and lists included."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from keys(item, (*path, key))


def wrong(old: Any, rng: np.random.Generator) -> Any:
    """Another value: odd, or of the old one's kind and another magnitude."""
    number = isinstance(old, int | float) and not isinstance(old, bool)
    if not number or rng.random() < 0.4:
        return copy.deepcopy(ODD[rng.integers(len(ODD))])
    magnitude = 10 ** rng.uniform(-12, 12) if rng.random() < 0.5 else 10 ** rng.uniform(-2, 2)
    new = float((old or 1) * magnitude * rng.choice([1, 1, 1, -1]))
    return round(new) if isinstance(old, int) and rng.random() < 0.8 else float(f"{new:.6g}")


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Endless cases; every key of every base in turn, and now and then a whole file."""
    places = [(name, key) for name in BASES for key in keys(base(name))]
    while True:
        for number in rng.permutation(len(places)):
            name, key = places[number]
            document = base(name)
            *parents, last = key
            place = document
            for parent in parents:
                place = place[parent]
            if rng.random() < 0.05:
                del place[last]
            else:
                place[last] = wrong(place[last], rng)
            command = COMMANDS[rng.choice(len(COMMANDS), p=(0.5, 0.15, 0.33, 0.02))]
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
            dotted = ".".join(map(str, key))
            shown = repr(place.get(last) if isinstance(place, dict) else place[last:][:1])[:60]
            yield Case(f"{name}: {dotted} = {shown}", text, command, key[0] not in MAY_ERR)
            if rng.random() < 0.01:
                text = TEXTS[rng.integers(len(TEXTS))]
                yield Case(f"text {text[:30]!r}", text, ("bound",))


REFUSED = re.compile(r"^dislac: error: case\.yml(:\d+)?: [^:]+: ", re.MULTILINE)


def fault(case: Case, outcome: harness.Outcome) -> str | None:
    """A word for what is wrong with the end of a case."""
    if found := outcome.fault:
        return found
    if "Warning" in outcome.output:
        return "a warning of a library"
    if outcome.status:
        line = REFUSED.search(outcome.output)
        missing = "is a required property" in outcome.output
        if line is None or ("case.yml: scenario: " in line[0] and not missing):
            return "refused without a key"
        return None
    if case.command[0] == "run":
        for line in outcome.output.splitlines():
            if line.startswith("{"):
                fix = json.loads(line)
                if fix["status"] != "ok":
                    continue
                if not np.all(np.isfinite(np.array(fix["position"], dtype=float))):
                    return "ok without a position"
                error, variance = fix.get("error"), fix.get("covariance")
                if case.trusted and error is not None and FEWER not in outcome.output:
                    sigma = math.sqrt(abs(np.trace(variance))) if variance else math.inf
                    if error > 10 * sigma + 1e-3:
                        return f"wrong fix: {error:.3g} m, sigma {sigma:.3g}"
    return None


FEWER = "than is looked for bends fixes"
"""Warning of a scenario that denies the paths that it has."""

FEW_FRAMES = 20
"""Noise frames of a threshold: it need not be exact here, and takes most of a frame's time."""


def warm() -> None:
    """Load and compile in this process what every child needs."""
    import gnuradio.dislac.blocks.flowgraphs  # noqa: F401
    from gnuradio.dislac.scenario import load_scenario, reception, transmission
    from gnuradio.dislac.systems import bistatic

    scenario = load_scenario("paper")
    frame = transmission.pilot_frame(scenario)
    reception.received(scenario, frame)
    reception.frame_grid(scenario, frame, 0)
    bistatic.estimator(scenario)


def run(case: Case, folder: Path, patience: float = harness.LONGEST) -> harness.Outcome:
    """The end of a case, run in `folder`; see `patient_run`."""
    (folder / "case.yml").write_text(case.text, encoding="utf-8")
    command, *options = case.command
    return patient_run([command, "case.yml", *options], folder, patience)


def patient_run(arguments: Sequence[str], folder: Path, patience: float) -> harness.Outcome:
    """The end of `dislac` with arguments, run in `folder`.

    Up to `patience` [s] of wall time do not count as a hang where the processor has worked for less
    than the longest time: others may have had it.
    """
    before = used()
    outcome = harness.run_command(arguments, folder=folder, longest=patience)
    if harness.LONGEST <= outcome.seconds < patience:
        outcome = replace(outcome, seconds=used() - before)
    return outcome


def used() -> float:
    """Processor time of all children so far [s]."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run cases and print what is wrong with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--first", type=int, default=0, help="case to begin with, to repeat one")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so long")
    options = parser.parse_args()
    detection.CALIBRATION_FRAMES = FEW_FRAMES
    warm()
    end = time.monotonic() + options.seconds
    faults, ends = 0, Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases(np.random.default_rng(options.seed))):
            if number < options.first:
                continue
            if number >= options.first + options.count or time.monotonic() > end:
                break
            outcome = run(case, Path(folder), patience=60)
            ends[outcome.status] += 1
            if found := fault(case, outcome):
                faults += 1
                last = outcome.output.strip().splitlines()[-1:] or [""]
                print(f"case {number}: {found}: {case.command}: {case.name}: {last[0][:300]}")
                sys.stdout.flush()
    print(f"{sum(ends.values())} scenarios: {faults} faults; exit statuses {dict(ends)}")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
