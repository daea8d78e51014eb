# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks in streams: tags by which radios say when samples came, and where some were lost."""

from typing import Any

from ..synchronization import Mark
from . import pmt_keys

__all__ = ["marks_among"]


def marks_among(block: Any, count: int) -> list[Mark]:
    """Marks on the next `count` samples of a block's first input, in order."""
    rates, times = (
        block.get_tags_in_window(0, 0, count, key) for key in (pmt_keys.RX_RATE, pmt_keys.RX_TIME)
    )
    known = {tag.offset: pmt_keys.time_parts_from_tag(tag.value) for tag in times}
    # SoapySDR's radios give no time, but a new rate tag after each overflow
    offsets = sorted(known.keys() | {tag.offset for tag in rates})
    return [Mark(offset, known.get(offset)) for offset in offsets]
