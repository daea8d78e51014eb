# SPDX-License-Identifier: GPL-3.0-or-later
from functools import cache

import numpy as np
import pytest
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.reception import direct_path, front_end, synchronizer
from gnuradio.dislac.scenario.timing import first_arrival
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.simulation import impaired_scene, received_stream
from gnuradio.dislac.studies.endurance import Signal
from gnuradio.dislac.synchronization import FrameReader, Mark, acquire, aligned_grid, measure
from gnuradio.dislac.waveform import modulate

FRAMES = 30


def scene(**overrides):
    """Four chains, frames that follow closely, a direct path 25 dB above the echo."""
    values = {
        "beams.chains": 4,
        "numerology.frame_period": 1_280,
        "channel.paths": [{"kind": "echo"}, {"kind": "direct", "relative_power_db": 25}],
        "channel.noise.snr_db": 0,
        "front_end.carrier_offset_hz": -17e3,
        "front_end.clock_offset_ppm": 15,
        "front_end.start_offset": 9_000.4,
        "synchronization.reference": "direct-path",
    }
    values |= {key.replace("__", "."): value for key, value in overrides.items()}
    return load_scenario("paper", values)


@cache
def samples(coupling="paired", kind="zadoff-chu"):
    made = scene(beams__coupling=coupling, pilots__kind=kind)
    return made, received_stream(made, FRAMES)[:, :39_000]  # the last frame ends just there


def read(made, x, piece=1 << 30, marks=(), **settings):
    """Alignments, and the synchronizer."""
    if settings:
        made = scene(**settings)
    reader = FrameReader(synchronizer(made), len(x))
    found, events = [], []
    while reader.position < x.shape[1]:
        begin = reader.position
        part = [row[begin : begin + piece] for row in x]
        near = [mark for mark in marks if begin <= mark.offset < begin + len(part[0])]
        found += [frame for frame, _ in reader.read(part, begin, near)]
        events += reader.synchronizer.events
        reader.synchronizer.events.clear()
    return found, events, reader.synchronizer


def states(events):
    return [event.details["state"] for event in events if event.name == "sync"]


def counted(events):
    """Frames that were lost."""
    return sum(e.details["count"] for e in events if e.name == "frames_lost")


def late(made, frame, missing=0):
    """By how much a frame lies beside where one was received [samples]."""
    due = first_arrival(made) + np.arange(FRAMES) * made.numerology.frame_period
    true = front_end(made).sample(due / made.sample_rate) - missing
    error = frame.start + frame.delay - true
    return error[np.argmin(np.abs(error))]


@pytest.mark.parametrize("coupling", ["paired", "physical"])
@pytest.mark.parametrize("kind", ["zadoff-chu", "walsh-hadamard", "random-phase"])
def test_frames_are_found_from_a_cold_start(coupling, kind):
    made, x = samples(coupling, kind)
    found, events, _ = read(made, x)
    assert states(events) == ["searching", "locked"]
    assert [frame.index for frame in found] == list(range(found[0].index, found[-1].index + 1))
    assert len(found) >= FRAMES - 4
    errors = np.array([late(made, frame) for frame in found])
    # The direct path's own bound is 0.001 samples in a frame; an echo beside it moves it a little.
    assert np.abs(errors).max() < 0.03
    assert np.abs(errors[10:]).max() < 0.015
    assert found[-1].carrier == pytest.approx(-17e3, abs=30)
    assert found[-1].dilation == pytest.approx(15e-6 + 6.24e-6, abs=2e-6)


def test_the_same_frames_whatever_the_pieces():
    made, x = samples()
    expected, *_ = read(made, x)
    for piece in (997, 5_000):
        assert read(made, x, piece)[0] == expected


def test_frames_leave_aligned():
    made, x = samples()
    reader = FrameReader(synchronizer(made), len(x))
    grids = {f.index: aligned_grid(s, f, made.numerology) for f, s in reader.read(list(x), 0)}
    reference = direct_path(made)
    rest = [measure(grid, reference, 0) for grid in list(grids.values())[10:]]
    assert np.sqrt(np.mean([m.delay**2 for m in rest])) < 0.01
    assert np.sqrt(np.mean([m.carrier**2 for m in rest])) < 30


def test_noise_alone_gives_no_lock():
    made, _ = samples()
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((4, 2 * 30_000)).astype(np.float32).view(np.complex64)
    found, events, _ = read(made, noise)
    assert not found
    assert states(events) == ["searching"]


