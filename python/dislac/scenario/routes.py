# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways that a scenario's paths take, and how arrays see them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import SnapshotModel
from ..geometry import (
    LinearMotion,
    Motion,
    earth_between,
)
from .kept import kept_for_link
from .model import Node, PathSettings, Scenario
from .timing import endpoints, fed, first_arrival, frame_time, reference_link

__all__ = [
    "FAR",
    "below_horizon",
    "directions",
    "hidden",
    "known_response",
    "path_directions",
    "path_nodes",
    "path_source",
    "path_target",
    "payload_model",
    "snapshot_model",
]


def path_source(scenario: Scenario, path: PathSettings) -> Motion:
    """Node at which a path begins."""
    node = scenario.transmitter if path.source is None else scenario.satellites[path.source]
    return node.motion


def path_nodes(scenario: Scenario, path: PathSettings) -> tuple[Motion, ...]:
    """The nodes that a path visits, transmitter first, or the feeder and then the transmitter."""
    stops: list[Motion] = []
    if path.kind != "direct":
        stops.append(path_target(scenario, path).motion)
    if path.scatterer is not None:
        stops.append(LinearMotion(path.scatterer))
    return fed(scenario, (path_source(scenario, path), *stops, scenario.receiver.motion))


def path_target(scenario: Scenario, path: PathSettings) -> Node:
    """The target that a path comes from."""
    if path.target is not None:
        return scenario.targets[path.target]
    assert scenario.target is not None  # the loader has seen to it
    return scenario.target


FAR = 10e3
"""Legs of a path up to this length [m] lead along the ground, over what it looks like there."""


def hidden(
    scenario: Scenario, legs: Sequence[tuple[Motion, Motion]], time: float
) -> NDArray[np.bool_]:
    """(n,) whether the Earth stands in the way of legs of paths at a time [s], of those longer
    than `FAR`."""
    positions = np.array([[node.state(time)[0] for node in leg] for leg in legs])
    far = np.linalg.norm(positions[:, 1] - positions[:, 0], axis=-1) > FAR
    return np.asarray(far & earth_between(positions[:, 0], positions[:, 1], scenario.origin))


def below_horizon(scenario: Scenario, frame: int) -> bool:
    """True if the Earth hides the transmitter from the receiver, or from the target where that is
    known, in frame `frame`."""
    legs = list(pairwise(reference_link(scenario)))
    if scenario.target is not None:
        transmitter, receiver = endpoints(scenario)
        legs += pairwise((transmitter, scenario.target.motion, receiver))
    return bool(np.any(hidden(scenario, legs, frame_time(scenario, frame))))


def known_response(scenario: Scenario, frames: ArrayLike) -> NDArray[np.complex128]:
    """(K, Ms, Nrf) spatial response of the reference link in frames (K,): what a receiver knows
    of a transmitter whose place it knows."""
    start, period = first_arrival(scenario), scenario.numerology.frame_period
    time = (start + np.asarray(frames) * period) / scenario.sample_rate
    return snapshot_model(scenario).response(*directions(scenario, reference_link(scenario), time))


@kept_for_link
def snapshot_model(scenario: Scenario) -> SnapshotModel:
    """The snapshot model that demodulated frames follow."""
    pilots, numerology = scenario.pilots, scenario.numerology
    frequencies = numerology.frequencies[pilots.subcarriers]
    return SnapshotModel(
        transmit_array=scenario.transmitter.array,
        receive_array=scenario.receiver.array,
        transmit_beams=scenario.transmit_beams[pilots.symbols],
        receive_beams=scenario.receive_beams[pilots.symbols],
        pilots=pilots.chains,
        symbol_times=numerology.symbol_times[pilots.symbols],
        frequencies=frequencies[0],
        coupling=scenario.coupling,
        offsets=frequencies[:, 0] - frequencies[0, 0],
    )


def payload_model(scenario: Scenario) -> SnapshotModel:
    """The snapshot model of all elements that the data's chains send, at unit amplitude.

    Raises
    ------
    ValueError
        the scenario has no payload.
    """
    if scenario.payload is None:
        raise ValueError(f"scenario '{scenario.name}' has no payload; give it a section `payload`")
    return SnapshotModel(
        transmit_array=scenario.transmitter.array,
        receive_array=scenario.receiver.array,
        transmit_beams=scenario.transmit_beams,
        receive_beams=scenario.receive_beams,
        pilots=scenario.payload.chains,
        symbol_times=scenario.numerology.symbol_times,
        frequencies=scenario.numerology.frequencies,
        coupling=scenario.coupling,
    )


def directions(scenario: Scenario, nodes: Sequence[Motion], time: ArrayLike) -> NDArray[np.float64]:
    """(2, ..., 2) spatial frequencies at which a path through `nodes` arrives at the receiver, and
    departs from the transmitter, at times (...) [s]."""
    return _seen_from(scenario, *_lines_of_sight(scenario, nodes, time))


def path_directions(
    scenario: Scenario, paths: Sequence[Sequence[Motion]], time: float
) -> NDArray[np.float64]:
    """(2, L, 2) of several paths, as `directions` gives those of one."""
    lines_of_sight = np.array([_lines_of_sight(scenario, nodes, time) for nodes in paths])
    return _seen_from(scenario, lines_of_sight[:, 0], lines_of_sight[:, 1])


def _lines_of_sight(
    scenario: Scenario, nodes: Sequence[Motion], time: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors (..., 3) from the receiver to the node before it, and from the transmitter to the
    one after it."""
    positions = [node.state(time)[0] for node in nodes]
    first = 0 if scenario.feeder is None else 1
    return positions[-2] - positions[-1], positions[first + 1] - positions[first]


def _seen_from(scenario: Scenario, *lines_of_sight: NDArray[np.float64]) -> NDArray[np.float64]:
    arrays = scenario.receiver.array, scenario.transmitter.array
    return np.array(
        [
            array.spatial_frequency(
                line_of_sight / np.linalg.norm(line_of_sight, axis=-1, keepdims=True)
            )
            for array, line_of_sight in zip(arrays, lines_of_sight, strict=True)
        ]
    )
