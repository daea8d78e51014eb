# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain in three processes, and the channel between the ZeroMQ radios of a gNB and a UE."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from ..io.zmq_sockets import KeyFile
from ..scenario import Scenario
from .between_processes.zmq_radio import zmq_radio
from .between_processes.zmq_sink import zmq_sink
from .between_processes.zmq_source import zmq_source
from .channel.relay_channel import relay_channel
from .channel.timed_channel import timed_channel
from .flowgraphs import Chain, OnFix, Receiver
from .recordings.recording_sink import recording_sink
from .transmitter.pilot_source import pilot_source
from .transmitter.precompensator import precompensator

__all__ = ["channel_flowgraph", "relay_flowgraph", "satellite_flowgraph", "station_flowgraph"]

OnEvent = Callable[[str, dict[str, Any]], None]


class _Sender(Chain):
    """A flowgraph that ends in a socket: when its stream ends, it lets the other side know."""

    output: zmq_sink

    def open(self) -> str:
        """Listens already before it runs; where, in full.

        Raises
        ------
        AddressError
            the address is none, or cannot be had.
        """
        return self.output.open()

    def stop(self) -> None:
        """Stops without a word to the other side, which waits for this one to come back."""
        self.output.release()
        super().stop()


class satellite_flowgraph(_Sender):
    """The transmitter, up to its antennas.

    Parameters
    ----------
    scenario
        everything comes from here.
    address
        where the channel asks for samples (`zmq_sink`).
    frames
        how many to send, 0 for no end.
    any_interface
        allow an address that stands for all interfaces.
    on_event
        called with what happens to the connection, in a thread of the flowgraph.
    keys
        file of the CURVE secret key; None: anybody may ask.
    """

    def __init__(
        self,
        scenario: Scenario,
        address: str,
        *,
        frames: int = 0,
        any_interface: bool = False,
        on_event: OnEvent | None = None,
        keys: KeyFile | None = None,
    ) -> None:
        super().__init__("dislac satellite", scenario)
        self.source = pilot_source(scenario, frames)
        self.precompensator = precompensator(scenario)
        self.output = zmq_sink(
            scenario, address, any_interface, True, _FOR_EVER, on_event, keys, transmit=True
        )
        self.connect_chains(self.source, self.precompensator, self.output)


class channel_flowgraph(_Sender):
    """All between the antennas.

    Parameters
    ----------
    scenario
        everything comes from here.
    source
        where the satellite's samples are to be had (`zmq_source`).
    address
        where the base station asks for samples (`zmq_sink`).
    any_interface
        allow an address that stands for all interfaces.
    on_event
        called with what happens to the connections, in a thread of the flowgraph.
    keys, server_key
        files of this end's CURVE secret key, which holds for both connections, and of the
        satellite's public one; None for none.

    Raises
    ------
    ValueError
        the scenario has receiver impairments, which would have to follow each new start.
    """

    def __init__(
        self,
        scenario: Scenario,
        source: str,
        address: str,
        *,
        any_interface: bool = False,
        on_event: OnEvent | None = None,
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
    ) -> None:
        if scenario.front_end is not None:
            raise ValueError(
                f"scenario '{scenario.name}' has a front_end, which is not emulated between three "
                "processes; leave it out (--set front_end=null), or use one flowgraph"
            )
        super().__init__("dislac channel", scenario)
        # A satellite without a key is asked by an open connection.
        own = None if server_key is None else keys
        self.source = zmq_source(scenario, source, on_event, own, server_key, transmit=True)
        self.channel = timed_channel(scenario)
        self.output = zmq_sink(
            scenario, address, any_interface, True, _FOR_EVER, on_event=on_event, keys=keys
        )
        self.connect_chains(self.source, self.channel, self.output)

    def stop(self) -> None:
        """Stops without waiting for samples of the satellite, nor a word to the station."""
        self.source.release()
        super().stop()


