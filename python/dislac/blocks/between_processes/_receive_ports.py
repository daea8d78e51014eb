# SPDX-License-Identifier: GPL-3.0-or-later
"""Receive ports of a gNB or UE with a ZeroMQ radio."""

import time
from collections.abc import Sequence
from threading import Lock

import numpy as np
from gnuradio import gr

from ...io.zmq_samples import WAIT, SampleServer, most_items
from ...io.zmq_sockets import KeyFile
from ..lifecycle import Guarded, guarded
from ._transmit_ports import TransmitPorts

__all__ = ["ReceivePorts"]

_PATIENCE = 3.0
"""Time that a radio which asks again has to answer again [s]; else it was only its connection."""

_NONE = np.zeros(0, np.complex64)


class ReceivePorts(Guarded, gr.sync_block):
    """Gives a gNB or UE what it receives, one stream a receive port.

    The other side is a radio such as srsRAN's (device zmq, `rx_port`), which has a REQ socket for
    each channel, asks with one byte and takes complex floats. Nothing is dropped while it does not
    ask: the flowgraph waits.

    A radio that is started again counts its time from its first sample, in both directions. What
    it is given then begins with the sample that belongs to the first that it gave: what is older is
    left out, what is missing is zeros. A second one that asks meanwhile waits, which the port
    `events` reports (`client_waits`, with the addresses of both).

    Parameters
    ----------
    addresses
        where to listen, one a stream: PORT of this host alone, HOST:PORT.
    source
        what the same radio transmits.
    latency
        zeros before the first sample (`zmq_radio`).
    any_interface
        allow addresses that stand for all interfaces.
    keys
        file of the CURVE secret key; only those whose public keys lie beside it may ask; None:
        anybody may.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        source: TransmitPorts,
        latency: int = 0,
        any_interface: bool = False,
        keys: KeyFile | None = None,
    ) -> None:
        gr.sync_block.__init__(self, "receive_ports", [np.complex64] * len(addresses), None)
        self.prepare()
        self._where = tuple(addresses)
        self._any_interface, self._keys = any_interface, keys
        self._source = source
        source.before_waiting(self.send)
        self._latency = latency
        self._lock = Lock()  # the source's thread sends, too
        self._servers: list[SampleServer] = []
        self.addresses = self._where

    def begin(self) -> None:
        self._radio = 0  # which of those that have asked is being served
        self._connection = 0  # and what of the source belongs to it
        self._since: float | None = None
        self._zeros = self._latency
        self._staged = [_NONE] * len(self._where)  # samples on their way, channel by channel
        self._unwanted = 0
        self.open()

    def open(self) -> tuple[str, ...]:
        """Listens from now on, if it does not yet; the addresses in full.

        Raises
        ------
        AddressError
            an address is none, or cannot be had.
        """
        if not self._servers:
            try:
                for address in self._where:
                    server = SampleServer(
                        address, any_interface=self._any_interface, keys=self._keys
                    )
                    self._servers.append(server)
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
        with self._lock:
            if not self._asked(WAIT):
                return 0
            count = 0
            if not any(map(len, self._staged)) and not self._stage_zeros():
                count = min(len(input_items[0]), self._unwanted or most_items(1))
                if self._unwanted:
                    self._unwanted -= count
                    return count
                self._staged = [stream[:count].copy() for stream in input_items]
            self._deliver()
            return count

    def send(self) -> None:
        """Sends what is staged, and zeros that are due: neither must wait for more samples."""
        if not self._lock.acquire(blocking=False):
            return  # `work` has samples and sees to it
        try:
            while self._servers and self._asked(0.0):
                if not any(map(len, self._staged)) and not self._stage_zeros():
                    return
                if not self._deliver():
                    return
        finally:
            self._lock.release()

    def _asked(self, wait: float) -> bool:
        """Whether a channel asks, after `wait` [s] at most, and it is known what to begin with."""
        asked = [server.wait(0.0) for server in self._servers]
        for server in self._servers:
            for client, present in server.newcomers():
                self.report("client_waits", client=client, present=present)
        if not any(asked) and not self._servers[0].wait(wait):
            return False
        return self._aligned(wait)

    def _aligned(self, wait: float) -> bool:
        """Finds out what a radio that asks for the first time is to begin with; whether it can,
        after `wait` [s] at most."""
        radio = max(server.clients for server in self._servers)
        if radio == self._radio:
            return True
        source = self._source
        self._since = self._since or time.monotonic()
        source.connected.clear()
        if wait and source.connections == self._connection:
            source.connected.wait(wait)
        if source.connections == self._connection:
            if time.monotonic() - self._since < _PATIENCE:
                return False
        else:
            self._connection = source.connections
            # The first sample that the radio gets is to be the one of the first that it gave.
            ahead = self.nitems_read(0) + self._latency - source.begins_at
            self._zeros, self._unwanted = max(ahead, 0), max(-ahead, 0)
            self._staged = [_NONE] * len(self._servers)
        self._radio, self._since = radio, None
        return True

    def _stage_zeros(self) -> bool:
        """Stages zeros that are due; False if none are."""
        if (count := min(self._zeros, most_items(1))) <= 0:
            return False
        self._zeros -= count
        self._staged = [np.zeros(count, np.complex64)] * len(self._servers)
        return True

    def _deliver(self) -> bool:
        """Answers the channels that ask; whether there was one."""
        answered = False
        # by what is known of them: one that came meanwhile would have to be aligned first
        for channel, server in enumerate(self._servers):
            samples = self._staged[channel]
            if len(samples) and server.asked and server.answer(samples.tobytes()):
                self._staged[channel] = _NONE
                answered = True
        return answered
