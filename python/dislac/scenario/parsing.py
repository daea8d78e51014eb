# SPDX-License-Identifier: GPL-3.0-or-later
"""From the checked document of a scenario to its objects."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from ..arrays import PlanarArray
from ..geometry import SPEED_OF_LIGHT
from .budget import check_frame, check_scenario
from .calibration import read_calibration, read_file
from .links import Link, Nodes, beams_of, feeder_name, link_document
from .loader import Document, load_document, parse_document
from .model import (
    Feeder,
    Node,
    PathSettings,
    Precompensation,
    Scenario,
    Synchronization,
)
from .motion import node_motion, scenario_epoch, scenario_origin
from .sections import channel_settings, impairments, known_locus, linear, synchronization_settings
from .signals import (
    draw_beams,
    make_numerology,
    payload_of,
    pilots_of,
    prs_resources,
    towards_receiver,
)
from .text import Key
from .windows import search_windows

__all__ = ["load_scenario", "parse_scenario"]


def load_scenario(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario of a YAML file or preset, with dotted keys overridden.

    Parameters
    ----------
    source
        path of a YAML file, or the name of a preset (``paper``, ``lab``).
    overrides
        such as ``{"channel.noise.snr_db": 5, "estimator.kind": "mmv-bomp"}``.

    Raises
    ------
    ScenarioError
        names file, line and key, and what would be right.

    Examples
    --------
    >>> from gnuradio.dislac.scenario import load_scenario
    >>> scene = load_scenario("paper", {"channel.noise.snr_db": 10})
    >>> f"{scene.name}: {scene.receive_chains} chains, {scene.sample_rate / 1e6:.2f} MHz"
    'paper: 8 chains, 7.68 MHz'
    >>> f"{scene.channel.snr:.0f}"
    '10'
    """
    return _build(load_document(source, overrides), {})


def parse_scenario(
    text: str, name: str = "scenario", overrides: Mapping[str, Any] | None = None
) -> Scenario:
    """The scenario of a YAML text, such as a recording carries; it may name no other file, but
    `overrides` may.

    Raises
    ------
    ScenarioError
        as `load_scenario` does.
    """
    return _build(parse_document(text, name, overrides), {})


def _build(
    whole: Document, views: dict[Link, Scenario], before: Scenario | None = None
) -> Scenario:
    """The scenario of a document, as the link sees it that it chooses; added to the `views` of
    others, if there are any. What is the same `before` a change is not made once more."""
    _read_calibrations(whole)
    document, link, roles = link_document(whole)
    data = document.data
    seed = data.get("seed", 1)
    # Of the first transmitter and receiver, which scenarios of one link have, nothing is said.
    number = (
        list(roles.transmitters).index(link.transmitter),
        list(roles.receivers).index(link.receiver),
    )
    if before is not None and (before.link != link or _differ(document, before, _SCENE)):
        before = None
    nodes = {name: _place(document, before, name) for name in _ENDPOINTS if name in data["nodes"]}
    targets, satellites = (
        {
            name: _node(document, ("nodes", kind, name), node)
            for name, node in data["nodes"].get(kind, {}).items()
        }
        for kind in ("targets", "satellites")
    )
    synchronization = synchronization_settings(document)
    signal = _signal(document, nodes, synchronization, number, before)
    chains = roles.chains[link.receiver]
    advance = data.get("precompensation", {})
    scenario = Scenario(
        name=data.get("name", Path(document.name).stem),
        description=data.get("description", ""),
        seed=seed,
        propagation_speed=data.get("propagation_speed", SPEED_OF_LIGHT),
        origin=scenario_origin(document),
        epoch=scenario_epoch(document),
        **signal,
        transmitter=nodes["transmitter"],
        receiver=nodes["receiver"],
        target=nodes.get("target"),
        targets=targets,
        satellites=satellites,
        feeder=_feeder(document),
        coupling=data.get("beams", {}).get("coupling", "paired"),
        precompensation=Precompensation(
            mode=advance.get("mode", "frame"),
            timing_advance_error=advance.get("timing_advance_error_ns", 0.0) * 1e-9,
            doppler_error=advance.get("doppler_error_hz", 0.0),
            towards=_towards(document, roles),
        ),
        channel=channel_settings(
            document, nodes, targets, list(roles.targets), _seeds(seed, 2, *number)
        ),
        front_end=impairments(document, chains, signal["numerology"].sample_rate),
        calibration=read_calibration(document, chains),
        windows=search_windows(document, signal["numerology"], signal["own_pilots"], nodes),
        synchronization=synchronization,
        known=known_locus(document),
        document=document,
        link=link,
        nodes=roles,
        make=_build,
        views=views,
        of_link={} if before is None else _of_link(document, before, signal, synchronization),
    )
    if views:  # of other links, by which this one is to be found
        views[link] = scenario
    _check_apart(document, scenario)
    check_scenario(document, scenario)
    return scenario


