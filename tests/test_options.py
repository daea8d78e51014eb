# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of option that several commands have."""

import click
import pytest
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
