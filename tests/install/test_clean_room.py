# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that makes a clean Debian: what it refuses before it makes anything."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "clean-room"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "usage: scripts/clean-room RELEASE"),
        (["trixie", "--mirror"], "--mirror needs a value; usage:"),
        (["trixie", "--keep"], "there is no option --keep; usage:"),
        (["trixie", "--directory", "/usr"], "/usr is there and was not made by this script"),
    ],
)
def test_it_refuses_in_one_line(arguments, says):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("clean-room: ") and done.stderr.count("\n") == 1
    assert says in done.stderr


def test_it_names_no_mirror():
    assert "://" not in SCRIPT.read_text(encoding="utf-8")
