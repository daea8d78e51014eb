# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged and hostile recordings, through `dislac replay` and `dislac calibrate`.

python -m tests.fuzz.recordings --seed 1 --count 200

Besides what no run may do, no fix of a recording may be wrong: one with status ok lies within five
standard deviations of the target, unless the metadata are damaged so that they say something else
that may as well be true.
"""

import argparse
import io
import json
import os
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gnuradio.dislac.io import RecordingReader, RecordingWriter

from tests.fuzz import harness

SOUND = Path(__file__).parents[1] / "io" / "recordings" / "version_1"
FRAMES, BEFORE, PERIOD = 3, 100, 640
"""Frames of the recording that is damaged, silence about them, and their period [samples]."""

TARGET = np.array([20.0, -30.0, 0.0])
FARTHEST = 5.0
"""Standard deviations within which a fix is right."""

WARNED = "does not say where frames start", "straight on when frame"
"""Warnings after which fixes may be wrong."""

NUMBERS = [
    None, True, "", "x", "8", [], {}, [1], {"a": 1}, -1, 0, 0.5, 1e300, -1e300, 2**31, 2**53, 2**62,
    2**64, 10**30, float("nan"), float("inf"), "1e400", "\x1b[2J", "\ud800", "x" * 10_000,
]  # fmt: skip
TYPES = ["cf32_be", "ci32_le", "ci16_le", "cf64_le", "cu8", "rf32_le", "rf64_le", "", 7, None, "%s"]
NAMES = ["/etc/passwd", "../x", "", ".", "/dev/zero", "a" * 5000, 7, None, "rec.sigmf-meta", "\0"]
SCENARIO_LINES = [
    "calibration: /dev/zero",
    "calibration: /etc/passwd",
    "calibration: [1, 2]",
    "warp: 9",
    "? [1]: 2",
    "\t- x",
    "seed: !!python/object/apply:os.system [true]",
    "pilots: &a [*a]",
    "description: " + "x" * 1_000_000,
]


@dataclass
class Recording:
    """A recording in memory, to be damaged and then written."""

    metadata: dict[str, Any]
    data: bytes
    text: bytes | None = None
    files: dict[str, Any] = field(default_factory=dict)
    restated: bool = False

    @property
    def capture(self) -> dict[str, Any]:
        return self.metadata["captures"][0]

    @property
    def facts(self) -> dict[str, Any]:
        return self.metadata["global"]

    def write(self, folder: Path) -> None:
        """Write the files; None for one that is missing, a path or "fifo" for what it is else."""
        text = self.text
        if text is None:
            text = json.dumps(self.metadata).encode()
        for name, content in {
            "rec.sigmf-meta": text,
            "rec.sigmf-data": self.data,
            **self.files,
        }.items():
            path = folder / name
            if content == "fifo":
                os.mkfifo(path)
            elif content == "folder":
                path.mkdir()
            elif isinstance(content, str):
                path.symlink_to(content)
            elif isinstance(content, int):
                with path.open("wb") as file:
                    file.truncate(content)
            elif content is not None:
                path.write_bytes(content)


def sound(folder: Path) -> Recording:
    """A recording of some frames of the paper's scene, whose truth is known."""
    reader = RecordingReader(SOUND)
    samples = np.pad(reader.read(0, reader.sample_count), ((0, 0), (BEFORE, BEFORE)))
    with RecordingWriter(folder / "rec", reader.scenario) as writer:
        writer.write(samples, [(frame.start + BEFORE, frame.number) for frame in reader.frames])
    metadata = json.loads((folder / "rec.sigmf-meta").read_text())
    return Recording(metadata, (folder / "rec.sigmf-data").read_bytes())


# Damages: each takes a copy of the recording and a generator


def choice(rng: np.random.Generator, values: list[Any]) -> Any:
    return values[int(rng.integers(len(values)))]


def text_bytes(rec: Recording, rng: np.random.Generator) -> None:
    """Bytes of the metadata changed, cut, doubled."""
    text = bytearray(json.dumps(rec.metadata).encode())
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(text)))
        kind = int(rng.integers(4))
        if kind == 0:
            text[at] = int(rng.integers(256))
        elif kind == 1:
            del text[at : at + int(rng.integers(1, 50))]
        elif kind == 2:
            text[at:at] = text[at : at + int(rng.integers(1, 50))]
        else:
            del text[at:]
        text = text or bytearray(b"x")
    rec.text, rec.restated = bytes(text), True  # a digit more, and the satellite is elsewhere


def text_whole(rec: Recording, rng: np.random.Generator) -> None:
    rec.text = choice(rng, [b"", b"\xff" * 99, b"[" * 100_000, b"[]", b"{}", b'{"global": {}}',
        b'{"global":' * 50_000, b"9" * 10_000, b"[" + b"[]," * 2_000_000 + b"1]"])  # fmt: skip


