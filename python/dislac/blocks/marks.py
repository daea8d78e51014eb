# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks in streams: tags by which radios say when samples came, and where some were lost."""

from typing import Any

from ..synchronization import Mark
from . import pmt_keys
from .wire import sample_at

__all__ = ["frame_marks_among", "marks_among"]


def marks_among(block: Any, count: int) -> list[Mark]:
    """Marks on the next `count` samples of a block's first input, in order."""
    rates, times = (
        block.get_tags_in_window(0, 0, count, key) for key in (pmt_keys.RX_RATE, pmt_keys.RX_TIME)
    )
    known = {tag.offset: pmt_keys.time_parts_from_tag(tag.value) for tag in times}
    # SoapySDR's radios give no time, but a new rate tag after each overflow
    offsets = sorted(known.keys() | {tag.offset for tag in rates})
    return [Mark(offset, known.get(offset)) for offset in offsets]


def frame_marks_among(block: Any, count: int, sample_rate: float) -> list[Mark]:
    """Marks with frames, or times, on the next `count` samples of a block's first input, in order.

    Raises
    ------
    ValueError
        a tag holds no frame, or no time of a stream with this rate.
    """
    frames, times = (
        block.get_tags_in_window(0, 0, count, key) for key in (pmt_keys.FRAME, pmt_keys.RX_TIME)
    )
    indices = {tag.offset: pmt_keys.frame_from_tag(tag.value)[0] for tag in frames}
    known = {}
    for tag in times:
        sample_at(tag.value, sample_rate)  # refuses what is beyond all samples
        known[tag.offset] = pmt_keys.time_parts_from_tag(tag.value)
    offsets = sorted(indices.keys() | known.keys())
    return [Mark(offset, known.get(offset), indices.get(offset)) for offset in offsets]