def test_a_gap_that_nobody_reports_is_a_jump_of_the_direct_path():
    made, x = samples()
    gap = 700
    cut = np.delete(x, np.s_[20_000 : 20_000 + gap], axis=1)
    found, events, _ = read(made, cut)
    assert states(events) == ["searching", "locked", "lost", "locked"]
    reason = next(e.details["reason"] for e in events if e.details.get("state") == "lost")
    assert reason == "the direct path's timing jumped by 580 samples"  # less 700 of a period
    after = [frame for frame in found if frame.start > 20_000]
    assert after[0].start < 20_000 + 5 * 1_280
    assert max(abs(late(made, frame, gap)) for frame in after) < 0.03


@pytest.mark.parametrize("missing", [3, 700, 12_345])
def test_a_gap_with_a_time_is_bridged(missing):
    made, x = samples()
    at = 14_000
    cut = np.delete(x, np.s_[at : at + missing], axis=1)
    rate = made.sample_rate
    marks = [Mark(0, (7, 0.25)), Mark(at, (7, 0.25 + (at + missing) / rate))]
    found, events, _ = read(made, cut, marks=marks)
    assert states(events) == ["searching", "locked"]
    assert [e.details["missing"] for e in events if e.name == "gap"] == [missing]
    after = [frame for frame in found if frame.start > at]
    assert after[0].start < at + 1_280
    assert max(abs(late(made, frame, missing)) for frame in after) < 0.03
    # Frames keep their numbers, and those that are missing are counted.
    assert len(found) + counted(events) == found[-1].index + 1
    assert found[0].time == pytest.approx(7.25 + (found[0].start + found[0].delay) / rate)


def test_samples_that_are_not_finite_cost_their_frames_only():
    made, x = samples()
    x = x.copy()
    x[2, 15_000:16_500] = np.nan
    found, events, _ = read(made, x)
    assert states(events) == ["searching", "locked"]
    reasons = [e.details["reason"] for e in events if e.name == "frames_lost"]
    assert reasons == ["before the first lock", "values that are not finite"]
    assert len(found) + counted(events) == found[-1].index + 1


@pytest.mark.parametrize("step", [1e-2, 1e2])
def test_a_step_of_the_level_is_reported_and_survived(step):
    made, x = samples()
    x = x.copy()
    x[:, 18_000:] *= np.float32(step)
    found, events, _ = read(made, x)
    assert [e.details["change_db"] for e in events if e.name == "level_step"] == [
        pytest.approx(20 * np.log10(step), abs=1)
    ]
    assert max(abs(late(made, frame)) for frame in found) < 0.03
    assert any(18_000 < frame.start < 18_000 + 3 * 1_280 for frame in found)


@pytest.mark.parametrize(("coast", "expected"), [(100, 2), (0.5, 4)])
def test_a_fade_is_coasted_over_or_the_lock_is_lost(coast, expected):
    made, x = samples()
    rng = np.random.default_rng(3)
    x = x.copy()
    noise = rng.standard_normal((4, 2 * 8_000)).astype(np.float32).view(np.complex64)
    x[:, 15_000:23_000] = noise
    found, events, _ = read(made, x, synchronization__coast_ms=coast)
    assert states(events) == ["searching", "locked", "lost", "locked"][:expected]
    assert not any(15_000 - 640 < frame.start < 23_000 for frame in found)
    assert any(23_000 <= frame.start < 23_000 + 10 * 1_280 for frame in found)
    assert len(found) + counted(events) == found[-1].index + 1


def test_one_in_so_many_leaves_and_the_rest_is_counted():
    made, x = samples()
    found, events, synchronizer = read(made, x, estimator__every=4)
    assert all(frame.index % 4 == 0 for frame in found)
    assert len(found) >= 5
    counted_frames = len(found) + counted(events) + synchronizer.frames_skipped
    assert counted_frames == synchronizer.accounted == found[-1].index + 1


def test_frames_are_numbered_by_the_clock_where_it_is_known():
    made, x = samples()
    time = front_end(made).time(0)
    found, *_ = read(made, x, marks=[Mark(0, (100, float(time)))], synchronization__time_zero=100)
    due = (first_arrival(made) + found[0].index * 1_280) / made.sample_rate
    begin = front_end(made).time(found[0].start + found[0].delay)
    assert begin == pytest.approx(due, abs=1e-8)


def test_pilots_that_differ_from_frame_to_frame_show_their_number():
    made, _ = samples()
    reference = direct_path(made)
    rng = np.random.default_rng(4)
    other = reference.grids[0] * 1j ** rng.integers(0, 4, (8, 32))
    both = type(reference)(made.numerology, np.stack([reference.grids[0], other]))
    x = np.zeros((4, 2_000), np.complex64)
    x[:, 500:1_140] = modulate(other, made.numerology)
    found = acquire(x, both, (-25e3, 25e3))
    assert (found.start, found.frame) == (500, 1)
    assert acquire(0 * x, both, (-25e3, 25e3)) is None


