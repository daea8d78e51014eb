# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver impairments in the chains' streams: carrier, clock and timing offset, mismatch."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..dsp.delay import (
    AHEAD,
    FRACTIONS,
    LENGTH,
    PASSBAND,
    active_blocks,
    backward,
    batches,
    forward,
    fraction_responses,
    pieces,
    samples,
    valid,
    window_starts,
)
from ..dsp.rotator import rotation
from ..dsp.stream import BLOCK, BLOCKS, CHUNK, ChunkProcessor, Samples, StreamError, aligned_empty

__all__ = ["FrontEnd"]

Floats = NDArray[np.float64]

BATCH = 1024
"""Blocks, counted for each stream, that are transformed together."""

LARGEST_CLOCK_OFFSET = 1e-3
"""Far beyond any oscillator; within a block the delay then changes by less than a sample."""


class FrontEnd(ChunkProcessor):
    """Receives streams with a clock, an oscillator and chains that are not perfect.

    Sample n of the output is taken at the true time

        t_n = (start_offset + n / (1 + clock_offset)) / fs,

    counted as that of the input is, whose sample m has m / fs: a positive `clock_offset` is a
    sample clock that runs fast, so that frames seem to come later and later. Chain i gives

        y_i[n] = x_i(t_n - delay_i) exp(j (2 pi carrier_offset t_n + phase_i)).

    Delays run straight over each block of 256 samples, by cross-fading between its borders. Before
    its first sample the input is silence. Delays of either sign and any start are met by waiting
    for as much of the input as they need: with a slow clock fewer samples come out than go in, with
    a fast one more.

    Parameters
    ----------
    chains
        number of streams.
    sample_rate
        fs [Hz], nominal.
    carrier_offset
        by how much the signal lies too high after down-conversion [Hz], whatever the sample clock
        does.
    clock_offset
        by which part of its rate the sample clock runs fast (20e-6 is 20 ppm).
    start_offset
        how many samples after the input's first one the first sample is taken; fractional and
        negative too.
    phase
        of each chain, or of all [rad].
    delay
        of each chain, or of all [s]; negative too.
    passband
        what the signal occupies, |f| <= passband fs, before the carrier offset.

    Raises
    ------
    StreamError
        a setting is out of range.
    """

    def __init__(
        self,
        chains: int,
        *,
        sample_rate: float,
        carrier_offset: float = 0.0,
        clock_offset: float = 0.0,
        start_offset: float = 0.0,
        phase: ArrayLike = 0.0,
        delay: ArrayLike = 0.0,
        passband: float = PASSBAND,
    ) -> None:
        if not 0 < sample_rate < np.inf:
            raise StreamError(f"sample_rate is {sample_rate}; it must be positive")
        if not abs(carrier_offset) <= sample_rate / 2:
            raise StreamError(
                f"carrier_offset is {carrier_offset} Hz; at {sample_rate} samples a second it must "
                "lie within half of that, either way"
            )
        if not abs(clock_offset) <= LARGEST_CLOCK_OFFSET:
            raise StreamError(
                f"clock_offset is {clock_offset}; it must lie within "
                f"{LARGEST_CLOCK_OFFSET:g} (1000 ppm), either way"
            )
        values = {}
        for name, value in (("start_offset", start_offset), ("phase", phase), ("delay", delay)):
            values[name] = np.asarray(value, dtype=float)
            if values[name].shape not in ((), (chains,)) or not np.isfinite(values[name]).all():
                raise StreamError(f"{name} is {value!r}; give one finite number, or {chains}")
        super().__init__(chains, chains, 0)
        self.sample_rate = sample_rate
        self.carrier_offset, self.clock_offset = carrier_offset, clock_offset
        self.start_offset = float(start_offset)
        self._late = np.broadcast_to(values["delay"], chains)[:, None] * sample_rate
        self._factor = np.exp(1j * np.broadcast_to(values["phase"], chains)).astype(np.complex64)
        self._table = _responses_of_two_samples(passband)
        self._most = int(np.clip(BATCH // chains, 1, BLOCKS))
        self._work = aligned_empty((chains * self._most, LENGTH))
        self._fade = (np.arange(BLOCK) / BLOCK).astype(np.float32)
        # Without drift the delays are the same in all blocks.
        first, whole = self._delays(0)
        self._response = self._responses(first[:, :1] - whole[:, :1])
        self.reset()

    def time(self, sample: ArrayLike) -> Floats:
        """True time [s] at which output samples are taken."""
        place = self.start_offset + np.asarray(sample) / (1 + self.clock_offset)
        return np.asarray(place / self.sample_rate)

    def sample(self, time: ArrayLike) -> Floats:
        """Output samples, with their fractions, that are taken at true times [s]."""
        place = np.asarray(time) * self.sample_rate - self.start_offset
        return np.asarray(place * (1 + self.clock_offset))

    @property
    def _slope(self) -> float:
        """By how many samples the delay grows with each."""
        return self.clock_offset / (1 + self.clock_offset)

    def _delays(self, index: int) -> tuple[Floats, Floats]:
        """Delays [samples] of the chains: (chains, BLOCKS + 1) at the borders of the blocks of
        chunk `index`, and (chains, BLOCKS) whole ones that a block's delay exceeds by up to two."""
        border = BLOCK * (index * BLOCKS + np.arange(BLOCKS + 1))
        delay = border * self._slope - self.start_offset + self._late
        return delay, np.floor(np.minimum(delay[:, :-1], delay[:, 1:]))

    def _starts(self, index: int, whole: Floats) -> NDArray[np.int64]:
        """Begins (chains, BLOCKS) of the windows of the blocks."""
        return window_starts(index, whole.astype(np.int64) + 1)

    def _lead(self, index: int) -> int:
        return index * CHUNK - int(self._starts(index, self._delays(index)[1]).min())

    def _required(self, index: int) -> int:
        last = (index + 1) * CHUNK + AHEAD - int(self._delays(index)[1].min()) - 1
        # A fast clock makes two chunks of one now and then, so that the past does not grow.
        gained = int(max(0.0, index * self._slope))
        return max(index + 1 - gained, -(-last // CHUNK)) * CHUNK

    def _responses(self, delay: Floats) -> Samples:
        """Responses (..., LENGTH) for delays (chains, blocks) in [0, 2), with chains' phases."""
        place = delay * FRACTIONS
        row = place.astype(np.int64)
        part = (place - row).astype(np.float32)[..., None]
        response = self._table[row]
        response += (self._table[row + 1] - response) * part
        response *= self._factor[:, None, None]
        return response

    def _make(self, index: int, out: Samples) -> list[slice]:
        delay, whole = self._delays(index)
        starts = self._starts(index, whole)
        found = pieces(active_blocks(self._input, starts), whole.astype(np.int64), self._most)
        out = out.reshape(self.outputs, BLOCKS, BLOCK)
        for batch in batches(found, self._most):
            blocks = np.concatenate([np.arange(piece.start, piece.stop) for piece in batch])
            windows = self._work[: self.inputs * len(blocks)].reshape(self.inputs, -1, LENGTH)
            for chain in range(self.inputs):
                row = slice(chain, chain + 1)
                self._input.gather(starts[chain], batch, row, windows[row])
            made = self._delayed(windows, delay, whole, blocks)
            if self.carrier_offset:
                turn = aligned_empty((len(blocks), BLOCK))
                sample = index * CHUNK + BLOCK * blocks
                begin, end = self.time(sample), self.time(sample + BLOCK)
                made *= rotation(self.carrier_offset * begin, self.carrier_offset * end, turn)
            first = 0
            for piece in batch:
                part = slice(first, first := first + piece.stop - piece.start)
                out[:, piece] = made[:, part]
        self._input.forget(int(starts.min()))
        return [samples(piece) for piece in found]

    def _delayed(
        self, windows: Samples, delay: Floats, whole: Floats, blocks: NDArray[np.int64]
    ) -> Samples:
        """Samples (chains, blocks, BLOCK) of windows (chains, blocks, LENGTH), delayed, turned."""
        spectra = forward(windows)
        if not self.clock_offset:
            return valid(backward(spectra * self._response), 1)
        begin, end = (self._responses(delay[:, blocks + k] - whole[:, blocks]) for k in (0, 1))
        end -= begin
        begin *= spectra
        end *= spectra
        made, change = (valid(backward(spectrum), 1) for spectrum in (begin, end))
        change *= self._fade
        made += change
        return made


@cache
def _responses_of_two_samples(passband: float) -> Samples:
    """Responses (rows, LENGTH) of the filter for delays up to two samples."""
    table = fraction_responses(passband)
    # One sample more of delay turns the spectrum of a window once.
    turned = np.exp(-2j * np.pi * np.arange(LENGTH) / LENGTH).astype(np.complex64)
    return np.concatenate([table[:-1], table * turned])
