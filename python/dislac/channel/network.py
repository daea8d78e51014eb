# SPDX-License-Identifier: GPL-3.0-or-later
"""Several transmitters to several receivers: one channel emulator a link, summed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from ..dsp.compiled import add_segments
from ..dsp.noise import Noise, write_with_noise
from ..dsp.stream import (
    CHUNK,
    ChunkProcessor,
    Samples,
    StreamError,
    nonzero_segments,
    padded_empty,
)
from .emulator import ChannelEmulator

__all__ = ["NetworkEmulator"]


class NetworkEmulator(ChunkProcessor):
    """Moves the streams of K transmitters to L receivers, and adds each receiver's noise.

    Receiver l gets the sum over the transmitters k of what link (k, l) makes of transmitter k's
    streams, in the order of k, and then its noise. Each link is a `ChannelEmulator` with paths,
    arrays, beams, carriers and advance of its own. Input streams are those of transmitter 0, then
    those of transmitter 1, and so on; output streams likewise by receiver. A link costs what it
    costs alone: time and memory grow with the number of links.

    Parameters
    ----------
    links
        Emulator without noise of each link, by numbers of transmitter and receiver ``(k, l)``;
        where there is none, the receiver does not hear the transmitter. The network takes their
        insides over: they serve nothing else afterwards.
    transmitters
        (K,) streams of each transmitter.
    receivers
        (L,) streams of each receiver.
    noise
        (L,) source of noise of each receiver, None for none; elements may be replaced at any time.
    start
        Index of the first sample.

    Raises
    ------
    StreamError
        A link has other numbers of streams than its transmitter and its receiver, another sample
        rate or propagation speed than the others, noise of its own, or the emulator of another
        link. While running: a path gets shorter than its sampled kernel.
    """

    def __init__(
        self,
        links: Mapping[tuple[int, int], ChannelEmulator],
        *,
        transmitters: Sequence[int],
        receivers: Sequence[int],
        noise: Sequence[Noise | None] | None = None,
        start: int = 0,
    ) -> None:
        _check(links, transmitters, receivers, noise)
        self.links = {key: links[key].propagation for key in sorted(links)}
        """The paths of each link at work."""
        self.transmitters, self.receivers = _rows(transmitters), _rows(receivers)
        """Input streams of each transmitter, output streams of each receiver."""
        self.noise = [None] * len(receivers) if noise is None else list(noise)
        super().__init__(sum(transmitters), sum(receivers), start)
        self._link_chunk = padded_empty(max(receivers))
        self.reset()

    @property
    def lookahead(self) -> int:
        """Input samples needed beyond the last sample of a chunk of output: none, or where any
        link has a path of a few samples one chunk."""
        return self._wait * CHUNK

    def longest_delay(self, time: float) -> float:
        """Delay [s] of the longest path for what arrives at `time` [s], 0 without paths."""
        return max((link.longest_delay(time) for link in self.links.values()), default=0.0)

    def reset(self) -> None:
        """Begin again at `start`."""
        super().reset()
        for link in self.links.values():
            link.reset(self._index)
        self._wait = max((link.wait for link in self.links.values()), default=0)
        self._taken = self._index

    def _required(self, index: int) -> int:
        return (index + 1 + self._wait) * CHUNK

    def _make(self, index: int, out: Samples) -> list[slice]:
        while self._taken <= index + self._wait:
            self._take(self._taken)
            self._taken += 1
        self._input.forget(self._taken * CHUNK)
        segments: list[slice] = []
        written: set[int] = set()
        for (_, receiver), link in self.links.items():
            total = self._chunk[self.receivers[receiver]]
            if receiver in written:
                part = self._link_chunk[: len(total)]
                made = link.make(index, part)
                add_segments(part, made, list(total))
            else:
                made = link.make(index, total)
                written.add(receiver)
            segments += made
        return merged(segments)

    def _take(self, index: int) -> None:
        """Give each transmitter's chunk `index` to its links, with the silence of its own."""
        rows, place, active = self._input.chunk(index)
        for transmitter, streams in enumerate(self.transmitters):
            links = [link for (sender, _), link in self.links.items() if sender == transmitter]
            if links:
                found = nonzero_segments(rows[streams, place : place + CHUNK], active)
                for link in links:
                    link.take(rows[streams], place, found)

    def deliver(self, index: int, rows: Sequence[Samples]) -> None:
        """Write chunk `index`, the last that has been made, to rows of `CHUNK` samples."""
        for streams, noise in zip(self.receivers, self.noise, strict=True):
            write_with_noise(self._chunk[streams], self._made, noise, index, rows[streams])


def merged(segments: Iterable[slice]) -> list[slice]:
    """The same samples in segments that neither overlap nor touch, in order."""
    found: list[slice] = []
    for segment in sorted(segments, key=lambda segment: segment.start):
        if found and segment.start <= found[-1].stop:
            found[-1] = slice(found[-1].start, max(found[-1].stop, segment.stop))
        else:
            found.append(segment)
    return found


def _rows(counts: Sequence[int]) -> tuple[slice, ...]:
    ends = np.cumsum([0, *counts]).tolist()
    return tuple(slice(a, b) for a, b in pairwise(ends))


def _check(
    links: Mapping[tuple[int, int], ChannelEmulator],
    transmitters: Sequence[int],
    receivers: Sequence[int],
    noise: Sequence[Noise | None] | None,
) -> None:
    for name, counts in (("transmitters", transmitters), ("receivers", receivers)):
        if not counts or min(counts) < 1:
            raise StreamError(f"{name} have {list(counts)} streams; one at least with one stream")
    if noise is not None and len(noise) != len(receivers):
        raise StreamError(f"{len(noise)} sources of noise for {len(receivers)} receivers")
    if len({id(link) for link in links.values()}) < len(links):
        raise StreamError("one emulator serves two links; give each link an emulator of its own")
    for (sender, receiver), link in links.items():
        name = f"link ({sender}, {receiver})"
        if not (0 <= sender < len(transmitters) and 0 <= receiver < len(receivers)):
            raise StreamError(
                f"{name} is none of those between {len(transmitters)} transmitters and "
                f"{len(receivers)} receivers, which are counted from 0"
            )
        if (link.inputs, link.outputs) != (transmitters[sender], receivers[receiver]):
            raise StreamError(
                f"{name} takes {link.inputs} streams to {link.outputs}; its transmitter has "
                f"{transmitters[sender]}, its receiver {receivers[receiver]}"
            )
        if link.noise is not None:
            raise StreamError(f"{name} has noise; give the receiver's noise to the network")
    for setting in ("sample_rate", "speed"):
        if len(values := {getattr(link, setting) for link in links.values()}) > 1:
            raise StreamError(f"links have {setting} {sorted(values)}; one for all is needed")