def test_measurements_reach_their_variance():
    made, _ = samples()
    reference = direct_path(made)
    rng = np.random.default_rng(5)
    n = made.numerology
    true = np.array([0.2, 300.0])
    t = n.symbol_times - n.symbol_times.mean()
    turn = np.exp(-2j * np.pi * true[0] * n.frequencies / n.sample_rate)
    turn = turn * np.exp(2j * np.pi * true[1] * t)[:, None]
    gains = np.exp(2j * np.pi * rng.random(4))[:, None, None]
    errors, variances = [], []
    for _ in range(60):
        noise = 0.3 * rng.standard_normal((4, 8, 32, 2)) @ [1, 1j]
        found = measure(gains * reference.grids[0] * turn + noise, reference, 0)
        errors.append([found.delay, found.carrier] - true)
        variances.append([found.delay_variance, found.carrier_variance])
    ratio = np.mean(np.square(errors), axis=0) / np.mean(variances, axis=0)
    assert np.all((ratio > 0.6) & (ratio < 1.6))


def delayed(x, samples):
    """Streams that come later by a fraction of a sample."""
    turns = np.exp(-2j * np.pi * np.fft.fftfreq(x.shape[1]) * samples)
    return np.fft.ifft(np.fft.fft(x) * turns).astype(np.complex64)


@pytest.mark.parametrize(
    ("jump", "reason"),
    [(0.3, "timing"), (0.8, "timing"), (-0.8, "timing"), ("carrier", "carrier"), ("clock", "")],
)
def test_a_small_jump_costs_less_than_ten_frames(jump, reason):
    made, x = samples()
    at, rate, marks = 14_000, made.sample_rate, ()
    x = x.copy()
    if jump == "carrier":
        x[:, at:] *= np.exp(2j * np.pi * 1.5e3 / rate * np.arange(x.shape[1] - at))
    elif jump == "clock":  # that is wrong by 10 ms from there on
        marks = [Mark(0, (3, 0.0)), Mark(at, (3, at / rate + 0.01))]
    else:
        x[:, at:] = delayed(x, jump)[:, at:]
    found, events, _ = read(made, x, marks=marks)
    assert states(events) == ["searching", "locked", "lost", "locked"]
    lost = next(e.details["reason"] for e in events if e.details.get("state") == "lost")
    assert reason in lost
    after = [frame for frame in found if frame.start > at]
    assert after[0].start < at + 10 * 1_280
    moved = jump if isinstance(jump, float) else 0.0
    assert max(abs(late(made, frame, -moved)) for frame in after) < 0.03


@pytest.mark.parametrize("jump", [0.45, 0.7, 1, 2])
def test_a_jump_before_a_frame_that_is_not_finite(jump):
    made, x = samples()
    x = x[:, :30_000].copy()
    start = next(frame.start for frame in read(made, x)[0] if frame.index == 15)
    x[:, start - 200 :] = delayed(x, jump)[:, start - 200 :]
    x[1, start + 150] = np.nan
    found, events, _ = read(made, x)
    assert states(events)[-1] == "locked"
    after = [frame for frame in found if frame.start > start]
    assert after[0].start < start + 10 * 1_280


def at(offset, time):
    return Mark(offset, (int(np.floor(time)), time % 1))


@pytest.mark.parametrize("seconds", [10, 1e5])
def test_a_long_gap_is_the_end_of_a_lock_and_its_frames_are_counted(seconds):
    # A satellite at rest is still heard in the same way after the gap.
    made = scene(nodes__transmitter__velocity=[0, 0, 0])
    x = received_stream(made, FRAMES)[:, :39_000]
    mark = at(14_000, 14_000 / made.sample_rate + seconds)
    found, events, _ = read(made, x, marks=[at(0, 0), mark])
    assert states(events) == ["searching", "locked", "lost", "locked"]
    lost = next(e.details["reason"] for e in events if e.details.get("state") == "lost")
    assert lost == f"a gap of {seconds:.3g} s"
    assert len(found) + counted(events) == found[-1].index + 1
    passed = seconds + (found[-1].start - found[0].start) / made.sample_rate
    frames = passed * made.sample_rate / 1_280
    assert found[-1].index - found[0].index == pytest.approx(frames, rel=1e-4)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("zero", [None, 100])
