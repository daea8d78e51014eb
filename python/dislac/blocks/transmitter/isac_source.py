# SPDX-License-Identifier: GPL-3.0-or-later
"""The transmitter's pilots and payload, as streams."""

import time
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...scenario import Scenario, transmission
from ...waveform import segments
from .. import pmt_keys
from ..lifecycle import guarded, message_handler
from ._frame_source import FrameSource

__all__ = ["isac_source"]

_MOST_WAITING = 10_000
"""Blocks that may wait for their frames; what would be more is dropped."""


class isac_source(FrameSource):
    """Sends frames of pilots and payload on every transmit chain.

    Packets of bytes (PDU on the port `pdus`) are cut into blocks, one a frame, each with its CRC,
    in the order in which they come; frames for which there is nothing carry known filling. Silence
    comes first, for the time of flight, then a frame every frame period. A tag `dislac:frame` with
    the frame's index (uint64) is on the first sample of each frame, on stream 0. After the last
    frame come as many zeros as it takes to get that frame through precompensator and channel.

    A packet for which there is no room is dropped, reported on the port `events` (`packet_dropped`)
    and counted in `packets_lost`. A message that is no packet is dropped and reported there
    (`message_dropped`), and counted in `messages_dropped`.

    Parameters
    ----------
    scenario
        numerology, pilots, payload and chains come from here.
    frames
        how many to send, 0 for no end.
    wait_for_packet
        send nothing at all, also no silence, before the first packet has come. Where nothing else
        paces the flowgraph, it would be far ahead of its packets.

    Raises
    ------
    ValueError
        the number of frames is negative, or the scenario has no payload.
    """

    def __init__(self, scenario: Scenario, frames: int = 0, wait_for_packet: bool = False) -> None:
        super().__init__("isac_source", scenario, frames)
        # Not by `take_messages`: a source does not wait for messages when it stops, and what has
        # come before it starts is to be sent.
        self.message_port_register_in(pmt_keys.PDUS)
        self.set_msg_handler(pmt_keys.PDUS, self.handle_pdu)
        self._scenario = scenario
        self._payload = transmission.payload(scenario)
        self._waiting: deque[np.ndarray] = deque()
        self._lock = Lock()
        self._waits = wait_for_packet
        self.begin()

    def begin(self) -> None:
        super().begin()
        self._made = 0  # frames worked out so far; the newest of them are in `_samples`
        self._samples: NDArray[np.complex64] = np.zeros(
            (self._scenario.transmit_chains, 0, self._length), np.complex64
        )
        self.blocks_sent = self.packets_lost = 0

    @guarded(-1)
    def work(self, input_items, output_items):
        if self._waits and not self._made and not self._waiting:
            time.sleep(0.001)  # packets are taken between calls
            return 0
        return super().work(input_items, output_items)

    @message_handler
    def handle_pdu(self, message: Any) -> None:
        blocks = segments(pmt_keys.bytes_from_pdu(message), self._payload.block_size)
        with self._lock:
            room = _MOST_WAITING - len(self._waiting)
            if len(blocks) <= room:
                self._waiting.extend(blocks)
                return
        self.packets_lost += 1
        self.report("packet_dropped", reason=f"needs {len(blocks)} frames, {room} can wait")

    def make_frames(self, first: int, last: int) -> Iterable[tuple[int, NDArray[np.complex64]]]:
        self._make(first, last)
        oldest = self._made - self._samples.shape[1]
        for index in range(first, last + 1):
            yield index, self._samples[:, index - oldest]

    def _make(self, first: int, last: int) -> None:
        """Works out the frames up to `last`, and forgets those before `first`."""
        blocks = [self._next_block(index) for index in range(self._made, last + 1)]
        kept = self._samples[:, self._samples.shape[1] - max(self._made - first, 0) :]
        if blocks:
            new = transmission.payload_frames(self._scenario, np.array(blocks), self._made)
            kept = np.concatenate([kept, new], axis=1)
            self._made = last + 1
        self._samples = kept

    def _next_block(self, frame: int) -> np.ndarray:
        with self._lock:
            if not self._waiting:
                return self._payload.idle_block(frame)
            self.blocks_sent += 1
            return self._waiting.popleft()
