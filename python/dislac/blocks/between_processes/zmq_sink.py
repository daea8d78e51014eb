# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams out of a process, to whoever asks for them."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pmt
from gnuradio import gr

from ...io.zmq_samples import WAIT, SampleServer, most_items
from ...io.zmq_sockets import KeyFile
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, any_failed, guarded
from ..wire import WireTag, message_header, sample_at, time_of

__all__ = ["zmq_sink"]


class zmq_sink(Guarded, gr.sync_block):
    """Hands all chains' streams, with the tags of stream 0, to another process that asks for them.

    That is a `zmq_source`, or GNU Radio's ZMQ REQ Source with a vector length of as many items as
    there are chains and tags passed. Nothing is dropped: while nobody asks, the flowgraph waits.
    Each message gives the time of its first sample (`rx_time`), so that who comes late knows it:
    what the last tag `rx_time` in the stream says, counted on in samples; without one, the time
    since the stream's first sample.

    Parameters
    ----------
    scenario
        chains and sample rate come from here.
    address
        where to listen: PORT or 127.0.0.1:PORT for this host alone, the full address of one of its
        interfaces, or ipc://PATH.
    any_interface
        allow an address that stands for all interfaces, such as tcp://*:5560.
    ends
        report to the other side when the stream has ended, once it asks again; not where that is
        because a block has failed.
    linger
        how long to wait for that [s].
    on_event
        called with name and details of each event, in a thread of the flowgraph; None for none.
    keys
        file of the CURVE secret key, NAME.key_secret; only those whose public keys lie beside it
        may ask; None: anybody may.
    transmit
        streams of the transmitter's chains, instead of the receiver's.

    Attributes
    ----------
    refused
        connections without the right keys so far.
    """

    def __init__(
        self,
        scenario: Scenario,
        address: str,
        any_interface: bool = False,
        ends: bool = False,
        linger: float = 5.0,
        on_event: Callable[[str, dict[str, Any]], None] | None = None,
        keys: KeyFile | None = None,
        transmit: bool = False,
    ) -> None:
        chains = scenario.transmit_chains if transmit else scenario.receive_chains
        gr.sync_block.__init__(self, "zmq_sink", [np.complex64] * chains, None)
        self.prepare()
        self._rate, self._chains = scenario.sample_rate, chains
        self._address = address
        self._any_interface, self._keys = any_interface, keys
        self._on_event = on_event
        self._ends, self._linger = ends, linger
        self._most = most_items(chains)
        self._server: SampleServer | None = None
        self._released = Event()
        self.refused, self._refusal_reported_at = 0, -1
        self._about = [
            (pmt_keys.RX_RATE, pmt.from_double(self._rate)),
            (pmt_keys.CHAINS, pmt.from_uint64(self._chains)),
        ]
        self.address = address

    def begin(self) -> None:
        self._released.clear()
        self.refused, self._refusal_reported_at = 0, -1
        self._clock = 0  # index of a sample since time zero, less its offset
        self.open()

    def open(self) -> str:
        """Listens from now on, if it does not yet; the address in full.

        Raises
        ------
        AddressError
            the address is none, or cannot be had.
        """
        if self._server is None:
            self._server = SampleServer(
                self._address, any_interface=self._any_interface, keys=self._keys
            )
            self.address = self._server.address
        return self.address

    def release(self) -> None:
        """Makes the end wait for nobody."""
        self._released.set()

    def finish(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        # A stream that breaks off because a block has failed has not ended: no end is reported
        if self._ends and not self._released.is_set() and not any_failed():
            self._report_end(server)
        server.close(linger=0.0 if self._released.is_set() else 1.0)

    def _report_end(self, server: SampleServer) -> None:
        end = message_header(0, [WireTag(0, pmt_keys.END, pmt.PMT_T)])
        until = time.monotonic() + self._linger
        while not self._released.is_set() and time.monotonic() < until:
            if server.wait(WAIT) and server.answer(end):
                return

    def _turn_away(self, server: SampleServer) -> None:
        """Report the clients that wait, and answer for whom."""
        for client, present in server.newcomers():
            details = {"client": client, "present": present}
            self.report("client_waits", **details)
            if self._on_event is not None:
                self._on_event("client_waits", details)
        server.turn_away(
            lambda present: message_header(0, [WireTag(0, pmt_keys.BUSY, pmt.intern(present))])
        )

    def _report_refusal(self, server: SampleServer) -> None:
        """Report a client without the right keys: once, until another one has been served."""
        news = server.refused > self.refused
        self.refused = server.refused
        if news and self._refusal_reported_at != server.clients:
            self._refusal_reported_at = server.clients
            self.report("client_refused")
            if self._on_event is not None:
                self._on_event("client_refused", {})

    @guarded(-1)
    def work(self, input_items, output_items):
        assert self._server is not None
        asked = self._server.wait(WAIT)
        self._report_refusal(self._server)
        self._turn_away(self._server)
        if not asked:
            return 0
        begin = self.nitems_read(0)
        count = min(len(input_items[0]), self._server.most or self._most, self._most)
        marks = [
            WireTag(tag.offset, tag.key, tag.value) for tag in self.get_tags_in_window(0, 0, count)
        ]
        clock = self._clock
        for mark in sorted(marks, key=lambda mark: mark.offset):
            if pmt.eq(mark.key, pmt_keys.RX_TIME):
                clock = sample_at(mark.value, self._rate) - mark.offset
                if mark.offset == begin:
                    self._clock = clock
        about = [*self._about, (pmt_keys.RX_TIME, time_of(begin + self._clock, self._rate))]
        known = {str(key) for key, _ in about}
        others = [m for m in marks if m.offset > begin or str(m.key) not in known]
        header = message_header(begin, [*(WireTag(begin, *pair) for pair in about), *others])
        message = np.empty(len(header) + 8 * count * self._chains, np.uint8)
        message[: len(header)] = np.frombuffer(header, np.uint8)
        # not aligned, which numpy takes care of
        items = message[len(header) :].view(np.complex64).reshape(count, self._chains)
        for chain, stream in enumerate(input_items):
            items[:, chain] = stream[:count]
        if not self._server.answer(message):
            return 0  # whoever asked has gone: the next one gets it
        self._clock = clock
        return count
