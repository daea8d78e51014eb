# SPDX-License-Identifier: GPL-3.0-or-later
"""The satellite link between stand-ins for a gNB and a UE, which speak their radios' protocol."""

from threading import Event, Thread

import numpy as np
import pytest
import zmq
from gnuradio import blocks, gr
from gnuradio.dislac.blocks.between_processes import _radio_source
from gnuradio.dislac.blocks.between_processes._radio_source import RadioSource
from gnuradio.dislac.blocks.zmq_flowgraphs import relay_flowgraph
from gnuradio.dislac.io.zmq_samples import SampleServer
from gnuradio.dislac.scenario import build, load_scenario

RATE = 1.92e6
SLOT = 1920
SCENARIO = load_scenario("paper")


def noise(seed, count):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(2 * count).astype(np.float32).view(np.complex64)


def radio(transmit, receive, slots, seed, stop=None):
    """What a radio has sent and got, port by port: each slot it gives before it takes, as srsRAN's
    does. Transmit ports are REP sockets that are bound, receive ports REQ sockets."""
    stop = stop or Event()
    sent = [noise(seed + port, slots * SLOT) for port in range(len(transmit))]
    got = [np.zeros(0, np.complex64) for _ in receive]
    with zmq.Context() as context:
        given, taken = ([context.socket(kind) for _ in transmit] for kind in (zmq.REP, zmq.REQ))
        for socket, place in zip(given, transmit, strict=True):
            socket.bind(place)
        for socket, place in zip(taken, receive, strict=True):
            socket.connect(place)

        def wait(socket):
            while not socket.poll(50):
                if stop.is_set():
                    raise InterruptedError
            return socket.recv()

        try:
            for end in SLOT * np.arange(1, slots + 1):
                for socket, x in zip(given, sent, strict=True):
                    assert len(wait(socket)) == 1
                    socket.send(x[end - SLOT : end].tobytes())
                while min(map(len, got)) < end:
                    for port, socket in enumerate(taken):
                        socket.send(b"\xff")
                        y = np.frombuffer(wait(socket), np.complex64)
                        got[port] = np.concatenate([got[port], y])
        except InterruptedError:
            pass
        finally:
            # what was given last still arrives
            context.destroy(linger=1000 if not stop.is_set() else 0)
    return sent, got


