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
import platform
import re
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec

import click
import constellations
import estimators
import kernels
import numpy
import scipy
from measure import Effort, Result

MARKS = "<!-- measured by benchmarks/run.py -->\n", "<!-- end of what was measured -->\n"


def benchmarks() -> dict[str, Callable[[Effort], list[Result]]]:
    """What there is to measure, by title; without GNU Radio no flowgraphs."""
    found: dict[str, Callable[[Effort], list[Result]]] = {
        "Algorithm 1, fast and literal": estimators.algorithm_1,
        "Fixes": estimators.fixes,
        "Stages of the chain": kernels.chain,
    }
    if find_spec("gnuradio.gr") is not None:
        import flowgraphs

        found |= {
            "One path beside GNU Radio's": flowgraphs.one_path,
            "Whole flowgraphs": flowgraphs.whole_chain,
            "Receiver alone, and live view": flowgraphs.receiver_alone,
        }
    return found | {
        "Growth of an estimate": estimators.growth,
        "Growth of the emulator": kernels.emulator_growth,
        "Transmitters and receivers": kernels.network_growth,
        "A day of many satellites": constellations.a_day,
    }


def machine() -> str:
    """What it was measured on."""
    return (
        f"{os.cpu_count()} {platform.machine()} cores, Python {platform.python_version()}, "
        f"numpy {numpy.__version__}, scipy {scipy.__version__}"
    )


def table(title: str, results: list[Result]) -> str:
    """The lines of one benchmark, as Markdown that is also good to read as it is."""
    rows = [["", "value", "unit", "ratio", "against"]]
    for result in results:
        ratio = "" if result.ratio is None else _number(result.ratio)
        rows.append([result.name, _number(result.value), result.unit, ratio, result.against or ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = 1, 3
    rule = [
        "-" * (width - 1) + (":" if column in right else "-") for column, width in enumerate(widths)
    ]
    lines = (
        "| "
        + " | ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in (rows[0], rule, *rows[1:])
    )
    return f"### {title}\n\n" + "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if value >= 1000 else f"{value:#.3g}".rstrip(".")


def put_into_page(page: Path, text: str) -> None:
    """Replaces what stands between the marks of a page."""
    begin, end = map(re.escape, MARKS)
    fresh = f"{MARKS[0]}\n{text}\n{MARKS[1]}"
    old = page.read_text(encoding="utf-8")
    page.write_text(re.sub(f"{begin}.*{end}", lambda _: fresh, old, flags=re.S), encoding="utf-8")


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="build/bench.json",
    show_default=True,
    help="Where to write the JSON.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Put the tables into this page too: docs/benchmarks.md.",
)
@click.option("--quick", is_flag=True, help="Only see that it runs; the figures mean nothing.")
def main(out: Path, page: Path | None, quick: bool) -> None:
    """Measures how fast the chain is: prints a table, and writes it as JSON."""
    results: list[Result] = []
    tables = [machine() + "\n"]
    print(tables[0], flush=True)
    for title, measure in benchmarks().items():
        lines = measure(Effort(quick))
        results += lines
        tables.append(table(title, lines))
        print(tables[-1], flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    if page is not None:
        put_into_page(page, "\n".join(tables))
    print(f"written to {out}")


if __name__ == "__main__":
    main()
