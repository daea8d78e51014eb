# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of a scenario's nodes, in the frame at its origin."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..geometry import (
    SPEED_OF_LIGHT,
    CircularOrbit,
    ElementSet,
    HermiteMotion,
    LinearMotion,
    LocalMotion,
    Motion,
    OrbitError,
    SatelliteMotion,
    WalkerShell,
)
from .loader import Document
from .text import Key

__all__ = ["node_motion", "satellite_motion", "scenario_epoch", "scenario_origin"]

FASTEST = 0.01
"""Greatest speed of a node, in parts of the propagation speed."""

LASTS = 60.0
"""Seconds before and after time zero for which elements must be an orbit: they may be none soon."""

_NEEDED = {
    "circular": ("altitude", "inclination_deg"),
    "walker": ("altitude", "inclination_deg", "planes", "satellites_per_plane"),
    "tle": ("lines",),
    "omm": ("elements",),
}
_ALLOWED = {
    "circular": ("node_longitude_deg", "argument_deg", "start"),
    "walker": ("phasing", "plane", "satellite", "node_longitude_deg", "argument_deg", "start"),
    "tle": (),
    "omm": (),
}


def scenario_origin(document: Document) -> tuple[float, float, float] | None:
    """Latitude [deg], longitude [deg] and height [m] of the scenario's zero."""
    origin = document.data.get("origin")
    if origin is None:
        return None
    return origin["latitude_deg"], origin["longitude_deg"], origin.get("height_m", 0.0)


def scenario_epoch(document: Document) -> datetime | None:
    """Time zero; UTC where the file names no time zone.

    Raises
    ------
    ScenarioError
        it is no time.
    """
    text = document.data.get("epoch")
    if text is None:
        return None
    try:
        epoch = datetime.fromisoformat(text)
    except ValueError:
        raise document.error(
            "epoch", f"'{text}' is not a time such as 2026-01-01T12:00:00Z"
        ) from None
    return epoch if epoch.tzinfo else epoch.replace(tzinfo=UTC)


def node_motion(document: Document, key: Key, data: Mapping[str, Any]) -> Motion:
    """The motion of the node at `key`: a line, or an orbit turned into the scenario's frame.

    Raises
    ------
    ScenarioError
        it has neither or both, or its orbit does not exist.
    """
    if ("position" in data) == ("orbit" in data):
        raise document.error(key, "give either position (and velocity) or orbit")
    if "orbit" not in data:
        velocity = data.get("velocity", (0.0, 0.0, 0.0))
        limit = FASTEST * document.data.get("propagation_speed", SPEED_OF_LIGHT)
        if not np.linalg.norm(velocity) <= limit:
            raise document.error(
                (*key, "velocity"),
                f"{np.linalg.norm(velocity):g} m/s, where {limit:g} m/s is the most, {FASTEST:g} "
                "of the propagation speed: delays are those of slow nodes",
            )
        return LinearMotion(data["position"], velocity)
    if "velocity" in data:
        raise document.error((*key, "velocity"), "an orbit has its own; leave it out")
    origin = scenario_origin(document)
    if origin is None:
        raise document.error(
            (*key, "orbit"), "a node in orbit needs to know where the scene lies: give origin"
        )
    orbit, key = data["orbit"], (*key, "orbit")
    kind = orbit["kind"]
    known = ("kind", *_NEEDED[kind], *_ALLOWED[kind])
    if missing := [name for name in _NEEDED[kind] if name not in orbit]:
        raise document.error(key, f"an orbit of kind '{kind}' needs {', '.join(missing)}")
    if unknown := [name for name in orbit if name not in known]:
        raise document.error(
            (*key, unknown[0]), f"not for an orbit of kind '{kind}', which has {', '.join(known)}"
        )
    try:
        if kind in ("circular", "walker"):
            circle = (
                CircularOrbit(**_circle(orbit))
                if kind == "circular"
                else _walker(document, key, orbit)
            )
            return LocalMotion(circle.later(orbit.get("start", 0.0)), origin)
        elements = (
            ElementSet.from_tle(*orbit["lines"])
            if kind == "tle"
            else ElementSet.from_omm(orbit["elements"])
        )
    except (OrbitError, ImportError) as error:
        raise document.error(key, str(error)) from None
    epoch = scenario_epoch(document)
    if epoch is None:
        raise document.error(
            key, f"an orbit of kind '{kind}' needs to know what time zero is: give epoch"
        )
    motion = LocalMotion(SatelliteMotion(elements, epoch), origin)
    try:
        motion.state(np.array([0.0, -LASTS, LASTS]))
    except OrbitError as error:
        raise document.error(key, str(error)) from None
    return HermiteMotion(motion)


def satellite_motion(motion: Motion) -> SatelliteMotion | None:
    """The motion by mean elements that a node's motion follows; None if it has no such."""
    while isinstance(motion, HermiteMotion | LocalMotion):
        motion = motion.motion
    return motion if isinstance(motion, SatelliteMotion) else None


def _circle(orbit: Mapping[str, Any]) -> dict[str, float]:
    return {
        "altitude": orbit["altitude"],
        "inclination": float(np.radians(orbit["inclination_deg"])),
        "node_longitude": float(np.radians(orbit.get("node_longitude_deg", 0.0))),
        "argument": float(np.radians(orbit.get("argument_deg", 0.0))),
    }


def _walker(document: Document, key: Key, orbit: Mapping[str, Any]) -> CircularOrbit:
    shell = WalkerShell(
        planes=orbit["planes"],
        per_plane=orbit["satellites_per_plane"],
        phasing=orbit.get("phasing", 0),
        **_circle(orbit),
    )
    numbers = orbit.get("plane", 0), orbit.get("satellite", 0)
    for name, number, count in zip(
        ("plane", "satellite"), numbers, (shell.planes, shell.per_plane), strict=True
    ):
        if number >= count:
            raise document.error((*key, name), f"there is no {name} {number}; 0 to {count - 1} are")
    return shell.motion(numbers[0] * shell.per_plane + numbers[1])
