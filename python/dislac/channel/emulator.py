# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel emulator: any list of paths between moving nodes, in the sample domain."""

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise, starmap

import numpy as np
from numpy.typing import NDArray

from ..arrays import PlanarArray
from ..dsp.compiled import edges, kernels
from ..dsp.delay import (
    AHEAD,
    LENGTH,
    PASSBAND,
    SPAN,
    SPREAD,
    active_runs,
    at_hops,
    backward,
    batches,
    differentiator,
    follow,
    forward,
    fraction_filters,
    fraction_responses,
    pieces,
    samples,
    sounding,
    split_delays,
    valid,
    window_starts,
)
from ..dsp.noise import Noise
from ..dsp.rotator import rotation
from ..dsp.stream import (
    CHUNK,
    HOP,
    HOPS,
    ChunkProcessor,
    History,
    Samples,
    StreamError,
    aligned_empty,
    padded_empty,
    runs,
)
from ..geometry import SPEED_OF_LIGHT, carrier_cycles
from .ends import make_end
from .path import ChannelPath
from .schedule import BeamSchedule, Stretch
from .snapshot import Coupling

__all__ = ["ChannelEmulator"]

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

BLOCK = 64
"""Chunks whose delays and phases are worked out together."""

PARTS = 16
"""Parts of a chunk, for each of which the directions of its middle hold."""
PART = CHUNK // PARTS

SPANS = BLOCK * HOPS // SPAN

BATCH = 1024
"""Hops, counted for each path and stream, that are transformed together."""


