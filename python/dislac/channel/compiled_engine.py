# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample-rate work of an emulated link by compiled loops."""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ..dsp.compiled import edges
from ..dsp.delay import (
    LENGTH,
    TABLE_CHUNKS,
    active_segments,
    fraction_filters,
    samples,
    window_starts,
)
from ..dsp.stream import BLOCKS, CHUNK, RingBuffer, Samples, padded_empty, true_segments
from .arrivals import Arrivals
from .departures import Departures
from .engine import Engine

__all__ = ["CompiledEngine"]


class CompiledEngine(Engine):
    """Engine on the loops of `dsp.kernels`: each block goes through the first cache once."""

    def __init__(
        self,
        kernels: ModuleType,
        departures: Departures,
        arrivals: Arrivals,
        *,
        paired: bool,
        passband: float,
    ) -> None:
        super().__init__(departures, arrivals, paired=paired, passband=passband)
        self._kernels, self._filters = kernels, fraction_filters(passband)
        self._arrived = padded_empty(arrivals.streams).view(np.float32)
        self._rows = np.array(
            [
                (sent.start, sent.stop, arriving.start)
                for sent, arriving in zip(departures.rows, arrivals.rows, strict=True)
            ],
            dtype=np.int64,
        )
        self._no_shifts = np.zeros(BLOCKS, np.int64)

    def send(
        self,
        index: int,
        source: Samples,
        place: int,
        active: list[slice],
        sent: Samples,
        sent_place: int,
    ) -> None:
        schedule, weights = self.departures.schedule, self.departures.weights(index)
        if self.paired:
            departures, chains = weights.shape[2:]
            weights = weights.reshape(*weights.shape[:2], -1, 1)
            weights = weights * np.tile(np.eye(chains), (departures, 1))
        self._kernels.apply_beams(
            *(source.view(np.float32), place, edges(active)),
            *(self.departures.shifts(index), index * CHUNK, schedule.table),
            *(weights.astype(np.complex64), np.ones((1, schedule.chains), np.complex64)),
            *(sent.view(np.float32), sent_place),
        )

    def window_starts(self, index: int) -> NDArray[np.int64]:
        return window_starts(index, self.arrivals.table(index).whole[:, index % TABLE_CHUNKS])

    def arrive(
        self, index: int, starts: NDArray[np.int64], sent: RingBuffer, out: Samples
    ) -> list[slice]:
        table, chunk = self.arrivals.table(index), index % TABLE_CHUNKS
        taps, used = self._filters
        ring, size = sent.ring
        sounding = self._kernels.active_blocks(active_segments(sent, starts), starts, LENGTH)
        if not sounding.any():
            return []
        self._kernels.delay(
            *(ring.view(np.float32), size, self._rows, sounding),
            *(starts, taps, table.row[:, chunk], used),
            *(self._slope, table.late[:, :, chunk]),
            *(table.begin[:, chunk], table.end[:, chunk], self._arrived),
        )
        found = [samples(part) for part in true_segments(sounding)]
        self._kernels.apply_beams(
            *(self._arrived, 0, edges(found)),
            *(self._no_shifts, index * CHUNK, self.arrivals.schedule.table),
            *(self._weights(index), self._gains(index)),
            *(out.view(np.float32), 0),
        )
        return found

    def _weights(self, index: int) -> Samples:
        weights = self.arrivals.weights(index)
        if self.paired:
            each = weights[..., None] * np.eye(weights.shape[2])[:, None]
            weights = each.reshape(*weights.shape[:3], -1)
        return weights.astype(np.complex64)

    def _gains(self, index: int) -> Samples:
        """(frames, streams) gains that change from frame to frame, of the frames of a chunk."""
        first = index * CHUNK
        begun, last = (int(f) for f in self.arrivals.schedule.frame([first, first + CHUNK - 1]))
        frames = np.arange(begun, last + 1)
        gains = np.ones((len(frames), self.arrivals.streams), np.complex64)
        for path, rows in zip(self.arrivals.paths, self.arrivals.rows, strict=True):
            if callable(path.gain):
                gains[:, rows] = path.gain(np.maximum(frames, 0))[:, None]
        return gains
