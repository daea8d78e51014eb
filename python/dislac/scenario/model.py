# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario says, as frozen objects in SI units."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..arrays import PlanarArray, phase_shifter_beams
from ..channel import Coupling
from ..channel.fading import ShadowedRician
from ..estimation import Calibration
from ..geometry import ANYWHERE, SPEED_OF_LIGHT, Locus, Motion
from ..waveform import (
    Numerology,
    Payload,
    Pilots,
    PrsResource,
    PrsResourceSet,
    make_payload,
    make_pilots,
    nr_cyclic_prefixes,
    prs_pilots,
    sensing_grid,
    thin,
)
from ..waveform.numerology import nr_mu, nr_slot_symbols
from ..waveform.prs import PRB
from .budget import check_frame, check_scenario
from .calibration import read_calibration
from .loader import Document, Key, load_document, parse_document
from .motion import node_motion, scenario_epoch, scenario_origin

__all__ = [
    "Channel",
    "EstimatorSettings",
    "FrontEndSettings",
    "Gateway",
    "Link",
    "Node",
    "PathSettings",
    "Precompensation",
    "Scenario",
    "Synchronization",
    "load_scenario",
    "parse_scenario",
    "unambiguous_doppler",
]


@dataclass(frozen=True)
class Node:
    """A place that moves, with an antenna array."""

    motion: Motion
    array: PlanarArray


@dataclass(frozen=True)
class Gateway:
    """What feeds transparent satellites, at the feeder link's carrier frequency [Hz]."""

    motion: Motion
    carrier_frequency: float


@dataclass(frozen=True)
class Precompensation:
    """How the transmitter pre-compensates for the reference link, and by how much it errs.

    Errors are what they add to the residual delay [s] and Doppler [Hz] at the receiver.
    """

    mode: Literal["none", "frame", "time-varying"]
    timing_advance_error: float
    doppler_error: float


@dataclass(frozen=True)
class PathSettings:
    """One propagation path; powers are relative to the echo's.

    `relative_power` of a direct path is None where the link budget sets it. `source` is the name
    of the satellite where the path begins, None for the transmitter.
    """

    kind: Literal["echo", "scattered", "direct"]
    scatterer: NDArray[np.float64] | None
    reflection_loss: float
    relative_power: float | None
    phase: float
    source: str | None = None


@dataclass(frozen=True)
class Link:
    """Levels of the link budget, linear: EIRP [W], gain, radar cross section [m^2]."""

    eirp: float
    receive_gain: float
    rcs: float
    path_loss_exponent: float
    absorption: float


@dataclass(frozen=True)
class Channel:
    """Paths, fading, levels and noise.

    Noise is set by `snr` (linear, per received element), or by `noise_temperature` [K] and
    `noise_factor`, or is absent (both None); it comes from a pool made once (`noise_pool`), or is
    drawn anew.
    """

    paths: tuple[PathSettings, ...]
    fading: ShadowedRician | None
    link: Link
    snr: float | None
    noise_temperature: float | None
    noise_factor: float
    noise_pool: bool


@dataclass(frozen=True)
class FrontEndSettings:
    """What the receiver's front end does: carrier offset [Hz], part by which its clock runs fast,
    samples by which it starts late, phase [rad] and delay [s] of each chain."""

    carrier_offset: float
    clock_offset: float
    start_offset: float
    phase: tuple[float, ...]
    delay: tuple[float, ...]


@dataclass(frozen=True)
class EstimatorSettings:
    """Which estimator, and what it looks for; windows in s and Hz."""

    kind: Literal["off-grid", "mmv-bomp"]
    grid_points: int
    max_paths: int
    false_alarm_rate: float
    delay_window: tuple[float, float]
    doppler_window: tuple[float, float]
    every: int


@dataclass(frozen=True)
class Synchronization:
    """How the receiver knows where frames begin.

    `time_zero` is what rx_time shows at time zero [s], None where that is not known;
    `timing_deviation` the standard deviation of the frames' timing [s], which counts where no
    direct path is taken off, to which delays would be relative. The direct
    path's carrier lies in `carrier_window` [Hz], and may fade for `coast` [s]. `removal` is what is
    taken off frames; where that is all that stays, it is averaged over `memory` of them.
    """

    reference: Literal["tags", "time", "direct-path"]
    time_zero: float | None
    timing_deviation: float
    carrier_window: tuple[float, float]
    coast: float
    removal: Literal["none", "direct-path", "static"]
    memory: int


