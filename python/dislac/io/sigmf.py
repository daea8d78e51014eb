# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and metadata of SigMF recordings: where they are, and what of them can be used.

SigMF v1.2: https://sigmf.org.
"""

import json
import math
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from itertools import islice
from typing import Any, NamedTuple

from ..files import open_regular, read_bounded
from ..synchronization import Mark
from .dataset import Extent

__all__ = [
    "CHECKSUMMED",
    "DATA",
    "EXTENSION_VERSION",
    "META",
    "Files",
    "Frame",
    "Metadata",
    "RecordingError",
    "capture_marks",
    "find_files",
    "is_recording",
    "read_metadata",
    "recording_base",
    "required_extensions",
]

EXTENSION_VERSION = "3.0.0"
"""Version of the `dislac` extension that is written.

Before version 3, users' codes were in their own order. Before version 2, the receive array's phases
were counted with the other sign. Recordings of then are read as they were made.
"""

DATA, META = ".sigmf-data", ".sigmf-meta"
_ARCHIVE, _COLLECTION = ".sigmf", ".sigmf-collection"

CHECKSUMMED = 1 << 29
"""Bytes of samples up to which a checksum is made, and compared if nobody says: a few seconds."""

_LARGEST = 1 << 24
"""Bytes of metadata that are read."""

_MOST_MEMBERS = 1000
"""Members of an archive that are looked at."""

_GREATEST = 2**48
"""Counts beyond this are nonsense: so many samples of one byte are 281 TB."""


class RecordingError(ValueError):
    """A recording that cannot be used at all: which file, what is wrong, what would help."""


class Frame(NamedTuple):
    """A frame of a recording: its first sample, and its number (the scenario's frame index)."""

    start: int
    number: int


# Files


@dataclass(frozen=True)
class Files:
    """Files of one recording.

    Attributes
    ----------
    base
        Path without suffix, or of the archive; for messages.
    name
        Name of the recording's files without suffix.
    find
        Finds a file of the recording by its name; raises OSError where there is none.
    """

    base: str
    name: str
    find: Callable[[str], Extent]

    def label(self, name: str) -> str:
        """Return how messages call a file of the recording."""
        if self.base.endswith(_ARCHIVE):
            return f"{self.base}: {name}"
        return os.path.join(os.path.dirname(self.base), name)


def recording_base(path: str | os.PathLike[str]) -> str:
    """The path of a recording without ``.sigmf-meta`` or ``.sigmf-data``."""
    base = os.fspath(path)
    for suffix in (DATA, META):
        base = base.removesuffix(suffix)
    return base


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Return True where a path names a recording, an archive or a collection that is there."""
    base = recording_base(path)
    if os.path.exists(base + META):
        return True
    return os.path.exists(base) and base.endswith((_ARCHIVE, _COLLECTION))


def find_files(path: str | os.PathLike[str]) -> Files:
    """Return the files of a recording.

    Parameters
    ----------
    path
        Path without suffix, of metadata or samples, of an archive with one recording, or of a
        collection of one.

    Raises
    ------
    RecordingError
        An archive or a collection that holds anything but one recording.
    """
    base = recording_base(path)
    if not (os.path.exists(base + META) or os.path.exists(base + DATA)):
        for suffix in (_ARCHIVE, _COLLECTION):
            whole = base if base.endswith(suffix) else base + suffix
            if os.path.exists(whole):
                return _archive(whole) if suffix == _ARCHIVE else _collection(whole)
        if base.endswith(tuple(f"{_ARCHIVE}.{kind}" for kind in ("gz", "xz", "zip"))):
            raise RecordingError(f"{base}: an archive is read as it is (tar): decompress it")
    folder, name = os.path.split(base)
    return Files(base, name, lambda file: _whole(os.path.join(folder, file)))


def _whole(path: str) -> Extent:
    """A regular file."""
    with open_regular(path) as file:
        return Extent(path, 0, os.fstat(file.fileno()).st_size)


class _Sparing(FileIO):
    """A file of which no more is read at once than metadata may have.

    The headers of an archive say how long their texts are, and are believed.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LARGEST:
            raise tarfile.ReadError("its headers are too long")
        return super().read(size)


def _archive(path: str) -> Files:
    """The recording in a tar archive; of one that is cut off, what is there."""
    members: dict[str, Extent] = {}
    reason = f"no member is called ...{META}"
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            with (
                _Sparing(file.fileno(), closefd=False) as sparing,
                tarfile.open(fileobj=sparing, mode="r:") as archive,
            ):
                for member in islice(archive, _MOST_MEMBERS):
                    begin = member.offset_data
                    if member.isreg() and not member.issparse() and 0 <= begin < size:
                        there = min(max(member.size, 0), size - begin)
                        members[os.path.normpath(member.name)] = Extent(path, begin, there)
    except OSError as error:
        raise RecordingError(f"{path}: cannot read the archive ({error.strerror})") from None
    except (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        reason = f"{error}; it has to be a plain tar"
    found = sorted(name.removesuffix(META) for name in members if name.endswith(META))
    if not found:
        raise RecordingError(f"{path}: holds no recording ({reason})")
    if len(found) > 1:
        raise RecordingError(
            f"{path}: holds {_listed(found)}; unpack it (tar -xf) and name one of them"
        )
    folder, name = os.path.split(found[0])

    def find(file: str) -> Extent:
        try:
            return members[os.path.join(folder, file)]
        except KeyError:
            raise FileNotFoundError(2, "No such member of the archive") from None

    return Files(path, name, find)


def _collection(path: str) -> Files:
    """The recording of a collection that has only one."""
    try:
        content = json.loads(read_bounded(path, _LARGEST))["collection"]["core:streams"]
        names = [stream["name"] if isinstance(stream, dict) else stream[0] for stream in content]
    except OSError as error:
        raise RecordingError(f"{path}: cannot read the collection ({error.strerror})") from None
    except (ValueError, LookupError, TypeError, RecursionError):
        raise RecordingError(
            f"{path}: names no recordings (core:streams); name one by its own path"
        ) from None
    if len(names) == 1 and isinstance(names[0], str) and os.path.basename(names[0]) == names[0]:
        return find_files(os.path.join(os.path.dirname(path), names[0] + META))
    raise RecordingError(
        f"{path}: a collection of {_listed(names)}; name one of them. The chains of one receiver "
        "have to be channels of one recording (core:num_channels)"
    )


def _listed(names: list[Any]) -> str:
    shown = ", ".join(_short(name) for name in names[:4])
    return f"{len(names)} recordings ({shown}{', ...' if len(names) > 4 else ''})"


# Metadata


@dataclass
class Metadata:
    """What the metadata of a recording say, those values that can be used.

    Attributes
    ----------
    facts
        The global object.
    captures
        Capture segments, in order of their first samples; `core:sample_start` is always there.
    unusable
        Keys of the global object that stand there, and whose values cannot be used.
    warnings
        One sentence for each thing that is wrong.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    captures: list[dict[str, Any]] = field(default_factory=list)
    unusable: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def says(self, key: str) -> bool:
        """Return True where the global object has a key, whatever its value."""
        return key in self.facts or key in self.unusable


class _Range(NamedTuple):
    """Numbers that a key may have."""

    whole: bool
    least: float
    greatest: float = _GREATEST

    def __str__(self) -> str:
        kind = "whole number" if self.whole else "number"
        return f"a {kind} from {self.least:g} to {self.greatest:g}"


_GLOBAL = {
    "core:sample_rate": _Range(False, 1e-9, 1e12),
    "core:num_channels": _Range(True, 1),
    "core:offset": _Range(True, 0),
    "core:trailing_bytes": _Range(True, 0),
    "dislac:sample_count": _Range(True, 0),
}
_CAPTURE = {
    "core:sample_start": _Range(True, 0),
    "core:frequency": _Range(False, -1e12, 1e12),
    "core:header_bytes": _Range(True, 0),
    "dislac:frame_start": _Range(True, 0),
    "dislac:first_frame": _Range(True, 0),
    "dislac:frame_period": _Range(True, 1),
    "dislac:frame_count": _Range(True, 0),
}


def read_metadata(files: Files) -> Metadata:
    """Return what the metadata of a recording say.

    Raises
    ------
    RecordingError
        No metadata, or none of a recording.
    """
    name = files.name + META
    path = files.label(name)
    try:
        extent = files.find(name)
        if extent.size > _LARGEST:
            raise OSError(27, f"Larger than {_LARGEST:,} bytes")
        with open_regular(extent.path) as file:
            file.seek(extent.start)
            content = json.loads(file.read(extent.size))
    except OSError as error:
        what = error.strerror if _is_there(files, DATA) else "no such recording"
        raise RecordingError(f"{path}: cannot read the metadata ({what})") from None
    except (ValueError, RecursionError):
        raise RecordingError(f"{path}: the metadata are no JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("global"), dict):
        raise RecordingError(
            f"{path}: the metadata are not those of a SigMF recording: no object `global`"
        )
    found = Metadata()
    for key, value in content["global"].items():
        if key in _GLOBAL:
            number = _number(value, _GLOBAL[key])
            found.warnings += _said(key, value, number, _GLOBAL[key])
            if number is None:
                found.unusable.add(key)
                continue
            value = number
        found.facts[key] = value
    captures = content.get("captures", [])
    if not isinstance(captures, list):
        found.warnings.append(f"captures is {_short(captures)}, not a list; it is left out")
        captures = []
    found.captures = _captures(captures, found)
    return found


def _is_there(files: Files, suffix: str) -> bool:
    try:
        files.find(files.name + suffix)
    except OSError:
        return False
    return True


def _captures(captures: list[Any], found: Metadata) -> list[dict[str, Any]]:
    """Captures with numbers that can be used, in order; adds to the warnings, a line a key."""
    usable, said = [], dict[str, list[str]]()
    offset = found.facts.get("core:offset", 0)
    for index, capture in enumerate(captures):
        if not isinstance(capture, dict):
            said.setdefault("captures", []).append(
                f"captures[{index}] is {_short(capture)}, not an object; it is left out"
            )
            continue
        kept = dict(capture)
        for key, numbers in _CAPTURE.items():
            if key in capture:
                number = _number(capture[key], numbers)
                said.setdefault(key, []).extend(
                    _said(f"captures[{index}].{key}", capture[key], number, numbers)
                )
                kept.pop(key)
                if number is not None:
                    kept[key] = number
        # Samples are counted from the first of several files; here from this one's.
        kept["core:sample_start"] = max(kept.get("core:sample_start", 0) - offset, 0)
        usable.append(kept)
    starts = [capture["core:sample_start"] for capture in usable]
    ordered = sorted(usable, key=lambda capture: capture["core:sample_start"])
    if starts != sorted(starts):
        found.warnings.append("captures are not in the order of core:sample_start; they are sorted")
    for texts in said.values():
        more = f" (and {len(texts) - 1} more of its kind)" if len(texts) > 1 else ""
        found.warnings += [text + more for text in texts[:1]]
    return ordered


def _said(name: str, value: Any, number: float | None, numbers: _Range) -> list[str]:
    """A warning about a value that is no number as it stands."""
    if number is None:
        return [f"{name} is {_short(value)}, not {numbers}; it is left out"]
    if isinstance(value, str):
        return [f"{name} is the text {_short(value)}; it is taken for {number:.15g}"]
    return []


def _number(value: Any, numbers: _Range) -> float | None:
    """The number that a value stands for; None where it is none, or not in the range."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not numbers.least <= value <= numbers.greatest:  # NaN neither
        return None
    if not numbers.whole:
        return float(value)
    return int(value) if value == int(value) else None


def _short(value: Any) -> str:
    """A value on one short line."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def capture_marks(captures: list[dict[str, Any]]) -> Iterator[tuple[Mark, str]]:
    """Pairs of the mark that a capture makes and, where its time cannot be used, a warning."""
    for capture in captures:
        if "dislac:rx_time" not in capture:
            continue
        value, start = capture["dislac:rx_time"], capture["core:sample_start"]
        time, warning = None, ""
        if value is not None:
            time = _time(value)
            if time is None:
                warning = (
                    f"dislac:rx_time at sample {start} is {_short(value)}, not whole seconds and "
                    "their fraction; it is left out"
                )
        yield Mark(start, time), warning


def _time(value: Any) -> tuple[int, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    whole = _number(value[0], _Range(True, 0))
    fraction = _number(value[1], _Range(False, 0.0, math.nextafter(1.0, 0.0)))
    return None if whole is None or fraction is None else (int(whole), fraction)


def required_extensions(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and versions of the extensions without which a recording cannot be understood."""
    declared = facts.get("core:extensions")
    return [
        (str(extension.get("name")), str(extension.get("version")))
        for extension in (declared if isinstance(declared, list) else [])
        if isinstance(extension, dict) and extension.get("optional", True) is not True
    ]
