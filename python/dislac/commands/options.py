# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of option that several commands have: finite numbers and counts, each within a range."""

import math
from typing import Any

import click

__all__ = ["DECIBEL", "FRAMES", "MOST", "SEED", "Number"]

MOST = 10**9
"""Largest count: so many frames of a millisecond last eleven days."""


class Number(click.FloatRange):
    """A finite number within a range; both ends are given, as nothing measured is without bounds.

    Parameters
    ----------
    min, max
        Ends of the range.
    min_open, max_open
        True where an end does not belong to it.
    """

    def __init__(
        self, min: float, max: float, *, min_open: bool = False, max_open: bool = False
    ) -> None:
        super().__init__(min, max, min_open=min_open, max_open=max_open)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        # NaN lies in every range, as comparisons with it are all false.
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"'{value}' is not a finite number", param, ctx)
        return float(super().convert(number, param, ctx))


DECIBEL = Number(-300, 300)
"""A level [dB], as far as scenarios take one."""

SEED = click.IntRange(0, 2**63 - 1)
"""A seed of 63 bits, as scenarios take one."""

FRAMES = click.IntRange(0, MOST)
"""Frames to send or to use, 0 for no end."""
