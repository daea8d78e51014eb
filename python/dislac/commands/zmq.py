# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that talk over ZeroMQ: satellite, channel and base station as processes of their own."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue, SimpleQueue
from threading import Thread
from typing import Any

import click

from ..io import zmq_sockets
from ..scenario import load_scenario
from . import following
from .elsewhere import elsewhere_options_beside_keys, send_elsewhere
from .options import (
    DECIBEL,
    FOLDER,
    FRAMES,
    KEY_FILE,
    Number,
    json_option,
    out_option,
    record_option,
    settings_option,
)

__all__ = ["COMMANDS"]

SATELLITE, CHANNEL = "5560", "5561"
"""Ports of this host where they hand out samples, unless said otherwise."""

LOWEST_RATE = 1e4
"""Sample rate below which one in kHz or MHz is meant [Hz]; a single NR subcarrier takes 15e3."""


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


_keys = click.option(
    "--keys",
    type=KEY_FILE,
    metavar="FILE",
    help="NAME.key_secret of this end: samples only for those whose public keys lie beside it.",
)
_own_keys = click.option(
    "--keys",
    type=KEY_FILE,
    metavar="FILE",
    help="NAME.key_secret of this end, for --server-key and for --publish: fixes only for those "
    "whose public keys lie beside it.",
)


def _server_key(flag: str, whose: str) -> Any:
    return click.option(
        flag, type=KEY_FILE, metavar="FILE", help=f"NAME.key of the {whose}, if it has one."
    )


@click.command()
@click.argument("scenario")
@_at(SATELLITE)
@_bind_any
@_keys
@click.option(
    "--frames",
    type=FRAMES,
    default=0,
    show_default=True,
    metavar="N",
    help="Frames to send; 0: until Ctrl-C.",
)
@settings_option
def satellite(
    scenario: str,
    address: str,
    bind_any: bool,
    keys: str | None,
    frames: int,
    settings: dict[str, Any],
) -> None:
    """Sends the frames of SCENARIO, up to the satellite's antennas, to a channel that asks."""
    following.load_flowgraphs()
    from ..blocks.zmq_flowgraphs import satellite_flowgraph

    chosen = load_scenario(scenario, settings)
    with _Events() as events:
        flowgraph = satellite_flowgraph(
            chosen,
            address,
            frames=frames,
            any_interface=bind_any,
            on_event=events.report,
            keys=keys,
        )
        _serve(flowgraph)
    click.echo(f"{flowgraph.source.frames_sent} frames sent")


@click.command()
@click.argument("scenario")
@_from(SATELLITE)
@_at(CHANNEL)
@_bind_any
@_keys
@_server_key("--server-key", "satellite")
@settings_option
def channel(
    scenario: str,
    source: str,
    address: str,
    bind_any: bool,
    keys: str | None,
    server_key: str | None,
    settings: dict[str, Any],
) -> None:
    """Takes samples from a satellite over the channel of SCENARIO to a base station that asks."""
    following.load_flowgraphs()
    from ..blocks.zmq_flowgraphs import channel_flowgraph

    chosen = load_scenario(scenario, settings)
    with _Events() as events:
        flowgraph = channel_flowgraph(
            chosen,
            source,
            address,
            any_interface=bind_any,
            on_event=events.report,
            keys=keys,
            server_key=server_key,
        )
        _serve(flowgraph)
    click.echo(f"{flowgraph.source.samples_lost} samples lost on their way here")
    if refused := flowgraph.source.messages_refused:
        click.echo(f"{refused} messages left out: damaged, or made to harm")


@click.command()
@click.argument("scenario")
@_from(CHANNEL)
@_own_keys
@_server_key("--server-key", "channel")
@record_option
@out_option
@elsewhere_options_beside_keys
@settings_option
@json_option
def station(
    scenario: str,
    source: str,
    keys: str | None,
    server_key: str | None,
    record: str | None,
    out: Path | None,
    settings: dict[str, Any],
    as_json: bool,
    **elsewhere: Any,
) -> None:
    """Receives what a channel brings, as SCENARIO says, and prints the fixes."""
    following.load_flowgraphs()
    from ..blocks.zmq_flowgraphs import station_flowgraph

    chosen = load_scenario(scenario, settings)
    fixes = following.fix_queue()
    # A channel without a key is asked by an open connection; keys are then for subscribers alone.
    published = elsewhere["publish"] is not None
    own = None if published and server_key is None else keys
    with _Events() as events:
        flowgraph = station_flowgraph(
            chosen,
            source,
            record=record,
            directory=out,
            on_fix=fixes.put,
            on_event=events.report,
            keys=own,
            server_key=server_key,
        )
        send_elsewhere(flowgraph, keys=keys, **elsewhere)
        following.follow(flowgraph, fixes, chosen, 0, out, as_json)


