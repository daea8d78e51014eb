# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio blocks, each one class in the file of its name, and the flowgraphs made of them.

Blocks do no mathematics of their own: they carry samples and messages to the other rooms and back.
"""
