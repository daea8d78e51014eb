# SPDX-License-Identifier: GPL-3.0-or-later
"""Flowgraphs that run until they end or a signal comes, and the fixes that they print."""

import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from queue import Empty, Queue
from select import select
from threading import Thread
from types import ModuleType
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..io import EXPORTS, fix_to_json
from ..io.fix_log import MAPPED, spacing
from ..io.fixes import label_texts
from ..positioning import Fix, FixStatistics
from ..scenario import Scenario
from . import radios
from .output import Failure

__all__ = [
    "COLUMNS",
    "ENDING",
    "HEADER",
    "Running",
    "fix_queue",
    "follow",
    "header",
    "load_flowgraphs",
    "progress",
    "row",
]

ENDING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
"""Signals after which a command completes its files; the exit status is 128 plus the number."""

_FILES = "fixes.jsonl", "fixes.csv", *(f"fixes.{name}" for name in EXPORTS), "map.png"
_PATIENCE = 1.0
"""Longest wait for a reader of standard output after a signal [s]."""


def load_flowgraphs() -> ModuleType:
    """Return the module of the flowgraphs.

    Raises
    ------
    Failure
        There is no GNU Radio.
    """
    if find_spec("gnuradio.gr") is None:
        raise Failure(
            f"{sys.executable} has no GNU Radio: install it (apt-get install gnuradio) and use its "
            "interpreter; `dislac doctor` says more"
        )
    # What a block has to say about its end is said here, in one line; all else would be chatter.
    os.environ.setdefault("GR_CONF_LOG_LOG_LEVEL", "off")
    from ..blocks import flowgraphs

    return flowgraphs


def fix_queue() -> Queue[Any]:
    """Return a queue for the fixes of a flowgraph, which waits for what prints them."""
    return Queue(1000)


