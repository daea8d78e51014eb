# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames found in the receiver's streams: by tags, by their times, or on the direct path."""

from .acquisition import acquire
from .direct import DirectPathSynchronizer
from .frames import Alignment, Drift, Event, FrameReader, Mark, Synchronizer, Window, aligned_grid
from .reference import Reference, expected_grids, measure
from .tagged import TaggedSynchronizer
from .timed import TimedSynchronizer

__all__ = [
    "Alignment",
    "DirectPathSynchronizer",
    "Drift",
    "Event",
    "FrameReader",
    "Mark",
    "Reference",
    "Synchronizer",
    "TaggedSynchronizer",
    "TimedSynchronizer",
    "Window",
    "acquire",
    "aligned_grid",
    "expected_grids",
    "measure",
]
