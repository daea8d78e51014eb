# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that talk over ZeroMQ: satellite, channel and base station as processes of their own."""

from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click

from .. import cli as _cli
from ..io import zmq_sockets
from ..positioning import Fix
from ..scenario import load_scenario
from .options import DECIBEL, FRAMES, Number

__all__ = ["COMMANDS"]

cli: Any = _cli  # which takes these commands in, so that its types are not known here yet

SATELLITE, CHANNEL = "5560", "5561"
"""Ports of this host where they hand out samples, unless said otherwise."""


def _at(default: str) -> Any:
    return click.option(
        "--at",
        "address",
        default=default,
        show_default=True,
        metavar="ADDRESS",
        help="Where samples are handed out: PORT of this host alone, HOST:PORT, or ipc://PATH.",
    )


def _from(default: str) -> Any:
    return click.option(
        "--from",
        "source",
        default=default,
        show_default=True,
        metavar="ADDRESS",
        help="Where samples are asked for: PORT of this host, HOST:PORT, or ipc://PATH.",
    )


_bind_any = click.option(
    "--bind-any", is_flag=True, help="Allow an address of all interfaces, such as tcp://*:5560."
)


@click.command()
@click.argument("scenario")
@_at(SATELLITE)
@_bind_any
@click.option(
    "--frames",
    type=FRAMES,
    default=0,
    show_default=True,
    metavar="N",
    help="Frames to send; 0: until Ctrl-C.",
)
@cli._settings
def satellite(
    scenario: str, address: str, bind_any: bool, frames: int, settings: dict[str, Any]
) -> None:
    """Sends the frames of SCENARIO, up to the satellite's antennas, to a channel that asks."""
    cli._flowgraphs()
    from ..blocks.zmq_flowgraphs import satellite_flowgraph

    chosen = load_scenario(scenario, settings)
    flowgraph = satellite_flowgraph(chosen, address, frames=frames, any_interface=bind_any)
    _serve(flowgraph)
    click.echo(f"{flowgraph.source.frames_sent} frames sent")


@click.command()
@click.argument("scenario")
@_from(SATELLITE)
@_at(CHANNEL)
@_bind_any
@cli._settings
def channel(
    scenario: str, source: str, address: str, bind_any: bool, settings: dict[str, Any]
) -> None:
    """Takes samples from a satellite over the channel of SCENARIO to a base station that asks."""
    cli._flowgraphs()
    from ..blocks.zmq_flowgraphs import channel_flowgraph

    chosen = load_scenario(scenario, settings)
    flowgraph = channel_flowgraph(
        chosen, source, address, any_interface=bind_any, on_event=_tell_event
    )
    _serve(flowgraph)
    click.echo(f"{flowgraph.source.samples_lost} samples lost on their way here")


@click.command()
@click.argument("scenario")
@_from(CHANNEL)
@cli._out
@cli._settings
@cli._json
def station(
    scenario: str, source: str, out: Path | None, settings: dict[str, Any], as_json: bool
) -> None:
    """Receives what a channel brings, as SCENARIO says, and prints the fixes."""
    cli._flowgraphs()
    from ..blocks.zmq_flowgraphs import station_flowgraph

    chosen = load_scenario(scenario, settings)
    fixes: SimpleQueue[Fix] = SimpleQueue()
    flowgraph = station_flowgraph(
        chosen, source, directory=out, on_fix=fixes.put, on_event=_tell_event
    )
    cli._follow(flowgraph, fixes, chosen, 0, out, as_json)


def _port(flag: str, default: str, text: str) -> Any:
    return click.option(
        flag, multiple=True, default=[default], show_default=True, metavar="ADDRESS", help=text
    )


@click.command()
@click.argument("scenario")
@click.option(
    "--rate",
    type=Number(1, 1e10),
    required=True,
    metavar="HZ",
    help="Sample rate of both radios.",
)
@_port("--gnb-tx", "2000", "The gNB's tx_port, where it is asked. Once a channel.")
@_port("--gnb-rx", "2001", "The gNB's rx_port, where it is to ask.")
@_port("--ue-tx", "2101", "The UE's tx_port, where it is asked.")
@_port("--ue-rx", "2100", "The UE's rx_port, where it is to ask.")
@click.option(
    "--carrier-down",
    type=Number(0, 1e15),
    metavar="HZ",
    help="Else the scenario's; 0: no Doppler shift.",
)
@click.option("--carrier-up", type=Number(0, 1e15), metavar="HZ", help="Else the scenario's.")
@click.option(
    "--noise-db", type=DECIBEL, metavar="DB", help="Power of the noise, 0 dB: full scale."
)
@_bind_any
@cli._settings
def relay(
    scenario: str,
    rate: float,
    gnb_tx: Sequence[str],
    gnb_rx: Sequence[str],
    ue_tx: Sequence[str],
    ue_rx: Sequence[str],
    carrier_down: float | None,
    carrier_up: float | None,
    noise_db: float | None,
    bind_any: bool,
    settings: dict[str, Any],
) -> None:
    """Puts the satellite link of SCENARIO between the ZeroMQ radios of a gNB and a UE."""
    cli._flowgraphs()
    from ..blocks.zmq_flowgraphs import relay_flowgraph

    flowgraph = relay_flowgraph(
        load_scenario(scenario, settings),
        rate,
        gnb_transmits=gnb_tx,
        gnb_receives=gnb_rx,
        ue_transmits=ue_tx,
        ue_receives=ue_rx,
        carriers=(carrier_down, carrier_up),
        noise_power=0.0 if noise_db is None else 10 ** (noise_db / 10),
        any_interface=bind_any,
    )
    for radio, addresses in flowgraph.open().items():
        click.echo(f"rx_port of the {radio}: {', '.join(addresses)}")
    if flowgraph.latency:
        click.echo(f"{flowgraph.latency} samples of delay are added each way: the path is short")
    _run(flowgraph)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="dislac", show_default=True, help="What the files are called.")
def keys(directory: Path, name: str) -> None:
    """Makes a pair of CURVE keys in DIRECTORY: NAME.key to give away, NAME.key_secret to keep."""
    for path in zmq_sockets.make_keys(directory, name):
        click.echo(path)


COMMANDS = [satellite, channel, station, relay, keys]


def _serve(flowgraph: Any) -> None:
    """Says where samples are handed out, and runs the flowgraph."""
    click.echo(f"samples at {flowgraph.open()}")
    _run(flowgraph)


def _run(flowgraph: Any) -> None:
    """Runs a flowgraph that makes no fixes to its end or to Ctrl-C."""
    with cli._Running(flowgraph, SimpleQueue()) as running:
        running.next()
    if running.interrupted:
        raise click.exceptions.Exit(cli.INTERRUPTED)


_EVENTS = {
    "connected": "connected to {address}",
    "disconnected": "no connection to {address}: waiting for it",
    "samples_lost": "{samples} samples lost before {time:.6f} s",
    "started_anew": "samples have begun anew at {time:.6f} s",
}


def _tell_event(event: str, details: dict[str, Any]) -> None:
    """Tells on stderr what happens to a connection."""
    click.echo(f"dislac: {_EVENTS[event].format(**details)}", err=True)
