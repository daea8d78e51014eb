# SPDX-License-Identifier: GPL-3.0-or-later
"""Time-varying delay by overlap-save: delays that run straight over a block, spectra shared between
paths.

The filter is a windowed sinc of `TAPS` taps. Its frequency responses for finely quantised
fractions of a sample are tabulated once; the whole samples of a delay are taken by where the
input is read. Delays that differ by up to `SPREAD` samples use the same forward FFT. By how much
the delay of a sample differs from its block's filter, that times the slope of what the filter
forms is taken off: the next term of Taylor's series is 88 dB down where the delay changes by 23
ppm, at 0.44 of the sample rate.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .stream import BLOCK, BLOCKS, RingBuffer, Samples, StreamError, aligned_empty

__all__ = [
    "AHEAD",
    "CENTRE",
    "LENGTH",
    "PASSBAND",
    "REACH",
    "SPAN",
    "SPREAD",
    "TABLE_CHUNKS",
    "TAPS",
    "BlockDelays",
    "DelayTable",
    "active_blocks",
    "active_segments",
    "at_blocks",
    "backward",
    "batches",
    "delay_table",
    "differentiator",
    "follow",
    "forward",
    "fraction_filters",
    "fraction_responses",
    "fraction_taps",
    "pieces",
    "samples",
    "split_delay",
    "split_delays",
    "valid",
    "window_starts",
]

TAPS = 48
REACH = 8
"""Samples on either side that a slope is taken from, at most."""
LENGTH = 336
"""Length of the FFT: a block and what is around it, the filter's tail and the spread."""
SPREAD = LENGTH - BLOCK - 2 * REACH - (TAPS - 1)

FRACTIONS = 8192
"""Steps per sample of the tabulated delays (error below -84 dB for |f| <= fs / 4)."""
CENTRE = TAPS // 2 - 1
"""The tap at which the filter for a zero fraction has its peak."""
AHEAD = LENGTH - BLOCK - REACH + CENTRE - (TAPS - 1)
"""The last window for whole delay d ends at chunk end + AHEAD - d."""

SPAN = 128
"""Blocks from one exact state of the nodes to the next."""

TABLE_CHUNKS = 64
"""Chunks whose delays and phases are worked out together."""

ATTENUATION = 96.0
"""Design value of the filter's window [dB], for images and for ripple in the passband."""

PASSBAND = 0.44
"""Widest band |f| / fs that the filter passes unchanged."""


@cache
def fraction_responses(passband: float = PASSBAND) -> Samples:
    """Responses (rows, LENGTH) of the filter that delays by CENTRE + row / FRACTIONS, up to one
    sample more.

    Parameters
    ----------
    passband
        the filter is exact to better than -80 dB for |f| <= passband fs.

    Raises
    ------
    StreamError
        the passband is not between 0 and `PASSBAND`.
    """
    table = aligned_empty((FRACTIONS + 1, LENGTH))
    table[:] = fft.fft(fraction_taps(passband), LENGTH)
    return table


class Filters(NamedTuple):
    """Taps (rows, TAPS) in single precision, and from where to where, in fours, they are not
    zero."""

    taps: NDArray[np.float32]
    used: tuple[int, int]


@cache
def fraction_filters(passband: float) -> Filters:
    """The filters of `fraction_taps`, ready for `kernels.delay`."""
    taps = fraction_taps(passband)
    used = np.flatnonzero(taps.any(axis=0)) // 4
    return Filters(taps.astype(np.float32), (4 * int(used[0]), 4 * int(used[-1]) + 4))


@cache
def fraction_taps(passband: float = PASSBAND) -> NDArray[np.float64]:
    """Taps (rows, TAPS) of the filters of `fraction_responses`.

    Kaiser window for 96 dB, or what the taps have room for, and no longer than that takes: where a
    signal breaks off, as it does between OFDM symbols, a filter rings over all its length. (At
    80 dB its ripple in the passband looks like a path 75 dB below, some samples later.)
    """
    if not 0 < passband <= PASSBAND:
        raise StreamError(f"passband is {passband}; it must lie between 0 and {PASSBAND} fs")
    attenuation, half_width = _window(passband)
    beta = 0.1102 * (attenuation - 8.7)
    fraction = np.arange(FRACTIONS + 1)[:, None] / FRACTIONS
    t = np.arange(TAPS) - CENTRE - fraction
    window = np.i0(beta * np.sqrt(np.maximum(0.0, 1 - (t / half_width) ** 2))) / np.i0(beta)
    return np.asarray(np.sinc(t) * np.where(np.abs(t) <= half_width, window, 0.0))


