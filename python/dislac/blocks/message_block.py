# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of message blocks of one's own."""

from typing import Any

import pmt
from gnuradio import gr

from .lifecycle import Guarded, message_handler

__all__ = ["message_block"]


class message_block(Guarded, gr.basic_block):
    """Base of a block of your own that takes the messages of one port.

    GNU Radio may end a block before the last messages have come to it. This one waits for them, as
    the blocks of this module do. An exception in `handle` goes to the log and to the port `events`,
    and ends the flowgraph with status 1.

    A subclass has a method `handle`, which is called with each message, and may have `begin` and
    `finish`, which are called before the first and after the last.

    Parameters
    ----------
    name
        the block's, for the log.
    port
        the message port: `fix`, `paths` or `link`, as the block that it is connected to has it.
    """

    def __init__(self, name: str, port: str) -> None:
        gr.basic_block.__init__(self, name, None, None)
        self.prepare()
        self.take_messages(pmt.intern(port), self.take)

    @message_handler
    def take(self, message: Any) -> None:
        self.handle(message)

    def handle(self, message: Any) -> None:
        """Do what is to be done with a message."""
        raise NotImplementedError
