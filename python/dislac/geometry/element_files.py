# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of mean elements: TLE, and OMM as KVN, CSV, JSON or XML."""

import csv
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, XMLParser

from ..files import read_bounded
from .elements import ElementSet, check_tle_line, trimmed
from .orbits import OrbitError

__all__ = ["read_elements"]

LARGEST_FILE = 32 << 20
"""Bytes of a file of elements: all that is in orbit takes half of it as XML."""

_MOST_ENTRIES = 60_000  # twice what is in orbit
_MOST_LINES = 1_500_000  # as many entries take in KVN; also elements of XML
_MOST_FAULTS = 5  # that are reported one by one
_USUAL_MESSAGE = 1 << 12  # characters of a message in JSON
_LONGEST_MESSAGE = 1 << 16  # also of a line in CSV
_LONGEST_TAG = 1 << 20  # characters of XML in which nothing begins or ends
_DEEPEST = 64  # levels of XML, of which an OMM has seven
_BLANKS = [chr(k) for k in range(1 << 14) if chr(k).isspace() and chr(k) not in " \n"] + ["\ufeff"]

_NEEDED = "a file of TLE or OMM (KVN, CSV, JSON, XML) is needed"

Entry = ElementSet | OrbitError
Report = Callable[[str], None]


def read_elements(path: str | Path, report: Report = warnings.warn) -> list[ElementSet]:
    """Return the element sets of a file: TLE with or without lines of names, or OMM as KVN, CSV,
    JSON or XML.

    An entry that cannot be used is skipped and reported, if there are others.

    Parameters
    ----------
    path
        of the file.
    report
        called with a sentence about each entry that is skipped, and about what was assumed for
        others.

    Raises
    ------
    OrbitError
        no entry can be used; names file and line, or the number of the message.
    OSError
        the file cannot be read, is none, or is too large.
    ImportError
        sgp4 is not installed.
    """
    path = Path(path)
    found: list[ElementSet] = []
    faults: list[OrbitError] = []
    skipped = assumed = 0
    for entry in _entries(path, _text(read_bounded(path, LARGEST_FILE))):
        if len(found) + skipped == _MOST_ENTRIES:
            raise OrbitError(f"{path}: more than {_MOST_ENTRIES} entries; split the file")
        if isinstance(entry, OrbitError):
            skipped += 1
            if skipped <= _MOST_FAULTS:
                faults.append(OrbitError(trimmed(str(entry))))
            continue
        found.append(entry)
        assumed += bool(entry.remarks)
        if entry.remarks and assumed <= _MOST_FAULTS:
            report(f"{path}: {entry.name}: {', '.join(entry.remarks)}")
    if not found:
        raise faults[0] if faults else OrbitError(f"{path}: no satellites; {_NEEDED}")
    for fault in faults:
        report(f"{fault}; skipped")
    for count, what in ((skipped, "entries are skipped"), (assumed, "sets are without BSTAR")):
        if count > _MOST_FAULTS:
            report(f"{path}: {count - _MOST_FAULTS} more {what}")
    return found


def _text(data: bytes) -> str:
    """Text of a file, its lines ending in line feeds and its blanks being plain ones."""
    try:
        utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if utf16 else "utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Pages of the web have no-break spaces where a TLE has blanks.
    for blank in _BLANKS:
        text = text.replace(blank, " ")
    return text


def _entries(path: Path, text: str) -> Iterator[Entry]:
    """Element sets of a text, and an error for each entry that is none."""
    if text.count("\n") > _MOST_LINES:
        raise OrbitError(f"{path}: more than {_MOST_LINES} lines; split the file")
    start = text.lstrip()[:1000]
    if start.startswith("<"):
        if re.match(r"<!doctype html|<html", start, re.IGNORECASE):
            raise OrbitError(f"{path}: a page of the web, perhaps of an error; {_NEEDED}")
        return _messages(path, _xml_messages(path, text))
    if start.startswith(("[", "{")):
        return _messages(path, _json_messages(path, text))
    if re.match(r'[^\n]*(^|[,"\s])EPOCH([,"\s]|$)', start) and "," in start:
        return _messages(path, _csv_messages(path, text))
    if message := re.search(r"^ *CCSDS_(\w+)_VERS *=", start, re.MULTILINE):
        if message[1] != "OMM":
            raise OrbitError(f"{path}: a message {message[1]} of CCSDS; {_NEEDED}")
        return _messages(path, _kvn_messages(path, text))
    if text.count("\n1 ") > _MOST_ENTRIES:
        raise OrbitError(f"{path}: more than {_MOST_ENTRIES} entries; split the file")
    lines = text.split("\n")
    if not any(_line_number(line) for line in lines):
        if not start:
            raise OrbitError(f"{path}: no satellites; {_NEEDED}")
        first = trimmed(start.split("\n")[0][:60])
        raise OrbitError(f"{path}: no elements; it begins with '{first}', and {_NEEDED}")
    return _tle_entries(path, lines)


