# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of a study: its own options, and those that all of them have."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...files import write_file
from .plot import draw
from .run import run
from .study import Study

__all__ = ["study_command"]


def study_command(
    trials: int | None = None, of: str = "Trials at each point."
) -> Callable[[Callable[..., Study | None]], click.Command]:
    """Make a command of a function that puts a study together from its own options.

    The command runs the study, prints its tables, and writes them with a figure to a folder. It is
    called after the function's module; options of its own are decorators below this one. A
    function that returns None has answered itself.

    Parameters
    ----------
    trials
        Default of ``--trials``; None for a study without chance, of one trial a point.
    of
        Help of that option.
    """
    options = [
        click.option(
            "--workers",
            type=click.IntRange(0, 1024),
            metavar="N",
            help="Processes; 0 for none but this one. Default one for each processor.",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Run on the Dask cluster with this scheduler, such as tcp://localhost:8786.",
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            help="Write rows as they come, tables as CSV and a figure there.",
        ),
        click.option("--resume", is_flag=True, help="Go on from the rows that are in DIR."),
    ]
    if trials is not None:
        options[:0] = [
            click.option(
                "--trials",
                type=click.IntRange(1, 10**9),
                default=trials,
                show_default=True,
                metavar="N",
                help=of,
            ),
            click.option(
                "--seed",
                type=click.IntRange(0, 2**63 - 1),
                default=1,
                show_default=True,
                metavar="N",
                help="Seed of all that is drawn.",
            ),
        ]

    def decorate(make: Callable[..., Study | None]) -> click.Command:
        @wraps(make)
        def command(
            *,
            workers: int | None,
            scheduler: str | None,
            out: Path | None,
            resume: bool,
            trials: int = 1,
            seed: int = 1,
            **own: Any,
        ) -> None:
            if resume and out is None:
                raise click.UsageError("--resume goes on from the rows in a folder: give its --out")
            if workers is not None and scheduler is not None:
                raise click.UsageError("--workers are the cluster's with --scheduler: give one")
            if workers is None:
                workers = len(os.sched_getaffinity(0))
            study = make(**own)
            if study is not None:
                _answer(study, trials, seed, workers, scheduler, out, resume)

        function: Callable[..., Any] = command
        for option in reversed(options):
            function = option(function)
        return click.command(make.__module__.rpartition(".")[2])(function)

    return decorate


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _answer(
    study: Study,
    trials: int,
    seed: int,
    workers: int,
    scheduler: str | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Run a study, print its tables, write them."""
    path = None if out is None else out / f"{study.name}.jsonl"
    try:
        with _progress(study.name) as progress:
            results = run(
                study,
                trials=trials,
                seed=seed,
                workers=workers,
                scheduler=scheduler,
                path=path,
                resume=resume,
                progress=progress,
            )
    except KeyboardInterrupt:
        if path is not None:
            click.echo(f"dislac: rows so far are in {path}; --resume goes on", err=True)
        raise
    tables = study.tables(results)
    click.echo("\n\n".join(table.text() for table in tables))
    if out is None:
        return
    for table in tables:
        suffix = f".{table.name.replace(' ', '-')}" if table.name else ""
        write_file(out / f"{study.name}{suffix}.csv", table.csv().encode())
    if study.plot is not None:
        picture = BytesIO()
        draw(study.plot, tables[0], study.name).savefig(picture, dpi=130)
        write_file(out / f"{study.name}.png", picture.getvalue())
