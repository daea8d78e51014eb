# SPDX-License-Identifier: GPL-3.0-or-later
"""End of a block: on an error, and with messages still on their way.

**Errors.** An exception that leaves `work()` or a message handler kills a block's thread, and the
flowgraph hangs. So it is caught, remembered and logged, and reported on the port `events`; the
block then says that it is done, which ends the flowgraph, and so do blocks whose messages it takes.
The top blocks of `flowgraphs` raise what they find remembered; a process that ends with errors
which nobody has taken has exit status 1.

**Messages.** GNU Radio notifies message blocks that upstream is done by a message on another port,
which may overtake those that it should follow. So each block of ours closes its ports with an
end-of-file object when it stops, and each that takes messages waits for it when it stops. GNU Radio
drops messages once 8192 of them wait for a block, so each block of ours that sends them (`publish`)
waits for those of ours that are far behind, as it would for room in a stream.
"""

import atexit
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import pmt

from . import pmt_keys

__all__ = [
    "FlowgraphError",
    "Guarded",
    "any_failed",
    "guarded",
    "message_handler",
    "take_errors",
]

_MOST_LOGGED = 10

QUIET, BUSY = 1.0, 60.0
"""How long a stopping block waits for a message from blocks that do not close their ports, and from
those that will, but may be busy with the last [s]."""


class FlowgraphError(RuntimeError):
    """A block of the flowgraph has failed: says which, and why."""


MOST_WAITING = 200
"""Messages that may wait for a block before those that send it more wait for it: at the end of a
run all are handled, which takes about a second."""

_takers: WeakValueDictionary[str, "Guarded"] = WeakValueDictionary()
"""By aliases: blocks that run and take messages."""
_unclosed: dict[str, set[str]] = {}
"""By aliases: which blocks will still close a port that leads to this one."""
_senders: dict[str, set[tuple[str, str, str]]] = {}
"""By aliases: which ports (alias, port) of blocks have led to which port of this one since it
started."""
_errors: dict[str, FlowgraphError] = {}
_errors_lock = Lock()


def take_errors(aliases: Iterable[str] | None = None) -> dict[str, FlowgraphError]:
    """Errors that made blocks (default all) fail, by their aliases; they are forgotten here."""
    with _errors_lock:
        chosen = list(_errors) if aliases is None else [a for a in aliases if a in _errors]
        return {alias: _errors.pop(alias) for alias in chosen}


def any_failed() -> bool:
    """True if a block of this process has failed, and nobody has taken its error."""
    return bool(_errors)


