# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples between processes: one asks, the other answers, and either may be started anew.

What goes over the wire is ZeroMQ's request and reply (RFC 28): any REQ or REP socket may be at the
other end, such as those of GNU Radio's `zeromq.req_source` and `zeromq.rep_sink`, and of gNBs and
UEs. Samples leave only where they were asked for, so a slow consumer slows its producer and
nothing piles up between them. A REQ socket itself would wait for ever for the answer of a server
that has died; a DEALER, which this is, asks again as soon as there is one to ask.
"""

import struct
from collections import deque
from types import TracebackType
from typing import Any, Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from ..dsp.stream import CHUNK
from .zmq_sockets import AddressError, bind_address, connect_address

__all__ = ["LARGEST", "WAIT", "SampleClient", "SampleServer", "most_items"]

HEARTBEAT = 1.0
"""How often the other end is asked whether it is there [s]; silent for three times as long, it
counts as lost."""
LARGEST = 1 << 26
"""Bytes of a message beyond which the connection is cut."""
WAIT = 0.05
"""How long a block waits at most in one call [s], so that a flowgraph that stops need not wait."""


def most_items(chains: int) -> int:
    """Items of a message at most: a chunk, and a quarter of the largest message there may be."""
    return max(1, min(CHUNK, LARGEST // (32 * chains)))


class SampleServer:
    """Answers requests for samples, one client's at a time.

    A client that comes later takes over for good: samples never go to two by turns. What is
    handed to a client that has gone is kept for the next.

    Args:
        address: where to listen (`bind_address`).
        any_interface: allow all interfaces of the host at once.

    Raises:
        AddressError: the address is none, or cannot be had.
    """

    def __init__(self, address: str, *, any_interface: bool = False) -> None:
        wanted = bind_address(address, any_interface=any_interface)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 16)
        self._socket.setsockopt(zmq.MAXMSGSIZE, 1024)
        self._socket.setsockopt(zmq.IPV6, int("[" in wanted))
        try:
            self._socket.bind(wanted)
        except zmq.ZMQError as error:
            self.close()
            raise AddressError(f"no socket at {wanted}: {error}") from None
        self.address: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.clients = 0
        self._client: bytes | None = None
        self._left: set[bytes] = set()
        # Envelopes, which go back with the answers, and how many items are wanted at most
        self._requests: deque[tuple[list[bytes], int | None]] = deque()

    def wait(self, timeout: float) -> bool:
        """Whether a request waits for its answer, after `timeout` [s] at most."""
        while self._socket.poll(0 if self._requests else int(timeout * 1e3)):
            client, *envelope, asked = self._socket.recv_multipart()
            if envelope[-1:] != [b""] or client in self._left:
                continue
            if client != self._client:
                if self._client is not None:
                    self._left.add(self._client)
                self._client = client
                self._requests.clear()
                self.clients += 1
            most = struct.unpack_from("=I", asked)[0] if len(asked) >= 4 else None
            self._requests.append((envelope, most))
        return self.asked

    @property
    def asked(self) -> bool:
        """Whether a request is known that waits for its answer."""
        return bool(self._requests)

    @property
    def most(self) -> int | None:
        """Items that the oldest request wants at most; None for any number."""
        return self._requests[0][1] if self._requests else None

    def answer(self, message: Any) -> bool:
        """Answers the oldest request; whether there was still somebody to answer."""
        envelope, _ = self._requests.popleft()
        try:
            self._socket.send_multipart([self._client, *envelope, message], zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:  # no such client, or one that takes nothing any more
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self._requests.clear()
            return False
        return True

    def close(self, linger: float = 0.0) -> None:
        """Closes the socket; answers on their way have `linger` [s] to arrive."""
        self._context.destroy(linger=int(linger * 1e3))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class SampleClient:
    """Asks a server for samples, again and again, also when that has been started anew.

    Requests carry the number of the connection in their envelope, which comes back with the answer:
    what came by a connection that is lost by now is told from what comes by the next.

    Args:
        address: where the server listens (`connect_address`).
        request: what to ask with: items wanted at most (32 bits, in the host's order), as GNU
            Radio does, or one byte, as radios do.
        depth: requests on their way at once: while one answer travels, the next is asked for.
        immediate: whether requests and answers are lost with their connection. Else a request may
            be answered by the next server, as if the one before had, and no last answer is lost.

    Raises:
        AddressError: the address is none.
    """

    def __init__(
        self, address: str, *, request: bytes, depth: int = 2, immediate: bool = False
    ) -> None:
        self.address = connect_address(address)
        self._request, self._depth = request, depth
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, int(immediate)),
            (zmq.RCVHWM, 2 * depth),
            (zmq.MAXMSGSIZE, LARGEST),
            (zmq.IPV6, int("[" in self.address)),
            (zmq.RECONNECT_IVL, 100),
            (zmq.HEARTBEAT_IVL, int(HEARTBEAT * 1e3)),
            (zmq.HEARTBEAT_TIMEOUT, int(3 * HEARTBEAT * 1e3)),
        ):
            self._socket.setsockopt(option, value)
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        self._poller = zmq.Poller()
        for socket in (self._socket, self._monitor):
            self._poller.register(socket, zmq.POLLIN)
        try:
            self._socket.connect(self.address)
        except zmq.ZMQError as error:
            self.close()
            raise AddressError(f"no socket to {self.address}: {error}") from None
        self.connected = False
        self.connections = 0
        self.connection = 0  # by which the last answer came
        self._asked = 0

    def receive(self, timeout: float) -> memoryview | None:
        """The next answer; None where none has come after `timeout` [s].

        Whoever stays away for longer than a heartbeat should call it all the same: it is here that
        a connection is noticed to be lost or won.
        """
        self._follow_connection()
        self._ask()
        ready = dict(self._poller.poll(int(timeout * 1e3)))
        parts = self._socket.recv_multipart(copy=False) if self._socket in ready else []
        self._follow_connection()
        if len(parts) == 3:
            self.connection = int.from_bytes(parts[0].bytes)
            self._asked -= self.connection == self.connections
        self._ask()
        return parts[2].buffer if len(parts) == 3 else None

    def _follow_connection(self) -> None:
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.connections += self.connected
            self._asked = 0  # what was asked of a server that has gone is answered no more
            # Else the next request might still go to the server that has gone: ZeroMQ looks only
            # now and then what has become of its connections.
            self._socket.getsockopt(zmq.EVENTS)

    def _ask(self) -> None:
        while self.connected and self._asked < self._depth:
            try:
                number = self.connections.to_bytes(8)
                self._socket.send_multipart([number, b"", self._request], zmq.NOBLOCK)
            except zmq.Again:
                return
            self._asked += 1

    def close(self) -> None:
        """Closes the socket."""
        self._socket.disable_monitor()
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
