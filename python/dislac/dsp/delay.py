# SPDX-License-Identifier: GPL-3.0-or-later
"""Time-varying delay by overlap-save: delays held over a hop, spectra shared between paths.

The filter is a windowed sinc of `TAPS` taps. Its frequency responses for finely quantised
fractions of a sample are tabulated once; the whole samples of a delay are taken by where the
input is read. Delays that differ by up to `SPREAD` samples use the same forward FFT.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .stream import HOP, HOPS, History, Samples, StreamError, aligned_empty

__all__ = [
    "AHEAD",
    "LENGTH",
    "PASSBAND",
    "SPREAD",
    "TAPS",
    "active_runs",
    "backward",
    "batches",
    "forward",
    "fraction_filters",
    "fraction_responses",
    "fraction_taps",
    "pieces",
    "samples",
    "sounding",
    "split_delay",
    "valid",
    "window_starts",
]

TAPS = 48
LENGTH = 320
"""Length of the FFT: a hop, the filter's tail and the spread."""
SPREAD = LENGTH - HOP - (TAPS - 1)

FRACTIONS = 8192
"""Steps per sample of the tabulated delays (error below -84 dB for |f| <= fs / 4)."""
CENTRE = TAPS // 2 - 1
"""The tap at which the filter for a zero fraction has its peak."""
AHEAD = LENGTH - HOP + CENTRE - (TAPS - 1)
"""The last window for whole delay d ends at chunk end + AHEAD - d."""


ATTENUATION = 96.0
"""Design value of the filter's window [dB], for images and for ripple in the passband."""

PASSBAND = 0.44
"""Widest band |f| / fs that the filter passes unchanged."""


@cache
def fraction_responses(passband: float = PASSBAND) -> Samples:
    """Responses (rows, LENGTH) of the filter that delays by CENTRE + row / FRACTIONS, up to one
    sample more.

    Args:
        passband: the filter is exact to better than -80 dB for |f| <= passband fs.

    Raises:
        StreamError: the passband is not between 0 and `PASSBAND`.
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
    # Attenuation [dB] and length in taps go together: J. F. Kaiser, Nonrecursive digital filter
    # design using the I0-sinh window function, 1974.
    slope = 2.285 * 2 * np.pi * 2 * (0.5 - passband)
    attenuation = min(ATTENUATION, 7.95 + slope * TAPS)
    half_width = (attenuation - 7.95) / slope / 2
    beta = 0.1102 * (attenuation - 8.7)
    fraction = np.arange(FRACTIONS + 1)[:, None] / FRACTIONS
    t = np.arange(TAPS) - CENTRE - fraction
    window = np.i0(beta * np.sqrt(np.maximum(0.0, 1 - (t / half_width) ** 2))) / np.i0(beta)
    return np.asarray(np.sinc(t) * np.where(np.abs(t) <= half_width, window, 0.0))


def split_delay(delay: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Delays [samples], which may be negative, as whole samples and rows of `fraction_responses`.

    Raises:
        StreamError: a delay is not finite.
    """
    if not np.isfinite(delay).all():
        raise StreamError("a delay is not finite; check the nodes' positions and velocities")
    whole = np.floor(delay)
    return whole.astype(np.int64), np.rint((delay - whole) * FRACTIONS).astype(np.int64)


def window_starts(index: int, whole: NDArray[np.int64]) -> NDArray[np.int64]:
    """Absolute indices (..., HOPS) at which the windows of the hops of chunk `index` begin.

    Args:
        whole: (..., HOPS) whole delay, the largest among the paths that share a window.
    """
    first = (index * HOPS + np.arange(HOPS)) * HOP + (CENTRE - (TAPS - 1))
    return np.asarray(first - whole)


def active_runs(history: History, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where (runs, 2) there is anything in the windows that begin at `starts`, and perhaps between
    them."""
    first, end = int(starts.min()), int(starts.max()) + LENGTH
    return np.array(history.active(first, end - first), dtype=np.int64).reshape(-1, 2)


def sounding(history: History, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For which hops (HOPS,) a window that begins at `starts` (..., HOPS) holds anything at all.

    Zeros give zeros: between pilot frames there is nothing to compute.
    """
    active = active_runs(history, starts)[..., None]
    starts = starts[..., None, :]
    heard = (starts < active[:, 1]) & (starts > active[:, 0] - LENGTH)
    return np.asarray(heard.reshape(-1, HOPS).any(axis=0))


def pieces(flags: NDArray[np.bool_], whole: NDArray[np.int64], most: int) -> list[slice]:
    """Runs of up to `most` hops for which `flags` (HOPS,) is true and no whole delay changes.

    Args:
        whole: (..., HOPS) whole delays.
    """
    changes = (whole[..., 1:] != whole[..., :-1]).reshape(-1, HOPS - 1).any(axis=0)
    edges = [0, *(np.flatnonzero(changes | (flags[1:] != flags[:-1])) + 1).tolist(), HOPS]
    return [
        slice(first, min(first + most, b))
        for a, b in pairwise(edges)
        if flags[a]
        for first in range(a, b, most)
    ]


def batches(parts: Sequence[slice], most: int) -> list[list[slice]]:
    """The same pieces, in groups of up to `most` hops that are worked on together."""
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


def samples(hops: slice) -> slice:
    """The samples of a run of hops."""
    return slice(hops.start * HOP, hops.stop * HOP)


def forward(windows: Samples) -> Samples:
    """Spectra (..., LENGTH) of `windows`, which are overwritten."""
    return np.asarray(fft.fft(windows, overwrite_x=True))


def backward(spectra: Samples) -> Samples:
    """Samples (..., LENGTH) of `spectra`, which are overwritten."""
    return np.asarray(fft.ifft(spectra, overwrite_x=True))


def valid(hops: Samples, lag: int) -> Samples:
    """The samples (..., HOP) of each hop (..., LENGTH) that the circular convolution leaves
    intact, for a path that is `lag` (0 to `SPREAD`) whole samples shorter than the segment's."""
    return hops[..., TAPS - 1 + lag : TAPS - 1 + lag + HOP]
