# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes as JSON Lines, CSV and GeoJSON: each complete on disk before the next one comes."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry.frames import geodetic_from_enu
from ..positioning import Fix, FixStatus, confidence_ellipse
from ..scenario import Scenario

__all__ = ["FixLog", "fix_from_dict", "fix_to_dict", "fix_to_json", "read_fixes"]

_CSV_COLUMNS = (
    *("frame", "time [s]", "status", "east [m]", "north [m]", "up [m]"),
    *("variance east [m^2]", "variance north [m^2]", "variance up [m^2]"),
    *("covariance east-north [m^2]", "covariance east-up [m^2]", "covariance north-up [m^2]"),
    *("residual delay [s]", "residual Doppler [Hz]"),
    *("direction east", "direction north", "direction up", "error [m]", "bound [m]"),
)


def fix_to_dict(fix: Fix) -> dict[str, Any]:
    """A fix as JSON objects carry it: SI units, null for what is not known.

    Numbers are kept to the last bit: they are written with as many digits as it takes to read
    the same number again.
    """
    return {
        "frame": int(fix.frame),
        "time": float(fix.time),
        "position": _plain(fix.position),
        "covariance": _plain(fix.covariance),
        "residual_delay": _plain(fix.residual_delay),
        "residual_doppler": _plain(fix.residual_doppler),
        "direction": _plain(fix.direction),
        "status": str(fix.status),
        "error": _plain(fix.error),
        "bound": _plain(fix.bound),
    }


def fix_from_dict(values: Mapping[str, Any]) -> Fix:
    """The fix that `fix_to_dict` was given."""
    return Fix(
        frame=int(values["frame"]),
        time=float(values["time"]),
        status=FixStatus(values["status"]),
        position=_array(values["position"], (3,)),
        covariance=_array(values["covariance"], (3, 3)),
        residual_delay=float(_array(values["residual_delay"])),
        residual_doppler=float(_array(values["residual_doppler"])),
        direction=_array(values["direction"], (3,)),
        error=float(_array(values["error"])),
        bound=float(_array(values["bound"])),
    )


def fix_to_json(fix: Fix) -> str:
    """A fix as one line of JSON."""
    return json.dumps(fix_to_dict(fix), allow_nan=False)


