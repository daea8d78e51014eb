# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and messages of commands with radios."""

import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

import click

from .options import Number

__all__ = ["options", "receiver", "report_of_receiver", "report_of_transmitter", "transmitter"]


def _channel(text: str) -> int:
    """Number of a channel of a device."""
    if not 0 <= (number := int(text)) < 1000:
        raise ValueError(text)
    return number


def _gain(text: str) -> float:
    """Gain [dB]."""
    if not abs(gain := float(text)) <= 300:  # which NaN is not, either
        raise ValueError(text)
    return gain


def _values(kind: Callable[[str], Any], text: str | None) -> Any:
    """One value, or one for each channel after commas; None for none."""
    if text is None:
        return None
    values = [kind(part) for part in text.split(",")]
    return values[0] if len(values) == 1 else values


def _parse(
    kind: Callable[[str], Any], ctx: click.Context, parameter: click.Parameter, text: str | None
) -> Any:
    try:
        return _values(kind, text)
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a number, or one a channel, as 30,28") from None


_TRANSMITTER = {
    "peak": click.option(
        "--peak",
        type=Number(0, 1, min_open=True),
        default=0.5,
        show_default=True,
        metavar="A",
        help="Largest amplitude; 1 is full scale.",
    )
}


def options(does: str, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the options of a radio to a command, which gets them as one dictionary, `radio`.

    That is None where no radio is named; other options of it are then an error.
    """
    chosen = {
        "device": click.option(
            "--radio",
            "device",
            required=required,
            metavar="DEVICE",
            help=f"The radio that {does}: uhd:ARGS or soapy:ARGS, as uhd:addr=192.168.10.2.",
        ),
        "gain": click.option(
            "--gain", callback=partial(_parse, _gain), metavar="DB", help="Gain, or one a channel."
        ),
        "antenna": click.option(
            "--antenna",
            callback=partial(_parse, str),
            metavar="PORT",
            help="Port, or one a channel.",
        ),
        "lo_offset": click.option(
            "--lo-offset",
            type=Number(-1e12, 1e12),
            metavar="HZ",
            help="Puts the oscillator above the carrier.",
        ),
        "clock_source": click.option(
            "--clock-source", metavar="NAME", help="internal, external, gpsdo, ..."
        ),
        "time_source": click.option(
            "--time-source", metavar="NAME", help="Of the pulse per second; as the clock's."
        ),
        "start_time": click.option(
            "--start-time",
            type=Number(0, 1e11),
            metavar="S",
            help="First sample, by the device's clock.",
        ),
        "channels": click.option(
            "--channels",
            callback=partial(_parse, _channel),
            metavar="K,K",
            help="The device's channels.",
        ),
        "patience": click.option(
            "--patience",
            type=Number(0, 1e6, min_open=True),
            metavar="S",
            help="Silence after which the radio counts as lost [s]; default 3.",
        ),
    }
    if required:
        chosen |= _TRANSMITTER

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def call(**arguments: Any) -> Any:
            given = {name: arguments.pop(name) for name in chosen}
            radio = {name: value for name, value in given.items() if value is not None}
            if radio and "device" not in radio:
                name = next(iter(radio)).replace("_", "-")
                raise click.UsageError(f"--{name} is a radio's: name it by --radio")
            if isinstance(radio.get("channels"), int):
                radio["channels"] = [radio["channels"]]
            return command(**arguments, radio=radio or None)

        for option in reversed(chosen.values()):
            call = option(call)
        return call

    return decorate


def receiver(radio: Mapping[str, Any]) -> Callable[..., Any]:
    """Maker of the flowgraph that receives with a radio."""
    return partial(_flowgraphs().radio_flowgraph, **radio)


def transmitter(radio: Mapping[str, Any]) -> Callable[..., Any]:
    """Maker of the flowgraph that transmits with a radio."""
    return partial(_flowgraphs().transmit_flowgraph, **radio)


def _flowgraphs() -> Any:
    # What drivers have to say would stand between the fixes; an error comes from the blocks.
    os.environ.setdefault("UHD_LOG_CONSOLE_LEVEL", "off")
    os.environ.setdefault("SOAPY_SDR_LOG_LEVEL", "FATAL")
    from ..blocks import radio_flowgraphs

    return radio_flowgraphs


def report_of_receiver(counters: Mapping[str, int]) -> list[str]:
    """Lines about what was lost before it reached the receiver."""
    overflows = counters.get("overflows", 0)
    if not overflows:
        return []
    lost = counters["samples_lost"]
    return [f"{overflows} overflows" + (f", {lost} samples lost in them" if lost else "")]


def report_of_transmitter(counters: Mapping[str, int]) -> str:
    """Line about what became of the frames."""
    return (
        f"{counters['frames_sent']} frames sent, {counters['late']} bursts late, "
        f"{counters['underflows']} underflows"
    )
