# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples from process to process: what arrives, when it says it was, and what restarts do."""

import re
import struct
from threading import Event, Thread

import numpy as np
import pmt
import pytest
from block_helpers import Collector, noise, small_scenario
from gnuradio import blocks, gr, zeromq
from gnuradio.dislac.blocks import pmt_keys, wire
from gnuradio.dislac.blocks.between_processes import zmq_source as zmq_source_module
from gnuradio.dislac.blocks.between_processes.zmq_sink import zmq_sink
from gnuradio.dislac.blocks.between_processes.zmq_source import zmq_source
from gnuradio.dislac.blocks.channel.timed_channel import timed_channel
from gnuradio.dislac.blocks.flowgraphs import replay_flowgraph, run_flowgraph
from gnuradio.dislac.blocks.lifecycle import FlowgraphError, take_errors
from gnuradio.dislac.blocks.receiver.ofdm_demodulator import ofdm_demodulator
from gnuradio.dislac.blocks.transmitter.pilot_source import pilot_source
from gnuradio.dislac.blocks.transmitter.precompensator import precompensator
from gnuradio.dislac.blocks.zmq_flowgraphs import (
    channel_flowgraph,
    satellite_flowgraph,
    station_flowgraph,
)
from gnuradio.dislac.io import RecordingReader, fix_to_dict
from gnuradio.dislac.io.zmq_samples import SampleClient, SampleServer
from gnuradio.dislac.io.zmq_sockets import make_keys
from gnuradio.dislac.scenario import load_scenario, transmission
from hypothesis import assume, given
from hypothesis import strategies as st

# What waits for a flowgraph that hangs waits no longer.
pytestmark = pytest.mark.timeout(100)

SCENARIO = small_scenario()
RATE, CHAINS = SCENARIO.sample_rate, SCENARIO.chains
LONG = 20.0
RX_TIME, FRAME = pmt_keys.RX_TIME, pmt_keys.FRAME


def tag(offset, key, value):
    return gr.tag_utils.python_to_tag((offset, key, value, None))


class Play(gr.top_block):
    """Streams (chains, n) with tags into a block."""

    def __init__(self, block, streams, tags=()):
        gr.top_block.__init__(self)
        self.block = block
        self.sources = [
            blocks.vector_source_c(x, False, 1, [] if chain else list(tags))
            for chain, x in enumerate(streams)
        ]
        for chain, source in enumerate(self.sources):
            self.connect(source, (block, chain))


class Take:
    """What comes out of a block in a flowgraph: streams, tags and events."""

    def __init__(self, block, flowgraph=None):
        self.block = block
        self.flowgraph = flowgraph or gr.top_block()
        self.sinks = [blocks.vector_sink_c() for _ in range(CHAINS)]
        for chain, sink in enumerate(self.sinks):
            self.flowgraph.connect((block, chain), sink)
        self.events = Collector()
        self.flowgraph.msg_connect((block, "events"), (self.events, "in"))

    @property
    def streams(self):
        return np.array([sink.data() for sink in self.sinks], np.complex64)

    def reported(self):
        return [pmt_keys.event_from_pdu(message) for message in self.events.all()]

    def tags(self, key):
        return sorted((t.offset, t.value) for t in self.sinks[0].tags() if pmt.eq(t.key, key))

    def times(self):
        return [(offset, wire.sample_at(value, RATE)) for offset, value in self.tags(RX_TIME)]

    def frames(self):
        return [(offset, *pmt_keys.frame_from_tag(value)) for offset, value in self.tags(FRAME)]


# On the wire


@given(st.integers(0, 2**62), st.sampled_from([1.92e6, 7.68e6, 30.72e6, 1e6 / 3, 0.1]))
def test_a_sample_has_one_time(sample, rate):
    assume(sample / rate < 2**64)  # the seconds that a tag can hold
    assert wire.sample_at(wire.time_of(sample, rate), rate) == sample


