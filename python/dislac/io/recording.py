# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of all receive chains in SigMF, with the scenario and the frames in the metadata.

The `dislac` extension of SigMF says what stands where: docs/dislac.sigmf-ext.md.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import __version__
from ..scenario import Scenario, ScenarioError, parse_scenario
from ..scenario.loader import parse_document
from ..scenario.truth import first_arrival

__all__ = [
    "EXTENSION_VERSION",
    "Frame",
    "RecordingError",
    "RecordingReader",
    "RecordingWriter",
]

EXTENSION_VERSION = "3.0.0"
"""Version of the `dislac` extension that is written.

Before version 3, users' codes were in their own order: see `_meant_then`. Before version 2, the
receive array's phases were counted with the other sign: see `_turned_array`.
"""

_SIGMF_VERSION = "1.2.0"
_DATA, _META = ".sigmf-data", ".sigmf-meta"
_PIECE = 4096
"""Samples read at a time: they stay in the cache while they are sorted by chain."""

# numpy type of one component, and what makes it full scale 1
_DATATYPES = {"cf32_le": ("<f4", 1.0), "ci16_le": ("<i2", 2.0**-15)}


class RecordingError(ValueError):
    """A recording that cannot be used at all: which file, what is wrong, what would help."""


class Frame(NamedTuple):
    """A frame of a recording: its first sample, and its number (the scenario's frame index)."""

    start: int
    number: int


@dataclass
class _Train:
    """Frames that follow each other by the frame period."""

    first: Frame
    count: int = 1

    def next(self, period: int) -> Frame:
        return Frame(self.first.start + self.count * period, self.first.number + self.count)


def recording_base(path: str | os.PathLike[str]) -> str:
    """The path of a recording without ``.sigmf-meta`` or ``.sigmf-data``."""
    base = os.fspath(path)
    for suffix in (_DATA, _META):
        base = base.removesuffix(suffix)
    return base


