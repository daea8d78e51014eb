# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing of recordings: samples as they come, metadata before them."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .. import __version__
from ..files import write_file
from ..scenario import Scenario
from ..synchronization import Mark
from .dataset import CF32
from .sigmf import CHECKSUMMED, DATA, EXTENSION_VERSION, META, Frame, RecordingError, recording_base

__all__ = ["RecordingWriter"]

_SIGMF_VERSION = "1.2.0"

_SAME = 1e-6
"""Samples by which a clock may differ from what was foretold: rounding."""


@dataclass
class _Train:
    """Frames that follow each other by the frame period."""

    first: Frame
    count: int = 1

    def next(self, period: int) -> Frame:
        return Frame(self.first.start + self.count * period, self.first.number + self.count)


class RecordingWriter:
    """Writes the received samples of a scenario; a killed writer leaves a readable recording.

    Samples go to ``BASE.sigmf-data`` as they come. ``BASE.sigmf-meta`` is there from the start
    and is replaced, all at once, whenever the frames stop following their period or the clock
    jumps (after lost samples): before the samples it speaks of, so that there are none of which it
    says nothing. It is replaced once more when the recording is closed. Whatever was in either
    file is overwritten.

    Parameters
    ----------
    base
        path without suffix (one of SigMF's is taken off); folders are made.
    scenario
        what is received; it goes into the metadata.

    Raises
    ------
    RecordingError
        the files cannot be written.

    Examples
    --------
    Samples of all chains over two frame periods, written and read again.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from gnuradio.dislac.io import RecordingReader, RecordingWriter
    >>> from gnuradio.dislac.scenario import load_scenario
    >>> scene = load_scenario("paper")
    >>> period = scene.numerology.frame_period
    >>> samples = np.ones((scene.receive_chains, 2 * period), np.complex64)
    >>> with TemporaryDirectory() as folder:
    ...     with RecordingWriter(f"{folder}/street", scene) as writer:
    ...         writer.write(samples, frames=[(0, 0), (period, 1)])
    ...     reader = RecordingReader(f"{folder}/street")
    ...     again = reader.read(0, reader.sample_count)
    >>> np.array_equal(again, samples), reader.frames
    (True, (Frame(start=0, number=0), Frame(start=7680, number=1)))
    """

    def __init__(self, base: str | os.PathLike[str], scenario: Scenario) -> None:
        self.base = recording_base(base)
        self.samples = 0
        self._scenario = scenario
        self._period = scenario.numerology.frame_period
        self._sample_size = scenario.receive_chains * 8
        self._trains: list[_Train] = []
        self._marks: list[Mark] = []
        self._declared = 0
        try:
            Path(self.base).parent.mkdir(parents=True, exist_ok=True)
            self._data = open(self.base + DATA, "wb", buffering=0, opener=_open_now)  # noqa: SIM115
            self._write_metadata()
        except OSError as error:
            raise RecordingError(
                f"{self.base}: cannot record here ({error.strerror}); give another path"
            ) from None

    def write(
        self,
        samples: ArrayLike,
        frames: Iterable[tuple[int, int]] = (),
        marks: Iterable[Mark] = (),
    ) -> None:
        """Appends samples.

        Parameters
        ----------
        samples
            (chains, n), stored as complex64.
        frames
            (first sample counted from the start of the recording, number) of each frame that starts
            among these samples, in order.
        marks
            samples among these, counted likewise, at which the receiver's clock was read or samples
            were lost, in order. Those that the clock of the one before foretells are not kept.

        Raises
        ------
        ValueError
            samples of another shape, or a frame or mark that lies elsewhere.
        RecordingError
            the samples cannot be written, such as to a full disk.
        """
        chains = self._scenario.receive_chains
        block = np.asarray(samples)
        if block.ndim != 2 or len(block) != chains:
            raise ValueError(f"samples have shape {block.shape}; give ({chains}, n)")
        end = self.samples + block.shape[1]
        for mark in marks:
            self._note_mark(mark, end)
        for frame in frames:
            self._note_frame(Frame(*frame), end)
        data = np.ascontiguousarray(block.T, dtype="<c8").reshape(-1).view(np.uint8).data
        written = 0
        try:
            # One rewrite a break; after the first hundred, one for every hundredth part more, so
            # that the cost stays proportional to the recording.
            breaks = len(self._trains) + len(self._marks)
            if breaks - self._declared > breaks // 100:
                self._write_metadata()
            while written < len(data):
                written += self._data.write(data[written:])
        except OSError as error:
            self.samples += written // self._sample_size
            raise RecordingError(
                f"{self.base}{DATA}: recording stopped ({error.strerror}) after "
                f"{self.samples} samples, which are kept"
            ) from None
        self.samples = end

    def close(self) -> None:
        """Completes the metadata: number of samples and frames, and a checksum where that takes no
        longer than some seconds. More calls do nothing.

        Raises
        ------
        RecordingError
            the metadata cannot be written; those that are there stay.
        """
        if self._data.closed:
            return
        try:
            with self._data:
                size = self.samples * self._sample_size
                self._data.truncate(size)  # of the last sample, a full disk may have taken a part
            content: dict[str, Any] = {"dislac:sample_count": self.samples}
            # Only now: computed on the way, it would take more time than all else.
            if size <= CHECKSUMMED:
                with open(self.base + DATA, "rb") as data:
                    content["core:sha512"] = hashlib.file_digest(data, "sha512").hexdigest()
            self._write_metadata(content)
        except OSError as error:
            raise RecordingError(
                f"{self.base}{META}: cannot be completed ({error.strerror}); it is readable, "
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

    def _note_mark(self, mark: Mark, end: int) -> None:
        if not self.samples <= mark.offset < end:
            raise ValueError(
                f"a mark lies at sample {mark.offset}, "
                f"not among samples {self.samples} to {end - 1} that are written"
            )
        last = self._marks[-1] if self._marks else None
        if last is not None and last.time is not None and mark.time is not None:
            seconds = mark.time[0] - last.time[0] + (mark.time[1] - last.time[1])
            passed = seconds * self._scenario.sample_rate
            if abs(passed - (mark.offset - last.offset)) < _SAME:
                return
        self._marks.append(mark)

    def _write_metadata(self, closing: Mapping[str, Any] | None = None) -> None:
        """Replaces the metadata; those of a recording that is complete say some things more."""
        scenario = self._scenario
        content: dict[str, Any] = {
            "core:datatype": CF32.name,
            "core:sample_rate": scenario.sample_rate,
            "core:num_channels": scenario.receive_chains,
            "core:version": _SIGMF_VERSION,
            "core:description": scenario.name,
            "core:recorder": f"gr-dislac {__version__}",
            "core:extensions": [{"name": "dislac", "version": EXTENSION_VERSION, "optional": True}],
            "dislac:scenario": scenario.text,
            **(closing or {}),
        }
        # One capture a line: there may be many.
        captures = ",\n".join(map(json.dumps, self._captures(closing is not None)))
        text = (
            f'{{"global": {json.dumps(content, indent=2)},\n'
            f'"captures": [\n{captures}\n],\n"annotations": []}}\n'
        )
        # A reader finds the old file or the new one, never half of one.
        # Not waited for on the way: a radio does not wait.
        write_file(self.base + META, text.encode(), durable=closing is not None)
        self._declared = len(self._trains) + len(self._marks)

    def _captures(self, closed: bool) -> list[dict[str, Any]]:
        """A capture segment for each train of frames and each mark, in order.

        The first begins with the recording, and so does that of the first frames.
        """
        captures: dict[int, dict[str, Any]] = {0: {}}
        for mark in self._marks:
            time = None if mark.time is None else list(mark.time)
            captures.setdefault(mark.offset, {})["dislac:rx_time"] = time
        for train in self._trains:
            start = 0 if train is self._trains[0] else train.first.start
            capture = captures.setdefault(start, {})
            capture["dislac:frame_start"] = train.first.start
            capture["dislac:first_frame"] = train.first.number
            capture["dislac:frame_period"] = self._period
            if closed or train is not self._trains[-1]:
                capture["dislac:frame_count"] = train.count
        carrier = self._scenario.numerology.carrier_frequency
        return [
            {"core:sample_start": start, "core:frequency": carrier, **captures[start]}
            for start in sorted(captures)
        ]


def _open_now(path: str, flags: int) -> int:
    """Open a file; a fifo that nobody reads is refused, not waited for."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)
