# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings as other programs make them, and as they get damaged: read as SigMF says, or named."""

import hashlib
import json
import os
import resource
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gnuradio.dislac.io import Frame, RecordingError, RecordingReader, RecordingWriter
from gnuradio.dislac.io.sigmf import is_recording
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.synchronization import Mark

# A stream that does not end is to fail, not to end the process.
pytestmark = pytest.mark.timeout(60, method="signal")

PERIOD, LENGTH, CHAINS, COUNT = 50, 40, 2, 500
SMALL = {
    "numerology.fft_size": 16,
    "numerology.cyclic_prefix": 4,
    "numerology.subcarriers": 8,
    "numerology.symbols": 2,
    "numerology.frame_period": PERIOD,
}
SCENARIO = load_scenario("lab", SMALL)
CARRIER = SCENARIO.numerology.carrier_frequency
FRAMES = tuple(Frame(k * PERIOD, k) for k in range(10))


def noise(seed=1):
    parts = np.random.default_rng(seed).normal(size=(CHAINS, COUNT, 2)).astype(np.float32)
    return parts.view(np.complex64)[..., 0]


@pytest.fixture
def recording(tmp_path):
    """Base of a recording of ten frames; its samples are `noise()`."""
    with RecordingWriter(tmp_path / "rec", SCENARIO) as writer:
        writer.write(noise(), FRAMES)
    return tmp_path / "rec"


def edit(base, change=None, capture=None, captures=None):
    """Changes keys of the global object and of the first capture, None taking one away."""
    path = Path(f"{base}.sigmf-meta")
    metadata = json.loads(path.read_text())
    if captures is not None:
        metadata["captures"] = captures
    for place, values in ((metadata["global"], change), (metadata["captures"], capture)):
        if values:
            place = place[0] if isinstance(place, list) else place
            place.update(values)
            for key in [key for key, value in values.items() if value is None]:
                del place[key]
    path.write_text(json.dumps(metadata))


def put(base, data, suffix=".sigmf-data"):
    Path(f"{base}{suffix}").write_bytes(data)


def data_of(base):
    return Path(f"{base}.sigmf-data").read_bytes()


def said(reader):
    return " | ".join(reader.warnings)


def assert_same(reader, samples=None):
    assert reader.frames == FRAMES
    np.testing.assert_array_equal(reader.read(0, COUNT), noise() if samples is None else samples)


# Where the samples are


def test_bytes_in_front_of_the_samples_are_left_out(recording):
    put(recording, bytes(128) + data_of(recording))
    edit(recording, {"core:sha512": None}, capture={"core:header_bytes": 128})
    reader = RecordingReader(recording)
    assert reader.warnings == []
    assert_same(reader)


def test_headers_within_and_bytes_after_the_samples_are_left_out(recording):
    data, size = data_of(recording), CHAINS * 8
    put(recording, b"h" * 7 + data[: 130 * size] + b"head" + data[130 * size :] + b"tail" * 4)
    edit(
        recording,
        {"core:trailing_bytes": 16, "core:sha512": None},
        captures=[
            {"core:sample_start": 0, "core:header_bytes": 7, "dislac:frame_start": 0},
            {"core:sample_start": 130, "core:header_bytes": 4},
        ],
    )
    reader = RecordingReader(recording)
    assert reader.warnings == []
    assert_same(reader)
    np.testing.assert_array_equal(reader.read(120, 140), noise()[:, 120:140])


def test_headers_for_which_a_file_has_no_room_are_not_believed(recording):
    edit(recording, capture={"core:header_bytes": 128})
    reader = RecordingReader(recording)
    assert "no room for core:header_bytes" in said(reader)
    assert_same(reader)


def test_a_dataset_of_another_name_is_read(recording):
    put(recording, data_of(recording), ".raw")
    put(recording, noise(7).T.tobytes())
    edit(recording, {"core:dataset": "rec.raw"})
    reader = RecordingReader(recording)
    assert reader.warnings == []
    assert_same(reader)
    Path(f"{recording}.raw").unlink()
    with pytest.raises(RecordingError, match=r"rec\.raw: .*core:dataset names it"):
        RecordingReader(recording)