def follow(
    flowgraph: Any,
    queue: Any,
    scenario: Scenario,
    frames: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run a flowgraph to its end or to a signal, print its fixes, and draw the map.

    Parameters
    ----------
    flowgraph
        A top block that has `counters`.
    queue
        Where it puts its fixes.
    scenario
        Where they come from.
    frames
        Number of frames that are expected, 0 for no end.
    out
        Folder of the map; None for none.
    as_json
        Prints one JSON object a fix, and nothing else.

    Raises
    ------
    click.exceptions.Exit
        A signal came.
    FlowgraphError
        A block has failed; the map is there all the same.
    """
    if out is not None:
        from ..io.map_plot import draw_map  # here, as it takes a second
    fixes = FixStatistics()
    running = Running(flowgraph, queue)
    try:
        with progress(math.ceil(frames / scenario.synchronization.every)) as advance, running:
            while (fix := running.next()) is not None:
                if not (as_json or fixes.frames):
                    running.print(header(fix))
                fixes.add(fix)
                running.print(fix_to_json(fix) if as_json else row(fix))
                advance()
    except Exception:
        if out is not None and fixes.frames:
            with suppress(OSError):  # the first error is the one to report
                draw_map(fixes, scenario, out / "map.png")
        raise
    if out is not None:
        draw_map(fixes, scenario, out / "map.png")
    if not as_json:
        running.print(_summary(fixes, flowgraph.counters()))
        if out is not None:
            names = [name for name in _FILES if (out / name).exists()]
            running.print(f"written to {out}: {', '.join(names)}")
            if fixes.frames > MAPPED and "fixes.geojson" in names:
                running.print(
                    "fixes.geojson holds fewer and fewer frames, at the end one in "
                    f"{spacing(fixes.frames)}; `dislac export {out / 'fixes.jsonl'} --to geojson` "
                    "writes all"
                )
    running.end()


@contextmanager
def progress(total: int, what: str = "frames") -> Iterator[Callable[..., None]]:
    """Show a bar on stderr where that is a terminal; yields a function that advances it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count=1: None
        return
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    # What is printed meanwhile has to go above the bar, if both share the terminal.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=shared) as bar:
        task = bar.add_task("", total=total or None)
        yield lambda count=1: bar.advance(task, count)


class Running:
    """A flowgraph that runs; leaving it stops it, and so does a signal, after its last fix.

    Attributes
    ----------
    interrupted
        Number of the signal that came, 0 for none.
    """

    def __init__(self, flowgraph: Any, queue: Any) -> None:
        self.interrupted = 0
        self._flowgraph = flowgraph
        self._queue = queue
        self._waiter = Thread(target=self._wait, daemon=True)
        self._handlers: dict[int, Any] = {}
        self._unread = False

    def next(self) -> Fix | None:
        """Return the next fix, None at the end.

        Raises
        ------
        FlowgraphError
            A block has failed.
        """
        item = self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def print(self, text: str) -> None:
        """Print a line; after a signal, only as long as somebody reads."""
        if not self._is_read():
            return
        try:
            click.echo(text)
        except OSError:
            if not self.interrupted:
                raise
            self._unread = True  # the terminal is gone

    def end(self) -> None:
        """End the command with the status of the signal that came, if one did."""
        if self.interrupted:
            raise click.exceptions.Exit(128 + self.interrupted)

    def __enter__(self) -> "Running":
        for number in ENDING:
            # What was started by nohup goes on when its terminal is closed.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._interrupt)
        self._flowgraph.start()
        if self.interrupted:  # before there was anything to stop
            self._flowgraph.stop()
        self._waiter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._flowgraph.stop()
        while self._waiter.is_alive():
            with suppress(Empty):  # a full queue would hold up the blocks
                self._queue.get(timeout=0.05)
        self._restore_handlers()

    def _is_read(self) -> bool:
        """Wait until standard output takes a line; False where it takes none after a signal."""
        waited = 0.0
        while not self._unread:
            try:
                if select([], [sys.stdout], [], 0.1)[1]:
                    return True
            except (OSError, ValueError):  # no file, but an object of Python
                return True
            waited += 0.1 * bool(self.interrupted)
            self._unread = waited > _PATIENCE
        return False

    def _interrupt(self, number: int, *_: object) -> None:
        self._restore_handlers()  # a second signal does not wait
        self.interrupted = number
        self._flowgraph.stop()

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _wait(self) -> None:
        try:
            self._flowgraph.wait()
        except Exception as error:
            self._queue.put(error)
        else:
            self._queue.put(None)


def _metres(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if abs(value) < 1e6 else f"{value:.3g}"


COLUMNS: list[tuple[str, int, Callable[[Fix], str]]] = [
    ("frame", 6, lambda fix: str(fix.frame)),
    ("time [ms]", 11, lambda fix: f"{fix.time * 1e3:.3f}"),
    ("east [m]", 10, lambda fix: _metres(fix.position[0])),
    ("north [m]", 10, lambda fix: _metres(fix.position[1])),
    ("up [m]", 10, lambda fix: _metres(fix.position[2])),
    ("sigma [m]", 10, lambda fix: _metres(fix.deviation)),
    ("error [m]", 10, lambda fix: _metres(fix.error)),
    ("bound [m]", 10, lambda fix: _metres(fix.bound)),
]
"""Title, width and text of each column of the table of fixes but the last, the status."""

_LABEL = 12
"""Width of the columns behind the numbers, where there are several."""

HEADER = "".join(f"{title:>{width}}" for title, width, _ in COLUMNS) + "  status"


def header(fix: Fix) -> str:
    """Return the titles over the rows of fixes of which this is the first."""
    return _labelled(HEADER, "status", {name: name for name in label_texts(fix)})


def row(fix: Fix) -> str:
    """Return the row of a fix: with target and links where it has any."""
    text = "".join(f"{value(fix):>{width}}" for _, width, value in COLUMNS)
    status = click.style(fix.outcome, fg="green" if fix.valid else "yellow")
    return _labelled(f"{text}  {status}", fix.outcome, label_texts(fix))


def _labelled(text: str, status: str, values: Mapping[str, str]) -> str:
    """Return a row that ends with a status, and columns behind it."""
    for before, value in pairwise([status, *values.values()]):
        text += f"{'':<{max(_LABEL - len(before), 0)}}  {value}"
    return text


def _summary(fixes: FixStatistics, counters: dict[str, int]) -> str:
    """Return what became of the frames, and how good the fixes are, in one or two lines."""
    lines = [
        f"{fixes.valid} fixes of {counters['frames_used']} frames used, "
        f"{counters['frames_skipped']} skipped, {counters['frames_lost']} lost"
    ]
    lines += radios.report_of_receiver(counters)
    if np.isfinite(fixes.rms_error):
        lines.append(f"error: rms {fixes.rms_error:.2f} m, median {fixes.median_error:.2f} m")
    if np.isfinite(fixes.rms_bound):
        lines.append(f"bound: rms {fixes.rms_bound:.2f} m")
    return "\n".join(lines)