@pytest.mark.parametrize("back", [1, 3_840, 76_800, 1e8])
def test_a_clock_that_goes_back_is_another_beginning(back, zero, every):
    made, x = samples()
    border, start = 20_000, 100.1
    marks = [at(0, start), at(border, start + (border - back) / made.sample_rate)]
    settings = {"estimator__every": every}
    if zero is not None:
        settings["synchronization__time_zero"] = zero
    found, events, synchronizer = read(made, x, marks=marks, **settings)
    assert states(events) == ["searching", "locked", "lost", "locked"]
    assert f"rx_time went back by {back:.0f} samples" in [e.details.get("reason") for e in events]
    assert all(e.details["count"] > 0 for e in events if e.name == "frames_lost")
    assert synchronizer.frames_skipped >= 0
    runs = [[f.index for f in found if (f.start >= border) == after] for after in (False, True)]
    assert all(np.all(np.diff(run) > 0) for run in runs) and min(map(len, runs)) >= 2
    if zero is None:
        assert runs[0][-1] < runs[1][0]  # numbered by the samples, which go on
        counted_frames = len(found) + counted(events) + synchronizer.frames_skipped
        assert counted_frames == runs[1][-1] + 1
    elif back < 1e8:
        second = next(f for f in found if f.start >= border)
        due = first_arrival(made) + second.index * 1_280
        begin = (second.start + second.delay - back) + 0.1 * made.sample_rate
        assert abs(due - begin) < 640


def test_times_are_since_time_zero_and_keep_their_fraction():
    made, x = samples()
    zero = 1_767_268_800.25
    mark = Mark(0, (1_767_268_800, 0.75))
    found, *_ = read(made, x, marks=[mark], synchronization__time_zero=zero)
    begin = 0.5 + (found[0].start + found[0].delay) / made.sample_rate
    assert found[0].time == pytest.approx(begin, abs=1e-8)


@pytest.mark.parametrize("cut", [200, 900, 1_200])
def test_frames_of_gaps_that_nobody_can_measure_are_counted(cut):
    made, x = samples()
    places = [9_000, 16_000, 24_000]
    for n, place in enumerate(places):
        x = np.delete(x, np.s_[place - n * cut : place - n * cut + cut], axis=1)
    marks = [Mark(place - n * cut, None) for n, place in enumerate(places)]
    found, events, _ = read(made, x, marks=marks)
    assert states(events)[-1] == "locked" and found[-1].start > marks[-1].offset
    indices = [frame.index for frame in found]
    assert np.all(np.diff(indices) > 0)
    assert len(found) + counted(events) == indices[-1] + 1


@pytest.mark.monte_carlo
@pytest.mark.parametrize("coupling", ["paired", "physical"])
def test_a_lock_is_kept_while_the_satellite_moves_on(coupling):
    """Over a minute and 450 km, of which gaps swallow half a second each."""
    rng = np.random.default_rng(6)
    scene = load_scenario(
        "paper",
        {
            "beams.coupling": coupling,
            "synchronization.reference": "direct-path",
            "synchronization.coast_ms": 1_000,
        },
    )
    scene = impaired_scene(scene, 25.0, rng)
    signal, found, rate = Signal(scene, rng), synchronizer(scene), scene.sample_rate
    found.mark(at(0, 0))
    time, statistics, used = 0.0, [], 0
    for _ in range(300):
        aligned = found.take(signal.samples(*found.window))
        if aligned is None:
            continue
        used, time = used + 1, aligned.time
        assert abs(signal.place(aligned.start) - aligned.start - aligned.delay) < 0.1
        statistics.append(found.measurement.statistic)
        if used > 20:
            missing = int(rate / 2)
            signal.origin -= missing
            begin = found.window.start
            found.mark(at(begin, time + (begin - aligned.start - aligned.delay + missing) / rate))
    assert time > 60
    assert states(found.events) == ["searching", "locked"]
    assert min(statistics) > 0.9 * max(statistics)


def test_the_search_follows_the_doppler_shift():
    settings = {
        "precompensation.mode": "none",
        "synchronization.reference": "direct-path",
        "synchronization.time_zero": 100.0,
        "channel.paths": [{"kind": "direct"}],
    }
    scene = load_scenario("paper", settings)
    found, n = synchronizer(scene), scene.numerology
    index = round(60 * n.sample_rate / n.frame_period)
    doppler = [float(true_paths(scene, k).doppler[0]) for k in (0, index)]
    assert abs(doppler[1] - doppler[0]) > 50e3  # the window's width
    frame = direct_path(scene, index).grids[0]
    rng = np.random.default_rng(7)
    x = rng.standard_normal((scene.chains, 40_000, 2)) @ [0.01, 0.01j]
    begins = 3_000 + n.frame_period * np.arange(4)
    for begin in begins:
        x[:, begin : begin + n.frame_length] += modulate(frame, n)
    x = x * np.exp(2j * np.pi * doppler[1] / n.sample_rate * np.arange(40_000))
    reader = FrameReader(found, scene.chains)
    first = 160 + first_arrival(scene) / n.sample_rate
    aligned = [f for f, _ in reader.read(list(x.astype(np.complex64)), 0, [at(0, first)])]
    assert [f.index for f in aligned] == [index + 1, index + 2, index + 3]
    assert aligned[-1].carrier == pytest.approx(doppler[1], abs=30)
