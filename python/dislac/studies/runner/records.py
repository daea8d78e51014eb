# SPDX-License-Identifier: GPL-3.0-or-later
"""File of a study's rows, from which a study that was killed goes on."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .study import content

__all__ = ["Records"]


class Records:
    """A file of JSON lines: the settings first, then a line a trial, as they come.

    A line that a killed process has left half written is dropped.

    Parameters
    ----------
    path
        Of the file, made with its folder where it is not there.
    settings
        Of the study.
    resume
        True to take up rows that are there.

    Raises
    ------
    ValueError
        Rows are there and `resume` is False; they are of other settings; a line is no row; another
        process is writing.
    OSError
        The file cannot be read or written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 closed by close()
        self.rows: dict[tuple[str, int], dict[str, Any]] = {}
        try:
            self._take_up(json.loads(content(settings)), resume)
        except BaseException:
            self.close()
            raise

    def _take_up(self, settings: dict[str, Any], resume: bool) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{self.path} is in use by another process: wait for it, or give another folder"
            ) from None
        text = self._file.read()
        whole = text.rfind(b"\n") + 1
        first, *lines = text[:whole].splitlines() or [b""]
        if not first:
            self._file.seek(0)
            self._file.truncate()
            self._write(content(settings) + "\n")
            return
        there = self._parse(first, 1)
        if not resume and lines:
            raise ValueError(
                f"{self.path} has the rows of {len(lines)} trials: add --resume to go on from "
                "them, or give another folder"
            )
        if there != settings:
            keys = sorted(
                key for key in there.keys() | settings.keys() if there.get(key) != settings.get(key)
            )
            raise ValueError(
                f"{self.path} is of a study with other settings "
                f"({'; '.join(_difference(key, there, settings) for key in keys)}): "
                "give those, or another folder"
            )
        for number, line in enumerate(lines, 2):
            record = self._parse(line, number)
            try:
                self.rows[content(record["point"]), record["trial"]] = record["row"]
            except (KeyError, TypeError):
                raise self._unreadable(number) from None
        self._file.truncate(whole)
        self._file.seek(whole)

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._unreadable(number)
        return found

    def _unreadable(self, number: int) -> ValueError:
        return ValueError(
            f"{self.path}, line {number}: no row of a study; take the line out, or give another "
            "folder"
        )

    def _write(self, text: str) -> None:
        rest = memoryview(text.encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(self.path)) from None

    def append(self, lines: list[str]) -> None:
        """Add lines of rows, in one write."""
        self._write("".join(f"{line}\n" for line in lines))

    def close(self) -> None:
        """Close the file, which other processes may then take up."""
        self._file.close()


def _difference(key: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    values = [json.dumps(values.get(key)) for values in (there, here)]
    if max(map(len, values)) > 60:
        return f"another {key}"
    return f"{key} {values[0]} there, {values[1]} here"
