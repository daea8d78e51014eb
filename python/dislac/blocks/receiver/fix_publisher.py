# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes for other processes."""

from dataclasses import asdict
from typing import Any

from gnuradio import gr

from ...displays.status import StatusKeeper
from ...io.zmq_sockets import KeyFile, bind_address
from ...scenario import Scenario
from .. import pmt_keys
from ..lifecycle import Guarded, message_handler

__all__ = ["fix_publisher"]


class fix_publisher(Guarded, gr.basic_block):
    """Publishes fixes (PDU on the port `fix`) and the receiver's status over ZeroMQ (PUB), as JSON.

    `dislac monitor` shows them in another terminal. A message is a topic, a blank and one JSON
    object: `dislac.fix`, as `dislac run --json` prints it; and after each fix and each change
    `dislac.status`: state of the synchronization with its reason, frames used, skipped and lost.

    Parameters
    ----------
    scenario
        its name goes along.
    address
        PORT of this host alone, HOST:PORT, tcp://HOST:PORT or ipc://PATH; port 0 is any that is
        free.
    bind_any
        allow an address of all interfaces, such as tcp://*:5570.
    keys
        file of the CURVE secret key, NAME.key_secret; only those whose public keys lie beside it
        may listen; None: anybody may.

    Raises
    ------
    AddressError
        the address is none, or one of all interfaces without leave.
    ValueError
        `keys` is empty, which names no file.
    """

    def __init__(
        self,
        scenario: Scenario,
        address: str = "tcp://127.0.0.1:5570",
        bind_any: bool = False,
        keys: KeyFile | None = None,
    ) -> None:
        bind_address(address, any_interface=bind_any)
        if keys == "":
            raise ValueError("keys is empty; give the file NAME.key_secret, or None for no keys")
        gr.basic_block.__init__(self, "fix_publisher", None, None)
        self.prepare()
        self.take_messages(pmt_keys.FIX, self.handle_fix)
        self.message_port_register_in(pmt_keys.EVENTS)
        self.set_msg_handler(pmt_keys.EVENTS, self.handle_event)
        self._name = scenario.name
        self._address, self._bind_any, self._keys = address, bind_any, keys
        self._status = StatusKeeper()
        self._publisher: Any = None
        self.fixes = 0

    @property
    def endpoint(self) -> str:
        """Address at which it publishes while the flowgraph runs; empty before."""
        return "" if self._publisher is None else str(self._publisher.endpoint)

    def begin(self) -> None:
        from ...io.monitor import FixPublisher  # needs pyzmq

        self.fixes = 0
        self._status.clear()
        self._publisher = FixPublisher(self._address, any_interface=self._bind_any, keys=self._keys)
        self._publish_status()

    def finish(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    @message_handler
    def handle_fix(self, message: Any) -> None:
        fix = pmt_keys.fix_from_pdu(message)
        self.fixes += fix.valid
        self._status.take_frames(fix.frame)
        self._publisher.publish_fix(fix)
        self._publish_status()

    @message_handler
    def handle_event(self, message: Any) -> None:
        if self._status.take_event(pmt_keys.event_from_pdu(message)):
            self._publish_status()

    def _publish_status(self) -> None:
        if self._publisher is not None:
            self._publisher.publish_status(
                {"scenario": self._name, **asdict(self._status.status()), "fixes": self.fixes}
            )
