# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of bytes out of frame vectors."""

import numpy as np
from gnuradio import gr

from ...scenario import Scenario, reception
from ...waveform import Reassembly
from .. import pmt_keys
from ..lifecycle import Guarded, guarded

__all__ = ["ue_receiver"]


class ue_receiver(Guarded, gr.sync_block):
    """Equalizes whole frame vectors, demaps and checks them, and puts packets together again.

    It learns the channel of each frame from DM-RS and sensing pilots, and combines all chains.
    Packets whose blocks have all passed their CRC go out as PDUs of bytes on the port `pdus`, those
    of which a block is missing are counted in `packets_lost`. For every frame come a PDU on the
    port `link`, metadata alone (frame, whether its block is good, EVM, noise power, bits and, where
    what was sent is known, bit errors), and one on the port `symbols`: the equalized data elements
    (complex), for a constellation display. PMT_EOF follows the last of the port `link`.

    Parameters
    ----------
    scenario
        numerology, pilots and payload come from here.
    known
        whether the transmitter sends nothing but filling, so that bit errors can be counted in
        blocks that fail their check too.

    Raises
    ------
    ValueError
        the scenario has no payload, or its channel cannot be estimated.
    """

    def __init__(self, scenario: Scenario, known: bool = False) -> None:
        self._receiver = reception.payload_receiver(scenario)
        self._payload = self._receiver.payload
        numerology = scenario.numerology
        self._shape = numerology.symbols, numerology.subcarriers, scenario.receive_chains
        size = int(np.prod(self._shape))
        gr.sync_block.__init__(self, "ue_receiver", [(np.complex64, size)], None)
        self.prepare(pmt_keys.LINK)
        # GNU Radio's own blocks take these, and stumble over an end-of-file object.
        for port in (pmt_keys.PDUS, pmt_keys.SYMBOLS):
            self.message_port_register_out(port)
        self._known = known
        self.begin()

    def begin(self) -> None:
        self._reassembly = Reassembly()
        self._last: int | None = None
        self.frames_used = self.blocks_good = self.packets = 0
        self.bits = self.bit_errors = 0

    @property
    def packets_lost(self) -> int:
        """Packets of which some blocks came, but not all."""
        return self._reassembly.packets_lost

    @guarded(-1)
    def work(self, input_items, output_items):
        # One frame a call: stopping should not wait.
        frame = input_items[0][0].reshape(self._shape)
        index = self.nitems_read(0)
        for tag in self.get_tags_in_window(0, 0, 1, pmt_keys.FRAME):
            index, _ = pmt_keys.frame_from_tag(tag.value)
        reception = self._receiver.receive(frame, index)
        self.frames_used += 1
        self.blocks_good += reception.good
        quality = {
            "frame": index,
            "good": reception.good,
            "evm": reception.evm,
            "noise_power": reception.received_noise,
            "bits": self._payload.bits,
        }
        if self._known or reception.good:
            block = self._payload.idle_block(index) if self._known else reception.block
            errors = int(np.count_nonzero(reception.bits != self._payload.encode(block)))
            quality["bit_errors"] = errors
            self.bits += self._payload.bits
            self.bit_errors += errors
        self.publish(pmt_keys.LINK, pmt_keys.link_to_pdu(quality))
        self.publish(pmt_keys.SYMBOLS, pmt_keys.symbols_to_pdu(reception.symbols, index))
        self._collect(reception.block if reception.good else None, index)
        return 1

    def _collect(self, block, index: int) -> None:
        """Sends the packet that a frame's block completes, if it does."""
        if block is None or (self._last is not None and index != self._last + 1):
            self._reassembly.lose()
        self._last = index
        if block is None:
            return
        packet = self._reassembly.take(block)
        if packet is not None:
            self.packets += 1
            self.publish(pmt_keys.PDUS, pmt_keys.bytes_to_pdu(packet, index))
