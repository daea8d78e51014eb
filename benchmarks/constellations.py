# SPDX-License-Identifier: GPL-3.0-or-later
"""A day of a Walker shell and of a file of many TLEs over one site."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from gnuradio.dislac.geometry import (
    Catalogue,
    Fleet,
    WalkerShell,
    find_passes,
    in_view,
    read_elements,
)
from measure import Effort, Result

SITE = (50.9, -1.4, 20.0)
MASK = np.radians(10.0)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def write_catalogue(path: Path, count: int) -> None:
    """A file of TLEs that never were: low orbits at random."""
    from sgp4.api import WGS72, Satrec
    from sgp4.exporter import export_tle

    rng = np.random.default_rng(1)
    lines = []
    for number in range(1, count + 1):
        record = Satrec()
        record.classification, record.intldesg, record.ephtype = "U", "26001A", 0
        record.elnum = record.revnum = 1
        record.sgp4init(
            WGS72,
            "i",
            number,
            27758.0 + rng.uniform(),
            1e-5,
            0.0,
            0.0,
            rng.uniform(1e-4, 2e-3),
            rng.uniform(0, 6.28),
            np.arccos(rng.uniform(-0.2, 1)),
            rng.uniform(0, 6.28),
            rng.uniform(13.5, 15.3) * 2 * np.pi / 1440,
            rng.uniform(0, 6.28),
        )
        lines += export_tle(record)
    path.write_text("\n".join(lines) + "\n")


def a_day(effort: Effort) -> list[Result]:
    """Satellites in view and passes, processor time of one thread."""
    time = np.arange(0.0, (600.0 if effort.quick else 86400.0) + 1, 10.0)
    shell = WalkerShell(550e3, 72, 22, np.radians(53), 39)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.tle"
        write_catalogue(path, 50 if effort.quick else 5000)
        catalogue = Catalogue(read_elements(path), EPOCH)
    results = []
    for name, fleet in (("Walker 72 x 22", shell), (f"{len(catalogue)} TLEs", catalogue)):
        for what, look in (("in view", in_view), ("passes", find_passes)):
            seconds = _seconds(look, fleet, time)
            settings = {"satellites": len(fleet), "times": len(time)}
            results.append(
                Result(f"{name}, {what}", seconds, "s", seconds / 60, "a minute", settings)
            )
    return results


def _seconds(look: Callable[..., Any], fleet: Fleet, time: np.ndarray) -> float:
    begin = process_time()
    look(fleet, SITE, time, mask=MASK)
    return process_time() - begin
