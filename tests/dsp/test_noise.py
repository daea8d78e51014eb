# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise as a function of seed and sample index."""

import numpy as np
import pytest
from gnuradio.dislac.dsp import CHUNK, GaussianNoise, PooledNoise, StreamError
from scipy import stats


def drawn(noise, chunks, streams=3):
    out = np.zeros((streams, len(chunks), CHUNK), np.complex64)
    for i, chunk in enumerate(chunks):
        part = np.zeros((streams, CHUNK), np.complex64)
        noise.fill(chunk, part)
        out[:, i] = part
    return out


@pytest.mark.parametrize("kind", [GaussianNoise, PooledNoise])
def test_depends_on_seed_and_chunk_alone(kind):
    forth = drawn(kind(3, 2.0, 7), [0, 1, 2, 900])
    back = drawn(kind(3, 2.0, 7), [900, 2, 1, 0])[:, ::-1]
    assert np.array_equal(forth, back)
    assert not np.any(drawn(kind(3, 2.0, 8), [0]) == forth[:, :1])
    assert len(np.unique(forth[..., 0])) == forth[..., 0].size


@pytest.mark.parametrize("kind", [GaussianNoise, PooledNoise])
def test_is_complex_white_gaussian(kind):
    n = drawn(kind(3, 2.0, 11), range(4)).reshape(3, -1)
    size = n.size
    assert np.mean(np.abs(n) ** 2) == pytest.approx(2.0, abs=5 * 2.0 / np.sqrt(size))
    assert np.abs(np.mean(n**2)) < 5 * 2.0 / np.sqrt(size)  # circular
    assert np.abs(np.mean(n[:, 1:] * n[:, :-1].conj())) < 5 * 2.0 / np.sqrt(size)
    cross = np.abs(np.mean(n * np.roll(n, 1, axis=0).conj(), axis=1))
    assert cross.max() < 5 * 2.0 / np.sqrt(n.shape[1])
    for part in (n.real, n.imag):
        assert stats.kstest(part.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("kind", [GaussianNoise, PooledNoise])
def test_replaces_what_is_there(kind):
    noise = kind(1, 1.0, 0)
    rows = [np.zeros(CHUNK, np.complex64), np.full(CHUNK, np.nan, np.complex64)]
    for row in rows:
        noise.fill(3, [row])
    assert np.array_equal(*rows) and np.all(rows[0] != 0)


@pytest.mark.parametrize("variance", [-1.0, np.nan, np.inf])
def test_refuses_impossible_variance(variance):
    with pytest.raises(StreamError, match="variance"):
        GaussianNoise(1, variance, 0)
