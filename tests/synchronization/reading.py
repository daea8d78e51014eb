# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that come to a synchronizer in pieces."""

from gnuradio.dislac.synchronization import FrameReader


def read_frames(synchronizer, x, marks, piece, most):
    """Frames (alignment, samples) of a stream that comes in pieces, with its marks."""
    reader = FrameReader(synchronizer, len(x))
    frames = []
    while reader.position < x.shape[1]:
        begin = reader.position
        part = x[:, begin : begin + piece]
        near = [mark for mark in marks if begin <= mark.offset < begin + part.shape[1]]
        found = [(f, s.copy()) for f, s in reader.read(part, begin, near, most)]
        assert most is None or len(found) <= most
        frames += found
    reader.finish()
    return frames