def value(rec: Recording, rng: np.random.Generator) -> None:
    """One value out of its kind, or missing."""
    place = choice(rng, [rec.facts, rec.capture, rec.metadata])
    key = choice(
        rng, [*sorted(place), "core:trailing_bytes", "core:header_bytes", "dislac:rx_time"]
    )
    place[key] = choice(rng, NUMBERS)
    # They say where the samples and frames are.
    said = "frame_start", "frame_period", "header_bytes", "sample_start"
    rec.restated = key.split(":")[-1] in said


def datatype(rec: Recording, rng: np.random.Generator) -> None:
    rec.facts["core:datatype"] = choice(rng, TYPES)
    if rng.integers(2):
        del rec.facts["dislac:sample_count"]


def dataset(rec: Recording, rng: np.random.Generator) -> None:
    rec.facts["core:dataset"] = choice(rng, NAMES)


def captures(rec: Recording, rng: np.random.Generator) -> None:
    """Captures by the thousand, doubled, empty, out of order."""
    kind = int(rng.integers(4))
    if kind == 0:
        first = {**rec.capture, "dislac:frame_period": 1}
        rec.metadata["captures"] = [first] * 1000
    elif kind == 1:
        rec.metadata["captures"] = [{}, rec.capture, {}, rec.capture, {"core:sample_start": 3}]
    elif kind == 2:
        starts = BEFORE + PERIOD * rng.permutation(FRAMES)
        rec.metadata["captures"] = [
            {
                "core:sample_start": int(start),
                "dislac:frame_start": int(start),
                "dislac:first_frame": int(start - BEFORE) // PERIOD,
                "dislac:frame_count": int(rng.integers(1, 9)),
            }
            for start in starts
        ]
    else:
        rec.metadata["captures"] = choice(rng, [[], [None] * 100_000, [[]], {}, "x", None])


def scenario(rec: Recording, rng: np.random.Generator) -> None:
    rec.facts["dislac:scenario"] += f"\n{choice(rng, SCENARIO_LINES)}\n"


def extension(rec: Recording, rng: np.random.Generator) -> None:
    needed = {"name": "x", "version": "1", "optional": False}
    odd = {"name": "dislac", "version": choice(rng, NUMBERS), "optional": False}
    kinds = [None, 7, [None], [{}], {"name": "x"}, [needed], [odd]]
    rec.facts["core:extensions"] = chosen = choice(rng, kinds)
    # Version 1 and those before have another array.
    rec.restated = chosen == [odd] and str(odd["version"])[:1] in ("0", "1")


def cut(rec: Recording, rng: np.random.Generator) -> None:
    rec.data = rec.data[: int(rng.integers(len(rec.data)))]


def bits(rec: Recording, rng: np.random.Generator) -> None:
    data = np.frombuffer(rec.data, np.uint8).copy()
    places = rng.integers(len(data), size=int(rng.integers(1, 50)))
    data[places] ^= (1 << rng.integers(8, size=len(places))).astype(np.uint8)
    rec.data = data.tobytes()


def segment(rec: Recording, rng: np.random.Generator) -> None:
    """A segment of samples overwritten, taken out or put in."""
    size = int(rng.integers(1, 20_000))
    at = int(rng.integers(len(rec.data) - size))
    new = choice(rng, [bytes(size), b"\xff" * size, rng.bytes(size), rec.data[:size]])
    kind = int(rng.integers(3))
    old = size if kind < 2 else 0
    rec.data = rec.data[:at] + (b"" if kind == 1 else new) + rec.data[at + old :]


def huge(rec: Recording, rng: np.random.Generator) -> None:
    """Values that are finite, and whose powers are not."""
    data = np.frombuffer(rec.data, "<f4").copy()
    data[rng.integers(len(data), size=20)] = choice(rng, [3e38, -3e38, 1e25, 1e-40, np.nan, np.inf])
    rec.data = data.tobytes()


def odd_file(rec: Recording, rng: np.random.Generator) -> None:
    name = choice(rng, ["rec.sigmf-meta", "rec.sigmf-data"])
    kinds = [
        None,
        "fifo",
        "folder",
        "/dev/zero",
        "/dev/full",
        "/dev/null",
        "/nothing",
        b"",
        1 << 34,
    ]
    rec.files[name] = choice(rng, kinds)