class RecordingWriter:
    """Writes the received samples of a scenario; a killed writer leaves a readable recording.

    Samples go to ``BASE.sigmf-data`` as they come. ``BASE.sigmf-meta`` is there from the start
    and is replaced, all at once, whenever the frames stop following their period (after lost
    samples), and when the recording is closed. Whatever was in either file is overwritten.

    Args:
        base: path without suffix (one of SigMF's is taken off); folders are made.
        scenario: what is received; it goes into the metadata.

    Raises:
        RecordingError: the files cannot be written.
    """

    def __init__(self, base: str | os.PathLike[str], scenario: Scenario) -> None:
        self.base = recording_base(base)
        self.samples = 0
        self._scenario = scenario
        self._period = scenario.numerology.frame_period
        self._trains: list[_Train] = []
        self._declared = 0
        try:
            Path(self.base).parent.mkdir(parents=True, exist_ok=True)
            self._data = open(self.base + _DATA, "wb", buffering=0)  # noqa: SIM115
            self._write_metadata()
        except OSError as error:
            raise RecordingError(
                f"{self.base}: cannot record here ({error.strerror}); give another path"
            ) from None

    def write(self, samples: ArrayLike, frames: Iterable[tuple[int, int]] = ()) -> None:
        """Appends samples.

        Args:
            samples: (chains, n), stored as complex64.
            frames: (first sample counted from the start of the recording, number) of each frame
                that starts among these samples, in order.

        Raises:
            ValueError: samples of another shape, or a frame that starts elsewhere.
            RecordingError: the samples cannot be written, such as to a full disk.
        """
        chains = self._scenario.chains
        block = np.asarray(samples)
        if block.ndim != 2 or len(block) != chains:
            raise ValueError(f"samples have shape {block.shape}; give ({chains}, n)")
        for frame in frames:
            self._note_frame(Frame(*frame), self.samples + block.shape[1])
        data = np.ascontiguousarray(block.T, dtype="<c8").reshape(-1).view(np.uint8).data
        try:
            written = 0
            while written < len(data):
                written += self._data.write(data[written:])
            self.samples += block.shape[1]
            # One rewrite a break in the frames; after the first hundred, one for every
            # hundredth part more, so that the cost stays proportional to the recording.
            if len(self._trains) - self._declared > len(self._trains) // 100:
                self._write_metadata()
        except OSError as error:
            raise RecordingError(
                f"{self.base}{_DATA}: recording stopped ({error.strerror}) after "
                f"{self.samples} samples, which are kept"
            ) from None

    def close(self) -> None:
        """Completes the metadata: number of samples and frames, checksum. More calls do nothing.

        Raises:
            RecordingError: the metadata cannot be written; those that are there stay.
        """
        if self._data.closed:
            return
        try:
            with self._data:
                size = self.samples * self._scenario.chains * 8
                self._data.truncate(size)  # of the last samples, a full disk may have taken a part
            # Only now: computed on the way, it would take more time than all else.
            with open(self.base + _DATA, "rb") as data:
                checksum = hashlib.file_digest(data, "sha512").hexdigest()
            self._write_metadata(checksum)
        except OSError as error:
            raise RecordingError(
                f"{self.base}{_META}: cannot be completed ({error.strerror}); it is readable, "
                "but lacks number of samples and checksum"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note_frame(self, frame: Frame, end: int) -> None:
        if not self.samples <= frame.start < end:
            raise ValueError(
                f"frame {frame.number} starts at sample {frame.start}, "
                f"not among samples {self.samples} to {end - 1} that are written"
            )
        if self._trains and self._trains[-1].next(self._period) == frame:
            self._trains[-1].count += 1
        else:
            self._trains.append(_Train(frame))

    def _write_metadata(self, checksum: str | None = None) -> None:
        scenario = self._scenario
        content: dict[str, Any] = {
            "core:datatype": "cf32_le",
            "core:sample_rate": scenario.sample_rate,
            "core:num_channels": scenario.chains,
            "core:version": _SIGMF_VERSION,
            "core:description": scenario.name,
            "core:recorder": f"gr-dislac {__version__}",
            "core:extensions": [{"name": "dislac", "version": EXTENSION_VERSION, "optional": True}],
            "dislac:scenario": scenario.text,
        }
        closed = checksum is not None
        if closed:
            content["dislac:sample_count"] = self.samples
            content["core:sha512"] = checksum
        # One capture a line: there may be many.
        captures = ",\n".join(map(json.dumps, self._captures(closed)))
        text = (
            f'{{"global": {json.dumps(content, indent=2)},\n'
            f'"captures": [\n{captures}\n],\n"annotations": []}}\n'
        )
        # Whoever reads meanwhile finds the old file or the new one, never half of one.
        temporary = f"{self.base}{_META}.part"
        Path(temporary).write_text(text, encoding="utf-8")
        os.replace(temporary, self.base + _META)
        self._declared = len(self._trains)

    def _captures(self, closed: bool) -> list[dict[str, Any]]:
        """A capture segment for each train of frames; the first begins with the recording."""
        carrier = self._scenario.numerology.carrier_frequency
        if not self._trains:
            return [{"core:sample_start": 0, "core:frequency": carrier}]
        captures: list[dict[str, Any]] = []
        for train in self._trains:
            capture = {
                "core:sample_start": train.first.start if captures else 0,
                "core:frequency": carrier,
                "dislac:frame_start": train.first.start,
                "dislac:first_frame": train.first.number,
                "dislac:frame_period": self._period,
            }
            if closed or train is not self._trains[-1]:
                capture["dislac:frame_count"] = train.count
            captures.append(capture)
        return captures


class RecordingReader:
    """The samples of a recording and its whole good frames, however damaged the rest may be.

    A frame is left out when it is cut off or holds samples that are not finite. What is wrong
    with the recording, but does not keep its frames from being used, is said in `warnings`.
    A recording of an older version of the extension gives the fixes that it gave then.

    Args:
        path: ``BASE``, ``BASE.sigmf-meta`` or ``BASE.sigmf-data``.
        scenario: what was recorded; default the scenario that the recording carries. With it,
            a recording can be read that has lost its metadata: samples are then taken for
            cf32_le of all the scenario's chains, frame 0 to start where it does when emulated.
        overrides: values for dotted keys of the scenario that the recording carries.

    Attributes:
        base: path without suffix.
        scenario: the scenario by which the frames are found and demodulated.
        chains: number of receive chains.
        sample_rate: of the scenario [Hz].
        sample_count: whole samples of each chain.
        frames: whole good frames in order, tuple of `Frame`.
        frames_cut: frames left out because the recording lacks some of their samples.
        frames_not_finite: frames left out because they hold NaN or infinite samples.
        warnings: one sentence for each thing that is wrong.

    Raises:
        RecordingError: nothing can be used: no data, no whole good frame, fewer channels than
            the scenario has, a datatype that cannot be read, or no scenario.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        scenario: Scenario | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.base = recording_base(path)
        self.warnings: list[str] = []
        self.frames_cut = self.frames_not_finite = 0
        facts, captures = self._metadata(scenario)
        self.scenario = scenario or self._embedded_scenario(facts, overrides)
        if _declared_version(facts) < 2:
            self._warn(_OLD_PHASES + (_GIVEN if scenario else _TURNED))
        self.chains = self.scenario.chains
        self.sample_rate = self.scenario.sample_rate
        rate = facts.get("core:sample_rate", self.sample_rate)
        if rate != self.sample_rate:
            self._warn(
                f"says it was recorded at {rate:.12g} samples/s, its scenario says "
                f"{self.sample_rate:.12g}; frames are demodulated as the scenario says"
            )
        self._data, self._scale = self._open_data(facts)
        self.sample_count = len(self._data)
        declared = facts.get("dislac:sample_count", self.sample_count)
        if declared > self.sample_count:
            self._warn(f"truncated: holds {self.sample_count} of {declared} samples")
        elif "dislac:scenario" in facts and "dislac:sample_count" not in facts:
            self._warn("was not closed: the recorder was stopped before it could complete it")
        self.frames = self._good_frames(list(self._find_frames(facts, captures)))

    @property
    def scenario_text(self) -> str:
        """YAML of the scenario."""
        return self.scenario.text

    @property
    def frames_left_out(self) -> int:
        """Frames that are cut off or hold samples that are not finite."""
        return self.frames_cut + self.frames_not_finite

    def read(self, start: int, stop: int) -> NDArray[np.complex64]:
        """Samples (chains, stop - start), fewer where the recording ends."""
        count = min(stop, self.sample_count) - start
        samples = np.empty((self.chains, max(0, count)), dtype=np.complex64)
        self.read_into(start, samples)
        return samples

    def read_into(
        self, start: int, rows: NDArray[np.complex64] | Sequence[NDArray[np.complex64]]
    ) -> None:
        """Write the samples from `start` on to as many places of one row for each chain."""
        count = len(rows[0])
        for first in range(0, count, _PIECE):
            last = min(first + _PIECE, count)
            block = self._data[start + first : start + last]
            if block.dtype.kind != "c":
                components = block.astype(np.float32) * np.float32(self._scale)
                block = components.view(np.complex64)[..., 0]
            for chain, row in enumerate(rows):
                row[first:last] = block[:, chain]

    def blocks(self, size: int) -> Iterator[NDArray[np.complex64]]:
        """All samples in order, in blocks (chains, size), the last one shorter."""
        for start in range(0, self.sample_count, size):
            yield self.read(start, start + size)

    def _warn(self, message: str) -> None:
        named = message.startswith(self.base)
        self.warnings.append(message if named else f"{self.base}: {message}")

    def _metadata(self, scenario: Scenario | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The global object and the captures; both empty where only `scenario` tells anything."""
        try:
            return _read_metadata(self.base)
        except RecordingError as error:
            if not os.path.exists(self.base + _DATA):
                raise
            if scenario is None:
                raise RecordingError(
                    f"{error}; give the scenario it was recorded with (--scenario)"
                ) from None
            self._warn(f"{error}; samples are taken for cf32_le of {scenario.chains} chains")
            return {}, []

    def _embedded_scenario(
        self, facts: dict[str, Any], overrides: Mapping[str, Any] | None
    ) -> Scenario:
        path = self.base + _META
        text = facts.get("dislac:scenario")
        if not isinstance(text, str):
            raise RecordingError(
                f"{path}: carries no scenario; give the one it was recorded with (--scenario)"
            )
        name = f"scenario in {path}"
        try:
            then = _meant_then(parse_document(text, name).data, _declared_version(facts))
            return parse_scenario(text, name, {**then, **(overrides or {})})
        except ScenarioError as error:
            raise RecordingError(f"{error}; or give another one (--scenario)") from None

    def _open_data(self, facts: dict[str, Any]) -> tuple[NDArray[Any], float]:
        """Samples (n, channels[, 2 components]) mapped from the file, and their scale."""
        path = self.base + _DATA
        try:
            size = os.path.getsize(path)
            datatype, channels = self._layout(facts, size)
            component, scale = _DATATYPES[datatype]
            count, rest = divmod(size, _sample_size(datatype, channels))
            if rest:
                self._warn(f"ends within a sample: the last {rest} bytes are left out")
            if not count:
                raise RecordingError(f"{path}: holds no samples")
            if datatype == "cf32_le":
                shape: tuple[int, ...] = count, channels
                component = "<c8"
            else:
                shape = count, channels, 2
            # As a plain array: slices of a memmap cost more.
            return np.asarray(np.memmap(path, component, "r", shape=shape)), scale
        except OSError as error:
            raise RecordingError(f"{path}: cannot read the samples ({error.strerror})") from None

    def _layout(self, facts: dict[str, Any], size: int) -> tuple[str, int]:
        """Datatype and number of channels of `size` bytes of samples."""
        usual = "cf32_le", self.chains
        # SigMF takes one channel for granted; without metadata it is the scenario that says
        said = str(facts.get("core:datatype", usual[0])), facts.get("core:num_channels", 1)
        if said == usual or not facts:
            return usual
        datatype, channels = said
        if size and size == facts.get("dislac:sample_count", 0) * _sample_size(*usual):
            self._warn(
                f"says it has {channels} channels of type {datatype}, but its size is that of "
                f"{usual[1]} of type {usual[0]}, and so they are read"
            )
            return usual
        if datatype not in _DATATYPES:
            raise RecordingError(
                f"{self.base}{_META}: samples of type {datatype} cannot be read; "
                f"convert them to {' or '.join(_DATATYPES)}"
            )
        if channels < self.chains:
            raise RecordingError(
                f"{self.base}{_META}: number of channels {channels}, chains of the scenario "
                f"{self.chains}; give the scenario it was recorded with (--scenario)"
            )
        if channels > self.chains:
            self._warn(f"has {channels} channels; the scenario takes the first {self.chains}")
        return said

    def _find_frames(
        self, facts: dict[str, Any], captures: list[dict[str, Any]]
    ) -> Iterator[Frame]:
        """Whole frames, by what the metadata say; counts those that are cut off."""
        end = max(facts.get("dislac:sample_count", 0), self.sample_count)
        numerology = self.scenario.numerology
        trains = [capture for capture in captures if "dislac:frame_start" in capture]
        if not trains and "dislac:scenario" not in facts:
            start = first_arrival(self.scenario)
            self._warn(f"does not say where frames start: frame 0 is taken to, at sample {start}")
            trains = [{"dislac:frame_start": start}]
        ends = [*(train["dislac:frame_start"] for train in trains[1:]), end]
        for train, limit in zip(trains, ends, strict=False):  # no trains, one end
            start, count = train["dislac:frame_start"], train.get("dislac:frame_count")
            period = train.get("dislac:frame_period", numerology.frame_period)
            number = train.get("dislac:first_frame", 0)
            last = min(limit, self.sample_count) - numerology.frame_length
            whole = range(start, last + 1, period)[:count]
            self.frames_cut += len(range(start, limit, period)[:count]) - len(whole)
            yield from (Frame(place, number + k) for k, place in enumerate(whole))

    def _good_frames(self, whole: list[Frame]) -> tuple[Frame, ...]:
        """Those of the whole frames that are finite; reports the others, and those cut off."""
        good = tuple(frame for frame in whole if self._is_finite(frame))
        self.frames_not_finite = len(whole) - len(good)
        for count, reason in (
            (self.frames_cut, "are cut off"),
            (self.frames_not_finite, "hold NaN or infinity"),
        ):
            if count:
                self._warn(f"frames left out because they {reason}: {count}")
        if not good:
            raise RecordingError("; ".join([*self.warnings, f"{self.base}: no whole good frame"]))
        return good

    def _is_finite(self, frame: Frame) -> bool:
        stop = frame.start + self.scenario.numerology.frame_length
        return bool(np.isfinite(self._data[frame.start : stop, : self.chains]).all())


def _sample_size(datatype: str, channels: int) -> int:
    """Bytes of one sample of all channels."""
    return 2 * channels * np.dtype(_DATATYPES[datatype][0]).itemsize


# What version 1 of the extension meant by a receive array.
_OLD_PHASES = (
    "is of version 1 of the dislac extension, which counted the receive array's phases with the "
    "other sign; "
)
_TURNED = (
    "as its fixes were made, the array is taken to be turned by half a turn about its z axis; "
    "for a real array, give nodes.receiver.array.orientation_deg as it stands"
)
_GIVEN = (
    "the scenario that is given is taken as it is; were the samples emulated, its array has to be "
    "turned by half a turn about its z axis"
)


def _declared_version(facts: Mapping[str, Any]) -> int:
    """Major version of the `dislac` extension that the recording declares, else today's."""
    declared = facts.get("core:extensions")
    for extension in declared if isinstance(declared, list) else []:
        if isinstance(extension, dict) and extension.get("name") == "dislac":
            major = str(extension.get("version")).split(".")[0]
            if major in ("0", "1", "2"):
                return int(major)
    return int(EXTENSION_VERSION.split(".")[0])


def _meant_then(scenario: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Overrides with which a scenario means today what it meant in a version of the extension."""
    overrides = _turned_array(scenario) if version < 2 else {}
    if version < 3 and scenario.get("pilots", {}).get("user", 0):
        overrides["pilots.interleaved"] = False
    return overrides


def _turned_array(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides with which a scenario means today what it meant in version 1 of the extension.

    Its receive response was the conjugate of today's, exp(-j pi n.u) with u in the array's body.
    That is the response of the same array turned by half a turn about its body's z axis, in which
    the direction is (-u_x, -u_y, u_z). The half turn comes first, and passes yaw, pitch and roll
    as Z(yaw) Y(pitch) X(roll) Z(180) = Z(yaw + 180) Y(-pitch) X(-roll).
    """
    array = scenario["nodes"]["receiver"].get("array")
    if array is None:
        return {}  # one element: no phases
    yaw, pitch, roll = array.get("orientation_deg", (0.0, 0.0, 0.0))
    return {"nodes.receiver.array.orientation_deg": [yaw + 180.0, -pitch, -roll]}


# Numbers in the metadata that are used here: type, least value.
_KNOWN: dict[str, tuple[Any, int]] = {
    "core:sample_rate": ((int, float), 0),
    "core:num_channels": (int, 1),
    "dislac:sample_count": (int, 0),
    "dislac:frame_start": (int, 0),
    "dislac:first_frame": (int, 0),
    "dislac:frame_period": (int, 1),
    "dislac:frame_count": (int, 0),
}


def _read_metadata(base: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The global object and the captures of a recording, those of their values checked that count.

    Raises:
        RecordingError: no metadata, or none that can be used.
    """
    path = base + _META
    try:
        metadata = json.loads(Path(path).read_bytes())
    except OSError as error:
        what = "no such recording" if not os.path.exists(base + _DATA) else error.strerror
        raise RecordingError(f"{path}: cannot read the metadata ({what})") from None
    except (ValueError, RecursionError):
        raise RecordingError(f"{path}: the metadata are no JSON") from None
    facts = metadata.get("global") if isinstance(metadata, dict) else None
    captures = metadata.get("captures", []) if isinstance(metadata, dict) else None
    if (
        not isinstance(facts, dict)
        or not isinstance(captures, list)
        or not all(isinstance(capture, dict) for capture in captures)
    ):
        raise RecordingError(f"{path}: the metadata are not those of a SigMF recording")
    for place in (facts, *captures):
        for key, (kind, least) in _KNOWN.items():
            value = place.get(key, least)
            if not isinstance(value, kind) or value < least:
                raise RecordingError(f"{path}: {key} is {value!r}, not a number from {least} on")
    return facts, captures
