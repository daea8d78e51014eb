# SPDX-License-Identifier: GPL-3.0-or-later
"""Displays, as blocks around the widgets of the room of displays."""
