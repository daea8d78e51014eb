# SPDX-License-Identifier: GPL-3.0-or-later
"""A gNB or UE with a ZeroMQ radio, as seen from the air."""

from collections.abc import Sequence

import numpy as np
from gnuradio import gr

from ...io.zmq_sockets import KeyFile
from .. import pmt_keys
from ._receive_ports import ReceivePorts
from ._transmit_ports import TransmitPorts

__all__ = ["zmq_radio"]


class zmq_radio(gr.hier_block2):
    """Samples a gNB or UE transmits as output, a stream a port; those it is to receive as input.

    The other side is a radio such as srsRAN's (device zmq). Each of its transmit ports
    (`tx_port`) is a REP socket, which is asked with one byte and answers with complex floats; each
    of its receive ports (`rx_port`) a REQ socket, which asks here. Nothing is dropped: each side
    waits for the other.

    The radio may be started again at any time. It then counts its time from its first sample, in
    both directions; so the input goes on for it with the sample that belongs to the first that it
    gave: what is older is left out, what is missing is zeros.

    Parameters
    ----------
    transmits
        where its transmit ports listen, one a stream: PORT of this host, HOST:PORT.
    receives
        where its receive ports are to find theirs, one a stream: PORT of this host alone, the full
        address of one of its interfaces.
    latency
        zeros before the first input sample, for what the input comes from and works in chunks: the
        radio would not go on without them. A `relay_channel` needs none.
    any_interface
        allow addresses that stand for all interfaces, such as tcp://*:2100.
    keys
        file of this end's CURVE secret key, NAME.key_secret, for a radio that speaks CURVE
        (srsRAN's does not); only those whose public keys lie beside it may ask. None for none.
    server_key
        file of the radio's public key, NAME.key; None: it is asked openly.
    """

    def __init__(
        self,
        transmits: Sequence[str],
        receives: Sequence[str],
        latency: int = 0,
        any_interface: bool = False,
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
    ) -> None:
        gr.hier_block2.__init__(
            self,
            "zmq_radio",
            gr.io_signature(len(receives), len(receives), np.dtype(np.complex64).itemsize),
            gr.io_signature(len(transmits), len(transmits), np.dtype(np.complex64).itemsize),
        )
        self.message_port_register_hier_out(str(pmt_keys.EVENTS))
        self.source = TransmitPorts(transmits, keys if server_key else None, server_key)
        self.sink = ReceivePorts(receives, self.source, latency, any_interface, keys)
        for stream in range(len(transmits)):
            self.connect((self.source, stream), (self, stream))
        for stream in range(len(receives)):
            self.connect((self, stream), (self.sink, stream))
        self.msg_connect((self.source, "events"), (self, "events"))
        self.msg_connect((self.sink, "events"), (self, "events"))

    def open(self) -> tuple[str, ...]:
        """Listens from now on, if it does not yet; where, in full.

        Raises
        ------
        AddressError
            an address is none, or cannot be had.
        """
        return self.sink.open()

    def release(self) -> None:
        """Makes the end wait for nobody."""
        self.source.release()
