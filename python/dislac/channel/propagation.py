# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of one link at work: chunks of transmit chains in, chunks of receive chains out."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..dsp.compiled import kernels
from ..dsp.delay import AHEAD, LENGTH, TABLE_CHUNKS, window_starts
from ..dsp.stream import CHUNK, RingBuffer, Samples, StreamError
from .arrivals import Arrivals
from .compiled_engine import CompiledEngine
from .departures import Departures
from .endpoints import Endpoint
from .engine import Engine
from .numpy_engine import NumpyEngine
from .path import ChannelPath

__all__ = ["Propagation"]


class Propagation:
    """Weighs, delays and rotates what goes over the paths of a link, and sums it; no noise.

    `take` takes the next chunk of the transmit chains, `make` makes the next one of the receive
    chains as soon as `required` chunks have been taken.

    Parameters
    ----------
    paths
        May be empty: then nothing arrives.
    transmitter, receiver
        Arrays and beams.
    paired
        Each receive chain hears one transmit chain alone.
    advance
        How much earlier [s] than its arrival a sample leaves at a transmitter time [s]; None for
        not at all.
    sample_rate, carrier_frequency
        [Hz].
    passband
        What the signal occupies, |f| <= passband fs.
    speed
        Propagation speed [m/s].
    """

    def __init__(
        self,
        paths: Sequence[ChannelPath],
        transmitter: Endpoint,
        receiver: Endpoint,
        *,
        paired: bool,
        advance: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None,
        sample_rate: float,
        carrier_frequency: float,
        passband: float,
        speed: float,
    ) -> None:
        self.paths, self.speed = tuple(paths), speed
        self.wait = 0
        """Chunks to take beyond the one to make."""
        departures = Departures(
            self.paths, transmitter, paired=paired, advance=advance, sample_rate=sample_rate
        )
        self._arrivals = Arrivals(
            self.paths,
            receiver,
            widths=[rows.stop - rows.start for rows in departures.rows],
            sample_rate=sample_rate,
            carrier_frequency=carrier_frequency,
            speed=speed,
        )
        self._sent = RingBuffer(departures.streams)
        compiled = kernels()
        self._engine: Engine = (
            NumpyEngine(departures, self._arrivals, paired=paired, passband=passband)
            if compiled is None
            else CompiledEngine(
                compiled, departures, self._arrivals, paired=paired, passband=passband
            )
        )

    def reset(self, index: int) -> None:
        """Begin again with chunk `index`."""
        # A short path's kernel reaches beyond the chunk: wait for the next one.
        self.wait, lead = 0, 0
        if self.paths:
            table, chunk = self._arrivals.table(index), index % TABLE_CHUNKS
            self.wait = int(table.shortest[chunk] < 2 * AHEAD)
            lead = index * CHUNK - int(window_starts(index, table.whole[:, chunk]).min())
        self._sent.reset(index * CHUNK, lead)

    @property
    def taken(self) -> int:
        """Index of the next chunk to take."""
        return self._sent.end // CHUNK

    def required(self, index: int) -> int:
        """Index of the first chunk that chunk `index` can be made without."""
        return index + 1 + self.wait

    def longest_delay(self, time: float) -> float:
        """Delay [s] of the longest path for what arrives at `time` [s], 0 without paths."""
        lengths = [path.range_and_rate(time, speed=self.speed)[0] for path in self.paths]
        return float(max(lengths, default=0.0)) / self.speed

    def take(self, rows: Samples, place: int, active: list[slice]) -> None:
        """Take the next chunk of the transmit chains.

        Parameters
        ----------
        rows
            (chains, more than place + CHUNK) in which it begins at `place`.
        active
            Its segments outside which it is zero.
        """
        index = self.taken
        sent, sent_place = self._sent.extend(active)
        if self.paths and active:
            self._engine.send(index, rows, place, active, sent, sent_place)

    def make(self, index: int, out: Samples) -> list[slice]:
        """Write the next chunk of the receive chains, which is number `index`, to `out` (chains,
        CHUNK and some).

        Returns
        -------
        list of slice
            Segments that were written; in the others nothing arrives.

        Raises
        ------
        StreamError
            A path has got shorter than its sampled kernel.
        """
        if not self.paths:
            self._sent.forget(self._sent.end)
            return []
        starts = self._engine.window_starts(index)
        if starts.max() + LENGTH > self._sent.end:
            shortest = self._arrivals.table(index).shortest[index % TABLE_CHUNKS]
            raise StreamError(
                f"at sample {index * CHUNK} a path is {shortest} samples long; "
                f"a path that was longer than {2 * AHEAD} samples at the start must stay longer "
                f"than {AHEAD}"
            )
        made = self._engine.arrive(index, starts, self._sent, out)
        self._sent.forget(int(starts.min()))
        return made