@dataclass(frozen=True, eq=False)
class Scenario:
    """Everything that blocks, command line and studies take their numbers from.

    `target` is the truth, None where it is not known. `origin` is (latitude [deg], longitude
    [deg], height [m]) of the scene's zero, or None; `epoch` is what time zero is, or None.
    `satellites` send what the transmitter sends. With a `gateway`, they and the transmitter pass on
    what it sends them. `payload` is what frames carry beside pilots, or None. `front_end` is what
    the receiver's does, None if it is perfect; `calibration` what the receiver knows about it.
    `known` is where the target is known to be. `document` is the data that all this comes from, and
    knows where in a file each key stands.
    """

    name: str
    description: str
    seed: int
    propagation_speed: float
    origin: tuple[float, float, float] | None
    epoch: datetime | None
    numerology: Numerology
    pilots: Pilots
    payload: Payload | None
    transmitter: Node
    receiver: Node
    target: Node | None
    satellites: Mapping[str, Node]
    gateway: Gateway | None
    transmit_beams: NDArray[np.complex128]
    receive_beams: NDArray[np.complex128]
    coupling: Coupling
    precompensation: Precompensation
    channel: Channel
    front_end: FrontEndSettings | None
    calibration: Calibration | None
    estimator: EstimatorSettings
    synchronization: Synchronization
    target_below: bool
    known: Locus
    document: Document

    @property
    def text(self) -> str:
        """YAML of the scenario, overrides included."""
        return self.document.text()

    def __str__(self) -> str:
        """The name: all the rest would fill a page."""
        return self.name

    @property
    def chains(self) -> int:
        """RF chains at either end."""
        return int(self.receive_beams.shape[-1])

    @property
    def sample_rate(self) -> float:
        """Samples a second in every stream [Hz]."""
        return self.numerology.sample_rate

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator for one purpose, independent of those for all others."""
        return np.random.default_rng((self.seed, *purpose.encode()))


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
    prs = _prs(document)
    synchronization = _synchronization(document)
    numerology = _numerology(document, prs, synchronization)
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
        _beams(document, nodes[name].array.size, numerology.symbols, (seed, stream), hold)
        for stream, (name, hold) in enumerate(
            # A PRS resource is one beam, in all of its symbols and repetitions.
            {"transmitter": prs is not None, "receiver": False}.items()
        )
    )
    pilots = _pilots(document, numerology, prs)
    payload = None
    if "payload" in data:
        towards = _towards(nodes["transmitter"], nodes["receiver"], transmit_beams)
        pilots, payload = _payload(document, pilots, towards)
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
        estimator=_estimator(document, numerology, pilots, nodes),
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


EARLY = 4
"""Beside a direct path windows begin early by the shortest prefix over this. Between whole samples
the edges of its symbols ring into the window of the symbol before: at -43 dB, and below -60 dB
three samples on."""


def _numerology(
    document: Document, prs: PrsResourceSet | None, synchronization: Synchronization
) -> Numerology:
    values = dict(document.data["numerology"])
    values["advance"] = values.pop("window_advance", None)
    fft_size, prefix = values["fft_size"], values["cyclic_prefix"]
    if prs is not None:
        needed = prs.slots * prs.slot_symbols
        if values.setdefault("symbols", needed) != needed:
            raise document.error(
                "numerology.symbols",
                f"{values['symbols']} symbols; a frame of nr-prs is {needed}, {prs.slots} slot(s) "
                f"of {prs.slot_symbols}: leave the key out",
            )
    elif "symbols" not in values:
        raise document.error("numerology", "'symbols' is a required property")
    if isinstance(prefix, str):
        extended = prefix == "extended"
        try:
            lengths = nr_cyclic_prefixes(
                nr_mu(values["subcarrier_spacing"]),
                fft_size,
                extended=extended,
                first_slot=0 if prs is None else prs.slot_offset,
                slots=-(-values["symbols"] // nr_slot_symbols(extended)),
            )[: values["symbols"]]
        except ValueError as error:
            key = "fft_size" if "fft_size" in str(error) else "subcarrier_spacing"
            raise document.error(f"numerology.{key}", str(error)) from None
        values["cyclic_prefix"] = lengths[0] if len(set(lengths)) == 1 else lengths
    if "frame_period" not in values:
        values["frame_period"] = _frame_length(values)
        if prs is not None and isinstance(prefix, str):
            # Slots of NR: 2^mu of them in a subframe of a millisecond.
            values["frame_period"] = 15 * fft_size * prs.period
        elif prs is not None:
            values["frame_period"] = prs.period * prs.slot_symbols * (fft_size + prefix)
    try:
        numerology = Numerology(**values)
        if synchronization.removal != "none" and numerology.advance is None:
            numerology = replace(numerology, advance=-(-numerology.shortest_prefix // EARLY))
        return numerology
    except ValueError as error:
        keys = "subcarriers", "window_advance", "frame_period"
        key = next(key for key in keys if key in str(error) or key == "frame_period")
        raise document.error(f"numerology.{key}", str(error)) from None


def _frame_length(values: Mapping[str, Any]) -> int:
    prefix = values["cyclic_prefix"]
    prefixes = sum(prefix) if isinstance(prefix, tuple) else values["symbols"] * prefix
    return int(values["symbols"] * values["fft_size"] + prefixes)


def _prs(document: Document) -> PrsResourceSet | None:
    """The set of PRS resources, None where pilots are others."""
    pilots = dict(document.data.get("pilots", {}))
    kind = pilots.pop("kind", "zadoff-chu")
    codes = {"user", "interleaved"}
    own = codes if kind == "nr-prs" else set(pilots) - codes
    for key in own & set(pilots):
        raise document.error(f"pilots.{key}", f"pilots of kind {kind} have no such key")
    if kind != "nr-prs":
        return None
    numerology = document.data["numerology"]
    if numerology["subcarriers"] % PRB:
        raise document.error(
            "numerology.subcarriers",
            f"{numerology['subcarriers']} subcarriers are no whole resource blocks; with nr-prs "
            f"use a multiple of {PRB}",
        )
    try:
        mu = nr_mu(numerology["subcarrier_spacing"])
    except ValueError as error:
        raise document.error("numerology.subcarrier_spacing", str(error)) from None
    comb = pilots.pop("comb", 2)
    grid_start = pilots.pop("grid_start_prb", 0)
    muting = pilots.pop("muting", {})
    values = {
        "symbols": comb,
        "period": 10 << mu,
        "start_prb": grid_start,
        "prbs": numerology["subcarriers"] // PRB,
        "muting_option_1": tuple(muting.get("option_1", ())),
        "muting_bit_repetition": muting.get("bit_repetition", 1),
        "muting_option_2": tuple(muting.get("option_2", ())),
        "extended": numerology["cyclic_prefix"] == "extended",
        **pilots,
        "resources": tuple(PrsResource(**each) for each in pilots.get("resources", [{}])),
    }
    try:
        return PrsResourceSet(mu, comb, **values)
    except ValueError as error:
        raise document.error("pilots", str(error)) from None


def _pilots(document: Document, numerology: Numerology, prs: PrsResourceSet | None) -> Pilots:
    data = document.data.get("pilots", {})
    beams = document.data.get("beams", {})
    chains = beams.get("chains", 8)
    if prs is not None:
        if len(prs.resources) > 1 and beams.get("coupling", "paired") == "paired":
            raise document.error(
                "beams.coupling",
                "several PRS resources tell the chains' beams apart by themselves, for every "
                "receive chain; use coupling 'physical', or a single resource",
            )
        try:
            return prs_pilots(
                prs,
                chains,
                grid_prbs=numerology.subcarriers // PRB,
                grid_start=data.get("grid_start_prb", 0),
            )
        except ValueError as error:
            raise document.error("pilots", str(error)) from None
    try:
        return make_pilots(
            data.get("kind", "zadoff-chu"),
            numerology.symbols,
            numerology.subcarriers,
            chains,
            user=data.get("user", 0),
            seed=document.data.get("seed", 1),
            interleaved=data.get("interleaved", True),
        )
    except ValueError as error:
        raise document.error("pilots.user", str(error)) from None


def _payload(
    document: Document, pilots: Pilots, towards: NDArray[np.complex128]
) -> tuple[Pilots, Payload]:
    """The pilots as they are sent beside a payload, and the payload."""
    data = document.data["payload"]
    prs = document.data.get("pilots", {}).get("kind") == "nr-prs"
    if prs and "pilot_comb" in data:
        raise document.error("payload.pilot_comb", "nr-prs has its own comb, pilots.comb")
    if not np.all(pilots.sent):
        raise document.error("pilots.muting.option_1", "a payload needs its pilots in all frames")
    # Chains that send resources of their own keep to them.
    shared = not np.any(pilots.chains == 0)
    try:
        if not prs:
            pilots = thin(pilots, data.get("pilot_comb", 4))
        payload = make_payload(
            sensing_grid(pilots),
            data["modulation"],
            chains=towards,
            shared=shared,
            power_share=data.get("pilot_power_share"),
            additional_dmrs=data.get("dmrs_additional", 2) if data.get("dmrs", True) else None,
            identity=data.get("identity", 0),
        )
    except ValueError as error:
        raise document.error("payload", str(error)) from None
    chains = payload.chains[pilots.symbols] if shared else pilots.chains
    return replace(pilots, chains=payload.pilot_amplitude * chains), payload


def _towards(
    transmitter: Node, receiver: Node, beams: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """(Ms, Nrf) phases of the chains with which their beams add up towards the receiver."""
    way = receiver.motion.state(0.0)[0] - transmitter.motion.state(0.0)[0]
    direction = transmitter.array.spatial_frequency(way / np.linalg.norm(way))
    sent = np.einsum("a,mai->mi", transmitter.array.steering(direction), beams)
    return np.exp(-1j * np.angle(sent))


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


def _beams(
    document: Document, elements: int, symbols: int, seed: tuple[int, int], hold: bool
) -> NDArray[np.complex128]:
    """(symbols, elements, chains); the first symbol's in all of them, if they are to `hold`."""
    beams = document.data.get("beams", {})
    chains = beams.get("chains", 8)
    if beams.get("kind", "random-phase") == "random-phase":
        rng = np.random.default_rng(seed)
        drawn = phase_shifter_beams(1 if hold else symbols, elements, chains, rng)
        return np.broadcast_to(drawn, (symbols, elements, chains))
    if chains != elements:
        raise document.error(
            "beams.chains",
            f"{chains} chains do not match an array of {elements} elements; with kind 'element' "
            "both ends need one chain an element",
        )
    return np.broadcast_to(np.eye(elements, dtype=complex), (symbols, elements, elements))


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