@pytest.mark.parametrize("name", ["/etc/passwd", "../rec.raw", "..", ".", "", "a/b", 7, None, "\0"])
def test_a_dataset_lies_beside_its_metadata(recording, name):
    path = Path(f"{recording}.sigmf-meta")
    metadata = json.loads(path.read_text())
    metadata["global"]["core:dataset"] = name
    path.write_text(json.dumps(metadata))
    with pytest.raises(RecordingError, match=r"core:dataset is .* in the same folder"):
        RecordingReader(recording)


def test_metadata_alone_say_so(recording):
    Path(f"{recording}.sigmf-data").unlink()
    edit(recording, {"core:metadata_only": True})
    with pytest.raises(RecordingError, match="metadata alone, core:metadata_only"):
        RecordingReader(recording)


# What the samples are


@pytest.mark.parametrize("name", [
    "cf32_le", "cf32_be", "cf64_le", "cf64_be", "ci32_le", "ci32_be", "cu32_le", "cu32_be",
    "ci16_le", "ci16_be", "cu16_le", "cu16_be", "ci8", "cu8",
])  # fmt: skip
def test_all_complex_types_are_read(recording, name):
    """Written here by their definition: full scale is 1, an unsigned one counts from its middle."""
    kind, bits = name[1], int("".join(c for c in name[2:] if c.isdigit()))
    order = ">" if name.endswith("be") else "<"
    parts = np.clip(np.stack([noise().T.real, noise().T.imag], axis=-1) / 4, -0.99, 0.99)
    if kind == "f":
        written = parts.astype(f"{order}f{bits // 8}")
        expected = parts.astype(np.float64)
    else:
        counts = np.rint(parts.astype(float) * 2.0 ** (bits - 1))
        expected = counts / 2.0 ** (bits - 1)
        written = (counts + (kind == "u") * 2.0 ** (bits - 1)).astype(f"{order}{kind}{bits // 8}")
    put(recording, written.tobytes())
    edit(recording, {"core:datatype": name, "core:sha512": None})
    reader = RecordingReader(recording)
    assert reader.warnings == []
    assert reader.frames == FRAMES
    expected = (expected[..., 0] + 1j * expected[..., 1]).T.astype(np.complex64)
    np.testing.assert_array_equal(reader.read(0, COUNT), expected)


@pytest.mark.parametrize("name", ["rf32_le", "rf64_le", "ri32_be", "cf32", "ci8_le", "cx32_le"])
@pytest.mark.parametrize("given", [None, SCENARIO])
def test_types_that_cannot_be_read_are_named(recording, name, given):
    edit(recording, {"core:datatype": name, "dislac:sample_count": None})
    with pytest.raises(RecordingError, match=f"type '{name}' cannot be read; convert them"):
        RecordingReader(recording, given)


def test_doubles_beyond_a_float_are_not_finite(recording):
    parts = np.stack([noise().T.real, noise().T.imag], axis=-1).astype("<f8")
    parts[3 * PERIOD, 0, 0] = 1e300
    put(recording, parts.tobytes())
    edit(recording, {"core:datatype": "cf64_le", "core:sha512": None})
    reader = RecordingReader(recording)
    assert reader.frames == FRAMES[:3] + FRAMES[4:]


def test_channels_under_another_name_are_found_and_named(recording):
    edit(recording, {"core:num_channels": None, "dislac:sample_count": None, "kraken:channels": 2})
    for given in (None, SCENARIO):
        reader = RecordingReader(recording, given)
        assert "kraken:channels is 2" in said(reader)
        assert_same(reader)


def test_too_few_channels_advise_what_helps(recording):
    edit(recording, {"core:num_channels": 1, "dislac:sample_count": None})
    with pytest.raises(RecordingError, match=r"channels 1 .*\(--scenario\)"):
        RecordingReader(recording)
    with pytest.raises(RecordingError, match=r"channels 1 .*--set beams\.chains=1") as caught:
        RecordingReader(recording, SCENARIO)
    assert "--scenario" not in str(caught.value)


# One bad value costs itself


