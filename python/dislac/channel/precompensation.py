# SPDX-License-Identifier: GPL-3.0-or-later
"""Timing advance and Doppler pre-compensation at the transmitter, as a stream operation."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..dsp.compiled import kernels
from ..dsp.delay import (
    AHEAD,
    LENGTH,
    PASSBAND,
    TABLE_CHUNKS,
    DelayTable,
    active_blocks,
    active_segments,
    backward,
    batches,
    delay_table,
    differentiator,
    follow,
    forward,
    fraction_filters,
    fraction_responses,
    pieces,
    samples,
    valid,
    window_starts,
)
from ..dsp.rotator import rotation
from ..dsp.stream import (
    BLOCK,
    BLOCKS,
    CHUNK,
    ChunkProcessor,
    Samples,
    StreamError,
    aligned_empty,
    true_segments,
)
from ..geometry import SPEED_OF_LIGHT, carrier_cycles, range_and_rate
from ..geometry.motion import Motion

__all__ = ["Precompensator", "departure_delay"]

Floats = NDArray[np.float64]
Mode = Literal["frame", "time-varying"]

BATCH = 1024
"""Blocks, counted for each stream, that are transformed together."""


def departure_delay(
    nodes: Sequence[Motion],
    time: ArrayLike,
    carrier_frequency: ArrayLike = 0.0,
    *,
    speed: float = SPEED_OF_LIGHT,
) -> Floats:
    """Delay [s] that what leaves the path's first node at `time` [s] will meet.

    `range_and_rate` gives the delay of what *arrives* at a time; this one solves
    t = time + r(t) / c for the time of arrival. Arguments as there.
    """
    time = np.asarray(time, dtype=float)
    delay = np.zeros(time.shape)
    for _ in range(2):  # Newton: off by (acceleration / c) delay^2 after one round, nil after two
        length, rate = range_and_rate(nodes, time + delay, carrier_frequency, speed=speed)
        delay = delay + (length / speed - delay) / (1 - rate / speed)
    return delay


class Precompensator(ChunkProcessor):
    """Sends samples earlier and shifted in frequency, so that they arrive aligned.

    The input is what should arrive over the reference path, on the receiver's clock; the output
    is what must leave, on the transmitter's clock: out(t') = x(t' + a) exp(j 2 pi phi) with a the
    delay that the reference path will have, and phi = fc a (where its hops have carriers of their
    own, the sum of `carrier_cycles`). Output sample n therefore needs
    input up to about n + a fs, 9.6 thousand samples later in the paper's scene, and it comes in
    whole chunks: the first chunk of output comes when `lookahead` samples more have been taken.
    What the input holds in its first a fs samples would have had to leave before `start` and is
    lost, so a source begins with that many zeros at least, and ends with `lookahead` zeros to
    get its last samples out.

    ``time-varying``: a follows the reference path, which then gives back x(t) with constant
    phase. ``frame``: within frame k, which nominally arrives from sample frame_start +
    k frame_period on, the advance and the Doppler shift are those of the middle of its
    `frame_length` samples; the phase is the tangent there of the time-varying one, so frames are
    mutually coherent. The values change at the border of the block (256 samples) in which a frame
    begins.

    Parameters
    ----------
    reference
        nodes of the reference path, transmitter first.
    sample_rate
        [Hz].
    carrier_frequency
        one for all hops of the reference path, or one for each [Hz].
    chains
        number of streams, all treated alike.
    mode
        ``time-varying`` or ``frame``.
    frame_start, frame_period
        first sample of frame 0 and samples between frames, on the receiver's clock; for ``frame``.
    frame_length
        samples of a frame; 0 takes the values of its first sample.
    timing_advance_error
        [s], positive when residual delays grow by it.
    doppler_error
        [Hz], positive when residual Doppler shifts grow by it.
    start
        index of the first sample.
    passband
        what the signal occupies, |f| <= passband fs, as sent and with its Doppler shift. The
        narrower, the shorter does the delay's filter ring.
    speed
        propagation speed [m/s].

    Raises
    ------
    StreamError
        a setting is out of range.

    References
    ----------
    Bistatic localization paper, section II-C.
    """

    def __init__(
        self,
        reference: Sequence[Motion],
        *,
        sample_rate: float,
        carrier_frequency: float | Sequence[float],
        chains: int = 1,
        mode: Mode = "time-varying",
        frame_start: int = 0,
        frame_period: int | None = None,
        frame_length: int = 0,
        timing_advance_error: float = 0.0,
        doppler_error: float = 0.0,
        start: int = 0,
        passband: float = PASSBAND,
        speed: float = SPEED_OF_LIGHT,
    ) -> None:
        if len(reference) < 2:
            raise StreamError("the reference path needs two nodes at least")
        if mode not in ("frame", "time-varying"):
            raise StreamError(f"mode is {mode!r}; it must be 'frame' or 'time-varying'")
        if mode == "frame" and not (frame_period and frame_period > 0):
            raise StreamError(f"frame_period is {frame_period}; mode 'frame' needs a positive one")
        if not 0 <= frame_length <= (frame_period or np.inf):
            raise StreamError(
                f"frame_length is {frame_length}; it must lie between 0 and the frame period"
            )
        for name, value in (("sample_rate", sample_rate), ("speed", speed)):
            if not 0 < value < np.inf:
                raise StreamError(f"{name} is {value}; it must be positive")
        if np.shape(carrier_frequency) not in ((), (len(reference) - 1,)):
            raise StreamError(
                f"{np.size(carrier_frequency)} carriers for a reference path of "
                f"{len(reference) - 1} hops; one, or one a hop"
            )
        if not np.all(np.isfinite(carrier_frequency)):
            raise StreamError(f"carrier_frequency is {carrier_frequency}; it must be finite")
        for name, value in (
            ("timing_advance_error", timing_advance_error),
            ("doppler_error", doppler_error),
        ):
            if not np.isfinite(value):
                raise StreamError(f"{name} is {value}; it must be finite")
        super().__init__(chains, chains, start)
        self.reference = tuple(reference)
        self.sample_rate, self.carrier_frequency = sample_rate, carrier_frequency
        self.mode = mode
        self.frame_start, self.frame_period = frame_start, frame_period or 1
        self.frame_length = frame_length
        self.timing_advance_error, self.doppler_error = timing_advance_error, doppler_error
        self.speed = speed
        self._responses = fraction_responses(passband)
        self._compiled, self._filters = kernels(), fraction_filters(passband)
        self._slope = differentiator(passband)
        self._every = np.array([[0, chains, 0]])
        self._most = int(np.clip(BATCH // chains, 1, BLOCKS))
        self._work = aligned_empty((chains * self._most, LENGTH))
        self._response = aligned_empty((self._most, LENGTH))
        self._rotation = aligned_empty((self._most, BLOCK))
        self._tables: dict[int, DelayTable] = {}
        self.reset()

    def set_errors(self, timing_advance_error: float, doppler_error: float) -> None:
        """Other errors from the next chunk on; a frame that lies across its border is distorted.

        Parameters
        ----------
        timing_advance_error
            [s], not more than half a chunk (`CHUNK` / 2 samples) away from what it was.
        doppler_error
            [Hz].

        Raises
        ------
        StreamError
            The timing advance changes by more, for which too little of the past is kept.
        """
        change = abs(timing_advance_error - self.timing_advance_error)
        most = CHUNK / 2 / self.sample_rate
        if not change <= most:
            raise StreamError(
                f"the timing advance error changes by {change:.3g} s at once; while streams run "
                f"it may change by {most:.3g} s"
            )
        self.timing_advance_error, self.doppler_error = timing_advance_error, doppler_error
        self._tables.clear()

    def advance(self, time: ArrayLike) -> Floats:
        """Advance [s] of a sample that leaves at transmitter time `time` [s].

        The errors are part of it: what the transmitter does, it does to its beams too.
        """
        time = np.asarray(time, dtype=float)
        return self.advance_of(time + self._departure_delay(time))

    def advance_of(self, arrival: ArrayLike) -> Floats:
        """Advance [s] of a sample that arrives at receiver time `arrival` [s]."""
        if self.mode == "frame":
            delay = self._frame_middle(np.asarray(arrival, dtype=float))[1]
        else:
            delay = self._delay(np.asarray(arrival, dtype=float))[0]
        return delay - self.timing_advance_error

    @property
    def lookahead(self) -> int:
        """Input samples needed beyond the last sample of the first chunk of output."""
        index = self.start // CHUNK
        return self._required(index) - (index + 1) * CHUNK

    def _delay(self, arrival: Floats) -> tuple[Floats, Floats]:
        """Delay [s] of the reference path for what arrives at a time [s], and how fast it grows."""
        length, rate = range_and_rate(
            self.reference, arrival, self.carrier_frequency, speed=self.speed
        )
        return np.divide(length, self.speed), np.divide(rate, self.speed)

    def _departure_delay(self, time: Floats) -> Floats:
        """Delay [s] of the reference path for what leaves at a time [s]."""
        return departure_delay(self.reference, time, self.carrier_frequency, speed=self.speed)

    def _frame_middle(self, arrival: Floats) -> tuple[Floats, Floats, Floats]:
        """Middle [s] of the frame to which each time of arrival belongs, the delay [s] of the
        reference path then, and how fast it grows."""
        frame = np.floor((arrival * self.sample_rate - self.frame_start) / self.frame_period)
        middle = self.frame_start + frame * self.frame_period + self.frame_length / 2
        time = np.divide(middle, self.sample_rate)
        return time, *self._delay(time)

    def _table(self, index: int) -> DelayTable:
        """Delays and phases, chunk `index` among those chunks; the last two tables are kept, since
        what a chunk requires is asked for before the chunks ahead of it are made."""
        number = index // TABLE_CHUNKS
        if number not in self._tables:
            for old in list(self._tables)[:-1]:
                del self._tables[old]
            self._tables[number] = self._work_out(number)
        return self._tables[number]

    def _work_out(self, number: int) -> DelayTable:
        # borders of the blocks: (2, blocks) begin and end
        block = TABLE_CHUNKS * BLOCKS * number + np.arange(TABLE_CHUNKS * BLOCKS)
        time = np.stack([block, block + 1]) * (BLOCK / self.sample_rate)
        if self.mode == "frame":
            last = (block * BLOCK + BLOCK - 1) / self.sample_rate
            last = last + self._departure_delay(last)
            middle, advance, slope = self._frame_middle(last)
            arrival = time + advance
            # Arrivals spread over the frame by more than departures do.
            since = (arrival - middle) / (1 - slope)
        else:
            border = self._departure_delay(np.append(time[0], time[1, -1]))
            advance = np.stack([border[:-1], border[1:]])
            arrival = middle = time + advance
            since = np.zeros(())
        delay = (
            self.timing_advance_error - np.broadcast_to(advance, time.shape)
        ) * self.sample_rate
        cycles, growth = carrier_cycles(
            self.reference, middle, self.carrier_frequency, speed=self.speed
        )
        phase = cycles + growth * since + self.doppler_error * arrival
        return delay_table(delay, phase)

    def _lead(self, index: int) -> int:
        whole = self._table(index).whole[index % TABLE_CHUNKS]
        return index * CHUNK - int(window_starts(index, whole).min())

    def _required(self, index: int) -> int:
        shortest = self._table(index).shortest[index % TABLE_CHUNKS]
        return max(index + 1, -(-((index + 1) * CHUNK + AHEAD - shortest) // CHUNK)) * CHUNK

    def _make(self, index: int, out: Samples) -> list[slice]:
        table, chunk = self._table(index), index % TABLE_CHUNKS
        starts = window_starts(index, table.whole[chunk])
        if self._compiled is not None:
            return self._make_compiled(table, chunk, starts)
        found = pieces(active_blocks(self._input, starts), table.whole[chunk], self._most)
        out = out.reshape(self.outputs, BLOCKS, BLOCK)
        for batch in batches(found, self._most):
            blocks = np.concatenate([np.arange(piece.start, piece.stop) for piece in batch])
            response, turn = self._response[: len(blocks)], self._rotation[: len(blocks)]
            np.take(self._responses, table.row[chunk, blocks], axis=0, out=response, mode="clip")
            rotation(table.begin[chunk, blocks], table.end[chunk, blocks], turn)
            work = self._work[: self.inputs * len(blocks)].reshape(self.inputs, -1, LENGTH)
            self._input.gather(starts, batch, slice(None), work)
            spectra = forward(work)
            spectra *= response
            delayed = valid(backward(spectra), 0, len(self._slope))
            delayed = follow(delayed, self._slope, *table.late[:, chunk, blocks])
            delayed *= turn
            first = 0
            for piece in batch:
                part = slice(first, first := first + piece.stop - piece.start)
                out[:, piece] = delayed[:, part]
        self._input.forget(int(starts.min()))
        return [samples(piece) for piece in found]

    def _make_compiled(
        self, table: DelayTable, chunk: int, starts: NDArray[np.int64]
    ) -> list[slice]:
        assert self._compiled is not None
        ring, size = self._input.ring
        taps, used = self._filters
        here = slice(chunk, chunk + 1)
        sounding = self._compiled.active_blocks(
            active_segments(self._input, starts), starts[None], LENGTH
        )
        self._compiled.delay(
            *(ring.view(np.float32), size, self._every, sounding),
            *(starts[None], taps, table.row[here], used),
            *(self._slope, table.late[:, here]),
            *(table.begin[here], table.end[here], self._chunk.view(np.float32)),
        )
        self._input.forget(int(starts.min()))
        return [samples(part) for part in true_segments(sounding)]