def test_headers_are_read_as_they_were_written():
    marks = [
        wire.WireTag(70, FRAME, pmt_keys.frame_to_tag(3, 99)),
        wire.WireTag(75, pmt.intern("other"), pmt.to_pmt({"a": 1})),
    ]
    header = wire.message_header(70, marks)
    names = set()
    offset, read, place, left_out = wire.read_header(memoryview(header + b"samples"), names)
    assert (offset, place, left_out) == (70, len(header), 0)
    assert names == {b"dislac:frame", b"other", b"a"}
    assert [m.offset for m in read] == [70, 75]
    for one, other in zip(marks, read, strict=True):
        assert pmt.equal(one.key, other.key) and pmt.equal(one.value, other.value)
    with pytest.raises(ValueError, match="not samples with tags"):
        wire.read_header(memoryview(b"\x00" * 64), set())
    for length in range(19, len(header) - 1):
        with pytest.raises(ValueError, match="damaged"):
            wire.read_header(memoryview(header[:length]), set())


# With GNU Radio's own blocks


def test_gnuradios_source_takes_what_the_sink_gives():
    x = noise(CHAINS, 100_000)
    play = Play(zmq_sink(SCENARIO, "0"), x, [tag(777, FRAME, pmt_keys.frame_to_tag(5))])
    place = play.block.open()
    take = gr.top_block()
    take.source = zeromq.req_source(8, CHAINS, place, 100, True)
    take.sink = blocks.vector_sink_c(CHAINS)
    take.connect(take.source, take.sink)
    take.start()
    play.run()
    while len(take.sink.data()) < x.size:
        pass
    take.stop()
    take.wait()
    assert np.array_equal(np.reshape(take.sink.data(), (-1, CHAINS)).T, x)
    tags = {(t.offset, str(t.key)) for t in take.sink.tags()}
    assert {(777, "dislac:frame"), (0, "rx_time"), (0, "rx_rate")} <= tags


def test_the_source_takes_what_gnuradios_sink_gives():
    x = noise(CHAINS, 100_000)
    play = gr.top_block()
    marks = [tag(777, FRAME, pmt_keys.frame_to_tag(5, 1000))]
    play.source = blocks.vector_source_c(x.T.ravel(), False, CHAINS, marks)
    play.sink = zeromq.rep_sink(8, CHAINS, "tcp://127.0.0.1:*", 100, True)
    play.connect(play.source, play.sink)
    take = Take(zmq_source(SCENARIO, play.sink.last_endpoint()))
    play.start()
    take.flowgraph.start()
    while min(len(sink.data()) for sink in take.sinks) < x.shape[1]:
        pass
    for flowgraph in (take.flowgraph, play):
        flowgraph.stop()
        flowgraph.wait()
    assert np.array_equal(take.streams, x)
    assert take.times() == [(0, 0)] and take.frames() == [(777, 5, 1000)]


# Restarts and gaps


def message(offset, count, index=None, marks=(), value=1.0, rate=RATE, chains=CHAINS):
    """Samples of one value from an offset on; `index` since time zero."""
    about = [] if index is None else [wire.WireTag(offset, RX_TIME, wire.time_of(index, RATE))]
    about += [wire.WireTag(offset, pmt_keys.RX_RATE, pmt.from_double(rate))]
    about += [wire.WireTag(offset, pmt_keys.CHAINS, pmt.from_uint64(chains))]
    items = np.full(CHAINS * count, value, np.complex64)
    return wire.message_header(offset, [*about, *marks]) + items.tobytes()


END = wire.message_header(0, [wire.WireTag(0, pmt_keys.END, pmt.PMT_T)])


def taken(messages):
    """What a source makes of messages."""
    with SampleServer("0") as server:
        take = Take(zmq_source(SCENARIO, server.address))
        take.flowgraph.start()
        for sent in [*messages, END]:
            while not server.wait(0.1) and not take.block.failed():
                pass
            if take.block.failed():
                break
            server.answer(sent)
        take.flowgraph.wait()
    return take


def test_what_a_restart_breaks_is_reported_and_time_goes_with_the_samples():
    frame = wire.WireTag(1040, FRAME, pmt_keys.frame_to_tag(7, 1090))
    take = taken(
        [
            message(1000, 100, 51_000, [frame], 1.0),  # joined in the midst of a stream
            message(1100, 50, 51_100, [], 2.0),
            message(1250, 50, 51_250, [], 3.0),  # 100 samples are missing
            message(0, 60, 52_000, [], 4.0),  # the other side was started again, later on
            message(0, 10, 0, [], 5.0),  # and again, with its time
        ]
    )
    assert np.array_equal(take.streams[0].real, np.repeat([1, 2, 3, 4, 5], [100, 50, 50, 60, 10]))
    assert take.times() == [(0, 51_000), (150, 51_250), (200, 52_000), (260, 0)]
    assert take.frames() == [(40, 7, 90)]
    reported = [event for event in take.reported() if "connected" not in event["event"]]
    assert [event["event"] for event in reported] == [
        "samples_lost",
        "samples_lost",
        "started_anew",
    ]
    assert [event.get("samples") for event in reported] == [100, 700, None]
    assert take.block.samples_lost == 800


