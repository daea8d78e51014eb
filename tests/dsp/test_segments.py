# SPDX-License-Identifier: GPL-3.0-or-later
"""Zero, copy and add some segments of a chunk: by compiled loops and by numpy alike."""

import numpy as np
import pytest
from gnuradio.dislac.dsp import CHUNK, compiled
from gnuradio.dislac.dsp.compiled import add_segments, copy_segments, edges, zero_fill

SEGMENTS = [slice(0, 3), slice(256, 700), slice(CHUNK - 5, CHUNK)]


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def way(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(compiled, "kernels", lambda: None)
    elif compiled.kernels() is None:
        pytest.skip("needs numba")


def draws(*shape):
    rng = np.random.default_rng(len(shape))
    return rng.standard_normal((*shape, 2)).astype(np.float32).view(np.complex64)[..., 0]


def inside(count):
    mask = np.zeros(count, bool)
    for part in SEGMENTS:
        mask[part] = True
    return mask


def test_edges_are_begins_and_ends():
    assert np.array_equal(edges(SEGMENTS), [[0, 3], [256, 700], [CHUNK - 5, CHUNK]])
    assert edges([]).shape == (0, 2) and edges([]).dtype == np.int64


@pytest.mark.parametrize("place", [0, 17])
def test_zeros_are_written_in_the_segments_alone(place):
    rows = draws(2, CHUNK + 40)
    before = rows.copy()
    zero_fill(rows, place, SEGMENTS)
    here = slice(place, place + CHUNK)
    assert np.array_equal(rows[:, here], np.where(inside(CHUNK), 0, before[:, here]))
    rows[:, here] = before[:, here] = 0
    assert np.array_equal(rows, before)


@pytest.mark.parametrize("place", [0, 17])
def test_segments_are_copied_to_their_places_and_no_others(place):
    chunk, rows = draws(2, CHUNK), 10 + draws(2, CHUNK + 40)
    before = rows.copy()
    copy_segments(chunk, SEGMENTS, rows, place)
    here = slice(place, place + CHUNK)
    assert np.array_equal(rows[:, here], np.where(inside(CHUNK), chunk, before[:, here]))
    rows[:, here] = before[:, here] = 0
    assert np.array_equal(rows, before)


def test_segments_are_added_each_time():
    chunk, rows = draws(2, CHUNK), draws(2, CHUNK) + 1
    before = rows.copy()
    for _ in range(2):
        add_segments(chunk, SEGMENTS, list(rows))
    added = before + chunk * inside(CHUNK) + chunk * inside(CHUNK)
    assert np.array_equal(rows, added)
    add_segments(chunk, [], list(rows))
    assert np.array_equal(rows, added)
