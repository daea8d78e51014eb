# SPDX-License-Identifier: GPL-3.0-or-later
"""Propagation: the snapshot model, paths, fading, losses, and the sample-domain emulator."""

from .emulator import ChannelEmulator
from .fading import BlockFading, ShadowedRician
from .front_end import FrontEnd
from .link_budget import (
    NOMINAL_NOISE_TEMPERATURE,
    absorption,
    bistatic_gain,
    direct_power,
    echo_power,
    path_gain,
    thermal_noise,
)
from .link_simulator import LinkSimulator, TransmitFrame
from .network import NetworkEmulator
from .path import ChannelPath
from .precompensation import Precompensator, departure_delay
from .schedule import BeamSchedule
from .snapshot import Coupling, Paths, SnapshotModel, synthesize

__all__ = [
    "NOMINAL_NOISE_TEMPERATURE",
    "BeamSchedule",
    "BlockFading",
    "ChannelEmulator",
    "ChannelPath",
    "Coupling",
    "FrontEnd",
    "LinkSimulator",
    "NetworkEmulator",
    "Paths",
    "Precompensator",
    "ShadowedRician",
    "SnapshotModel",
    "TransmitFrame",
    "absorption",
    "bistatic_gain",
    "departure_delay",
    "direct_power",
    "echo_power",
    "path_gain",
    "synthesize",
    "thermal_noise",
]
