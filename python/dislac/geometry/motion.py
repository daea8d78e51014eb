# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving nodes and the one range function per link that everything else derives from."""

from collections.abc import Iterator, Sequence
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
    "delay_doppler_cycles",
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

    Parameters
    ----------
    position
        (3,) position at time zero [m].
    velocity
        (3,) velocity [m/s].

    Examples
    --------
    >>> from gnuradio.dislac.geometry import LinearMotion
    >>> car = LinearMotion([0, 0, 1], velocity=[10, 0, 0])
    >>> position, velocity = car.state([0.0, 2.0])
    >>> position.tolist()
    [[0.0, 0.0, 1.0], [20.0, 0.0, 1.0]]
    """

    position: Floats
    velocity: Floats

    def __init__(self, position: ArrayLike, velocity: ArrayLike = (0.0, 0.0, 0.0)) -> None:
        for name, value in (("position", position), ("velocity", velocity)):
            vector = np.array(value, dtype=float)
            vector.setflags(write=False)
            object.__setattr__(self, name, vector)

    def state(self, time: ArrayLike) -> tuple[Floats, Floats]:
        """Position [m] and velocity [m/s], each ``time.shape + (3,)``, at `time` [s]."""
        time = np.asarray(time, dtype=float)
        if not time.ndim:
            return self.position + self.velocity * time, self.velocity
        velocity = np.broadcast_to(self.velocity, (*time.shape, 3))
        return self.position + self.velocity * time[..., None], velocity


def range_and_rate(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike = 0.0,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> tuple[Floats, Floats]:
    """Length of the path through `nodes` of what arrives at `time`, and how fast it grows.

    Hops of one carrier are a leg, whose nodes are where they are at the end of the leg. Where the
    carrier changes, a node sends on what reached it: the leg before ends when the leg after
    begins, a flight time before `time`.

    Parameters
    ----------
    nodes
        the nodes that the path visits, transmitter first, receiver last.
    time
        of arrival, any shape [s].
    carrier_frequency
        one for all hops, or one for each [Hz]; counts where it changes.
    speed
        propagation speed [m/s]; counts where the carrier changes.

    Returns
    -------
    tuple[Floats, Floats]
        range [m] and range rate [m/s], each of the shape of `time`.

    Raises
    ------
    ValueError
        there is neither one carrier nor one a hop.
    """
    length, rate = np.zeros((2, *np.shape(time)))
    for _, leg, growth in _legs(nodes, time, carrier_frequency, speed):
        length, rate = length + leg, rate + growth
    return length, rate


def carrier_cycles(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> tuple[Floats, Floats]:
    """Number of cycles by which a path delays the carrier, and how fast that grows [Hz].

    A node may move the signal in frequency by a constant, such as a transparent satellite behind
    its feeder link. The cycles f r / c of the legs of `range_and_rate` add up. The carrier's phase
    is -2 pi times the cycles, the Doppler shift minus their rate. With relative shifts d1 of the
    feeder link, as the signal passes the satellite, and d2 of the service link, the frequency
    received is (f_service + f_feeder d1) (1 + d2): what leaves the satellite is shifted as a whole.

    Parameters
    ----------
    nodes
        the nodes that the path visits, transmitter first, receiver last.
    time
        of arrival, any shape [s].
    carrier_frequency
        one for all hops, or one for each [Hz].
    speed
        propagation speed [m/s].

    Returns
    -------
    tuple[Floats, Floats]
        cycles and their growth [Hz], each of the shape of `time`.

    Raises
    ------
    ValueError
        there is neither one carrier nor one a hop.
    """
    cycles, growth = np.zeros((2, *np.shape(time)))
    for carrier, length, rate in _legs(nodes, time, carrier_frequency, speed):
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

    Both come from one range function: delay = r / c of `range_and_rate`, Doppler = -(f_c / c) dr/dt
    of its legs, as `carrier_cycles` adds them up.

    Parameters
    ----------
    nodes, time, carrier_frequency, speed
        as of `carrier_cycles`.

    Returns
    -------
    tuple[Floats, Floats]
        delay [s] and Doppler shift [Hz], each of the shape of `time`.

    Raises
    ------
    ValueError
        there is neither one carrier nor one a hop.

    Examples
    --------
    A satellite 300 km above, which comes down at 1 km/s: 300 km / c, and 28 GHz times 1 km/s / c.

    >>> from gnuradio.dislac.geometry import LinearMotion, delay_and_doppler
    >>> satellite = LinearMotion([0, 0, 300e3], velocity=[0, 0, -1e3])
    >>> ground = LinearMotion([0, 0, 0])
    >>> delay, doppler = delay_and_doppler([satellite, ground], 0.0, 28e9)
    >>> f"{delay * 1e3:.6f} ms, {doppler / 1e3:.3f} kHz"
    '1.000692 ms, 93.398 kHz'
    """
    length, doppler = np.zeros((2, *np.shape(time)))
    for carrier, leg, rate in _legs(nodes, time, carrier_frequency, speed):
        length, doppler = length + leg, doppler - carrier / speed * rate
    return length / speed, doppler


def delay_doppler_cycles(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> tuple[Floats, Floats, Floats]:
    """Delay [s] and Doppler shift [Hz] of `delay_and_doppler`, and cycles of `carrier_cycles`."""
    length, doppler, cycles = np.zeros((3, *np.shape(time)))
    for carrier, leg, rate in _legs(nodes, time, carrier_frequency, speed):
        length, doppler = length + leg, doppler - carrier / speed * rate
        cycles = cycles + carrier / speed * leg
    return length / speed, doppler, cycles


def _legs(
    nodes: Sequence[Motion], time: ArrayLike, carrier_frequency: ArrayLike, speed: float
) -> Iterator[tuple[float, Floats, Floats]]:
    """Carrier, length [m] and its rate [m/s] of each run of hops of one carrier, the last first.

    A leg that ends at time - delay(time) grows by 1 - d delay / d time of its own rate.
    """
    hops = len(nodes) - 1
    given = np.asarray(carrier_frequency, dtype=float)
    if given.shape not in ((), (hops,)):
        raise ValueError(f"{given.size} carriers for {hops} hops; one, or one a hop")
    carriers = [float(carrier) for carrier in np.broadcast_to(given, hops)]
    changes = [hop for hop in range(1, hops) if carriers[hop] != carriers[hop - 1]]
    borders = [0, *changes, hops]
    end, slowing = np.asarray(time, dtype=float), np.ones(np.shape(time))
    for first, last in reversed(list(pairwise(borders))):
        length, rate = _simultaneous(nodes[first : last + 1], end)
        rate = rate * slowing
        yield carriers[first], length, rate
        if first:
            end, slowing = end - length / speed, slowing - rate / speed


def _simultaneous(nodes: Sequence[Motion], time: Floats) -> tuple[Floats, Floats]:
    """Length [m] of the path through `nodes` where they are at `time` [s], and its rate [m/s]."""
    states = [node.state(time) for node in nodes]
    length, rate = np.zeros((2, *np.shape(time)))
    for (p, v), (q, w) in pairwise(states):
        hop = np.linalg.norm(q - p, axis=-1)
        length = length + hop
        rate = rate + np.einsum("...i,...i", q - p, w - v) / np.where(hop > 0, hop, 1.0)
    return length, rate
