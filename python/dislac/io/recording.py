# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of all receive chains in SigMF, with the scenario and the frames in the metadata.

The `dislac` extension of SigMF says what stands where: docs/dislac.sigmf-ext.md.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import open_regular
from ..scenario import Scenario, ScenarioError, parse_scenario
from ..scenario.loader import parse_document
from ..scenario.timing import first_arrival
from ..synchronization import Mark
from .dataset import CF32, Datatype, Extent, Samples
from .old_recordings import meant_then, phase_warning
from .sigmf import (
    CHECKSUMMED,
    DATA,
    EXTENSION_VERSION,
    META,
    Frame,
    Metadata,
    MissingError,
    RecordingError,
    capture_marks,
    extensions,
    find_files,
    read_metadata,
)

__all__ = ["RecordingReader"]

_PIECE = 4096
"""Samples read at a time: they stay in the cache while they are sorted by chain."""

_SAME_FREQUENCY = 1e-6
"""Part of the carrier by which a frequency may differ and be the same: steps of oscillators."""

_CONVERT = "convert them to cf32_le or ci16_le"


class RecordingReader:
    """The samples of a recording and its whole good frames, however damaged the rest may be.

    A frame is left out when it is cut off or holds samples that are not finite. What is wrong
    with the recording, but does not keep its frames from being used, is said in `warnings`.
    A recording of an older version of the extension gives the fixes that it gave then.

    Where the scenario's frames are found by the clock or on the direct path, there need be no
    frames. A recording without any, made straight from a radio, is read so though its scenario goes
    by tags: `scenario` then says by the clock, or on the direct path where there are no
    times.

    Parameters
    ----------
    path
        ``BASE``, ``BASE.sigmf-meta`` or ``BASE.sigmf-data``; or ``BASE.sigmf``, an archive of one
        recording.
    scenario
        what was recorded; default the scenario that the recording carries. With it, a recording can
        be read that has lost its metadata: samples are then taken for cf32_le of all the scenario's
        chains, frame 0 to start where it does when emulated.
    overrides
        values for dotted keys of the scenario that the recording carries.
    verify
        compare the checksum of the samples; None: if that takes no more than seconds.

    Attributes
    ----------
    base
        path without suffix, or of the archive.
    scenario
        the scenario by which the frames are found and demodulated.
    chains
        number of receive chains.
    sample_rate
        of the scenario [Hz].
    sample_count
        whole samples of each chain.
    frames
        whole good frames in order, tuple of `Frame`.
    frames_cut
        frames left out because the recording lacks some of their samples.
    frames_not_finite
        frames left out because they hold NaN or infinite samples.
    marks
        samples at which the receiver's clock was read or samples were lost, in order, tuple of
        `synchronization.Mark`.
    warnings
        one sentence for each thing that is wrong.

    Raises
    ------
    RecordingError
        nothing can be used: no data, no whole good frame, fewer channels than the scenario has, a
        datatype that cannot be read, or no scenario.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        scenario: Scenario | None = None,
        overrides: Mapping[str, Any] | None = None,
        verify: bool | None = None,
    ) -> None:
        self._files = find_files(path)
        self.base = self._files.base
        self.warnings: list[str] = []
        self.frames_cut = self.frames_not_finite = 0
        self._given = scenario is not None
        metadata = self._metadata(scenario)
        self._check_extensions(metadata.facts)
        self.scenario = scenario or self._embedded_scenario(metadata.facts, overrides)
        if warning := phase_warning(metadata.facts, self._given):
            self._warn(warning)
        self.chains = self.scenario.receive_chains
        self.sample_rate = self.scenario.sample_rate
        self._compare_radio(metadata)
        self._samples = self._open(metadata, verify)
        self.sample_count = len(self._samples)
        declared = metadata.facts.get("dislac:sample_count", self.sample_count)
        if declared > self.sample_count:
            self._warn(f"truncated: holds {self.sample_count} of {declared} samples")
        elif declared < self.sample_count:
            self._warn(
                f"holds {self.sample_count} samples, and {declared} were recorded: what was put in "
                "may have moved the others"
            )
        elif "dislac:scenario" in metadata.facts and not metadata.says("dislac:sample_count"):
            self._warn("was not closed: the recorder was stopped before it could complete it")
        self.marks = self._find_marks(metadata)
        self.frames = self._good_frames(list(self._find_frames(metadata)))

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
            block = self._samples.block(start + first, start + last)
            for chain, row in enumerate(rows):
                row[first:last] = block[:, chain]

    def blocks(self, size: int) -> Iterator[NDArray[np.complex64]]:
        """All samples in order, in blocks (chains, size), the last one shorter."""
        for start in range(0, self.sample_count, size):
            yield self.read(start, start + size)

    def _warn(self, message: str) -> None:
        named = message.startswith(self.base)
        self.warnings.append(message if named else f"{self.base}: {message}")

    def _error(self, message: str, file: str = META) -> RecordingError:
        """The error to raise about one of the recording's files."""
        return RecordingError(f"{self._files.label(self._files.name + file)}: {message}")

    # Metadata

    def _metadata(self, scenario: Scenario | None) -> Metadata:
        """Read the metadata; empty where `scenario` stands in for those that are missing."""
        try:
            metadata = read_metadata(self._files)
        except MissingError:
            raise
        except RecordingError as error:
            if scenario is None:
                raise RecordingError(
                    f"{error}; give the scenario it was recorded with (--scenario)"
                ) from None
            self._warn(str(error))
            return Metadata()
        for warning in metadata.warnings:
            self._warn(warning)
        return metadata

    def _check_extensions(self, facts: Mapping[str, Any]) -> None:
        """Refuses what needs an extension that is not known here."""
        ours = int(EXTENSION_VERSION.split(".")[0])
        for name, version, required in extensions(facts):
            if not required:
                continue
            if name != "dislac":
                raise self._error(
                    f"needs the SigMF extension '{name}' (core:extensions, optional: false), which "
                    "is not known here; where the samples can be read without it, set optional to "
                    "true"
                )
            if version.split(".")[0] not in map(str, range(ours + 1)):
                raise self._error(
                    f"needs version {version} of the dislac extension, here is "
                    f"{EXTENSION_VERSION}; update gr-dislac"
                )

    def _embedded_scenario(
        self, facts: dict[str, Any], overrides: Mapping[str, Any] | None
    ) -> Scenario:
        text = facts.get("dislac:scenario")
        if not isinstance(text, str):
            raise self._error("carries no scenario; give the one it was recorded with (--scenario)")
        name = f"scenario in {self._files.label(self._files.name + META)}"
        chosen = dict(overrides or {})
        try:
            if isinstance(chosen.get("calibration"), str):  # a file of the user's, from where he is
                chosen["calibration"] = os.path.abspath(chosen["calibration"])
            document = parse_document(text, name, chosen)
            then = meant_then(document.data, facts)
            return parse_scenario(text, name, {**then, **chosen})
        except ScenarioError as error:
            raise RecordingError(f"{error}; or give another one (--scenario)") from None

    def _compare_radio(self, metadata: Metadata) -> None:
        """Compares rate and carrier with the scenario's."""
        rate = metadata.facts.get("core:sample_rate", self.sample_rate)
        if rate != self.sample_rate:
            self._warn(
                f"says it was recorded at {rate:.12g} samples/s, its scenario says "
                f"{self.sample_rate:.12g}; frames are demodulated as the scenario says"
            )
        carrier = self.scenario.numerology.carrier_frequency
        for capture in metadata.captures:
            frequency = capture.get("core:frequency", carrier)
            if abs(frequency - carrier) > _SAME_FREQUENCY * carrier:
                self._warn(
                    f"says it was recorded at {frequency:.12g} Hz (core:frequency), its scenario "
                    f"says {carrier:.12g}; Doppler shifts and the array's phases are taken as the "
                    "scenario says (numerology.carrier_frequency)"
                )
                return

    # Samples

    def _open(self, metadata: Metadata, verify: bool | None) -> Samples:
        """The samples as the metadata say they lie in the file."""
        facts = metadata.facts
        name = self._dataset_name(facts)
        path = self._files.label(name)
        try:
            extent = self._files.find(name)
            headers = [
                (capture["core:sample_start"], capture["core:header_bytes"])
                for capture in metadata.captures
                if capture.get("core:header_bytes")
            ]
            trailing = facts.get("core:trailing_bytes", 0)
            usual = CF32.size(self.chains) * facts.get("dislac:sample_count", 0)
            if headers and extent.size == usual:
                self._warn(
                    "has no room for core:header_bytes beside its samples; they are not counted"
                )
                headers = []
            skipped = trailing + sum(count for _, count in headers)
            datatype, channels = self._layout(metadata, extent.size - skipped)
            samples = Samples(extent, datatype, channels, headers, trailing)
            if samples.rest:
                self._warn(f"ends within a sample: the last {samples.rest} bytes are left out")
            if not len(samples):
                raise RecordingError(
                    f"{path}: holds no samples"
                    + (f" of {channels} channels" if extent.size else "")
                )
            self._compare_checksum(facts, extent, len(samples), verify)
            return samples
        except OSError as error:
            reason = error.strerror
            if name != self._files.name + DATA:
                reason = f"{reason}; core:dataset names it"
            elif facts.get("core:metadata_only") is True:
                reason = f"{reason}; these are metadata alone, core:metadata_only"
            raise RecordingError(f"{path}: cannot read the samples ({reason})") from None
        except ValueError as error:
            if isinstance(error, RecordingError):
                raise
            raise RecordingError(f"{path}: cannot read the samples ({error})") from None

    def _dataset_name(self, facts: Mapping[str, Any]) -> str:
        """Name of the file of samples, which lies beside the metadata."""
        name = facts.get("core:dataset", self._files.name + DATA)
        if not isinstance(name, str) or not name.strip("./\0") or name != os.path.basename(name):
            raise self._error(
                f"core:dataset is {name!r:.60}; it has to be the name of a file in the same folder"
            )
        return name

    def _layout(self, metadata: Metadata, size: int) -> tuple[Datatype, int]:
        """Datatype and number of channels of `size` bytes of samples."""
        facts = metadata.facts
        usual = CF32, self.chains
        if "core:datatype" not in facts:
            self._warn(f"samples are taken for cf32_le of {self.chains} chains")
            return usual
        name = facts["core:datatype"]
        datatype, channels = Datatype.parse(name), self._channels(metadata)
        count = facts.get("dislac:sample_count", 0)
        fits = datatype is not None and size == count * datatype.size(channels)
        real = isinstance(name, str) and Datatype.parse(re.sub("^r", "c", name)) is not None
        if (datatype, channels) == usual or fits:
            pass
        elif size and size == count * CF32.size(self.chains) and (datatype or not real):
            self._warn(
                f"says it has {channels} channels of type {name}, but its size is that of "
                f"{self.chains} of type cf32_le, and so they are read"
            )
            return usual
        if datatype is None:
            raise self._error(f"samples of type {name!r:.40} cannot be read; {_CONVERT}")
        if channels < self.chains:
            raise self._error(
                f"number of channels {channels} (core:num_channels), chains of the scenario "
                f"{self.chains}; "
                + (
                    f"change the scenario (--set beams.chains={channels}), or the number where it "
                    "is wrong"
                    if self._given
                    else "give the scenario it was recorded with (--scenario)"
                )
            )
        if channels > self.chains:
            self._warn(f"has {channels} channels; the scenario takes the first {self.chains}")
        return datatype, channels

    def _channels(self, metadata: Metadata) -> int:
        """Number of channels: SigMF's key, or the one that a recorder has in its place, or 1."""
        facts = metadata.facts
        if "core:num_channels" in facts:
            return int(facts["core:num_channels"])
        if "core:num_channels" in metadata.unusable:
            return self.chains
        for key, value in facts.items():
            if key.endswith((":channels", ":num_channels")) and type(value) is int and value > 0:
                self._warn(
                    f"does not say core:num_channels; {key} is {value}, and that many interleaved "
                    "channels are read"
                )
                return value
        return 1

    def _compare_checksum(
        self, facts: Mapping[str, Any], extent: Extent, count: int, verify: bool | None
    ) -> None:
        """Compares the checksum of the samples; of those that lack some, there is no need."""
        expected = facts.get("core:sha512")
        if expected is None or verify is False or count < facts.get("dislac:sample_count", 0):
            return
        if verify is None and extent.size > CHECKSUMMED:
            self._warn(
                f"its {extent.size / 1e9:.3g} GB are not compared with their checksum; --verify "
                "does that"
            )
            return
        digest = hashlib.sha512()
        with open_regular(extent.path) as file:
            file.seek(extent.start)
            left = extent.size
            while left and (part := file.read(min(left, 1 << 20))):
                digest.update(part)
                left -= len(part)
        if digest.hexdigest() != str(expected).lower():
            self._warn(
                "its samples are not those that were recorded (core:sha512): fixes may be wrong"
            )

    # Frames and marks

    def _find_marks(self, metadata: Metadata) -> tuple[Mark, ...]:
        marks = []
        for mark, warning in capture_marks(metadata.captures):
            if warning and self.scenario.synchronization.reference == "time":
                raise self._error(
                    f"{warning}, and the scenario finds frames by it; --set "
                    "synchronization.reference=direct-path finds them without"
                )
            if warning:
                self._warn(warning)
            if mark.offset < self.sample_count:
                marks.append(mark)
        return tuple(marks)

    def _find_frames(self, metadata: Metadata) -> Iterator[Frame]:
        """Whole frames, by what the metadata say; counts those that are cut off."""
        facts = metadata.facts
        end = max(facts.get("dislac:sample_count", 0), self.sample_count)
        numerology = self.scenario.numerology
        trains = sorted(
            (capture for capture in metadata.captures if "dislac:frame_start" in capture),
            key=lambda capture: capture["dislac:frame_start"],
        )
        if not trains and not self._goes_without_frames() and "dislac:scenario" not in facts:
            start = first_arrival(self.scenario)
            self._warn(f"does not say where frames start: frame 0 is taken to, at sample {start}")
            trains = [{"dislac:frame_start": start}]
        ends = [*(train["dislac:frame_start"] for train in trains[1:]), end]
        overlapping, short = 0, None
        for train, limit in zip(trains, ends, strict=False):  # no trains, one end
            start, count = train["dislac:frame_start"], train.get("dislac:frame_count")
            period = train.get("dislac:frame_period", numerology.frame_period)
            if period < numerology.frame_length:
                short, period = period, numerology.frame_period
            number = train.get("dislac:first_frame", 0)
            last = min(limit, self.sample_count) - numerology.frame_length
            whole = range(start, last + 1, period)[:count]
            here = len(range(start, limit, period)[:count])
            if count is not None:
                overlapping += len(range(start, end, period)[:count]) - here
            self.frames_cut += here - len(whole)
            yield from (Frame(place, number + k) for k, place in enumerate(whole))
        if short is not None:
            self._warn(
                f"dislac:frame_period is {short}, less than a frame; the scenario's "
                f"{numerology.frame_period} is taken"
            )
        if overlapping:
            self.frames_cut += overlapping
            self._warn(
                f"captures overlap: {overlapping} frames of some lie where those of others do"
            )

    def _goes_without_frames(self) -> bool:
        """Return True where frames are found otherwise; the scenario says so afterwards."""
        if self.scenario.synchronization.reference != "tags":
            return True
        if not self.marks:
            return False
        timed = all(mark.time is not None for mark in self.marks)
        reference = "time" if timed else "direct-path"
        self._warn(
            "holds no frame starts, as a radio gives none: frames are found "
            f"{'by rx_time' if timed else 'on the direct path'} "
            f"(synchronization.reference={reference})"
        )
        overrides = {"synchronization.reference": reference}
        try:
            self.scenario = self.scenario.with_(overrides)
        except ScenarioError as error:
            raise RecordingError(f"{self.base}: {error}") from None
        return True

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
        if not good and self.scenario.synchronization.reference == "tags":
            raise RecordingError(
                "; ".join(
                    [
                        *self.warnings,
                        f"{self.base}: no whole good frame (--set "
                        "synchronization.reference=direct-path looks for some)",
                    ]
                )
            )
        return good

    def _is_finite(self, frame: Frame) -> bool:
        stop = frame.start + self.scenario.numerology.frame_length
        return bool(np.isfinite(self._samples.block(frame.start, stop)[:, : self.chains]).all())
