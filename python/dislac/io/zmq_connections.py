# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of a ZeroMQ socket that listens: who is there, and when it is too much.

ZeroMQ limits the bytes of a part (ZMQ_MAXMSGSIZE) and the messages that wait (ZMQ_RCVHWM). It
limits neither the connections, nor the parts of a message, which it keeps until the last has come,
nor what a socket subscribes to. So connections are counted here, and the bytes that come by each
between two messages, and one that goes beyond is cut by its descriptor. A peer that was cut may
connect again, as after any loss.
"""

import os
import socket
import struct
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from .zmq_sockets import REFUSED

__all__ = ["Connection", "Connections"]

MOST = 64
"""Connections at once; further ones are cut."""
_LARGEST = 1 << 20
"""Bytes by one connection without a message that was taken, beyond which it is cut."""
_PAUSE = 0.1
"""Between two looks at the bytes [s]."""
_RECEIVED = 128
"""Offset of the bytes received (64 bits) in Linux's struct tcp_info."""


@dataclass(eq=False)
class Connection:
    """A connection: where it comes from, and the messages taken from it so far."""

    address: str
    messages: int = 0
    seen: tuple[int, int] = (0, 0)
    """Messages and bytes at the last look that found a new message."""
    open: bool = True


class Connections:
    """Connections of a socket that is about to be bound.

    Parameters
    ----------
    socket
        a pyzmq socket.
    """

    def __init__(self, socket: Any) -> None:
        self._events = socket.get_monitor_socket(
            zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | REFUSED
        )
        self._lock = RLock()
        self._open: dict[int, Connection] = {}
        self._closed = Event()
        self._socket = socket
        self.cut_off = 0
        self.refused = 0  # for want of the right keys
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()

    def take(self, frame: Any) -> Connection | None:
        """Count a message, and return the connection that its last part has come by.

        None where that has gone already.
        """
        try:
            descriptor = frame.get(zmq.SRCFD)
        except zmq.ZMQError:  # what ZeroMQ itself says for one that has gone
            return None
        with self._lock:
            self._follow()
            connection = self._open.get(descriptor)
            if connection is not None:
                connection.messages += 1
            return connection

    def is_open(self, connection: Connection) -> bool:
        """Return True while a connection is still there."""
        with self._lock:
            self._follow()
            return connection.open

    def cut(self, connection: Connection) -> None:
        """End a connection."""
        with self._lock:
            for descriptor, other in self._open.items():
                if other is connection:
                    self._cut(descriptor)

    def close(self) -> None:
        """End the watch; before the socket is closed."""
        self._closed.set()
        self._thread.join()
        self._socket.disable_monitor()

    def _follow(self) -> None:
        while self._events.poll(0):
            event = recv_monitor_message(self._events)
            if event["event"] & REFUSED:
                self.refused += 1
                continue
            descriptor = int(event["value"])
            if (gone := self._open.pop(descriptor, None)) is not None:
                gone.open = False
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._open[descriptor] = Connection(_peer(descriptor))
                if len(self._open) > MOST:
                    self._cut(descriptor)

    def _watch(self) -> None:
        while not self._closed.wait(_PAUSE):
            with self._lock:
                self._follow()
                for descriptor, connection in self._open.items():
                    received = _received(descriptor)
                    messages, before = connection.seen
                    if connection.messages != messages:
                        connection.seen = connection.messages, received
                    elif received - before > _LARGEST:
                        self._cut(descriptor)

    def _cut(self, descriptor: int) -> None:
        # Only the connection ends: ZeroMQ finds its end, and closes the descriptor itself.
        try:
            with socket.socket(fileno=os.dup(descriptor)) as own:
                own.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self.cut_off += 1


def _peer(descriptor: int) -> str:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as own:
            peer = own.getpeername()
    except OSError:
        return "one that has gone"
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "a process of this host"


def _received(descriptor: int) -> int:
    """Bytes that have come by a TCP connection of Linux; 0 where they are not counted."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as own:
            info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return int(struct.unpack_from("=Q", info, _RECEIVED)[0])
    except (OSError, AttributeError, struct.error):
        return 0
