# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames found in the receiver's streams: by their times, or on the direct path."""

from .frames import Alignment, Event, FrameReader, Mark, Synchronizer, Window, aligned_grid
from .timed import TimedFrames

__all__ = [
    "Alignment",
    "Event",
    "FrameReader",
    "Mark",
    "Synchronizer",
    "TimedFrames",
    "Window",
    "aligned_grid",
]
