# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that talk over ZeroMQ: satellite, channel and base station as processes of their own."""

from pathlib import Path

import click

from ..io import zmq_sockets

__all__ = ["COMMANDS"]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", default="dislac", show_default=True, help="What the files are called.")
def keys(directory: Path, name: str) -> None:
    """Makes a pair of CURVE keys in DIRECTORY: NAME.key to give away, NAME.key_secret to keep."""
    for path in zmq_sockets.make_keys(directory, name):
        click.echo(path)


COMMANDS = [keys]
