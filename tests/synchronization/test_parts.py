# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of which a synchronizer is made, each against what it must give in closed form."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.reception import direct_path
from gnuradio.dislac.synchronization import Mark, acquire, measure
from gnuradio.dislac.synchronization.clock import StreamClock
from gnuradio.dislac.synchronization.count import FrameCount
from gnuradio.dislac.synchronization.search import CONFIRMED_WITHIN, PATIENCE, PAUSE, PeriodSearch
from gnuradio.dislac.synchronization.track import (
    CARRIER_WANDER,
    CLOCK_OFFSET,
    CLOCK_WANDER,
    OUTLIER,
    TOLERATED_CARRIER,
    TOLERATED_DELAY,
    WIDE,
    DirectPathMeasurement,
    DirectPathTrack,
    TwoStateKalman,
)
from gnuradio.dislac.waveform import modulate
from numpy.testing import assert_allclose

# A frame in a stream, whatever its level and its phases

GAINS = np.array([1.0, 1j, -0.6 + 0.8j, np.exp(2j)])
"""Of the chains: the search may not look at their phases."""


@cache
def made():
    return load_scenario("paper", {"beams.chains": 4, "numerology.frame_period": 1_280})


@cache
def reference():
    return direct_path(made())


def stream(place, carrier, gains=GAINS):
    """A period and a frame, in which there is nothing but the frame that the reference expects."""
    n = made().numerology
    x = np.zeros((4, n.frame_period + n.frame_length), np.complex64)
    frame = modulate(reference().grids[0], n)
    x[:, place : place + n.frame_length] = gains[:, None] * frame
    turns = np.exp(2j * np.pi * carrier / n.sample_rate * np.arange(x.shape[1]))
    return (x * turns).astype(np.complex64)


@pytest.mark.parametrize("level", [1e-18, 1.0, 1e18])
@pytest.mark.parametrize("carrier", [0.0, -30e3])
def test_a_frame_without_noise_is_found_whole_at_any_level_and_phase(level, carrier):
    x = stream(321, carrier)
    x *= np.float32(level / np.sqrt(np.mean(np.abs(x) ** 2)))
    found = acquire(x, reference(), (carrier, carrier))
    assert found is not None
    assert (found.start, found.frame) == (321, 0)
    assert found.carrier == carrier
    assert found.statistic == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("place", [0, 1_279])
def test_a_frame_is_found_wherever_in_the_period_it_begins(place):
    assert acquire(stream(place, 0.0), reference(), (0.0, 0.0)).start == place


def test_what_is_not_finite_counts_as_zero_and_silence_has_no_frame():
    x = stream(321, 0.0)
    assert acquire(np.zeros_like(x), reference(), (0.0, 0.0)) is None
    assert acquire(np.full_like(x, np.nan), reference(), (0.0, 0.0)) is None
    x[:, 0], x[0, 1], x[1, 2] = np.nan, np.inf, -np.inf  # before the frame
    found = acquire(x, reference(), (0.0, 0.0))
    assert found.start == 321 and found.statistic == pytest.approx(1.0, abs=1e-5)
    # too short for a place
    length = made().numerology.frame_length
    assert acquire(x[:, :length], reference(), (0.0, 0.0)) is None


