# SPDX-License-Identifier: GPL-3.0-or-later
"""Transmit ports of a gNB or UE with a ZeroMQ radio."""

import time
from collections.abc import Callable, Sequence
from threading import Event

import numpy as np
from gnuradio import gr
from numpy.typing import NDArray

from ...dsp.stream import CHUNK
from ...io.zmq_samples import STAY, WAIT, SampleClient
from ...io.zmq_sockets import KeyFile
from ..lifecycle import Guarded, guarded

__all__ = ["TransmitPorts"]

_PATIENCE = 3.0
"""How long the other channels of a radio have to be there again, too, once one is [s]; else it was
only that one's connection."""


class TransmitPorts(Guarded, gr.sync_block):
    """Asks a gNB or UE for what it transmits, one stream a transmit port.

    The other side is a radio such as srsRAN's (device zmq, `tx_port`), which binds a REP socket for
    each channel, takes requests of one byte and answers each with complex floats, as many as it
    likes. It may be started again at any time: its streams go on here with its first samples, all
    channels together; a channel that alone comes again joins the others as they are, after a while.
    That is reported on the port `events` (`connected`, with the number of the sample) and counted
    in `connections`.

    Parameters
    ----------
    addresses
        where its transmit ports listen, one a stream: PORT of this host, HOST:PORT.
    keys, server_key
        files of this end's CURVE secret key and of the radio's public one; None: the radio asks for
        none.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
    ) -> None:
        gr.sync_block.__init__(self, "transmit_ports", None, [np.complex64] * len(addresses))
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.enlarge_buffers(8 * CHUNK)
        self._addresses = tuple(addresses)
        self._keys, self._server_key = keys, server_key
        self._clients: list[SampleClient] = []
        self._callbacks: list[Callable[[], None]] = []
        self.connections = 0
        self.begins_at = 0
        self._released = Event()
        self.connected = Event()  # set with each connection, for whoever waits for the next

    def before_waiting(self, callback: Callable[[], None]) -> None:
        """Has a function called again and again, in this block's thread."""
        self._callbacks.append(callback)

    def begin(self) -> None:
        self.connections = 0
        self.begins_at = 0  # the sample with which the present connection has begun
        self._clients = [
            SampleClient(
                address,
                request=b"\xff",
                depth=1,
                immediate=True,
                keys=self._keys,
                server_key=self._server_key,
            )
            for address in self._addresses
        ]
        self._released.clear()
        self._waiting: list[NDArray[np.complex64]] = [
            np.zeros(0, np.complex64) for _ in self._clients
        ]
        self._runs = [0 for _ in self._clients]  # which start of the radio those came by
        self._behind = [0 for _ in self._clients]  # starts without a connection of this channel
        self._since = 0.0  # when the last channel was there again

    def finish(self) -> None:
        for client in self._clients:
            client.close()
        self._clients = []

    def release(self) -> None:
        """Makes the end wait for nobody."""
        self._released.set()

    @guarded(-1)
    def work(self, input_items, output_items):
        until = time.monotonic() + STAY
        while not self._receive():
            if self._released.is_set() or time.monotonic() > until:
                return 0
        run = max(self._runs)
        if run != self.connections:
            self.begins_at, self.connections = self.nitems_written(0), run
            self.connected.set()
            self.report("connected", sample=self.begins_at)
        count = min(len(output_items[0]), *map(len, self._waiting))
        for chain, stream in enumerate(output_items):
            stream[:count] = self._waiting[chain][:count]
            self._waiting[chain] = self._waiting[chain][count:]
        return count

    def _receive(self) -> bool:
        """Takes what comes, for a short while; whether there are samples of all channels."""
        for callback in self._callbacks:
            callback()
        wait = WAIT
        for chain, client in enumerate(self._clients):
            if len(self._waiting[chain]) and self._runs[chain] == max(self._runs):
                continue
            message = client.receive(wait)
            wait = 0.0 if message is None else WAIT  # wait for one channel, not for each
            if message is not None:
                if len(message) % 8:
                    raise ValueError(
                        f"{client.address} sends {len(message)} bytes, no complex floats; let the "
                        "radio send them (srsRAN: sample format fc32)"
                    )
                self._waiting[chain] = np.frombuffer(message, np.complex64)
                start = client.connection + self._behind[chain]
                if start != self._runs[chain]:
                    self._runs[chain], self._since = start, time.monotonic()
        if not all(map(len, self._waiting)):
            return False
        run = max(self._runs)
        if min(self._runs) != run:
            if time.monotonic() - self._since < _PATIENCE:
                return False  # what came before a new start goes unused: channels stay together
            for chain, own in enumerate(self._runs):
                self._behind[chain] += run - own
                self._runs[chain] = run
        return True
