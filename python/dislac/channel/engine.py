# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample-rate work of an emulated link, as both engines offer it."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from ..dsp.delay import differentiator
from ..dsp.stream import RingBuffer, Samples
from .arrivals import Arrivals
from .departures import Departures

__all__ = ["Engine"]


class Engine(ABC):
    """Makes chunks of what leaves out of chunks of transmit chains, and of what arrives at the
    receive chains out of what has left.

    Parameters
    ----------
    departures, arrivals
        weights, delays and phases by which it is done.
    paired
        each receive chain hears one transmit chain alone.
    passband
        what the signal occupies, |f| <= passband fs.
    """

    def __init__(
        self, departures: Departures, arrivals: Arrivals, *, paired: bool, passband: float
    ) -> None:
        self.departures, self.arrivals, self.paired = departures, arrivals, paired
        self._slope = differentiator(passband)

    @abstractmethod
    def send(
        self,
        index: int,
        source: Samples,
        place: int,
        active: list[slice],
        sent: Samples,
        sent_place: int,
    ) -> None:
        """Weigh chunk `index` of the transmit chains, in its active segments, for each departure.

        Parameters
        ----------
        source
            rows of the transmit chains, in which the chunk begins at `place`.
        sent
            rows to write, in which the chunk begins at `sent_place`.
        """

    @abstractmethod
    def window_starts(self, index: int) -> NDArray[np.int64]:
        """(groups of paths, BLOCKS) indices of the samples at which the windows begin that chunk
        `index` is made of."""

    @abstractmethod
    def arrive(
        self, index: int, starts: NDArray[np.int64], sent: RingBuffer, out: Samples
    ) -> list[slice]:
        """Delay and rotate what was sent, path by path, and combine it for each receive chain.

        Parameters
        ----------
        starts
            the `window_starts` of chunk `index`.
        out
            (chains, CHUNK and some) where to write it.

        Returns
        -------
        list[slice]
            Segments for which this was done; in the others nothing arrives and nothing is written.
        """
