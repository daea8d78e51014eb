# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands for fixes that others have made: watched as they come, and in other formats."""

import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..io import EXPORTS, iterate_fixes
from ..io.fix_log import SCENARIO
from ..positioning import Fix, FixStatistics
from ..printable import printable
from ..scenario import load_scenario
from . import following
from .options import FILE, KEY_FILE, MOST, Number, settings_option
from .output import drop_unread_output, warn

__all__ = ["COMMANDS"]


@click.command()
@click.argument("fixes", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "kind", required=True, type=click.Choice(list(EXPORTS)), help="Which format.")
@click.option(
    "--out",
    type=FILE,
    metavar="FILE",
    help="Where to; default FIXES with the format's suffix.",
)
@click.option(
    "--scenario",
    metavar="SCENARIO",
    help=f"Where the fixes come from; default {SCENARIO} beside them, as `dislac run` leaves it.",
)
@settings_option
def export(
    fixes: Path, kind: str, out: Path | None, scenario: str | None, settings: dict[str, Any]
) -> None:
    """Makes a file for maps or navigation programs of FIXES, a JSON Lines file."""
    source = fixes.parent / SCENARIO if scenario is None else scenario
    if scenario is None and not Path(source).exists():
        raise click.UsageError(f"there is no {source}; say where the fixes come from (--scenario)")
    target = fixes.with_suffix(f".{kind}") if out is None else out
    made = EXPORTS[kind]
    chosen = load_scenario(source, settings)
    found = FixStatistics(
        iterate_fixes(fixes)
    )  # all of them can be read, before anything is written
    with made(target, chosen) as file:
        for fix in iterate_fixes(fixes):
            file.write(fix)
    if chosen.epoch is None and kind in ("kml", "gpx"):  # others count from time zero, or refuse
        warn(["no times are written: the scenario has no epoch (--set epoch=...)"])
    click.echo(f"{target}: {found.valid} fixes of {found.frames} frames")


