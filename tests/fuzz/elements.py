# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged and hostile files of orbital elements, read by `dislac passes` and `dislac geometry`.

python -m tests.fuzz.elements --seed 1 --count 60
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sgp4.api  # noqa: F401 what all runs need is imported once, not in each child
from gnuradio.dislac.io import sky  # noqa: F401

from .harness import run_command

__all__ = ["Case", "cases", "fault_of"]


class Case(NamedTuple):
    """A run of the command on a file; the number says how the file was made."""

    number: int
    kind: str
    arguments: list[str]
    files: dict[str, bytes]


# Good files

_LINES = {
    "LOW": (
        "1 25544U 98067A   25345.50000000  .00016717  00000-0  30074-3 0  9993",
        "2 25544  51.6400 189.8924 0007050 108.0286 252.1739 15.49479551673427",
    ),
    "HIGH": (
        "1 28626U 05008A   06176.46683397 -.00000205  00000-0  10000-3 0  2190",
        "2 28626   0.0019 286.9433 0000335  13.7918  55.6504  1.00270176  4891",
    ),
    "LONG": (
        "1 08195U 75081A   06176.33215444  .00000099  00000-0  11873-3 0   813",
        "2 08195  64.1586 279.0717 6877146 264.7651  20.2257  2.00491383225656",
    ),
    "GONE": (
        "1 45110U 20007A   23232.80903846 0.00110000  00000-0  32750-2 0    04",
        "2 45110  69.9913 111.5649 0009740 159.9373 200.0626 15.34502222    06",
    ),
}
_FIELDS: list[dict[str, Any]] = [
    {
        "OBJECT_NAME": f"SATELLITE {k}",
        "OBJECT_ID": f"2026-00{k}A",
        "CENTER_NAME": "EARTH",
        "REF_FRAME": "TEME",
        "TIME_SYSTEM": "UTC",
        "MEAN_ELEMENT_THEORY": "SGP4",
        "EPOCH": f"2026-01-0{k + 1}T12:00:00.123456",
        "MEAN_MOTION": 15.06 - k,
        "ECCENTRICITY": 0.001 * k,
        "INCLINATION": 53.0,
        "RA_OF_ASC_NODE": 20.0 * k,
        "ARG_OF_PERICENTER": 57.0,
        "MEAN_ANOMALY": 57.0,
        "EPHEMERIS_TYPE": 0,
        "NORAD_CAT_ID": 12345 + k,
        "BSTAR": 1e-5,
        "MEAN_MOTION_DOT": 0.0,
    }
    for k in range(3)
]


def _tle(sets: dict[str, tuple[str, str]]) -> str:
    return "".join(f"{name}\n{one}\n{two}\n" for name, (one, two) in sets.items())


def _csv(messages: list[dict[str, Any]]) -> str:
    rows = [list(messages[0]), *(list(message.values()) for message in messages)]
    return "\n".join(",".join(map(str, row)) for row in rows)


def _kvn(messages: list[dict[str, Any]]) -> str:
    texts = ("".join(f"{k} = {v}\n" for k, v in message.items()) for message in messages)
    return "".join(f"CCSDS_OMM_VERS = 2.0\n{text}" for text in texts)


def _xml(messages: list[dict[str, Any]]) -> str:
    texts = ("".join(f"<{k}>{v}</{k}>" for k, v in message.items()) for message in messages)
    return f"<ndm>{''.join(f'<omm><segment>{text}</segment></omm>' for text in texts)}</ndm>"


_FORMATS: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "json": json.dumps,
    "csv": _csv,
    "kvn": _kvn,
    "xml": _xml,
}

# Damage

_VALUES: list[Any] = [
    None, "", "x", "nan", float("nan"), float("inf"), -1, 0, 1e300, -1e300, 2**70, "9" * 5000, True,
    [], {"a": 1}, "\x1b[31m", "0x10", "1e5", " 1 ", "SGP4-XP", "TAI", "2025-366T00:00:00",
    "0001-01-01", "9999-12-31T23:59:59.9", "2026-02-30T00:00:00", "\udcff", "\u0661",
    360.0, 17.5, 1.0, 4, "4",
]  # fmt: skip
_TEXTS = [
    " ",
    "-",
    "x",
    "\x00",
    "\x1b[2J",
    "\u00a0",
    "\u2212",
    "\U0001f6f0",
    "9" * 300,
    "\n",
    "<",
    ",",
]


def _hostile(rng: np.random.Generator) -> bytes:
    """A file that was never one of elements."""
    some = int(rng.integers(1, 200_000))
    texts = [
        "", "\n" * some, "\x00" * some, "[" * some, '{"a":' * some, "[" + "[]," * some,
        "<a>" * some, "1 " * some, "2 " * some, "9" * some, "EPOCH," + "," * some,
        "EPOCH,A\n" + "1,2\n" * some,
        "[" + "{}," * some + "{}]", '[{"EPOCH": "' + "9" * some + '"}]',
        "CCSDS_OMM_VERS = 2\n" * some,
        '<!DOCTYPE a [<!ENTITY b "' + "c" * some + '">]><a>' + "&b;" * 1000 + "</a>",
        "<!doctype html><p>403 Forbidden", "No GP data found", "<segment/>" * some,
        f"<ndm>{'<segment><EPOCH/></segment>' * some}</ndm>", "OBJECT_NAME = A\n" * some,
        f"NAME\n{_LINES['LOW'][0]}\n" * 1000, f"{_LINES['LOW'][1]}\n" * 1000,
    ]  # fmt: skip
    if rng.random() < 0.1:
        return rng.bytes(some)
    return texts[int(rng.integers(len(texts)))].encode()