class Relay:
    """The relay between ports in a folder."""

    def __init__(self, folder, ports=1, **options):
        self.ports = {
            f"{end} {way}": [f"ipc://{folder}/{end}-{way}-{port}" for port in range(ports)]
            for end in ("gnb", "ue")
            for way in ("tx", "rx")
        }
        self.flowgraph = relay_flowgraph(
            SCENARIO,
            RATE,
            gnb_transmits=self.ports["gnb tx"],
            gnb_receives=self.ports["gnb rx"],
            ue_transmits=self.ports["ue tx"],
            ue_receives=self.ports["ue rx"],
            **options,
        )

    def between(self, gnb_slots, ue_slots):
        """What gNB and UE sent and got, in each of their lives of so many slots."""
        stop, lives = Event(), {"gnb": [], "ue": []}

        def live(end, slots, seed):
            try:
                for life, count in enumerate(slots):
                    own = self.ports[f"{end} tx"], self.ports[f"{end} rx"]
                    lives[end].append(radio(*own, count, seed + 10 * life, stop))
            finally:
                stop.set()  # nobody waits for a radio that is no more

        self.flowgraph.start()
        threads = [
            Thread(target=live, args=arguments)
            for arguments in (("gnb", gnb_slots, 100), ("ue", ue_slots, 200))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.flowgraph.stop()
        self.flowgraph.wait()
        return lives["gnb"], lives["ue"]


def test_each_hears_the_other_over_the_link(tmp_path):
    relay = Relay(tmp_path, ports=2, carriers=(2e9, 1.9e9))
    [gnb], [ue] = relay.between([120], [120])
    for (sent, _), (_, got), uplink, carrier in ((gnb, ue, False, 2e9), (ue, gnb, True, 1.9e9)):
        link = build.relay_link(SCENARIO, RATE, streams=2, uplink=uplink, carrier_frequency=carrier)
        wanted = link.process(np.stack(sent))
        begin = link.latency()
        assert not np.any(np.stack([x[:begin] for x in got]))
        count = min(wanted.shape[1], len(got[0]) - begin, len(got[1]) - begin)
        assert count > 65_536
        heard = np.stack([x[begin : begin + count] for x in got])
        assert np.array_equal(heard, wanted[:, :count])
        assert np.any(heard)


def lag(sent, got):
    """Samples by which `got` is late."""
    size = 1 << (len(sent) + len(got)).bit_length()
    product = np.fft.ifft(np.fft.fft(got, size) * np.fft.fft(sent, size).conj())
    place = int(np.argmax(np.abs(product)))
    return place if place < size // 2 else place - size


@pytest.mark.parametrize("dies", ["gnb", "ue"])
def test_a_radio_that_is_started_anew_finds_its_time_again(tmp_path, dies):
    """The way there and back is as long as before, whenever it was started: the two shifts of its
    clock against the other's cancel."""
    relay = Relay(tmp_path, carriers=(0.0, 0.0))
    slots = {"gnb": [400], "ue": [220], dies: [60, 160] if dies == "ue" else [60, 400]}
    gnb, ue = relay.between(slots["gnb"], slots["ue"])
    stays, comes = (gnb, ue) if dies == "ue" else (ue, gnb)
    [(sent, got)] = stays
    around = [lag(s[0], got[0]) + lag(sent[0], g[0]) for s, g in comes]
    link = build.relay_link(SCENARIO, RATE, carrier_frequency=0.0)
    delay = 2 * link.latency() + 2 * 374e3 / SCENARIO.propagation_speed * RATE
    assert around[0] == pytest.approx(delay, rel=0.02)
    assert around[1] == pytest.approx(around[0], abs=3)


@pytest.mark.parametrize(("patience", "anew"), [(0.0, [0]), (np.inf, [0, 1])])
def test_ports_may_come_anew_one_by_one(tmp_path, monkeypatch, patience, anew):
    """One alone goes on beside the others, once they have had the time to come anew as well."""
    monkeypatch.setattr(_radio_source, "_PATIENCE", patience)
    places = [f"ipc://{tmp_path}/{port}" for port in range(2)]
    servers = [SampleServer(place) for place in places]
    flowgraph, source = gr.top_block(), RadioSource(places)
    sinks = [blocks.vector_sink_c() for _ in places]
    for port, sink in enumerate(sinks):
        flowgraph.connect((source, port), sink)

    def give(value):
        """Answers until that value has come through both ports, for so many turns at most."""
        samples = np.full(SLOT, value, np.complex64).tobytes()
        for _ in range(1000):
            for server in servers:
                if server.wait(0.01):
                    server.answer(samples)
            if all(value in sink.data()[-1:] for sink in sinks):
                return True
        return False

    flowgraph.start()
    try:
        assert give(1)
        for port in anew:
            servers[port].close()
            servers[port] = SampleServer(places[port])
        assert give(2)
    finally:
        flowgraph.stop()
        flowgraph.wait()
        for server in servers:
            server.close()
    assert source.connections == 2 and source.begins_at > 0
    for port in anew:
        values = np.array(sinks[port].data()).real
        assert set(values[: source.begins_at]) == {1} and set(values[source.begins_at :]) == {2}


def test_as_many_ports_at_each_end_of_a_direction():
    with pytest.raises(ValueError, match="1 transmit ports and 2 receive ports on the way down"):
        relay_flowgraph(
            SCENARIO,
            RATE,
            gnb_transmits=["0"],
            gnb_receives=["0"],
            ue_transmits=["0"],
            ue_receives=["0", "0"],
        )
