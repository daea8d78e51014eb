# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes in at the ISAC source, the same bytes out of the UE receiver."""

from itertools import pairwise

import numpy as np
import pmt
import pytest
from block_helpers import BUFFERS, Collector, Graph, in_every_buffer, indices
from gnuradio import blocks, dislac, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.scenario import load_scenario, timing, transmission


def link(**overrides):
    """Satellite to terminal over the direct path; `__` stands for a dot."""
    values = {
        "channel.paths": [{"kind": "direct"}],
        "channel.noise": {"snr_db": 30},
        "numerology.frame_period": 2192,
        "payload.modulation": "64qam",
    }
    return load_scenario("lab", values | {k.replace("__", "."): v for k, v in overrides.items()})


LINK = link()
SIZE = LINK.payload.block_size


def send(block, packets):
    """Puts packets into a block's queue before it starts."""
    for packet in packets:
        message = pmt_keys.bytes_to_pdu(packet) if isinstance(packet, bytes) else packet
        block.to_basic_block()._post(pmt_keys.PDUS, message)


class Chain(gr.top_block):
    """Transmitter, channel and terminal."""

    def __init__(self, scenario, frames, packets=(), known=False):
        gr.top_block.__init__(self)
        self.source = dislac.isac_source(scenario, frames)
        self.precompensator = dislac.precompensator(scenario)
        self.channel = dislac.leo_channel(scenario)
        self.demodulator = dislac.ofdm_demodulator(scenario, whole=True)
        self.receiver = dislac.ue_receiver(scenario, known)
        row = self.source, self.precompensator, self.channel, self.demodulator
        for block, successor in pairwise(row):
            for chain in range(scenario.chains):
                self.connect((block, chain), (successor, chain))
        self.connect(self.demodulator, self.receiver)
        self.collectors = {port: Collector() for port in ("pdus", "link", "symbols")}
        for port, collector in self.collectors.items():
            self.msg_connect((self.receiver, port), (collector, "in"))
        send(self.source, packets)

    def messages(self, port):
        return [m for m in self.collectors[port].all() if not pmt.is_eof_object(m)]

    def packets(self):
        return [pmt_keys.bytes_from_pdu(m) for m in self.messages("pdus")]