def with_value(base, place, key, value):
    path = Path(f"{base}.sigmf-meta")
    metadata = json.loads(path.read_text())
    target = {"top": metadata, "global": metadata["global"], "capture": metadata["captures"][0]}
    target[place][key] = value
    path.write_text(json.dumps(metadata))


@pytest.mark.parametrize("value", [None, "x", [], {}, True, -1, 0.5, 1e300, 2**64, float("nan")])
@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("global", "core:num_channels"),
        ("global", "dislac:sample_count"),
        ("global", "core:trailing_bytes"),
        ("capture", "core:sample_start"),
        ("capture", "core:header_bytes"),
        ("capture", "dislac:first_frame"),
        ("capture", "dislac:frame_period"),
        ("capture", "dislac:frame_count"),
    ],
)
@pytest.mark.parametrize("given", [None, SCENARIO])
def test_a_value_that_is_no_number_is_named_and_the_rest_used(recording, place, key, value, given):
    with_value(recording, place, key, value)
    reader = RecordingReader(recording, given)
    assert f"{key} is {json.dumps(value)[:20]}" in said(reader)
    assert_same(reader)


def test_numbers_written_otherwise_are_understood(recording):
    edit(recording, {"core:sample_rate": str(SCENARIO.sample_rate), "core:num_channels": 2.0})
    for given in (None, SCENARIO):
        reader = RecordingReader(recording, given)
        assert "core:sample_rate is the text" in said(reader) and len(reader.warnings) == 1
        assert_same(reader)


def test_of_16_bits_with_a_rate_as_text(recording):
    counts = np.random.default_rng(3).integers(-32768, 32767, (COUNT, CHAINS, 2)).astype("<i2")
    put(recording, counts.tobytes())
    edit(recording, {"core:datatype": "ci16_le", "core:sample_rate": "fast", "core:sha512": None})
    reader = RecordingReader(recording, SCENARIO)
    assert 'core:sample_rate is "fast"' in said(reader)
    assert_same(reader, ((counts[..., 0] + 1j * counts[..., 1]).T / 32768).astype(np.complex64))


@pytest.mark.parametrize("captures", [None, 7, {}, "x", [1], [None, []]])
def test_captures_that_are_none_are_named(recording, captures):
    with_value(recording, "top", "captures", captures)
    with pytest.raises(RecordingError, match=r"captures.* is .*left out.*no whole good frame"):
        RecordingReader(recording)
    timed = RecordingReader(recording, overrides={"synchronization.reference": "direct-path"})
    assert "captures" in said(timed) and timed.sample_count == COUNT


def test_many_bad_captures_make_one_line(recording):
    edit(recording, captures=[{"core:sample_start": 0, "dislac:frame_start": 0}, *["x"] * 10_000])
    reader = RecordingReader(recording)
    assert len(reader.warnings) == 1 and "and 9999 more" in said(reader)


# Captures


def three(order, **changes):
    train = {"dislac:frame_period": PERIOD, "dislac:frame_count": 3, **changes}
    starts = {0: 0, 150: 3, 350: 7}
    captures = [
        {"core:sample_start": s, "dislac:frame_start": s, "dislac:first_frame": k, **train}
        for s, k in starts.items()
    ]
    return [captures[k] for k in order]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_captures_in_any_order_are_used(recording, order):
    edit(recording, captures=three(order))
    reader = RecordingReader(recording)
    expected = [
        Frame(s + PERIOD * k, f + k) for s, f in ((0, 0), (150, 3), (350, 7)) for k in range(3)
    ]
    assert list(reader.frames) == expected
    assert reader.frames_left_out == 0
    assert ("are sorted" in said(reader)) == (order != (0, 1, 2))


def test_captures_that_overlap_lose_frames_and_say_so(recording):
    edit(recording, captures=three((0, 1, 2), **{"dislac:frame_count": 5}))
    reader = RecordingReader(recording)
    # Of the first train two lie where the second has its own, of the second one; of the third, two
    # are beyond the end.
    assert len(reader.frames) == 3 + 4 + 3
    assert reader.frames_cut == 2 + 1
    assert "captures overlap: 3 frames" in said(reader)


