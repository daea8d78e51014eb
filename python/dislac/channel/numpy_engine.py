# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample-rate work of an emulated link by numpy's operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import NDArray

from ..dsp.delay import (
    LENGTH,
    SPREAD,
    TABLE_CHUNKS,
    DelayTable,
    active_blocks,
    backward,
    batches,
    follow,
    forward,
    fraction_responses,
    pieces,
    samples,
    valid,
    window_starts,
)
from ..dsp.rotator import rotation
from ..dsp.stream import BLOCK, BLOCKS, CHUNK, RingBuffer, Samples, aligned_empty
from .arrivals import Arrivals
from .departures import Departures
from .endpoints import PART, PARTS
from .engine import Engine
from .schedule import Segments

__all__ = ["NumpyEngine", "matrix_product"]

BATCH = 1024
"""Blocks, counted for each path and stream, that are transformed together."""


@dataclass(frozen=True)
class Groups:
    """Paths with the same departure and close delays, which share forward transforms.

    Parameters
    ----------
    members
        paths of each group.
    longest
        (groups, TABLE_CHUNKS, BLOCKS) largest whole delay among them.
    lag
        (paths, TABLE_CHUNKS, BLOCKS) by how much each path is shorter.
    """

    members: list[list[int]]
    longest: NDArray[np.int64]
    lag: NDArray[np.int64]


def grouped(whole: NDArray[np.int64], rows: Sequence[slice]) -> Groups:
    """The groups of paths with whole delays (paths, TABLE_CHUNKS, BLOCKS) and rows of what left."""
    order = sorted(range(len(rows)), key=lambda p: (rows[p].start, whole[p, 0, 0]))
    members: list[list[int]] = []
    for p in order:
        if members and rows[members[-1][0]] == rows[p]:
            group = [*members[-1], p]
            if np.ptp(whole[group], axis=0).max() <= SPREAD:
                members[-1] = group
                continue
        members.append([p])
    longest = np.stack([whole[group].max(axis=0) for group in members])
    lag = np.empty_like(whole)
    for group, most in zip(members, longest, strict=True):
        lag[group] = most - whole[group]
    return Groups(members, longest, lag)


