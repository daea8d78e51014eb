# SPDX-License-Identifier: GPL-3.0-or-later
"""Time-varying delay by overlap-save: delays held over a hop, spectra shared between paths.

The filter is a windowed sinc of `TAPS` taps. Its frequency responses for finely quantised
fractions of a sample are tabulated once; the whole samples of a delay are taken by where the
input is read. Delays that differ by up to `SPREAD` samples use the same forward FFT.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .stream import HOP, HOPS, History, Samples, StreamError, aligned_empty

__all__ = [
    "AHEAD",
    "LENGTH",
    "PASSBAND",
    "SPAN",
    "SPREAD",
    "TAPS",
    "backward",
    "batches",
    "forward",
    "fraction_responses",
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

SPAN = 32
"""Hops over which the whole samples of a delay stay the same."""
SPANS = HOPS // SPAN
FRACTIONS = 2048
"""Steps per sample of the tabulated delays (error below -72 dB for |f| <= fs / 4)."""
MARGIN = 0.25
"""The table runs from -MARGIN to 1 + MARGIN samples: so far may a delay move within a span."""
CENTRE = TAPS // 2 - 1
"""The tap at which the filter for a zero fraction has its peak."""
AHEAD = LENGTH - HOP + CENTRE - (TAPS - 1)
"""The last window for whole delay d ends at chunk end + AHEAD - d."""


PASSBAND = 0.44
"""Widest band |f| / fs that the filter passes unchanged."""


@cache
def fraction_responses(passband: float = PASSBAND) -> Samples:
    """Responses (rows, LENGTH) of the filter that delays by CENTRE + row / FRACTIONS - MARGIN.

    Kaiser window for 80 dB, and no longer than that takes: where a signal breaks off, as it does
    between OFDM symbols, a filter rings over all its length.

    Args:
        passband: the filter is exact to better than -70 dB for |f| <= passband fs.

    Raises:
        StreamError: the passband is not between 0 and `PASSBAND`.
    """
    if not 0 < passband <= PASSBAND:
        raise StreamError(f"passband is {passband}; it must lie between 0 and {PASSBAND} fs")
    half_width = TAPS / 2 * (0.5 - PASSBAND) / (0.5 - passband)
    rows = round((1 + 2 * MARGIN) * FRACTIONS) + 1
    fraction = np.arange(rows)[:, None] / FRACTIONS - MARGIN
    t = np.arange(TAPS) - CENTRE - fraction
    window = np.i0(7.86 * np.sqrt(np.maximum(0.0, 1 - (t / half_width) ** 2))) / np.i0(7.86)
    table = aligned_empty((rows, LENGTH))
    table[:] = fft.fft(np.sinc(t) * np.where(np.abs(t) <= half_width + MARGIN, window, 0.0), LENGTH)
    return table


def split_delay(delay: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Delays of hops as whole samples of each span and rows of `fraction_responses`.

    Args:
        delay: (..., chunks, HOPS) [samples], may be negative.

    Returns:
        whole (..., chunks, SPANS) and row (..., chunks, HOPS).

    Raises:
        StreamError: a delay changes by more than `MARGIN` from the middle of its span.
    """
    spans = delay.reshape(*delay.shape[:-1], SPANS, SPAN)
    middle = 0.5 * (spans[..., 0] + spans[..., -1])
    drift = float(np.max(np.abs(spans - middle[..., None]), initial=0.0))
    if not drift < MARGIN:
        raise StreamError(
            f"a delay moves by {2 * drift:.3g} samples within {SPAN * HOP} samples; at most "
            f"{2 * MARGIN:.3g} can be followed"
        )
    whole = np.floor(middle).astype(np.int64)
    row = np.rint((spans - whole[..., None] + MARGIN) * FRACTIONS).astype(np.int64)
    return whole, row.reshape(delay.shape)


def window_starts(index: int, whole: NDArray[np.int64]) -> NDArray[np.int64]:
    """Absolute indices (HOPS,) at which the windows of a chunk's hops begin.

    Args:
        whole: (SPANS,) largest whole delay among the paths that share the windows.
    """
    start = (index * HOPS + np.arange(HOPS)) * HOP + (CENTRE - (TAPS - 1))
    return np.asarray(start - np.repeat(whole, SPAN))


def sounding(history: History, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the windows that begin at `starts` hold anything but silence.

    Zeros give zeros: between pilot frames there is nothing to compute.
    """
    first, end = int(starts.min()), int(starts.max()) + LENGTH
    found = np.zeros(starts.shape, dtype=bool)
    for begin, last in history.active(first, end - first):
        found |= (starts < last) & (starts > begin - LENGTH)
    return found


def pieces(flags: NDArray[np.bool_], most: int) -> list[slice]:
    """Runs of those hops (HOPS,) for which `flags` is true, that neither cross a span's border
    nor are longer than `most` hops."""
    border = flags[1:] != flags[:-1]
    border[SPAN - 1 :: SPAN] = True
    edges = [0, *(np.flatnonzero(border) + 1).tolist(), HOPS]
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
