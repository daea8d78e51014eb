# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs for the fixes of a command besides standard output: further formats, and subscribers."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from ..io import EXPORTS
from .options import KEY_FILE

__all__ = ["elsewhere_options", "elsewhere_options_beside_keys", "send_elsewhere"]


def _parse_formats(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> Sequence[str]:
    formats = [name.strip() for name in (value or "").split(",") if name.strip()]
    if formats and not ctx.params.get("out"):
        raise click.UsageError("--export writes into the folder of --out; give one")
    for name in formats:
        if name not in EXPORTS:
            raise click.BadParameter(f"'{name}' is none of {', '.join(EXPORTS)}")
    return formats


def _need_publish(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    if value and ctx.params.get("publish") is None:
        raise click.UsageError(f"{parameter.opts[0]} is for --publish; give that an address")
    return value


_EXPORT = click.option(
    "--export",
    "formats",
    metavar="FORMATS",
    callback=_parse_formats,
    help="Write kml, gpx, nmea to DIR, too; several with commas between them.",
)
_PUBLISH = click.option(
    "--publish",
    metavar="ADDRESS",
    is_eager=True,  # the two that follow ask for it
    help="Publish fixes for `dislac monitor`: PORT of this host, HOST:PORT, ipc://PATH.",
)
_BIND_ANY = click.option(
    "--bind-any",
    is_flag=True,
    callback=_need_publish,
    help="Allow an ADDRESS of all interfaces.",
)
_KEYS = click.option(
    "--keys",
    type=KEY_FILE,
    callback=_need_publish,
    metavar="FILE",
    help="NAME.key_secret: publish for those only whose public keys lie beside it.",
)


def _together(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


elsewhere_options = _together(_EXPORT, _PUBLISH, _BIND_ANY, _KEYS)
"""Options of a command that makes fixes, for `send_elsewhere`."""

elsewhere_options_beside_keys = _together(_EXPORT, _PUBLISH, _BIND_ANY)
"""The same for a command whose `--keys` are for more than publishing."""


def send_elsewhere(
    flowgraph: Any, formats: Sequence[str], publish: str | None, bind_any: bool, keys: str | None
) -> None:
    """Make a flowgraph write further formats, and publish its fixes, as the options say."""
    if formats:
        flowgraph.sink.export(formats)
    if publish is not None:
        flowgraph.publish(publish, bind_any=bind_any, keys=keys)
