# SPDX-License-Identifier: GPL-3.0-or-later
"""SigMF recordings: what is written is read again, and damage costs no more than what it hits."""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.io import Frame, RecordingError, RecordingReader, RecordingWriter
from gnuradio.dislac.io.sigmf import EXTENSION_VERSION
from gnuradio.dislac.scenario import load_scenario, parse_scenario
from gnuradio.dislac.scenario.timing import first_arrival
from gnuradio.dislac.systems import bistatic
from gnuradio.dislac.waveform import demodulate
from hypothesis import given
from hypothesis import strategies as st

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")

PERIOD, LENGTH, CHAINS = 50, 40, 2
SMALL = {
    "numerology.fft_size": 16,
    "numerology.cyclic_prefix": 4,
    "numerology.subcarriers": 8,
    "numerology.symbols": 2,
    "numerology.frame_period": PERIOD,
}
SCENARIO = load_scenario("lab", SMALL)
RATE = SCENARIO.sample_rate


def noise(samples, seed=1):
    parts = np.random.default_rng(seed).normal(size=(CHAINS, samples, 2)).astype(np.float32)
    return parts.view(np.complex64)[..., 0]


def frames_every(period, samples, start=0, first=0):
    return [Frame(place, first + k) for k, place in enumerate(range(start, samples, period))]


def record(base, samples, frames, chunk=None, scenario=SCENARIO):
    chunk = chunk or samples.shape[1]
    with RecordingWriter(base, scenario) as writer:
        for start in range(0, samples.shape[1], chunk):
            block = samples[:, start : start + chunk]
            writer.write(block, [f for f in frames if 0 <= f[0] - start < block.shape[1]])
    return base


@pytest.fixture
def recording(tmp_path):
    """Ten frames, and the samples that were recorded."""
    samples = noise(10 * PERIOD)
    return record(tmp_path / "recording", samples, frames_every(PERIOD, 10 * PERIOD)), samples


def meta_of(base):
    return Path(f"{base}.sigmf-meta")


def data_of(base):
    return Path(f"{base}.sigmf-data")


def change_metadata(base, section="global", **values):
    """Sets keys of the metadata, `core__x` standing for core:x; None takes a key away."""
    metadata = json.loads(meta_of(base).read_text())
    place = metadata["global"] if section == "global" else metadata["captures"][0]
    for key, value in values.items():
        place[key.replace("__", ":")] = value
        if value is None:
            del place[key.replace("__", ":")]
    meta_of(base).write_text(json.dumps(metadata))


@given(
    samples=st.integers(1, 400),
    chunk=st.integers(1, 120),
    start=st.integers(0, 60),
    first=st.integers(0, 1000),
    block=st.integers(1, 500),
)
def test_what_is_written_is_read_whatever_the_chunks(
    tmp_path_factory, samples, chunk, start, first, block
):
    base = tmp_path_factory.mktemp("round") / "trip"
    sent, frames = noise(samples), frames_every(PERIOD, samples, start, first)
    record(base, sent, frames, chunk)
    whole = tuple(frame for frame in frames if frame.start + LENGTH <= samples)
    if not whole:
        with pytest.raises(RecordingError, match="no whole good frame"):
            RecordingReader(base)
        return
    reader = RecordingReader(base)
    assert reader.sample_count == samples
    assert reader.frames == whole
    assert reader.frames_cut == len(frames) - len(whole)
    np.testing.assert_array_equal(np.concatenate(list(reader.blocks(block)), axis=1), sent)


@pytest.mark.parametrize("suffix", ["", ".sigmf-meta", ".sigmf-data"])
def test_a_recording_is_named_by_its_base_or_either_file(recording, suffix):
    base, samples = recording
    reader = RecordingReader(f"{base}{suffix}")
    assert reader.warnings == []
    assert (reader.chains, reader.sample_rate, reader.frames_left_out) == (CHAINS, RATE, 0)
    assert reader.scenario_text == SCENARIO.text
    assert reader.scenario.numerology == SCENARIO.numerology
    block = reader.read(120, 130)
    assert block.dtype == np.complex64 and block.flags.c_contiguous
    np.testing.assert_array_equal(block, samples[:, 120:130])