def test_a_source_stays_through_gaps_in_time(monkeypatch):
    """GNU Radio lets a source that has given nothing rest for a quarter of a second."""
    monkeypatch.setattr(zmq_source_module, "WAIT", 0.001)
    monkeypatch.setattr(zmq_source_module, "STAY", LONG)
    given, waited = [], Event()

    class Client(SampleClient):
        def receive(self, timeout):
            message = super().receive(timeout)
            if message is None and self.connected:
                waited.set()
            return message

    class Source(zmq_source):
        def work(self, input_items, output_items):
            given.append(super().work(input_items, output_items))
            return given[-1]

    monkeypatch.setattr(zmq_source_module, "SampleClient", Client)
    with SampleServer("0") as server:
        take = Take(Source(SCENARIO, server.address))
        take.flowgraph.start()
        for sent in [*(message(10 * k, 10, 10 * k) for k in range(5)), END]:
            while not server.wait(0.1):
                pass
            waited.clear()
            assert waited.wait(LONG)  # it has found nothing since the message before
            server.answer(sent)
        take.flowgraph.wait()
    assert given == [10, 10, 10, 10, 10, -1]
    assert take.streams.shape == (CHAINS, 50)


def test_a_station_and_a_channel_that_are_stopped_wait_for_no_samples(monkeypatch):
    monkeypatch.setattr(zmq_source_module, "STAY", np.inf)
    with SampleServer("0") as server:
        for flowgraph in (
            station_flowgraph(SCENARIO, server.address),
            channel_flowgraph(SCENARIO, server.address, "0"),
        ):
            flowgraph.start()
            while not server.wait(0.1):
                pass
            flowgraph.stop()
            flowgraph.wait()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (message(0, 10, 0, rate=RATE / 2), r"sends 3\.84e\+06 samples a second"),
        (message(0, 10, 0, chains=CHAINS + 1), "sends 3 chains"),
        (message(0, 10, 0)[:-8], "no samples of 2 chains"),
        (b"\x00" * 80, "not samples with tags"),
    ],
)
def test_samples_of_another_scenario_are_refused(sent, reason):
    take = taken([sent])
    (error,) = take_errors([take.block.alias()]).values()
    assert re.search(reason, str(error))


# What comes is not believed


def hostile(value, key=b"\x02\x00\x01x", at=0, count=1, offset=0):
    """A message whose tags have any bytes for a key and a value."""
    tag = struct.pack("=Q", at) + key + value + b"\x01"
    header = struct.pack("=HBQQ", 0x5FF0, 1, offset, count) + count * tag
    return header + bytes(8 * CHAINS * 10)


def time_bytes(whole, fraction):
    return pmt.serialize_str(pmt.make_tuple(whole, pmt.from_double(fraction)))


TIME_KEY, FRAME_KEY = pmt.serialize_str(RX_TIME), pmt.serialize_str(FRAME)
HOSTILE = [
    hostile(b"\x07" * 60_000),
    hostile(b"\x08" + b"\xff" * 4 + b"\x06" * 90),
    hostile(b"\x06", count=200_000),
    hostile(b"\x06", key=b"\x06"),
    hostile(b"\x06", at=2**63),
    hostile(b"\x06", at=10**6),
    hostile(b"\x06", offset=2**63),
    *(
        hostile(time_bytes(pmt.from_uint64(whole), fraction), TIME_KEY)
        for whole, fraction in (
            *((0, value) for value in (-1.0, np.inf, np.nan, 1e300)),
            (2**63, 0.0),
        )
    ),
    hostile(time_bytes(pmt.from_long(-1), 0.5), TIME_KEY),
    hostile(pmt.serialize_str(pmt.from_uint64(2**63)), FRAME_KEY),
    hostile(pmt.serialize_str(pmt.from_uint64(pmt_keys.LAST_FRAME + 1)), FRAME_KEY),
    *(
        hostile(pmt.serialize_str(pmt.cons(pmt.from_uint64(1), pmt.from_uint64(due))), FRAME_KEY, 5)
        for due in (4, 5 + int(10 * RATE) + 1, 2**63)
    ),
]


