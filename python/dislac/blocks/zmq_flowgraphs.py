# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain in three processes: satellite, channel and base station."""

from collections.abc import Callable
from os import PathLike
from typing import Any

from ..scenario import Scenario
from .flowgraphs import Chain, OnFix, Receiver
from .pilot_source import pilot_source
from .precompensator import precompensator
from .timed_channel import timed_channel
from .zmq_sink import zmq_sink
from .zmq_source import zmq_source

__all__ = ["channel_flowgraph", "satellite_flowgraph", "station_flowgraph"]

OnEvent = Callable[[str, dict[str, Any]], None]


class _Sender(Chain):
    """A flowgraph that ends in a socket: when its stream ends, it lets the other side know."""

    output: zmq_sink

    def open(self) -> str:
        """Listens already before it runs; where, in full.

        Raises:
            AddressError: the address is none, or cannot be had.
        """
        return self.output.open()

    def stop(self) -> None:
        """Stops without a word to the other side, which waits for this one to come back."""
        self.output.release()
        super().stop()


class satellite_flowgraph(_Sender):
    """The transmitter, up to its antennas.

    Args:
        scenario: everything comes from here.
        address: where the channel asks for samples (`zmq_sink`).
        frames: how many to send, 0 for no end.
        any_interface: allow an address that stands for all interfaces.
    """

    def __init__(
        self, scenario: Scenario, address: str, *, frames: int = 0, any_interface: bool = False
    ) -> None:
        super().__init__("dislac satellite")
        self.scenario = scenario
        self.source = pilot_source(scenario, frames)
        self.precompensator = precompensator(scenario)
        self.output = zmq_sink(scenario, address, any_interface, ends=True, linger=_FOR_EVER)
        self.connect_chains(self.source, self.precompensator, self.output)


class channel_flowgraph(_Sender):
    """All between the antennas.

    Args:
        scenario: everything comes from here.
        source: where the satellite's samples are to be had (`zmq_source`).
        address: where the base station asks for samples (`zmq_sink`).
        any_interface: allow an address that stands for all interfaces.
        on_event: called with what happens to the connection, in a thread of the flowgraph.
    """

    def __init__(
        self,
        scenario: Scenario,
        source: str,
        address: str,
        *,
        any_interface: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        super().__init__("dislac channel")
        self.scenario = scenario
        self.source = zmq_source(scenario, source, on_event)
        self.channel = timed_channel(scenario)
        self.output = zmq_sink(scenario, address, any_interface, ends=True, linger=_FOR_EVER)
        self.connect_chains(self.source, self.channel, self.output)


class station_flowgraph(Receiver):
    """The base station.

    Args:
        scenario: everything comes from here.
        source: where the channel's samples are to be had (`zmq_source`).
        directory: where to write files of fixes, None for none.
        on_fix: called with each fix, in a thread of the flowgraph.
        on_event: called with what happens to the connection, in a thread of the flowgraph.
    """

    def __init__(
        self,
        scenario: Scenario,
        source: str,
        *,
        directory: str | PathLike[str] | None = None,
        on_fix: OnFix | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        super().__init__("dislac station", scenario, directory, on_fix)
        self.source = zmq_source(scenario, source, on_event)
        self.connect_chains(self.source, self.demodulator)


_FOR_EVER = float("inf")
