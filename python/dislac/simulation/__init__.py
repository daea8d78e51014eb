# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in streams, random scenes and noise, as studies and tests draw them."""

from .noise import complex_normal
from .scenes import impaired_scene, random_scenes
from .streams import network_frames, received_frames, received_stream, sent_stream

__all__ = [
    "complex_normal",
    "impaired_scene",
    "network_frames",
    "random_scenes",
    "received_frames",
    "received_stream",
    "sent_stream",
]
