# SPDX-License-Identifier: GPL-3.0-or-later
"""Emulated channels, and what errs in a receiver."""
