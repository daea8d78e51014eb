# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples between processes: one asks, the other answers, and either may be started again.

What goes over the wire is ZeroMQ's request and reply (RFC 28): any REQ or REP socket may be at the
other end, such as those of GNU Radio's `zeromq.req_source` and `zeromq.rep_sink`, and of gNBs and
UEs. Samples leave only where they were asked for, so a slow consumer slows its producer and
nothing piles up between them. A REQ socket itself would wait for ever for the answer of a server
that has died; a DEALER, which this is, asks again as soon as there is one to ask.
"""

import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from ..dsp.stream import CHUNK
from .zmq_connections import Connection, Connections
from .zmq_sockets import (
    REFUSED,
    AddressError,
    KeyFile,
    bind_address,
    connect_address,
    secure_client,
    secure_server,
)

__all__ = ["LARGEST", "SILENCE", "STAY", "WAIT", "SampleClient", "SampleServer", "most_items"]

HEARTBEAT = 1.0
"""How often the other end is asked whether it is there [s]; silent for three times as long, it
counts as lost."""
LARGEST = 1 << 26
"""Bytes of a message beyond which the connection is cut."""
WAIT = 0.05
"""Time that a block waits at once [s], so that a flowgraph that stops need not wait."""
STAY = 1.0
"""How long one call of a source waits for samples at most [s], a `WAIT` at a time. GNU Radio lets a
source that has given none rest for a quarter of a second, in which all that follows would wait,
too; but a flowgraph that is to stop, and cannot release the source, has to wait for the call."""

SILENCE = 3 * HEARTBEAT
"""Time for which a client that asks for nothing keeps its place while others wait [s]."""
_TURN = 1.0
"""Time between two answers to a client that waits [s]."""
_MOST_WAITING = 16
"""Clients that wait; further ones are ignored until there is room."""
_MOST_REQUESTS = 16
"""Requests of one client that wait for an answer; further ones are dropped."""
_MOST_PARTS = 8
"""Parts of a request; one with more is dropped."""
_MOST_AT_ONCE = 32
"""Requests that are read before one is answered."""


class _Request(NamedTuple):
    """A request: its envelope, which goes back with the answer, and items wanted at most."""

    envelope: list[bytes]
    most: int | None


def most_items(chains: int) -> int:
    """Items of a message at most: a chunk, and a quarter of the largest message there may be."""
    return max(1, min(CHUNK, LARGEST // (32 * chains)))


@dataclass(eq=False)
class _Client:
    """One that asks: its identity, its connection, and its requests that wait for an answer."""

    identity: bytes
    connection: Connection | None
    requests: deque[_Request] = field(default_factory=deque)
    last: float = 0.0
    """Time of its last request or answer [s]."""
    announced: bool = False

    @property
    def address(self) -> str:
        """Address of its connection."""
        return "one that has gone" if self.connection is None else self.connection.address


class SampleServer:
    """Answers requests for samples, one client's at a time.

    The first client keeps its place until its connection ends, or until it has been silent for
    `SILENCE` while another waits: samples never go to two by turns. What is handed to a client that
    has gone is kept for the next.

    Parameters
    ----------
    address
        where to listen (`bind_address`).
    any_interface
        allow all interfaces of the host at once.
    keys
        file of the CURVE secret key; only those whose public keys lie beside it are answered.

    Raises
    ------
    AddressError
        the address is none, or cannot be had.
    KeyFileError
        there is no key in the file.
    """

    def __init__(
        self, address: str, *, any_interface: bool = False, keys: KeyFile | None = None
    ) -> None:
        wanted = bind_address(address, any_interface=any_interface)
        self._context = zmq.Context()
        self._guard: Any = None
        self._socket = self._context.socket(zmq.ROUTER)
        self._connections = Connections(self._socket)
        for option, value in (
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.LINGER, 0),
            (zmq.RCVHWM, 16),
            (zmq.SNDHWM, 16),
            (zmq.MAXMSGSIZE, 1024),
            (zmq.IPV6, int("[" in wanted)),
        ):
            self._socket.setsockopt(option, value)
        try:
            if keys:
                self._guard = secure_server(self._socket, keys)
            self._socket.bind(wanted)
        except BaseException as error:
            self.close()
            if isinstance(error, zmq.ZMQError):
                raise AddressError(f"no socket at {wanted}: {error}") from None
            raise
        self.address: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.clients = 0
        self._client: _Client | None = None
        self._waiting: dict[bytes, _Client] = {}

    def wait(self, timeout: float) -> bool:
        """True if a request waits for its answer, after `timeout` [s] at most."""
        self._read()
        if not self.asked and self._socket.poll(int(timeout * 1e3)):
            self._read()
        return self.asked

    @property
    def asked(self) -> bool:
        """True if a request is known that waits for its answer."""
        return self._client is not None and bool(self._client.requests)

    @property
    def most(self) -> int | None:
        """Items that the oldest request wants at most; None for any number."""
        return self._client.requests[0].most if self._client and self._client.requests else None

    def answer(self, message: Any) -> bool:
        """Answers the oldest request; whether there was still somebody to answer."""
        client = self._client
        assert client is not None
        if self._send(client, message):
            return True
        client.requests.clear()
        return False

    @property
    def refused(self) -> int:
        """Number of connections that were refused so far for want of the right keys."""
        return self._connections.refused

    def newcomers(self) -> list[tuple[str, str]]:
        """Addresses of clients that wait since the last call, each with that of the present one."""
        news = [client for client in self._waiting.values() if not client.announced]
        for client in news:
            client.announced = True
        present = self._client
        return [(client.address, present.address) for client in news if present is not None]

    def turn_away(self, message: Callable[[str], Any]) -> None:
        """Answers those who wait, about once a second, with a message that holds no samples.

        Parameters
        ----------
        message
            from the address of the client that is served to the message.
        """
        now = time.monotonic()
        for client in self._waiting.values():
            if self._client is not None and client.requests and now - client.last > _TURN:
                client.last = now
                self._send(client, message(self._client.address))

    def _send(self, client: _Client, message: Any) -> bool:
        """Answers a client's oldest request; whether it could be sent."""
        request = client.requests.popleft()
        client.last = time.monotonic()
        try:
            parts = [client.identity, *request.envelope, message]
            self._socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:  # no such client, or one that takes nothing any more
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            return False
        return True

    def _read(self) -> None:
        """Takes the requests that have come, and finds out whose turn it is."""
        for _ in range(_MOST_AT_ONCE):
            if not self._socket.poll(0):
                break
            frames = self._socket.recv_multipart(copy=False)
            connection = self._connections.take(frames[-1])
            identity, *envelope, asked = (frame.bytes for frame in frames[: _MOST_PARTS + 1])
            if len(frames) > _MOST_PARTS or envelope[-1:] != [b""]:
                continue
            most = struct.unpack_from("=I", asked)[0] if len(asked) >= 4 else None
            client = self._known(identity, connection)
            if client is not None and len(client.requests) < _MOST_REQUESTS:
                client.requests.append(_Request(envelope, most))
                client.last = max(client.last, time.monotonic())
        self._choose()

    def _known(self, identity: bytes, connection: Connection | None) -> _Client | None:
        """Return the client of an identity; None for one beyond those that may wait."""
        if self._client is not None and self._client.identity == identity:
            return self._client
        if identity not in self._waiting and len(self._waiting) < _MOST_WAITING:
            self._waiting[identity] = _Client(identity, connection)
        return self._waiting.get(identity)

    def _choose(self) -> None:
        """Give the place to the next client where the present one has gone, or is silent."""
        present = self._client
        for client in [*self._waiting.values()]:
            if not self._is_there(client):
                del self._waiting[client.identity]
        if present is not None and not self._is_there(present):
            present = self._client = None
        silent = present is None or (
            not present.requests and time.monotonic() - present.last >= SILENCE
        )
        if silent and self._waiting:
            self._client = self._waiting.pop(next(iter(self._waiting)))
            self.clients += 1

    def _is_there(self, client: _Client) -> bool:
        return client.connection is not None and self._connections.is_open(client.connection)

    def close(self, linger: float = 0.0) -> None:
        """Closes the socket; answers on their way have `linger` [s] to arrive."""
        self._connections.close()
        if self._guard is not None:
            self._guard.stop()
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
    """Asks a server for samples, again and again, also when that has been started again.

    Requests carry the number of the connection in their envelope, which comes back with the answer:
    what came by a connection that is lost by now is distinguished from what comes by the next.

    Parameters
    ----------
    address
        where the server listens (`connect_address`).
    request
        what to ask with: items wanted at most (32 bits, in the host's order), as GNU Radio does, or
        one byte, as radios do.
    depth
        requests on their way at once: while one answer travels, the next is asked for.
    immediate
        whether requests and answers are lost with their connection. Else a request may be answered
        by the next server, as if the one before had, and no last answer is lost.
    keys, server_key
        files of this end's CURVE secret key and of the server's public one.

    Raises
    ------
    AddressError
        the address is none.
    KeyFileError
        there is no key in a file.
    ValueError
        one of the two files is missing.
    """

    def __init__(
        self,
        address: str,
        *,
        request: bytes,
        depth: int = 2,
        immediate: bool = False,
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
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
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | REFUSED
        )
        self._poller = zmq.Poller()
        for socket in (self._socket, self._monitor):
            self._poller.register(socket, zmq.POLLIN)
        try:
            secure_client(self._socket, keys or None, server_key or None)
            self._socket.connect(self.address)
        except BaseException as error:
            self.close()
            if isinstance(error, zmq.ZMQError):
                raise AddressError(f"no socket to {self.address}: {error}") from None
            raise
        self.connected = False
        self.refused = False  # for want of the right keys
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
            self.refused = bool(event & REFUSED) or (
                self.refused and event != zmq.EVENT_HANDSHAKE_SUCCEEDED
            )
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
