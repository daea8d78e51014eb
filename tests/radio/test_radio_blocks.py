# SPDX-License-Identifier: GPL-3.0-or-later
"""Radio Source and Radio Sink on the loopback radios, behind gr-uhd and gr-soapy themselves."""

from collections.abc import Sequence
from itertools import pairwise
from threading import Event
from typing import Any, NamedTuple

import numpy as np
import pmt
import pytest
from gnuradio import blocks, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.lifecycle import take_errors
from gnuradio.dislac.blocks.radio import RadioError
from gnuradio.dislac.blocks.radios.radio_sink import radio_sink
from gnuradio.dislac.blocks.radios.radio_source import radio_source
from gnuradio.dislac.blocks.transmitter.pilot_source import pilot_source
from gnuradio.dislac.scenario import load_scenario, timing, transmission

LAB = load_scenario("lab")
RATE = LAB.sample_rate
DEVICES = {"uhd": "uhd:type=loopback", "soapy": "soapy:driver=loopback"}
KINDS = pytest.mark.parametrize("kind", DEVICES)


class Events(gr.basic_block):
    """Keeps the messages of a port `events`."""

    def __init__(self) -> None:
        gr.basic_block.__init__(self, "events", None, None)
        self.said: list[dict[str, Any]] = []
        self.fourth = Event()
        self.message_port_register_in(pmt.intern("in"))
        self.set_msg_handler(pmt.intern("in"), self.keep)

    def keep(self, message: Any) -> None:
        if not pmt.is_eof_object(message):
            self.said.append(pmt_keys.event_from_pdu(message))
        if len(self.said) == 4:
            self.fourth.set()

    def all(self) -> list[dict[str, Any]]:
        while self.gateway.nmsgs(pmt.intern("in")):
            self.keep(self.gateway.delete_head_nowait(pmt.intern("in")))
        return self.said


class Heard(NamedTuple):
    source: radio_source
    streams: np.ndarray
    tags: list[tuple[int, str, Any]]
    events: list[dict[str, Any]]


def hear(device: str, count: int, sender: Sequence[Any] = (), **settings: Any) -> Heard:
    """A count of samples of a radio, while blocks send, which are connected one after the other."""
    top = gr.top_block()
    source = radio_source(LAB, device, **settings)
    heads = [blocks.head(8, count) for _ in range(2)]
    sinks = [blocks.vector_sink_c() for _ in range(2)]
    events = Events()
    for chain in range(2):
        top.connect((source, chain), heads[chain], sinks[chain])
        for block, successor in pairwise(sender):
            top.connect((block, chain), (successor, chain))
    top.msg_connect(source, "events", events, "in")
    top.run()
    assert not (errors := take_errors()), "; ".join(str(e) for e in errors.values())
    streams = np.array([sink.data() for sink in sinks], np.complex64)
    assert streams.shape == (2, count)
    tags = [(t.offset, str(t.key), pmt.to_python(t.value)) for t in sinks[0].tags()]
    return Heard(source, streams, sorted(tags, key=lambda tag: tag[:2]), events.all())


class Samples(gr.hier_block2):
    """Two streams, as a block with two outputs."""

    def __init__(self, streams: np.ndarray) -> None:
        signature = gr.io_signature(2, 2, gr.sizeof_gr_complex)
        gr.hier_block2.__init__(self, "samples", gr.io_signature(0, 0, 0), signature)
        self.sources = [blocks.vector_source_c(s.astype(np.complex64)) for s in streams]
        for chain, source in enumerate(self.sources):
            self.connect(source, (self, chain))


@pytest.fixture
def noise_file(tmp_path):
    """A file of samples on the air, and the samples (2, n)."""
    rng = np.random.default_rng(1)
    streams = rng.standard_normal((2, 2 * 200_000)).astype(np.float32).view(np.complex64)
    streams.T.tofile(tmp_path / "air")
    return tmp_path / "air", streams


@KINDS
def test_what_is_sent_comes_back(kind):
    """Frames at their times, sample by sample; by UHD as bursts, with nothing between them."""
    start = 0.25 if kind == "uhd" else None
    device = f"{DEVICES[kind]},duplex=1,delay=5"
    settings = {"start_time": start}
    sink = radio_sink(LAB, device, gain=10, peak=0.7, **settings)
    heard = hear(device, 7680 * 6, [pilot_source(LAB, 8), sink], gain=[20, 30], **settings)
    frame = transmission.pilot_frame(LAB)
    expected = np.zeros_like(heard.streams)
    first = timing.preamble(LAB) + 5
    for k in range(6):
        begin = first + k * 7680
        part = expected[:, begin : begin + frame.shape[1]]
        part[:] = frame[:, : part.shape[1]]
    np.testing.assert_allclose(heard.streams, 0.7 / np.abs(frame).max() * expected, atol=1e-6)
    assert sink.feed.bursts == (kind == "uhd")
    assert (sink.late, sink.underflows, heard.source.overflows) == (0, 0, 0)
    said = {key: value for _, key, value in heard.tags}
    assert said.pop("rx_rate") == RATE and said.pop("rx_freq") == 3.5e9
    assert said == ({"rx_time": (0, 0.25)} if kind == "uhd" else {})


