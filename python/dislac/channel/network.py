# SPDX-License-Identifier: GPL-3.0-or-later
"""Several transmitters heard by several receivers: one channel emulator a link, summed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from ..dsp.noise import Noise
from ..dsp.stream import CHUNK, Chunk, ChunkProcessor, Samples, StreamError, sounding_segments
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
        where there is none, the receiver does not hear the transmitter. The network resets and
        runs them: they serve nothing else.
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
        rate or propagation speed than the others, or noise of its own. While running: a path gets
        shorter than its sampled kernel.
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
        self.links = {key: links[key] for key in sorted(links)}
        self.transmitters, self.receivers = _rows(transmitters), _rows(receivers)
        """Input streams of each transmitter, output streams of each receiver."""
        self.noise = [None] * len(receivers) if noise is None else list(noise)
        super().__init__(sum(transmitters), sum(receivers), start)
        self.reset()

    @property
    def lookahead(self) -> int:
        """Input samples needed beyond the last sample of a chunk of output: none, or where any
        link has a path of a few samples one chunk."""
        return max((link.lookahead for link in self.links.values()), default=0)

    def longest_delay(self, time: float) -> float:
        """Delay [s] of the longest path for what arrives at `time` [s], 0 without paths."""
        return max((link.longest_delay(time) for link in self.links.values()), default=0.0)

    def reset(self) -> None:
        """Begin again at `start`."""
        super().reset()
        for link in self.links.values():
            # Samples before `start` are zeros of this processor's input.
            link.start = self._index * CHUNK
            link.reset()
        self._taken = dict.fromkeys(self.links, self._index)

    def _required(self, index: int) -> int:
        return (index + 1) * CHUNK + self.lookahead

    def _make(self, index: int, out: Samples) -> list[slice]:
        heard: set[int] = set()
        segments: list[slice] = []
        for (transmitter, receiver), link in self.links.items():
            made = self._link_chunk(link, transmitter, receiver, index)
            target = out[self.receivers[receiver]].view(np.float32)
            for segment in made.active:
                pairs = slice(2 * segment.start, 2 * segment.stop)
                source = made.samples.view(np.float32)[:, pairs]
                if receiver in heard:
                    target[:, pairs] += source
                else:
                    target[:, pairs] = source
            heard.add(receiver)
            segments += made.active
        self._input.forget(min(self._taken.values(), default=index + 1) * CHUNK)
        return merged(segments)

    def _link_chunk(
        self, link: ChannelEmulator, transmitter: int, receiver: int, index: int
    ) -> Chunk:
        """Chunk `index` of what arrives over a link, which takes just the input that it needs."""
        while True:
            taken = self._taken[transmitter, receiver]
            self._taken[transmitter, receiver] += 1
            for made in link.feed(self._sent_chunk(transmitter, taken)):
                if made.index == index:
                    return made

    def _sent_chunk(self, transmitter: int, index: int) -> Chunk:
        """Chunk `index` of a transmitter's streams."""
        first = index * CHUNK
        samples = self._input.view(first, CHUNK)[self.transmitters[transmitter]]
        active = [slice(a - first, b - first) for a, b in self._input.active(first, CHUNK)]
        return Chunk(index, samples, sounding_segments(samples, active))

    def deliver(self, index: int, rows: Sequence[Samples]) -> None:
        """Write chunk `index`, the last that has been made, to rows of `CHUNK` samples."""
        for streams, noise in zip(self.receivers, self.noise, strict=True):
            made, out = self._chunk[streams], rows[streams]
            if noise is None:
                for row, samples in zip(out, made, strict=True):
                    row[:] = samples[:CHUNK]
                continue
            noise.fill(index, out)
            for segment in self._made:
                for row, samples in zip(out, made, strict=True):
                    row[segment] += samples[segment]


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
