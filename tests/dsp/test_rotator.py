# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation by straight phases between exact anchors."""

import numpy as np
from gnuradio.dislac.dsp.rotator import rotation
from gnuradio.dislac.dsp.stream import BLOCK


def cycles(n, rate=7.68e6):
    """A carrier of 28 GHz over 1.2 ms, 175 kHz of Doppler, 6.4 kHz/s of Doppler rate."""
    t = n / rate
    return 28e9 * 1.2e-3 - 174.6e3 * t + 0.5 * 6.4e3 * t**2


def rotated(first, blocks):
    border = cycles(BLOCK * np.arange(first, first + blocks + 1))
    return rotation(border[:-1], border[1:], np.empty((blocks, BLOCK), np.complex64)).ravel()


def test_phase_is_within_twenty_millionths_of_a_cycle():
    first = 10 * 7_680_000 // BLOCK
    n = first * BLOCK + np.arange(64 * BLOCK)
    turn = rotated(first, 64)
    error = np.angle(turn * np.exp(-2j * np.pi * (cycles(n) % 1))) / (2 * np.pi)
    assert np.abs(error).max() < 2e-5
    assert np.abs(np.abs(turn) - 1).max() < 1e-6


def test_no_jump_between_hops():
    turn = rotated(0, 64)
    step = np.angle(turn[1:] * turn[:-1].conj()) / (2 * np.pi)
    inside, border = step[np.arange(len(step)) % BLOCK != BLOCK - 1], step[BLOCK - 1 :: BLOCK]
    assert np.abs(border - inside.mean()).max() <= np.abs(inside - inside.mean()).max() + 4e-5
