# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving nodes and the one range function per link that everything else derives from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import c as SPEED_OF_LIGHT

__all__ = [
    "SPEED_OF_LIGHT",
    "LinearMotion",
    "Motion",
    "carrier_cycles",
    "delay_and_doppler",
    "range_and_rate",
]

Floats = NDArray[np.float64]


class Motion(Protocol):
    """Anything that says where a node is, and how fast it moves, at given times."""

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Position [m] and velocity [m/s], each ``time.shape + (3,)``, at `time` [s]."""
        ...


@dataclass(frozen=True, eq=False)
class LinearMotion:
    """A node that moves on a straight line at constant speed (or stands still).

    Args:
        position: (3,) position at time zero [m].
        velocity: (3,) velocity [m/s].
    """

    position: Floats
    velocity: Floats

    def __init__(self, position: ArrayLike, velocity: ArrayLike = (0.0, 0.0, 0.0)) -> None:
        object.__setattr__(self, "position", np.asarray(position, dtype=float))
        object.__setattr__(self, "velocity", np.asarray(velocity, dtype=float))

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Position [m] and velocity [m/s], each ``time.shape + (3,)``, at `time` [s]."""
        time = np.asarray(time, dtype=float)[..., None]
        return self.position + self.velocity * time, np.broadcast_to(
            self.velocity, (*time.shape[:-1], 3)
        )


def range_and_rate(nodes: Sequence[Motion], time: ArrayLike) -> tuple[Floats, Floats]:
    """Length of the path through `nodes`, and how fast it grows.

    Args:
        nodes: the nodes that the path visits, transmitter first, receiver last.
        time: any shape [s].

    Returns:
        range [m] and range rate [m/s], each of the shape of `time`.
    """
    states = [node.state(time) for node in nodes]
    length = np.zeros(np.shape(time))
    rate = np.zeros(np.shape(time))
    for (p, v), (q, w) in pairwise(states):
        hop = np.linalg.norm(q - p, axis=-1)
        length = length + hop
        rate = rate + np.einsum("...i,...i", q - p, w - v) / np.where(hop > 0, hop, 1.0)
    return length, rate


def carrier_cycles(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> tuple[Floats, Floats]:
    """By how many cycles a path delays the carrier, and how fast that grows [Hz].

    A node may move the signal in frequency, such as a transparent satellite behind its feeder
    link. As that is by a constant, the hops' cycles f_h r_h / c add up. The carrier's phase is
    -2 pi times the cycles, the Doppler shift minus their rate.

    Args:
        nodes: the nodes that the path visits, transmitter first, receiver last.
        time: any shape [s].
        carrier_frequency: one for all hops, or one for each [Hz].

    Raises:
        ValueError: there is neither one carrier nor one a hop.
    """
    carriers = np.asarray(carrier_frequency, dtype=float)
    if carriers.shape not in ((), (len(nodes) - 1,)):
        raise ValueError(f"{carriers.size} carriers for {len(nodes) - 1} hops; one, or one a hop")
    if carriers.ndim == 0:
        length, rate = range_and_rate(nodes, time)
        return carriers / speed * length, carriers / speed * rate
    cycles, growth = np.zeros((2, *np.shape(time)))
    for carrier, hop in zip(carriers, pairwise(nodes), strict=True):
        length, rate = range_and_rate(hop, time)
        cycles = cycles + carrier / speed * length
        growth = growth + carrier / speed * rate
    return cycles, growth


def delay_and_doppler(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> tuple[Floats, Floats]:
    """Propagation delay [s] and Doppler shift [Hz] (positive when closing) along a path.

    Both come from `range_and_rate`: delay = r / c, Doppler = -(f_c / c) dr/dt. Arguments as
    `carrier_cycles`.
    """
    length, rate = range_and_rate(nodes, time)
    if np.ndim(carrier_frequency) == 0:
        return length / speed, -np.asarray(carrier_frequency) / speed * rate
    growth = carrier_cycles(nodes, time, carrier_frequency, speed=speed)[1]
    return length / speed, -growth