class station_flowgraph(Receiver):
    """The base station.

    Parameters
    ----------
    scenario
        everything comes from here.
    source
        where the channel's samples are to be had (`zmq_source`).
    record
        path of a recording of what comes, None for none.
    directory
        where to write files of fixes, None for none.
    on_fix
        called with each fix, in a thread of the flowgraph.
    on_event
        called with what happens to the connection, in a thread of the flowgraph.
    keys, server_key
        files of this end's CURVE secret key and of the channel's public one; None for none.
    """

    def __init__(
        self,
        scenario: Scenario,
        source: str,
        *,
        record: str | PathLike[str] | None = None,
        directory: str | PathLike[str] | None = None,
        on_fix: OnFix | None = None,
        on_event: OnEvent | None = None,
        keys: KeyFile | None = None,
        server_key: KeyFile | None = None,
    ) -> None:
        super().__init__("dislac station", scenario, directory, on_fix)
        self.source = zmq_source(scenario, source, on_event, keys, server_key)
        self.connect_chains(self.source, self.demodulator)
        if record is not None:
            self.recorder = recording_sink(scenario, record)
            self.connect_chains(self.source, self.recorder)

    def stop(self) -> None:
        """Stops without waiting for samples."""
        self.source.release()
        super().stop()


class relay_flowgraph(Chain):
    """The channel between a gNB and a UE: down and up, over the scenario's reference link.

    Parameters
    ----------
    scenario
        nodes, and carriers unless they are given, come from here.
    sample_rate
        of both radios [Hz].
    gnb_transmits, ue_transmits
        where their transmit ports listen, one a stream.
    gnb_receives, ue_receives
        where their receive ports shall find theirs.
    carriers
        down and up [Hz]; 0 for no Doppler shift, None: as the scenario says.
    noise_power
        of each received sample.
    any_interface
        allow addresses that stand for all interfaces.
    keys
        file of the CURVE secret key of this end; None: anybody may ask.
    gnb_key, ue_key
        files of the radios' public keys; None for a radio without.

    Raises
    ------
    ValueError
        one side of a direction has more ports than the other.
    """

    def __init__(
        self,
        scenario: Scenario,
        sample_rate: float,
        *,
        gnb_transmits: Sequence[str],
        gnb_receives: Sequence[str],
        ue_transmits: Sequence[str],
        ue_receives: Sequence[str],
        carriers: tuple[float | None, float | None] = (None, None),
        noise_power: float = 0.0,
        any_interface: bool = False,
        keys: KeyFile | None = None,
        gnb_key: KeyFile | None = None,
        ue_key: KeyFile | None = None,
    ) -> None:
        for direction, sent, received in (
            ("down", gnb_transmits, ue_receives),
            ("up", ue_transmits, gnb_receives),
        ):
            if len(sent) != len(received) or not sent:
                raise ValueError(
                    f"{len(sent)} transmit ports and {len(received)} receive ports, "
                    f"direction {direction}; give as many of each, one or more"
                )
        super().__init__("dislac relay", scenario)
        self.down, self.up = (
            relay_channel(scenario, sample_rate, len(ports), uplink, carrier, noise_power)
            for ports, uplink, carrier in zip(
                (ue_receives, gnb_receives), (False, True), carriers, strict=True
            )
        )
        self.gnb, self.ue = (
            zmq_radio(transmits, receives, 0, any_interface, keys, server_key)
            for transmits, receives, server_key in (
                (gnb_transmits, gnb_receives, gnb_key),
                (ue_transmits, ue_receives, ue_key),
            )
        )
        for source, channel, sink, ports in (
            (self.gnb, self.down, self.ue, ue_receives),
            (self.ue, self.up, self.gnb, gnb_receives),
        ):
            for stream in range(len(ports)):
                self.connect((source, stream), (channel, stream), (sink, stream))
        # `wait` looks for what has failed among what is here
        self.gnb_source, self.gnb_sink = self.gnb.source, self.gnb.sink
        self.ue_source, self.ue_sink = self.ue.source, self.ue.sink

    def open(self) -> dict[str, tuple[str, ...]]:
        """Listens already before it runs; where, in full.

        Raises
        ------
        AddressError
            an address is none, or cannot be had.
        """
        return {"gNB": self.gnb.open(), "UE": self.ue.open()}

    def stop(self) -> None:
        """Stops without waiting for samples of a radio."""
        self.gnb.release()
        self.ue.release()
        super().stop()


_FOR_EVER = float("inf")
