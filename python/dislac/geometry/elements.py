# SPDX-License-Identifier: GPL-3.0-or-later
"""Satellites from published mean elements (TLE, OMM), propagated by SGP4."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .frames import days_since_2000, ecef_from_teme, sidereal_time
from .orbits import OrbitError

__all__ = ["Catalogue", "ElementSet", "SatelliteMotion", "read_elements"]

Floats = NDArray[np.float64]

_NOON_2000 = 2451545.0
"""Julian date of 2000-01-01 12:00."""


def _sgp4() -> ModuleType:
    try:
        import sgp4.api
    except ImportError as error:
        raise ImportError(
            "satellites from mean elements need the package sgp4: pip install 'gr-dislac[orbits]', "
            "or sgp4 alone"
        ) from error
    return sgp4.api


@dataclass(frozen=True, eq=False)
class ElementSet:
    """The mean elements of one satellite.

    Args:
        name: as the source has it, else the catalogue number.
        record: what sgp4 made of them (`sgp4.api.Satrec`).
    """

    name: str
    record: Any

    @property
    def epoch(self) -> datetime:
        """When the elements hold best, UTC."""
        record = self.record
        days = timedelta(record.jdsatepoch - _NOON_2000) + timedelta(record.jdsatepochF)
        return datetime(2000, 1, 1, 12, tzinfo=UTC) + days

    @classmethod
    def from_tle(cls, line1: str, line2: str, name: str = "") -> "ElementSet":
        """From the two lines of a TLE.

        Raises:
            OrbitError: they are not such lines, or their check digits are wrong.
            ImportError: sgp4 is not installed.
        """
        lines = [line.rstrip() for line in (line1, line2)]
        for number, line in enumerate(lines, start=1):
            if len(line) < 69 or not line.startswith(f"{number} "):
                raise OrbitError(
                    f"'{line}' is not line {number} of a TLE: 69 characters that begin with "
                    f"'{number} '"
                )
            if line[68] != (digit := _check_digit(line)):
                raise OrbitError(
                    f"'{line}' ends in the check digit {line[68]}; its other digits give {digit}"
                )
        if lines[0][2:7] != lines[1][2:7]:
            raise OrbitError(
                f"the lines of a TLE are of two satellites, {lines[0][2:7]} and {lines[1][2:7]}"
            )
        record = _sgp4().Satrec.twoline2rv(*lines)
        return cls(name.strip() or str(record.satnum), _usable(record))

    @classmethod
    def from_omm(cls, fields: Mapping[str, Any]) -> "ElementSet":
        """From the fields of an Orbit Mean-Elements Message, named as CCSDS 502.0 does.

        Raises:
            OrbitError: a field is missing or is no number.
            ImportError: sgp4 is not installed.
        """
        api = _sgp4()
        from sgp4.omm import initialize

        record = api.Satrec()
        given = {**_OMM_DEFAULTS, **{key: str(value) for key, value in fields.items()}}
        try:
            given["EPOCH"] = _with_fraction(given["EPOCH"])
            initialize(record, given)
        except KeyError as error:
            raise OrbitError(f"an OMM lacks {error.args[0]}") from None
        except ValueError as error:
            raise OrbitError(f"an OMM cannot be read: {error}") from None
        return cls(given.get("OBJECT_NAME", "").strip() or str(record.satnum), _usable(record))


_OMM_DEFAULTS = {
    "CLASSIFICATION_TYPE": "U",
    "OBJECT_ID": "",
    "EPHEMERIS_TYPE": "0",
    "ELEMENT_SET_NO": "0",
    "REV_AT_EPOCH": "0",
    "MEAN_MOTION_DOT": "0",
    "MEAN_MOTION_DDOT": "0",
    "NORAD_CAT_ID": "0",
}
"""What SGP4 does not need."""


def _check_digit(line: str) -> str:
    return str(sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10)


def _with_fraction(epoch: str) -> str:
    """An epoch as sgp4 reads it."""
    epoch = epoch.strip().removesuffix("Z").replace(" ", "T")
    return epoch if "." in epoch else f"{epoch}.0"


def _usable(record: Any) -> Any:
    if record.error:
        reason = _sgp4().SGP4_ERRORS.get(record.error, f"error {record.error}")
        raise OrbitError(f"the elements of satellite {record.satnum} are no orbit: {reason}")
    return record


@dataclass(frozen=True, eq=False)
class SatelliteMotion:
    """One satellite in the Earth-fixed frame, asked of SGP4 each time.

    The velocity is SGP4's, which is some cm/s off the derivative of its position; `HermiteMotion`
    makes of it what a carrier's phase can follow.

    Args:
        elements: of the satellite.
        epoch: what time zero is; UTC where it names no time zone.
    """

    elements: ElementSet
    epoch: datetime

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Position [m] and velocity [m/s], each ``time.shape + (3,)``, at `time` [s].

        Raises:
            OrbitError: the elements lead nowhere at that time.
        """
        time = np.asarray(time, dtype=float)
        flat = np.atleast_1d(time).ravel()
        whole, part = _julian(self.epoch, flat)
        error, position, velocity = self.elements.record.sgp4_array(whole, part)
        if np.any(error):
            first = int(np.argmax(error != 0))
            reason = _sgp4().SGP4_ERRORS.get(int(error[first]), f"error {error[first]}")
            raise OrbitError(
                f"{self.elements.name} has no place {flat[first]:.0f} s after "
                f"{self.epoch.isoformat()}: {reason}; its elements are of "
                f"{self.elements.epoch:%Y-%m-%d}"
            )
        position, velocity = _earth_fixed(self.epoch, flat, position, velocity)
        return position.reshape(*time.shape, 3), velocity.reshape(*time.shape, 3)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Many satellites at once.

    Args:
        elements: of each.
        epoch: what time zero is; UTC where it names no time zone.
    """

    elements: Sequence[ElementSet]
    epoch: datetime

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def names(self) -> list[str]:
        return [element.name for element in self.elements]

    def motion(self, satellite: int) -> SatelliteMotion:
        """The motion of one satellite."""
        return SatelliteMotion(self.elements[satellite], self.epoch)

    def states(self, time: ArrayLike, which: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Earth-fixed positions [m] and velocities [m/s], each (satellites, times, 3).

        NaN where the elements of a satellite lead nowhere.

        Args:
            time: (times,) [s].
            which: (satellites,) their numbers; None for all.
        """
        time = np.asarray(time, dtype=float)
        records = self._records if which is None else self._records[np.asarray(which, dtype=int)]
        shape = len(records), len(time), 3
        if not len(records):
            return np.empty(shape), np.empty(shape)
        error, *state = _sgp4().SatrecArray(records).sgp4(*_julian(self.epoch, time))
        for vector in state:
            vector[error != 0] = np.nan
        return _earth_fixed(self.epoch, time, *state)

    @cached_property
    def _records(self) -> NDArray[np.object_]:
        records = np.empty(len(self.elements), dtype=object)
        records[:] = [element.record for element in self.elements]
        return records