_ENDPOINTS = "transmitter", "receiver", "target"
_SCENE = "origin", "epoch", "propagation_speed"
"""Sections that all places depend on."""
_SENSED = {"name", "description", "channel", "estimator", "locator", "calibration"}
"""Sections that have nothing to do with how transmitters and receivers lie and what they send."""
_SIGNAL = "seed", "numerology", "pilots", "payload", "beams"
"""Sections that the signal is made of."""


def _differ(document: Document, before: Scenario, sections: Sequence[str]) -> bool:
    """True if any of some sections has changed."""
    return any(document.data.get(key) != before.document.data.get(key) for key in sections)


def _of_link(
    document: Document,
    before: Scenario,
    signal: Mapping[str, Any],
    synchronization: Synchronization,
) -> dict[Any, Any]:
    """Values kept for the link alone, before a change that they do not depend on."""
    same = (
        signal["receive_beams"] is before.receive_beams
        and synchronization == before.synchronization
        and _unsensed(document.whole) == _unsensed(before.document.whole)
    )
    return before.of_link if same else {}


def _unsensed(whole: Document) -> dict[str, Any]:
    """Data of a scenario without targets and what they are sensed by."""
    nodes = {k: v for k, v in whole.data["nodes"].items() if k not in ("target", "targets")}
    return {k: v for k, v in whole.data.items() if k not in _SENSED} | {"nodes": nodes}


def _place(document: Document, before: Scenario | None, name: str) -> Node:
    """The node at one end of the link, or its target."""
    data = document.data["nodes"][name]
    if before is not None and before.document.data["nodes"].get(name) == data:
        node: Node = getattr(before, name)
        return node
    return _node(document, ("nodes", name), data)


def _own(document: Document, end: str) -> Any:
    """Chains and samples that a node has of its own."""
    node = document.data["nodes"][end]
    return node.get("radio"), node.get("signal")


def _signal(
    document: Document,
    nodes: Mapping[str, Node],
    synchronization: Synchronization,
    number: tuple[int, int],
    before: Scenario | None,
) -> dict[str, Any]:
    """Numerology, pilots and payload (None without), and beams of a link between nodes with these
    numbers."""
    transmitter, receiver = nodes["transmitter"], nodes["receiver"]
    if (
        before is not None
        and (transmitter, receiver) == (before.transmitter, before.receiver)
        and synchronization == before.synchronization
        and all(_own(document, end) == _own(before.document, end) for end in _ENDPOINTS[:2])
        and not _differ(document, before, _SIGNAL)
    ):
        names = "numerology", "own_pilots", "payload", "transmit_beams", "receive_beams"
        return {name: getattr(before, name) for name in names}
    prs, seed = prs_resources(document), document.data.get("seed", 1)
    numerology = make_numerology(document, prs, synchronization)
    coupled = (
        beams_of(document, ("nodes", "transmitter")),
        beams_of(document, ("nodes", "receiver")),
    )
    transmit_chains, receive_chains = (beams["chains"] for beams in coupled)
    if transmit_chains != receive_chains and coupled[0]["coupling"] == "paired":
        raise document.error(
            "beams.coupling",
            f"paired coupling joins chain to chain, and there are {transmit_chains} at the "
            f"transmitter and {receive_chains} at the receiver: use physical, or as many "
            "chains at both",
        )
    check_frame(
        document,
        numerology,
        max(transmit_chains, receive_chains),
        receiver.array,
        transmitter.array,
    )
    # A PRS resource is one beam, in all of its symbols and repetitions; samples know no symbols.
    handed_in = "samples" in document.data["nodes"]["transmitter"].get("signal", {})
    transmit_beams, receive_beams = (
        draw_beams(
            document,
            _ENDPOINTS[end],
            node.array.size,
            numerology.symbols,
            _seeds(seed, end, k),
            hold,
        )
        for end, (node, k, hold) in enumerate(
            zip((transmitter, receiver), number, (handed_in or prs is not None, False), strict=True)
        )
    )
    pilots, payload = None if handed_in else pilots_of(document, numerology, prs), None
    if pilots is not None and "payload" in document.data:
        towards = towards_receiver(transmitter, receiver, transmit_beams)
        pilots, payload = payload_of(document, pilots, towards)
    return {
        "numerology": numerology,
        "own_pilots": pilots,
        "payload": payload,
        "transmit_beams": transmit_beams,
        "receive_beams": receive_beams,
    }


