# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the commands of the guide and puts what they print under them.

    .venv/bin/python docs/outputs.py                       every page
    .venv/bin/python docs/outputs.py docs/recordings.md    only these

In a block ```console a line that begins with "$ " is a command; what follows, up to the next one,
is what it prints. A block ```yaml NAME or ```python NAME is a file of that name. The blocks of a
page run in order, in one empty folder, with `dislac` and `python` on PATH as in an activated .venv.
The tests run all but those marked ```console slow, and compare what is printed with the page.
"""

import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)


class Command(NamedTuple):
    """One command of a page, and what the page says that it prints."""

    command: str
    output: str
    slow: bool


def pages() -> list[Path]:
    """README and guide."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, kind: str) -> Iterator[tuple[str, str]]:
    """What stands behind ``` besides the kind, and the text, of each block of a kind."""
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        first, _, rest = match["info"].partition(" ")
        if first == kind:
            yield rest, match["text"]


def commands(page: Path) -> list[Command]:
    """The commands of a page, in order."""
    return [
        Command(match["command"], match["output"], rest == "slow")
        for rest, text in blocks(page, "console")
        for match in _COMMAND.finditer(text)
    ]


def prepare(page: Path, folder: Path) -> Callable[[str], str]:
    """Puts the files of a page into a folder; gives what runs a command there.

    It returns what the command prints on both its outputs.
    """
    programs = folder / ".bin"
    programs.mkdir()
    for name, arguments in {"python": "", "dislac": f"{ROOT}/apps/dislac"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for kind in ("yaml", "python"):
        for name, text in blocks(page, kind):
            if name:
                (folder / name).write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "python" / "tree"),
        "OPENBLAS_NUM_THREADS": "1",
        "COLUMNS": "100",
    }

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    return run


def update(page: Path) -> None:
    """Runs all commands of a page and writes what they print into it."""
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(page, Path(folder))

        def answered(match: re.Match[str]) -> str:
            return f"$ {match['command']}\n{run(match['command'])}"

        def rewritten(match: re.Match[str]) -> str:
            if match["info"].split()[0] != "console":
                return match[0]
            return f"```{match['info']}\n{_COMMAND.sub(answered, match['text'])}```"

        text = page.read_text(encoding="utf-8")
        page.write_text(_BLOCK.sub(rewritten, text), encoding="utf-8")


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or pages():
        print(f"==> {chosen}")
        update(chosen)
