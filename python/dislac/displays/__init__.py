# SPDX-License-Identifier: GPL-3.0-or-later
"""Qt widgets, the pictures that they draw, and the state of a receiver that they show.

The widgets alone import Qt.
"""