def _parse_rate(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    if value < LOWEST_RATE:
        raise click.BadParameter(
            f"{value:g} samples a second are no radio's; the rate is in Hz, such as 23.04e6"
        )
    return value


def _port(flag: str, default: str, text: str) -> Any:
    return click.option(
        flag, multiple=True, default=[default], show_default=True, metavar="ADDRESS", help=text
    )


@click.command()
@click.argument("scenario")
@click.option(
    "--rate",
    type=Number(0, 1e10, min_open=True),
    callback=_parse_rate,
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
@_keys
@_server_key("--gnb-key", "gNB")
@_server_key("--ue-key", "UE")
@settings_option
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
    keys: str | None,
    gnb_key: str | None,
    ue_key: str | None,
    settings: dict[str, Any],
) -> None:
    """Puts the satellite link of SCENARIO between the ZeroMQ radios of a gNB and a UE."""
    following.load_flowgraphs()
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
        keys=keys,
        gnb_key=gnb_key,
        ue_key=ue_key,
    )
    for radio, addresses in flowgraph.open().items():
        click.echo(f"rx_port of the {radio}: {', '.join(addresses)}")
    link = flowgraph.down.link
    shortest = 1e6 * link.least / rate
    click.echo(f"delay of the path at time zero: {1e6 * link.delay(0.0):.3f} us each way")
    click.echo(
        f"one below {shortest:.3f} us ({link.least} samples) takes that; to others nothing is added"
    )
    _run(flowgraph)


@click.command()
@click.argument("directory", type=FOLDER, metavar="DIR")
@click.option(
    "--name",
    default="dislac",
    show_default=True,
    metavar="NAME",
    help="What the files are called.",
)
def keys(directory: Path, name: str) -> None:
    """Makes a pair of CURVE keys in DIR: NAME.key to give away, NAME.key_secret to keep."""
    for path in zmq_sockets.make_keys(directory, name):
        click.echo(path)


COMMANDS = [satellite, channel, station, relay, keys]


def _serve(flowgraph: Any) -> None:
    """Says where samples are handed out, and runs the flowgraph."""
    click.echo(f"samples at {flowgraph.open()}")
    _run(flowgraph)


def _run(flowgraph: Any) -> None:
    """Runs a flowgraph that makes no fixes to its end or to Ctrl-C."""
    with following.Running(flowgraph, SimpleQueue()) as running:
        running.next()
    running.end()


_MOST_LINES = 100
_EVENTS = {
    "client_waits": "{client} asks for samples, too, and waits: they go to {present}",
    "client_refused": "a client is refused: its CURVE keys are missing, or are not among those "
    "beside --keys",
    "refused": "{address} refuses: CURVE keys are missing, or not those it knows",
    "waiting": "waiting: the samples of {address} go to {present}",
    "connected": "connected to {address}",
    "disconnected": "no connection to {address}: waiting for it",
    "samples_lost": "{samples} samples lost before {time:.6f} s",
    "started_anew": "samples have begun again at {time:.6f} s",
    "message_refused": "a message is left out: {reason}",
    "tags_left_out": "{tags} tags are left out: the sender has used too many names",
}


_PAUSE = 1.0
"""Between two lines about one kind of event [s]; those meanwhile are counted."""


class _Events:
    """Reports of connections on stderr.

    Written by a thread of their own: neither a block nor the command's end waits for their reader.
    """

    def __init__(self) -> None:
        self._lines: Queue[str | None] = Queue(_MOST_LINES)
        self._last: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()
        self._thread = Thread(target=self._write, daemon=True)

    def report(self, event: str, details: dict[str, Any]) -> None:
        """Report an event."""
        now = time.monotonic()
        if now - self._last.get(event, -_PAUSE) < _PAUSE:
            self._left_out[event] += 1
            return
        self._last[event] = now
        text = _EVENTS[event].format(**details)
        if left_out := self._left_out.pop(event, 0):
            text += f" ({left_out} times more since it was last said)"
        with suppress(Full):
            self._lines.put_nowait(text)

    def __enter__(self) -> "_Events":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Full):
            self._lines.put_nowait(None)
            self._thread.join(_PAUSE)

    def _write(self) -> None:
        # Not by sys.stderr, whose lock the end of the process would wait for.
        with suppress(OSError):
            while (text := self._lines.get()) is not None:
                os.write(2, f"dislac: {text}\n".encode())
