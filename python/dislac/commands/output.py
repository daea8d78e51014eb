# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of the commands on the standard streams: warnings, errors, and output that nobody reads."""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from select import select
from typing import IO, Any

import click

from ..printable import printable

__all__ = ["Failure", "drop_unread_output", "warn"]


class Failure(click.ClickException):
    """Ends the command with one line on stderr."""

    def show(self, file: IO[Any] | None = None) -> None:
        # One line; blanks within stay, as the columns of a line that is quoted count. What it
        # quotes may hold anything; only printable characters go to a terminal.
        text = " ".join(line.strip() for line in self.format_message().splitlines())
        click.echo(f"dislac: error: {printable(text, len(text))}", err=True, file=file)


def warn(texts: Iterable[str]) -> None:
    """Print warnings on stderr, each on a line."""
    for text in texts:
        click.echo(f"dislac: warning: {text}", err=True)


def drop_unread_output() -> None:
    """Drop what is unprinted where nobody reads it: the process would wait for that at its end."""
    with suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        if not select([], [number], [], 0)[1]:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