@pytest.mark.parametrize("same", [True, False])
def test_a_thousand_captures_of_period_1_cost_little(tmp_path, same):
    samples = np.zeros((CHAINS, 300_000), np.complex64)
    with RecordingWriter(tmp_path / "rec", SCENARIO) as writer:
        writer.write(samples, [(0, 0)])
    captures = [
        {"core:sample_start": 0, "dislac:frame_start": 0 if same else k, "dislac:frame_period": 1}
        for k in range(1000)
    ]
    edit(tmp_path / "rec", captures=captures)
    tracemalloc.start()
    reader = RecordingReader(tmp_path / "rec")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "dislac:frame_period is 1, less than a frame" in said(reader)
    assert len(reader.frames) <= 300_000 // PERIOD
    assert peak < 20e6
    assert len(reader.warnings) < 10


# What the metadata say of the signal


def test_another_frequency_is_said(recording):
    edit(recording, capture={"core:frequency": 2.4e9})
    assert "recorded at 2400000000 Hz (core:frequency)" in said(RecordingReader(recording))
    for factor, differs in ((1 + 0.9e-6, False), (1 + 1.1e-6, True)):
        edit(recording, capture={"core:frequency": CARRIER * factor})
        assert ("core:frequency" in said(RecordingReader(recording))) == differs


def test_an_extension_that_is_needed_and_not_known_is_refused(recording):
    other = {"name": "quantum", "version": "1.0.0", "optional": False}
    edit(recording, {"core:extensions": [other]})
    for given in (None, SCENARIO):
        with pytest.raises(RecordingError, match=r"needs the SigMF extension 'quantum'.*optional"):
            RecordingReader(recording, given)
    edit(recording, {"core:extensions": [{**other, "optional": True}]})
    assert_same(RecordingReader(recording))
    ours = {"name": "dislac", "version": "2.0.0", "optional": False}
    edit(recording, {"core:extensions": [ours]})
    assert_same(RecordingReader(recording))
    edit(recording, {"core:extensions": [{**ours, "version": "9.0.0"}]})
    with pytest.raises(RecordingError, match=r"version 9\.0\.0 of the dislac extension.*update"):
        RecordingReader(recording)


# Checksums


def test_samples_that_were_changed_are_noticed(recording):
    data = bytearray(data_of(recording))
    data[777] ^= 1
    put(recording, data)
    assert "not those that were recorded (core:sha512)" in said(RecordingReader(recording))
    assert "core:sha512" not in said(RecordingReader(recording, verify=False))
    edit(recording, {"core:sha512": hashlib.sha512(data).hexdigest().upper()})
    assert RecordingReader(recording).warnings == []


def test_large_recordings_are_compared_when_asked(recording, monkeypatch):
    size = len(data_of(recording))
    put(recording, bytes(size))
    for module in ("recording", "recorder"):
        monkeypatch.setattr(f"gnuradio.dislac.io.{module}.CHECKSUMMED", size - 1)
    assert "not compared with their checksum; --verify" in said(RecordingReader(recording))
    assert "not those that were recorded" in said(RecordingReader(recording, verify=True))
    with RecordingWriter(recording, SCENARIO) as writer:  # nor is one made
        writer.write(noise(), FRAMES)
    assert "sha512" not in Path(f"{recording}.sigmf-meta").read_text()
    assert RecordingReader(recording).warnings == []


# Archives and collections


def archived(base, names=("rec",), folder="rec", mode="w"):
    """A tar of the recording, under each of the names."""
    path = base.with_name("all.sigmf")
    with tarfile.open(path, mode) as archive:
        for name in names:
            for suffix in (".sigmf-meta", ".sigmf-data"):
                archive.add(f"{base}{suffix}", f"{folder}/{name}{suffix}")
    return path


def test_an_archive_is_read_in_place(recording):
    path = archived(recording)
    for name in (path, path.with_suffix("")):
        reader = RecordingReader(name)
        assert reader.warnings == [] and reader.base == str(path)
        assert_same(reader)
    assert is_recording(path)