class NumpyEngine(Engine):
    """Engine on FFT and matrix products, a batch of blocks at a time."""

    def __init__(
        self, departures: Departures, arrivals: Arrivals, *, paired: bool, passband: float
    ) -> None:
        super().__init__(departures, arrivals, paired=paired, passband=passband)
        self._responses = fraction_responses(passband)
        paths, streams = len(arrivals.paths), arrivals.streams
        self._most = int(np.clip(BATCH // max(streams, 1), 1, BLOCKS))
        self._work = aligned_empty((streams * self._most, LENGTH))
        self._product = aligned_empty((streams * self._most, LENGTH))
        self._arriving = aligned_empty((streams * self._most, BLOCK))
        self._response = aligned_empty((paths * self._most, LENGTH))
        self._rotation = aligned_empty((paths * self._most, BLOCK))
        self._grouped: tuple[DelayTable, Groups] | None = None

    def send(
        self,
        index: int,
        source: Samples,
        place: int,
        active: list[slice],
        sent: Samples,
        sent_place: int,
    ) -> None:
        weights = self.departures.weights(index)
        if self.paired:
            weights = weights.reshape(*weights.shape[:2], -1, 1)
        weights = weights.astype(np.complex64)
        shifts = self.departures.shifts(index)
        x, z = source[:, place : place + CHUNK], sent[:, sent_place : sent_place + CHUNK]
        steps = BLOCK * (np.flatnonzero(np.diff(shifts)) + 1)
        borders = [int(border) for border in np.union1d(steps, PART * np.arange(1, PARTS))]
        for segment in active:
            inside = [border for border in borders if segment.start < border < segment.stop]
            for part in starmap(slice, pairwise([segment.start, *inside, segment.stop])):
                due = index * CHUNK + part.start + int(shifts[part.start // BLOCK])
                self._weigh(weights[part.start // PART], due, x[:, part], z[:, part])

    def _weigh(self, weights: Samples, first: int, x: Samples, z: Samples) -> None:
        """Weigh samples x, due from index `first` on, with the weights of their symbols."""
        for segments in self.departures.schedule.segments(first, x.shape[1]):
            weight = weights[segments.symbol]
            source, target = _split(x, segments), _split(z, segments)
            if not self.paired:
                matrix_product(weight, source, target)
                continue
            for rows in {(s.start, s.stop) for s in self.departures.rows}:
                np.multiply(source, weight[:, slice(*rows)], out=target[:, slice(*rows)])

    def _groups(self, index: int) -> Groups:
        table = self.arrivals.table(index)
        if self._grouped is None or self._grouped[0] is not table:
            self._grouped = table, grouped(table.whole, self.departures.rows)
        return self._grouped[1]

    def window_starts(self, index: int) -> NDArray[np.int64]:
        return window_starts(index, self._groups(index).longest[:, index % TABLE_CHUNKS])

    def arrive(
        self, index: int, starts: NDArray[np.int64], sent: RingBuffer, out: Samples
    ) -> list[slice]:
        sounding = active_blocks(sent, starts)
        if not sounding.any():
            return []
        weights = self.arrivals.weights(index).astype(np.complex64)
        whole = self.arrivals.table(index).whole[:, index % TABLE_CHUNKS]
        found = pieces(sounding, whole, self._most)
        for batch in batches(found, self._most):
            arriving = self._delay(index, starts, batch, sent).reshape(self.arrivals.streams, -1)
            first = 0
            for piece in map(samples, batch):
                part = slice(first, first := first + piece.stop - piece.start)
                self._combine(index * CHUNK, piece, weights, arriving[:, part], out[:, piece])
        return [samples(piece) for piece in found]

    def _delay(
        self, index: int, starts: NDArray[np.int64], batch: Sequence[slice], sent: RingBuffer
    ) -> Samples:
        """Some blocks of all paths (streams, blocks, BLOCK), delayed and rotated."""
        table, groups, chunk = self.arrivals.table(index), self._groups(index), index % TABLE_CHUNKS
        blocks = np.concatenate([np.arange(piece.start, piece.stop) for piece in batch])
        paths, streams, count = len(self.arrivals.paths), self.arrivals.streams, len(blocks)
        rows = [self.departures.rows[group[0]] for group in groups.members]
        ends = np.cumsum([0, *(row.stop - row.start for row in rows)]).tolist()
        work = self._work[: ends[-1] * count].reshape(-1, count, LENGTH)
        for start, row, (a, b) in zip(starts, rows, pairwise(ends), strict=True):
            sent.gather(start, batch, row, work[a:b])
        spectra = forward(work)
        response = self._response[: paths * count].reshape(paths, count, LENGTH)
        np.take(self._responses, table.row[:, chunk, blocks], axis=0, out=response, mode="clip")
        product = self._product[: streams * count].reshape(-1, count, LENGTH)
        for group, (a, b) in zip(groups.members, pairwise(ends), strict=True):
            for p in group:
                np.multiply(spectra[a:b], response[p], out=product[self.arrivals.rows[p]])
        delayed = backward(product)
        turn = self._rotation[: paths * count].reshape(paths, count, BLOCK)
        rotation(table.begin[:, chunk, blocks], table.end[:, chunk, blocks], turn)
        arriving = self._arriving[: streams * count].reshape(-1, count, BLOCK)
        lag, late = groups.lag[:, chunk, blocks], table.late[:, :, chunk, blocks]
        borders = np.flatnonzero((lag[:, 1:] != lag[:, :-1]).any(axis=0)) + 1
        for first, last in pairwise([0, *map(int, borders), count]):
            for p, row in enumerate(self.arrivals.rows):
                part = valid(delayed[row, first:last], int(lag[p, first]), len(self._slope))
                part = follow(part, self._slope, *late[:, p, first:last])
                np.multiply(part, turn[p, first:last], out=arriving[row, first:last])
        return arriving

    def _combine(
        self, first: int, piece: slice, weights: Samples, arriving: Samples, out: Samples
    ) -> None:
        """Weigh what arrives in a piece of the chunk that begins at sample `first`, part by part,
        for each receive chain; sum over the paths."""
        borders = PART * np.arange(piece.start // PART + 1, -(-piece.stop // PART))
        for a, b in pairwise([piece.start, *borders.tolist(), piece.stop]):
            here = slice(a - piece.start, b - piece.start)
            self._combine_part(first + a, weights[a // PART], arriving[:, here], out[:, here])

    def _combine_part(self, first: int, weights: Samples, arriving: Samples, out: Samples) -> None:
        schedule = self.arrivals.schedule
        paths = list(zip(self.arrivals.paths, self.arrivals.rows, strict=True))
        base = int(schedule.frame(first))
        for segments in schedule.segments(first, out.shape[1]):
            weight = weights[segments.symbol]
            frame = np.maximum(base + segments.frame, 0)
            for p, (path, rows) in enumerate(paths):
                if callable(path.gain):
                    columns = slice(p, p + 1) if self.paired else rows
                    weight[..., columns] *= path.gain(frame)[:, None, None]
            target = _split(out, segments)
            if not self.paired:
                matrix_product(weight, _split(arriving, segments), target)
                continue
            for p, (_, rows) in enumerate(paths):
                source, factor = _split(arriving[rows], segments), weight[..., p : p + 1]
                if p == 0:
                    np.multiply(source, factor, out=target)
                else:
                    source *= factor
                    target += source


def matrix_product(weight: Samples, source: Samples, target: Samples) -> None:
    """target (segments, M, length) = weight (segments, M, N) @ source (segments, N, length)"""
    if source.shape[2] > 1:
        np.matmul(weight, source, out=target)
    else:
        # OpenBLAS's dot product of a column reads a place beyond its end, where memory may end.
        target[:] = np.matmul(weight, np.repeat(source, 2, axis=2))[..., :1]


def _split(x: Samples, segments: Segments) -> Samples:
    """View (segments, streams, length) of the samples of segments."""
    count = len(segments.symbol)
    part = x[:, segments.first : segments.first + count * segments.length]
    return part.reshape(len(x), count, segments.length).swapaxes(0, 1)
