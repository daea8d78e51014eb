# SPDX-License-Identifier: GPL-3.0-or-later
"""Trials of a study, in batches, by workers: whoever runs them, the rows are the same."""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from itertools import islice
from json import loads
from pathlib import Path
from threading import Lock
from time import process_time
from typing import Any

import numpy as np

from ... import __version__
from .records import Records
from .study import Point, Row, Study, content
from .workers import Workers, cluster, processes, this_process

__all__ = ["run"]

BATCH = 0.3
"""Processor time of the trials that are handed out together [s]; much less, and a scheduler would
be what takes the time."""

Item = tuple[Point, int, tuple[int, ...]]
"""Point, number of the trial, spawn key of its seed."""

_one_at_a_time = Lock()  # what a trial keeps for the next is not made for threads


def run(
    study: Study,
    *,
    trials: int = 1,
    seed: int = 1,
    workers: int = 1,
    scheduler: str | None = None,
    path: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[Point, list[Row]]]:
    """Run a study's trials; the results depend on study, trials and seed alone.

    Parameters
    ----------
    study
        Points and trial.
    trials
        At each point, or the most where the study knows when it has enough.
    seed
        Of all trials: each has a generator seeded by it and the study's `key`.
    workers
        Processes; 0 for none but this one.
    scheduler
        Address of a Dask scheduler whose workers run the trials instead.
    path
        File that rows are appended to as they come; None for none.
    resume
        True to take up the rows of that file. Points and trials may be others than before.
    progress
        Is called with the trials done, and with all there are as far as is known.

    Returns
    -------
    list
        Every point with its rows, in order.

    Raises
    ------
    ValueError
        A trial has failed, or the file's rows are of another study.
    ImportError
        A trial, or the cluster, needs a package that is not installed.
    OSError
        The file cannot be written, a worker process was killed, or no scheduler answers.

    Examples
    --------
    The mean of four numbers has half their deviation.

    >>> import numpy as np
    >>> from gnuradio.dislac.studies.runner import Study, Table, rms, run
    >>> def trial(point, rng):
    ...     return {"mean": float(np.mean(rng.normal(size=point["numbers"])))}
    >>> def tables(results):
    ...     means = [(p["numbers"], np.array([r["mean"] for r in rows])) for p, rows in results]
    ...     rows = [(numbers, rms(each)) for numbers, each in means]
    ...     return [Table(("numbers", "deviation"), rows, ("d", ".1f"))]
    >>> study = Study("means", [{"numbers": 1}, {"numbers": 4}], trial, tables)
    >>> print(study.tables(run(study, trials=500, workers=0))[0].text())
    numbers  deviation
          1        1.0
          4        0.5
    """
    settings = {"study": study.name, "version": __version__, "seed": seed, **study.settings}
    file = None if path is None else Records(path, settings, resume=resume)
    with nullcontext() if file is None else closing(file):
        there = {} if file is None else file.rows
        asked = {content(point): _Asked(point, trials, study) for point in study.points}
        for (key, number), row in there.items():
            if key in asked:
                asked[key].add(number, row)

        def report() -> None:
            progress(sum(a.count for a in asked.values()), sum(a.total for a in asked.values()))

        report()
        if not all(point.done for point in asked.values()):
            with _workers(study, workers, scheduler) as pool:
                for lines in _batches(study, list(asked.values()), seed, pool):
                    if file is not None:
                        file.append(lines)
                    for record in map(loads, lines):
                        asked[content(record["point"])].add(record["trial"], record["row"])
                    report()
    return [(point.point, point.first) for point in asked.values()]


def _workers(study: Study, workers: int, scheduler: str | None) -> AbstractContextManager[Workers]:
    function = study.trial
    while isinstance(function, partial):
        function = function.func
    name = function.__module__
    if scheduler is not None:
        ours = name.startswith(__name__.partition(".studies.")[0])
        file = getattr(sys.modules[name], "__file__", None)
        return cluster(scheduler, [] if ours or file is None else [Path(file)])
    return processes(workers, [name]) if workers else this_process()


class _Asked:
    """A point, and how far its trials are."""

    def __init__(self, point: Point, trials: int, study: Study) -> None:
        self.point = point
        self.first: list[Row] = []  # without a gap from trial 0 on, as many as count
        self.done = False
        self.next = 0  # trials below have been handed out
        self._rows: dict[int, Row] = {}
        self._trials, self._enough = trials, study.enough

    def add(self, number: int, row: Row) -> None:
        """Take a row."""
        if number >= self._trials:
            return
        self._rows[number] = row
        while not self.done and len(self.first) in self._rows:
            self.first.append(self._rows[len(self.first)])
            self.done = len(self.first) == self._trials or (
                self._enough is not None and self._enough(self.first)
            )

    @property
    def count(self) -> int:
        """Trials that are done and count."""
        return len(self.first) if self.done else len(self._rows)

    @property
    def total(self) -> int:
        """Trials there will be, as far as is known."""
        return len(self.first) if self.done else self._trials

    @property
    def open(self) -> bool:
        """True if there is a trial to hand out."""
        while self.next in self._rows:
            self.next += 1
        return not self.done and self.next < self._trials


def _batches(
    study: Study, asked: Sequence[_Asked], seed: int, pool: Workers
) -> Iterator[list[str]]:
    """Lines of rows as they come, of batches that are handed out in the order of the trials."""

    def items() -> Iterator[Item]:
        # A point may be done before all its trials are handed out.
        while chosen := min((a for a in asked if a.open), key=lambda a: a.next, default=None):
            number, chosen.next = chosen.next, chosen.next + 1
            yield chosen.point, number, study.key(chosen.point, number)

    waiting, running, size = items(), deque[Future[Any]](), 1
    while True:
        room = 2 * pool.capacity() or 1
        while len(running) < room and (batch := list(islice(waiting, size))):
            running.append(pool.executor.submit(_run_batch, study.trial, seed, batch))
        if not running:
            return
        # A second later a cluster may have more workers.
        finished, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in finished:
            running.remove(future)
            lines, seconds = _result(future)
            left = sum(a.total - a.count for a in asked)
            fair = left // (2 * room)
            size = max(1, min(int(BATCH * len(lines) / max(seconds, 1e-6)), fair))
            yield lines


def _result(future: Future[tuple[list[str], float]]) -> tuple[list[str], float]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise OSError(
            "a worker process has ended, perhaps killed for want of memory: rows so far are kept "
            "where --out was given, and --resume goes on from them, with fewer --workers"
        ) from None
    except CancelledError:
        raise OSError(
            "the connection to the scheduler is lost: rows so far are kept where --out was given, "
            "and --resume goes on from them"
        ) from None


def _run_batch(
    trial: Callable[[Point, np.random.Generator], Row], seed: int, batch: Sequence[Item]
) -> tuple[list[str], float]:
    """Lines of the rows of a batch, and its processor time [s]."""
    lines, total = [], 0.0
    with _one_at_a_time:
        for point, number, key in batch:
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
            started = process_time()
            try:
                row = content(trial(point, rng))
            except ImportError:
                raise
            except Exception as error:
                raise ValueError(
                    f"trial {number} at {content(point)}: {type(error).__name__}: {error}"
                ) from error
            seconds = process_time() - started
            lines.append(
                f'{{"point": {content(point)}, "trial": {number}, "seconds": {seconds:.4f}, '
                f'"row": {row}}}'
            )
            total += seconds
    return lines, total