def test_a_base_with_dots_keeps_them(tmp_path):
    base = record(tmp_path / "run.1.5dB", noise(PERIOD), [(0, 0)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "run.1.5dB.sigmf-data",
        "run.1.5dB.sigmf-meta",
    ]
    assert len(RecordingReader(base).frames) == 1


def test_data_are_interleaved_as_sigmf_says(recording):
    base, samples = recording
    components = np.fromfile(data_of(base), "<f4").reshape(-1, CHAINS, 2)
    np.testing.assert_array_equal(components[..., 0], samples.T.real)
    np.testing.assert_array_equal(components[..., 1], samples.T.imag)


def test_other_tools_read_it(recording):
    sigmf = pytest.importorskip("sigmf")
    base, samples = recording
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = sigmf.fromfile(str(meta_of(base)))  # compares the checksum
        opened.validate()
        assert opened.sample_count == samples.shape[1]
        np.testing.assert_array_equal(opened[:], samples.T)


def test_lost_samples_begin_a_new_capture(tmp_path):
    """Frames 2 and 3 were lost, 30 samples more besides: the others keep places and numbers."""
    frames = [*frames_every(PERIOD, 2 * PERIOD), *frames_every(PERIOD, 300, 2 * PERIOD + 30, 4)]
    base = record(tmp_path / "a", noise(300), frames, chunk=7)
    captures = json.loads(meta_of(base).read_text())["captures"]
    assert [capture["core:sample_start"] for capture in captures] == [0, 130]
    reader = RecordingReader(base)
    assert list(reader.frames) == frames[:-1]  # the last has only 20 samples
    assert reader.frames_cut == 1


def test_a_frame_that_the_next_train_runs_into_is_cut_off(tmp_path):
    frames = [Frame(0, 0), Frame(20, 1), Frame(70, 2)]
    reader = RecordingReader(record(tmp_path / "a", noise(120), frames))
    assert reader.frames == (Frame(20, 1), Frame(70, 2))
    assert reader.frames_cut == 1


def test_samples_after_the_last_frame_are_no_frame(tmp_path):
    base = record(tmp_path / "a", noise(500), [(0, 0), (PERIOD, 1)])
    assert RecordingReader(base).frames == (Frame(0, 0), Frame(PERIOD, 1))


def test_cost_of_metadata_stays_proportional_when_every_frame_breaks_the_train(
    tmp_path, monkeypatch
):
    """Frames that each start a train: rewritten text grows no faster than the frames do."""
    written = []
    replace = os.replace

    def counting(source, target):
        written.append(os.path.getsize(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", counting)
    with RecordingWriter(tmp_path / "a", SCENARIO) as writer:
        for k in range(1000):
            writer.write(np.zeros((CHAINS, 1)), [(k, k)])
    assert len(written) < 100 + 100 * np.log(10.0) + 10
    with open(f"{writer.base}.sigmf-meta") as file:
        assert len(json.load(file)["captures"]) == 1000


@pytest.mark.parametrize(
    ("block", "frames", "message"),
    [
        (np.zeros((3, 10)), [], r"shape \(3, 10\); give \(2, n\)"),
        (np.zeros(10), [], r"shape \(10,\); give \(2, n\)"),
        (np.zeros((2, 10)), [(10, 0)], "frame 0 starts at sample 10, not among samples 0 to 9"),
    ],
)
def test_the_writer_refuses_what_it_cannot_mean(tmp_path, block, frames, message):
    with (
        RecordingWriter(tmp_path / "a", SCENARIO) as writer,
        pytest.raises(ValueError, match=message),
    ):
        writer.write(block, frames)


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot record here"):
        RecordingWriter(tmp_path / "file" / "a", SCENARIO)


def test_a_fifo_that_nobody_reads_is_not_recorded_to(tmp_path):
    os.mkfifo(tmp_path / "a.sigmf-data")
    with pytest.raises(RecordingError, match=r"cannot record here \(No such device or address\)"):
        RecordingWriter(tmp_path / "a", load_scenario("lab", SMALL))


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs the device /dev/full")
def test_a_full_disk_ends_the_recording_with_a_message(tmp_path):
    (tmp_path / "a.sigmf-data").symlink_to("/dev/full")
    writer = RecordingWriter(tmp_path / "a", SCENARIO)
    with pytest.raises(
        RecordingError, match=r"stopped \(No space left on device\) after 0 samples"
    ):
        writer.write(noise(10))


KILLED = """
import os, signal, sys
import numpy as np
from gnuradio.dislac.io import RecordingWriter
from gnuradio.dislac.scenario import load_scenario

writer = RecordingWriter(sys.argv[1], load_scenario("lab", {overrides}))
for k in range(5):
    block = np.full((2, {period}), k + 1j)
    writer.write(block, [(k * {period}, k + 3)])
writer.write(block[:, :10])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_all_that_it_wrote(tmp_path):
    code = KILLED.format(overrides=SMALL, period=PERIOD)
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], check=False)
    assert killed.returncode == -signal.SIGKILL
    reader = RecordingReader(tmp_path / "a")
    assert reader.sample_count == 5 * PERIOD + 10
    assert reader.frames == tuple(Frame(k * PERIOD, k + 3) for k in range(5))
    assert any("was not closed" in warning for warning in reader.warnings)
    np.testing.assert_array_equal(reader.read(4 * PERIOD, 5 * PERIOD), np.full((2, PERIOD), 4 + 1j))


# Damage. Each case costs the frames it hits, and says what is wrong.


@given(kept=st.integers(1, 10 * PERIOD * CHAINS * 8))
def test_truncated_anywhere_the_whole_frames_remain(tmp_path_factory, kept):
    base = tmp_path_factory.mktemp("truncated") / "a"
    samples = noise(10 * PERIOD)
    record(base, samples, frames_every(PERIOD, 10 * PERIOD))
    os.truncate(data_of(base), kept)
    whole, rest = divmod(kept, CHAINS * 8)
    frames = [f for f in frames_every(PERIOD, 10 * PERIOD) if f.start + LENGTH <= whole]
    if not frames:
        with pytest.raises(RecordingError, match=r"no whole good frame|holds no samples"):
            RecordingReader(base)
        return
    reader = RecordingReader(base)
    assert list(reader.frames) == frames
    assert reader.frames_cut == 10 - len(frames)
    np.testing.assert_array_equal(reader.read(0, whole), samples[:, :whole])
    text = " ".join(reader.warnings)
    assert (f"holds {whole} of 500 samples" in text) == (whole < 500)
    assert (f"the last {rest} bytes" in text) == bool(rest)
    assert (f"cut off: {10 - len(frames)}" in text) == (len(frames) < 10)


def test_a_recording_that_is_shortened_while_it_is_read_is_an_error(recording):
    base, samples = recording
    reader = RecordingReader(base)
    os.truncate(data_of(base), 8 * CHAINS * 100)
    assert np.array_equal(reader.read(0, 100), samples[:, :100])
    with pytest.raises(OSError, match=r"recording\.sigmf-data: has become shorter"):
        reader.read(0, 101)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, complex(0, np.nan)])
def test_frames_with_samples_that_are_not_finite_are_left_out(tmp_path, bad):
    samples = noise(10 * PERIOD)
    samples[1, 3 * PERIOD + LENGTH - 1] = bad  # the last sample of frame 3
    samples[0, 5 * PERIOD] = bad  # the first of frame 5
    samples[0, 7 * PERIOD - 1] = bad  # between frames 6 and 7: no harm
    base = record(tmp_path / "a", samples, frames_every(PERIOD, 10 * PERIOD))
    reader = RecordingReader(base)
    assert [frame.number for frame in reader.frames] == [0, 1, 2, 4, 6, 7, 8, 9]
    assert reader.frames_not_finite == reader.frames_left_out == 2
    assert reader.warnings == [f"{base}: frames left out because they hold NaN or infinity: 2"]


def test_a_wrong_rate_is_said_and_the_frames_are_used(recording):
    base, _ = recording
    change_metadata(base, core__sample_rate=RATE / 2)
    reader = RecordingReader(base)
    assert len(reader.frames) == 10 and reader.sample_rate == RATE
    assert reader.warnings == [
        f"{base}: says it was recorded at {RATE / 2:.0f} samples/s, its scenario says {RATE:.0f}; "
        "frames are demodulated as the scenario says"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"core__num_channels": 1},
        {"core__num_channels": None},
        {"core__num_channels": 3},
        {"core__datatype": "ci16_le"},
        {"core__datatype": "cf64"},
        {"core__datatype": 7},
    ],
)
def test_a_wrong_count_of_channels_or_type_is_reported_by_the_size(recording, wrong):
    base, samples = recording
    change_metadata(base, **wrong)
    reader = RecordingReader(base)
    assert len(reader.frames) == 10
    assert "its size is that of 2 of type cf32_le" in " ".join(reader.warnings)
    np.testing.assert_array_equal(reader.read(0, 500), samples)


def test_fewer_channels_than_chains_cannot_be_used(recording):
    base, _ = recording
    change_metadata(base, core__num_channels=1, dislac__sample_count=None)
    with pytest.raises(RecordingError, match=r"channels 1 \(core:num_channels\), .*scenario 2"):
        RecordingReader(base)


def test_of_more_channels_the_first_are_used(recording):
    base, _ = recording
    samples = noise(10 * PERIOD, seed=2)
    three = np.concatenate([samples, samples[:1]]).T.astype("<c8")
    data_of(base).write_bytes(three.tobytes())
    change_metadata(base, core__num_channels=3)
    reader = RecordingReader(base)
    assert "has 3 channels; the scenario takes the first 2" in " ".join(reader.warnings)
    np.testing.assert_array_equal(reader.read(0, 500), samples)
    assert len(reader.frames) == 10


def test_samples_of_16_bits_are_read(recording):
    base, _ = recording
    counts = np.random.default_rng(3).integers(-32768, 32767, (500, CHAINS, 2)).astype("<i2")
    data_of(base).write_bytes(counts.tobytes())
    change_metadata(base, core__datatype="ci16_le", core__sha512=None)
    reader = RecordingReader(base)
    assert reader.warnings == [] and len(reader.frames) == 10
    expected = (counts[..., 0] + 1j * counts[..., 1]).T / 32768
    np.testing.assert_array_equal(reader.read(0, 500), expected.astype(np.complex64))


def test_a_type_that_cannot_be_read_is_named(recording):
    base, _ = recording
    change_metadata(base, core__datatype="rf64_be")  # of the size of two floats
    for scenario in (None, SCENARIO):
        with pytest.raises(RecordingError, match="'rf64_be' cannot be read"):
            RecordingReader(base, scenario)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "not JSON",
        "[" * 100_000,
        "[]",
        '{"captures": []}',
        '{"global": 1}',
        '{"global": {}, "captures": {}}',
        '{"global": {}, "captures": [1]}',
        '{"global": {"core:sample_rate": "fast"}}',
        '{"global": {"core:num_channels": 0}}',
        '{"global": {}, "captures": [{"dislac:frame_start": -1}]}',
    ],
)
def test_without_metadata_a_scenario_is_asked_for_and_enough(recording, text):
    base, _ = recording
    if text is None:
        meta_of(base).unlink()
    else:
        meta_of(base).write_text(text)
    with pytest.raises(RecordingError, match=r"sigmf-meta: .*give the .*\(--scenario\)"):
        RecordingReader(base)
    start = first_arrival(SCENARIO)
    samples = noise(start + 4 * PERIOD)
    data_of(base).write_bytes(samples.T.astype("<c8").tobytes())
    reader = RecordingReader(base, SCENARIO)
    assert list(reader.frames) == frames_every(PERIOD, start + 4 * PERIOD, start)
    assert "samples are taken for cf32_le of 2 chains" in " ".join(reader.warnings)
    np.testing.assert_array_equal(reader.read(100, 500), samples[:, 100:500])


def test_metadata_without_scenario_ask_for_one(recording):
    base, _ = recording
    change_metadata(base, dislac__scenario=None)
    with pytest.raises(RecordingError, match=r"carries no scenario; give .*\(--scenario\)"):
        RecordingReader(base)
    assert len(RecordingReader(base, SCENARIO).frames) == 10


def test_a_broken_scenario_is_reported_by_key_and_line(recording):
    base, _ = recording
    change_metadata(base, dislac__scenario="numerology: {}\nnodes: {}\nwarp: 9\n")
    with pytest.raises(RecordingError, match=r"sigmf-meta:3: warp: unknown key.*\(--scenario\)"):
        RecordingReader(base)
    assert len(RecordingReader(base, SCENARIO).frames) == 10


def test_a_recording_of_another_recorder_says_not_where_frames_start(recording):
    base, _ = recording
    metadata = {
        "global": {"core:datatype": "cf32_le", "core:num_channels": 2, "core:version": "1.0.0"},
        "captures": [{"core:sample_start": 0}],
        "annotations": [],
    }
    meta_of(base).write_text(json.dumps(metadata))
    start = first_arrival(SCENARIO)
    data_of(base).write_bytes(noise(start + LENGTH).T.astype("<c8").tobytes())
    reader = RecordingReader(base, SCENARIO)
    assert reader.frames == (Frame(start, 0),)
    assert f"frame 0 is taken to, at sample {start}" in reader.warnings[0]


def test_overrides_change_the_scenario_that_is_carried(recording):
    base, _ = recording
    reader = RecordingReader(base, overrides={"estimator.every": 5})
    assert reader.scenario.synchronization.every == 5


def test_what_is_not_there_is_named(tmp_path, recording):
    with pytest.raises(RecordingError, match=r"nothing\.sigmf-meta: .*no such recording"):
        RecordingReader(tmp_path / "nothing")
    base, _ = recording
    data_of(base).unlink()
    with pytest.raises(RecordingError, match=r"sigmf-data: cannot read the samples"):
        RecordingReader(base)
    data_of(base).touch()
    with pytest.raises(RecordingError, match=r"sigmf-data: holds no samples"):
        RecordingReader(base)


def test_a_declared_count_beyond_all_sense_costs_nothing(recording):
    base, _ = recording
    change_metadata(base, section="captures", dislac__frame_count=None)
    for count, cut in ((2**48, -(-(2**48) // PERIOD) - 10), (2**62, 0)):
        change_metadata(base, dislac__sample_count=count)
        reader = RecordingReader(base)
        assert (len(reader.frames), reader.frames_cut) == (10, cut)
        assert any(("truncated" if cut else "dislac:sample_count is") in w for w in reader.warnings)


# Recordings of version 1 of the extension, whose receive array had the other sign

VERSION_1 = Path(__file__).parent / "recordings" / "version_1"
"""Three frames of the paper's scene, echo alone, 20 dB, four chains of a tilted 4 x 2 array, as
gr-dislac wrote them before version 2 of the extension."""

FIXES_THEN = [
    (19.40647700543319, -29.45405231045757, -0.6484747802804236),
    (19.72052196940851, -29.784041979601454, -0.13068555027805928),
    (20.190146671169515, -30.181426854532532, 0.20583766390795688),
]
"""What that version located in it; the target stood at (20, -30, 0). A fix's time was the start of
its frame then, when the same comes out to 1e-13 m; to the middle of it, fixes move by 0.05 mm, and
by 0.5 mm where Gauss-Newton ends a step earlier or later, of a standard deviation of 0.6 m."""


SIX = {**SMALL, "beams.kind": "random-phase", "nodes.receiver.array": {"nx": 3, "ny": 2}}
"""Six elements."""


def located(reader):
    """Positions (frames, 3) that the receiver of the recording's scenario finds."""
    scenario, positions = reader.scenario, []
    receiver, length = bistatic.estimator(scenario), scenario.numerology.frame_length
    for start, number in reader.frames:
        grid = demodulate(reader.read(start, start + length), scenario.numerology)
        estimate = receiver.estimate(scenario.pilots.descramble(grid, number), number)
        positions.append(bistatic.locate(scenario, estimate, number).position)
    return np.array(positions)


def declare(base, version):
    extension = {"name": "dislac", "version": version, "optional": True}
    change_metadata(base, core__extensions=[extension])


def test_an_old_recording_gives_the_fixes_that_it_gave_then():
    reader = RecordingReader(VERSION_1)
    np.testing.assert_allclose(located(reader), FIXES_THEN, rtol=0, atol=2e-3)
    assert reader.warnings == [
        f"{VERSION_1}: is of version 1 of the dislac extension, which counted the receive array's "
        "phases with the other sign; as its fixes were made, the array is taken to be turned by "
        "half a turn about its z axis; for a real array, give "
        "nodes.receiver.array.orientation_deg as it stands"
    ]
    # the text of that scenario says so itself, and is no more turned
    again = RecordingReader(VERSION_1, parse_scenario(reader.scenario_text))
    np.testing.assert_allclose(located(again), FIXES_THEN, rtol=0, atol=2e-3)


def test_without_the_half_turn_the_target_is_mirrored():
    reader = RecordingReader(
        VERSION_1, overrides={"nodes.receiver.array.orientation_deg": [35.0, 20.0, -10.0]}
    )
    assert np.linalg.norm(located(reader) - FIXES_THEN, axis=1).min() > 100


@pytest.mark.parametrize("orientation", [None, [0, 0, 0], [200, -35, 75], [-40, 90, 10]])
def test_the_receive_array_of_an_old_recording_answers_conjugated(tmp_path, orientation):
    turned = {} if orientation is None else {"orientation_deg": orientation}
    scenario = load_scenario("lab", {**SIX, "nodes.receiver.array": {"nx": 3, "ny": 2, **turned}})
    base = record(tmp_path / "a", noise(120), frames_every(PERIOD, 120), scenario=scenario)
    directions = np.random.default_rng(4).standard_normal((20, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]

    def answer(array):
        return array.steering(array.spatial_frequency(directions))

    then = answer(scenario.receiver.array).conj()
    for version, expected in (
        ("1.0.0", then),
        ("1.7", then),
        ("2.0.0", then.conj()),
        (EXTENSION_VERSION, then.conj()),
        (None, then.conj()),
        (3, then.conj()),
    ):
        declare(base, version)
        array = RecordingReader(base).scenario.receiver.array
        assert np.abs(answer(array) - expected).max() < 1e-12, version
        # on which side of the array something lies is the same
        sides = (array.orientation.inv().apply(directions)[:, 2],)
        sides += (scenario.receiver.array.orientation.inv().apply(directions)[:, 2],)
        np.testing.assert_allclose(*sides, atol=1e-12)


@pytest.mark.parametrize(
    ("version", "interleaved"), [("1.0.0", False), ("2.0.0", False), ("3.0.0", True), (None, True)]
)
def test_users_of_an_old_recording_have_their_codes_in_their_own_order(
    tmp_path, version, interleaved
):
    for user in (0, 3):
        scenario = load_scenario("lab", {**SMALL, "pilots.user": user})
        base = record(tmp_path / "a", noise(120), frames_every(PERIOD, 120), scenario=scenario)
        declare(base, version)
        pilots = RecordingReader(base).scenario.pilots
        assert pilots.interleaved == (interleaved or user == 0)
        then = {} if interleaved else {"pilots.interleaved": False}
        expected = load_scenario("lab", {**SMALL, "pilots.user": user, **then}).pilots
        np.testing.assert_array_equal(pilots.grid(), expected.grid())


def test_what_the_user_sets_comes_after_the_half_turn(tmp_path):
    scenario = load_scenario("lab", SIX)
    base = record(tmp_path / "a", noise(120), frames_every(PERIOD, 120), scenario=scenario)
    declare(base, "1.0.0")
    for key, value in (
        ("nodes.receiver.array.orientation_deg", [10, 0, 0]),
        ("nodes.receiver.array", {"nx": 3, "ny": 2, "orientation_deg": [10, 0, 0]}),
    ):
        array = RecordingReader(base, overrides={key: value}).scenario.receiver.array
        assert array.orientation.as_euler("ZYX", degrees=True) == pytest.approx([10, 0, 0])
    other = RecordingReader(base, overrides={"estimator.every": 5}).scenario
    assert other.synchronization.every == 5
    assert abs(other.receiver.array.orientation.magnitude() - np.pi) < 1e-12


def test_a_scenario_that_is_given_stays_as_it_is(tmp_path):
    scenario = load_scenario("lab", SMALL)
    base = record(tmp_path / "a", noise(120), frames_every(PERIOD, 120), scenario=scenario)
    declare(base, "1.0.0")
    reader = RecordingReader(base, scenario)
    assert reader.scenario is scenario
    assert "the scenario that is given is taken as it is" in " ".join(reader.warnings)


@pytest.mark.parametrize("extensions", [None, 7, [7], [{"name": "antenna", "version": "1.0.0"}]])
def test_without_a_declared_version_it_is_todays(recording, extensions):
    base, _ = recording
    change_metadata(base, core__extensions=extensions)
    assert RecordingReader(base).warnings == []