@pytest.mark.parametrize("level", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize(
    ("spans", "late", "carrier"),
    [
        ((0.0, 0.0), 5e-4, 3.0),
        ((3.0, 20e3), -2.3, -15e3),
        ((30.0, 0.0), 13.6, 0.0),
        ((0.0, 45e3), 0.0, 40e3),
        ((30.0, 45e3), -13.7, 40e3),
    ],
)
def test_delay_and_carrier_of_a_frame_are_measured_at_any_level(level, spans, late, carrier):
    n, grid = made().numerology, reference().grids[0].astype(complex)
    f, t = n.frequencies / n.sample_rate, n.symbol_times
    turned = np.exp(2j * np.pi * (carrier * t[:, None] - late * f))
    found = measure(level * GAINS[:, None, None] * grid * turned, reference(), 0, *spans)
    assert found.delay == pytest.approx(late, abs=1e-5)
    assert found.carrier == pytest.approx(carrier, abs=1.5 + 5e-4 * abs(carrier))
    assert found.statistic == pytest.approx(1.0, abs=4e-4)
    assert found.unevenness == pytest.approx(1.0, abs=1e-2)


def test_variances_follow_the_noise_and_the_level():
    """Of a share s, noise per element over explained energy goes as (1 - s) / s."""
    grid = reference().grids[0].astype(complex)
    other = np.random.default_rng(1).standard_normal((*grid.shape, 2)) @ [1, 1j]
    found = [measure(grid + k * other, reference(), 0) for k in (0.01, 0.02)]
    noise = [(1 - one.statistic) / one.statistic for one in found]
    for name in ("delay_variance", "carrier_variance"):
        variances = [getattr(one, name) for one in found]
        assert variances[1] / variances[0] == pytest.approx(noise[1] / noise[0], rel=1e-5)
    # Cramer-Rao bound of a delay whose gains are unknown: noise / (2 (2 pi)^2 energy spread)
    n = made().numerology
    f = n.frequencies / n.sample_rate
    weight = np.abs(grid) ** 2
    f = np.broadcast_to(f, grid.shape)
    spread = np.sum(weight * f**2) / np.sum(weight) - (np.sum(weight * f) / np.sum(weight)) ** 2
    bound = 0.02**2 * 2 / (2 * (2 * np.pi) ** 2 * np.sum(weight) * spread)
    assert found[1].delay_variance == pytest.approx(bound, rel=0.1)


# Order of the search


def test_a_place_is_confirmed_some_periods_later_and_no_other():
    for periods in (1, CONFIRMED_WITHIN):
        for off in (-2, 2):
            search = PeriodSearch(1_000, 50)
            assert not search.confirms(300, 0)
            assert search.confirms(300 + 1_000 * periods + off, 1_000)
        for off in (-3, 3):
            wide = 3 + round(2 * CLOCK_OFFSET * 1_000 * periods)
            search = PeriodSearch(1_000, 50)
            assert not search.confirms(300, 0)
            assert not search.confirms(300 + 1_000 * periods + np.sign(off) * wide, 1_000)
    for place in (300, 300 + 1_000 * (CONFIRMED_WITHIN + 1), 300 - 1_000):
        search = PeriodSearch(1_000, 50)
        search.confirms(300, 0)
        assert not search.confirms(place, 0)


def test_a_clock_that_errs_widens_what_confirms():
    """Over a long period a place may be late by twice the clock's standard deviation."""
    period = 1_000_000
    allowed = 2 + int(2 * CLOCK_OFFSET * period)
    for off, confirmed in ((allowed - 1, True), (allowed + 2, False)):
        search = PeriodSearch(period, 50)
        search.confirms(0, 0)
        assert search.confirms(period + off, 0) == confirmed


def test_what_was_found_is_looked_for_a_period_later():
    search = PeriodSearch(1_000, 50)
    search.confirms(300, 0)
    assert search.begin == 1_250
    search.confirms(10, 5_000)
    assert search.begin == 5_001  # always onwards
    search.start(7_000)
    assert search.begin == 7_000 and not search.confirms(1_010, 0)
    search.pause()
    assert search.begin is None and search.confirms(2_010, 0)
    search.stop()
    assert search.begin is None and not search.confirms(3_010, 0)


def test_a_search_in_vain_makes_pauses_until_something_is_found():
    search = PeriodSearch(1_000, 50)
    begins = [0]
    for _ in range(PATIENCE + 1):
        begins.append(search.found_nothing(begins[-1]))
    assert list(np.diff(begins)) == [1_000] * (PATIENCE - 1) + [PAUSE * 1_000] * 2
    assert search.begin == begins[-1]
    search.found()
    assert search.found_nothing(0) == 1_000


# Time


def test_time_is_that_of_the_newest_mark():
    clock = StreamClock(1e6)
    assert clock.time(2_500_000) == 2.5 and not clock.counts_from_zero
    assert clock.mark(Mark(10, None)) is None and clock.time(2_500_000) == 2.5
    assert clock.mark(Mark(100, (5, 0.25))) is None
    assert clock.time(1_000_100) == pytest.approx(6.25, abs=1e-12)
    # 2.75 s later, of which 2.5 s were received; a mark without a time says nothing
    assert clock.mark(Mark(1_000_000, None)) is None
    assert clock.mark(Mark(2_500_100, (8, 0.0))) == pytest.approx(250_000, abs=1e-6)
    assert clock.mark(Mark(3_500_100, (9, 0.0))) == pytest.approx(0, abs=1e-6)
    assert not clock.counts_from_zero


def test_time_zero_is_taken_off_whole_seconds_first():
    """A time of day keeps its fraction: 1.7e9 s have a resolution of 2e-7 s."""
    clock = StreamClock(1e6, zero=1_700_000_000.5)
    assert not clock.counts_from_zero
    clock.mark(Mark(40, (1_700_000_003, 0.750_000_125)))
    assert clock.counts_from_zero
    assert clock.samples_since_zero(1_040) == pytest.approx(3_251_000.125, abs=1e-6)
    assert clock.time(1_040.5) == pytest.approx(3.251_000_625, abs=1e-12)


# Which frames are used


def count(sent, every):
    sent = np.array(sent, bool)
    pilots = SimpleNamespace(sent=sent, sends=lambda frame: bool(sent[frame % len(sent)]))
    return FrameCount(pilots, every)


@pytest.mark.parametrize("every", [1, 2, 3, 7])
@pytest.mark.parametrize("sent", [[1], [1, 0], [0, 1, 1], [1, 0, 0, 0, 1, 0], [0, 0]])
def test_every_frame_is_counted_once(every, sent):
    frames = count(sent, every)
    used = [k for k in range(60) if k % every == 0 and sent[k % len(sent)]]
    assert [k for k in range(60) if frames.is_used(k)] == used
    for index in range(20):
        later = [k for k in used if k >= index]
        assert frames.next_used(index) == (later[0] if later else None)
    skipped = 0
    for begin, end in ((0, 0), (0, 1), (1, 5), (5, 31), (31, 60)):
        event = frames.pass_to(end, "why")
        lost = [k for k in used if begin <= k < end]
        skipped += end - begin - len(lost)
        assert frames.skipped == skipped and frames.accounted == end
        expected = {"frame": lost[0], "count": len(lost), "reason": "why"} if lost else None
        assert event == (("frames_lost", expected) if lost else None)
    assert frames.pass_to(59, "back") is None and frames.accounted == 60
    frames.restart(12)
    assert frames.accounted == 12 and frames.skipped == skipped


def test_another_every_may_be_asked_for():
    assert count([1], 5).next_used(1, 2) == 2
    assert count([1, 0], 5).next_used(3, 3) == 6


# The filters


def test_the_filter_is_the_least_squares_line_where_nothing_wanders():
    rng = np.random.default_rng(3)
    times, values, variance = np.sort(rng.uniform(1, 9, 12)), rng.standard_normal(12), 0.3
    ramp = TwoStateKalman(0.0)
    ramp.set(0.0, 2.0, 4.0, 0.5)
    for time, value in zip(times, values, strict=True):
        ramp.update(time, value - ramp.predict(time)[0], variance)
    # with the beginning as two more measurements
    design = np.stack([np.ones(14), [0, 0, *times]], axis=1)
    design[1] = [0, 1]
    weight = np.array([1 / 4.0, 1 / 0.5, *(1 / variance,) * 12])
    information = design.T @ (weight[:, None] * design)
    line = np.linalg.solve(information, design.T @ (weight * [2.0, 0.0, *values]))
    spread = np.linalg.inv(information)
    for time in (0.0, times[-1], 20.0):
        value, error = ramp.predict(time)
        assert value == pytest.approx(line @ [1, time], rel=1e-9)
        assert error == pytest.approx([1, time] @ spread @ [1, time], rel=1e-9)
    assert ramp.state[1] == pytest.approx(line[1], rel=1e-9)


def test_a_rate_that_wanders_makes_the_value_uncertain_by_the_cube_of_time():
    ramp = TwoStateKalman(0.2)
    ramp.set(1.0, 5.0, 0.5, 0.01)
    for step in (3.0, -3.0):
        grown = 0.5 + 0.01 * 9 + 0.2**2 * 27 / 3
        assert ramp.predict(1.0 + step) == pytest.approx((5.0, grown))
    # twice in steps is once at a time
    ramp.update(2.0, 0.0, 1e300)
    assert ramp.predict(4.0) == pytest.approx((5.0, 0.5 + 0.09 + 0.36))
    assert_allclose(ramp.covariance, ramp.covariance.T)


def track(index=3, place=5_000.25, carrier=700.0):
    found = DirectPathTrack(made().numerology)
    found.begin(index, place, carrier)
    return found


def test_a_track_expects_frames_a_period_apart():
    n, found = made().numerology, track()
    assert found.begun and found.wide and not found.verified
    for index in (3, 4, 103):
        begin, late = found.expected(index)
        due = 5_000.25 + (index - 3) * n.frame_period
        assert begin + late == pytest.approx(due) and abs(late) <= 0.5
        assert found.index_at(round(due)) == pytest.approx(index, abs=1e-3)
        passed = (index - 3) * n.frame_period / n.sample_rate
        expected = found.predict(index)
        assert (expected.late, expected.carrier) == pytest.approx((0.0, 700.0))
        variance = 0.5 + (CLOCK_OFFSET * n.sample_rate * passed) ** 2
        variance += (CLOCK_WANDER * n.sample_rate) ** 2 * passed**3 / 3
        assert expected.late_variance == pytest.approx(variance)
        variance = (n.sample_rate / n.frame_length / 4) ** 2 + (CARRIER_WANDER * passed) ** 2
        variance += CARRIER_WANDER**2 * passed**3 / 3
        assert expected.carrier_variance == pytest.approx(variance)
    found.shift(10.5)
    assert sum(found.expected(3)) == pytest.approx(5_010.75)


def test_a_track_follows_a_clock_that_errs():
    n, found, dilation = made().numerology, track(), 12e-6
    for index in range(3, 300):
        due = 5_000.25 + (index - 3) * n.frame_period * (1 + dilation)
        error = due - sum(found.expected(index))
        found.update(index, measurement(delay=error))
    assert found.dilation == pytest.approx(dilation, rel=0.05)
    assert found.verified and not found.wide
    assert sum(found.expected(300)) == pytest.approx(
        5_000.25 + 297 * n.frame_period * (1 + dilation), abs=0.01
    )


def measurement(delay=0.0, carrier=0.0, delay_variance=1e-4, carrier_variance=100.0):
    return DirectPathMeasurement(delay, carrier, delay_variance, carrier_variance, 1.0, 1.0)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("kind", ["delay", "carrier"])
@pytest.mark.parametrize("own", [0.0, 1e-4, 1.0, 1e4])
@pytest.mark.parametrize("certain", [False, True])
def test_an_outlier_lies_six_deviations_from_what_was_tracked(sign, kind, own, certain):
    found = track()
    expected = found.predict(4)
    if certain:
        expected = expected._replace(late_variance=0.0, carrier_variance=0.0)
    tolerated = {"delay": TOLERATED_DELAY, "carrier": TOLERATED_CARRIER}[kind]
    variance = {"delay": expected.late_variance, "carrier": expected.carrier_variance}[kind]
    limit = OUTLIER * np.sqrt(variance + own + tolerated**2)
    near, far = (
        measurement(**{kind: sign * limit * k, f"{kind}_variance": own}) for k in (0.999, 1.001)
    )
    assert found.outlier(far, expected) == ""  # nothing was tracked yet
    found.verified = True
    assert found.outlier(near, expected) == ""
    assert f"the direct path's {'timing' if kind == 'delay' else 'carrier'} jumped by" in (
        found.outlier(far, expected)
    )


def test_the_direct_path_is_looked_for_as_far_as_it_may_lie():
    n, found = made().numerology, track()
    expected = found.predict(3)
    late, carrier = found.spans(expected)
    assert late == pytest.approx(max(4 * np.sqrt(0.5), WIDE))
    assert carrier == pytest.approx(n.sample_rate / n.frame_length)  # four quarters of a cell
    assert found.spans(expected._replace(late_variance=4.0))[0] == pytest.approx(8.0)
    found.wide = False
    cell = n.sample_rate / n.frame_length
    for variance, span in ((0.125**2 * 1.01, True), (0.125**2 * 0.99, False)):
        assert (found.spans(expected._replace(late_variance=variance))[0] > 0) == span
        variance *= (cell / 2) ** 2
        assert (found.spans(expected._replace(carrier_variance=variance))[1] > 0) == span