class ChannelEmulator(ChunkProcessor):
    """Moves streams from a transmitter to a receiver over any number of paths, and adds noise.

    Receive stream i is y_i(t) = sum over paths l of g_l c_l,i(t) u_l(t) + noise with
    u_l(t) = z_l(t - tau_l(t)) exp(-j 2 pi fc tau_l(t)), where tau_l(t) = r_l(t) / c comes from
    the one range function of the path's nodes, t is the time of reception, and output sample n
    has t = n / fs like input sample n. Where the hops have carriers of their own, the phase is
    that of `carrier_cycles`. With beams F_m and W_m and array responses a_t and a_r,

    - ``physical``: z_l = a_t^T F_m x, c_l = W_m^H a_r: each receive chain hears all beams;
    - ``paired``: chain i hears transmit chain i alone, z_l,i = (a_t^T f_m,i) x_i and
      c_l,i = w_m,i^H a_r.

    F_m switches on the transmitter's clock, W_m on the receiver's. Delays and carrier phases run
    straight between exact values 256 samples apart.

    Without arrays and beams it joins any N input streams to any M output streams, each path
    with a coupling matrix (ones if not given).

    Args:
        paths: may be empty: noise only.
        sample_rate, carrier_frequency: [Hz].
        transmit_array, receive_array: None for ends without array response.
        transmit_beams, receive_beams: None for one stream per element.
        inputs, outputs: numbers of streams; needed only at an end with neither array nor beams
            (default: what the paths' coupling says, else 1).
        coupling: ``physical`` or ``paired``.
        transmit_advance: how much earlier [s] than its arrival a sample leaves, as a function
            of the transmitter's time [s] (`Precompensator.advance`): the transmit beams switch
            as much earlier than their schedule says. None for no advance.
        noise: source of noise for the receive streams; may be replaced at any time.
        start: index of the first sample.
        passband: what the signal occupies, |f| <= passband fs, as sent and with its Doppler
            shift. The narrower, the shorter does the delay's filter ring.
        speed: propagation speed [m/s].

    Raises:
        StreamError: settings disagree. While running: a path gets shorter than its sampled
            kernel.

    Source: bistatic localization paper, (3) and (7), in the time domain.
    """

    def __init__(
        self,
        paths: Sequence[ChannelPath],
        *,
        sample_rate: float,
        carrier_frequency: float,
        transmit_array: PlanarArray | None = None,
        receive_array: PlanarArray | None = None,
        transmit_beams: BeamSchedule | None = None,
        receive_beams: BeamSchedule | None = None,
        inputs: int | None = None,
        outputs: int | None = None,
        coupling: Coupling = "physical",
        transmit_advance: Callable[[Floats], Floats] | None = None,
        noise: Noise | None = None,
        start: int = 0,
        passband: float = PASSBAND,
        speed: float = SPEED_OF_LIGHT,
    ) -> None:
        for name, value in (("sample_rate", sample_rate), ("speed", speed)):
            if not 0 < value < np.inf:
                raise StreamError(f"{name} is {value}; it must be positive")
        if not np.isfinite(carrier_frequency):
            raise StreamError(f"carrier_frequency is {carrier_frequency}; it must be finite")
        if coupling not in ("physical", "paired"):
            raise StreamError(f"coupling is {coupling!r}; it must be 'physical' or 'paired'")
        matrices = [np.asarray(p.coupling) for p in paths if p.coupling is not None]
        if matrices and transmit_array is None and transmit_beams is None:
            inputs = inputs or matrices[0].shape[1]
        if matrices and receive_array is None and receive_beams is None:
            outputs = outputs or matrices[0].shape[0]
        self._transmitter = make_end("transmitter", transmit_array, transmit_beams, inputs)
        self._receiver = make_end("receiver", receive_array, receive_beams, outputs)
        elements = self._receiver.schedule.elements, self._transmitter.schedule.elements
        if any(matrix.shape != elements for matrix in matrices):
            raise StreamError(
                f"couplings have shapes {[m.shape for m in matrices]}; the elements at the "
                f"receiver and the transmitter are {elements}"
            )
        inputs, outputs = self._transmitter.schedule.chains, self._receiver.schedule.chains
        if coupling == "paired" and (inputs != outputs or matrices):
            raise StreamError(
                f"paired coupling joins as many chains at both ends ({inputs} and {outputs}) "
                "and knows no coupling matrices"
            )
        if receive_beams is None and any(callable(p.gain) for p in paths):
            raise StreamError(
                "gains that change from frame to frame need receive_beams, which count the "
                "frames; for streams without beams give BeamSchedule.constant(eye, period)"
            )
        super().__init__(inputs, outputs, start)
        self.paths = tuple(paths)
        self.sample_rate, self.carrier_frequency = sample_rate, carrier_frequency
        self.coupling = coupling
        self.transmit_advance = transmit_advance
        self.noise = noise
        self.speed = speed
        self._responses = fraction_responses(passband)
        self._compiled, self._filters = kernels(), fraction_filters(passband)
        self._slope = differentiator(passband)
        self._lay_out()
        self.reset()

    def _lay_out(self) -> None:
        """Give each departure its rows of what is sent, each path its rows of what arrives."""
        rows = 0
        departures: dict[Hashable, slice] = {}
        self._departures: list[ChannelPath] = []
        self._sent_rows: list[slice] = []
        for path in self.paths:
            key = self._departure_key(path)
            if key not in departures:
                rank = self.inputs if self.coupling == "paired" else len(path.factors[1])
                departures[key] = slice(rows, rows + rank)
                self._departures.append(path)
                rows += rank
            self._sent_rows.append(departures[key])
        ends = np.cumsum([0, *(s.stop - s.start for s in self._sent_rows)])
        self._arriving_rows = [slice(a, b) for a, b in pairwise(ends.tolist())]
        self._sent = History(rows)
        self._rows, paths = int(ends[-1]), len(self.paths)
        self._most = int(np.clip(BATCH // max(self._rows, 1), 1, HOPS))
        self._arrived = padded_empty(self._rows).view(np.float32)
        self._over = np.array(
            [
                (sent.start, sent.stop, arriving.start)
                for sent, arriving in zip(self._sent_rows, self._arriving_rows, strict=True)
            ],
            dtype=np.int64,
        ).reshape(-1, 3)
        self._still = np.zeros(HOPS, np.int64)
        self._work = aligned_empty((self._rows * self._most, LENGTH))
        self._product = aligned_empty((self._rows * self._most, LENGTH))
        self._arriving = aligned_empty((self._rows * self._most, HOP))
        self._response = aligned_empty((paths * self._most, LENGTH))
        self._rotation = aligned_empty((paths * self._most, HOP))

    def _departure_key(self, path: ChannelPath) -> Hashable:
        """Equal for paths that are known to be sent the same."""
        if path.coupling is not None:
            return np.asarray(path.coupling, dtype=complex).tobytes()
        if self._transmitter.array is None:
            return None
        if path.departure is not None:
            return tuple(np.asarray(path.departure, dtype=float).tolist())
        here, there = path.first_leg
        return id(here), id(there)

    def reset(self) -> None:
        """Begin anew at `start`."""
        super().reset()
        self._sent_block = self._arriving_block = -1
        first = self._index
        # A short path's kernel reaches beyond the chunk: wait for the next one.
        self._wait = 0
        lead = 0
        if self.paths:
            self._prepare_arrivals(first // BLOCK)
            shortest = int(self._whole[:, first % BLOCK].min())
            self._wait = int(shortest < 2 * AHEAD)
            lead = first * CHUNK - min(
                int(window_starts(first, whole[first % BLOCK]).min()) for whole in self._longest
            )
        self._sent.reset(first * CHUNK, lead)

    @property
    def lookahead(self) -> int:
        """Input samples needed beyond the last sample of a chunk of output: none, or for paths
        of a few samples one chunk."""
        return self._wait * CHUNK

    def longest_delay(self, time: float) -> float:
        """Delay [s] of the longest path for what arrives at `time` [s], 0 without paths."""
        lengths = [path.range_and_rate(time, speed=self.speed)[0] for path in self.paths]
        return float(max(lengths, default=0.0)) / self.speed

    def _required(self, index: int) -> int:
        return (index + 1 + self._wait) * CHUNK

    def _make(self, index: int, out: Samples) -> list[slice]:
        if not self.paths:
            self._input.forget(self._required(index))
            return []
        while self._sent.end < self._required(index):
            self._send(self._sent.end // CHUNK)
        self._input.forget(self._sent.end)
        return self._arrive(index, out)

    def deliver(self, index: int, rows: Sequence[Samples]) -> None:
        if self.noise is None:
            super().deliver(index, rows)
            return
        self.noise.fill(index, rows)
        if self._compiled is not None:
            pairs = tuple(row.view(np.float32) for row in rows)
            self._compiled.add(self._chunk.view(np.float32), edges(self._made), pairs)
            return
        for run in self._made:
            for row, made in zip(rows, self._chunk, strict=True):
                row[run] += made[run]

    # What leaves

    def _prepare_advance(self, block: int) -> None:
        if block == self._sent_block:
            return
        self._advance = np.zeros((BLOCK, HOPS), dtype=np.int64)
        if self.transmit_advance is not None:
            # like the pre-compensation, by the last sample of each hop
            last = (block * BLOCK * HOPS + np.arange(1, BLOCK * HOPS + 1)) * HOP - 1
            advance = self.transmit_advance(last / self.sample_rate) * self.sample_rate
            self._advance[:] = np.floor(advance).reshape(BLOCK, HOPS)
        self._sent_block = block

    def _transmit_weights(self, index: int) -> Samples:
        """(PARTS, Ms, streams, chains) weights of the transmit chains in chunk `index`."""
        symbols = len(self._transmitter.schedule.beams)
        beams = np.concatenate(list(self._transmitter.schedule.beams), axis=1)
        weights = []
        for path in self._departures:
            v = self._transmitter.response(path.departure, *path.first_leg, self._part_times(index))
            if path.coupling is not None:
                right = path.factors[1]
                right = np.broadcast_to(right, (PARTS, *right.shape))
            else:
                right = v[:, None]
            weight = (right @ beams).reshape(PARTS, -1, symbols, self.inputs)
            weights.append(weight.swapaxes(1, 2))
        joined = np.concatenate(weights, axis=2)
        if self.coupling == "paired":
            joined = joined.reshape(*joined.shape[:2], -1, 1)
            if self._compiled is not None:
                joined = joined * np.tile(np.eye(self.inputs), (len(self._departures), 1))
        return joined.astype(np.complex64)

    def _part_times(self, index: int) -> Floats:
        """(PARTS,) middles of the parts of chunk `index` [s]."""
        return np.asarray((index * PARTS + np.arange(PARTS) + 0.5) * (PART / self.sample_rate))

    def _send(self, index: int) -> None:
        """Weigh input chunk `index` for each departure."""
        block, chunk = divmod(index, BLOCK)
        self._prepare_advance(block)
        weights = self._transmit_weights(index)
        first = index * CHUNK
        x = self._input.view(first, CHUNK)
        active = [slice(a - first, b - first) for a, b in self._input.active(first, CHUNK)]
        sent, place = self._sent.extend(active)
        advance = self._advance[chunk]
        if self._compiled is not None:
            ring, size = self._input.ring
            self._compiled.mix(
                *(ring.view(np.float32), first % size, edges(active)),
                *(advance, first, self._transmitter.schedule.table, weights),
                *(np.ones((1, self.inputs), np.complex64), sent.view(np.float32), place),
            )
            return
        z = sent[:, place : place + CHUNK]
        steps = HOP * (np.flatnonzero(np.diff(advance)) + 1)
        borders = [int(border) for border in np.union1d(steps, PART * np.arange(1, PARTS))]
        for heard in active:
            inside = [border for border in borders if heard.start < border < heard.stop]
            for run in starmap(slice, pairwise([heard.start, *inside, heard.stop])):
                due = first + run.start + int(advance[run.start // HOP])
                self._weigh(weights[run.start // PART], due, x[:, run], z[:, run])

    def _weigh(self, weights: Samples, first: int, x: Samples, z: Samples) -> None:
        """Weigh samples x, due from index `first` on, with the weights of their symbols."""
        for stretch in self._transmitter.schedule.stretches(first, x.shape[1]):
            weight = weights[stretch.symbol]
            source, target = _runs(x, stretch), _runs(z, stretch)
            if self.coupling == "physical":
                _matmul(weight, source, target)
                continue
            for rows in {(s.start, s.stop) for s in self._sent_rows}:
                np.multiply(source, weight[:, slice(*rows)], out=target[:, slice(*rows)])

    # What arrives

    def _prepare_arrivals(self, block: int) -> None:
        if block == self._arriving_block:
            return
        step = SPAN * HOP / self.sample_rate
        border = (block * SPANS + np.arange(SPANS + 1)) * step
        ways = [path.range_and_rate(border, speed=self.speed) for path in self.paths]
        length, rate = (np.stack(parts) / self.speed for parts in zip(*ways, strict=True))
        delay = at_hops(length, rate, step)
        shape = len(self.paths), BLOCK, HOPS
        late = delay * self.sample_rate
        split = split_delays(late[:, :-1].reshape(shape), late[:, 1:].reshape(shape))
        self._whole, self._row = split.whole, split.row
        self._late = np.stack([split.begin, split.end])
        phase = -self.carrier_frequency * delay
        for p, path in enumerate(self.paths):
            if path.carriers is not None:
                cycles = carrier_cycles(path.nodes, border, path.carriers, speed=self.speed)
                phase[p] = -at_hops(*cycles, step)
        self._phase = phase[:, :-1].reshape(shape), phase[:, 1:].reshape(shape)
        self._group()
        self._arriving_block = block

    def _receive_weights(self, index: int) -> Samples:
        """(PARTS, Ms, chains, streams) weights of what arrives in chunk `index`."""
        time = self._part_times(index)
        symbols = len(self._receiver.schedule.beams)
        combiner = np.concatenate(list(self._receiver.schedule.beams), axis=1).conj().T
        weights = []
        for path in self.paths:
            v = self._receiver.response(path.arrival, path.nodes[-1], path.nodes[-2], time)
            if path.coupling is not None:
                left = path.factors[0]
                left = np.broadcast_to(left, (PARTS, *left.shape))
            else:
                left = v[:, :, None]
            gain = 1.0 if callable(path.gain) else path.gain
            weights.append((gain * (combiner @ left)).reshape(PARTS, symbols, self.outputs, -1))
        joined = np.concatenate(weights, axis=3)
        if self.coupling == "paired" and self._compiled is not None:
            each = joined[..., None] * np.eye(self.outputs)[:, None]
            joined = each.reshape(*joined.shape[:3], -1)
        return joined.astype(np.complex64)

    def _group(self) -> None:
        """Paths with the same departure and close delays share forward transforms."""
        order = sorted(
            range(len(self.paths)), key=lambda p: (self._sent_rows[p].start, self._whole[p, 0, 0])
        )
        self._groups: list[list[int]] = []
        self._longest: list[NDArray[np.int64]] = []
        for p in order:
            if self._groups:
                group = [*self._groups[-1], p]
                spread = np.ptp(self._whole[group], axis=0).max()
                if self._sent_rows[group[0]] == self._sent_rows[p] and spread <= SPREAD:
                    self._groups[-1] = group
                    self._longest[-1] = self._whole[group].max(axis=0)
                    continue
            self._groups.append([p])
            self._longest.append(self._whole[p])
        self._lag = np.empty_like(self._whole)
        for group, longest in zip(self._groups, self._longest, strict=True):
            self._lag[group] = longest - self._whole[group]

    def _arrive(self, index: int, out: Samples) -> list[slice]:
        """Delay and rotate what was sent, path by path, and combine it in chunk `index`.

        Returns the runs of samples for which this was done; in the others nothing arrives.
        """
        block, chunk = divmod(index, BLOCK)
        self._prepare_arrivals(block)
        longest = self._whole if self._compiled is not None else np.stack(self._longest)
        starts = window_starts(index, longest[:, chunk])
        if starts.max() + LENGTH > self._sent.end:
            raise StreamError(
                f"at sample {index * CHUNK} a path is {self._whole[:, chunk].min()} samples long; "
                f"a path that was longer than {2 * AHEAD} samples at the start must stay longer "
                f"than {AHEAD}"
            )
        if self._compiled is not None:
            return self._arrive_compiled(index, starts)
        weights = self._receive_weights(index)
        found = pieces(sounding(self._sent, starts), self._whole[:, chunk], self._most)
        for batch in batches(found, self._most):
            arriving = self._delay(chunk, starts, batch).reshape(self._rows, -1)
            first = 0
            for piece in map(samples, batch):
                part = slice(first, first := first + piece.stop - piece.start)
                self._combine(index * CHUNK, piece, weights, arriving[:, part], out[:, piece])
        self._sent.forget(int(starts.min()))
        return [samples(piece) for piece in found]

    def _arrive_compiled(self, index: int, starts: NDArray[np.int64]) -> list[slice]:
        assert self._compiled is not None
        chunk, first = index % BLOCK, index * CHUNK
        taps, used = self._filters
        begin, end = self._phase
        ring, size = self._sent.ring
        heard = self._compiled.hear(active_runs(self._sent, starts), starts, LENGTH)
        self._compiled.delay(
            *(ring.view(np.float32), size, self._over, heard),
            *(starts, taps, self._row[:, chunk], used),
            *(self._slope, self._late[:, :, chunk]),
            *(begin[:, chunk], end[:, chunk], self._arrived),
        )
        found = [samples(run) for run in runs(heard)]
        schedule = self._receiver.schedule
        begun, last = (int(frame) for frame in schedule.frame([first, first + CHUNK - 1]))
        frames = np.arange(begun, last + 1)
        gains = np.ones((len(frames), self._rows), np.complex64)
        for path, rows in zip(self.paths, self._arriving_rows, strict=True):
            if callable(path.gain):
                gains[:, rows] = path.gain(np.maximum(frames, 0))[:, None]
        self._compiled.mix(
            *(self._arrived, 0, edges(found)),
            *(self._still, first, schedule.table, self._receive_weights(index), gains),
            *(self._chunk.view(np.float32), 0),
        )
        self._sent.forget(int(starts.min()))
        return found

    def _delay(self, chunk: int, starts: NDArray[np.int64], batch: Sequence[slice]) -> Samples:
        """Some hops of all paths (rows, hops, HOP), delayed and rotated.

        Args:
            starts: (groups, HOPS) where the windows begin that a group of paths shares.
        """
        hops = np.concatenate([np.arange(piece.start, piece.stop) for piece in batch])
        paths, count = len(self.paths), len(hops)
        rows = [self._sent_rows[group[0]] for group in self._groups]
        ends = np.cumsum([0, *(row.stop - row.start for row in rows)]).tolist()
        work = self._work[: ends[-1] * count].reshape(-1, count, LENGTH)
        for start, row, (a, b) in zip(starts, rows, pairwise(ends), strict=True):
            self._sent.gather(start, batch, row, work[a:b])
        spectra = forward(work)
        response = self._response[: paths * count].reshape(paths, count, LENGTH)
        np.take(self._responses, self._row[:, chunk, hops], axis=0, out=response, mode="clip")
        product = self._product[: self._rows * count].reshape(-1, count, LENGTH)
        for group, (a, b) in zip(self._groups, pairwise(ends), strict=True):
            for p in group:
                np.multiply(spectra[a:b], response[p], out=product[self._arriving_rows[p]])
        delayed = backward(product)
        turn = self._rotation[: paths * count].reshape(paths, count, HOP)
        rotation(self._phase[0][:, chunk, hops], self._phase[1][:, chunk, hops], turn)
        arriving = self._arriving[: self._rows * count].reshape(-1, count, HOP)
        lag, late = self._lag[:, chunk, hops], self._late[:, :, chunk, hops]
        borders = np.flatnonzero((lag[:, 1:] != lag[:, :-1]).any(axis=0)) + 1
        for first, last in pairwise([0, *map(int, borders), count]):
            for p, row in enumerate(self._arriving_rows):
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
        schedule = self._receiver.schedule
        base = int(schedule.frame(first))
        for stretch in schedule.stretches(first, out.shape[1]):
            weight = weights[stretch.symbol]
            if any(callable(p.gain) for p in self.paths):
                frame = np.maximum(base + stretch.frame, 0)
                for p, (path, rows) in enumerate(zip(self.paths, self._arriving_rows, strict=True)):
                    if callable(path.gain):
                        column = rows if self.coupling == "physical" else slice(p, p + 1)
                        weight[..., column] *= path.gain(frame)[:, None, None]
            target = _runs(out, stretch)
            if self.coupling == "physical":
                _matmul(weight, _runs(arriving, stretch), target)
                continue
            for p, rows in enumerate(self._arriving_rows):
                source = _runs(arriving[rows], stretch)
                factor = weight[..., p : p + 1]
                if p == 0:
                    np.multiply(source, factor, out=target)
                else:
                    source *= factor
                    target += source


def _matmul(weight: Samples, source: Samples, target: Samples) -> None:
    """target (runs, M, length) = weight (runs, M, N) @ source (runs, N, length)"""
    if source.shape[2] > 1:
        np.matmul(weight, source, out=target)
    else:
        # OpenBLAS's dot product of a column reads a place beyond its end, where memory may end.
        target[:] = np.matmul(weight, np.repeat(source, 2, axis=2))[..., :1]


def _runs(x: Samples, stretch: Stretch) -> Samples:
    """View (runs, streams, length) of the samples of a stretch."""
    count = len(stretch.symbol)
    part = x[:, stretch.first : stretch.first + count * stretch.length]
    return part.reshape(len(x), count, stretch.length).swapaxes(0, 1)
