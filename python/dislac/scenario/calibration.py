# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration files: small YAML, written by a calibration and named by scenarios."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..estimation import Calibration
from ..files import write_file
from .loader import Document, load_part
from .model import Scenario
from .text import Key, ScenarioError

__all__ = ["load_calibration", "read_calibration", "read_file", "write_calibration"]

_TITLE = "# Receive chains relative to the first; for the key `calibration` of a scenario.\n"


def write_calibration(
    path: str | os.PathLike[str], calibration: Calibration, scenario: Scenario
) -> None:
    """Writes a calibration that was made with a scenario, all at once; the same each time."""
    per_neper = 20 / np.log(10)
    columns = {
        "phase_deg": np.degrees(calibration.phase),
        "delay_ns": calibration.delay * 1e9,
        "amplitude_db": per_neper * np.log(calibration.amplitude),
        "phase_error_deg": np.degrees(calibration.phase_error),
        "delay_error_ns": calibration.delay_error * 1e9,
        "amplitude_error_db": per_neper * calibration.amplitude_error,
    }
    # Adding zero makes no minus zero of it.
    rows = np.round(np.stack(list(columns.values()), axis=1), 5) + 0.0
    data = {
        "scenario": scenario.name,
        "carrier_frequency": scenario.numerology.carrier_frequency,
        "frames": calibration.frames,
        "snr_db": round(10 * float(np.log10(calibration.snr)), 3),
        "chains": [dict(zip(columns, map(float, row), strict=True)) for row in rows],
    }
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=200)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, f"{_TITLE}{text}".encode())


def load_calibration(path: str | os.PathLike[str]) -> Calibration:
    """The calibration in a file.

    Raises
    ------
    ScenarioError
        no such file, or none with a calibration.
    """
    return _calibration(load_part(os.fspath(path), "calibration").data)


def read_file(document: Document, key: Key) -> None:
    """Put what stands in a file in the place of its name, so that a recording has it.

    Raises
    ------
    ScenarioError
        no such file, or none with a calibration.
    """
    section: Any = document.data
    for step in key[:-1]:
        section = section[step]
    if not isinstance(section.get(key[-1]), str):
        return
    where = str(Path(document.name).parent / section[key[-1]])
    try:
        section[key[-1]] = load_part(where, "calibration").data
    except ScenarioError as error:
        raise document.error(key, f"{error}; `dislac calibrate` makes one") from None


def read_calibration(document: Document, chains: int) -> Calibration | None:
    """The calibration that a scenario holds, None without."""
    data = document.data.get("calibration")
    if data is None:
        return None
    if len(data["chains"]) != chains:
        raise document.error(
            "calibration", f"it is of {len(data['chains'])} chains; here are {chains}"
        )
    carrier = document.data["numerology"]["carrier_frequency"]
    if not np.isclose(data["carrier_frequency"], carrier, rtol=1e-6):
        raise document.error(
            "calibration",
            f"it holds at {data['carrier_frequency']:g} Hz; the carrier is {carrier:g} Hz",
        )
    return _calibration(data)


def _calibration(data: Mapping[str, Any]) -> Calibration:
    def column(key: str) -> Any:
        return np.array([chain.get(key, 0.0) for chain in data["chains"]])

    neper = np.log(10) / 20
    return Calibration(
        phase=np.radians(column("phase_deg")),
        delay=column("delay_ns") * 1e-9,
        amplitude=np.exp(neper * column("amplitude_db")),
        phase_error=np.radians(column("phase_error_deg")),
        delay_error=column("delay_error_ns") * 1e-9,
        amplitude_error=neper * column("amplitude_error_db"),
        frames=data.get("frames", 0),
        snr=float(10 ** (data.get("snr_db", np.nan) / 10)),
    )