def test_messages_that_would_do_harm_are_left_out_and_counted():
    take = taken([message(0, 50, 0), *HOSTILE, message(50, 50, 50)])
    assert take.times() == [(0, 0)] and take.streams.shape == (CHAINS, 100)
    assert take.block.messages_refused == len(HOSTILE)
    reported = [event for event in take.reported() if event["event"] == "message_refused"]
    assert [event["count"] for event in reported] == list(range(1, 11))


def test_the_last_frame_and_the_latest_due_are_taken():
    due = 5 + int(10 * RATE)
    last = pmt_keys.frame_to_tag(pmt_keys.LAST_FRAME, due)
    take = taken([message(0, 50, 0, [wire.WireTag(5, FRAME, last)])])
    assert take.frames() == [(5, pmt_keys.LAST_FRAME, due)] and take.block.messages_refused == 0


def test_frames_within_frames_and_too_many_names_are_left_out():
    half = SCENARIO.numerology.frame_length // 2
    places = [0, 1, half - 1, half, half + 1, 2 * half]
    frames = [wire.WireTag(at, FRAME, pmt_keys.frame_to_tag(k)) for k, at in enumerate(places)]
    names = [wire.WireTag(k, pmt.intern(f"name {k}"), pmt.PMT_T) for k in range(1500)]
    take = taken(
        [message(0, 3 * half, 0, frames), message(3 * half, 10), message(0, 1500, 0, names)]
    )
    assert [frame[:2] for frame in take.frames()] == [(0, 0), (half, 3), (2 * half, 5)]
    kept = sum(str(tag.key).startswith("name") for tag in take.sinks[0].tags())
    assert 1000 < kept <= 1024 and take.block.tags_left_out == 3 + 1500 - kept


def test_a_source_that_waits_says_for_whom():
    busy = wire.message_header(
        0, [wire.WireTag(0, pmt_keys.BUSY, pmt.intern("192.0.2.7:1\x1b[2J"))]
    )
    take = taken([busy, busy, message(0, 10, 0)])
    (reported,) = [event for event in take.reported() if event["event"] == "waiting"]
    assert reported["present"] == "192.0.2.7:1\N{REPLACEMENT CHARACTER}[2J"
    assert take.streams.shape == (CHAINS, 10)


def test_a_sink_says_who_waits():
    said = []
    satellite = satellite_flowgraph(SCENARIO, "0", on_event=lambda *event: said.append(event))
    with SampleClient(satellite.open(), request=b"\xff") as first:
        satellite.start()
        while first.receive(0.01) is None:
            pass
        with SampleClient(satellite.output.address, request=b"\xff") as second:
            message = None
            while message is None:
                first.receive(0.0)
                message = second.receive(0.01)
        _, [mark], _, _ = wire.read_header(message, set())
        [(event, details)] = said
        assert event == "client_waits" and pmt.eq(mark.key, pmt_keys.BUSY)
        assert str(mark.value) == details["present"] != details["client"]
    satellite.stop()
    satellite.wait()


def test_a_sink_says_once_that_a_client_without_keys_is_refused(tmp_path):
    make_keys(tmp_path, "satellite")
    said = []
    satellite = satellite_flowgraph(
        SCENARIO,
        "0",
        on_event=lambda *event: said.append(event),
        keys=tmp_path / "satellite.key_secret",
    )
    place = satellite.open()
    satellite.start()
    for count in (1, 2):
        with SampleClient(place, request=b"\xff") as stranger:
            while satellite.output.refused < count or not stranger.refused:
                assert stranger.receive(0.01) is None
    satellite.stop()
    satellite.wait()
    assert said == [("client_refused", {})]