def _julian(epoch: datetime, time: Floats) -> tuple[Floats, Floats]:
    """Julian dates, in whole days (as sgp4 understands them) and parts of a day."""
    days, rest = days_since_2000(epoch)
    return np.full(time.shape, _NOON_2000 + days), rest + time / 86400.0


def _earth_fixed(
    epoch: datetime, time: Floats, position: Floats, velocity: Floats
) -> tuple[Floats, Floats]:
    """From what sgp4 gives, (..., times, 3) in TEME, km and km/s."""
    angle, rate = sidereal_time(*days_since_2000(epoch))
    return ecef_from_teme(1e3 * position, 1e3 * velocity, angle + rate * time, rate)


# Files


def read_elements(path: str | Path) -> list[ElementSet]:
    """The element sets of a file: TLE with or without lines of names, or OMM as CSV, JSON or XML.

    Raises:
        OrbitError: names file and line, or the number of the message.
        OSError: the file cannot be read.
        ImportError: sgp4 is not installed.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    start = text.lstrip()[:1]
    if start == "<":
        found = _messages(path, _xml_messages(path))
    elif start in ("[", "{"):
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise OrbitError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from None
        found = _messages(path, data if isinstance(data, list) else [data])
    elif re.match(r"\S*\bEPOCH\b", text):
        found = _messages(path, csv.DictReader(text.splitlines()))
    else:
        found = _two_lines(path, text.splitlines())
    if not found:
        raise OrbitError(f"{path}: no satellites; a file of TLE or OMM (CSV, JSON, XML) is needed")
    return found


def _xml_messages(path: Path) -> list[dict[str, str]]:
    from xml.etree.ElementTree import ParseError

    from sgp4.omm import parse_xml

    try:
        return list(parse_xml(str(path)))
    except (ParseError, AttributeError, TypeError) as error:
        raise OrbitError(f"{path}: not an OMM in XML: {error}") from None


def _messages(path: Path, messages: Iterable[Any]) -> list[ElementSet]:
    found = []
    for number, fields in enumerate(messages, start=1):
        try:
            found.append(ElementSet.from_omm(fields))
        except (OrbitError, AttributeError, TypeError) as error:
            raise OrbitError(f"{path}: message {number}: {error}") from None
    return found


def _two_lines(path: Path, lines: Sequence[str]) -> list[ElementSet]:
    found: list[ElementSet] = []
    name, first = "", ""
    for number, line in enumerate(lines, start=1):
        if line.startswith("1 ") and not first:
            first = line
        elif first:
            try:
                found.append(ElementSet.from_tle(first, line, name))
            except OrbitError as error:
                raise OrbitError(f"{path}:{number}: {error}") from None
            name = first = ""
        elif line.startswith("2 "):
            raise OrbitError(f"{path}:{number}: line 2 of a TLE without line 1 before it")
        elif line.strip():
            name = line.removeprefix("0 ").strip()
    if first or (name and not found):
        raise OrbitError(f"{path}:{len(lines)}: the file ends within a TLE")
    return found
