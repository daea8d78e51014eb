# SPDX-License-Identifier: GPL-3.0-or-later
"""From the checked document of a scenario to its objects."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from ..arrays import PlanarArray
from ..channel.fading import ShadowedRician
from ..geometry import ANYWHERE, SPEED_OF_LIGHT, Locus
from .budget import check_frame, check_scenario
from .calibration import read_calibration
from .loader import Document, Key, load_document, parse_document
from .model import (
    Channel,
    FrontEndSettings,
    Gateway,
    Link,
    Node,
    PathSettings,
    Precompensation,
    Scenario,
    Synchronization,
)
from .motion import node_motion, scenario_epoch, scenario_origin
from .signals import (
    draw_beams,
    make_numerology,
    payload_of,
    pilots_of,
    prs_resources,
    towards_receiver,
)
from .windows import estimator_settings

__all__ = ["load_scenario", "parse_scenario"]


def load_scenario(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario of a YAML file or preset, with dotted keys overridden.

    Args:
        source: path of a YAML file, or the name of a preset (``paper``, ``lab``).
        overrides: such as ``{"channel.noise.snr_db": 5, "estimator.kind": "mmv-bomp"}``.

    Raises:
        ScenarioError: names file, line and key, and what would be right.
    """
    return _build(load_document(source, overrides))


def parse_scenario(
    text: str, name: str = "scenario", overrides: Mapping[str, Any] | None = None
) -> Scenario:
    """The scenario of a YAML text, such as a recording carries; it may name no other file, but
    `overrides` may.

    Raises:
        ScenarioError: as `load_scenario` does.
    """
    return _build(parse_document(text, name, overrides))


def _build(document: Document) -> Scenario:
    data = document.data
    seed = data.get("seed", 1)
    prs = prs_resources(document)
    synchronization = _synchronization(document)
    numerology = make_numerology(document, prs, synchronization)
    nodes = {
        name: _node(document, ("nodes", name), node)
        for name, node in data["nodes"].items()
        if name not in ("satellites", "gateway")
    }
    satellites = {
        name: _node(document, ("nodes", "satellites", name), node)
        for name, node in data["nodes"].get("satellites", {}).items()
    }
    check_frame(document, numerology, nodes["receiver"].array, nodes["transmitter"].array)
    beams = data.get("beams", {})
    transmit_beams, receive_beams = (
        draw_beams(document, nodes[name].array.size, numerology.symbols, (seed, stream), hold)
        for stream, (name, hold) in enumerate(
            # A PRS resource is one beam, in all of its symbols and repetitions.
            {"transmitter": prs is not None, "receiver": False}.items()
        )
    )
    pilots = pilots_of(document, numerology, prs)
    payload = None
    if "payload" in data:
        towards = towards_receiver(nodes["transmitter"], nodes["receiver"], transmit_beams)
        pilots, payload = payload_of(document, pilots, towards)
    advance = data.get("precompensation", {})
    locator = data.get("locator", {})
    scenario = Scenario(
        name=data.get("name", Path(document.name).stem),
        description=data.get("description", ""),
        seed=seed,
        propagation_speed=data.get("propagation_speed", SPEED_OF_LIGHT),
        origin=scenario_origin(document),
        epoch=scenario_epoch(document),
        numerology=numerology,
        pilots=pilots,
        payload=payload,
        transmitter=nodes["transmitter"],
        receiver=nodes["receiver"],
        target=nodes.get("target"),
        satellites=satellites,
        gateway=_gateway(document),
        transmit_beams=transmit_beams,
        receive_beams=receive_beams,
        coupling=beams.get("coupling", "paired"),
        precompensation=Precompensation(
            mode=advance.get("mode", "frame"),
            timing_advance_error=advance.get("timing_advance_error_ns", 0.0) * 1e-9,
            doppler_error=advance.get("doppler_error_hz", 0.0),
        ),
        channel=_channel(document, nodes, seed),
        front_end=_front_end(document, receive_beams.shape[-1], numerology.sample_rate),
        calibration=read_calibration(document, receive_beams.shape[-1]),
        estimator=estimator_settings(document, numerology, pilots, nodes),
        synchronization=synchronization,
        target_below=locator.get("side", "below") == "below",
        known=_known(document),
        document=document,
    )
    _check_apart(document, scenario)
    check_scenario(document, scenario)
    return scenario


