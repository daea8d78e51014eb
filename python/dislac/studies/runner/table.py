# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, to be printed and to be written as CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Rows under a heading.

    Parameters
    ----------
    heading
        Title of each column, with its unit.
    rows
        Values: text, numbers, None where there is none.
    formats
        Format of each column's numbers in print, such as ``.2f``; CSV has all their digits.
    name
        Name that distinguishes a study's tables.
    notes
        Lines that are printed below and are not in the CSV.

    Examples
    --------
    >>> from gnuradio.dislac.studies.runner import Table
    >>> table = Table(("method", "error [m]"), [("grid", 1.234), ("off grid", None)], ("", ".1f"))
    >>> print(table.text())
    method    error [m]
    grid            1.2
    off grid
    >>> print(table.csv(), end="")
    method,error [m]
    grid,1.234
    off grid,
    """

    heading: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    formats: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = field(default=())

    def text(self) -> str:
        """Return the table with aligned columns, text in the first one to the left."""
        formats = self.formats or ("",) * len(self.heading)
        lines = [self.heading, *(_line(row, formats) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        left = any(isinstance(row[0], str) for row in self.rows)
        first = str.ljust if left else str.rjust
        shown = [
            "  ".join([first(line[0], widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        ]
        return "\n".join([*([self.name] if self.name else []), *shown, *self.notes])

    def csv(self) -> str:
        """Return the table as comma-separated values."""
        out = StringIO()
        csv.writer(out, lineterminator="\n").writerows([self.heading, *self.rows])
        return out.getvalue()

    def column(self, title: str) -> list[Any]:
        """Return the values of a column."""
        where = self.heading.index(title)
        return [row[where] for row in self.rows]


def _line(row: tuple[Any, ...], formats: tuple[str, ...]) -> tuple[str, ...]:
    """Values as they are printed."""
    return tuple(
        "" if value is None else value if isinstance(value, str) else format(value, kind)
        for value, kind in zip(row, formats, strict=True)
    )
