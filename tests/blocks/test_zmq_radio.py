# SPDX-License-Identifier: GPL-3.0-or-later
"""The satellite link between stand-ins for a gNB and a UE, which speak their radios' protocol."""

from threading import Event, Thread

import numpy as np
import pytest
from gnuradio import blocks, gr
from gnuradio.dislac.blocks.between_processes import _transmit_ports
from gnuradio.dislac.blocks.between_processes._transmit_ports import TransmitPorts
from gnuradio.dislac.blocks.zmq_flowgraphs import relay_flowgraph
from gnuradio.dislac.channel.relay import RelayLink
from gnuradio.dislac.geometry import SPEED_OF_LIGHT
from gnuradio.dislac.io.zmq_samples import SampleServer
from gnuradio.dislac.scenario import emulation, load_scenario
from srs_radio import StandIn, Stopped

# What waits for a flowgraph that hangs waits no longer.
pytestmark = pytest.mark.timeout(100)

RATE = 1.92e6
SLOT = 1920
SCENARIO = load_scenario("paper")


def noise(seed, count, ports=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((ports, 2 * count)).astype(np.float32).view(np.complex64)


class Relay:
    """The relay between ports in a folder."""

    def __init__(self, folder, ports=1, scenario=SCENARIO, rate=RATE, **options):
        self.ports = {
            f"{end} {way}": [f"ipc://{folder}/{end}-{way}-{port}" for port in range(ports)]
            for end in ("gnb", "ue")
            for way in ("tx", "rx")
        }
        self.flowgraph = relay_flowgraph(
            scenario,
            rate,
            gnb_transmits=self.ports["gnb tx"],
            gnb_receives=self.ports["gnb rx"],
            ue_transmits=self.ports["ue tx"],
            ue_receives=self.ports["ue rx"],
            **options,
        )

    def between(self, gnb, ue):
        """All that gNB and UE sent and got, in each of their lives, of which each is a function
        that uses a radio. All ends with the one whose lives end first."""
        stop, lives = Event(), {"gnb": [], "ue": []}

        def live(end, functions):
            try:
                for function in functions:
                    places = self.ports[f"{end} tx"], self.ports[f"{end} rx"]
                    with StandIn(*places, stop) as radio:
                        try:
                            function(radio)
                        finally:
                            lives[end].append(radio)
            except Stopped:
                pass
            finally:
                stop.set()  # nobody waits for a radio that is no more

        self.flowgraph.start()
        threads = [Thread(target=live, args=pair) for pair in (("gnb", gnb), ("ue", ue))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.flowgraph.stop()
        self.flowgraph.wait()
        return tuple([radio.history() for radio in lives[end]] for end in ("gnb", "ue"))


def talks(seed, slots, ports=1, ahead=4):
    """A base station, which sends in each slot, a few slots ahead."""

    def use(radio):
        for slot in range(slots):
            radio.receive(SLOT)
            radio.transmit(noise(seed + slot, SLOT, ports), radio.taken + (ahead - 1) * SLOT)

    return use


def listens(seed, slots, ports=1):
    """A terminal: it searches at a quarter of the rate, moves its slots by some samples, and
    sends now and then, in slots and parts of them."""

    def use(radio):
        radio.decimation = 4
        for count in (SLOT // 4, 100, 7):
            radio.receive(count)
        radio.transmit(noise(seed, 100, ports), radio.taken + 33)
        radio.decimation = 1
        for slot, count in enumerate([733, *[SLOT] * 10, 1, SLOT - 1] * slots):
            radio.receive(count)
            if slot % 5 == 0:
                x = noise(seed + slot, SLOT if slot % 2 else 139, ports)
                radio.transmit(x, radio.taken + 3 * SLOT + slot)

    return use


def test_each_hears_the_other_over_the_link(tmp_path):
    """Sample for sample what the link makes of all that was sent at once: zeros, pieces of any
    size, and those that are sent several times included."""
    relay = Relay(tmp_path, ports=2, carriers=(2e9, 1.9e9))
    [gnb], [ue] = relay.between([talks(100, 60, 2)], [listens(900, 10, 2)])
    for (sent, _), (_, got), uplink, carrier in ((gnb, ue, False, 2e9), (ue, gnb, True, 1.9e9)):
        link = emulation.relay_link(
            SCENARIO, RATE, streams=2, uplink=uplink, carrier_frequency=carrier
        )
        link.take(sent)
        wanted = np.zeros((2, sent.shape[1] + 5000), np.complex64)
        made = link.make(wanted)
        count = min(made, got.shape[1])
        assert count > 40 * SLOT
        assert np.array_equal(got[:, :count], wanted[:, :count])
        assert np.count_nonzero(got) > 10_000


# The way there and back

LEAST = RelayLink.least
"""Samples that the relay takes at least: 16 us at 1.92 Msps, 0.5 us at 61.44 Msps."""


def place(distance):
    """A transmitter at a height in metres above the receiver of `lab`."""
    return {"nodes.transmitter.position": [0.0, 0.0, 1.5 + distance]}


def passing(height, begin, speed):
    """A transmitter that flies by, from a distance in metres before the receiver of `lab` on."""
    return {
        "nodes.transmitter.position": [begin, 0.0, 1.5 + height],
        "nodes.transmitter.velocity": [speed, 0.0, 0.0],
    }


def measure(folder, settings, rate, slot, slots):
    """Times [s] at which bursts that went there and back arrive, and how long each took [samples].

    The terminal sends what it gets two slots later; that is taken off.
    """
    burst, spacing = noise(5, 1000)[0], 4 * slot
    # so narrow that a parabola through three samples finds where its match is highest
    spectrum = np.fft.fft(burst)
    spectrum[np.abs(np.fft.fftfreq(len(burst))) > 0.1] = 0
    burst = np.fft.ifft(spectrum).astype(np.complex64)

    def base_station(radio):
        for number in range(slots):
            radio.receive(slot)
            if number % 4 == 0:
                radio.transmit(burst[None], radio.taken + slot)

    def repeater(radio):
        while True:
            begin = radio.taken
            radio.transmit(radio.receive(slot), begin + 2 * slot)

    relay = Relay(folder, 1, load_scenario("lab", settings), rate, carriers=(0.0, 0.0))
    [(_, got)], _ = relay.between([base_station], [repeater])
    sent = np.arange(2 * slot, (slots - 8) * slot, spacing)
    lags = []
    for begin in sent:
        around = got[0, begin + 2 * slot : begin + 2 * slot + spacing]
        match = np.abs(np.correlate(around, burst, "valid"))
        peak = int(match.argmax())
        left, middle, right = match[peak - 1 : peak + 2] if peak else (match[1], *match[:2])
        lags.append(peak + 0.5 * (left - right) / (left - 2 * middle + right))
    # of the middles of bursts
    return (sent + 2 * slot + np.array(lags) + len(burst) / 2) / rate, np.array(lags)


def round_trip(settings, rate, slot, time):
    """The same by geometry: what arrives now left the repeater a flight before, and had come there
    two slots earlier."""
    position = np.array(settings["nodes.transmitter.position"]) - [0.0, 0.0, 1.5]
    velocity = np.array(settings.get("nodes.transmitter.velocity", [0.0, 0.0, 0.0]))

    def delay(time):
        distance = np.linalg.norm(position + velocity * time[:, None], axis=1)
        return np.maximum(distance / SPEED_OF_LIGHT * rate, LEAST)

    back = delay(time)
    return back + delay(time - (back + 2 * slot) / rate)


@pytest.mark.parametrize(
    ("distance", "rate"),
    [
        *((1e-3, 1.92e6), (1e-3, 61.44e6), (30.0, 5.76e6), (15e3, 1.92e6), (15e3, 5.76e6)),
        *((15e3, 23.04e6), (15e3, 61.44e6), (374e3, 1.92e6), (374e3, 23.04e6)),
    ],
)
def test_a_round_trip_takes_twice_the_path(tmp_path, distance, rate):
    """What the relay adds at 0 km is the same at any rate, 31 samples each way."""
    settings, slot = place(distance), round(rate / 1000)
    time, lags = measure(tmp_path, settings, rate, slot, 24)
    assert len(lags) == 4
    assert lags == pytest.approx(round_trip(settings, rate, slot, time), abs=0.02)
    path = 2 * distance / SPEED_OF_LIGHT
    if distance >= 15e3:
        assert lags == pytest.approx(path * rate, abs=0.02)
    else:
        assert lags / rate - path == pytest.approx(2 * LEAST / rate - path, rel=0.01)
        assert np.all(lags / rate - path < 2 * 0.1e-3)


@pytest.mark.parametrize(
    ("settings", "shortest", "longest"),
    [
        (passing(29.5e3, -7e3, 14e3), 98e-6, 102e-6),  # through 0.1 ms and back
        (passing(1e3, -7e3, 14e3), 16e-6, 24e-6),  # through the least
        (passing(550e3, -1000e3, 7.5e3), 3.7e-3, 3.82e-3),
    ],
)
def test_a_round_trip_along_a_pass(tmp_path, settings, shortest, longest):
    slot = 5 * SLOT
    time, lags = measure(tmp_path, settings, RATE, slot, 206)
    assert len(lags) == 49 and time[-1] > 0.98
    assert lags == pytest.approx(round_trip(settings, RATE, slot, time), abs=0.1)
    assert np.ptp(lags) > 2
    assert shortest < lags.min() / 2 / RATE and lags.max() / 2 / RATE < longest


# Starts and ends


def lag(sent, got):
    """Samples by which `got` is late."""
    size = 1 << (len(sent) + len(got)).bit_length()
    product = np.fft.ifft(np.fft.fft(got, size) * np.fft.fft(sent, size).conj())
    place = int(np.argmax(np.abs(product)))
    return place if place < size // 2 else place - size


@pytest.mark.parametrize("dies", ["gnb", "ue"])
def test_a_radio_that_is_started_again_finds_its_time_again(tmp_path, dies):
    """The way there and back is as long as before, whenever it was started: the two shifts of its
    clock against the other's cancel."""
    relay = Relay(tmp_path, carriers=(0.0, 0.0))
    slots = {"gnb": [400], "ue": [220], dies: [60, 160] if dies == "ue" else [60, 400]}
    gnb, ue = relay.between(
        *(
            [talks(seed + 10_000 * life, count, ahead=1) for life, count in enumerate(slots[end])]
            for end, seed in (("gnb", 10_000), ("ue", 50_000))
        )
    )
    stays, comes = (gnb, ue) if dies == "ue" else (ue, gnb)
    [([sent], [got])] = stays
    around = [lag(s[0], got) + lag(sent, g[0]) for s, g in comes]
    delay = 2 * 374e3 / SCENARIO.propagation_speed * RATE
    assert around[0] == pytest.approx(delay, abs=2.5)
    assert around[1] == pytest.approx(around[0], abs=3)


@pytest.mark.parametrize(("patience", "again"), [(0.0, [0]), (np.inf, [0, 1])])
def test_ports_may_come_again_one_by_one(tmp_path, monkeypatch, patience, again):
    """One alone goes on beside the others, once they have had the time to come again as well."""
    monkeypatch.setattr(_transmit_ports, "_PATIENCE", patience)
    places = [f"ipc://{tmp_path}/{port}" for port in range(2)]
    servers = [SampleServer(place) for place in places]
    flowgraph, source = gr.top_block(), TransmitPorts(places)
    sinks = [blocks.vector_sink_c() for _ in places]
    for port, sink in enumerate(sinks):
        flowgraph.connect((source, port), sink)

    def give(value):
        """Answers until that value has come through both ports, for a count of turns at most."""
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
        for port in again:
            servers[port].close()
            servers[port] = SampleServer(places[port])
        assert give(2)
    finally:
        flowgraph.stop()
        flowgraph.wait()
        for server in servers:
            server.close()
    assert source.connections == 2 and source.begins_at > 0
    for port in again:
        values = np.array(sinks[port].data()).real
        assert set(values[: source.begins_at]) == {1} and set(values[source.begins_at :]) == {2}


def test_as_many_ports_at_each_end_of_a_direction():
    with pytest.raises(ValueError, match="1 transmit ports and 2 receive ports, direction down"):
        relay_flowgraph(
            SCENARIO,
            RATE,
            gnb_transmits=["0"],
            gnb_receives=["0"],
            ue_transmits=["0"],
            ue_receives=["0", "0"],
        )
