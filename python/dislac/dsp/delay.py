# SPDX-License-Identifier: GPL-3.0-or-later
"""Time-varying delay by overlap-save: delays held over a hop, spectra shared between paths.

The filter is a windowed sinc of `TAPS` taps. Its frequency responses for finely quantised
fractions of a sample are tabulated once; the whole samples of a delay are taken by where the
input is read. Delays that differ by up to `SPREAD` samples use the same forward FFT.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from .stream import CHUNK, HOP, Samples, StreamError, aligned_empty

__all__ = [
    "AHEAD",
    "LENGTH",
    "PASSBAND",
    "SEGMENT",
    "SPREAD",
    "TAPS",
    "active_runs",
    "backward",
    "forward",
    "fraction_responses",
    "runs",
    "segment_start",
    "split_delay",
    "valid",
]

TAPS = 48
LENGTH = 320
"""Length of the FFT: a hop, the filter's tail and the spread."""
SPREAD = LENGTH - HOP - (TAPS - 1)
SEGMENT = CHUNK - HOP + LENGTH
"""Input samples that the hops of one chunk span."""

FRACTIONS = 2048
"""Steps per sample of the tabulated delays (error below -72 dB for |f| <= fs / 4)."""
MARGIN = 0.25
"""The table runs from -MARGIN to 1 + MARGIN samples: whole samples are fixed for a chunk."""
CENTRE = TAPS // 2 - 1
"""The tap at which the filter for a zero fraction has its peak."""
AHEAD = SEGMENT - CHUNK + CENTRE - (TAPS - 1)
"""A segment for whole delay d ends at chunk end + AHEAD - d."""


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
    """Delays of hops as whole samples of each chunk and rows of `fraction_responses`.

    Args:
        delay: (..., chunks, HOPS) [samples], may be negative.

    Returns:
        whole (..., chunks) and row (..., chunks, HOPS).

    Raises:
        StreamError: a delay changes by more than `MARGIN` from the middle of its chunk.
    """
    middle = 0.5 * (delay[..., 0] + delay[..., -1])
    drift = float(np.max(np.abs(delay - middle[..., None]), initial=0.0))
    if not drift < MARGIN:
        raise StreamError(
            f"a delay moves by {2 * drift:.3g} samples within {CHUNK} samples; at most "
            f"{2 * MARGIN:.3g} can be followed"
        )
    whole = np.floor(middle).astype(np.int64)
    row = np.rint((delay - whole[..., None] + MARGIN) * FRACTIONS).astype(np.int64)
    return whole, row


def segment_start(index: int, whole: int) -> int:
    """Absolute index at which the input segment of chunk `index` begins, for the largest
    whole delay among the paths that share it."""
    return index * CHUNK - whole + CENTRE - (TAPS - 1)


def active_runs(hops: Samples) -> list[slice]:
    """The runs of hops (streams, HOPS, length) outside which there are only zeros.

    Zeros give zeros: between pilot frames there is nothing to compute.
    """
    bits = np.bitwise_or.reduce(hops.view(np.uint64), axis=2)
    # a zero may have a sign
    active = (np.bitwise_or.reduce(bits, axis=0) & np.uint64(0x7FFFFFFF7FFFFFFF)) != 0
    return runs(active)


def runs(active: NDArray[np.bool_]) -> list[slice]:
    """Where stretches of true values (HOPS,) begin and end."""
    edges = np.flatnonzero(np.diff(active, prepend=False, append=False))
    return [slice(a, b) for a, b in edges.reshape(-1, 2).tolist()]


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
