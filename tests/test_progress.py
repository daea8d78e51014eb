# SPDX-License-Identifier: GPL-3.0-or-later
"""The bar of a command that takes long: on a terminal, and nowhere else."""

import io
import os
import pty
import sys

import pytest
from gnuradio.dislac.commands.following import progress


@pytest.fixture
def shown(monkeypatch):
    """Everything that a function writes to stderr, where that is a pseudo-terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def show(work):
        outer, inner = pty.openpty()
        screen = os.fdopen(outer, "rb", buffering=0)
        with screen, os.fdopen(inner, "w", encoding="utf-8") as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            work()
            stream.flush()
            os.set_blocking(outer, False)
            text = b""
            while part := screen.read(1 << 16):
                text += part
        return text.decode()

    return show


def test_a_terminal_shows_what_is_counted_and_how_far(shown):
    def work():
        with progress(12) as advance:
            advance()
            advance(6)
            advance()

    text = shown(work)
    assert "frames" in text and "8/12" in text


def test_the_bar_has_another_name_where_other_things_are_counted(shown):
    def work():
        with progress(3, "trials") as advance:
            advance(3)

    text = shown(work)
    assert "trials" in text and "frames" not in text and "3/3" in text


def test_a_total_that_is_not_known_is_none(shown):
    def work():
        with progress(0) as advance:
            advance(5)

    assert "5/?" in shown(work)


def test_where_there_is_no_terminal_nothing_is_written(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(12) as advance:
        advance()
        advance(3)
    assert stream.getvalue() == ""