@atexit.register
def _exit() -> None:
    if _errors:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def guarded(returns: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a method catch everything, and return `returns` once its block has failed."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(self: Any, *arguments: Any) -> Any:
            try:
                return returns if self.failed() else method(self, *arguments)
            except Exception as error:
                self.fail(error)
                return returns

        return call

    return decorate


def message_handler(method: Callable[..., None]) -> Callable[..., None]:
    """Makes a message handler catch everything, and take note of the end of messages.

    A message that a port does not take is dropped: its sender is no part of this block.
    """

    @guarded(None)
    def handle(self: Any, message: Any) -> None:
        try:
            method(self, message)
        except pmt_keys.MessageError as error:
            self.drop_message(error)

    @wraps(method)
    def call(self: Any, message: Any) -> None:
        if pmt.is_eof_object(message):
            self._message_ends += 1
        else:
            handle(self, message)

    return call


class Guarded:
    """First base of the blocks of this module; one of GNU Radio's comes second.

    A block calls `prepare` in its constructor, and has `begin` and `finish` where other blocks
    have `start` and `stop`.
    """

    def prepare(self, *ports: Any) -> None:
        """Registers the port `events` and these message output ports."""
        self._ports = ports
        self.frames_lost = self.messages_dropped = self._losses = 0
        self._inputs: dict[Any, Callable[[Any], None]] = {}
        self._message_ends = 0
        for port in (*ports, pmt_keys.EVENTS):
            self.message_port_register_out(port)

    def take_messages(self, port: Any, handler: Callable[[Any], None]) -> None:
        """Registers a message input port; `handler` is a method with the name it is known by."""
        self.message_port_register_in(port)
        self.set_msg_handler(port, handler)
        self._inputs[port] = handler

    def enlarge_buffers(self, items: int) -> None:
        """Asks for output buffers of a count of items, without the message that this logs."""
        level = self.log_level()
        self.set_log_level("warn")
        self.set_min_output_buffer(items)
        self.set_log_level(level)

    def begin(self) -> None:
        """Sets the state back and opens what has to be opened, before the flowgraph runs."""

    def finish(self) -> None:
        """Closes what was opened, after the last samples and messages."""

    def start(self) -> bool:
        take_errors([self.alias()])
        # What a run before this one has left behind
        for port in self._inputs:
            while self.gateway.nmsgs(port):
                self.gateway.delete_head_nowait(port)
        self._message_ends = 0
        self.frames_lost = self.messages_dropped = self._losses = 0
        if self._inputs:
            _takers[self.alias()] = self
        # All blocks start before one of them stops.
        for port, alias, entry in self._connections():
            _unclosed.setdefault(alias, set()).add(self.alias())
            _senders.setdefault(alias, set()).add((self.alias(), port, entry))
        try:
            self.begin()
        except Exception as error:
            self.fail(error)
        return True

    def stop(self) -> bool:
        self._take_last_messages()
        _takers.pop(self.alias(), None)
        _senders.pop(self.alias(), None)
        try:
            self.finish()
        except Exception as error:
            self.fail(error)
        try:
            for port in self._ports:
                self.message_port_pub(port, pmt.PMT_EOF)
        finally:
            for alias in self._listeners():
                _unclosed[alias].discard(self.alias())
        return True

    def publish(self, port: Any, message: Any) -> None:
        """Publishes a message, once the blocks that take it are not far behind."""
        while self._is_ahead() and not self.failed():
            time.sleep(0.001)
        self.message_port_pub(port, message)

    def _is_ahead(self) -> bool:
        """Return True where too many messages wait for a block that takes this one's."""
        takers = (_takers.get(alias) for alias in self._listeners())
        return any(t is not None and t.messages_waiting() > MOST_WAITING for t in takers)

    def messages_waiting(self) -> int:
        """Return the number of messages that have come and not been handled yet."""
        return sum(self.gateway.nmsgs(port) for port in self._inputs)

    def _listeners(self) -> Iterator[str]:
        """Aliases of the blocks that take this one's messages."""
        return (alias for _, alias, _ in self._connections())

    def _connections(self) -> Iterator[tuple[str, str, str]]:
        """Port of this one, and alias and port of the other, of each connection of messages."""
        for port in self._ports:
            targets = self.message_subscribers(port)
            while pmt.is_pair(targets):
                target = pmt.car(targets)
                ends = pmt.car(target), pmt.cdr(target)
                yield str(port), *map(pmt.symbol_to_string, ends)
                targets = pmt.cdr(targets)

    def is_listened_to(self, port: Any) -> bool:
        """Return True if a message port is connected."""
        return pmt.is_pair(self.message_subscribers(port))

    def _take_last_messages(self) -> None:
        if not self._inputs:
            return
        last = time.monotonic()
        # Each of those that send to this block has an end of its own.
        while self._message_ends < max(len(_senders.get(self.alias(), ())), 1):
            if self.messages_waiting():
                for port, handler in self._inputs.items():
                    if self.gateway.nmsgs(port):
                        handler(self.gateway.delete_head_nowait(port))
                last = time.monotonic()
                continue
            senders = _unclosed.get(self.alias(), set()) - _errors.keys()
            if time.monotonic() - last > (BUSY if senders else QUIET):
                return
            time.sleep(0.001)

    def fail(self, error: Exception) -> None:
        """Remembers why the block cannot go on, logs it, and reports it on the port `events`."""
        failure = FlowgraphError(f"{self.alias()}: {error}")
        failure.__cause__ = error
        with _errors_lock:
            _errors[self.alias()] = failure
        if isinstance(error, (ValueError, OSError)):
            self.logger.error(str(error))
        else:
            self.logger.error("".join(traceback.format_exception(error)))
        self.report("error", reason=str(error))

    def failed(self) -> bool:
        """True if this block has failed, or one that takes its messages."""
        if not _errors:
            return False
        with _errors_lock:
            if self.alias() in _errors:
                return True
            for alias in self._listeners():
                if alias in _errors:
                    _errors[self.alias()] = _errors[alias]
                    return True
        return False

    def report_lost(self, frame: int, reason: str, count: int = 1) -> None:
        """Counts a frame as lost, or more from it on, and says why; in the log only a few times."""
        self.frames_lost += count
        several = {"count": count} if count > 1 else {}
        self.report("frame_dropped", frame=frame, reason=reason, **several)
        self._losses += 1
        if self._losses <= _MOST_LOGGED:
            last = "; further ones are only counted" if self._losses == _MOST_LOGGED else ""
            more = f" and {count - 1} more" if count > 1 else ""
            self.logger.warn(f"frame {frame}{more} dropped: {reason}{last}")

    def drop_message(self, error: pmt_keys.MessageError) -> None:
        """Counts a message that cannot be used, and says why; in the log only a few times."""
        self.messages_dropped += 1
        self.report("message_dropped", reason=str(error))
        if self.messages_dropped <= _MOST_LOGGED:
            self.logger.warn(f"message dropped: {error}")

    def report(self, event: str, **details: Any) -> None:
        """Reports on the port `events` what has happened."""
        self.message_port_pub(pmt_keys.EVENTS, pmt_keys.event_to_pdu(event, details))
