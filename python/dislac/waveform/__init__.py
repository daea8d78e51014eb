# SPDX-License-Identifier: GPL-3.0-or-later
"""Numerology, pilots, payload, and the CP-OFDM modulator and demodulator."""

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
from .numerology import Numerology
from .ofdm import demodulate, modulate
from .payload import Payload, comb_mask, make_payload
from .pilots import PILOT_KINDS, Pilots, make_pilots
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
    "Reassembly",
    "Reception",
    "bit_error_rate",
    "comb_mask",
    "crc",
    "demodulate",
    "dmrs",
    "dmrs_symbols",
    "gold_sequence",
    "hard_bits",
    "make_payload",
    "make_pilots",
    "map_bits",
    "modulate",
    "mutual_information",
    "segments",
    "soft_bits",
]