# TLE


def _line_number(line: str) -> int:
    """1 or 2 for a line of a TLE, 0 for another, such as a name that begins with a number."""
    line = line.strip()[:80]
    if not line.startswith(("1 ", "2 ")):
        return 0
    return int(line[0]) if sum(map(str.isdigit, line)) > sum(map(str.isalpha, line)) else 0


def _tle_entries(path: Path, lines: list[str]) -> Iterator[Entry]:
    name, first = "", 0  # number of the line 1 that is open, from 1

    def fault(number: int, text: object) -> OrbitError:
        return OrbitError(f"{path}:{number}: {text}")

    for number, line in enumerate(lines, start=1):
        kind, line = _line_number(line), line.strip()
        if first and line and kind != 2:
            yield fault(first, f"line 1 of a TLE without line 2 after it; '{line[:80]}' is none")
            name, first = "", 0
        if kind == 1:
            first = number
        elif kind == 2 and not first:
            before = f"; '{name[:80]}' is none" if name else ""
            yield fault(number, f"line 2 of a TLE without line 1 before it{before}")
            name = ""
        elif kind == 2:
            place = first
            try:
                check_tle_line(lines[first - 1].strip(), 1)
                place = number
                yield ElementSet.from_tle(lines[first - 1].strip(), line, name)
            except OrbitError as error:
                yield fault(place, error)
            name, first = "", 0
        elif line:
            name = line.removeprefix("0 ").strip()
    if first or name:
        yield fault(first or len(lines), "the file ends within a TLE")


# OMM

Message = tuple[str, Any]
"""Place of a message in the file, as errors give it, and its fields by their names."""


def _messages(path: Path, messages: Iterator[Message | OrbitError]) -> Iterator[Entry]:
    for message in messages:
        if isinstance(message, OrbitError):
            yield message
            continue
        place, fields = message
        if not isinstance(fields, Mapping):
            yield OrbitError(f"{place}: an OMM is a set of named fields, this is none")
            continue
        try:
            yield ElementSet.from_omm(fields)
        except OrbitError as error:
            names = [v for k, v in fields.items() if str(k).endswith("NAME") and v]
            about = f" ({str(names[0])[:40]})" if names and isinstance(names[0], str) else ""
            yield OrbitError(f"{place}{about}: {error}")


def _csv_messages(path: Path, text: str) -> Iterator[Message | OrbitError]:
    before = text[: len(text) - len(text.lstrip())].count("\n")
    lines = text.lstrip().split("\n")
    if max(map(len, lines)) > _LONGEST_MESSAGE:
        raise OrbitError(f"{path}: not CSV: a line of more than {_LONGEST_MESSAGE} characters")
    rows = csv.reader(lines, skipinitialspace=True)
    try:
        heading = [name.strip() for name in next(rows)]
        for row in rows:
            if any(row):
                # A short row lacks its last fields, which is reported of the message.
                fields = {name: value for name, value in zip(heading, row, strict=False) if value}
                yield f"{path}:{before + rows.line_num}", fields
    except csv.Error as error:
        yield OrbitError(f"{path}:{before + rows.line_num}: not valid CSV: {error}")


