# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes as they come, from one process to any number of others (ZeroMQ, PUB and SUB).

A message is one frame: a topic, a blank, and one JSON object. Topics:

- ``dislac.fix``: the object that `fix_to_dict` makes, as ``dislac run --json`` prints it.
- ``dislac.status``: ``scenario`` (its name), ``state`` (searching, locked or lost, empty where
  nobody says) and ``reason``, ``frames_used``, ``frames_skipped``, ``frames_lost``, and ``fixes``
  (with a position). The newest comes to each subscriber as soon as it is one.

Who does not keep up with them misses messages; the publisher never waits.

What comes from a publisher may be anybody's: a `Message` gives its content only after a check.
"""

import json
from collections.abc import Mapping
from threading import Thread
from typing import Any, NamedTuple, Self

import zmq
from zmq.utils.monitor import recv_monitor_message

from ..positioning import Fix
from .fixes import check_fix, fix_from_dict, fix_to_dict
from .zmq_connections import Connections
from .zmq_sockets import REFUSED as REFUSAL
from .zmq_sockets import KeyFile, bind_address, connect_address, secure_client, secure_server

__all__ = ["ADDRESS", "FIX", "STATUS", "FixPublisher", "FixSubscriber", "Message"]

ADDRESS = "tcp://127.0.0.1:5570"
"""Address at which fixes are published, unless said otherwise."""

FIX, STATUS = "dislac.fix", "dislac.status"
CONNECTED, DISCONNECTED, REFUSED = "connected", "disconnected", "refused"
SEVERAL = "a message in several parts"

_LARGEST = 1 << 16
"""Bytes of a message beyond which its connection is cut."""

_LARGEST_SUBSCRIPTION, _MOST_SUBSCRIPTIONS = 1 << 10, 16
"""Bytes of what a listener subscribes to, and times that it does, beyond which it is cut off:
ZeroMQ keeps them in a tree that takes a hundred bytes for each."""

_LINGER = 1000
"""Time for which a publisher that ends tries to get rid of its last messages [ms]."""

_HEARTBEAT = 2000
"""Of connections, so that hosts which have vanished are noticed [ms]."""


class Message(NamedTuple):
    """Message that a subscriber receives: a topic with the text of its object, or a change of the
    connection (`CONNECTED`, `DISCONNECTED`, `REFUSED`) without any."""

    topic: str
    text: str = ""

    def content(self) -> dict[str, Any]:
        """
        Raises
        ------
        ValueError
            the text is no JSON object.
        """
        try:
            value = json.loads(self.text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError(f"a message of {self.topic} is too deep") from None
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ValueError(f"a message of {self.topic} is no JSON object")
        return value

    def fix(self) -> Fix:
        """The fix in a message of that topic.

        Raises
        ------
        ValueError
            there is none.
        """
        fix = fix_from_dict(self.content())
        check_fix(fix)
        return fix

    def status(self) -> dict[str, Any]:
        """The status in a message of that topic, with all that belongs to one.

        Raises
        ------
        ValueError
            there is none.
        """
        content = self.content()
        status = {name: content.get(name) or none for name, none in _STATUS.items()}
        for name, none in _STATUS.items():
            value = status[name]
            if type(value) is not type(none) or (none == 0 and not 0 <= value <= 1 << 53):
                raise ValueError(f"a status whose {name} is none")
        return status


_STATUS: dict[str, Any] = dict.fromkeys(("scenario", "state", "reason"), "") | dict.fromkeys(
    ("frames_used", "frames_skipped", "frames_lost", "fixes"), 0
)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class FixPublisher:
    """Hands fixes and the receiver's status to all who listen. One thread at a time.

    Parameters
    ----------
    address
        where, see `zmq_sockets`.
    any_interface
        allow an address of all interfaces.
    keys
        file of the CURVE secret key; only those whose public keys lie beside it may listen.

    Attributes
    ----------
    endpoint
        address in full, with the port that was found where any was asked for.

    Raises
    ------
    AddressError, KeyFileError
        address or keys are none.
    OSError
        the address cannot be had.
    """

    def __init__(
        self, address: str = ADDRESS, *, any_interface: bool = False, keys: KeyFile | None = None
    ) -> None:
        place = bind_address(address, any_interface=any_interface)
        self._context = zmq.Context()
        self._guard: Any = None
        outside, inside = self._context.socket(zmq.XPUB), self._context.socket(zmq.PULL)
        self._socket = self._context.socket(zmq.PUSH)
        self._connections = Connections(outside)
        try:
            outside.setsockopt(zmq.XPUB_VERBOSE, 1)
            outside.setsockopt(zmq.MAXMSGSIZE, _LARGEST_SUBSCRIPTION)
            outside.setsockopt(zmq.RCVHWM, _MOST_SUBSCRIPTIONS)
            outside.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT)
            outside.setsockopt(zmq.IPV6, int("[" in place))
            if keys is not None:
                self._guard = secure_server(outside, keys)
            outside.bind(place)
        except BaseException as error:
            self._end(0)
            if isinstance(error, zmq.ZMQError):
                raise OSError(f"cannot publish at {place}: {error}") from None
            raise
        self.endpoint: str = outside.getsockopt_string(zmq.LAST_ENDPOINT)
        inside.bind("inproc://messages")
        self._socket.connect("inproc://messages")
        self._thread = Thread(
            target=_forward, args=(inside, outside, self._connections), daemon=True
        )
        self._thread.start()

    def publish_fix(self, fix: Fix) -> None:
        """Hands a fix to those who listen."""
        self._socket.send(_message(FIX, fix_to_dict(fix)))

    def publish_status(self, status: Mapping[str, Any]) -> None:
        """Hands the status to those who listen, and to those who will."""
        self._socket.send(_message(STATUS, status))

    def close(self) -> None:
        """Closes the socket, once the last messages are gone or a second has passed."""
        self._socket.send(b"")
        self._thread.join()
        self._end(_LINGER)

    def _end(self, linger: int) -> None:
        self._connections.close()
        if self._guard is not None:
            self._guard.stop()
        self._context.destroy(linger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _forward(
    inside: zmq.Socket[bytes], outside: zmq.Socket[bytes], connections: Connections
) -> None:
    """Hands messages on until an empty one; and the newest status to who asks for it."""
    poller, status = zmq.Poller(), b""
    for socket in (inside, outside):
        poller.register(socket, zmq.POLLIN)
    while True:
        asked = outside in dict(poller.poll())
        # What was published before somebody asked goes first, so that the newest status answers.
        while inside.poll(0):
            message = inside.recv()
            if not message:
                return
            if message.startswith(_prefix(STATUS)):
                status = message
            outside.send(message)
        # Topics are asked for in order: who asks for this one hears of the fixes already.
        if asked:
            frame = outside.recv(copy=False)
            connection = connections.take(frame)
            if connection is not None and connection.messages > _MOST_SUBSCRIPTIONS:
                connections.cut(connection)
            elif frame.bytes == b"\x01" + _prefix(STATUS) and status:
                outside.send(status)


def _prefix(topic: str) -> bytes:
    return f"{topic} ".encode()


def _message(topic: str, content: Mapping[str, Any]) -> bytes:
    return _prefix(topic) + json.dumps(content, allow_nan=False).encode()


class FixSubscriber:
    """Listens to a publisher, also to one that starts later, or again.

    Parameters
    ----------
    address
        where it publishes, see `zmq_sockets`.
    keys, server_key
        files of this end's CURVE secret key and of the publisher's public one.

    Raises
    ------
    AddressError, KeyFileError
        address or keys are none.
    ValueError
        one of the two files is missing.
    """

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
    ) -> None:
        self.address = connect_address(address)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._connected = False
        self._refused = False
        try:
            self._socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT)
            self._socket.setsockopt(zmq.IPV6, int("[" in self.address))
            self._socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST)
            secure_client(self._socket, keys, server_key)
            for topic in (FIX, STATUS):
                self._socket.subscribe(_prefix(topic))
            self._events = self._socket.get_monitor_socket(
                zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | REFUSAL
            )
            self._socket.connect(self.address)
        except BaseException:
            self.close()
            raise
        self._poller = zmq.Poller()
        for socket in (self._socket, self._events):
            self._poller.register(socket, zmq.POLLIN)

    @property
    def connected(self) -> bool:
        """True if there is a publisher, as far as `receive` has come."""
        return self._connected

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None if there is none for `timeout` [s]."""
        while True:
            ready = dict(self._poller.poll(None if timeout is None else round(1000 * timeout)))
            if not ready:
                return None
            # What changes the connection first: a message comes over one that there is
            if self._events in ready:
                if (
                    change := self._change(recv_monitor_message(self._events)["event"])
                ) is not None:
                    return Message(change)
            elif self._socket in ready:
                parts = self._socket.recv_multipart()
                topic, _, text = parts[0].decode(errors="replace").partition(" ")
                return Message(topic if len(parts) == 1 else SEVERAL, text)

    def _change(self, event: int) -> str | None:
        """Meaning of an event of the socket, if it is news."""
        before = self._connected, self._refused
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._connected, self._refused = True, False
        elif event == zmq.EVENT_DISCONNECTED:
            self._connected = False
        else:
            self._connected, self._refused = False, True
        if (self._connected, self._refused) == before:
            return None
        if self._connected:
            return CONNECTED
        return REFUSED if self._refused else DISCONNECTED

    def close(self) -> None:
        """Closes the connection."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
