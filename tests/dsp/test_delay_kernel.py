# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled loop that delays and rotates, against tones whose delayed samples are known."""

import numpy as np
import pytest
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.dsp.delay import (
    differentiator,
    fraction_filters,
    split_delays,
    window_starts,
)
from gnuradio.dislac.dsp.stream import BLOCK, BLOCKS, RingBuffer

kernels = pytest.importorskip("gnuradio.dislac.dsp.kernels", exc_type=ImportError)

PASSBAND = 0.3
TONES = np.array([-0.29, 0.013, 0.17, 0.3])
AMPLITUDES = np.array([[1.0, 0.5j, -0.3, 0.8], [0.4, -1.0, 0.6j, 0.7]])


def tones(n):
    """(2, n) streams at places that may be between samples."""
    return AMPLITUDES @ np.exp(2j * np.pi * np.multiply.outer(TONES, n))


@pytest.mark.parametrize("chunk", [3, 4, 5])
@pytest.mark.parametrize("drift", [0.0, 1e-6, 23e-6, -23e-6])
def test_blocks_are_delayed_and_rotated(chunk, drift):
    """Of two paths, one that stands and takes a stream, one that moves and takes both."""
    buffer = RingBuffer(2)
    buffer.reset(2 * CHUNK)
    for k in range(2, chunk + 1):
        buffer.reserve(CHUNK)[:] = tones(np.arange(CHUNK) + k * CHUNK)
        buffer.forget((k - 1) * CHUNK)  # a ring of a few chunks, whose end windows cross
    border = (chunk * CHUNK + BLOCK * np.arange(BLOCKS + 1)).astype(float)
    delay = np.stack([np.full(BLOCKS + 1, 700.25), 1234.3 + drift * (border - border[0])])
    phase = np.stack([0.2 + 1e-5 * (border - border[0]), -3e-5 * (border - border[0])])
    split = split_delays(delay[:, :-1], delay[:, 1:])
    active = np.random.default_rng(1).uniform(size=BLOCKS) < 0.9
    ring, size = buffer.ring
    taps, used = fraction_filters(PASSBAND)
    out = np.full((3, 2 * CHUNK), 7.0, np.float32)
    kernels.delay(
        *(ring.view(np.float32), size, np.array([[0, 1, 0], [0, 2, 1]]), active),
        *(window_starts(chunk, split.whole), taps, split.row, used),
        *(differentiator(PASSBAND), np.stack([split.begin, split.end])),
        *(phase[:, :-1], phase[:, 1:], out),
    )
    made = out.view(np.complex64).reshape(3, BLOCKS, BLOCK)
    assert np.all(made[:, ~active] == 7 + 7j)  # only these are written
    n = np.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
    late, turned = ([np.interp(n, border, row) for row in rows] for rows in (delay, phase))
    still, moves = (
        tones(n - d) * np.exp(2j * np.pi * p) for d, p in zip(late, turned, strict=True)
    )
    expected = np.concatenate([still[:1], moves]).reshape(3, BLOCKS, BLOCK)
    error = np.abs(made - expected)[:, active]
    # Delays that stand are held to half a step of the table, others followed.
    assert error.max() < 7e-4
