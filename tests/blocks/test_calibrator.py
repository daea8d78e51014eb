# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration of receive chains in flowgraphs."""

import numpy as np
import pytest
from block_helpers import BUFFERS, Graph, small_scenario
from gnuradio import dislac
from gnuradio.dislac.blocks.flowgraphs import FlowgraphError, calibrate_flowgraph, run_flowgraph
from gnuradio.dislac.estimation import CalibrationError
from gnuradio.dislac.io import RecordingReader, RecordingWriter
from gnuradio.dislac.scenario import reception, timing, transmission

PHASES, DELAYS = [10.0, -130.0], [3.0, -17.0]
SECTION = {
    "phase_deg": PHASES,
    "delay_ns": DELAYS,
    "carrier_offset_hz": 300.0,
    "clock_offset_ppm": 5.0,
    "start_offset": 40.7,
}


def scene(snr_db=20.0, **overrides):
    noise = {} if snr_db is None else {"snr_db": snr_db}
    return small_scenario(front_end=SECTION, channel__noise=noise, **overrides)


def run(most, scenario, *arguments, **options):
    flowgraph = calibrate_flowgraph(scenario, *arguments, **options)
    flowgraph.start(most)
    flowgraph.wait()
    return flowgraph.calibration


def test_chains_are_found_whatever_the_scheduler_does(tmp_path):
    files = []
    for most in BUFFERS:
        path = tmp_path / f"{most}.yml"
        found = run(most, scene(), frames=100, path=path)
        files.append(path.read_bytes())
        assert abs(np.degrees(found.phase[1]) + 140.0) < 0.06
        assert abs(found.delay[1] * 1e9 + 20.0) < min(0.2, 4 * found.delay_error[1] * 1e9)
        assert found.snr == pytest.approx(100, rel=0.004)
    assert len(set(files)) == 1


def test_without_noise_delays_are_exact_to_a_twentieth_of_a_nanosecond():
    found = run(10_000_000, scene(None), frames=40)
    assert abs(found.delay[1] * 1e9 + 20.0) < 0.05
    assert abs(np.degrees(found.phase[1]) + 140.0) < 0.05


def test_a_recording_gives_the_same(tmp_path):
    scenario = reception.for_calibration(scene(), emulated=True)
    frame = transmission.pilot_frame(scenario)
    period, first = scenario.numerology.frame_period, timing.preamble(scenario)
    sent = np.zeros((2, first + 40 * period), np.complex64)
    for k in range(40):
        start = first + k * period
        sent[:, start : start + frame.shape[1]] = frame
    received = reception.received(scenario, sent)
    starts = reception.front_end(scenario).sample(
        [timing.frame_time(scenario, k) for k in range(40)]
    )
    with RecordingWriter(tmp_path / "bench", scenario) as writer:
        writer.write(received, [(round(start), k) for k, start in enumerate(starts.tolist())])
    reader = RecordingReader(tmp_path / "bench")
    found = run(4099, reader.scenario, reader, frames=30)
    assert found.frames == 30
    assert abs(np.degrees(found.phase[1]) + 140.0) < 0.01
    # a stream that ends early is used as far as it goes
    assert run(4099, reader.scenario, reader, frames=1000).frames == 40


def test_the_receiver_takes_the_chains_off(tmp_path):
    """With its calibration, an impaired receiver's frames are those of a perfect one."""
    run(10_000_000, scene(40.0), frames=60, path=tmp_path / "chains.yml")
    section = {"phase_deg": PHASES, "delay_ns": DELAYS}
    vectors = []
    for overrides in ({}, {"calibration": str(tmp_path / "chains.yml"), "front_end": section}):
        # where nothing rings into the window, chains differ by a factor a subcarrier alone
        direct = {"paths": [{"kind": "direct"}]}
        scenario = small_scenario(numerology__window_advance=8, channel=direct, **overrides)
        frame = transmission.pilot_frame(scenario)
        sent = np.zeros((2, 15_360 + 1280), np.complex64)
        first = timing.preamble(scenario)
        sent[:, first : first + frame.shape[1]] = frame
        streams = reception.received(scenario, sent)
        graph = Graph(dislac.ofdm_demodulator(scenario), streams, [(first, 0)], 1, 512)
        vectors.append(graph.result().streams.reshape(8, 32, 2))
    perfect, corrected = vectors
    # chain 0 stays as it is: 10 degrees, 3 ns
    f = scenario.numerology.frequencies
    own = np.exp(1j * np.radians(10.0) - 2j * np.pi * 3e-9 * f)[:, None]
    error = np.abs(corrected - own * perfect) ** 2
    assert 10 * np.log10(np.sum(error) / np.sum(np.abs(perfect) ** 2)) < -50


@pytest.mark.usefixtures("roughly_calibrated")
def test_positions_are_wrong_without_it_and_right_with_it(tmp_path):
    section = {"phase_deg": [0, 80, -130, 20], "delay_ns": [0, -12, 20, 5]}
    more = {"beams__chains": 4, "front_end": section, "channel__noise": {"snr_db": 20.0}}
    file = str(tmp_path / "chains.yml")
    run(10_000_000, small_scenario(**more), frames=100, path=file)
    perfect = positions(small_scenario(**{**more, "front_end": {}}))
    without = positions(small_scenario(**more))
    calibrated = positions(small_scenario(**more, calibration=file))
    print(f"rms position error: {without:.2f} m without calibration, {calibrated:.2f} m with it, ")
    print(f"{perfect:.2f} m with perfect chains")
    assert calibrated < 1.2 * perfect + 0.1
    # without, if there is a position at all
    assert not without < 10 * perfect


def positions(scenario):
    fixes = []
    flowgraph = run_flowgraph(scenario, frames=10, on_fix=fixes.append)
    flowgraph.run()
    errors = [fix.error for fix in fixes if fix.valid]
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else np.inf


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"snr_db": -30.0}, "calibrator.*: the known signal is too weak"),
        ({"snr_db": 20.0, "frames": 7}, "frames is 7"),
    ],
)
def test_what_is_too_little_ends_with_the_reason(options, said):
    with pytest.raises((FlowgraphError, CalibrationError), match=said):
        run(10_000_000, scene(options.pop("snr_db")), **{"frames": 20, **options})


def test_a_stream_without_frames_ends_with_the_reason():
    vectors = np.zeros((1, 512 * 3), np.complex64)
    block = dislac.calibrator(small_scenario(), frames=20)
    with pytest.raises(CalibrationError, match="3 frame vectors have 0 frame tags"):
        block.begin()
        block._gathered = list(vectors.reshape(3, 8, 32, 2))
        block._calibrate()