def archive(rec: Recording, rng: np.random.Generator) -> None:
    """The recording as an archive, bytes of which are damaged."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (("meta", json.dumps(rec.metadata).encode()), ("data", rec.data)):
            info = tarfile.TarInfo(f"rec/rec.sigmf-{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    whole = bytearray(buffer.getvalue())
    for _ in range(int(rng.integers(0, 4))):
        whole[int(rng.integers(0, 512))] = int(rng.integers(256))
    if rng.integers(2):
        del whole[int(rng.integers(len(whole))) :]
    rec.files = {"rec.sigmf-meta": None, "rec.sigmf-data": None, "rec.sigmf": bytes(whole)}


Damage = Callable[[Recording, np.random.Generator], None]
DAMAGES: list[Damage] = [
    text_bytes, text_bytes, text_whole, value, value, value, value, datatype, dataset, captures,
    captures, scenario, extension, cut, bits, segment, segment, huge, odd_file, archive,
]  # fmt: skip


def cases(rng: np.random.Generator, base: Recording) -> Iterator[tuple[str, Recording, list[str]]]:
    """Damages without end: their names, the recording, and the command."""
    for number in range(1 << 30):
        damage = DAMAGES[number % len(DAMAGES)]
        metadata = json.loads(json.dumps(base.metadata))
        rec = Recording(metadata, base.data)
        damage(rec, rng)
        command = choice(rng, [["replay"], ["replay"], ["replay"], ["calibrate", "--frames", "8"]])
        arguments = [
            command[0],
            "rec",
            *command[1:],
            *(["--json"] if command == ["replay"] else []),
        ]
        if rng.integers(3) == 0:
            (rec.files).setdefault("given.yml", base.facts["dislac:scenario"].encode())
            arguments += ["--scenario", "given.yml"]
        yield damage.__name__, rec, arguments


def wrong_fix(output: str) -> str | None:
    """A word for a fix that lies too far from the target."""
    for line in output.splitlines():
        if not line.startswith('{"frame"'):
            continue
        fix = json.loads(line)
        if fix["status"] != "ok":
            continue
        if fix["position"] is None or fix["covariance"] is None:
            return "ok without a position"
        away = np.linalg.norm(np.array(fix["position"]) - TARGET)
        deviations = away / np.sqrt(np.trace(np.array(fix["covariance"])))
        if not deviations <= FARTHEST:
            return f"wrong fix, {away:.1f} m or {deviations:.1f} standard deviations away"
    return None


def opened(path: Path) -> harness.Outcome:
    """Open a recording, and say as the command does if that is impossible."""

    def call() -> None:
        try:
            for warning in RecordingReader(path).warnings:
                print(f"dislac: warning: {warning}")
        except ValueError as error:
            sys.exit(print(f"dislac: error: {error}") or 1)

    return harness.run(call, longest=patience())


def patience() -> float:
    """Seconds after which a run counts as hung: longer where many share the machine."""
    return harness.LONGEST * max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def fault_of(outcome: harness.Outcome, restated: bool) -> str | None:
    """A word for what must not happen; None where all is well."""
    if outcome.fault and not (outcome.fault == "hang" and outcome.status >= 0):
        return outcome.fault
    errors = [line for line in outcome.output.splitlines() if line.startswith("dislac: error")]
    if outcome.status and len(errors) != 1:
        return f"status {outcome.status} with {len(errors)} lines of error"
    warned = any(text in outcome.output for text in WARNED)
    return None if restated or warned else wrong_fix(outcome.output)


def main(arguments: list[str] | None = None) -> int:
    """Run a number of cases and print each fault; 1 if there is one."""
    import gnuradio.dislac.blocks.flowgraphs  # noqa: F401 once for all runs

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--open", action="store_true", help="only open them, which is quick")
    parser.add_argument("--only", type=int, help="number of the case to repeat, with its output")
    options = parser.parse_args(arguments)
    faults, ends, fixes = 0, Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        base = sound(Path(folder))
    made = cases(np.random.default_rng(options.seed), base)
    for number, (name, rec, command) in zip(range(options.count), made, strict=False):
        if options.only not in (None, number):
            continue
        with tempfile.TemporaryDirectory() as folder:
            rec.write(Path(folder))
            if options.open:
                outcome = opened(Path(folder) / "rec")
            else:
                outcome = harness.run_command(command, folder=Path(folder), longest=patience())
        ends["used" if outcome.status == 0 else "refused"] += 1
        fixes += outcome.output.count('"status": "ok"')
        fault = fault_of(outcome, rec.restated)
        if options.only is not None:
            print(outcome.output)
        if fault:
            faults += 1
            print(f"case {number} ({name}, {' '.join(command)}): {fault}", flush=True)
            print(f"  again: python -m tests.fuzz.recordings --seed {options.seed} --only {number}")
    summary = f"{dict(ends)}, {fixes} fixes, {faults} faults"
    print(f"{options.count} recordings, seed {options.seed}: {summary}")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
