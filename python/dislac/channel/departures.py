# SPDX-License-Identifier: GPL-3.0-or-later
"""The transmit side of an emulated link: weights of each direction of departure, and when beams
switch."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..dsp.delay import TABLE_CHUNKS
from ..dsp.stream import BLOCK, BLOCKS
from .endpoints import PARTS, Endpoint, part_times
from .path import ChannelPath

__all__ = ["Departures"]

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


class Departures:
    """Weights of all that leaves a transmitter, once for paths that are known to leave alike.

    Parameters
    ----------
    paths
        All paths of the link.
    transmitter
        Array and beams.
    paired
        Transmit chains leave one by one, instead of their sum.
    advance
        How much earlier [s] than its arrival a sample leaves at a transmitter time [s]; None for
        not at all.
    sample_rate
        [Hz].

    Attributes
    ----------
    rows
        Streams that go over each path.
    streams
        Number of all streams that leave.
    """

    def __init__(
        self,
        paths: Sequence[ChannelPath],
        transmitter: Endpoint,
        *,
        paired: bool,
        advance: Callable[[Floats], Floats] | None,
        sample_rate: float,
    ) -> None:
        self.schedule = transmitter.schedule
        self.rows: list[slice] = []
        self.streams = 0
        self._transmitter, self._advance, self._sample_rate = transmitter, advance, sample_rate
        self._departing: list[ChannelPath] = []
        known: dict[Hashable, slice] = {}
        for path in paths:
            key = _departure_key(path, transmitter)
            if key not in known:
                rank = self.schedule.chains if paired else len(path.factors[1])
                known[key] = slice(self.streams, self.streams + rank)
                self._departing.append(path)
                self.streams += rank
            self.rows.append(known[key])
        self._shifts: tuple[int, NDArray[np.int64]] | None = None

    def shifts(self, index: int) -> NDArray[np.int64]:
        """(BLOCKS,) samples by which beams switch earlier than scheduled in chunk `index`."""
        table, chunk = divmod(index, TABLE_CHUNKS)
        if self._shifts is None or self._shifts[0] != table:
            shifts = np.zeros((TABLE_CHUNKS, BLOCKS), dtype=np.int64)
            if self._advance is not None:
                # like the pre-compensation, by the last sample of each block
                count = TABLE_CHUNKS * BLOCKS
                last = (table * count + np.arange(1, count + 1)) * BLOCK - 1
                advance = self._advance(last / self._sample_rate) * self._sample_rate
                shifts[:] = np.floor(advance).reshape(shifts.shape)
            self._shifts = table, shifts
        return self._shifts[1][chunk]

    def weights(self, index: int) -> Complexes:
        """(PARTS, Ms, streams, chains) weights of the transmit chains in chunk `index`; where
        chains leave one by one, (PARTS, Ms, departures, chains)."""
        symbols = len(self.schedule.beams)
        beams = np.concatenate(list(self.schedule.beams), axis=1)
        times = part_times(index, self._sample_rate)
        weights = []
        for path in self._departing:
            v = self._transmitter.response(path.departure, *path.first_leg, times)
            if path.coupling is not None:
                right = path.factors[1]
                right = np.broadcast_to(right, (PARTS, *right.shape))
            else:
                right = v[:, None]
            weight = (right @ beams).reshape(PARTS, -1, symbols, self.schedule.chains)
            weights.append(weight.swapaxes(1, 2))
        return np.concatenate(weights, axis=2)


def _departure_key(path: ChannelPath, transmitter: Endpoint) -> Hashable:
    """Equal for paths that are known to be sent the same."""
    if path.coupling is not None:
        return np.asarray(path.coupling, dtype=complex).tobytes()
    if transmitter.array is None:
        return None
    if path.departure is not None:
        return tuple(np.asarray(path.departure, dtype=float).tolist())
    here, there = path.first_leg
    return id(here), id(there)
