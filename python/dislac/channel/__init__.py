# SPDX-License-Identifier: GPL-3.0-or-later
"""Propagation: the snapshot model, paths, fading, losses, and the sample-domain emulator."""

from .emulator import ChannelEmulator, ChannelPath
from .precompensation import Precompensator, departure_delay
from .schedule import BeamSchedule
from .snapshot import Coupling, Paths, SnapshotModel, synthesize

__all__ = [
    "BeamSchedule",
    "ChannelEmulator",
    "ChannelPath",
    "Coupling",
    "Paths",
    "Precompensator",
    "SnapshotModel",
    "departure_delay",
    "synthesize",
]
