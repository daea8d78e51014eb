# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between the nodes of a scenario, and the scenario as one of them sees it.

Nodes have roles by the section that they stand in: `transmitter`, `satellites` and `base_stations`
transmit, `receiver`, `gateways`, `base_stations` and `users` receive, `target` and `targets` are
sensed. Beside a `transmitter`, satellites without a `signal` of their own send what it sends.
"""

from collections.abc import Mapping
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from .loader import Document, merge
from .text import Key

__all__ = ["Link", "Nodes", "beams_of", "feeder_name", "link_document", "nodes_of"]


class Link(NamedTuple):
    """Names of the nodes at both ends, and of the target that is sensed; None without one."""

    transmitter: str
    receiver: str
    target: str | None


class Nodes(NamedTuple):
    """Keys of the nodes that transmit, receive and are sensed, by their names, in order, and RF
    chains of those that have any. Transmitters whose samples are handed in come last."""

    transmitters: dict[str, Key]
    receivers: dict[str, Key]
    targets: dict[str, Key]
    chains: dict[str, int]
    handed_in: frozenset[str]

    @property
    def links(self) -> tuple[Link, ...]:
        """Every link on which there are frames, the first one of each kind of node first."""
        targets: list[str | None] = [*self.targets] or [None]
        return tuple(map(Link._make, product(self.framed, self.receivers, targets)))

    @property
    def framed(self) -> tuple[str, ...]:
        """Transmitters of frames, by name."""
        return tuple(name for name in self.transmitters if name not in self.handed_in)


def nodes_of(document: Document) -> Nodes:
    """Return the nodes of a scenario by their roles.

    Raises
    ------
    ScenarioError
        Nobody transmits or receives, or two nodes have one name.
    """
    nodes = document.data["nodes"]
    short: dict[str, Key] = {
        name: ("nodes", name) for name in ("transmitter", "receiver", "target") if name in nodes
    }
    named = {
        kind: {name: ("nodes", kind, name) for name in nodes.get(kind, {})}
        for kind in ("satellites", "base_stations", "gateways", "users", "targets")
    }
    seen: dict[str, Key] = dict(short)
    for keys in named.values():
        for name, key in keys.items():
            if name in seen:
                raise document.error(key, f"{'.'.join(map(str, seen[name]))} has that name, too")
            seen[name] = key
    first = {"transmitter": short["transmitter"]} if "transmitter" in short else {}
    transmitters = first | {
        name: key
        for kind in ("satellites", "base_stations")
        for name, key in named[kind].items()
        if "signal" in nodes[kind][name] or (kind == "satellites" and not first)
    }
    receivers = {"receiver": short["receiver"]} if "receiver" in short else {}
    receivers |= named["gateways"] | named["base_stations"] | named["users"]
    targets = {"target": short["target"]} if "target" in short else {}
    for found, what in (
        (transmitters, "transmitter or satellites"),
        (receivers, "receiver, gateways, base_stations or users"),
    ):
        if not found:
            raise document.error("nodes", f"there is none of {what}: give one")
    handed_in = frozenset(name for name, key in transmitters.items() if _handed_in(document, key))
    transmitters = dict(sorted(transmitters.items(), key=lambda item: item[0] in handed_in))
    if len(handed_in) == len(transmitters):
        raise document.error(
            (*next(iter(transmitters.values())), "signal", "samples"),
            "nobody sends frames, by which receivers measure: leave it out at one transmitter",
        )
    chains = {
        name: int(beams_of(document, key)["chains"])
        for name, key in (transmitters | receivers).items()
    }
    return Nodes(transmitters, receivers, targets | named["targets"], chains, handed_in)


def _handed_in(document: Document, key: Key) -> bool:
    """Return whether a transmitter's samples are handed in.

    Raises
    ------
    ScenarioError
        It sends frames, too.
    """
    signal = _node(document, key).get("signal", {})
    if "samples" not in signal:
        return False
    for other in ("pilots", "payload"):
        if other in signal:
            raise document.error(
                (*key, "signal", other), "samples that are handed in hold no frames: leave it out"
            )
    return True


def beams_of(document: Document, key: Key) -> dict[str, Any]:
    """Return the section `beams` of a node, defaults included: its radio's over that of all."""
    own = _node(document, key).get("radio", {}).get("beams", {})
    default = {"chains": 8, "kind": "random-phase", "coupling": "paired"}
    return {**default, **document.data.get("beams", {}), **own}