def test_an_archive_that_is_cut_off_holds_what_is_there(recording):
    path = archived(recording)
    os.truncate(path, path.stat().st_size // 2)
    reader = RecordingReader(path)
    assert "truncated" in said(reader) and 0 < len(reader.frames) < 10


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda base: archived(base, ("a", "b")), r"2 recordings \(\"rec/a.*unpack it"),
        (lambda base: archived(base, ()), "holds no recording"),
        (lambda base: archived(base, mode="w:gz"), "has to be a plain tar"),
        (lambda base: written(base, b"no tar" * 1000), "has to be a plain tar"),
        (lambda base: written(base, b""), "has to be a plain tar|holds no recording"),
        (lambda base: written(base, long_header()), "too long"),
        (lambda base: folder(base), "cannot read the archive"),
    ],
)
def test_archives_that_are_none_are_named(recording, make, reason):
    path = make(recording)
    with pytest.raises(RecordingError, match=reason):
        RecordingReader(path)


def written(base, data):
    path = base.with_name("all.sigmf")
    path.write_bytes(data)
    return path


def folder(base):
    base.with_name("all.sigmf").mkdir()
    return base.with_name("all.sigmf")


def long_header():
    """A tar whose first header says that a text of 1 GB follows."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    return info.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)


def test_a_compressed_archive_is_named(recording):
    path = archived(recording).rename(recording.with_name("all.sigmf.gz"))
    with pytest.raises(RecordingError, match="decompress it"):
        RecordingReader(path)


def collection(base, streams):
    path = base.with_name("all.sigmf-collection")
    content = {"collection": {"core:version": "1.2.0", "core:streams": streams}}
    path.write_text(json.dumps(content))
    return path


def test_a_collection_of_one_recording_is_read(recording):
    for stream in ({"name": "rec", "hash": "0"}, ["rec", "0"]):
        path = collection(recording, [stream])
        assert_same(RecordingReader(path))
        assert is_recording(path)


@pytest.mark.parametrize(
    ("streams", "reason"),
    [
        ([{"name": "a"}, {"name": "b"}], r"2 recordings \(\"a\", \"b\"\); name one.*num_channels"),
        ([], "0 recordings"),
        (None, "names no recordings"),
        ([{"name": "/etc/passwd"}], "name one of them"),
        ([{"name": "nothing"}], "no such recording"),
        ([7], "names no recordings"),
    ],
)
def test_other_collections_are_named(recording, streams, reason):
    with pytest.raises(RecordingError, match=reason):
        RecordingReader(collection(recording, streams))


# Files that are none


@pytest.mark.parametrize("suffix", [".sigmf-meta", ".sigmf-data"])
@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "/dev/full", "/dev/null", "folder"])
def test_only_regular_files_are_opened(recording, suffix, kind):
    path = Path(f"{recording}{suffix}")
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(kind)
    with pytest.raises(RecordingError, match=r"\((Not a regular file|Is a directory)\)"):
        RecordingReader(recording)


def test_metadata_of_any_size_are_not_read(recording):
    with open(f"{recording}.sigmf-meta", "wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(RecordingError, match="Larger than"):
        RecordingReader(recording)


def test_the_scenario_of_a_recording_opens_no_file(recording, tmp_path):
    secret = tmp_path / "secret.yml"
    secret.write_text("password: 1\n")
    text = json.loads(Path(f"{recording}.sigmf-meta").read_text())["global"]["dislac:scenario"]
    for path in (secret, "/dev/zero"):
        edit(recording, {"dislac:scenario": f"{text}\ncalibration: {path}\n"})
        with pytest.raises(RecordingError, match=r"opens no .*--set calibration=FILE") as caught:
            RecordingReader(recording)
        assert "password" not in str(caught.value)
    # but the user may name one
    assert RecordingReader(recording, overrides={"calibration": None}).scenario.calibration is None
    with pytest.raises(RecordingError, match="password"):
        RecordingReader(recording, overrides={"calibration": str(secret)})


# Recorders that end early


def test_the_metadata_are_there_before_their_samples(tmp_path, monkeypatch):
    """Killed at any write: whatever samples are there, the metadata speak of them."""
    writer = RecordingWriter(tmp_path / "rec", SCENARIO)
    file, begun = writer._data, []

    class Watching:
        def write(self, data):
            begun.append(json.loads(Path(f"{tmp_path}/rec.sigmf-meta").read_text())["captures"])
            return file.write(data)

    writer._data = Watching()
    writer.write(noise()[:, :100], [(10, 4), (60, 5)], [Mark(0, (3, 0.25))])
    writer.write(noise()[:, 100:200], [(120, 7)], [Mark(105, (4, 0.5))])
    assert [len(captures) for captures in begun] == [1, 3]
    assert begun[0][0]["dislac:frame_start"] == 10 and begun[0][0]["dislac:rx_time"] == [3, 0.25]
    file.close()
    reader = RecordingReader(tmp_path / "rec")
    assert reader.frames == (Frame(10, 4), Frame(60, 5), Frame(120, 7))
    assert reader.marks == (Mark(0, (3, 0.25)), Mark(105, (4, 0.5)))


def test_a_full_disk_leaves_a_readable_recording(tmp_path):
    """The disk takes a part of a write, then nothing more, not even other metadata."""
    limit = 130 * CHAINS * 8 + 3
    writer = RecordingWriter(tmp_path / "rec", SCENARIO)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        writer.write(noise()[:, :100], [(0, 0), (50, 1)])
        with pytest.raises(RecordingError, match=r"File too large.* after 130 samples, which are"):
            writer.write(noise()[:, 100:200], [(100, 2)])
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    reader = RecordingReader(tmp_path / "rec")
    np.testing.assert_array_equal(reader.read(0, COUNT), noise()[:, :130])
    assert reader.frames == FRAMES[:2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rec.sigmf-data", "rec.sigmf-meta"]


# Recordings straight from a radio


def radio_recording(base, marks, **overrides):
    scenario = load_scenario("lab", {**SMALL, **overrides})
    with RecordingWriter(base, scenario) as writer:
        for start in range(0, COUNT, 70):
            here = [mark for mark in marks if start <= mark.offset < start + 70]
            writer.write(noise()[:, start : start + 70], marks=here)
    return scenario


def clock(sample):
    whole, rest = divmod(sample / SCENARIO.sample_rate, 1)
    return 1_700_000_000 + int(whole), rest


def test_times_are_kept_to_the_bit_and_redundant_ones_left_out(tmp_path):
    marks = [Mark(0, clock(0)), Mark(90, clock(90)), Mark(200, clock(231)), Mark(300, None)]
    radio_recording(tmp_path / "rec", marks)
    reader = RecordingReader(tmp_path / "rec")
    assert reader.marks == (marks[0], marks[2], marks[3])
    assert reader.frames == ()


@pytest.mark.parametrize(
    ("times", "reference"), [([clock(0), clock(300)], "time"), ([None, None], "direct-path")]
)
def test_frames_are_found_as_on_the_radio(tmp_path, times, reference):
    marks = [Mark(k * 200, time) for k, time in enumerate(times)]
    radio_recording(tmp_path / "rec", marks)
    reader = RecordingReader(tmp_path / "rec")
    assert reader.scenario.synchronization.reference == reference
    assert f"synchronization.reference={reference}" in said(reader)
    given = {"synchronization.reference": "direct-path"}
    assert RecordingReader(tmp_path / "rec", overrides=given).warnings == []


@pytest.mark.parametrize("value", ["x", [], [1], [1, 2.0], [-1, 0.5], [1, 1.0], [1, None], 7])
def test_a_time_that_is_none_is_named(tmp_path, value):
    radio_recording(tmp_path / "rec", [Mark(0, clock(0)), Mark(200, clock(300))])
    edit(tmp_path / "rec", capture={"dislac:rx_time": value})
    reader = RecordingReader(tmp_path / "rec")
    assert "dislac:rx_time at sample 0" in said(reader)
    assert reader.scenario.synchronization.reference == "direct-path"
    with pytest.raises(RecordingError, match=r"rx_time at sample 0.*reference=direct-path finds"):
        RecordingReader(tmp_path / "rec", overrides={"synchronization.reference": "time"})


def test_without_frames_or_times_a_remedy_is_given(tmp_path):
    radio_recording(tmp_path / "rec", [])
    with pytest.raises(RecordingError, match=r"no whole good frame.*reference=direct-path"):
        RecordingReader(tmp_path / "rec")