def read_fixes(path: str | os.PathLike[str]) -> list[Fix]:
    """The fixes of a JSON Lines file; a last line that was cut off is left out.

    Raises:
        ValueError: a line before the last is no fix.
    """
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    fixes = []
    for number, line in enumerate(lines, 1):
        try:
            fixes.append(fix_from_dict(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            if number < len(lines):
                raise ValueError(f"{path}:{number}: not a fix") from None
    return fixes


class FixLog:
    """Writes fixes to ``fixes.jsonl``, ``fixes.csv`` and ``fixes.geojson`` of a folder.

    Each is complete after every fix, so that a process that is killed has lost none. GeoJSON is
    for maps (longitude, latitude, height): the fixes, the ellipses (polygons) that hold each
    with 95 % probability in the horizontal plane, the receiver, and the truth where it is known.
    It needs the scene's origin on the Earth; without, `notes` says that there is none. What
    files of these names held before is overwritten.

    Args:
        directory: where to write; it is made.
        scenario: where the fixes come from.

    Raises:
        OSError: the files cannot be written.
    """

    def __init__(self, directory: str | os.PathLike[str], scenario: Scenario) -> None:
        self.directory = Path(directory)
        self.notes: list[str] = []
        self.directory.mkdir(parents=True, exist_ok=True)
        # Unbuffered: a fix is one write to each file.
        self._lines = open(self.directory / "fixes.jsonl", "wb", buffering=0)  # noqa: SIM115
        self._table = open(self.directory / "fixes.csv", "wb", buffering=0)  # noqa: SIM115
        self._table.write(_csv_row(_CSV_COLUMNS))
        self._map: _GeoJson | None = None
        if scenario.origin is None:
            self.notes.append("no fixes.geojson: the scenario has no origin on the Earth (origin)")
            (self.directory / "fixes.geojson").unlink(missing_ok=True)
        else:
            self._map = _GeoJson(self.directory / "fixes.geojson", scenario)

    def write(self, fix: Fix) -> None:
        """Adds a fix to every file."""
        self._lines.write(f"{fix_to_json(fix)}\n".encode())
        self._table.write(_csv_row(_csv_values(fix)))
        if self._map is not None:
            self._map.write(fix)

    def close(self) -> None:
        """Closes the files. More calls do nothing."""
        self._lines.close()
        self._table.close()
        if self._map is not None:
            self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plain(value: ArrayLike) -> Any:
    """Numbers or nested lists of them; None for what is not finite, one None when nothing is."""
    array = np.asarray(value, dtype=float)
    known = np.isfinite(array)
    plain = array.astype(object)
    plain[~known] = None
    return plain.tolist() if known.any() else None


def _array(value: Any, shape: tuple[int, ...] = ()) -> NDArray[np.float64]:
    """Inverse of `_plain`: NaN for None."""
    return np.broadcast_to(np.asarray(value, dtype=float), shape).copy()


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
    return [fix.frame, float(fix.time), str(fix.status), *map(_plain, numbers)]


def _csv_row(values: Sequence[Any]) -> bytes:
    row = StringIO()
    csv.writer(row, lineterminator="\n").writerow(values)
    return row.getvalue().encode()


class _GeoJson:
    """A FeatureCollection (RFC 7946) that is whole after every write."""

    _END = b"\n]}\n"

    def __init__(self, path: Path, scenario: Scenario) -> None:
        assert scenario.origin is not None
        self._origin = scenario.origin
        self._target = scenario.target
        self._truth: NDArray[np.float64] | None = None
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 closed by close()
        receiver = scenario.receiver.motion.state(0.0)[0]
        features = [self._point(receiver, {"kind": "receiver"})]
        head = b'{"type": "FeatureCollection", "features": [\n'
        self._file.write(head + b",\n".join(features) + self._END)

    def write(self, fix: Fix) -> None:
        features = []
        if self._target is not None:
            truth = self._target.motion.state(fix.time)[0]
            if self._truth is None or np.any(truth != self._truth):
                self._truth = truth
                features.append(self._point(truth, {"kind": "truth", "time": float(fix.time)}))
        if fix.valid:
            about = fix_to_dict(fix)
            features.append(self._point(fix.position, {"kind": "fix", **about}))
            if np.isfinite(fix.covariance).all():
                features.append(self._ellipse(fix))
        if features:
            # The end of the collection is written anew with what comes before it, at once.
            self._file.seek(-len(self._END), os.SEEK_END)
            self._file.write(b"".join(b",\n" + feature for feature in features) + self._END)

    def close(self) -> None:
        self._file.close()

    def _point(self, position: ArrayLike, properties: Mapping[str, Any]) -> bytes:
        return self._feature("Point", self._coordinates(position), properties)

    def _ellipse(self, fix: Fix) -> bytes:
        outline = confidence_ellipse(fix.covariance[:2, :2])
        outline = np.insert(fix.position[:2] + outline, 2, fix.position[2], axis=-1)
        about = {"kind": "uncertainty", "frame": int(fix.frame), "probability": 0.95}
        return self._feature("Polygon", [self._coordinates(outline)], about)

    def _coordinates(self, position: ArrayLike) -> Any:
        """Longitude, latitude, height; to 1e-9 degrees and 0.1 mm."""
        latitude, longitude, height = np.moveaxis(geodetic_from_enu(position, self._origin), -1, 0)
        return np.stack(
            [np.round(longitude, 9), np.round(latitude, 9), np.round(height, 4)], axis=-1
        ).tolist()

    @staticmethod
    def _feature(kind: str, coordinates: Any, properties: Mapping[str, Any]) -> bytes:
        feature = {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": coordinates},
            "properties": properties,
        }
        return json.dumps(feature, allow_nan=False).encode()
