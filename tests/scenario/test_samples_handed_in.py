# SPDX-License-Identifier: GPL-3.0-or-later
"""Transmitters whose samples come from elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.scenario import ScenarioError, emulation, load_scenario
from gnuradio.dislac.scenario.levels import noise_power, path_gains
from gnuradio.dislac.scenario.transmission import pilot_frame
from gnuradio.dislac.scenario.truth import bound
from gnuradio.dislac.simulation import network_frames
from gnuradio.dislac.simulation.noise import complex_normal
from gnuradio.dislac.systems.bistatic import estimator, fixes

NETWORK = Path(__file__).parents[2] / "examples" / "network.yml"
SMALL = {
    "nodes.gateways": {
        "mast": {"position": [-50, 190, 100], "array": {"nx": 2, "ny": 2}},
        "roof": {"position": [130, 60, 60], "array": {"nx": 3, "ny": 2}},
    },
    "nodes.targets": {"van": {"position": [0, 0, 0], "velocity": [10, 0, 0]}},
    "estimator.max_paths": 1,
    "channel.noise.snr_db": 15,
    "numerology.frame_period": 92160,
}
TOWER = {
    "position": [400, -300, 50],
    "array": {"nx": 1, "ny": 1},
    "radio": {"beams": {"chains": 1, "kind": "element"}},
    "signal": {"samples": True, "eirp_dbw": 20},
}
"""Something near that sends by itself, and that everybody sees directly."""
PATHS = [{"kind": "echo"}, {"kind": "direct", "from": "other"}]


@pytest.fixture(scope="module")
def scenario():
    overrides = {"nodes.satellites.other": TOWER, "channel.paths": PATHS}
    return load_scenario(NETWORK, {**SMALL, **overrides})


def test_its_streams_come_last_and_no_link_has_its_frames(scenario):
    assert scenario.nodes.framed == ("west", "east")
    assert scenario.transmit_streams == {
        "west": range(4),
        "east": range(4, 8),
        "other": range(8, 9),
    }
    assert {link.transmitter for link in scenario.links} == {"west", "east"}
    assert scenario.inputs == 9


def test_what_asks_for_its_frames_is_refused(scenario):
    seen = scenario.at("other")
    line = r"satellites\.other\.signal\.samples: samples of 'other' are handed in"
    for ask in (pilot_frame, estimator, lambda scenario: bound(scenario, 0)):
        with pytest.raises(ScenarioError, match=line):
            ask(seen)


EAST = "nodes.satellites.east.signal"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            {"nodes.satellites.west.signal.samples": True, EAST: {"samples": True}},
            r"west\.signal\.samples: nobody sends frames",
        ),
        (
            {EAST: {"samples": True, "pilots": {}}},
            r"east\.signal\.pilots: samples that are handed in hold no frames",
        ),
        ({EAST: {"samples": False}}, r"east\.signal\.samples: True was expected"),
    ],
)
def test_what_cannot_be_handed_in_is_refused(overrides, line):
    with pytest.raises(ScenarioError, match=line):
        load_scenario(NETWORK, {**SMALL, **overrides})


def heard(receiver, transmitter, beams):
    """(Ms, chains) what receive chains hear of a wave from a transmitter."""
    places = [node.motion.state(0.0)[0] for node in (receiver, transmitter)]
    ray = places[1] - places[0]
    direction = receiver.array.spatial_frequency(ray / np.linalg.norm(ray))
    return np.einsum("a,mai->mi", receiver.array.steering(direction), beams.conj())


def test_it_arrives_as_late_and_as_strong_as_its_path_says(scenario):
    """White noise, held against what a chain for each element receives without noise of its own."""
    overrides = {
        "channel.noise": {},
        "nodes.gateways.mast.radio": {"beams": {"chains": 4, "kind": "element"}},
    }
    seen = scenario.with_(overrides).at("other", "mast")
    rng, length, cut = np.random.default_rng(8), 1 << 18, slice(1 << 16, 3 << 16)
    wave = np.fft.fft(complex_normal((length,), rng))
    wave[np.abs(np.fft.fftfreq(length)) > 0.4] = 0
    sent = np.zeros((seen.inputs, length), np.complex64)
    sent[-1] = np.fft.ifft(wave)
    received = emulation.channel(seen).process(sent)[:4]
    places = [node.motion.state(0.0)[0] for node in (seen.receiver, seen.transmitter)]
    late = np.linalg.norm(places[1] - places[0]) / seen.propagation_speed * seen.sample_rate
    delayed = np.fft.ifft(wave * np.exp(-2j * np.pi * late * np.fft.fftfreq(length)))[cut]
    gain = path_gains(seen)[1]
    wanted = np.abs(gain * heard(seen.receiver, seen.transmitter, seen.receive_beams)[0])
    for stream, level in zip(received, wanted, strict=True):
        found = abs(np.vdot(delayed, stream[cut])) / np.vdot(delayed, delayed).real
        assert found == pytest.approx(level, rel=1e-2)


def test_a_level_is_the_link_budgets(scenario):
    """The direct path's gain against that of the echo of the first transmitter."""
    louder = scenario.with_({"nodes.satellites.other.signal.eirp_dbw": 30})
    gains = [path_gains(s.at("other", "roof"))[1] for s in (scenario, louder)]
    assert abs(gains[1] / gains[0]) ** 2 == pytest.approx(10.0)


def test_it_disturbs_what_is_measured_as_noise_of_its_power_does(scenario):
    rng, count = np.random.default_rng(4), 3
    length = 12 * scenario.numerology.frame_period
    weak = complex_normal((1, length), rng).astype(np.complex64)
    frames = {
        level: network_frames(scenario, count, {"other": weak * level}) for level in (0, 1e-5)
    }
    for link, undisturbed in frames[0].items():
        seen, disturbed = scenario.at(*link), frames[1e-5][link]
        more = np.mean(np.abs(disturbed - undisturbed) ** 2)
        other = scenario.at("other", link[1])
        level = heard(other.receiver, other.transmitter, seen.receive_beams)
        wanted = 1e-10 * abs(path_gains(other)[1]) ** 2 * np.mean(np.abs(level) ** 2)
        assert more == pytest.approx(wanted, rel=0.25)
        assert more < noise_power(seen)
        receiver = estimator(seen)
        for index, frame in enumerate(disturbed):
            (fix,) = fixes(seen, receiver.estimate(frame, index), index)
            assert fix.valid and fix.error < 5 * fix.bound
