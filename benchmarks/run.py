# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how fast the chain is: prints a table, and writes it as JSON.

docs/benchmarks.md says what the lines mean.
"""

import os
import sys
from pathlib import Path

# Before numpy is imported: one thread each, as the scheduler has threads of its own.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("GR_CONF_LOG_LOG_LEVEL", "off")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python" / "tree"))

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec

import click
import estimators
import kernels
from measure import Effort, Result
from rich.console import Console
from rich.table import Table

WIDTH = 130
"""Of the table, wherever it is printed."""


def benchmarks() -> dict[str, Callable[[Effort], list[Result]]]:
    """What there is to measure, by title; without GNU Radio no flowgraphs."""
    found = {
        "Algorithm 1, fast and literal": estimators.algorithm_1,
        "Fixes": estimators.fixes,
        "The chain's stages": kernels.chain,
    }
    if find_spec("gnuradio.gr") is not None:
        import flowgraphs

        found |= {
            "One path beside GNU Radio's": flowgraphs.one_path,
            "Whole flowgraphs": flowgraphs.whole_chain,
        }
    return found | {
        "Growth of an estimate": estimators.growth,
        "Growth of the emulator": kernels.emulator_growth,
    }


def table(title: str, results: list[Result]) -> Table:
    """The lines of one benchmark."""
    shown = Table(title=title, title_justify="left", title_style="bold")
    shown.add_column("")
    for name in ("value", "unit", "ratio"):
        shown.add_column(name, justify="left" if name == "unit" else "right")
    shown.add_column("against")
    for result in results:
        ratio = "" if result.ratio is None else f"{result.ratio:.3g}"
        shown.add_row(result.name, f"{result.value:.3g}", result.unit, ratio, result.against)
    return shown


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="build/bench.json",
    show_default=True,
    help="Where to write the JSON.",
)
@click.option("--quick", is_flag=True, help="Only see that it runs; the figures mean nothing.")
def main(out: Path, quick: bool) -> None:
    """Measures how fast the chain is: prints a table, and writes it as JSON."""
    console = Console(width=WIDTH)
    effort = Effort(quick)
    results: list[Result] = []
    for title, measure in benchmarks().items():
        lines = measure(effort)
        results += lines
        console.print(table(title, lines), "")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    console.print(f"written to {out}")


if __name__ == "__main__":
    main()
