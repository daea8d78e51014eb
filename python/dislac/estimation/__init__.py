# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths from pilot frames: sparse recovery, delay-Doppler matched filter, off-grid estimation."""
