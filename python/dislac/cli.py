# SPDX-License-Identifier: GPL-3.0-or-later
"""The dislac command: parses, calls, prints."""

import os

# Before numpy is loaded: the matrices are small, and the flowgraph has threads enough. Another
# number of BLAS threads also gives other last bits, and fixes are not to depend on how many cores
# there are.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import atexit
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from typing import Any

import click

from . import __version__
from .commands import calibrate, design, fixes, following, run, sky, study, zmq
from .commands.output import Failure, drop_unread_output
from .extras import explain_missing

__all__ = ["main"]


class _Command(click.Group):
    """A group whose errors are one line each, never a traceback."""

    def main(self, *args: Any, **options: Any) -> Any:
        options["standalone_mode"] = False
        _open_closed_streams()
        _settle_home()
        try:
            with _signals() as came:
                status = super().main(*args, **options)
        except click.Abort:
            status = 128 + (came[-1] if came else signal.SIGINT)
            drop_unread_output()
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "dislac"
            Failure(f"{error.format_message()} ({command} --help says more)").show()
            status = error.exit_code
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        sys.exit(status)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for text in args:
            if any("\ud800" <= c <= "\udfff" for c in text):  # bytes that are no UTF-8
                raise click.UsageError(f"{text!a} is no text: give it in UTF-8")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None  # without the empty line that click would print
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # of the last, click makes a quiet end: nobody reads any more
        except (ValueError, OSError) as error:
            raise Failure(str(error)) from None
        except Exception as error:
            # A flowgraph's error says which block had it.
            reason = error if isinstance(error, ImportError) else error.__cause__ or error
            if isinstance(reason, ImportError):
                raise Failure(explain_missing(reason.name) or str(reason)) from None
            if isinstance(reason, (ValueError, OSError)):
                raise Failure(str(reason)) from None
            raise Failure(f"unexpected {type(reason).__name__}: {reason}") from None


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Ends the command by an exception when a signal comes; gives the numbers of those that did."""
    came: list[int] = []

    def end(number: int, _: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = {}
    if current_thread() is main_thread():
        for number in following.ENDING:
            # What a shell runs in the background, or nohup, ignores some.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, end)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_closed_streams() -> None:
    """Opens standard streams that are closed: a file of the run would take the number of one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, "r" if number == 0 else "w"))  # noqa: SIM115


def _settle_home() -> None:
    """Gives GNU Radio and matplotlib a folder where the user has no home: the one would throw, the
    other complain."""
    with suppress(RuntimeError):
        if os.access(Path.home(), os.W_OK):
            return
    folder = TemporaryDirectory(prefix="dislac-")
    atexit.register(folder.cleanup)
    os.environ["HOME"] = folder.name
    os.environ.setdefault("MPLCONFIGDIR", folder.name)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gr-dislac %(version)s")
def main() -> None:
    """Finds a vehicle by the echo of a satellite's signal.

    A SCENARIO is a YAML file, or the name of a preset: paper, lab.
    """


@main.command()
def doctor() -> None:
    """Checks what gr-dislac stands on, and says what to do about each fault."""
    from .doctor import format_checks, has_fault, run_checks

    checks = run_checks()
    click.echo(format_checks(checks))
    if has_fault(checks):
        raise click.exceptions.Exit(1)


for _group in (calibrate, design, fixes, run, sky, study, zmq):
    for _command in _group.COMMANDS:
        main.add_command(_command)
