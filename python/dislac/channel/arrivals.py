# SPDX-License-Identifier: GPL-3.0-or-later
"""The receive side of an emulated link: delays, phases and gains of paths, weights of chains."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from ..dsp.delay import SPAN, TABLE_CHUNKS, DelayTable, at_blocks, delay_table
from ..dsp.stream import BLOCK, BLOCKS
from ..geometry import carrier_cycles
from .endpoints import PARTS, Endpoint, part_times
from .path import ChannelPath

__all__ = ["Arrivals"]

Complexes = NDArray[np.complex128]

SPANS = TABLE_CHUNKS * BLOCKS // SPAN


class Arrivals:
    """Delays, phases and weights of all that arrives at a receiver, path by path.

    Parameters
    ----------
    paths
        All paths of the link.
    receiver
        Array and beams.
    widths
        Number of streams that go over each path.
    sample_rate, carrier_frequency
        [Hz].
    speed
        Propagation speed [m/s].

    Attributes
    ----------
    rows
        Streams that arrive over each path.
    streams
        Number of all streams that arrive.
    """

    def __init__(
        self,
        paths: Sequence[ChannelPath],
        receiver: Endpoint,
        *,
        widths: Sequence[int],
        sample_rate: float,
        carrier_frequency: float,
        speed: float,
    ) -> None:
        self.paths, self.schedule = tuple(paths), receiver.schedule
        ends = [0, *accumulate(widths)]
        self.rows, self.streams = [slice(a, b) for a, b in pairwise(ends)], ends[-1]
        self.speed = speed
        self._receiver = receiver
        self._sample_rate, self._carrier_frequency = sample_rate, carrier_frequency
        self._table: tuple[int, DelayTable] | None = None

    def table(self, index: int) -> DelayTable:
        """Delays and phases (paths, TABLE_CHUNKS, BLOCKS), chunk `index` among those chunks."""
        number = index // TABLE_CHUNKS
        if self._table is None or self._table[0] != number:
            self._table = number, self._work_out(number)
        return self._table[1]

    def _work_out(self, number: int) -> DelayTable:
        step = SPAN * BLOCK / self._sample_rate
        border = (number * SPANS + np.arange(SPANS + 1)) * step
        known = [path.range_and_rate(border, speed=self.speed) for path in self.paths]
        length, rate = (np.stack(parts) / self.speed for parts in zip(*known, strict=True))
        delay = at_blocks(length, rate, step)
        phase = -self._carrier_frequency * delay
        for p, path in enumerate(self.paths):
            if path.carriers is not None:
                cycles = carrier_cycles(path.nodes, border, path.carriers, speed=self.speed)
                phase[p] = -at_blocks(*cycles, step)
        late = delay * self._sample_rate
        return delay_table(
            np.stack([late[:, :-1], late[:, 1:]]), np.stack([phase[:, :-1], phase[:, 1:]])
        )

    def weights(self, index: int) -> Complexes:
        """(PARTS, Ms, chains, streams) weights of what arrives in chunk `index`, a column a path
        where each stream has its own chain; gains that change from frame to frame are left out."""
        times = part_times(index, self._sample_rate)
        symbols, chains = len(self.schedule.beams), self.schedule.chains
        combiner = np.concatenate(list(self.schedule.beams), axis=1).conj().T
        weights = []
        for path in self.paths:
            v = self._receiver.response(path.arrival, path.nodes[-1], path.nodes[-2], times)
            if path.coupling is not None:
                left = path.factors[0]
                left = np.broadcast_to(left, (PARTS, *left.shape))
            else:
                left = v[:, :, None]
            gain = 1.0 if callable(path.gain) else path.gain
            weights.append((gain * (combiner @ left)).reshape(PARTS, symbols, chains, -1))
        return np.concatenate(weights, axis=3)
