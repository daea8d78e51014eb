# SPDX-License-Identifier: GPL-3.0-or-later
"""Search for the direct path's frames in the streams."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .frames import Alignment, Samples, aligned_grid
from .recognition import equalized, is_coherent, is_image, stands_out
from .reference import Reference, measure, noise_statistic

__all__ = ["Acquisition", "acquire"]

CANDIDATES = 16
"""Greatest number of places in a window that are looked at more closely."""


class Acquisition(NamedTuple):
    """Sample of a window at which a frame begins, its carrier offset [Hz], which of the F frames
    it is, and its GLRT statistic: the part of the energy there that it explains."""

    start: int
    carrier: float
    frame: int
    statistic: float


def acquire(
    samples: Samples, reference: Reference, carrier_window: tuple[float, float]
) -> Acquisition | None:
    """The frame that begins within one period from the window's first sample on.

    Each symbol is correlated with what is expected of it, by FFT; the symbols of a chain are added
    in phase at each of a bank of carrier offsets, the chains in power, so that phases of chains do
    not matter; and all that over the energy there is, so that levels do not. Of the greatest maxima
    the first is taken that neither noise nor a signal of other pilots explains, and that is no
    image of another user's. Where there is none, several chains are searched again, with all
    directions made equally strong.

    Parameters
    ----------
    samples
        (chains, frame_period + frame_length or more); what is not finite counts as zero.
    carrier_window
        offsets looked at [Hz].

    Returns
    -------
    Acquisition | None
        None where nothing stands out of what noise alone, or any other signal, gives once in a
        million searches.
    """
    n = reference.numerology
    x = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    positions = samples.shape[1] - n.frame_length
    level = np.sqrt(np.mean(x.real**2 + x.imag**2, dtype=float))
    if positions < 1 or not level > 0:
        return None
    middle = float(np.mean(carrier_window))
    turns = np.exp(-2j * np.pi * middle / n.sample_rate * np.arange(x.shape[1])) / level
    x = x * turns.astype(np.complex64)
    span = float(np.ptp(carrier_window))
    found = _search(x, reference, span)
    if found is None and len(x) > 1:
        parts = -(-x.shape[1] // n.fft_size)
        x = np.pad(x, ((0, 0), (0, parts * n.fft_size - x.shape[1])))
        x = equalized(x.reshape(len(x), parts, -1)).reshape(len(x), -1)[:, : samples.shape[1]]
        found = _search(x, reference, span)
    return None if found is None else found._replace(carrier=middle + found.carrier)


def _search(x: Samples, reference: Reference, span: float) -> Acquisition | None:
    """The frame in samples, with a carrier offset within half the span of zero [Hz]."""
    n = reference.numerology
    positions = x.shape[1] - n.frame_length
    starts = (n.symbol_starts + n.prefixes)[reference.active]
    width = n.sample_rate / n.frame_length
    count = 1 + int(np.ceil(span * 2 / width))
    offsets = np.linspace(-span / 2, span / 2, count)
    bank = np.exp(-2j * np.pi * np.outer(offsets, starts / n.sample_rate)).astype(np.complex64)
    length = scipy.fft.next_fast_len(x.shape[1])
    # Energy of the symbols without prefixes of a frame that begins at each place
    running = np.concatenate([[0.0], np.cumsum(np.sum(x.real**2 + x.imag**2, axis=0, dtype=float))])
    symbols = running[starts[:, None] + n.fft_size + np.arange(positions)]
    energy = np.sum(symbols - running[starts[:, None] + np.arange(positions)], axis=0)
    trials = 2 * positions * count * len(reference.grids)  # in two searches
    alone = noise_statistic(reference, trials)
    cell = max(1, round(n.fft_size / n.subcarriers))
    found = []
    for frame, grid in enumerate(reference.grids):
        score = np.zeros((count, positions), np.float32)
        spectrum = np.zeros((len(starts), n.fft_size), np.complex64)
        for row, expected, whole in zip(x, grid, reference.energy[frame], strict=True):
            if whole == 0:
                continue
            spectrum[:, n.bins] = expected[reference.active]
            symbol = scipy.fft.ifft(spectrum, norm="ortho")
            there = scipy.fft.fft(row, length) * scipy.fft.fft(symbol, length).conj()
            match = scipy.fft.ifft(there)
            match = np.stack(
                [line[s : s + positions] for line, s in zip(match, starts, strict=True)]
            )
            match = bank @ match
            score += (match.real**2 + match.imag**2) / np.float32(whole)
        # Silence beside a strong frame explains nothing.
        statistic = score / np.maximum(energy, 1e-7 * energy.max()).astype(np.float32)
        found += [
            Acquisition(place, float(offsets[offset]), frame, height)
            for offset, place, height in _peaks(statistic, alone, cell)
        ]
    images = max(span, n.sample_rate / n.symbol_length)
    for best in sorted(found, key=lambda peak: -peak.statistic)[:CANDIDATES]:
        start, carrier, frame, _ = best
        there = Alignment(0, start, 0.0, 0.0, carrier, 0.0)
        part = x[:, start : start + n.frame_length]
        aligned = aligned_grid(part, there, n)
        measured = measure(aligned, reference, frame, cell, width)
        if not stands_out(aligned, reference, frame, measured, trials):
            continue
        if not is_coherent(aligned, reference, frame, measured):
            continue
        refined = measured._replace(carrier=carrier + measured.carrier)
        if is_image(x, start, refined, reference, frame, images):
            continue
        return best
    return None


def _peaks(
    statistic: NDArray[np.float32], least: float, cell: int
) -> Iterator[tuple[int, int, float]]:
    """Offset, place and height of the greatest maxima above `least`, a resolution cell apart:
    takes them out of the array."""
    for _ in range(CANDIDATES):
        offset, place = map(int, np.unravel_index(int(np.argmax(statistic)), statistic.shape))
        height = float(statistic[offset, place])
        if not height > least:
            return
        yield offset, place, height
        statistic[max(offset - 2, 0) : offset + 3, max(place - cell, 0) : place + cell + 1] = 0