def _window(passband: float) -> tuple[float, float]:
    """Attenuation [dB] of the filter, and half the length of its window [samples].

    They go together: J. F. Kaiser, Nonrecursive digital filter design using the I0-sinh window
    function, 1974.
    """
    slope = 2.285 * 2 * np.pi * 2 * (0.5 - passband)
    attenuation = min(ATTENUATION, 7.95 + slope * TAPS)
    return attenuation, (attenuation - 7.95) / slope / 2


@cache
def differentiator(passband: float = PASSBAND) -> NDArray[np.float32]:
    """Factors c (K,) of the slope sum over k of c_k (x[n + k] - x[n - k]) of what lies within the
    passband; K is 4 or 8.

    A third as long as the filters that delay, since it forms what is 40 dB or more below.
    """
    reach = 4 * int(np.ceil(_window(passband)[1] / 12))
    frequency = 2 * np.pi * passband * (np.arange(512) + 0.5) / 512
    sines = 2 * np.sin(np.outer(frequency, 1 + np.arange(reach)))
    return np.asarray(np.linalg.lstsq(sines, frequency, rcond=None)[0].astype(np.float32))


class BlockDelays(NamedTuple):
    """Delays that run straight over each block: whole samples, rows of `fraction_responses`, and by
    how many samples delays exceed these at the block's first sample and at the one after its last.

    Both are zero where a delay changes by less than the rows' step: it is held.
    """

    whole: NDArray[np.int64]
    row: NDArray[np.int64]
    begin: NDArray[np.float32]
    end: NDArray[np.float32]


def split_delays(begin: NDArray[np.float64], end: NDArray[np.float64]) -> BlockDelays:
    """Delays [samples], which may be negative, at the beginning and at the end of blocks.

    Raises
    ------
    StreamError
        a delay is not finite.
    """
    whole, row = split_delay(0.5 * (begin + end))
    moves = np.abs(end - begin) >= 1 / FRACTIONS
    rest = (
        np.where(moves, delay - whole - row / FRACTIONS, 0.0).astype(np.float32)
        for delay in (begin, end)
    )
    return BlockDelays(whole, row, *rest)


