# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of option that several commands have."""

import click
import pytest
from gnuradio.dislac import cli
from gnuradio.dislac.commands.options import Number


@pytest.mark.parametrize("text", ["0", "-1", "5.1", "nan", "-inf", "1e999", "x", ""])
def test_a_number_outside_its_range_is_refused(text):
    with pytest.raises(click.BadParameter):
        Number(0, 5, min_open=True).convert(text, None, None)


@pytest.mark.parametrize("text", ["1e-9", "5", "2.5"])
def test_a_number_within_its_range_is_taken(text):
    assert Number(0, 5, min_open=True).convert(text, None, None) == float(text)


def test_what_is_not_finite_is_named_as_such():
    with pytest.raises(click.BadParameter, match="'nan' is not a finite number"):
        Number(0, 5).convert("nan", None, None)


OPTIONS = [
    (command, option)
    for command in cli.main.commands.values()
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize(
    ("command", "option"), OPTIONS, ids=[f"{c.name} {o.opts[0]}" for c, o in OPTIONS]
)
def test_every_option_says_what_it_takes_and_what_it_is_for(command, option):
    assert option.help and option.help.endswith((".", "]"))
    if not option.is_flag:
        assert option.metavar or isinstance(option.type, click.Choice)
    if isinstance(option.type, click.Path):
        assert (option.metavar == "DIR") == (not option.type.file_okay)
        assert (option.metavar == "FILE") == (not option.type.dir_okay)


@pytest.mark.parametrize("name", ["--out", "--record", "--export", "--publish", "--set", "--json"])
def test_commands_that_make_fixes_have_the_same_options(name):
    makers = [cli.main.commands[command] for command in ("run", "replay", "station")]
    found = [{(o.metavar, o.help) for o in command.params if name in o.opts} for command in makers]
    if name == "--record":
        found.pop(1)  # a replay makes no recording of a recording
    assert all(len(kind) == 1 and kind == found[0] for kind in found)


def test_one_option_has_one_metavar_in_all_commands():
    metavars = {}
    for _, option in OPTIONS:
        metavars.setdefault(option.opts[0], set()).add(option.metavar)
    # What calibrate and export write is one file; passes have dates, links seconds.
    assert metavars.pop("--out") == {"DIR", "FILE"}
    assert metavars.pop("--start") == {"TIME", "S"}
    several = {name: found for name, found in metavars.items() if len(found) > 1}
    assert not several
