# SPDX-License-Identifier: GPL-3.0-or-later
"""Propagation: the snapshot model, paths, fading, losses, and the sample-domain emulator."""

from .snapshot import Coupling, Paths, SnapshotModel, synthesize

__all__ = ["Coupling", "Paths", "SnapshotModel", "synthesize"]
