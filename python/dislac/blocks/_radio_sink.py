# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gNB or UE with a ZeroMQ radio receives."""

import time
from collections.abc import Sequence
from threading import Lock

import numpy as np
from gnuradio import gr

from ..io.zmq_samples import SampleServer, most_items
from ._lifecycle import Guarded, guarded
from ._radio_source import RadioSource

__all__ = ["RadioSink"]

_WAIT = 0.05
"""Longest wait [s] in one call, so that stopping the flowgraph need not wait."""
_PATIENCE = 1.0
"""How long a radio that asks anew has to answer anew [s]; else it was only its connection."""


class RadioSink(Guarded, gr.sync_block):
    """Gives a gNB or UE what it receives, one stream a receive port.

    The other side is a radio such as srsRAN's (device zmq, `rx_port`), which has a REQ socket for
    each channel, asks with one byte and takes complex floats. Nothing is dropped while it does not
    ask: the flowgraph waits.

    A radio that is started anew counts its time from its first sample, in both directions. With
    `source`, what it is given then begins with the sample that belongs to the first that it gave:
    what is older is left out, what is missing is zeros.

    Args:
        addresses: where to listen, one a stream: PORT of this host alone, HOST:PORT.
        source: what the same radio transmits; None for no alignment.
        latency: zeros before the first sample; see `RelayLink.latency`.
        any_interface: allow addresses that stand for all interfaces.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        source: RadioSource | None = None,
        latency: int = 0,
        any_interface: bool = False,
    ) -> None:
        gr.sync_block.__init__(self, "radio_sink", [np.complex64] * len(addresses), None)
        self.prepare()
        self._where = tuple(addresses), any_interface
        self._source = source
        if source is not None:
            source.before_waiting(self.send_zeros)
        self._latency = latency
        self._lock = Lock()  # the source's thread sends zeros
        self._servers: list[SampleServer] = []
        self.addresses = self._where[0]

    def begin(self) -> None:
        self._radio = 0  # which of those that have asked is being served
        self._connection = 0  # and what of the source belongs to it
        self._since: float | None = None
        self._zeros = self._latency
        self._unwanted = 0
        self.open()

    def open(self) -> tuple[str, ...]:
        """Listens from now on, if it does not yet; the addresses in full.

        Raises:
            AddressError: an address is none, or cannot be had.
        """
        if not self._servers:
            addresses, any_interface = self._where
            try:
                for address in addresses:
                    self._servers.append(SampleServer(address, any_interface=any_interface))
            except ValueError:
                self.finish()
                raise
            self.addresses = tuple(server.address for server in self._servers)
        return self.addresses

    def finish(self) -> None:
        with self._lock:
            for server in self._servers:
                server.close()
            self._servers = []

    @guarded(-1)
    def work(self, input_items, output_items):
        count = len(input_items[0])
        with self._lock:
            if not self._ready(_WAIT) or self._send_zeros():
                return 0
            if self._unwanted:
                count = min(self._unwanted, count)
                self._unwanted -= count
                return count
            count = min(count, most_items(1))
            return count if self._answer([stream[:count] for stream in input_items]) else 0

    def send_zeros(self) -> None:
        """Sends what zeros a radio is to begin with, which must not wait for samples to come."""
        if not self._lock.acquire(blocking=False):
            return  # `work` has samples and sees to it
        try:
            while self._servers and self._ready(0.0) and self._send_zeros():
                pass
        finally:
            self._lock.release()

    def _ready(self, wait: float) -> bool:
        """Whether all channels ask, and it is known what to begin with."""
        return all(server.wait(wait) for server in self._servers) and self._aligned()

    def _send_zeros(self) -> bool:
        """Sends zeros that are due; False if none are."""
        if (zeros := min(self._zeros, most_items(1))) <= 0:
            return False
        if self._answer([np.zeros(zeros, np.complex64)] * len(self._servers)):
            self._zeros -= zeros
        return True

    def _aligned(self) -> bool:
        """Finds out what a radio that asks for the first time is to begin with; whether it can."""
        radio = max(server.clients for server in self._servers)
        if radio == self._radio:
            return True
        source = self._source
        if source is not None:
            self._since = self._since or time.monotonic()
            if source.connections == self._connection:
                if time.monotonic() - self._since < _PATIENCE:
                    return False
            else:
                self._connection = source.connections
                # The first sample that the radio gets is to be the one of the first that it gave.
                ahead = self.nitems_read(0) + self._latency - source.begins_at
                self._zeros, self._unwanted = max(ahead, 0), max(-ahead, 0)
        self._radio, self._since = radio, None
        return True

    def _answer(self, streams: Sequence[np.ndarray]) -> bool:
        """Answers all channels; False where the radio has gone."""
        answered = [s.answer(x.tobytes()) for s, x in zip(self._servers, streams, strict=True)]
        return all(answered)
