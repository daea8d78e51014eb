# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams into a process, from another one."""

import struct
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pmt
from gnuradio import gr
from numpy.typing import NDArray

from ...dsp.stream import CHUNK
from ...io.zmq_samples import STAY, WAIT, SampleClient, most_items
from ...io.zmq_sockets import KeyFile
from ...printable import printable
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, guarded
from ..wire import WireError, WireTag, read_header, sample_at, time_of

__all__ = ["zmq_source"]

_OURS = {
    str(getattr(pmt_keys, name)).encode()
    for name in ("BUSY", "CHAINS", "END", "FRAME", "RX_RATE", "RX_TIME")
}
"""Names that are known before they come."""
_MOST_REPORTED = 10
"""Messages that are refused aloud; further ones are only counted."""
_LONGEST_FLIGHT = 10.0
"""Longest time from when a frame was sent until it is due [s]."""


class zmq_source(Guarded, gr.sync_block):
    """Asks another process for all chains' streams, and gives them with the tags that they had.

    The other one has a `zmq_sink`, or GNU Radio's ZMQ REP Sink with a vector length of as many
    items as there are chains and tags passed. Either process may be started again at any time: the
    source asks on. The first sample of the stream and the first after each gap or restart have a
    tag `rx_time` with the time since time zero (whole and fractional seconds) and one `rx_rate`;
    what is missing is reported on the port `events` and counted in `samples_lost`. Tags
    `dislac:frame` that carry an offset get it in terms of the stream that they are now in.

    Events are `connected` and `disconnected`; `samples_lost` (with samples and time);
    `started_anew` (with time), when time has gone back; `refused`, where a CURVE key is missing or
    is not known; and `waiting` (with the address of the other client), while the other end's
    samples go to another client.

    Messages are checked before they are used. One that is damaged or made to harm is left out,
    counted in `messages_refused`, and reported the first times (`message_refused`, with reason).
    Tags that are left out are counted in `tags_left_out`, and the first are reported.

    Parameters
    ----------
    scenario
        chains and sample rate come from here; what comes otherwise ends the flowgraph.
    address
        where the other process listens: PORT of this host, HOST:PORT or ipc://PATH.
    on_event
        called with name and details of each event, in a thread of the flowgraph; None for none.
    keys
        file of this end's CURVE secret key, NAME.key_secret; None for none.
    server_key
        file of the other end's public key, NAME.key; None: it asks for none.
    transmit
        streams of the transmitter's chains, instead of the receiver's.
    """

    def __init__(
        self,
        scenario: Scenario,
        address: str,
        on_event: Callable[[str, dict[str, Any]], None] | None = None,
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
        transmit: bool = False,
    ) -> None:
        chains = scenario.transmit_chains if transmit else scenario.receive_chains
        gr.sync_block.__init__(self, "zmq_source", None, [np.complex64] * chains)
        self.prepare()
        self.set_tag_propagation_policy(gr.TPP_DONT)
        self.enlarge_buffers(8 * CHUNK)
        self._rate, self._chains = scenario.sample_rate, chains
        # From one frame to the next; pre-compensation moves them by less.
        self._shortest = scenario.numerology.frame_length // 2
        self._address = address
        self._keys, self._server_key = keys, server_key
        self._on_event = on_event
        self._client: SampleClient | None = None
        self._released = Event()
        self._set_back()

    def _set_back(self) -> None:
        self.frames_sent = self.samples_lost = self.messages_refused = self.tags_left_out = 0
        self._names = set(_OURS)  # of tags that may come

    def begin(self) -> None:
        self._set_back()
        self._items: NDArray[np.complex64] = np.zeros((0, self._chains), np.complex64)
        self._marks: list[WireTag] = []
        self._free = 0  # where the next frame may begin
        self._next: int | None = None  # the sender's offset of what should come
        self._clock: int | None = None  # index of a sample since time zero, less its offset here
        self._connected = self._refused = False
        self._released.clear()
        request = struct.pack("=I", most_items(self._chains))
        self._waiting = ""  # for whom
        self._client = SampleClient(
            self._address, request=request, keys=self._keys, server_key=self._server_key
        )

    def finish(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def release(self) -> None:
        """Makes the end wait for no samples."""
        self._released.set()

    @guarded(-1)
    def work(self, input_items, output_items):
        written, until = self.nitems_written(0), time.monotonic() + STAY
        while not len(self._items):
            if self._released.is_set() or time.monotonic() > until:
                return 0
            if not self._receive(written):
                return -1
        count = min(len(self._items), len(output_items[0]))
        for stream, chain in zip(output_items, self._items.T, strict=True):
            stream[:count] = chain[:count]
        self._items = self._items[count:]
        while self._marks and self._marks[0].offset < written + count:
            mark = self._marks.pop(0)
            self.frames_sent += pmt.eq(mark.key, pmt_keys.FRAME)
            self.add_item_tag(0, *mark)
        return count

    def _receive(self, place: int) -> bool:
        """Takes the next message, if one comes, to begin at offset `place`; False at the end."""
        assert self._client is not None
        message = self._client.receive(WAIT)
        if self._connected != self._client.connected:
            self._connected = self._client.connected
            event = "connected" if self._connected else "disconnected"
            self._say(event, address=self._client.address)
        if self._refused != self._client.refused:
            self._refused = self._client.refused
            if self._refused:
                self._say("refused", address=self._client.address)
        if message is None:
            return True
        try:
            offset, marks, begin, left_out = read_header(message, self._names)
            marks = [self._read(mark) for mark in marks]
        except WireError as error:
            self._refuse(error)
            return True
        if left_out and not self.tags_left_out:
            self._say("tags_left_out", tags=left_out)
        self.tags_left_out += left_out
        marks.sort(key=lambda mark: mark.offset)
        if any(pmt.eq(mark.key, pmt_keys.END) for mark in marks):
            return False
        for mark in marks:
            if pmt.eq(mark.key, pmt_keys.BUSY):
                self._wait_for(printable(mark.value))
                return True
        self._waiting = ""
        width = 8 * self._chains
        count, rest = divmod(len(message) - begin, width)
        if rest:
            raise ValueError(
                f"{self._address} sends {len(message) - begin} bytes, no samples of "
                f"{self._chains} chains; give both sides the same scenario"
            )
        self._items = np.frombuffer(message, np.complex64, count * self._chains, begin)
        self._items = self._items.reshape(count, self._chains)
        if offset != self._next and not _any(marks, offset, pmt_keys.RX_TIME):
            # GNU Radio's own sink gives no time: its clock starts with its stream
            marks.insert(0, WireTag(offset, pmt_keys.RX_TIME, offset))
        broken, self._next = offset != self._next, offset + count
        if broken:
            self._free = 0
        self._marks = []
        for mark in marks:
            self._take(mark, place - offset, broken and mark.offset == offset)
        return True

    def _wait_for(self, present: str) -> None:
        """Report once that the other end's samples go to another client."""
        if not self._waiting:
            self._say("waiting", address=self._address, present=present)
        self._waiting = present

    def _read(self, mark: WireTag) -> WireTag:
        """Return a tag, with a plain value where the tag is one that is understood here.

        Raises
        ------
        WireError
            it holds something else.
        """
        at, key, value = mark
        try:
            if pmt.eq(key, pmt_keys.RX_TIME):
                return WireTag(at, key, sample_at(value, self._rate))
            if pmt.eq(key, pmt_keys.RX_RATE):
                return WireTag(at, key, pmt.to_double(value))
            if pmt.eq(key, pmt_keys.CHAINS):
                return WireTag(at, key, pmt.to_uint64(value))
            if pmt.eq(key, pmt_keys.FRAME):
                index, due = pmt_keys.frame_from_tag(value)
                if due is not None and not 0 <= due - at <= _LONGEST_FLIGHT * self._rate:
                    raise ValueError(f"a frame that is sent at {at} is due at {due}")
                return WireTag(at, key, (index, due))
        except ValueError as error:
            raise WireError(str(error)) from None
        return mark

    def _take(self, mark: WireTag, shift: int, broken: bool) -> None:
        """Keeps a tag, moved by `shift` to where it is in the stream here."""
        at, key, value = mark.offset + shift, mark.key, mark.value
        if pmt.eq(key, pmt_keys.RX_TIME):
            clock = value - at
            if broken or clock != self._clock:
                self._set_clock(clock, at)
                self._marks += [
                    WireTag(at, key, time_of(clock + at, self._rate)),
                    WireTag(at, pmt_keys.RX_RATE, pmt.from_double(self._rate)),
                ]
        elif pmt.eq(key, pmt_keys.RX_RATE):
            self._check("samples a second", value, self._rate)
        elif pmt.eq(key, pmt_keys.CHAINS):
            self._check("chains", value, self._chains)
        elif pmt.eq(key, pmt_keys.FRAME):
            if at < self._free:  # within the frame before it
                self.tags_left_out += 1
                return
            self._free = at + self._shortest
            index, due = value
            due = None if due is None else due + shift
            self._marks.append(WireTag(at, key, pmt_keys.frame_to_tag(index, due)))
        else:
            self._marks.append(WireTag(at, key, value))

    def _set_clock(self, clock: int, at: int) -> None:
        lost = 0 if self._clock is None else clock - self._clock
        if lost > 0:
            self.samples_lost += lost
            self._say("samples_lost", samples=lost, time=(clock + at) / self._rate)
        elif self._clock is not None:
            self._say("started_anew", time=(clock + at) / self._rate)
        self._clock = clock

    def _refuse(self, error: WireError) -> None:
        """Leave a message out and report it; later ones are only counted."""
        self.messages_refused += 1
        if self.messages_refused <= _MOST_REPORTED:
            self._say("message_refused", reason=printable(error, 200), count=self.messages_refused)

    def _check(self, what: str, sent: float, wanted: float) -> None:
        if sent != wanted:
            raise ValueError(
                f"{self._address} sends {sent:g} {what}, the scenario has {wanted:g}; give both "
                "sides the same scenario"
            )

    def _say(self, event: str, **details: Any) -> None:
        self.report(event, **details)
        if self._on_event is not None:
            self._on_event(event, details)


def _any(marks: list[WireTag], offset: int, key: Any) -> bool:
    return any(mark.offset == offset and pmt.eq(mark.key, key) for mark in marks)