def _seeds(seed: int, purpose: int, *numbers: int) -> tuple[int, ...]:
    """Seeds of what is drawn for nodes with these numbers; those of the first need no more."""
    return (seed, purpose, *numbers) if any(numbers) else (seed, purpose)


def _read_calibrations(whole: Document) -> None:
    """Take the files in that calibrations are named by."""
    read_file(whole, ("calibration",))
    nodes = whole.data["nodes"]
    for kind in ("gateways", "base_stations", "users"):
        for name, node in nodes.get(kind, {}).items():
            if "calibration" in node.get("radio", {}):
                read_file(whole, ("nodes", kind, name, "radio", "calibration"))
    if "calibration" in nodes.get("receiver", {}).get("radio", {}):
        read_file(whole, ("nodes", "receiver", "radio", "calibration"))


def _towards(document: Document, nodes: Nodes) -> str:
    """Name of the receiver that the pre-compensation is for."""
    known = list(nodes.receivers)
    name = str(document.data.get("precompensation", {}).get("towards", known[0]))
    if name not in known:
        raise document.error(
            "precompensation.towards",
            f"there is no receiver '{name}'; there are: {', '.join(known)}",
        )
    return name


def _check_apart(document: Document, scenario: Scenario) -> None:
    """Refuse paths between nodes in one place: they have no direction and no level."""
    for path in scenario.channel.paths:
        source, node, feeder = "transmitter", scenario.transmitter, scenario.feeder
        if path.source is not None:
            source, node = f"satellites.{path.source}", scenario.satellites[path.source]
        stops: list[tuple[str, Node | Feeder | None]] = [
            ("feeder" if feeder is None else feeder.key.removeprefix("nodes."), feeder),
            (source, node),
            *_stop_at_target(scenario, path),
            ("receiver", None if path.kind == "scattered" else scenario.receiver),
        ]
        positions = [(name, stop.motion.state(0.0)[0]) for name, stop in stops if stop is not None]
        for (before, one), (after, other) in pairwise(positions):
            if np.array_equal(one, other):
                there = document.named(f"nodes.{before}")
                raise document.error(
                    f"nodes.{after}",
                    f"it is where {there} is, and a path leads from one to the other: move one of "
                    "them",
                )


def _stop_at_target(
    scenario: Scenario, path: PathSettings
) -> list[tuple[str, Node | Feeder | None]]:
    if path.kind == "direct":
        return []
    if path.target is None:
        return [("target", scenario.target)]
    return [(f"targets.{path.target}", scenario.targets[path.target])]


_POINT = PlanarArray(1, 1)
"""The array of a node without one."""


def _node(document: Document, key: Key, data: Mapping[str, Any]) -> Node:
    array = _POINT
    if "array" in data:
        angles = data["array"].get("orientation_deg", (0.0, 0.0, 0.0))
        turned = Rotation.from_euler("ZYX", angles, degrees=True)
        array = PlanarArray(data["array"]["nx"], data["array"]["ny"], turned)
    return Node(
        node_motion(document, key, data),
        array,
        linear(data["rcs_dbsm"]) if "rcs_dbsm" in data else None,
    )


def _feeder(document: Document) -> Feeder | None:
    name = feeder_name(document)
    if name is None:
        return None
    data = document.data["nodes"][name]
    motion = node_motion(document, ("nodes", name), data)
    return Feeder(motion, data["carrier_frequency"], f"nodes.{name}")
