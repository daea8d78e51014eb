# SPDX-License-Identifier: GPL-3.0-or-later
"""Constants of calibrated searches, kept on disk: they take seconds, and each process wants them.

They lie in ``gr-dislac/thresholds`` of the user's cache (``XDG_CACHE_HOME``, else ``~/.cache``), a
small file each. What cannot be read or written there is done without.
"""

import hashlib
import json
import math
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from ..files import read_bounded, write_file

__all__ = ["keep", "kept"]

MOST_FILES = 5000
"""Files beyond which no further ones are written: a study of random scenes has no end."""

ROOMS = ("arrays", "channel", "dsp", "estimation", "geometry", "waveform")
"""Folders whose code decides what the constants are."""


def kept(key: bytes) -> tuple[float, float] | None:
    """Return the constants of a search, None if they are not kept."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        first, second = json.loads(read_bounded(_path(key), 1000))
        if math.isfinite(first) and math.isfinite(second):
            return float(first), float(second)
    return None


def keep(key: bytes, constants: tuple[float, float]) -> None:
    """Keep the constants of a search, where there is a place for them."""
    with suppress(OSError, RuntimeError):
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(os.listdir(path.parent)) < MOST_FILES:
            write_file(path, json.dumps(constants).encode(), durable=False)


def _path(key: bytes) -> Path:
    """Path of the file of a search.

    Raises
    ------
    OSError
        The user has no home, or the code cannot be read.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise OSError(str(error)) from None
    name = hashlib.sha256(key + _code()).hexdigest()
    return folder / "gr-dislac" / "thresholds" / f"{name}.json"


@cache
def _code() -> bytes:
    """Hash of the code on which the constants depend, numpy's version included."""
    digest = hashlib.sha256(np.__version__.encode())
    package = Path(__file__).parents[1]
    for room in ROOMS:
        for path in sorted((package / room).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()