@pytest.mark.parametrize("most", BUFFERS)
def test_bytes_out_are_bytes_in(most):
    rng = np.random.default_rng(1)
    sizes = (1, SIZE - 2, SIZE - 1, 5 * SIZE, 3, 1000)
    packets = [rng.bytes(size) for size in sizes]
    chain = Chain(LINK, 20, packets)
    chain.run(most)
    assert chain.packets() == packets
    receiver = chain.receiver
    assert (receiver.frames_used, receiver.blocks_good, receiver.packets_lost) == (20, 20, 0)
    assert chain.source.blocks_sent == sum(-(-size // (SIZE - 2)) for size in sizes)
    quality = [pmt_keys.event_from_pdu(m) for m in chain.messages("link")]
    assert [q["frame"] for q in quality] == list(range(20))
    # two chains at 30 dB
    assert all(q["good"] and q["bit_errors"] == 0 and q["evm"] < 0.03 for q in quality)
    assert quality[0]["noise_power"] == pytest.approx(1e-3, rel=0.2)
    symbols = pmt.to_python(pmt.cdr(chain.messages("symbols")[0]))
    assert len(symbols) == LINK.payload.data.sum() and symbols.dtype == np.complex64
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1.0, rel=0.1)
    assert chain.packets() and pmt.is_eof_object(chain.collectors["link"].all()[-1])


def test_lost_blocks_cost_their_packets_alone():
    """At 22 dB some blocks fail; what comes out is what went in, and the rest is counted."""
    rng = np.random.default_rng(2)
    scenario = link(channel__noise={"snr_db": 22})
    packets = [bytes([k]) * 4 + rng.bytes(2 * SIZE) for k in range(30)]
    chain = Chain(scenario, 90, packets)
    chain.run()
    found = chain.packets()
    lost = [p for p in packets if p not in found]
    assert found and lost and [p for p in packets if p in found] == found
    receiver = chain.receiver
    assert 0 < receiver.packets_lost <= len(lost)
    assert receiver.blocks_good < receiver.frames_used == 90
    assert receiver.packets == len(found)


def test_known_filling_counts_bit_errors():
    chain = Chain(link(channel__noise={"snr_db": 15}), 20, known=True)
    chain.run()
    receiver = chain.receiver
    assert receiver.bits == 20 * LINK.payload.bits
    reported = [pmt_keys.event_from_pdu(m)["bit_errors"] for m in chain.messages("link")]
    assert sum(reported) == receiver.bit_errors
    assert 1e-3 < receiver.bit_errors / receiver.bits < 3e-2


def test_it_starts_again():
    chain = Chain(LINK, 4, [b"first"])
    chain.run()
    send(chain.source, [b"second"])
    chain.run()
    assert chain.packets() == [b"first", b"second"]
    assert chain.receiver.frames_used == chain.source.frames_sent == 4


@pytest.mark.parametrize("period", [2192, 2193, 5003])
def test_frames_stand_where_they_are_due(period):
    scenario = link(numerology__frame_period=period)
    packet = np.random.default_rng(3).bytes(2 * SIZE)

    def run(most):
        graph = Graph(dislac.isac_source(scenario, frames=6), outputs=2)
        send(graph.block, [packet])
        return graph.result(most)

    result = in_every_buffer(run)
    first = timing.preamble(scenario)
    assert indices(result.tags) == [(first + k * period, k) for k in range(6)]
    blocks = dislac.waveform.segments(packet, SIZE)
    idle = [scenario.payload.idle_block(k) for k in range(len(blocks), 6)]
    frames = transmission.payload_frames(scenario, np.concatenate([blocks, idle]))
    expected = np.zeros_like(result.streams)
    for k, (start, _) in enumerate(result.tags):
        expected[:, start : start + frames.shape[-1]] = frames[:, k]
    np.testing.assert_allclose(result.streams, expected, atol=1e-6)


@pytest.mark.parametrize("most", BUFFERS)
def test_without_a_number_of_frames_it_does_not_end(most):
    result = Graph(dislac.isac_source(LINK), outputs=2, head=60_000).result(most)
    assert result.streams.shape == (2, 60_000)


def test_what_is_no_packet_is_dropped_and_stops_nothing():
    graph = Graph(dislac.isac_source(LINK, frames=3), outputs=2)
    send(graph.block, [pmt.intern("text")])
    result = graph.result()
    (event,) = result.events
    assert event["event"] == "message_dropped" and "no PDU of bytes" in event["reason"]
    assert len(result.tags) == 3 and not dislac.blocks.lifecycle.take_errors()


def test_more_than_can_wait_is_dropped():
    graph = Graph(dislac.isac_source(LINK, frames=3), outputs=2)
    send(graph.block, [bytes(10_001 * (SIZE - 2)), b"short"])
    result = graph.result()
    assert [e["event"] for e in result.events] == ["packet_dropped"]
    assert (graph.block.packets_lost, graph.block.blocks_sent) == (1, 1)


def test_settings_that_make_no_sense_are_refused():
    without = load_scenario("lab")
    for block in (dislac.isac_source, dislac.ue_receiver):
        with pytest.raises(ValueError, match="has no payload"):
            block(without)
    with pytest.raises(ValueError, match="0 for no end"):
        dislac.isac_source(LINK, frames=-1)


@pytest.mark.parametrize("waits", [True, False])
def test_the_first_frame_may_wait_for_the_first_packet(waits):
    """Started before its packets come, which nothing paces."""
    packets = [np.random.default_rng(6).bytes(SIZE - 2) for _ in range(3)]
    source = dislac.isac_source(LINK, 3, wait_for_packet=waits)
    tb = gr.top_block()
    tb.source = source
    tb.sinks = [blocks.vector_sink_c() for _ in range(LINK.chains)]
    for number, sink in enumerate(tb.sinks):
        tb.connect((source, number), sink)
    tb.start()
    if waits:
        send(source, packets)
    tb.wait()
    assert source.frames_sent == 3
    assert source.blocks_sent == (3 if waits else 0)
