# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of frames, and pre-compensation."""
