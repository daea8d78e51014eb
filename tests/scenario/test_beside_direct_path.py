# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes beside a direct path that is late: right from the first frame on, and honest."""

import numpy as np
import pytest
from gnuradio.dislac.positioning import FixStatus
from gnuradio.dislac.scenario import load_scenario, reception, transmission
from gnuradio.dislac.scenario.timing import first_arrival, preamble
from gnuradio.dislac.synchronization import FrameReader, Mark, aligned_grid
from gnuradio.dislac.systems import bistatic


def fixes_of(scenario, count):
    """Fixes of `count` frames of emulated samples, found as the scenario's synchronization says."""
    numerology, first = scenario.numerology, preamble(scenario)
    sent = np.zeros((scenario.chains, first + count * numerology.frame_period), np.complex64)
    for frame in range(count):
        start = first + frame * numerology.frame_period
        sent[:, start : start + numerology.frame_length] = transmission.pilot_frame(scenario, frame)
    samples = reception.received(scenario, sent)
    estimator, grids = bistatic.estimator(scenario), []
    marks = [Mark(0, (0, 0.0))]
    if scenario.synchronization.reference == "tags":
        starts = first_arrival(scenario) + np.arange(count) * numerology.frame_period
        marks = [Mark(int(start), None, frame) for frame, start in enumerate(starts)]
    reader = FrameReader(reception.synchronizer(scenario), scenario.chains)
    for found, part in reader.read(list(samples), 0, marks):
        if found.index < count:
            grids.append((found.index, aligned_grid(part, found, numerology)))
    return [
        bistatic.locate(
            scenario, estimator.estimate(scenario.pilots.descramble(grid, frame), frame), frame
        )
        for frame, grid in grids
    ]


pytestmark = pytest.mark.usefixtures("roughly_calibrated")

LATE = "precompensation.timing_advance_error_ns"


@pytest.mark.monte_carlo
@pytest.mark.parametrize(
    ("name", "overrides", "frames"),
    [
        ("paper", {"channel.noise.snr_db": 10, LATE: 10}, 24),
        ("paper", {"channel.noise.snr_db": 10, LATE: 100}, 24),
        ("paper", {"channel.noise.snr_db": 0, LATE: 20}, 24),
        ("paper", {"channel.noise.snr_db": 20, "front_end": {"delay_ns": [10] * 8}}, 24),
        ("paper", {"channel.noise.snr_db": 10, "precompensation.doppler_error_hz": 500}, 24),
        ("lab", {LATE: 10, "locator.known_height_m": 1.5}, 24),
        (
            "lab",
            {LATE: 10, "locator.known_height_m": 1.5, "synchronization.reference": "time"},
            24,
        ),
        ("lab", {"locator.known_height_m": 1.5, "synchronization.reference": "direct-path"}, 24),
    ],
)
def test_a_late_direct_path_moves_no_fix(name, overrides, frames):
    scenario = load_scenario(name, overrides)
    fixes = fixes_of(scenario, frames)
    # On the direct path the second frame is the first to leave.
    assert len(fixes) >= frames - (scenario.synchronization.reference == "direct-path")
    assert all(fix.status is FixStatus.OK for fix in fixes)
    truth = scenario.target.motion.state(np.array([fix.time for fix in fixes]))[0]
    error = np.array([fix.position for fix in fixes]) - truth
    normalised = [
        e @ np.linalg.pinv(fix.covariance, rcond=1e-9) @ e
        for e, fix in zip(error, fixes, strict=True)
    ]
    free = 3 if name == "paper" else 2  # the lab's height is known
    # The mean of 24 draws of a chi-square over its degrees of freedom, at four standard deviations
    assert np.mean(normalised) / free < 1 + 4 * np.sqrt(2 / free / frames)
    assert np.max(normalised) < 25
    predicted = np.sqrt(np.mean([fix.deviation**2 for fix in fixes]))
    assert predicted < 1.4 * np.mean([fix.bound for fix in fixes])


def test_the_first_frames_at_another_site_are_right():
    """Two frames off by 145 m with a sigma of 0.15 m, where a direct path had to be learned."""
    scenario = load_scenario(
        "paper",
        {
            "channel.noise.snr_db": 20,
            "nodes.receiver.position": [120, -80, 60],
            "nodes.target.position": [-40, 60, 0],
            "nodes.transmitter.position": [-150e3, 80e3, 420e3],
        },
    )
    for fix in fixes_of(scenario, 3):
        assert fix.status is FixStatus.OK
        assert fix.error < 5 * fix.deviation < 10


@pytest.mark.monte_carlo
def test_an_advance_held_for_a_frame_moves_no_fix():
    """NR PRS at the beginning of its frame, for the middle of which the advance is right: without
    what the delay grows in between, fixes were 9 cm off."""
    scenario = load_scenario(
        "examples/prs.yml",
        {"precompensation.mode": "frame", "channel.noise.snr_db": 30, "estimator.every": 1},
    )
    fixes = fixes_of(scenario, 24)
    error = np.array([fix.position for fix in fixes])
    deviation = np.sqrt(np.mean([np.diag(fix.covariance) for fix in fixes], axis=0))
    assert np.all(np.abs(error.mean(axis=0)) < 4 * deviation / np.sqrt(len(fixes)) + 0.01)