def test_only_bursts_are_sent_and_their_times_are_exact(tmp_path):
    """After an hour of device time, where a float of the time would be off by parts of a sample."""
    device = f"uhd:type=loopback,sent={tmp_path / 'sent'}"
    top = gr.top_block()
    source, sink = pilot_source(LAB, 3), radio_sink(LAB, device, start_time=2.0 + 1 / 3)
    for chain in range(2):
        top.connect((source, chain), (sink, chain))
    top.run()
    sink.drain()
    count = (tmp_path / "sent").stat().st_size // 16
    begin = round((2 + 1 / 3) * RATE)
    sent = np.memmap(tmp_path / "sent", np.complex64, "r", shape=(count, 2))
    frame = transmission.pilot_frame(LAB)
    starts = begin + timing.preamble(LAB) + 7680 * np.arange(3)
    assert count == starts[-1] + frame.shape[1] + 64  # no silence after the last burst
    for start in starts:
        scaled = sent[start : start + frame.shape[1]].T
        np.testing.assert_allclose(scaled, frame * (0.5 / np.abs(frame).max()), atol=1e-6)


@KINDS
def test_lost_samples_are_counted_exactly(kind, noise_file):
    path, streams = noise_file
    rng = np.random.default_rng(2)
    starts = np.sort(rng.choice(np.arange(10, 180), 12, replace=False)) * 1000
    lost = rng.integers(1, 900, 12)
    gaps = ";".join(f"{a}+{n}" for a, n in zip(starts, lost, strict=True))
    settings = {"start_time": 0.0} if kind == "uhd" else {}
    count = 200_000 - lost.sum()
    heard = hear(f"{DEVICES[kind]},file={path},gaps={gaps}", count, **settings)
    kept = np.ones(200_000, bool)
    for start, number in zip(starts, lost, strict=True):
        kept[start : start + number] = False
    np.testing.assert_array_equal(heard.streams, streams[:, kept])
    seams = starts - np.concatenate([[0], np.cumsum(lost)[:-1]])
    overflows = [e for e in heard.events if e["event"] == "overflow"]
    assert [e["sample"] for e in overflows] == seams.tolist()
    assert [e["count"] for e in overflows] == list(range(1, 13))
    assert heard.source.overflows == 12
    if kind == "uhd":
        assert [e["samples_lost"] for e in overflows] == lost.tolist()
        assert heard.source.samples_lost == lost.sum()
        times = np.array([sum(value) for _, key, value in heard.tags if key == "rx_time"])
        np.testing.assert_allclose(times[1:] * RATE, starts + lost, atol=1e-6)
    else:
        assert not any(key == "rx_time" for _, key, _ in heard.tags)


def test_a_gap_over_several_seconds_is_counted_from_a_late_start_on():
    lost = round(2.625 * RATE) + 1
    device = f"uhd:type=loopback,gaps={round(3.75 * RATE) + 1000}+{lost}"
    heard = hear(device, 5_000, start_time=3.75)
    (overflow,) = [e for e in heard.events if e["event"] == "overflow"]
    assert (overflow["sample"], overflow["samples_lost"]) == (1_000, lost)
    assert heard.source.samples_lost == lost and heard.source.overflows == 1


@KINDS
def test_oscillator_and_sample_clock_are_off_as_the_device_says(kind, tmp_path):
    """A tone through the loopback is the tone of the closed form."""
    n = np.arange(60_000)
    tone = lambda t: np.exp(2j * np.pi * 0.31 * t)  # noqa: E731
    np.stack([tone(n), 2 * tone(n)], axis=1).astype(np.complex64).tofile(tmp_path / "air")
    device = f"{DEVICES[kind]},file={tmp_path / 'air'},delay=40.25,carrier_offset=2000,clock_ppm=20"
    settings = {"start_time": 0.0} if kind == "uhd" else {}
    heard = hear(device, 50_000, **settings).streams
    at = n[1000:50_000]
    expected = tone(at / (1 + 20e-6) - 40.25) * np.exp(2j * np.pi * 2000 / RATE * at)
    np.testing.assert_allclose(heard[:, 1000:], [expected, 2 * expected], atol=2e-4)


UNABLE = {
    "uhd:type=nothing": "not found",
    "soapy:driver=nothing": "not found",
    "hackrf": "neither uhd:ARGS nor soapy:ARGS",
    "uhd:type=loopback,channels=1": "RX channel 1 out of range",
    "soapy:driver=loopback,channels=1": "Only 1 channels available",
    "uhd:type=loopback,max_rate=5e6": "gives 5 Msps, and the scenario needs 7.68",
    "soapy:driver=loopback,max_rate=5e6": "Unsupported sample rate",
}
WRONG = {
    "antenna": ("NONE", "no antenna 'NONE'; it has"),
    "gain": (99.0, "no gain of 99 dB; it has 0 to"),
    "clock_source": ("gpsdo", "no clock source 'gpsdo'; it has internal, external"),
    "channels": ([0, 0], "channels"),
}


