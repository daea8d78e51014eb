# SPDX-License-Identifier: GPL-3.0-or-later
"""GNU Radio blocks, each one class in the file of its name, and the flowgraphs made of them.

The folders are those of Companion's tree. Blocks do no mathematics of their own: they carry samples
and messages to the other rooms and back.
"""
