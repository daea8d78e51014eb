# SPDX-License-Identifier: GPL-3.0-or-later
"""Published mean elements of satellites (TLE, OMM), checked and made ready for SGP4."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from ..extras import explain_missing
from ..printable import printable
from .orbits import OrbitError

__all__ = [
    "NOON_2000",
    "OLD",
    "ElementSet",
    "check_tle_line",
    "nearest",
    "sgp4_api",
    "trimmed",
    "write_days",
]

NOON_2000 = 2451545.0
"""Julian date of 2000-01-01 12:00."""

OLD = 14.0
"""Days from their epoch beyond which elements are old: SGP4 errs by 1 to 3 km a day."""

_YEARS = 1957, 2200
"""Of epochs: the first satellite flew in 1957."""

_LARGEST_NUMBER = 339999
"""Catalogue number, the largest that sgp4 takes (Z9999). SGP4 itself needs none."""


def sgp4_api() -> ModuleType:
    """Return the module `sgp4.api`.

    Raises
    ------
    ImportError
        sgp4 is not installed.
    """
    try:
        import sgp4.api
    except ImportError as error:
        raise ImportError(explain_missing("sgp4"), name="sgp4") from error
    return sgp4.api


@dataclass(frozen=True, eq=False)
class ElementSet:
    """The mean elements of one satellite.

    Parameters
    ----------
    name
        as the source has it, else the catalogue number.
    record
        what sgp4 made of them (`sgp4.api.Satrec`).
    number
        in the catalogue, as the source has it; empty if it has none.
    designator
        international designator of the launch; empty if the source has none.
    remarks
        what was assumed where the source says nothing.
    """

    name: str
    record: Any
    number: str = ""
    designator: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def epoch(self) -> datetime:
        """Time at which the elements hold best, UTC."""
        record = self.record
        days = timedelta(record.jdsatepoch - NOON_2000) + timedelta(record.jdsatepochF)
        return datetime(2000, 1, 1, 12, tzinfo=UTC) + days

    def age(self, *moments: datetime) -> float:
        """Days from the epoch to the farthest of some moments, whether before or after it."""
        return max(abs(moment - self.epoch) for moment in moments) / timedelta(1)

    @classmethod
    def from_tle(cls, line1: str, line2: str, name: str = "") -> "ElementSet":
        """From the two lines of a TLE.

        Only what SGP4 needs has to be there; check digits may be missing.

        Raises
        ------
        OrbitError
            they are not such lines, their check digits are wrong, or they are of another theory.
        ImportError
            sgp4 is not installed.
        """
        first, second = check_tle_line(line1, 1), check_tle_line(line2, 2)
        numbers = [line[2:7].strip() for line in (first, second)]
        if numbers[0].lstrip("0") != numbers[1].lstrip("0"):
            raise OrbitError(
                f"the lines of a TLE are of two satellites, {numbers[0]} and {numbers[1]}"
            )
        try:
            record = sgp4_api().Satrec.twoline2rv(first, second)
        except ValueError as error:
            raise OrbitError(f"the lines of a TLE cannot be read: {error}") from None
        number = str(_satellite_number(record) or numbers[0])
        return cls(trimmed(name) or number, _usable(record), number, trimmed(first[9:17]))

    @classmethod
    def from_omm(cls, fields: Mapping[str, Any]) -> "ElementSet":
        """From the fields of an Orbit Mean-Elements Message, named as CCSDS 502.0 does.

        Only what SGP4 needs has to be there. A field may carry its unit in brackets, as in KVN.
        Without BSTAR no drag is assumed, which is remarked.

        Raises
        ------
        OrbitError
            a field is missing or wrong, or the elements are of another theory, frame, time scale or
            body than SGP4's.
        ImportError
            sgp4 is not installed.
        """
        api = sgp4_api()
        from sgp4.omm import initialize

        _check_conventions(fields)
        dragged = bool(_stated(fields, "BSTAR"))
        given: dict[str, Any] = {key: _number(fields, key) for key in _NEEDED}
        given["BSTAR"] = _number(fields, "BSTAR") if dragged else 0.0
        remarks = () if dragged else ("BSTAR is missing: no drag is assumed",)
        number = _stated(fields, "NORAD_CAT_ID")
        known = number.isascii() and number.isdigit() and int(number) <= _LARGEST_NUMBER
        designator = trimmed(_stated(fields, "OBJECT_ID"))
        epoch = _epoch(fields)
        record = api.Satrec()
        try:
            initialize(
                record,
                {
                    **given,
                    "EPOCH": f"{epoch:%Y-%m-%dT%H:%M:%S.%f}",
                    "CLASSIFICATION_TYPE": "U",
                    "OBJECT_ID": designator if re.fullmatch(_DESIGNATOR, designator) else "",
                    "EPHEMERIS_TYPE": "0",
                    "NORAD_CAT_ID": number if known else "0",
                    **{key: _optional(fields, key) for key in _NOT_NEEDED},
                },
            )
        except (ValueError, TypeError, OverflowError) as error:
            raise OrbitError(f"an OMM cannot be read: {error}") from None
        name = trimmed(_stated(fields, "OBJECT_NAME"))
        number = trimmed(number)
        return cls(name or number or "unnamed", _usable(record), number, designator, remarks)

    @property
    def identity(self) -> tuple[str, str]:
        """Number and designator of the satellite, which its sets have in common.

        A number alone is not enough: sets that are not in a catalogue share 0 or 99999.
        """
        return self.number, self.designator or self.name


def write_days(days: float) -> str:
    """Return a number of days in words: days, or years where there are many."""
    return f"{days / 365.25:.1f} years" if days > 730 else f"{days:.0f} days"


def nearest(elements: Iterable[ElementSet], moment: datetime) -> list[ElementSet]:
    """Of several sets of one satellite, the one whose epoch is nearest to a moment; others stay."""
    best: dict[tuple[str, str], ElementSet] = {}
    for element in elements:
        rival = best.get(element.identity)
        if rival is None or abs(element.epoch - moment) <= abs(rival.epoch - moment):
            best[element.identity] = element
    return list(best.values())


def _usable(record: Any) -> Any:
    # Mean perigee above the equator's radius, in radii of the Earth
    if record.altp <= 0:
        raise OrbitError(
            f"the elements are no orbit: its perigee lies {-6378.0 * record.altp:.0f} km below "
            "the ground"
        )
    if record.error or not record.altp > 0:
        reason = sgp4_api().SGP4_ERRORS.get(record.error, "it has no perigee")
        raise OrbitError(f"the elements are no orbit: {reason}")
    return record


def _satellite_number(record: Any) -> int:
    try:
        return int(record.satnum)
    except (ValueError, IndexError):  # sgp4's own decoding of what is no number
        return 0


def trimmed(text: str) -> str:
    """Return printable text without outer blanks."""
    return printable(text, len(text)).strip()


# TLE

_DIGITS = r" *\d+\.\d* *"
_TLE_FIELDS = {
    1: {
        "epoch's year": (19, 20, r"\d\d"),
        "epoch's day": (21, 32, r" *\d{1,3}\.\d* *"),
        "BSTAR": (53, 61, r" ([ +-]\d{5}[+-]\d| 00000 0| {8})"),
    },
    2: {
        "inclination": (8, 16, f" {_DIGITS}"),
        "right ascension of the node": (17, 25, f" {_DIGITS}"),
        "eccentricity": (26, 33, r" [ \d]{7}"),
        "argument of perigee": (34, 42, f" {_DIGITS}"),
        "mean anomaly": (43, 51, f" {_DIGITS}"),
        "mean motion": (52, 63, f" {_DIGITS}"),
    },
}
"""Fields that SGP4 needs: first and last column, and pattern of the text."""

_TLE_LARGEST = {"epoch's day": 367.0, "inclination": 180.0}

_TLE_NEUTRAL = {
    1: [
        (8, 9, "[A-Z] ", "U "),
        (18, 18, " ", " "),
        (33, 43, r" [ +\-\d]\.\d{8}", "  .00000000"),
        (44, 52, r" [ +-]\d{5}[+-]\d", "  00000-0"),
        (53, 61, r" [ +-]\d{5}[+-]\d", "  00000-0"),
        (62, 68, r" 0 [ \d]{3}\d", " 0    0"),
    ],
    2: [(64, 68, r" *\d+", "    0")],
}
"""Fields that SGP4 does not need: columns, pattern that sgp4 reads, text in place of others."""

_EPHEMERIS_TYPES = {
    "1": "SGP",
    "2": "SGP4 with Brouwer's mean motion, or Kozai's, as sources differ",
    "3": "SDP4 or PPT3",
    "4": "SGP4-XP",
    "6": "special perturbations",
}
"""Coding that CCSDS 502.0-B-3, 4.2.4.7, and T. S. Kelso's column give. All published sets for SGP4
have 0."""


def check_tle_line(line: str, number: int) -> str:
    """Return line 1 or 2 of a TLE as sgp4 reads it.

    Raises
    ------
    OrbitError
        it is not such a line, its check digit is wrong, a field that SGP4 needs is, or it is of
        another theory. The line is quoted as it is.
    """
    line = line.rstrip()
    quoted = f"'{line if len(line) <= 80 else line[:77] + '...'}'"
    if not line.isascii() or not line.isprintable():
        column = next(k for k, c in enumerate(line) if not (c.isascii() and c.isprintable()))
        raise OrbitError(
            f"column {column + 1} of {quoted} holds {line[column]!a}, which no TLE has"
        )
    if len(line) < 68 or not line.startswith(f"{number} "):
        raise OrbitError(
            f"{quoted} is not line {number} of a TLE: it begins with '{number} ' and has 68 "
            f"characters and a check digit; this has {len(line)}"
        )
    digits = line[:68]
    total = digits.count("-") + sum(k * digits.count(str(k)) for k in range(1, 10))
    digit = str(total % 10)
    if line[68:69].strip() not in ("", digit):
        raise OrbitError(
            f"{quoted} ends in the check digit {line[68]}; its other digits give {digit}"
        )
    if number == 1:
        _check_ephemeris_type(line[62], "column 63 of " + quoted)
    for name, (begin, end, pattern) in _TLE_FIELDS[number].items():
        text = line[begin - 1 : end]
        known = re.fullmatch(pattern, text) is not None
        if not known or (name in _TLE_LARGEST and float(text) > _TLE_LARGEST[name]):
            raise OrbitError(f"the {name}, columns {begin} to {end} of {quoted}, is '{text}'")
    for begin, end, pattern, neutral in _TLE_NEUTRAL[number]:
        if re.fullmatch(pattern, line[begin - 1 : end]) is None:
            line = line[: begin - 1] + neutral + line[end:]
    return line[:69]


def _check_ephemeris_type(kind: str, where: str) -> None:
    if kind not in ("", " ", "0"):
        theory = _EPHEMERIS_TYPES.get(kind, "no theory known here")
        raise OrbitError(
            f"the ephemeris type, {where}, is {kind}: {theory}; only SGP4 is propagated here, "
            "type 0"
        )


# OMM

_UNITS = {
    "MEAN_MOTION": "rev/day",
    "INCLINATION": "deg",
    "RA_OF_ASC_NODE": "deg",
    "ARG_OF_PERICENTER": "deg",
    "MEAN_ANOMALY": "deg",
}

_NEEDED = {
    "MEAN_MOTION": (0.0, 100.0),
    "ECCENTRICITY": (0.0, 1.0),
    "INCLINATION": (0.0, 180.0),
    "RA_OF_ASC_NODE": (-360.0, 360.0),
    "ARG_OF_PERICENTER": (-360.0, 360.0),
    "MEAN_ANOMALY": (-360.0, 360.0),
}
"""Fields that SGP4 needs besides epoch and BSTAR, and the range of each."""

_NOT_NEEDED = "ELEMENT_SET_NO", "REV_AT_EPOCH", "MEAN_MOTION_DOT", "MEAN_MOTION_DDOT"

_CONVENTIONS = {
    "MEAN_ELEMENT_THEORY": ("SGP4", "SGP/SGP4", "SDP4", "SGP4/SDP4"),
    "CENTER_NAME": ("EARTH",),
    "REF_FRAME": ("TEME", "TEMEOFDATE", "TEMEOFEPOCH"),
    "TIME_SYSTEM": ("UTC",),
}
"""Values that a message may have; CCSDS 502.0-B-3, 4.2.4.6, asks TLE-based ones for these.
JSON and CSV often leave them out. TEME of epoch differs by less than SGP4 errs."""

_DESIGNATOR = r"\d{4}-\d{3}[A-Z]{1,3}"


def _stated(fields: Mapping[str, Any], key: str) -> str:
    """Text of a field; empty for one that is missing or null."""
    value = fields.get(key)
    return "" if value is None else str(value).strip()


def _check_conventions(fields: Mapping[str, Any]) -> None:
    for key, known in _CONVENTIONS.items():
        text = _stated(fields, key)
        if text and re.sub(r"[\s_]", "", text).upper() not in known:
            raise OrbitError(f"{key} is {_quoted(text)}; SGP4 needs {known[0]}")
    if any(_stated(fields, key) for key in ("BTERM", "AGOM")) and not _stated(fields, "BSTAR"):
        raise OrbitError("BTERM and AGOM are of SGP4-XP; SGP4 needs BSTAR")
    kind = _stated(fields, "EPHEMERIS_TYPE")
    _check_ephemeris_type(kind.removesuffix(".0"), "EPHEMERIS_TYPE")


def _number(fields: Mapping[str, Any], key: str) -> float:
    """Number of a field, in its own unit.

    Raises
    ------
    OrbitError
        it is missing, no number, out of range, or in another unit.
    """
    text = _stated(fields, key)
    if not text:
        raise OrbitError(f"{key} is {'null' if key in fields else 'missing'}")
    digits, bracket, unit = text.partition("[")
    try:
        value = float(digits)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OrbitError(f"{key} is {_quoted(text)}, not a number")
    unit = unit.rstrip("] ").lower()
    if bracket and unit != _UNITS.get(key, unit):
        raise OrbitError(f"{key} is in {_quoted(unit)}; {_UNITS[key]} is needed")
    low, high = _NEEDED.get(key, (-math.inf, math.inf))
    if not low <= value <= high or (key == "MEAN_MOTION" and value == 0):
        raise OrbitError(f"{key} is {value:g}; it must lie between {low:g} and {high:g}")
    return value


def _optional(fields: Mapping[str, Any], key: str) -> str:
    """A number that SGP4 does not need; 0 if it is none."""
    text = _stated(fields, key).partition("[")[0].strip()
    whole = key in ("ELEMENT_SET_NO", "REV_AT_EPOCH")
    return text if re.fullmatch(r"\d{1,9}" if whole else _REAL, text) else "0"


_REAL = r"[+-]?(\d{1,9}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,2})?"


def _epoch(fields: Mapping[str, Any]) -> datetime:
    """Epoch of a message, UTC, without a zone: a calendar date or a year and its day."""
    text = _stated(fields, "EPOCH")
    if not text:
        raise OrbitError(f"EPOCH is {'null' if 'EPOCH' in fields else 'missing'}")
    try:
        day = re.fullmatch(r"(\d{4})-(\d{3})([T ].*)?", text)
        if day:
            date = datetime(int(day[1]), 1, 1) + timedelta(int(day[2]) - 1)
            if not (int(day[2]) and date.year == int(day[1])):
                raise ValueError
            text = f"{date:%Y-%m-%d}{day[3] or ''}"
        epoch = datetime.fromisoformat(text)
        if epoch.tzinfo is not None:
            epoch = epoch.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise OrbitError(
            f"EPOCH is {_quoted(text)}, not a time such as 2026-01-01T12:00:00.5 or "
            "2026-001T12:00:00.5"
        ) from None
    if not _YEARS[0] <= epoch.year < _YEARS[1]:
        raise OrbitError(f"EPOCH is of {epoch.year}; it must be of {_YEARS[0]} to {_YEARS[1] - 1}")
    return epoch


def _quoted(text: str) -> str:
    text = trimmed(text)
    return f"'{text if len(text) <= 40 else text[:37] + '...'}'"
