# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a scenario, frozen and in SI units."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..arrays import PlanarArray
from ..channel import Coupling
from ..channel.fading import ShadowedRician
from ..estimation import Calibration
from ..geometry import Locus, Motion
from ..waveform import Numerology, Payload, Pilots
from .links import Link, Nodes
from .loader import Document

__all__ = [
    "Channel",
    "Feeder",
    "FrontEndSettings",
    "Levels",
    "Node",
    "PathSettings",
    "Precompensation",
    "Scenario",
    "SearchWindows",
    "Synchronization",
]


@dataclass(frozen=True)
class Node:
    """A place that moves, with an antenna array; a target has its own radar cross section [m^2],
    or that of the link budget (None)."""

    motion: Motion
    array: PlanarArray
    rcs: float | None = None


@dataclass(frozen=True)
class Feeder:
    """Feeder of transparent satellites, its link's carrier frequency [Hz], and its key in the
    scenario's file."""

    motion: Motion
    carrier_frequency: float
    key: str = "nodes.feeder"


@dataclass(frozen=True)
class Precompensation:
    """Pre-compensation for the reference link, and by how much it errs.

    Errors are what they add to the residual delay [s] and Doppler [Hz] at the receiver. `towards`
    is the receiver that it is for.
    """

    mode: Literal["none", "frame", "time-varying"]
    timing_advance_error: float
    doppler_error: float
    towards: str


