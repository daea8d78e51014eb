# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes and satellites in view, against searches by brute force."""

import numpy as np
import pytest
from gnuradio.dislac.geometry import (
    CircularOrbit,
    LocalMotion,
    WalkerShell,
    find_passes,
    in_view,
    look_angles,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize_scalar

SITE = (50.9, -1.4, 20.0)
SHELL = WalkerShell(550e3, 6, 5, np.radians(53), 1, 0.2, 0.1)
TIME = np.arange(0.0, 6 * 3600.0 + 1, 10.0)


def sky(fleet, satellite, time, site=SITE):
    return look_angles(LocalMotion(fleet.motion(satellite), site).state(time)[0])


def elevation(fleet, satellite, time):
    return sky(fleet, satellite, time)[1]


class Fixed:
    """A fleet of any motions."""

    def __init__(self, *motions):
        self.motions = motions
        self.names = [str(k) for k in range(len(motions))]

    def __len__(self):
        return len(self.motions)

    def motion(self, satellite):
        return self.motions[satellite]

    def states(self, time, which=None):
        which = range(len(self)) if which is None else which
        parts = [self.motions[k].state(np.asarray(time, dtype=float)) for k in which]
        if not parts:
            return np.empty((0, len(time), 3)), np.empty((0, len(time), 3))
        return tuple(np.stack(vectors) for vectors in zip(*parts, strict=True))


@pytest.mark.parametrize("mask", np.radians([-3.0, 0.0, 10.0, 40.0]))
def test_view_is_the_elevation_above_the_mask(mask):
    expected = np.array([elevation(SHELL, s, TIME) >= mask for s in range(len(SHELL))])
    seen = in_view(SHELL, SITE, TIME, mask=mask)
    assert_array_equal(seen, expected)
    assert expected.any(axis=0).mean() > 0.1


@settings(max_examples=10)
@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    altitude=st.floats(200e3, 4e7) | st.floats(4e7, 1e9),
    step=st.floats(1.0, 200.0) | st.floats(200.0, 2000.0),
)
def test_nothing_that_is_up_is_left_out(latitude, longitude, altitude, step):
    shell = WalkerShell(altitude, 5, 4, 1.3, 2)
    site, time = (latitude, longitude, 0.0), step * np.arange(80)
    expected = [sky(shell, s, time, site)[1] >= 0.05 for s in range(len(shell))]
    assert_array_equal(in_view(shell, site, time, mask=0.05), expected)


def test_passes_against_a_search():
    mask = np.radians(10.0)
    passes = find_passes(SHELL, SITE, TIME, mask=mask)
    fine = np.arange(0.0, TIME[-1] + 0.5, 1.0)
    expected = []
    for s in range(len(SHELL)):
        e = elevation(SHELL, s, fine) - mask
        edges = np.flatnonzero(np.diff(np.sign(e)))
        roots = [
            brentq(lambda t, s=s: elevation(SHELL, s, t) - mask, fine[k], fine[k + 1], xtol=1e-7)
            for k in edges
        ]
        if e[0] >= 0:
            roots.insert(0, np.nan)
        if e[-1] >= 0:
            roots.append(np.nan)
        for rise, set_ in zip(roots[::2], roots[1::2], strict=True):
            low, high = np.nan_to_num(rise, nan=0.0), np.nan_to_num(set_, nan=fine[-1])
            top = minimize_scalar(
                lambda t, s=s: -elevation(SHELL, s, t), bounds=(low, high), method="bounded",
                options={"xatol": 1e-6},
            )  # fmt: skip
            expected.append((s, rise, top.x, set_, -top.fun))
    expected = np.array(sorted(expected, key=lambda p: (-1 if np.isnan(p[1]) else p[1], p[2])))
    assert len(expected) == len(passes) > 30
    assert np.isnan(passes.rise).any() and np.isnan(passes.set).any()
    assert_array_equal(passes.satellite, expected[:, 0])
    assert_allclose(passes.rise, expected[:, 1], atol=1e-4)
    assert_allclose(passes.culmination, expected[:, 2], atol=5e-3)
    assert_allclose(passes.set, expected[:, 3], atol=1e-4)
    assert_allclose(passes.elevation, expected[:, 4], atol=1e-7)


def test_azimuths_are_those_of_the_moments():
    passes = find_passes(SHELL, SITE, TIME)
    whole = np.flatnonzero(np.isfinite(passes.rise) & np.isfinite(passes.set))
    for k in whole[:20]:
        for time, azimuth in (
            (passes.rise[k], passes.rise_azimuth[k]),
            (passes.culmination[k], passes.azimuth[k]),
            (passes.set[k], passes.set_azimuth[k]),
        ):
            assert azimuth == pytest.approx(sky(SHELL, passes.satellite[k], time)[0], abs=1e-6)
    assert np.isnan(passes.rise_azimuth[np.isnan(passes.rise)]).all()


def test_steps_do_not_matter():
    """Borders of blocks and steps leave no trace: uneven, finer and coarser times."""
    uneven = np.unique(np.concatenate([TIME[::3], TIME[:700:2] + 3.0, [TIME[-1]]]))
    want = find_passes(SHELL, SITE, TIME, mask=0.2)
    for time in (uneven, TIME[::2], np.arange(0.0, TIME[-1] + 1, 4.0)):
        found = find_passes(SHELL, SITE, time, mask=0.2)
        assert_array_equal(found.satellite, want.satellite)
        assert_allclose(found.rise, want.rise, atol=2e-3)
        assert_allclose(found.set, want.set, atol=2e-3)
        assert_allclose(found.elevation, want.elevation, atol=1e-5)


