# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated channel between a scenario's nodes."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from ..channel.emulator import ChannelEmulator
from ..channel.link_simulator import LinkSimulator, TransmitFrame
from ..channel.network import NetworkEmulator
from ..channel.path import ChannelPath
from ..channel.precompensation import departure_delay
from ..channel.relay import RelayLink
from ..channel.schedule import BeamSchedule
from ..dsp.noise import GaussianNoise, Noise, PooledNoise
from .about import about
from .levels import noise_power, path_gains
from .model import Scenario
from .routes import path_nodes
from .timing import carriers, first_arrival, first_mark, flush, preamble, reference_link
from .transmission import passband, pilot_frame, precompensator

__all__ = [
    "channel",
    "channel_noise",
    "emulator",
    "flight",
    "frame_marks",
    "link",
    "network_emulator",
    "noise",
    "relay_link",
]


@about("channel")
def emulator(scenario: Scenario) -> ChannelEmulator:
    """The channel between the transmit chains and the receive chains of one link."""
    return _emulator(scenario, noise(scenario))


def channel(scenario: Scenario) -> ChannelEmulator | NetworkEmulator:
    """The channel between all transmitters and receivers."""
    alone = len(scenario.nodes.transmitters) == len(scenario.nodes.receivers) == 1
    return emulator(scenario) if alone else network_emulator(scenario)


def channel_noise(scenario: Scenario) -> Any:
    """Noise of that channel: one source, or one of each receiver."""
    if len(scenario.nodes.transmitters) == len(scenario.nodes.receivers) == 1:
        return noise(scenario)
    return [noise(scenario.at(receiver=name)) for name in scenario.nodes.receivers]


def frame_marks(scenario: Scenario, sent: int, due: int | None) -> list[tuple[int, int]]:
    """Output stream of the channel, and the sample there, at which each receiver gets a frame.

    Parameters
    ----------
    sent
        sample at which the frame begins at the first transmitter.
    due
        sample at which it is due at the receiver that pre-compensation is for; None without.
    """
    marks = []
    for receiver, streams in scenario.receive_streams.items():
        seen = scenario.at(receiver=receiver)
        at = sent + flight(seen, sent) if due is None else due
        if due is not None:
            at += first_mark(seen) - preamble(seen)
        marks.append((streams.start, at))
    return marks


@about("channel")
def network_emulator(scenario: Scenario) -> NetworkEmulator:
    """The channel between the transmit chains of all transmitters, one after another, and the
    receive chains of all receivers."""
    seen = {
        (k, n): scenario.at(transmitter, receiver)
        for k, transmitter in enumerate(scenario.nodes.transmitters)
        for n, receiver in enumerate(scenario.nodes.receivers)
    }
    return NetworkEmulator(
        {numbers: _emulator(each, None) for numbers, each in seen.items()},
        transmitters=[len(streams) for streams in scenario.transmit_streams.values()],
        receivers=[len(streams) for streams in scenario.receive_streams.values()],
        noise=channel_noise(scenario),
    )


def _emulator(scenario: Scenario, noise: Noise | None) -> ChannelEmulator:
    numerology = scenario.numerology
    # Samples that are handed in are as they leave the transmitter, whose beams stay.
    advance = None if scenario.own_pilots is None else precompensator(scenario)
    sent, received = (
        BeamSchedule(beams, numerology.symbol_lengths, numerology.frame_period, start)
        for beams, start in (
            (scenario.transmit_beams, preamble(scenario)),
            (scenario.receive_beams, first_arrival(scenario.level_link)),
        )
    )
    paths = []
    for path, gain in zip(scenario.channel.paths, path_gains(scenario), strict=True):
        nodes = path_nodes(scenario, path)
        if scenario.feeder is None:
            paths.append(ChannelPath(nodes, gain))
        else:
            own = carriers(scenario, nodes)
            paths.append(ChannelPath(nodes, gain, carriers=own, transmitter=1))
    return ChannelEmulator(
        paths,
        sample_rate=scenario.sample_rate,
        carrier_frequency=numerology.carrier_frequency,
        transmit_array=scenario.transmitter.array,
        receive_array=scenario.receiver.array,
        transmit_beams=sent,
        receive_beams=received,
        coupling=scenario.coupling,
        transmit_advance=None if advance is None else advance.advance,
        noise=noise,
        passband=passband(scenario),
        speed=scenario.propagation_speed,
    )


def noise(scenario: Scenario) -> Noise | None:
    """The receive chains' noise, None where there is none."""
    power, seed = noise_power(scenario), scenario.seed
    if not scenario.first_receiver:
        seed = int(scenario.rng(f"noise of {scenario.link.receiver}").integers(2**63))
    make_noise = PooledNoise if scenario.channel.noise_pool else GaussianNoise
    return None if power == 0 else make_noise(scenario.receive_chains, power, seed)


def link(scenario: Scenario, frames: int = 0) -> LinkSimulator:
    """Pilot frames, pre-compensated, through the channel; as many as asked for, 0 for no end."""
    waveforms = [pilot_frame(scenario, k) for k in range(scenario.pilots.cycle)]
    first, period = preamble(scenario), scenario.numerology.frame_period
    transmitter, late = precompensator(scenario), first_arrival(scenario) - first

    def train() -> Iterator[TransmitFrame]:
        for k in range(frames) if frames else count():
            if scenario.pilots.sends(k):
                start = first + k * period
                due = start + (flight(scenario, start) if transmitter is None else late)
                yield TransmitFrame(k, start, due, waveforms[k % len(waveforms)])

    end = first + frames * period
    end += flush(scenario, end)
    return LinkSimulator(train(), end if frames else None, transmitter, emulator(scenario))


def flight(scenario: Scenario, sample: int) -> int:
    """Samples that the reference link takes for what leaves at a sample."""
    time = sample / scenario.sample_rate
    link, speed = reference_link(scenario), scenario.propagation_speed
    delay = departure_delay(link, time, carriers(scenario, link), speed=speed)
    return int(np.rint(delay * scenario.sample_rate))


def relay_link(
    scenario: Scenario,
    sample_rate: float,
    *,
    streams: int = 1,
    uplink: bool = False,
    carrier_frequency: float | None = None,
    noise_power: float = 0.0,
) -> RelayLink:
    """The link between a gNB and a UE, for streams of their own: the reference link, gNB where the
    feeder is, or in the satellite, UE where the receiver is.

    Parameters
    ----------
    sample_rate
        of those streams [Hz].
    uplink
        from UE to gNB.
    carrier_frequency
        [Hz] on all hops, 0 for no Doppler shift; None: as the scenario says.
    noise_power
        of each received sample.

    Raises
    ------
    StreamError
        a rate is impossible.
    """
    nodes = reference_link(scenario)
    hops = carriers(scenario, nodes)
    if carrier_frequency is not None:
        hops = (carrier_frequency,) * len(hops)
    noise = GaussianNoise(streams, noise_power, scenario.seed + uplink) if noise_power else None
    return RelayLink(
        nodes[::-1] if uplink else nodes,
        sample_rate=sample_rate,
        carriers=hops[::-1] if uplink else hops,
        streams=streams,
        noise=noise,
        speed=scenario.propagation_speed,
    )