def split_delay(delay: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Delays [samples], which may be negative, as whole samples and rows of `fraction_responses`.

    Raises
    ------
    StreamError
        a delay is not finite.
    """
    if not np.isfinite(delay).all():
        raise StreamError("a delay is not finite; check the nodes' positions and velocities")
    whole = np.floor(delay)
    return whole.astype(np.int64), np.rint((delay - whole) * FRACTIONS).astype(np.int64)


class DelayTable(NamedTuple):
    """Delays and phases of the blocks of `TABLE_CHUNKS` chunks, (..., TABLE_CHUNKS, BLOCKS) each.

    `whole` and `row` as in `BlockDelays`; `late` (2, ..., TABLE_CHUNKS, BLOCKS) is its begin and
    end; `begin` and `end` are phases as in `rotation` [cycles]; `shortest` (TABLE_CHUNKS,) are the
    least whole delays of each chunk.
    """

    whole: NDArray[np.int64]
    row: NDArray[np.int64]
    late: NDArray[np.float32]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    shortest: list[int]


def delay_table(delay: NDArray[np.float64], phase: NDArray[np.float64]) -> DelayTable:
    """The table of delays [samples] and phases [cycles].

    Parameters
    ----------
    delay, phase
        (2, ..., TABLE_CHUNKS * BLOCKS) at the first sample of each block, and at the one after its
        last.

    Raises
    ------
    StreamError
        a delay is not finite.
    """
    shape = *delay.shape[:-1], TABLE_CHUNKS, BLOCKS
    begin, end = phase.reshape(shape)
    whole, row, *late = split_delays(*delay.reshape(shape))
    shortest = whole.min(axis=-1).reshape(-1, TABLE_CHUNKS).min(axis=0).tolist()
    return DelayTable(whole, row, np.stack(late), begin, end, shortest)


def at_blocks(
    value: NDArray[np.float64], slope: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    """Values at the borders of blocks (..., n SPAN + 1) from those at the borders of spans.

    Cubic between (..., n + 1) values and slopes `step` apart, which errs by fourth derivative
    step^4 / 384: far below a picometre for satellites, while the nodes' states, which may be
    costly, are asked only now and then.
    """
    t = np.arange(SPAN) / SPAN
    first, last = value[..., :-1, None], value[..., 1:, None]
    rise = last - first
    bend = step * slope[..., :-1, None] - rise, rise - step * slope[..., 1:, None]
    inside = first + t * (rise + (1 - t) * ((1 - t) * bend[0] + t * bend[1]))
    return np.concatenate([inside.reshape(*value.shape[:-1], -1), value[..., -1:]], axis=-1)


def window_starts(index: int, whole: NDArray[np.int64]) -> NDArray[np.int64]:
    """Absolute indices (..., BLOCKS) at which the windows of the blocks of chunk `index` begin.

    Parameters
    ----------
    whole
        (..., BLOCKS) whole delay, the largest among the paths that share a window.
    """
    first = (index * BLOCKS + np.arange(BLOCKS)) * BLOCK + (CENTRE - (TAPS - 1) - REACH)
    return np.asarray(first - whole)


def active_segments(buffer: RingBuffer, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Segments (count, 2) with anything in the windows that begin at `starts`, and perhaps between
    them."""
    first, end = int(starts.min()), int(starts.max()) + LENGTH
    return np.array(buffer.active(first, end - first), dtype=np.int64).reshape(-1, 2)


def active_blocks(buffer: RingBuffer, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mask (BLOCKS,) of the blocks whose window is not empty; they begin at `starts` (..., BLOCKS).

    Zeros give zeros: between pilot frames there is nothing to compute.
    """
    segments = active_segments(buffer, starts)[..., None]
    starts = starts[..., None, :]
    active = (starts < segments[:, 1]) & (starts > segments[:, 0] - LENGTH)
    return np.asarray(active.reshape(-1, BLOCKS).any(axis=0))


def pieces(flags: NDArray[np.bool_], whole: NDArray[np.int64], most: int) -> list[slice]:
    """Runs of up to `most` blocks for which `flags` (BLOCKS,) is true and no whole delay changes.

    Parameters
    ----------
    whole
        (..., BLOCKS) whole delays.
    """
    changes = (whole[..., 1:] != whole[..., :-1]).reshape(-1, BLOCKS - 1).any(axis=0)
    inner = np.flatnonzero(changes | (flags[1:] != flags[:-1])) + 1
    edges = [0, *map(int, inner), BLOCKS]
    return [
        slice(first, min(first + most, b))
        for a, b in pairwise(edges)
        if flags[a]
        for first in range(a, b, most)
    ]


def batches(parts: Sequence[slice], most: int) -> list[list[slice]]:
    """The same pieces, in groups of up to `most` blocks that are worked on together."""
    groups: list[list[slice]] = []
    room = 0
    for part in parts:
        count = part.stop - part.start
        if count > room:
            groups.append([])
            room = most
        groups[-1].append(part)
        room -= count
    return groups


def samples(blocks: slice) -> slice:
    """The samples of a run of blocks."""
    return slice(blocks.start * BLOCK, blocks.stop * BLOCK)


def forward(windows: Samples) -> Samples:
    """Spectra (..., LENGTH) of `windows`, which are overwritten."""
    return np.asarray(fft.fft(windows, overwrite_x=True))


def backward(spectra: Samples) -> Samples:
    """Samples (..., LENGTH) of `spectra`, which are overwritten."""
    return np.asarray(fft.ifft(spectra, overwrite_x=True))


def valid(blocks: Samples, lag: int, reach: int = 0) -> Samples:
    """The samples (..., BLOCK + 2 reach) of each block (..., LENGTH) and up to `REACH` around it,
    which the circular convolution leaves intact, for a path that is `lag` (0 to `SPREAD`) whole
    samples shorter than the segment's."""
    first = TAPS - 1 + REACH + lag - reach
    return blocks[..., first : first + BLOCK + 2 * reach]


def follow(
    x: Samples, slope: NDArray[np.float32], begin: NDArray[np.float32], end: NDArray[np.float32]
) -> Samples:
    """Blocks (..., BLOCK) of samples x (..., blocks, BLOCK + 2 K), delayed by a little more.

    Parameters
    ----------
    slope
        (K,) the `differentiator`.
    begin, end
        (blocks,) by how many samples at the borders of blocks; straight between.
    """
    reach = len(slope)
    if not (begin.any() or end.any()):
        return x[..., reach : reach + BLOCK]
    # Products of a complex number with a real one are those of two real ones.
    pairs = x.view(np.float32)
    late = begin[:, None] + (end - begin)[:, None] * RAMP
    total = np.zeros((*x.shape[:-1], 2 * BLOCK), np.float32)
    for k, factor in enumerate(slope, 1):
        after, before = (2 * (reach + side) for side in (k, -k))
        change = pairs[..., after : after + 2 * BLOCK] - pairs[..., before : before + 2 * BLOCK]
        change *= factor
        total += change
    total *= late
    np.subtract(pairs[..., 2 * reach : 2 * (reach + BLOCK)], total, out=total)
    return total.view(np.complex64)


RAMP = np.repeat(np.arange(BLOCK, dtype=np.float32) / BLOCK, 2)
"""(2 BLOCK,) from beginning to end of a block, for the pairs of real numbers that samples are."""