def _kvn_messages(path: Path, text: str) -> Iterator[Message]:
    fields: dict[str, str] = {}
    begin = 1
    for number, line in enumerate(text.split("\n"), start=1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or key.startswith("COMMENT"):
            continue
        if key in fields and key in ("CCSDS_OMM_VERS", "OBJECT_NAME"):
            yield f"{path}:{begin}", fields
            fields = {}
        if not fields:
            begin = number
        fields[key] = value
    if fields:
        yield f"{path}:{begin}", fields


def _json_messages(path: Path, text: str) -> Iterator[Message | OrbitError]:
    """Messages of a list, or the only one, read one by one: a whole file of hostile JSON takes 20
    times its size."""
    blanks, separator = re.compile(r"\s*"), re.compile(r"\s*,?\s*")
    place = _after(blanks, text, 0)
    listed = text[place] == "["
    place += listed
    number = 0
    while (place := _after(separator, text, place)) < len(text):
        if listed and text[place] == "]":
            return
        number += 1
        try:
            fields, length = _decode(text, place)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, place + getattr(error, "pos", 0)) + 1
            reason = getattr(error, "msg", "too deep, or a number too long")
            yield OrbitError(f"{path}:{line}: message {number} is not valid JSON: {reason}")
            return
        yield f"{path}: message {number}", fields
        place += length
    if listed:
        yield OrbitError(f"{path}:{text.count(chr(10)) + 1}: the file ends within a list of JSON")


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    """The place behind what a pattern matches, or the same where it does not."""
    match = pattern.match(text, place)
    return match.end() if match else place


def _decode(text: str, place: int) -> tuple[Any, int]:
    """Value of JSON at an index of a text, and its length."""
    decoder = json.JSONDecoder()
    try:
        value, length = decoder.raw_decode(text[place : place + _USUAL_MESSAGE])
        if isinstance(value, dict):  # which shows that it is complete
            return value, length
    except ValueError:
        pass
    return decoder.raw_decode(text[place : place + _LONGEST_MESSAGE])


_XML_FIELDS = re.compile(
    "OBJECT_(NAME|ID)|CENTER_NAME|REF_FRAME|TIME_SYSTEM|MEAN_.*|EPOCH|ECCENTRICITY|INCLINATION|"
    "RA_OF_ASC_NODE|ARG_OF_PERICENTER|EPHEMERIS_TYPE|NORAD_CAT_ID|ELEMENT_SET_NO|REV_AT_EPOCH|"
    "BSTAR|BTERM|AGOM"
)


class _XmlTarget:
    """Collects the fields of each segment, whatever namespace their names are in."""

    def __init__(self) -> None:
        self.complete: list[dict[str, str]] = []
        self._fields: dict[str, str] = {}
        self._text: list[str] = []
        self._unit = ""
        self._depth = 0
        self.count = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self.count += 1
        if self._depth > _DEEPEST or self.count > _MOST_LINES:
            raise ValueError(f"more than {_DEEPEST} levels, or {_MOST_LINES} elements")
        self._text = []
        self._unit = attributes.get("units", "")
        if tag.rpartition("}")[2] == "segment":
            self._fields = {}

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        name = tag.rpartition("}")[2]
        if name == "segment":
            self.complete.append(self._fields)
        elif len(name) < 40 and _XML_FIELDS.fullmatch(name):
            unit = f" [{self._unit}]" if self._unit else ""
            self._fields[name] = "".join(self._text).strip() + unit
        self._text = []


def _xml_messages(path: Path, text: str) -> Iterator[Message | OrbitError]:
    if "<!ENTITY" in text:
        raise OrbitError(f"{path}: an OMM in XML declares no entities")
    target = _XmlTarget()
    parser = XMLParser(target=target)
    number, step = 0, 1 << 16
    before, silent = 0, 0
    text = text.lstrip()
    try:
        for begin in range(0, len(text), step):
            parser.feed(text[begin : begin + step])
            silent = silent + step if target.count == before else 0
            before = target.count
            if silent > _LONGEST_TAG:
                raise ValueError(f"no element in {_LONGEST_TAG} characters")
            for fields in target.complete:
                number += 1
                yield f"{path}: message {number}", fields
            target.complete.clear()
        parser.close()
    except (ParseError, ValueError, LookupError) as error:
        yield OrbitError(f"{path}: not an OMM in XML: {error}")