ROAD_SPEED = 35.0
"""Speed of a target that every Doppler window holds [m/s]: a vehicle on a motorway."""

SPEED_MARGIN = 1.25
"""By how much a target may be faster than the scenario has it, or its Doppler shift greater by the
satellite's motion, before it leaves the window."""


def unambiguous_doppler(numerology: Numerology, pilots: Pilots) -> float:
    """Greatest Doppler shift, either way, that symbols with pilots tell apart [Hz]: half a cycle
    from one to the next. Infinite for a single symbol."""
    steps = np.diff(np.unique(numerology.symbol_times[pilots.symbols]))
    return float(0.5 / steps.min()) if len(steps) else np.inf


def _doppler_window(
    document: Document, numerology: Numerology, pilots: Pilots, nodes: Mapping[str, Node]
) -> float:
    """Half the default window [Hz]: what a target as fast as the scenario's, or as `ROAD_SPEED`,
    makes, or half a cycle a frame if that is more. A quarter of the subcarrier spacing is the
    most: beyond it subcarriers disturb each other more than the echo is worth. Beside a payload it
    is half a cycle a frame: the equalizer interpolates between few symbols."""
    cell = 0.5 * numerology.sample_rate / numerology.frame_length
    if "payload" in document.data:
        return cell
    target, receiver = (
        float(np.linalg.norm(nodes[name].motion.state(0.0)[1])) if name in nodes else 0.0
        for name in ("target", "receiver")
    )
    speed = max(ROAD_SPEED, SPEED_MARGIN * target) + receiver
    propagation = document.data.get("propagation_speed", SPEED_OF_LIGHT)
    shift = 2.0 * speed * numerology.carrier_frequency / propagation
    most = min(unambiguous_doppler(numerology, pilots), numerology.subcarrier_spacing / 4)
    return float(min(max(cell, shift), most))


def _estimator(
    document: Document, numerology: Numerology, pilots: Pilots, nodes: Mapping[str, Node]
) -> EstimatorSettings:
    data = document.data.get("estimator", {})
    prefix = numerology.shortest_prefix / numerology.sample_rate * 1e9
    # Later paths bring the symbol before into the transform window.
    latest = prefix - numerology.window_advance / numerology.sample_rate * 1e9
    doppler = _doppler_window(document, numerology, pilots, nodes)
    windows = {
        "delay_window_ns": (-prefix / 8, latest),
        "doppler_window_hz": (-doppler, doppler),
    }
    for key, default in windows.items():
        low, high = windows[key] = tuple(data.get(key, default))
        if not low < high:
            raise document.error(
                f"estimator.{key}", f"[{low:g}, {high:g}] is empty; give [low, high]"
            )
    low, high = windows["delay_window_ns"]
    return EstimatorSettings(
        kind=data.get("kind", "off-grid"),
        grid_points=data.get("grid_points", 16),
        max_paths=data.get("max_paths", 1),
        false_alarm_rate=data.get("false_alarm_rate", 0.01),
        delay_window=(low * 1e-9, high * 1e-9),
        doppler_window=windows["doppler_window_hz"],
        every=data.get("every", 1),
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