def _damaged(text: str, rng: np.random.Generator) -> bytes:
    """A file with some of its text cut, repeated or overwritten, perhaps in another encoding."""
    for _ in range(int(rng.integers(1, 4))):
        begin, end = sorted(int(k) for k in rng.integers(0, len(text) + 1, size=2))
        end = min(end, begin + int(rng.integers(1, 80)))
        texts = ["", text[begin:end] * 2, _TEXTS[int(rng.integers(len(_TEXTS)))]]
        text = text[:begin] + texts[int(rng.integers(3))] + text[end:]
    if rng.random() < 0.2:
        text = text[: int(rng.integers(len(text) + 1))]
    return text.encode(("utf-8", "utf-8", "utf-8-sig", "utf-16")[int(rng.integers(4))])


def _odd_messages(rng: np.random.Generator) -> list[dict[str, Any]]:
    messages = [dict(fields) for fields in _FIELDS]
    for _ in range(int(rng.integers(1, 4))):
        message = messages[int(rng.integers(3))]
        key = list(message)[int(rng.integers(len(message)))]
        message[key] = _VALUES[int(rng.integers(len(_VALUES)))]
    return messages


def _odd_lines(rng: np.random.Generator) -> dict[str, tuple[str, str]]:
    """Lines with other characters and check digits that are right all the same."""
    sets = {}
    for name, lines in _LINES.items():
        pair = []
        for line in lines:
            for _ in range(int(rng.integers(0, 3))):
                column = int(rng.integers(2, 68))
                line = line[:column] + str(rng.choice(list(" 0123456789.-+x"))) + line[column + 1 :]
            total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68])
            pair.append(f"{line[:68]}{total % 10}")
        sets[name] = pair[0], pair[1]
    return sets


_STARTS = [[], [], ["--start=1985-04-01"], ["--start=2025-12-11"], ["--start=2199-12-31"]]
_SCENARIO = {
    "origin": {"latitude_deg": 50.9, "longitude_deg": -1.4},
    "epoch": "2026-01-02T00:00:00Z",
    "numerology": {
        "carrier_frequency": 2e9, "subcarrier_spacing": 60e3, "fft_size": 128, "cyclic_prefix": 9,
        "subcarriers": 96, "symbols": 8,
    },
    "channel": {"paths": [{"kind": "direct"}]},
    "beams": {"chains": 1},
}  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Give cases without end, the same ones for generators of one seed."""
    for number in count():
        lines, messages = _odd_lines(rng), _odd_messages(rng)
        name = list(_FORMATS)[int(rng.integers(len(_FORMATS)))]
        good = {"tle": _tle(_LINES), name: _FORMATS[name](_FIELDS)}
        kinds = {
            "hostile": _hostile(rng),
            "damaged tle": _damaged(good["tle"], rng),
            f"damaged {name}": _damaged(good[name], rng),
            "odd tle": _tle(lines).encode(),
            f"odd {name}": _FORMATS[name](messages).encode(errors="replace"),
        }
        kind = list(kinds)[number % (len(kinds) + 1) - 1]
        start = _STARTS[int(rng.integers(len(_STARTS)))]
        arguments = [
            "passes",
            "file",
            "--site=50.9,-1.4,20",
            "--hours=3",
            "--step=60",
            "--json",
            *start,
        ]
        content = kinds[kind]
        if number % (len(kinds) + 1) == 0:
            kind = "scenario"
            orbits: list[dict[str, Any]] = [
                {"kind": "tle", "lines": list(lines["LOW"])},
                {"kind": "omm", "elements": messages[0]},
            ]
            nodes = {"transmitter": {"orbit": orbits[int(rng.integers(2))]}}
            nodes["receiver"] = {"position": [0, 0, 10]}
            content = json.dumps({**_SCENARIO, "nodes": nodes}).encode(errors="replace")
            arguments = ["geometry", "file", "--duration=60", "--json"]
        yield Case(number, kind, arguments, {"file": content})


def fault_of(case: Case) -> str | None:
    """Run a case; a sentence for what it shows that must not be, None where all is well."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in case.files.items():
            (Path(folder) / name).write_bytes(content)
        outcome = run_command(case.arguments, folder=Path(folder))
    if outcome.fault is not None:
        return f"{outcome.fault}: {outcome.output[-300:]!r}"
    lines = outcome.output.splitlines()
    results = [json.loads(line) for line in lines if line.startswith("{")]
    said = [line for line in lines if not line.startswith("{")]
    if strange := [line for line in said if not line.startswith("dislac: ")]:
        return f"a line that is no message: {strange[0][:300]!r}"
    if any(not character.isprintable() for line in said for character in line):
        return "a control character in a message"
    if (outcome.status != 0) != any(line.startswith("dislac: error: ") for line in said):
        return f"status {outcome.status} with messages {said}"
    for result in results:
        if "culmination" in result and not _is_pass(result):
            return f"no pass: {result}"
        if "reference" in result and not 1e5 < result["reference"]["length"] < 1e9:
            return f"no link: {result}"
    return None


def _is_pass(result: dict[str, Any]) -> bool:
    rise, top, end = (result[name] for name in ("rise", "culmination", "set"))
    ordered = (rise is None or rise <= top) and (end is None or top <= end)
    return ordered and 0 <= top <= 3 * 3600 and np.radians(9.99) < result["elevation"] < 1.6


def main() -> int:
    """Run the cases that the command line asks for; 1 if any shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    arguments = parser.parse_args()
    chosen = islice(
        cases(np.random.default_rng(arguments.seed)),
        arguments.first,
        arguments.first + arguments.count,
    )
    faults = 0
    for case in chosen:
        if (fault := fault_of(case)) is not None:
            faults += 1
            print(f"--seed {arguments.seed} --first {case.number} --count 1 ({case.kind}): {fault}")
    print(f"{arguments.count} files of elements, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
