# SPDX-License-Identifier: GPL-3.0-or-later
"""Demodulation, estimation, positioning, and what becomes of fixes."""
