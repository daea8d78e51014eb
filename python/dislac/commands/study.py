# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that runs studies."""

import sys
from importlib import import_module, util
from pathlib import Path

import click

from ..studies import STUDIES

__all__ = ["COMMANDS"]


class _Studies(click.Group):
    """A command for each study, loaded when it is asked for; or that of a file of one's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(STUDIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        if name in STUDIES:
            command = import_module(f"{__package__.rpartition('.')[0]}.studies.{name}").main
        elif name.endswith(".py"):
            command = _own(Path(name))
        else:
            ctx.fail(f"there is no study '{name}': {', '.join(STUDIES)}, or a file NAME.py")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Studies"):
            formatter.write_dl(list(STUDIES.items()))


def _own(path: Path) -> click.Command:
    """Command of a file, whose module workers find by its name."""
    name = path.stem
    if not path.is_file():
        raise click.UsageError(f"there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found = util.find_spec(name) if name.isidentifier() else None
    if found is None or found.origin != str(path.resolve()) or name in sys.builtin_module_names:
        raise click.UsageError(f"{path}: give it another name: '{name}' is no free module's")
    try:
        command = getattr(import_module(name), "main", None)
    except Exception as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    if not isinstance(command, click.Command):
        raise ValueError(f"{path} has no command 'main', such as `study_command` makes")
    return command


@click.group(cls=_Studies, subcommand_metavar="NAME [OPTIONS]")
def study() -> None:
    """Runs a study: many trials at some points, by processes or on a cluster.

    NAME is one of those below, or a file of your own, NAME.py.
    """


COMMANDS = [study]