@dataclass(frozen=True)
class PathSettings:
    """One propagation path; powers are relative to the echo's.

    `relative_power` of a direct path is None where the link budget sets it. `source` is the name
    of the satellite where the path begins, None for the transmitter; `target` that of the target
    that it comes from, None for the link's own.
    """

    kind: Literal["echo", "scattered", "direct"]
    scatterer: NDArray[np.float64] | None
    reflection_loss: float
    relative_power: float | None
    phase: float
    source: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class Levels:
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
    drawn again. `fading_seed` is that of the fading alone, None for the scenario's.
    """

    paths: tuple[PathSettings, ...]
    fading: ShadowedRician | None
    levels: Levels
    snr: float | None
    noise_temperature: float | None
    noise_factor: float
    noise_pool: bool
    fading_seed: int | None = None


@dataclass(frozen=True)
class FrontEndSettings:
    """Impairments of a receiver: carrier offset [Hz], part by which its clock runs fast,
    samples by which it starts late, phase [rad] and delay [s] of each chain."""

    carrier_offset: float
    clock_offset: float
    start_offset: float
    phase: tuple[float, ...]
    delay: tuple[float, ...]


@dataclass(frozen=True)
class SearchWindows:
    """Least and greatest residual delay [s] and Doppler shift [Hz] that a receiver looks for."""

    delay: tuple[float, float]
    doppler: tuple[float, float]


@dataclass(frozen=True)
class Synchronization:
    """Synchronization: how the receiver knows where frames begin.

    `time_zero` is what rx_time shows at time zero [s], None where that is not known;
    `timing_deviation` the standard deviation of the frames' timing [s], which counts where no
    direct path is taken off, to which delays would be relative. The direct
    path's carrier lies in `carrier_window` [Hz], and may fade for `coast` [s]. `removal` is what is
    taken off frames; where that is all that stays, it is averaged over `memory` of them. One frame
    in `every` is used.
    """

    reference: Literal["tags", "time", "direct-path"]
    time_zero: float | None
    timing_deviation: float
    carrier_window: tuple[float, float]
    coast: float
    removal: Literal["none", "direct-path", "static"]
    memory: int
    every: int


@dataclass(frozen=True, eq=False)
class Scenario:
    """Everything that blocks, command line and studies take their numbers from.

    Of many nodes it is what one link sees: `transmitter`, `receiver` and `target` are those of
    `link`, `targets` the others; `at` gives the other links, which share `views`. `target` is the
    truth, None where it is not known. `origin` is (latitude [deg], longitude [deg], height [m]) of
    the scene's zero, or None; `epoch` is what time zero is, or None.
    `satellites` send what the transmitter sends. With a `feeder`, they and the transmitter pass on
    what it sends them. `own_pilots` are None, and `pilots` refused, where the transmitter's samples
    are handed in. `payload` is what frames carry beside pilots, or None. `front_end` is what
    the receiver's does, None if it is perfect; `calibration` what the receiver knows about it.
    `windows` are where a receiver looks for paths, `known` is where the target is known to be; what
    else a system needs stands in its `section`. `document` is the data that all this comes from,
    and knows where in a file each key stands; `make` makes a scenario of another. `kept` and
    `of_link` hold what is worked out once, see `kept`. The one way to change a scenario is `with_`.
    """

    name: str
    description: str
    seed: int
    propagation_speed: float
    origin: tuple[float, float, float] | None
    epoch: datetime | None
    numerology: Numerology
    own_pilots: Pilots | None
    payload: Payload | None
    transmitter: Node
    receiver: Node
    target: Node | None
    targets: Mapping[str, Node]
    satellites: Mapping[str, Node]
    feeder: Feeder | None
    transmit_beams: NDArray[np.complex128]
    receive_beams: NDArray[np.complex128]
    coupling: Coupling
    precompensation: Precompensation
    channel: Channel
    front_end: FrontEndSettings | None
    calibration: Calibration | None
    windows: SearchWindows
    synchronization: Synchronization
    known: Locus
    document: Document
    link: Link
    nodes: Nodes
    make: Callable[[Document, dict[Link, "Scenario"], "Scenario | None"], "Scenario"] = field(
        repr=False
    )
    views: dict[Link, "Scenario"] = field(repr=False)
    of_link: dict[Any, Any] = field(repr=False)
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def with_(self, overrides: Mapping[str, Any]) -> "Scenario":
        """The scenario with values for dotted keys, such as ``{"channel.noise.snr_db": 5}``.

        Raises
        ------
        ScenarioError
            names the key, and what would be right.

        Examples
        --------
        >>> from gnuradio.dislac.scenario import load_scenario
        >>> scene = load_scenario("paper")
        >>> higher = scene.with_({"nodes.receiver.position": [-50, 190, 150]})
        >>> higher.receiver.motion.state(0.0)[0].tolist()
        [-50.0, 190.0, 150.0]
        """
        return self.make(self.document.whole.with_(overrides), {}, self) if overrides else self

    def at(
        self, transmitter: str | None = None, receiver: str | None = None, target: str | None = None
    ) -> "Scenario":
        """The scenario as another of its links sees it: None stays as it is.

        Examples
        --------
        >>> from gnuradio.dislac.scenario import parse_scenario
        >>> vehicles = "{van: {position: [0, 0, 0]}, truck: {position: [-40, 60, 0]}}"
        >>> text = f"{{base: paper, name: two, nodes: {{target: null, targets: {vehicles}}}}}"
        >>> scene = parse_scenario(text)
        >>> [link.target for link in scene.links]
        ['van', 'truck']
        >>> scene.at(target="truck").target.motion.state(0.0)[0].tolist()
        [-40.0, 60.0, 0.0]
        """
        link = Link(
            transmitter or self.link.transmitter,
            receiver or self.link.receiver,
            target or self.link.target,
        )
        if link == self.link:
            return self
        if link not in self.views:
            self.views[self.link] = self
            names = {role: name for role, name in link._asdict().items() if name is not None}
            self.make(self.document.whole.with_({"link": names}), self.views, None)
        return self.views[link]

    @property
    def pilots(self) -> Pilots:
        """Pilots of the transmitter's frames.

        Raises
        ------
        ScenarioError
            its samples are handed in.
        """
        if self.own_pilots is None:
            raise self.document.error(
                "nodes.transmitter.signal.samples",
                f"samples of '{self.link.transmitter}' are handed in, and hold no frames: what "
                "makes or receives frames needs the link of another transmitter",
            )
        return self.own_pilots

    def section(self, name: str) -> Mapping[str, Any]:
        """The checked section of that name, as the link sees it; empty where there is none."""
        return MappingProxyType(self.document.data.get(name, {}))

    @property
    def links(self) -> tuple[Link, ...]:
        """All links between its nodes."""
        return self.nodes.links

    @property
    def level_link(self) -> "Scenario":
        """The receiver's link that all levels at this receiver refer to: from the first
        transmitter, off the first target."""
        first = self.links[0]
        return self.at(transmitter=first.transmitter, target=first.target)

    @property
    def first_receiver(self) -> bool:
        """True if the receiver is the first one."""
        return self.link.receiver == self.links[0].receiver

    @property
    def text(self) -> str:
        """YAML of the scenario, overrides included."""
        return self.document.whole.text()

    def __str__(self) -> str:
        """The name: all the rest would fill a page."""
        return self.name

    @property
    def transmit_chains(self) -> int:
        """RF chains of the transmitter."""
        return int(self.transmit_beams.shape[-1])

    @property
    def receive_chains(self) -> int:
        """RF chains of the receiver."""
        return int(self.receive_beams.shape[-1])

    @property
    def chains(self) -> int:
        """RF chains of the receiver, and of the transmitter if radios do not say otherwise."""
        return self.receive_chains

    @property
    def transmit_streams(self) -> dict[str, range]:
        """Streams of each transmitter among those of all, by name."""
        return self._streams(self.nodes.transmitters)

    @property
    def receive_streams(self) -> dict[str, range]:
        """Streams of each receiver among those of all, by name."""
        return self._streams(self.nodes.receivers)

    def _streams(self, names: Iterable[str]) -> dict[str, range]:
        streams, end = {}, 0
        for name in names:
            streams[name] = range(end, end := end + self.nodes.chains[name])
        return streams

    @property
    def inputs(self) -> int:
        """Streams of all transmitters."""
        return sum(map(len, self.transmit_streams.values()))

    @property
    def outputs(self) -> int:
        """Streams of all receivers."""
        return sum(map(len, self.receive_streams.values()))

    @property
    def sample_rate(self) -> float:
        """Samples a second in every stream [Hz]."""
        return self.numerology.sample_rate

    def rng(self, purpose: str, seed: int | None = None) -> np.random.Generator:
        """A generator for one purpose, independent of those for all others; from another seed than
        the scenario's, if that is given."""
        return np.random.default_rng((self.seed if seed is None else seed, *purpose.encode()))
