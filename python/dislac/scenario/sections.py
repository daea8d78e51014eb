# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of a scenario that are read by themselves: channel, impairments, place, frames."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..channel.fading import ShadowedRician
from ..geometry import ANYWHERE, Locus
from .loader import Document
from .model import (
    Channel,
    FrontEndSettings,
    Levels,
    Node,
    PathSettings,
    Synchronization,
)

__all__ = ["channel_settings", "impairments", "known_locus", "linear", "synchronization_settings"]


def channel_settings(
    document: Document,
    nodes: Mapping[str, Node],
    targets: Mapping[str, Node],
    names: Sequence[str],
    seeds: tuple[int, ...],
) -> Channel:
    """The channel of a link; `names` of all targets, of which `targets` are the others."""
    data = document.data.get("channel", {})
    rng = np.random.default_rng(seeds)
    paths: list[PathSettings] = []
    for index, path in enumerate(data.get("paths", [{"kind": "echo"}])):
        if path["kind"] != "direct" and "target" not in nodes:
            raise document.error(
                ("channel", "paths", index, "kind"),
                f"a path of kind '{path['kind']}' needs nodes.target",
            )
        known = document.data["nodes"].get("satellites", {})
        if "from" in path and path["from"] not in known:
            raise document.error(
                ("channel", "paths", index, "from"),
                f"nodes.satellites has no '{path['from']}'"
                + (f"; it has {', '.join(known)}" if known else ""),
            )
        if "target" in path and (path["kind"] == "direct" or path["target"] not in names):
            has = ", ".join(names) if path["kind"] != "direct" else "none on a direct path"
            raise document.error(
                ("channel", "paths", index, "target"),
                f"no target '{path['target']}'; there are: {has}",
            )
        off = [path["target"]] if "target" in path else names
        # In one order, whichever target a link senses: what is drawn belongs to the path.
        for target in off if path["kind"] != "direct" else [None]:
            other = target if target in targets else None
            place = targets[other] if other is not None else nodes.get("target")
            for _ in range(path.get("count", 1)):
                paths.append(_path(path, place, nodes["receiver"], other, rng))
    fading = data.get("fading")
    for key, kind, what in (("omega", "echo", "line of sight"), ("b0", "scattered", "scattering")):
        if fading and fading[key] < 1e-9 and any(path.kind == kind for path in paths):
            raise document.error(
                f"channel.fading.{key}",
                f"it is the power of paths of kind '{kind}', which fade by their {what} alone; "
                "give more than 0 (1e-9 or more)",
            )
    link = data.get("link", {})
    noise = data.get("noise", {})
    return Channel(
        paths=tuple(paths),
        fading=fading
        and ShadowedRician(fading["m"], fading["omega"], scattered_power=2 * fading["b0"]),
        levels=Levels(
            eirp=linear(link.get("eirp_dbw", 43.1)),
            receive_gain=linear(link.get("receive_gain_dbi", 16.0)),
            rcs=linear(link.get("rcs_dbsm", 20.0)),
            path_loss_exponent=link.get("path_loss_exponent", 2.0),
            absorption=link.get("absorption", 0.0),
        ),
        snr=linear(noise["snr_db"]) if "snr_db" in noise else None,
        noise_temperature=noise.get("temperature_k"),
        noise_factor=linear(noise.get("noise_figure_db", 0.0)),
        noise_pool=noise.get("pool", False),
        fading_seed=fading.get("seed") if fading else None,
    )


def _path(
    path: Mapping[str, Any],
    target: Node | None,
    receiver: Node,
    name: str | None,
    rng: np.random.Generator,
) -> PathSettings:
    """A path by way of a target, which has a `name` where it is not the link's own."""
    drawn = rng.uniform(0.0, 2 * np.pi)
    phase = float(np.radians(path["phase_deg"])) if "phase_deg" in path else drawn
    scatterer, loss = None, 1.0
    if path["kind"] == "scattered":
        assert target is not None
        corners = [node.motion.state(0.0)[0] for node in (target, receiver)]
        place = rng.uniform(np.minimum(*corners), np.maximum(*corners))
        scatterer = np.asarray(path.get("position", place), dtype=float)
        loss = linear(-path.get("reflection_loss_db", 6.0))
    power = path.get("relative_power_db")
    return PathSettings(
        kind=path["kind"],
        scatterer=scatterer,
        reflection_loss=loss,
        relative_power=None if power is None else linear(power),
        phase=phase,
        source=path.get("from"),
        target=name,
    )


def impairments(document: Document, chains: int, sample_rate: float) -> FrontEndSettings | None:
    """Impairments of a receiver, None where the scenario says nothing."""
    data = document.data.get("front_end")
    if data is None:
        return None
    each = {key: data.get(key, [0.0] * chains) for key in ("phase_deg", "delay_ns")}
    for key, values in each.items():
        if len(values) != chains:
            raise document.error(
                f"front_end.{key}", f"{len(values)} values for {chains} chains; give one each"
            )
    carrier_offset = data.get("carrier_offset_hz", 0.0)
    if not abs(carrier_offset) <= sample_rate / 2:
        raise document.error(
            "front_end.carrier_offset_hz",
            f"{carrier_offset:g} Hz is more than half the sample rate of {sample_rate:g} Hz",
        )
    return FrontEndSettings(
        carrier_offset=carrier_offset,
        clock_offset=data.get("clock_offset_ppm", 0.0) * 1e-6,
        start_offset=data.get("start_offset", 0.0),
        phase=tuple(np.radians(each["phase_deg"]).tolist()),
        delay=tuple(value * 1e-9 for value in each["delay_ns"]),
    )


def known_locus(document: Document) -> Locus:
    """Locus in which the target is known to be."""
    data = document.data.get("locator", {})
    keys = [key for key in ("known_height_m", "known_plane", "known_line") if key in data]
    if not keys:
        return ANYWHERE
    if len(keys) > 1:
        raise document.error(
            f"locator.{keys[1]}",
            f"it stands beside {keys[0]}; give one of them (two planes meet in a known_line)",
        )
    value = data[keys[0]]
    if keys[0] == "known_height_m":
        return Locus.at_height(value)
    try:
        if keys[0] == "known_plane":
            return Locus.plane(value["point"], value["normal"])
        return Locus.line(value["point"], value["direction"])
    except ValueError as error:
        raise document.error(f"locator.{keys[0]}", str(error)) from None


def synchronization_settings(document: Document) -> Synchronization:
    """Settings by which a receiver finds frames."""
    data = document.data.get("synchronization", {})
    reference = data.get("reference", "tags")
    paths = document.data.get("channel", {}).get("paths", [])
    kinds = {path["kind"] for path in paths if "from" not in path}
    beside_echo = reference == "direct-path" or {"direct", "echo"} <= kinds
    low, high = data.get("carrier_window_hz", (-25e3, 25e3))
    if not low < high:
        raise document.error(
            "synchronization.carrier_window_hz", f"[{low:g}, {high:g}] is empty; give [low, high]"
        )
    return Synchronization(
        reference=reference,
        time_zero=data.get("time_zero", 0.0 if reference == "time" else None),
        timing_deviation=data.get("timing_deviation_ns", 0.0) * 1e-9,
        carrier_window=(low, high),
        coast=data.get("coast_ms", 100.0) * 1e-3,
        removal=data.get("removal", "direct-path" if beside_echo else "none"),
        memory=data.get("memory_frames", 16),
        every=document.data.get("estimator", {}).get("every", 1),
    )


def linear(decibel: float) -> float:
    """Ratio of powers from decibels."""
    return float(10 ** (decibel / 10))