def _check_apart(document: Document, scenario: Scenario) -> None:
    """Refuse paths between nodes in one place: they have no direction and no level."""
    for path in scenario.channel.paths:
        source, node = "transmitter", scenario.transmitter
        if path.source is not None:
            source, node = f"satellites.{path.source}", scenario.satellites[path.source]
        stops: list[tuple[str, Node | Gateway | None]] = [
            ("gateway", scenario.gateway),
            (source, node),
            ("target", None if path.kind == "direct" else scenario.target),
            ("receiver", None if path.kind == "scattered" else scenario.receiver),
        ]
        places = [(name, stop.motion.state(0.0)[0]) for name, stop in stops if stop is not None]
        for (before, one), (after, other) in pairwise(places):
            if np.array_equal(one, other):
                raise document.error(
                    f"nodes.{after}",
                    f"it is where nodes.{before} is, and a path leads from one to the other: move "
                    "one of them",
                )


def _node(document: Document, key: Key, data: Mapping[str, Any]) -> Node:
    array = data.get("array", {"nx": 1, "ny": 1})
    angles = array.get("orientation_deg", (0.0, 0.0, 0.0))
    return Node(
        node_motion(document, key, data),
        PlanarArray(array["nx"], array["ny"], Rotation.from_euler("ZYX", angles, degrees=True)),
    )


def _gateway(document: Document) -> Gateway | None:
    data = document.data["nodes"].get("gateway")
    if data is None:
        return None
    return Gateway(node_motion(document, ("nodes", "gateway"), data), data["carrier_frequency"])


def _channel(document: Document, nodes: Mapping[str, Node], seed: int) -> Channel:
    data = document.data.get("channel", {})
    rng = np.random.default_rng((seed, 2))
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
        for _ in range(path.get("count", 1)):
            paths.append(_path(path, nodes, rng))
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
        link=Link(
            eirp=_linear(link.get("eirp_dbw", 43.1)),
            receive_gain=_linear(link.get("receive_gain_dbi", 16.0)),
            rcs=_linear(link.get("rcs_dbsm", 20.0)),
            path_loss_exponent=link.get("path_loss_exponent", 2.0),
            absorption=link.get("absorption", 0.0),
        ),
        snr=_linear(noise["snr_db"]) if "snr_db" in noise else None,
        noise_temperature=noise.get("temperature_k"),
        noise_factor=_linear(noise.get("noise_figure_db", 0.0)),
        noise_pool=noise.get("pool", False),
    )


def _path(
    path: Mapping[str, Any], nodes: Mapping[str, Node], rng: np.random.Generator
) -> PathSettings:
    phase = rng.uniform(0.0, 2 * np.pi)
    scatterer, loss = None, 1.0
    if path["kind"] == "scattered":
        ends = [nodes[name].motion.state(0.0)[0] for name in ("target", "receiver")]
        drawn = rng.uniform(np.minimum(*ends), np.maximum(*ends))
        scatterer = np.asarray(path.get("position", drawn), dtype=float)
        loss = _linear(-path.get("reflection_loss_db", 6.0))
    power = path.get("relative_power_db")
    return PathSettings(
        kind=path["kind"],
        scatterer=scatterer,
        reflection_loss=loss,
        relative_power=None if power is None else _linear(power),
        phase=phase,
        source=path.get("from"),
    )


def _front_end(document: Document, chains: int, sample_rate: float) -> FrontEndSettings | None:
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


def _known(document: Document) -> Locus:
    """Where the target is known to be."""
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


def _synchronization(document: Document) -> Synchronization:
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
    )


def _linear(decibel: float) -> float:
    return float(10 ** (decibel / 10))