def feeder_name(document: Document) -> str | None:
    """Return the name of the feeder of transparent satellites among the nodes, None without
    one: `feeder`, or `gateway` in older files.

    Raises
    ------
    ScenarioError
        Both are given.
    """
    given = [name for name in ("feeder", "gateway") if name in document.data["nodes"]]
    if len(given) > 1:
        raise document.error("nodes.gateway", "it stands for nodes.feeder: give one of the two")
    return given[0] if given else None


def link_document(document: Document) -> tuple[Document, Link, Nodes]:
    """Return the scenario as the link sees it that its section `link` chooses, by default the
    first: with one transmitter, one receiver and their own signal and radio; beside its target the
    others as `nodes.targets`.

    Raises
    ------
    ScenarioError
        There is no such link.
    """
    nodes, chosen = nodes_of(document), document.data.get("link", {})
    link = nodes.links[0]
    for role, name in chosen.items():
        known = getattr(nodes, f"{role}s")
        if name not in known:
            has = ", ".join(known) or "none"
            raise document.error(f"link.{role}", f"there is no {role} '{name}'; there are: {has}")
        link = link._replace(**{role: name})
    endpoints: dict[str, Key] = {
        "transmitter": nodes.transmitters[link.transmitter],
        "receiver": nodes.receivers[link.receiver],
    }
    if link.target is not None:
        endpoints["target"] = nodes.targets[link.target]
    short = all(key == ("nodes", role) for role, key in endpoints.items())
    everywhere = document.data["nodes"]
    own = any(part in everywhere.get(role, {}) for role, part in _OWN)
    if len(nodes.links) == 1 and short and not own:
        return document, link, nodes
    return _seen(document, link, nodes, endpoints), link, nodes


_PLACES: dict[str, Key] = {
    "eirp_dbw": ("channel", "link", "eirp_dbw"),
    "receive_gain_dbi": ("channel", "link", "receive_gain_dbi"),
    "noise": ("channel", "noise"),
}
"""Where keys of a node's signal or radio stand for all nodes, if not by themselves."""

_OWN = ("transmitter", "signal"), ("receiver", "radio")
"""Parts of nodes that take the place of sections of all nodes."""


def _seen(whole: Document, link: Link, nodes: Nodes, endpoints: Mapping[str, Key]) -> Document:
    """Return the document of one link, made of that of all of them."""
    data = {key: value for key, value in whole.data.items() if key != "link"}
    aliases: dict[Key, Key] = {("nodes", role): key for role, key in endpoints.items()}
    seen: dict[str, Any] = {role: _node(whole, key) for role, key in endpoints.items()}
    everywhere = whole.data["nodes"]
    first = link.transmitter == nodes.framed[0]
    relays = {
        name: node
        for name, node in everywhere.get("satellites", {}).items()
        if name not in nodes.transmitters
    }
    if relays and first:
        seen["satellites"] = relays
    if (feeder := feeder_name(whole)) is not None:
        seen[feeder] = _node(whole, ("nodes", feeder))
    others = {name: key for name, key in nodes.targets.items() if name != link.target}
    if others:
        seen["targets"] = {name: _node(whole, key) for name, key in others.items()}
        aliases |= {("nodes", "targets", name): key for name, key in others.items()}
    data["nodes"] = seen
    for role, part in _OWN:
        for key, value in seen[role].get(part, {}).items():
            if key in ("beams", "samples"):  # which concern the node alone
                continue
            place = _PLACES.get(key, (key,))
            data = merge(data, reduce(lambda below, name: {name: below}, place[::-1], value))
            aliases[place] = (*endpoints[role], part, key)
    if "paths" in data.get("channel", {}):
        paths = data["channel"]["paths"]
        kept = [n for n, path in enumerate(paths) if _sees(path, link, nodes, first)]
        data["channel"] = data["channel"] | {"paths": [_path(paths[n], nodes) for n in kept]}
        aliases |= {("channel", "paths", k): ("channel", "paths", n) for k, n in enumerate(kept)}
    return whole.seen_as(data, aliases)


def _node(document: Document, key: Key) -> dict[str, Any]:
    node: Any = document.data
    for step in key:
        node = node[step]
    return dict(node)


def _sees(path: Mapping[str, Any], link: Link, nodes: Nodes, first: bool) -> bool:
    """Return whether a path is one of a link's: from its transmitter, to its receiver."""
    source = path.get("from")
    from_here = source == link.transmitter if source in nodes.transmitters else source is None
    repeated = source is not None and source not in nodes.transmitters
    return (from_here or (repeated and first)) and path.get("to", link.receiver) == link.receiver


def _path(path: Mapping[str, Any], nodes: Nodes) -> dict[str, Any]:
    """Return a path without the nodes that are those of the link."""
    own = {key: value for key, value in path.items() if key != "to"}
    if own.get("from") in nodes.transmitters:
        del own["from"]
    return own
