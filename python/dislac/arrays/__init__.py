# SPDX-License-Identifier: GPL-3.0-or-later
"""Planar arrays, their spatial-frequency grids, and hybrid beams."""

from .beams import phase_shifter_beams
from .planar import PlanarArray, spatial_frequency_grid, wrap_spatial_frequency

__all__ = ["PlanarArray", "phase_shifter_beams", "spatial_frequency_grid", "wrap_spatial_frequency"]
