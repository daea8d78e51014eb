# SPDX-License-Identifier: GPL-3.0-or-later
"""Delay, Doppler shift and their rates along a path, hops at carriers of their own included."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .motion import SPEED_OF_LIGHT, Motion, carrier_cycles, range_and_rate

__all__ = ["PathMotion", "follow_path"]

Floats = NDArray[np.float64]

_STEP = 0.5
"""Of the differences that give the Doppler's rate [s]: off by 1e-6 of it for a low orbit."""


@dataclass(frozen=True, eq=False)
class PathMotion:
    """A path over time, (...) each.

    Parameters
    ----------
    length
        of the path [m].
    delay
        [s].
    delay_rate
        by which it grows, s in a s.
    doppler
        shift of the carrier [Hz], positive when closing, summed over the hops.
    doppler_rate
        [Hz/s].
    """

    length: Floats
    delay: Floats
    delay_rate: Floats
    doppler: Floats
    doppler_rate: Floats


def follow_path(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> PathMotion:
    """Delay and Doppler shift along a path, and how fast they change.

    A satellite that sends on what a feeder sends it is a path of two hops, each at a carrier
    of its own. It moves the signal in frequency by a constant; delay and Doppler shift are those of
    `delay_and_doppler`.

    Parameters
    ----------
    nodes
        the nodes that the path visits, transmitter first, receiver last.
    time
        any shape [s].
    carrier_frequency
        one for all hops, or one for each [Hz].

    Raises
    ------
    ValueError
        there is neither one carrier nor one a hop.
    """
    time = np.asarray(time, dtype=float)

    def doppler(when: Floats) -> Floats:
        return -carrier_cycles(nodes, when, carrier_frequency, speed=speed)[1]

    length, rate = range_and_rate(nodes, time, carrier_frequency, speed=speed)
    # fourth order, over two steps to either side
    growth = 8 * (doppler(time + _STEP) - doppler(time - _STEP))
    growth = growth - (doppler(time + 2 * _STEP) - doppler(time - 2 * _STEP))
    return PathMotion(
        length=length,
        delay=np.divide(length, speed),
        delay_rate=np.divide(rate, speed),
        doppler=doppler(time),
        doppler_rate=np.divide(growth, 12 * _STEP),
    )
