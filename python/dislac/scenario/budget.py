# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and samples that a scenario asks for, worked out from its numbers before anything of
that size is allocated; what does not fit is refused with its key.

Sizes are those that the rooms below allocate, within a factor of two.
"""

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import PlanarArray
from ..estimation import DEFAULT_ESTIMATOR, ESTIMATORS, GRID_POINTS
from ..printable import printable
from ..waveform import Numerology
from .loader import Document
from .model import Scenario
from .text import ScenarioError

__all__ = [
    "MEMORY",
    "MOST_PATHS",
    "MOST_SAMPLES",
    "Need",
    "acquisition",
    "check_frame",
    "check_scenario",
    "flight",
    "frame",
    "grid_search",
    "most_bytes",
    "path_work",
    "pursuit",
]

MOST_SAMPLES = 1 << 24
"""Samples from frame to frame: some seconds of work where nothing is sent."""

MOST_PATHS = 48
"""Paths of a channel: with more, a bound or an emulator takes minutes."""

_SAMPLE = 8  # bytes of a complex64


MEMORY = "DISLAC_MEMORY_GB"
"""Environment variable with the memory that a scenario may take [GB]."""


class Need(NamedTuple):
    """Memory for one purpose.

    Attributes
    ----------
    key
        Key of the scenario that it hangs on most.
    what
        What it is for, with the number that makes it large.
    size
        Memory [bytes].
    """

    key: str
    what: str
    size: float


def most_bytes() -> float:
    """Return the memory that a scenario may take beside what the program takes by itself [bytes].

    A file cannot allow itself more; whoever starts the program can, by the environment variable
    `MEMORY` in gigabytes.

    Raises
    ------
    ScenarioError
        The variable is no such number.
    """
    text = os.environ.get(MEMORY, "0.6")
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0.0 < size < 1e6:
        raise ScenarioError(
            f"{MEMORY} in the environment: '{printable(text)}' is no number of gigabytes, such as 4"
        )
    return 1e9 * size


def check_frame(
    document: Document,
    numerology: Numerology,
    chains: int,
    receive: PlanarArray,
    transmit: PlanarArray,
) -> None:
    """Refuse frames that are too large or too far apart, before any is made.

    Parameters
    ----------
    document
        Of the link.
    numerology
        Its frames.
    chains
        RF chains of the end that has more.
    receive, transmit
        Arrays of the two ends.

    Raises
    ------
    ScenarioError
        Names the key that makes them so.
    """
    if numerology.frame_period > MOST_SAMPLES:
        given = "frame_period" in document.data["numerology"]
        prs = document.data.get("pilots", {}).get("kind") == "nr-prs"
        raise document.error(
            "pilots.period" if prs and not given else "numerology.frame_period",
            f"{numerology.frame_period} samples from frame to frame, where {MOST_SAMPLES} are the "
            "most: send frames more often",
        )
    _check(document, frame(numerology, chains, receive, transmit))


def check_scenario(document: Document, scenario: Scenario) -> None:
    """Refuse a scenario that takes too much memory in any of its uses.

    Raises
    ------
    ScenarioError
        Names the key of the greatest need.
    """
    n, chains, paths = scenario.numerology, _chains(scenario), scenario.channel.paths
    if len(paths) > MOST_PATHS:
        raise document.error(
            "channel.paths", f"{len(paths)} paths, where {MOST_PATHS} are the most: leave some out"
        )
    receive, transmit = scenario.receiver.array, scenario.transmitter.array
    elements = n.symbols * n.subcarriers * chains
    needs = [
        *frame(n, chains, receive, transmit),
        *path_work(len(paths), chains, elements),
        *flight(scenario),
    ]
    if scenario.own_pilots is None:
        _check(document, needs)
        return
    cycle = scenario.pilots.cycle
    if cycle > 1:
        size = float(_SAMPLE * cycle * n.frame_length * chains)
        needs.append(Need("pilots.muting", f"{cycle} different frames", size))
    if scenario.synchronization.removal == "static":
        memory = scenario.synchronization.memory
        what = f"{memory} frames of {elements} elements are kept"
        needs.append(Need("synchronization.memory_frames", what, 16.0 * memory * elements))
    if scenario.synchronization.reference == "direct-path":
        needs.append(acquisition(n, scenario.synchronization.carrier_window))
    estimator = scenario.section("estimator")
    if ESTIMATORS[estimator.get("kind", DEFAULT_ESTIMATOR)].on_grid:
        paired = scenario.coupling == "paired"
        needs.append(pursuit(estimator.get("grid_points", GRID_POINTS), n.symbols, paired))
        receive = transmit = PlanarArray(1, 1)  # which leaves delays and Doppler shifts
    windows = {
        "estimator.delay_window_ns": scenario.windows.delay,
        "estimator.doppler_window_hz": scenario.windows.doppler,
    }
    needs.append(grid_search(n, receive, transmit, windows))
    _check(document, needs)
    links = len(scenario.nodes.transmitters) * len(scenario.nodes.receivers)
    if links > 1:
        # The emulator has all of them at once.
        each = [*path_work(len(paths), chains, 0), *flight(scenario)]
        count = scenario.nodes.chains
        pairs = product(scenario.nodes.transmitters, scenario.nodes.receivers)
        more = sum(max(count[sender], count[receiver]) for sender, receiver in pairs) / chains
        size = more * sum(need.size for need in each)
        _check(document, [Need("nodes", f"an emulator of {links} links", size)])


def _chains(scenario: Scenario) -> int:
    """RF chains of the end that has more."""
    return max(scenario.transmit_chains, scenario.receive_chains)


def _check(document: Document, needs: Sequence[Need]) -> None:
    total, most = sum(need.size for need in needs), most_bytes()
    if total > most:
        key, what, size = max(needs, key=lambda need: need.size)
        raise document.error(
            key,
            f"{what}: {size / 1e9:.3g} GB of memory, {total / 1e9:.3g} GB with all else, where "
            f"{most / 1e9:g} GB is the most: {_remedy(key)}, or set {MEMORY} in the environment",
        )


def _remedy(key: str) -> str:
    if key == "nodes":
        return "take fewer transmitters or receivers"
    if key.endswith(".array"):
        return "give it fewer elements"
    if key.startswith("nodes.") or key == "propagation_speed":
        return "bring nodes nearer, or take fewer beams.chains or a lower sample rate"
    return "give less"


def frame(
    numerology: Numerology, chains: int, receive: PlanarArray, transmit: PlanarArray
) -> list[Need]:
    """Memory of a frame: samples and resource elements of its chains, and beams of its symbols.

    Parameters
    ----------
    numerology
        The frame.
    chains
        RF chains of the end that has more.
    receive, transmit
        Arrays of the two ends.
    """
    sizes = {
        "numerology.symbols": numerology.symbols,
        "numerology.fft_size": numerology.fft_size,
        "numerology.cyclic_prefix": numerology.shortest_prefix,
    }
    key = max(sizes, key=lambda name: sizes[name])
    length, elements = numerology.frame_length, numerology.symbols * numerology.subcarriers
    larger = "receiver" if receive.size >= transmit.size else "transmitter"
    antennas = receive.size + transmit.size
    beams = 64.0 * numerology.symbols * antennas * chains
    return [
        Need(key, f"{chains} x {length} samples a frame", 4.0 * _SAMPLE * length * chains),
        Need(key, f"{chains} x {elements} elements a frame", 256.0 * elements * chains),
        Need(f"nodes.{larger}.array", f"beams of {antennas} antennas", beams),
    ]


def path_work(count: int, chains: int, elements: int) -> list[Need]:
    """Memory of what works on all paths at once: the emulator, and a bound.

    Parameters
    ----------
    count
        Paths.
    chains
        RF chains.
    elements
        Elements of a frame, chains included.
    """
    return [
        Need("channel.paths", f"{count} paths in {chains} chains", 600e3 * count * chains),
        Need("channel.paths", f"a bound over {count} paths", 256.0 * count * elements),
    ]


def flight(scenario: Scenario) -> list[Need]:
    """Memory of the samples that are on their way: over the longest path, in the receiver's
    chains, and before its first sample."""
    positions = _positions(scenario)
    rate, speed, chains = scenario.sample_rate, scenario.propagation_speed, _chains(scenario)
    begin = [] if scenario.feeder is None else [positions[scenario.feeder.key]]
    routes, departures = [], set()
    for path in scenario.channel.paths:
        source = "nodes.transmitter" if path.source is None else f"nodes.satellites.{path.source}"
        target = "nodes.target" if path.target is None else f"nodes.targets.{path.target}"
        stops = [] if path.kind == "direct" else [positions[target]]
        stops += [] if path.scatterer is None else [path.scatterer]
        routes.append([*begin, positions[source], *stops, positions["nodes.receiver"]])
        departures.add((source, path.kind == "direct"))
    routes.append([*begin, positions["nodes.transmitter"], positions["nodes.receiver"]])
    lengths = [sum(float(np.linalg.norm(b - a)) for a, b in pairwise(route)) for route in routes]
    delay = max(lengths) / speed
    apart = {
        name: np.linalg.norm(at - positions["nodes.receiver"]) for name, at in positions.items()
    }
    # Each relative to what is usual
    causes = {
        max(apart, key=lambda name: apart[name]): float(max(apart.values())) / 1e6,
        "numerology.subcarrier_spacing": rate / 1e7,
        "propagation_speed": 3e8 / speed,
    }
    key = max(causes, key=lambda name: causes[name])
    streams = _SAMPLE * chains * (2 + len(departures))
    needs = [Need(key, f"{delay:.3g} s of {rate:.3g} samples a second", streams * rate * delay)]
    early = abs(scenario.precompensation.timing_advance_error)
    key, what = "precompensation.timing_advance_error_ns", f"{early:.3g} s of samples are kept"
    needs.append(Need(key, what, 2.0 * _SAMPLE * chains * rate * early))
    if scenario.front_end is not None:
        late, start = max(map(abs, scenario.front_end.delay)), scenario.front_end.start_offset
        kept = f"{late:.3g} s of samples are kept"
        needs += [
            Need("front_end.delay_ns", kept, 3.0 * _SAMPLE * chains * rate * late),
            Need("front_end.start_offset", f"{start:g} samples", _SAMPLE * chains * abs(start)),
        ]
    return needs


def _positions(scenario: Scenario) -> Mapping[str, NDArray[np.float64]]:
    """Position (3,) of each node at time zero [m], by its key."""
    nodes = {
        "nodes.receiver": scenario.receiver,
        "nodes.transmitter": scenario.transmitter,
        "nodes.target": scenario.target,
        "nodes.feeder" if scenario.feeder is None else scenario.feeder.key: scenario.feeder,
        **{f"nodes.satellites.{name}": node for name, node in scenario.satellites.items()},
        **{f"nodes.targets.{name}": node for name, node in scenario.targets.items()},
    }
    return {name: node.motion.state(0.0)[0] for name, node in nodes.items() if node is not None}


def grid_search(
    numerology: Numerology,
    receive: PlanarArray,
    transmit: PlanarArray,
    windows: Mapping[str, tuple[float, float]],
) -> Need:
    """Memory of a search over delays, Doppler shifts, arrivals and departures, with two points a
    resolution cell of each.

    Parameters
    ----------
    numerology
        The frame.
    receive, transmit
        Arrays of the two ends.
    windows
        Least and greatest delay [s] and Doppler shift [Hz], by their keys in that order.
    """
    bandwidth = numerology.subcarriers * numerology.subcarrier_spacing
    duration = numerology.frame_length / numerology.sample_rate
    counts = {
        key: 1.0 + 2.0 * (high - low) * extent
        for (key, (low, high)), extent in zip(windows.items(), (bandwidth, duration), strict=True)
    }
    cells = float(np.prod(list(counts.values())))
    arrivals, departures = (
        float(np.prod([2 * n if n > 1 else 1 for n in (array.nx, array.ny)]))
        for array in (receive, transmit)
    )
    counts |= {"nodes.receiver.array": arrivals, "nodes.transmitter.array": departures}
    size = 4 * cells * departures * arrivals
    return Need(
        max(counts, key=lambda name: counts[name]),
        f"a search over {cells:.3g} delays and Doppler shifts, {arrivals:g} arrivals and "
        f"{departures:g} departures",
        size + 48 * (arrivals**2 + departures**2),
    )


def pursuit(grid_points: int, symbols: int, paired: bool) -> Need:
    """Memory of the dictionary of Algorithm 1, with `grid_points` an axis of the receive array,
    and of the transmit array where chains are paired."""
    atoms = float(grid_points) ** (4 if paired else 2)
    what = f"a dictionary of {atoms:.3g} atoms"
    return Need("estimator.grid_points", what, 16.0 * symbols * atoms)


def acquisition(numerology: Numerology, window: tuple[float, float]) -> Need:
    """Memory of a search for the direct path: all samples of a period, at each carrier offset of a
    window (least, greatest) [Hz]."""
    span = (window[1] - window[0]) * numerology.frame_length / numerology.sample_rate
    offsets = 1.0 + 2.0 * span
    key = "numerology.frame_period" if offsets < 64 else "synchronization.carrier_window_hz"
    what = f"a search over {numerology.frame_period} samples and {offsets:.3g} carrier offsets"
    size = float(numerology.frame_period) * (32 * numerology.symbols + 20 * offsets)
    return Need(key, what, size)
