# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of commands that the command line takes in."""
