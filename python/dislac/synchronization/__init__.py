# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames found in the receiver's streams: by their times, or on the direct path."""

from .acquisition import acquire
from .direct import DirectPathFrames
from .frames import Alignment, Event, FrameReader, Mark, Synchronizer, Window, aligned_grid
from .reference import Reference, expected_grids, measure
from .timed import TimedFrames

__all__ = [
    "Alignment",
    "DirectPathFrames",
    "Event",
    "FrameReader",
    "Mark",
    "Reference",
    "Synchronizer",
    "TimedFrames",
    "Window",
    "acquire",
    "aligned_grid",
    "expected_grids",
    "measure",
]