def test_samples_go_to_those_whose_keys_are_known(tmp_path):
    for name in ("satellite", "station"):
        make_keys(tmp_path, name)
    server_key = tmp_path / "satellite.key"
    x = noise(CHAINS, 1000)
    play = Play(zmq_sink(SCENARIO, "0", ends=True, keys=tmp_path / "satellite.key_secret"), x)
    place = play.block.open()
    stranger = Take(zmq_source(SCENARIO, place))
    keys = {"keys": tmp_path / "station.key_secret", "server_key": server_key}
    friend = Take(zmq_source(SCENARIO, place, **keys))
    stranger.flowgraph.start()
    while not any(event["event"] == "refused" for event in stranger.reported()):
        pass
    friend.flowgraph.start()
    play.run()
    friend.flowgraph.wait()
    assert np.array_equal(friend.streams, x)
    stranger.flowgraph.stop()
    stranger.flowgraph.wait()
    assert stranger.streams.size == 0


# The channel

WIDE = small_scenario(numerology__frame_period=30_720)


@pytest.fixture(scope="module")
def sent():
    """What a satellite sends: samples, and offset, index and due offset of its frames."""
    flowgraph = gr.top_block()
    flowgraph.source, flowgraph.shifter = pilot_source(WIDE, 6), precompensator(WIDE)
    flowgraph.sinks = [blocks.vector_sink_c() for _ in range(CHAINS)]
    for chain, sink in enumerate(flowgraph.sinks):
        flowgraph.connect((flowgraph.source, chain), (flowgraph.shifter, chain), sink)
    flowgraph.run()
    tags = [(t.offset, *pmt_keys.frame_from_tag(t.value)) for t in flowgraph.sinks[0].tags()]
    return np.array([sink.data() for sink in flowgraph.sinks], np.complex64), sorted(tags)


def channelled(x, frames, times=()):
    """Streams, times and frames behind the channel, of samples with tags before it."""
    tags = [tag(offset, RX_TIME, wire.time_of(index, RATE)) for offset, index in times]
    tags += [tag(offset, FRAME, pmt_keys.frame_to_tag(index, due)) for offset, index, due in frames]
    play = Play(timed_channel(WIDE), x, tags)
    play.take = Take(play.block, play)
    play.run()
    return play.take.streams, play.take.times(), [frame[:2] for frame in play.take.frames()]


def test_the_channel_goes_on_where_its_input_is(sent):
    """Begun in the midst of a stream it gives the same bits, once all paths are filled."""
    x, frames = sent
    whole, times, arrived = channelled(x, frames)
    assert times == [] and arrived == [(due, index) for _, index, due in frames]
    longest = 10_300
    for start in (1, 50_000, 65_536, 92_825):
        later = [(o - start, index, due - start) for o, index, due in frames if o >= start]
        got, [(offset, index)], found = channelled(x[:, start:], later, [(0, start)])
        assert offset == 0 and start < index < start + longest
        assert np.array_equal(got, whole[:, index : index + got.shape[1]])
        assert found == [
            (due - index, k) for due, k in arrived if due - index >= 0 and frames[k][0] >= start
        ]
        assert found


def test_frames_of_a_transmitter_that_has_gone_are_forgotten(sent):
    """It dies when frame 3 has been announced, but not all of it been sent."""
    x, frames = sent
    cut = frames[3][0] + 300
    again = [(o + cut, index, due + cut) for o, index, due in frames]
    got, times, found = channelled(
        np.concatenate([x[:, :cut], x], axis=1), [*frames[:4], *again], [(0, 0), (cut, 0)]
    )
    whole, _, arrived = channelled(x, frames)
    [(begin, index)] = times
    assert index == 0 and begin % 32_768 == 0 and begin <= cut
    assert [f for f in found if f[0] >= begin] == [(begin + due, k) for due, k in arrived]
    assert [f for f in found if f[0] < begin] == [a for a in arrived if a[0] < begin]
    assert np.array_equal(got[:, begin:], whole[:, : got.shape[1] - begin])


def test_a_time_at_which_the_path_is_far_longer_ends_the_channel():
    """A satellite goes on in its line: after a day it is far away."""
    play = Play(
        timed_channel(WIDE), noise(CHAINS, 1000), [tag(0, RX_TIME, wire.time_of(10**13, RATE))]
    )
    play.take = Take(play.block, play)
    play.run()
    (error,) = take_errors([play.block.alias()]).values()
    assert re.search(r"when a path takes .* s; give both sides the same scenario", str(error))


