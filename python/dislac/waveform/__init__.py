# SPDX-License-Identifier: GPL-3.0-or-later
"""Numerology, pilots and NR PRS, their ambiguity, and the CP-OFDM modulator and demodulator."""

from .ambiguity import ambiguity
from .gold import gold_sequence
from .numerology import Numerology, nr_cyclic_prefixes
from .ofdm import demodulate, modulate
from .pilots import PILOT_KINDS, Pilots, make_pilots, prs_pilots
from .prs import PrsResource, PrsResourceSet, prs_grid, prs_mask, slot_grid

__all__ = [
    "PILOT_KINDS",
    "Numerology",
    "Pilots",
    "PrsResource",
    "PrsResourceSet",
    "ambiguity",
    "demodulate",
    "gold_sequence",
    "make_pilots",
    "modulate",
    "nr_cyclic_prefixes",
    "prs_grid",
    "prs_mask",
    "prs_pilots",
    "slot_grid",
]
