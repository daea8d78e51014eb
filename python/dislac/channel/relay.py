# SPDX-License-Identifier: GPL-3.0-or-later
"""A link between two radios that wait for each other: samples leave as soon as they can."""

from collections.abc import Sequence

import numpy as np

from ..dsp.delay import LENGTH
from ..dsp.noise import Noise
from ..dsp.stream import CHUNK, HOP
from ..geometry import SPEED_OF_LIGHT
from ..geometry.motion import Motion
from .emulator import ChannelEmulator
from .path import ChannelPath

__all__ = ["RelayLink"]


class RelayLink(ChannelEmulator):
    """One path between moving nodes, the same for every stream, of unit gain.

    What arrives now has left a time of flight ago, so a chunk of output needs no input as young as
    itself: it comes as early as the delay allows. Two radios of which each gives as many samples as
    it has taken then never wait for each other, provided that what they take begins with as many
    zeros as `latency` says.

    Args:
        nodes: transmitter first.
        sample_rate: [Hz].
        carriers: carrier frequency of each hop [Hz]; 0 for a hop whose Doppler shift somebody else
            has compensated (the delay and its change remain).
        streams: how many, all treated alike.
        noise: source of noise for the receive streams.
        speed: propagation speed [m/s].
    """

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
        path = ChannelPath(
            tuple(nodes), 1.0, coupling=np.eye(streams), carriers=tuple(carriers), transmitter=0
        )
        super().__init__(
            [path],
            sample_rate=sample_rate,
            carrier_frequency=float(carriers[-1]),
            inputs=streams,
            outputs=streams,
            noise=noise,
            speed=speed,
        )

    def latency(self, duration: float = 1000.0) -> int:
        """Zeros with which each direction has to begin, so that two radios do not wait for each
        other: a chunk, unless the path is longer than that for so long [s]."""
        time = np.linspace(0.0, duration, 1001)
        length, rate = self.paths[0].range_and_rate(time, speed=self.speed)
        # between these times it may be shorter, by no more than the slope allows
        shortest = length.min() - 0.5 * np.abs(rate).max() * duration / 1000
        return 0 if self._samples(shortest) >= CHUNK else CHUNK

    def _samples(self, length: float) -> int:
        """Samples that a path of some length [m] surely delays by, filters included."""
        return max(0, int(length / self.speed * self.sample_rate) - LENGTH - 2 * HOP)

    def _required(self, index: int) -> int:
        step = CHUNK / self.sample_rate
        time = (index + np.arange(2)) * step
        length, rate = self.paths[0].range_and_rate(time, speed=self.speed)
        shortest = self._samples(length.min() - 0.5 * np.abs(rate).max() * step)
        needed = (index + 1) * CHUNK - shortest
        return min(max(0, -(-needed // CHUNK) * CHUNK), super()._required(index))