def test_a_frame_that_a_gap_cuts_is_dropped():
    frame = transmission.pilot_frame(SCENARIO)
    length = frame.shape[1]
    x = np.concatenate([frame, frame[:, : length // 2], frame[:, : length // 2], frame], axis=1)
    starts = [0, length, 2 * length]
    gap = length + length // 2
    play = Play(
        ofdm_demodulator(SCENARIO),
        x,
        [
            *(tag(start, FRAME, pmt_keys.frame_to_tag(k)) for k, start in enumerate(starts)),
            tag(0, RX_TIME, wire.time_of(1_000, RATE)),
            tag(gap, RX_TIME, wire.time_of(9_000 + gap, RATE)),
        ],
    )
    play.sink = blocks.vector_sink_c(
        play.block.out_sig().gr_io_signature().sizeof_stream_item(0) // 8
    )
    play.events = Collector()
    play.connect(play.block, play.sink)
    play.msg_connect((play.block, "events"), (play.events, "in"))
    play.run()
    tags = {str(t.key): [] for t in play.sink.tags()}
    for t in play.sink.tags():
        tags[str(t.key)].append(t.value)
    assert [pmt_keys.frame_from_tag(value)[0] for value in tags["dislac:frame"]] == [0, 2]
    times = [pmt_keys.time_from_tag(value) for value in tags["rx_time"]]
    assert times == [1_000 / RATE, (9_000 + 2 * length) / RATE]
    (dropped,) = [pmt_keys.event_from_pdu(message) for message in play.events.all()]
    assert (dropped["frame"], dropped["reason"]) == (1, "cut off by a gap")


# All three


def test_three_processes_give_the_fixes_of_one_flowgraph(tmp_path):
    wanted, got = [], []
    scenario = small_scenario(numerology__frame_period=30_720, nodes__target__velocity=[20, 10, 0])
    run_flowgraph(scenario, frames=6, on_fix=wanted.append).run()
    satellite = satellite_flowgraph(scenario, "0", frames=6)
    channel = channel_flowgraph(scenario, satellite.open(), "0")
    station = station_flowgraph(
        scenario, channel.open(), record=tmp_path / "recording", on_fix=got.append
    )
    station.publish(f"ipc://{tmp_path}/fixes")
    for flowgraph in (station, channel, satellite):
        flowgraph.start()
    for flowgraph in (satellite, channel, station):
        flowgraph.wait()
    assert [fix_to_dict(fix) for fix in got] == [fix_to_dict(fix) for fix in wanted]
    again = []
    replay_flowgraph(RecordingReader(tmp_path / "recording"), on_fix=again.append).run()
    assert [fix_to_dict(fix) for fix in again] == [fix_to_dict(fix) for fix in wanted]
    assert len(got) == 6
    assert station.counters() == {
        **dict.fromkeys(("frames_sent", "frames_used", "fixes"), 6),
        **dict.fromkeys(("frames_skipped", "frames_lost"), 0),
    }


def test_a_front_end_is_refused_where_it_would_not_be_emulated():
    overrides = {"front_end": {"carrier_offset_hz": 100}}
    with pytest.raises(ValueError, match=r"has a front_end, .*--set front_end=null"):
        channel_flowgraph(load_scenario("paper", overrides), "5560", "0")
    assert load_scenario("paper", {"front_end": None}).front_end is None


def test_a_channel_that_fails_reports_no_end_and_waits_for_nobody():
    for asked in (False, True):
        got, ended = [], Event()
        with SampleServer("0") as satellite:
            channel = channel_flowgraph(SCENARIO, satellite.address, "0")
            with SampleClient(channel.open(), request=b"\xff") as station:
                while asked and not station.connected:
                    station.receive(0.01)
                channel.start()
                while not satellite.wait(0.1):
                    pass
                satellite.answer(message(0, 10, 0, chains=CHAINS + 1))
                waits = Thread(target=fails_with, args=(channel, "sends 3 chains", ended))
                waits.start()
                if asked:
                    while not ended.is_set() and not got:
                        got += filter(None, [station.receive(0.01)])
                else:
                    ended.wait(LONG)
                alone = ended.is_set()
                channel.stop()
                waits.join()
        assert got == [] and alone


def fails_with(flowgraph, reason, ended):
    """Waits for a flowgraph's end, which is to be an error."""
    with pytest.raises(FlowgraphError, match=reason):
        flowgraph.wait()
    ended.set()


def test_a_sender_that_is_stopped_waits_for_nobody():
    satellite = satellite_flowgraph(SCENARIO, "0")
    satellite.open()
    satellite.start()
    satellite.stop()
    satellite.wait()
