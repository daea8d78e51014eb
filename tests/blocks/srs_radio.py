# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for srsRAN's ZeroMQ radio: it gives, takes, waits and counts time as that does."""

from collections.abc import Sequence
from threading import Event, Thread

import numpy as np
import zmq

__all__ = ["StandIn", "Stopped"]

HELD = 3_072_000
"""Samples that wait in a radio to be used; it asks for no more before they are."""


class Stopped(Exception):
    """Nobody is left to talk to."""


class Record:
    """Samples one after another."""

    def __init__(self) -> None:
        self._data, self.count = np.zeros(1 << 16, np.complex64), 0

    def append(self, x: np.ndarray) -> None:
        if (end := self.count + len(x)) > len(self._data):
            self._data = np.concatenate([self._data, np.zeros(end, np.complex64)])
        self._data[self.count : end] = x
        self.count = end

    def __getitem__(self, part: slice) -> np.ndarray:
        return self._data[: self.count][part]


class StandIn:
    """A radio with a REP socket for each transmit port and a REQ socket for each receive port.

    Time is counted in samples of the sockets' rate from the first on, in both directions. As in
    srsRAN:

    - each receive port asks in a thread of its own, again as soon as it has been answered;
    - before samples are used, zeros are transmitted up to their end if nothing else has been;
    - samples to be transmitted later than the last are preceded by as many zeros as are missing,
      in a message of their own, of any length;
    - at a lower rate each sample is sent several times, and as many received ones are averaged.

    Parameters
    ----------
    transmit
        where its transmit ports listen, one a channel.
    receive
        where its receive ports ask.
    stop
        set when nobody is left to talk to.
    """

    def __init__(self, transmit: Sequence[str], receive: Sequence[str], stop: Event) -> None:
        self._stop, self._context = stop, zmq.Context()
        self._given = [self._context.socket(zmq.REP) for _ in transmit]
        for socket, place in zip(self._given, transmit, strict=True):
            socket.bind(place)
        self.decimation = 1
        self.sent = [Record() for _ in transmit]
        self.got = [Record() for _ in receive]
        self.taken = 0
        self._closed = Event()
        self._threads = [Thread(target=self._ask, args=pair) for pair in enumerate(receive)]
        for thread in self._threads:
            thread.start()

    def _wait(self, socket) -> bytes:
        while not socket.poll(20):
            if self._stop.is_set() or self._closed.is_set():
                raise Stopped
        return socket.recv()

    def _ask(self, port: int, place: str) -> None:
        socket = self._context.socket(zmq.REQ)
        socket.connect(place)
        try:
            while True:
                socket.send(b"\xff")
                self.got[port].append(np.frombuffer(self._wait(socket), np.complex64))
                while self.got[port].count - self.taken > HELD and not self._closed.wait(0.01):
                    pass
        except (Stopped, zmq.ZMQError):
            pass
        finally:
            socket.close(linger=0)

    def _give(self, samples: Sequence[np.ndarray]) -> None:
        for socket, sent, x in zip(self._given, self.sent, samples, strict=True):
            assert len(self._wait(socket)) == 1
            socket.send(x.tobytes())
            sent.append(x)

    def _align(self, index: int) -> None:
        """Transmit zeros up to sample `index`."""
        if (gap := index - self.sent[0].count) > 0:
            self._give([np.zeros(gap, np.complex64)] * len(self._given))

    def receive(self, count: int) -> np.ndarray:
        """Use the next samples, (ports, count) at the present rate."""
        end = self.taken + count * self.decimation
        self._align(end)
        waiting = Event()
        while min(got.count for got in self.got) < end:
            if self._stop.is_set():
                raise Stopped
            waiting.wait(0.0002)
        taken = np.stack([got[self.taken : end] for got in self.got])
        self.taken = end
        return taken.reshape(len(taken), count, self.decimation).mean(axis=2)

    def transmit(self, x: np.ndarray, at: int) -> None:
        """Transmit samples x (ports, count) of the present rate from sample `at` on."""
        assert at >= self.sent[0].count, "to be transmitted in the past"
        self._align(at)
        self._give(np.repeat(x, self.decimation, axis=1))

    def close(self) -> None:
        """Be gone; what was given last still arrives while somebody is there to take it."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        for socket in self._given:
            socket.close(linger=0 if self._stop.is_set() else 1000)
        self._context.term()

    def history(self) -> tuple[np.ndarray, np.ndarray]:
        """All that it has sent and got, (ports, any number) each."""
        count = min(got.count for got in self.got)
        return np.stack([x[:] for x in self.sent]), np.stack([x[:count] for x in self.got])

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
