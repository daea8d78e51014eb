# SPDX-License-Identifier: GPL-3.0-or-later
"""A link between two radios that wait for each other: samples leave as soon as they can."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..dsp.compiled import kernels
from ..dsp.delay import (
    CENTRE,
    PASSBAND,
    REACH,
    SPAN,
    TAPS,
    BlockDelays,
    at_blocks,
    differentiator,
    follow,
    fraction_filters,
    split_delays,
)
from ..dsp.noise import Noise
from ..dsp.rotator import rotation
from ..dsp.stream import BLOCK, CHUNK, PAD, RingBuffer, Samples, StreamError, aligned_empty
from ..geometry import SPEED_OF_LIGHT, carrier_cycles
from ..geometry.motion import Motion
from .path import ChannelPath

__all__ = ["LONGEST", "RelayLink"]

_SPAN = SPAN * BLOCK
_BATCH = 32
"""Blocks that are worked on together: what they need stays in the cache."""
_WINDOW = BLOCK + TAPS - 1 + 2 * REACH
"""Input samples that a block is made of."""
LONGEST = 1 << 26
"""Samples that a path holds at most: 1.1 s at 61.44 Msps."""


class RelayLink:
    """One path between moving nodes, the same for every stream, of unit gain.

    Output sample n is y(t) = x(t - tau(t)) exp(-j 2 pi f tau(t)) + noise at t = n / fs, as of a
    `ChannelEmulator` with that path, but it can be made as soon as there is input up to t - tau(t),
    and half a filter more: `take` adds input, `make` gives all the output that it allows. So two
    radios of which each gives as many samples as it has taken never wait for each other, and
    nothing is added to the delay of the path; but a path shorter than `least` samples, which is
    half a filter, delays by as much as that. (Its carrier has the phase of its own length.)

    The same bits in whatever pieces samples come: each is formed by the same operations, whatever
    is formed beside it.

    Parameters
    ----------
    nodes
        transmitter first.
    sample_rate
        [Hz].
    carriers
        carrier frequency of each hop [Hz]; 0 for a hop whose Doppler shift somebody else has
        compensated (the delay and its change remain).
    streams
        how many, all treated alike.
    noise
        source of noise for the receive streams.
    speed
        propagation speed [m/s].

    Raises
    ------
    StreamError
        a rate or a number of carriers is impossible. While running, too: a delay is not finite, or
        longer than `LONGEST` samples.
    """

    least = CENTRE + len(differentiator(PASSBAND))
    """Shortest delay [samples]."""

    def __init__(
        self,
        nodes: Sequence[Motion],
        *,
        sample_rate: float,
        carriers: Sequence[float],
        streams: int = 1,
        noise: Noise | None = None,
        speed: float = SPEED_OF_LIGHT,
    ) -> None:
        for name, value in (("sample_rate", sample_rate), ("speed", speed)):
            if not 0 < value < np.inf:
                raise StreamError(f"{name} is {value}; it must be positive")
        self.path = ChannelPath(tuple(nodes), carriers=tuple(carriers))
        self.sample_rate, self.streams, self.speed = sample_rate, streams, speed
        self.noise = noise
        self._carriers = tuple(carriers)
        self._compiled, self._filters = kernels(), fraction_filters(PASSBAND)
        self._slope = differentiator(PASSBAND)
        self._input = RingBuffer(streams)
        self._made = aligned_empty((streams, _BATCH * BLOCK + PAD))
        self._turn = aligned_empty((SPAN, BLOCK))
        self._noise = aligned_empty((streams, CHUNK))
        self.reset()

    def delay(self, time: float) -> float:
        """Delay of the path for what arrives at `time` [s]."""
        return float(self.path.range_and_rate(time, speed=self.speed)[0]) / self.speed

    def reset(self) -> None:
        """Begin again at time zero."""
        self._index = 0  # of the next output sample
        self._noise_chunk = -1
        self._span = -1
        self._prepare(0)
        self._input.reset(0, -self._window(0))

    def take(self, x: Samples | Sequence[Samples]) -> None:
        """Add the next input samples (streams, any number)."""
        taken, count = 0, len(x[0])
        while taken < count:
            step = min(count - taken, CHUNK - self._input.end % CHUNK)
            for row, place in zip(x, self._input.reserve(step), strict=True):
                place[:] = row[taken : taken + step]
            taken += step

    def make(self, out: Samples | Sequence[Samples]) -> int:
        """Write the output samples that can be made to rows `out` (streams, room for any number).

        Returns
        -------
        int
            how many were written to each row.
        """
        done, room = 0, len(out[0])
        while done < room:
            self._prepare(self._index // _SPAN)
            batch = (self._index // BLOCK + _BATCH) * BLOCK
            until = min(self._possible(), self._index + room - done, batch)
            if until <= self._index:
                break
            count = until - self._index
            rows = [row[done : done + count] for row in out]
            # What is not finite comes from what the radio has sent, and goes to the other one
            with np.errstate(over="ignore", invalid="ignore"):
                self._make(until, rows)
                self._add_noise(rows)
            self._index, done = until, done + count
            # the first block of the next span may reach back by a sample more than the last of this
            self._input.forget(self._window(self._index) - 1)
        return done

    # Delays

    def _prepare(self, span: int) -> None:
        """Work out the delays and phases of the blocks of a span."""
        if span == self._span:
            return
        step = _SPAN / self.sample_rate
        border = (span + np.arange(2)) * step
        length, rate = self.path.range_and_rate(border, speed=self.speed)
        late = at_blocks(length, rate, step) * (self.sample_rate / self.speed)
        late = np.maximum(late, self.least)
        if (longest := late.max()) > LONGEST:
            raise StreamError(
                f"at {border[0]:.6g} s the path holds {longest:.4g} samples; {LONGEST} are the most"
            )
        self._delays: BlockDelays = split_delays(late[:-1], late[1:])
        cycles = carrier_cycles(self.path.nodes, border, self._carriers, speed=self.speed)
        phase = -at_blocks(*cycles, step)
        self._phase = phase[:-1], phase[1:]
        if self._compiled is None:
            rotation(*self._phase, self._turn)
        self._span = span

    def _blocks(self) -> NDArray[np.int64]:
        """(SPAN,) first samples of the blocks of the span."""
        return self._span * _SPAN + BLOCK * np.arange(SPAN)

    def _possible(self) -> int:
        """Endpoint of the output in this span that the input allows."""
        first = self._blocks()
        limit = np.clip(self._input.end + self._delays.whole - self.least, first, first + BLOCK)
        cut = np.flatnonzero(limit < first + BLOCK)
        return int(limit[cut[0]]) if len(cut) else int(first[-1]) + BLOCK

    def _window(self, index: int) -> int:
        """First input sample that output from sample `index` on needs."""
        block = index // BLOCK - self._span * SPAN
        whole = self._delays.whole[min(block, SPAN - 1)]
        return index // BLOCK * BLOCK - int(whole) + CENTRE - (TAPS - 1) - REACH

    # Samples

    def _make(self, until: int, out: Sequence[Samples]) -> None:
        """Write the samples from the next one to `until`, all of this span, to rows."""
        base = self._span * SPAN
        first, last = self._index // BLOCK - base, -(-until // BLOCK) - base
        begin = (base + first) * BLOCK
        # In whole blocks, of which those samples are used that the input allows
        made = self._made[:, : (last - first) * BLOCK]
        oldest = self._window(self._index)
        newest = min(self._window(until - 1) + _WINDOW, self._input.end)
        if not self._input.view(oldest, newest - oldest).any():
            made[:] = 0
        elif self._compiled is not None:
            self._delay_compiled(slice(first, last))
        else:
            changes = np.flatnonzero(np.diff(self._delays.whole[first:last])) + 1
            borders = [first, *map(int, first + changes), last]
            for a, b in pairwise(borders):
                self._delay(slice(a, b), made[:, (a - first) * BLOCK : (b - first) * BLOCK])
        for row, arrived in zip(out, made, strict=True):
            row[:] = arrived[self._index - begin : until - begin]

    def _starts(self, blocks: slice) -> NDArray[np.int64]:
        """First samples of the windows of blocks."""
        first = self._blocks()[blocks] - self._delays.whole[blocks]
        return np.asarray(first + (CENTRE - (TAPS - 1) - REACH))

    def _delay_compiled(self, blocks: slice) -> None:
        assert self._compiled is not None
        ring, size = self._input.ring
        delays, (begin, end) = self._delays, self._phase
        self._compiled.delay(
            *(ring.view(np.float32), size, np.array([[0, self.streams, 0]])),
            *(np.ones(blocks.stop - blocks.start, np.bool_), self._starts(blocks)[None]),
            *(self._filters.taps, delays.row[None, blocks], self._filters.used, self._slope),
            np.stack([delays.begin[None, blocks], delays.end[None, blocks]]),
            *(begin[None, blocks], end[None, blocks], self._made.view(np.float32)),
        )

    def _delay(self, blocks: slice, out: Samples) -> None:
        """Write blocks with one whole delay to `out` (streams, blocks * BLOCK)."""
        reach, count = len(self._slope), blocks.stop - blocks.start
        begin = int(self._starts(blocks)[0]) + REACH - reach
        length, width = TAPS - 1 + 2 * reach + count * BLOCK, BLOCK + 2 * reach
        held = min(length, self._input.end - begin)
        x = np.zeros((self.streams, length), np.complex64)
        x[:, :held] = self._input.view(begin, held)
        # Products of a complex number with a real one are those of two real ones
        total, part = np.zeros((2, self.streams, count, 2 * width), np.float32)
        shape, strides = total.shape, (8 * length, 8 * BLOCK, 4)
        taps = self._filters.taps[self._delays.row[blocks]]
        for tap in range(*self._filters.used):
            moved: NDArray[np.float32] = np.ndarray(
                shape, np.float32, x, 8 * (TAPS - 1 - tap), strides
            )
            np.multiply(moved, taps[:, tap, None], out=part)
            total += part
        late = self._delays.begin[blocks], self._delays.end[blocks]
        x = follow(total.view(np.complex64), self._slope, *late).reshape(self.streams, -1)
        turn = self._turn[blocks].reshape(-1)
        # Not a product of complex numbers, which may be rounded otherwise at the end of an array
        out.real = x.real * turn.real - x.imag * turn.imag
        out.imag = x.real * turn.imag + x.imag * turn.real

    def _add_noise(self, out: Sequence[Samples]) -> None:
        """Add the noise of the samples from the next one on to rows."""
        done, count = 0, len(out[0])
        while self.noise is not None and done < count:
            chunk, first = divmod(self._index + done, CHUNK)
            if chunk != self._noise_chunk:
                self.noise.fill(chunk, list(self._noise))
                self._noise_chunk = chunk
            step = min(count - done, CHUNK - first)
            for row, noise in zip(out, self._noise, strict=True):
                row[done : done + step] += noise[first : first + step]
            done += step