def test_a_pass_shorter_than_a_step_is_found():
    passes = find_passes(SHELL, SITE, TIME)
    k = int(np.argmax(passes.set - passes.rise < 600))
    top = passes.elevation[k]
    fleet = Fixed(SHELL.motion(passes.satellite[k]))
    short = find_passes(fleet, SITE, TIME, mask=top - 1e-7)
    (found,) = np.flatnonzero(np.abs(short.culmination - passes.culmination[k]) < 1)
    assert 0 < short.set[found] - short.rise[found] < 1.0
    assert not len(find_passes(fleet, SITE, TIME, mask=short.elevation.max() + 1e-7))


def test_what_never_sets_passes_once():
    still = CircularOrbit(35_786e3, 0.0, np.radians(-1.4))
    below = CircularOrbit(35_786e3, 0.0, np.radians(178.6))
    passes = find_passes(Fixed(below, still), SITE, TIME)
    assert_array_equal(passes.satellite, [1])
    assert np.isnan([passes.rise[0], passes.set[0]]).all()
    assert np.degrees(passes.elevation[0]) == pytest.approx(31.5, abs=1.0)


def test_satellites_without_a_place_are_not_seen():
    class Gone:
        def state(self, time):
            return np.full((*np.shape(time), 3), np.nan), np.full((*np.shape(time), 3), np.nan)

    fleet = Fixed(Gone(), SHELL.motion(0))
    alone = Fixed(SHELL.motion(0))
    assert not in_view(fleet, SITE, TIME)[0].any()
    assert len(find_passes(fleet, SITE, TIME)) == len(find_passes(alone, SITE, TIME)) > 0


def test_a_pass_ends_where_the_place_is_lost_and_begins_where_it_is_found():
    whole = find_passes(SHELL, SITE, TIME)
    k = int(np.flatnonzero(np.isfinite(whole.rise) & np.isfinite(whole.set))[3])
    top, orbit = whole.culmination[k], SHELL.motion(whole.satellite[k])
    before, after = TIME[top > TIME][-1], TIME[top <= TIME][0]

    class Half:
        def __init__(self, begin, end):
            self.begin, self.end = begin, end

        def state(self, time):
            here = ((time >= self.begin) & (time < self.end))[..., None]
            return tuple(np.where(here, vector, np.nan) for vector in orbit.state(time))

    parts = Half(-np.inf, top), Half(top, np.inf), Half(before, top)  # the last for one step only
    fleet = Fixed(parts[0], SHELL.motion(0), *parts[1:], SHELL.motion(1))
    found = find_passes(fleet, SITE, TIME)

    def of(satellite):
        return found.chosen(found.satellite == satellite)

    early, late, once = of(0), of(2), of(3)
    assert early.rise[-1] == pytest.approx(whole.rise[k], abs=1e-6)
    assert early.set[-1] == early.culmination[-1] == before
    assert (late.rise[0], late.culmination[0]) == (after, after)
    assert late.set[0] == pytest.approx(whole.set[k], abs=1e-6)
    assert (once.rise, once.culmination, once.set) == (before, before, before)
    azimuth, elevation, _ = look_angles(LocalMotion(orbit, SITE).state(before)[0])
    for passes in (early, once):
        assert passes.set_azimuth[-1] == pytest.approx(azimuth)
        assert passes.elevation[-1] == pytest.approx(elevation)
    # nobody else's passes change
    for number, same in ((1, 0), (4, 1)):
        assert_array_equal(of(number).set, whole.set[whole.satellite == same])


def test_what_jumps_sets_after_it_rises_or_not_at_all():
    """A motion that no satellite has, which comes up and goes down between the steps."""
    rng = np.random.default_rng(3)

    class Jumping:
        def __init__(self, seed):
            self.place = np.random.default_rng(seed).normal(size=(len(TIME), 3)) * 4e7

        def state(self, time):
            place = self.place[np.searchsorted(TIME, np.clip(time, 0, TIME[-1]))]
            return place, np.full_like(place, 1e3)

    fleet = Fixed(*(Jumping(seed) for seed in rng.integers(1000, size=3)), SHELL.motion(0))
    found = find_passes(fleet, SITE, TIME)
    assert len(found) > 100
    assert not (found.set < found.rise).any()
    assert (np.isnan(found.rise) | (found.rise <= found.culmination)).all()
    assert (np.isnan(found.set) | (found.culmination <= found.set)).all()
    assert np.isnan(found.rise_azimuth[np.isnan(found.rise)]).all()
    assert np.isnan(found.set_azimuth[np.isnan(found.set)]).all()
    alone = find_passes(Fixed(SHELL.motion(0)), SITE, TIME)
    # rounded otherwise, where other places stand in the same vector
    assert_allclose(found.set[found.satellite == 3], alone.set, rtol=1e-12)
    assert_allclose(found.elevation[found.satellite == 3], alone.elevation, rtol=1e-12)


def test_some_of_a_fleet():
    whole = find_passes(SHELL, SITE, TIME, mask=0.1)
    some = find_passes(SHELL, SITE, TIME, mask=0.1, which=[7, 2, 11])
    expected = whole.chosen(np.isin(whole.satellite, [2, 7, 11]))
    for name, value in vars(some).items():
        assert_array_equal(value, getattr(expected, name))
    assert len(some) > 2
    assert not len(find_passes(SHELL, SITE, TIME, which=[]))


def test_progress_counts_all_steps():
    done = []
    find_passes(SHELL, SITE, TIME[:100], progress=done.append)
    assert sum(done) == 99 and len(done) > 3


@pytest.mark.parametrize("time", [[0.0], [0.0, 0.0], [1.0, 0.0], [[0.0, 1.0]]])
def test_times_must_grow(time):
    with pytest.raises(ValueError, match="each later"):
        in_view(SHELL, SITE, time)
