# SPDX-License-Identifier: GPL-3.0-or-later
"""Directions that look alike to few rows, alone and beside other paths."""

from dataclasses import replace

import numpy as np
import pytest
from gnuradio.dislac.channel import Paths, synthesize
from gnuradio.dislac.estimation import make_estimator
from gnuradio.dislac.estimation.alike import FALSE_PLACES, DirectionsAlike
from gnuradio.dislac.estimation.path_responses import PathResponses

CELLS = (4 * 4 * np.pi / 4) ** 2
"""Directions that two arrays of 4 x 4 elements distinguish."""

PLACES = np.array(
    [
        [0.3, -0.4, 0.1, 0.2, 5e-7, 100.0],
        [-0.5, 0.1, 0.1, 0.2, 5e-7, 100.0],
        [0.2, 0.6, 0.1, 0.2, 5e-7, 100.0],
    ]
)
GAIN = np.array([3.0, 1 + 1j, 0.8j])


def alike(model, places, ratio, noise=1e-6):
    found = DirectionsAlike(PathResponses(model))
    return found(places, GAIN[: len(places)], 0, noise, ratio * noise)


def frames(model, places, gain):
    paths = Paths(gain, places[:, :2], places[:, 2:4], places[:, 4], places[:, 5])
    return synthesize(model, paths)


@pytest.mark.parametrize(("part", "expected"), [(1.02, True), (0.98, False)])
def test_rows_that_just_resolve_the_directions_of_one_path(make_model, part, expected):
    """Four rows less a gain and four directions are one complex number to know them by."""
    model = make_model(symbols=2, chains=2)
    ratio = part * 4 * (CELLS / FALSE_PLACES - 1)
    assert (alike(model, PLACES[:1], ratio) < FALSE_PLACES) == expected


def test_rows_that_repeat_show_no_more(make_model):
    """Of 24 symbols with the same two beams only two rows are independent."""
    once = make_model(symbols=1, chains=2)
    names = "transmit_beams", "receive_beams", "pilots"
    again = {name: np.repeat(getattr(once, name), 24, axis=0) for name in names}
    model = replace(once, **again, symbol_times=np.arange(24) * 1e-5)
    assert alike(model, PLACES[:1], 1e9) == pytest.approx(alike(once, PLACES[:1], 1e9))
    assert alike(model, PLACES[:1], 1e9) > FALSE_PLACES


def test_paths_far_later_take_nothing_and_those_at_once_everything(make_model):
    """Two paths are eight real unknowns of four rows; the third one's are too many."""
    model = make_model(symbols=2, chains=2)
    late, later, ratio = PLACES.copy(), PLACES.copy(), 1e6
    late[1:, 4] += 8 / (32 * 120e3) * np.array([1, -1.5])
    alone = alike(model, PLACES[:1], ratio)
    assert alone < alike(model, late, ratio) < 2 * alone < FALSE_PLACES
    assert alike(model, PLACES[:2], ratio) > 1
    later[1, 4] += 0.7 / (32 * 120e3)
    assert alone < alike(model, later[:2], ratio) < alike(model, PLACES[:2], ratio)


def test_an_array_of_which_all_is_received_shows_one_path_but_not_two(make_model):
    whole = np.broadcast_to(np.eye(4), (1, 4, 4))
    model = make_model(symbols=1, chains=4, shape=(2, 2))
    model = replace(model, receive_beams=whole, transmit_beams=np.tile(whole[..., :1], (1, 1, 4)))
    assert alike(model, PLACES[:1], 1.0) == 0.0
    assert alike(model, PLACES[:2], 1e6) > 1


@pytest.mark.parametrize("apart", [0.0, 0.3, 1.1])
def test_parts_left_are_those_of_a_frame_without_what_the_others_may_bring(make_model, apart):
    """Steps of the others by differences of frames, projections by singular values."""
    model = make_model(symbols=2, chains=3)
    cell = 1 / (32 * 120e3)
    places, ratio, noise = PLACES.copy(), 3e8, 1e-3
    places[1:, 4] += apart * cell * np.array([1, 1.7])
    cells = np.array([0.5, 0.5, 0, 0, cell, 1 / (2 * 80 / 7.68e6)])
    steps = []
    for k in (1, 2):
        own, gain = places[k : k + 1], GAIN[k : k + 1]
        steps += [frames(model, own, gain), frames(model, own, 1j * gain)]
        for axis in (0, 1, 4, 5):
            step = 1e-6 * cells * (np.arange(6) == axis)
            both = [frames(model, own + sign * step, gain) for sign in (1, -1)]
            steps.append((both[0] - both[1]) / 2e-6)
    tone = np.exp(-2j * np.pi * places[0, 4] * model.frequencies) / np.sqrt(32)
    rows = np.eye(6).reshape(6, 2, 1, 3) * tone[:, None]
    real = [np.concatenate([x.real.ravel(), x.imag.ravel()]) for x in (*steps, *rows, *(1j * rows))]
    others, own = np.array(real[:12]).T, np.array(real[12:]).T
    # The noise of each part, over what it is with all that the others may bring.
    spread = noise / 2 * np.eye(len(others)) + others @ others.T
    left = noise / 2 * np.linalg.eigvalsh(own.T @ np.linalg.solve(spread, own))
    along = sum(
        np.abs(np.mean(np.exp(2j * np.pi * d * model.frequencies))) ** 2
        for d in places[1:, 4] - places[0, 4]
    )
    expected = CELLS * (4 * np.pi) ** along * np.prod((1 + ratio / 6 * np.sort(left)[:6]) ** -0.5)
    assert alike(model, places, ratio, noise) == pytest.approx(expected, rel=1e-3)


@pytest.mark.monte_carlo
@pytest.mark.parametrize(("symbols", "okay"), [(2, False), (8, True)])
def test_few_rows_and_paths_that_are_not_resolved_give_no_place(
    make_model, symbols, okay, monkeypatch
):
    """Three paths within a third of a resolution cell, of 4 rows and of 32."""
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
    model = make_model(symbols=symbols, chains=2 if symbols == 2 else 4)
    places = PLACES.copy()
    places[1:, 4] += np.array([0.2, 0.3]) / (32 * 120e3)
    clean = frames(model, places, GAIN)
    estimator = make_estimator("off-grid", model, max_paths=3)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((*clean.shape, 2)) @ [1, 1j]
        power = 1e-4 * np.mean(np.abs(clean) ** 2)
        found = estimator.estimate(clean + np.sqrt(power / 2) * noise)
        assert (found.status == "ok" and found.detected) == okay
