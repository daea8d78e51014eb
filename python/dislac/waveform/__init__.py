# SPDX-License-Identifier: GPL-3.0-or-later
"""Numerology, pilots, and the CP-OFDM modulator and demodulator."""

from .numerology import Numerology
from .ofdm import demodulate, modulate
from .pilots import PILOT_KINDS, Pilots, make_pilots

__all__ = ["PILOT_KINDS", "Numerology", "Pilots", "demodulate", "make_pilots", "modulate"]
