# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of fixes in several formats: each complete on disk before the next one comes."""

import csv
import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..files import GrowingFile, write_file
from ..positioning import Fix
from ..scenario import Scenario
from .exports import EXPORTS, ExportError
from .fixes import fix_to_json, label_texts, plain

__all__ = ["MAPPED", "SCENARIO", "FixLog", "check_formats", "spacing"]

SCENARIO = "fixes.scenario.yml"
"""Name of the file that says where the fixes of a folder come from."""

MAPPED = 5000
"""Frames of which ``fixes.geojson`` takes every one: ten megabytes."""

_CSV_COLUMNS = (
    *("frame", "time [s]", "status", "east [m]", "north [m]", "up [m]"),
    *("variance east [m^2]", "variance north [m^2]", "variance up [m^2]"),
    *("covariance east-north [m^2]", "covariance east-up [m^2]", "covariance north-up [m^2]"),
    *("residual delay [s]", "residual Doppler [Hz]"),
    *("direction east", "direction north", "direction up", "error [m]", "bound [m]"),
)

_LABELS = ("target", "links")
"""Columns of which there are more where the first fix has a target or links."""


def check_formats(formats: Sequence[str], scenario: Scenario) -> None:
    """
    Raises
    ------
    ExportError
        there is no such format, or the scenario lacks what it needs.
    """
    for name in formats:
        if name not in EXPORTS:
            raise ExportError(f"no format is called '{name}'; there are {', '.join(EXPORTS)}")
        EXPORTS[name].check(scenario)


class FixLog:
    """Writes fixes to ``fixes.jsonl``, ``fixes.csv`` and ``fixes.geojson`` of a folder, and to
    other formats if asked.

    Each is whole after every fix, so that a process that is killed has lost none. All hold every
    fix but ``fixes.geojson``, which is to stay one that maps can open: of frames beyond the first
    `MAPPED` it takes every second one, of those beyond twice as many every fourth, and so on (see
    `spacing`). Beside them lies the scenario, ``fixes.scenario.yml``, by which `dislac export`
    makes further formats later. GeoJSON needs the scene's origin on the Earth; without, `notes`
    says that there is none. What files of these names held before is overwritten, and those of
    formats that are not asked for are removed: all that is in the folder is of one run.

    Parameters
    ----------
    directory
        where to write; it is made.
    scenario
        where the fixes come from.
    formats
        of `exports.EXPORTS`, besides.

    Raises
    ------
    ExportError
        the scenario lacks what a format needs.
    OSError
        the files cannot be written.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        scenario: Scenario,
        formats: Sequence[str] = (),
    ) -> None:
        self.directory = Path(directory)
        self.notes: list[str] = []
        check_formats(formats, scenario)
        self.directory.mkdir(parents=True, exist_ok=True)
        write_file(self.directory / SCENARIO, scenario.text.encode())
        self._lines = GrowingFile(self.directory / "fixes.jsonl")
        self._table = self._new_table(_CSV_COLUMNS)
        self._labelled = False
        self._count = 0
        formats = list(dict.fromkeys(["geojson", *formats]))
        if scenario.origin is None:
            self.notes.append("no fixes.geojson: the scenario has no origin on the Earth (origin)")
            formats.remove("geojson")
        for name in EXPORTS.keys() - set(formats):
            (self.directory / f"fixes.{name}").unlink(missing_ok=True)
        self._exports = {f: EXPORTS[f](self.directory / f"fixes.{f}", scenario) for f in formats}

    def write(self, fix: Fix) -> None:
        """Adds a fix to every file.

        Raises
        ------
        OSError
            one has no room for it, and is as it was before.
        """
        self._lines.append(f"{fix_to_json(fix)}\n".encode())
        if not self._count and label_texts(fix):
            # The table of a scene of several has columns that say which.
            self._table.close()
            self._table = self._new_table((*_CSV_COLUMNS, *_LABELS))
            self._labelled = True
        names = [label_texts(fix).get(name, "") for name in _LABELS] if self._labelled else []
        self._table.append(_csv_row([*_csv_values(fix), *names]))
        mapped = self._count % spacing(self._count) == 0
        self._count += 1
        for name, export in self._exports.items():
            if mapped or name != "geojson":
                export.write(fix)

    def _new_table(self, columns: Sequence[str]) -> GrowingFile:
        return GrowingFile(self.directory / "fixes.csv", _csv_row(columns))

    def close(self) -> None:
        """Closes the files. More calls do nothing."""
        self._lines.close()
        self._table.close()
        for export in self._exports.values():
            export.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spacing(count: int) -> int:
    """Return the number of frames to one in ``fixes.geojson``, after `count` frames."""
    return 1 << (count // MAPPED).bit_length()


def _csv_values(fix: Fix) -> list[Any]:
    covariance = fix.covariance
    numbers = [
        *fix.position,
        *np.diag(covariance),
        *covariance[np.triu_indices(3, 1)],
        fix.residual_delay,
        fix.residual_doppler,
        *fix.direction,
        fix.error,
        fix.bound,
    ]
    return [fix.frame, float(fix.time), fix.outcome, *map(plain, numbers)]


def _csv_row(values: Sequence[Any]) -> bytes:
    row = StringIO()
    csv.writer(row, lineterminator="\n").writerow(values)
    return row.getvalue().encode()