def failure(device, **settings):
    """Why a flowgraph with a radio ends."""
    with pytest.raises(AssertionError, match=r"radio_source") as caught:
        hear(device, 100_000, **settings)
    text = str(caught.value).splitlines()[0]
    assert f"radio {device}" in text
    return text


@pytest.mark.parametrize("device, reason", UNABLE.items())
def test_a_radio_that_is_not_there_or_cannot_ends_the_flowgraph(device, reason):
    assert reason in failure(device)


@KINDS
@pytest.mark.parametrize("key", WRONG)
def test_a_setting_that_a_radio_does_not_have_is_said(kind, key):
    value, reason = WRONG[key]
    assert reason in failure(DEVICES[kind], **{key: value})


def test_an_oscillator_out_of_range_is_said():
    with pytest.raises(AssertionError, match="tunes to 6028"):
        top = gr.top_block()
        source = radio_source(
            load_scenario("lab", {"numerology.carrier_frequency": 28e9}), DEVICES["uhd"]
        )
        sinks = [blocks.null_sink(8) for _ in range(2)]
        for chain in range(2):
            top.connect((source, chain), sinks[chain])
        top.run()
        assert not (errors := take_errors()), errors


def test_a_clock_that_does_not_lock_is_said():
    said = failure("uhd:type=loopback,unlocked=1", clock_source="external")
    assert "board 0 does not lock to its clock (external)" in said


def test_no_pulse_per_second_is_said():
    """Before its samples run, the loopback's clock stands still."""
    assert "No PPS detected" in failure(DEVICES["uhd"], time_source="external")


# An error of a UHD driver aborts the process: tests/radio/test_radio_commands.py
@pytest.mark.parametrize("kind, way", [("uhd", "silent"), ("soapy", "silent"), ("soapy", "error")])
def test_a_receiver_that_is_lost_ends_the_flowgraph(kind, way):
    device = f"{DEVICES[kind]},lost_at=20000,raise={int(way == 'error')}"
    assert "no samples for 0.2 s: it is lost" in failure(device, patience=0.2)


@KINDS
def test_a_transmitter_that_is_lost_ends_the_flowgraph(kind):
    top = gr.top_block()
    settings = {"start_time": 0.01} if kind == "uhd" else {}
    source = pilot_source(LAB)
    sink = radio_sink(LAB, f"{DEVICES[kind]},lost_at=100000", patience=0.2, **settings)
    sink.radio.set_log_level("off")
    for chain in range(2):
        top.connect((source, chain), (sink, chain))
    top.run()
    (error,) = take_errors().values()
    assert "takes no samples for 0.2 s: it is lost" in str(error)


def test_settings_of_each_channel_must_be_as_many():
    assert "3 values of gain for 2 chains" in failure(DEVICES["uhd"], gain=[1, 2, 3])
    with pytest.raises(ValueError, match="peak is 2; give"):
        radio_sink(LAB, DEVICES["uhd"], peak=2)


def test_a_start_that_is_over_is_said():
    assert "the time to start, -1 s, is over" in failure(DEVICES["uhd"], start_time=-1.0)
    device = "uhd:type=loopback,duplex=1"
    top = gr.top_block()
    source, sink = pilot_source(LAB, 2), radio_sink(LAB, device, start_time=-1.0)
    for chain in range(2):
        top.connect((source, chain), (sink, chain))
    top.run()
    (error,) = take_errors().values()
    assert "its clock shows 0.000 s; the time to start, -1 s, is over" in str(error)
    assert isinstance(error.__cause__, RadioError)


def test_late_bursts_are_counted_and_reported():
    """Of frames a millisecond apart, four begin too early for the radio."""
    begin = round(0.25 * RATE) + timing.preamble(LAB)
    device = f"uhd:type=loopback,late_before={begin + 3 * 7680}"
    top, events = gr.top_block(), Events()
    source, sink = pilot_source(LAB), radio_sink(LAB, device, start_time=0.25)
    for chain in range(2):
        top.connect((source, chain), (sink, chain))
    top.msg_connect(sink, "events", events, "in")
    top.start()
    assert events.fourth.wait(60)  # gr-uhd fetches the radio's complaints in a thread of its own
    top.stop()
    top.wait()
    assert [e["count"] for e in events.all() if e["event"] == "late"] == [1, 2, 3, 4]
    assert (sink.late, sink.underflows) == (4, 0)


@KINDS
def test_a_message_of_a_radio_that_is_none_is_not_counted(kind):
    sink = radio_sink(LAB, DEVICES[kind]).feed
    name, codes = pmt.intern("uhd_async_msg"), pmt.make_dict()
    codes = pmt.dict_add(codes, pmt.intern("event_code"), pmt.from_long(5))
    messages = [pmt.PMT_NIL, name, pmt.from_long(2), pmt.init_u8vector(3, [1, 2, 3]), codes]
    for message in [*messages, pmt.cons(name, name), pmt.cons(name, codes)]:
        sink.handle_async_message(message)
    assert (sink.underflows, sink.late) == (0, 0)