@click.command()
@click.argument("address", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a fix, as it comes.")
@click.option("--count", type=click.IntRange(1, MOST), metavar="N", help="End after N fixes.")
@click.option(
    "--idle",
    type=Number(0, 1e6, min_open=True),
    default=5.0,
    show_default=True,
    metavar="S",
    help="Say so when nothing has come for so long [s].",
)
@click.option("--keys", type=KEY_FILE, metavar="FILE", help="NAME.key_secret of this end.")
@click.option("--server-key", type=KEY_FILE, metavar="FILE", help="NAME.key of the publisher.")
def monitor(
    address: str | None,
    as_json: bool,
    count: int | None,
    idle: float,
    keys: str | None,
    server_key: str | None,
) -> None:
    """Shows fixes as a publisher at ADDRESS hands them out, until Ctrl-C.

    ADDRESS is PORT of this host, HOST:PORT, tcp://HOST:PORT or ipc://PATH, as for `dislac run
    --publish`; default port 5570 of this host. The publisher may start later, and again.
    """
    from ..io import monitor as m

    subscriber = m.FixSubscriber(address or m.ADDRESS, keys=keys, server_key=server_key)
    screen = _Lines(subscriber.address, as_json)
    if not as_json and sys.stdout.isatty():
        screen = _Table(subscriber.address)
    fixes = 0
    with ExitStack() as stack:
        stack.enter_context(subscriber)
        stack.enter_context(screen)
        try:
            while count is None or fixes < count:
                message = subscriber.receive(idle)
                if message is None:
                    screen.show_idle(idle, subscriber.connected)
                elif message.topic in _CHANGES:
                    screen.show_change(message.topic)
                else:
                    fixes += _show(screen, message)
        except KeyboardInterrupt:  # how one leaves a monitor
            drop_unread_output()


COMMANDS = [export, monitor]

_CHANGES = {
    "connected": "connected to {address}",
    "disconnected": "no connection to {address} any more: waiting for it",
    "refused": "{address} refuses: CURVE keys are missing, or not those it knows",
}


def _show(screen: "_Lines", message: Any) -> bool:
    """Shows a message, or counts it as one that cannot be shown; whether it was a fix."""
    from ..io import monitor as m

    try:
        if message.topic == m.FIX:
            screen.show_fix(message)
            return True
        if message.topic != m.STATUS:
            raise ValueError(f"the topic is {message.topic}")
        screen.show_status(message)
    except ValueError as error:
        screen.show_skipped(error)
    return False


class _Lines:
    """A line a fix on stdout, all else on stderr."""

    def __init__(self, address: str, as_json: bool) -> None:
        self._address, self._as_json = address, as_json
        self._begun = self._idle = False
        self._state: Any = None
        self._skipped = 0

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        if self._skipped:
            self._say(f"{self._skipped} messages skipped")

    def show_fix(self, message: Any) -> None:
        self._idle = False
        fix = message.fix()
        if self._as_json:
            # Written again: the text itself may hold what a terminal obeys.
            click.echo(json.dumps(message.content(), allow_nan=False))
            return
        if not self._begun:
            click.echo(following.header(fix))
            self._begun = True
        click.echo(following.row(fix))

    def show_status(self, message: Any) -> None:
        self._idle = False
        status = message.status()
        state = printable(status["state"]), printable(status["reason"])
        if any(state) and state != self._state:
            self._say(": ".join(filter(None, state)))
        self._state = state

    def show_skipped(self, reason: ValueError) -> None:
        self._skipped += 1
        if self._skipped == 1:
            self._say(f"a message is skipped: {printable(reason)}; further ones are only counted")

    def show_change(self, topic: str) -> None:
        self._say(_CHANGES[topic].format(address=self._address))

    def show_idle(self, seconds: float, connected: bool) -> None:
        if not self._idle:
            where = "a publisher" if connected else f"{self._address}, where nobody publishes"
            self._say(f"nothing for {seconds:g} s from {where}")
        self._idle = True

    @staticmethod
    def _say(text: str) -> None:
        click.echo(f"dislac: {text}", err=True)


_ROWS = 15
_STYLES = {"locked": "black on green", "searching": "black on yellow", "lost": "white on red"}


class _Table(_Lines):
    """The last fixes and the status, drawn again in place."""

    def __init__(self, address: str) -> None:
        super().__init__(address, as_json=False)
        self._fixes: deque[Fix] = deque(maxlen=_ROWS)
        self._status: dict[str, Any] = {}
        self._note = f"waiting for {address}"
        self._live = Live(
            console=Console(), get_renderable=self._draw, refresh_per_second=10, transient=False
        )

    def __enter__(self) -> "_Table":
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def show_fix(self, message: Any) -> None:
        self._fixes.append(message.fix())
        self._note = ""

    def show_status(self, message: Any) -> None:
        self._status = message.status()
        self._note = ""

    def _say(self, text: str) -> None:  # type: ignore[override]
        self._note = f"{time.strftime('%H:%M:%S')}  {text}"

    def _draw(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for title, _, _ in following.COLUMNS:
            table.add_column(title, justify="right")
        table.add_column("status")
        for fix in list(self._fixes):  # more may come while this draws, in a thread of its own
            style = "green" if fix.valid else "yellow"
            cells = [value(fix) for _, _, value in following.COLUMNS]
            table.add_row(*cells, Text(fix.outcome, style=style))
        return Group(table, *self._footer())

    def _footer(self) -> Sequence[Text]:
        s = self._status
        line = Text(f"{printable(s['scenario'])}  " if s else "")
        if s and (state := printable(s["state"])):
            line.append(f" {state} ", style=_STYLES.get(state, "reverse"))
            line.append(f" {printable(s['reason'])}  ")
        if s:
            line.append(
                f"{s['fixes']} fixes of {s['frames_used']} frames used, "
                f"{s['frames_skipped']} skipped, {s['frames_lost']} lost"
            )
        if self._skipped:
            line.append(f"  {self._skipped} messages skipped", style="yellow")
        return [line, Text(self._note, style="yellow")]
