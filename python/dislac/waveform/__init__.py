# SPDX-License-Identifier: GPL-3.0-or-later
"""Numerology, pilots and NR PRS, their ambiguity, payload, and the CP-OFDM modem."""

from .ambiguity import ambiguity
from .crc import CRC_LENGTHS, crc
from .dmrs import dmrs, dmrs_symbols
from .equalizer import Equalized, Equalizer
from .gold import gold_sequence
from .modulation import (
    BITS_PER_SYMBOL,
    bit_error_rate,
    hard_bits,
    map_bits,
    mutual_information,
    soft_bits,
)
from .numerology import Numerology, nr_cyclic_prefixes
from .ofdm import (
    demodulate,
    intercarrier_interference,
    intercarrier_leakage,
    intersymbol_leakage,
    modulate,
)
from .payload import Payload, make_payload, sensing_grid, thin
from .pilots import PILOT_KINDS, Pilots, make_pilots, prs_pilots
from .prs import PrsResource, PrsResourceSet, prs_grid, prs_mask
from .receiver import PayloadReceiver, Reception
from .transport import HEADER, Reassembly, segments

__all__ = [
    "BITS_PER_SYMBOL",
    "CRC_LENGTHS",
    "HEADER",
    "PILOT_KINDS",
    "Equalized",
    "Equalizer",
    "Numerology",
    "Payload",
    "PayloadReceiver",
    "Pilots",
    "PrsResource",
    "PrsResourceSet",
    "Reassembly",
    "Reception",
    "ambiguity",
    "bit_error_rate",
    "crc",
    "demodulate",
    "dmrs",
    "dmrs_symbols",
    "gold_sequence",
    "hard_bits",
    "intercarrier_interference",
    "intercarrier_leakage",
    "intersymbol_leakage",
    "make_payload",
    "make_pilots",
    "map_bits",
    "modulate",
    "mutual_information",
    "nr_cyclic_prefixes",
    "prs_grid",
    "prs_mask",
    "prs_pilots",
    "segments",
    "sensing_grid",
    "soft_bits",
    "thin",
]
