# SPDX-License-Identifier: GPL-3.0-or-later
"""Times at which frames are due in a scenario's streams.

The clock of every stream starts at the scenario's epoch. `preamble` samples of silence come
first; frame k then arrives over the reference link (transmitter to receiver, from the feeder on
where there is one) at sample preamble + k * frame_period, give or take the timing-advance error.
"""

from collections.abc import Sequence

import numpy as np

from ..dsp.stream import BLOCK, CHUNK
from ..geometry import (
    Motion,
    delay_and_doppler,
    range_and_rate,
)
from .kept import kept_for_link
from .model import Scenario

__all__ = [
    "carriers",
    "compensated_link",
    "endpoints",
    "first_arrival",
    "first_mark",
    "fix_time",
    "flush",
    "frame_time",
    "is_compensated",
    "preamble",
    "reference_delay",
    "reference_link",
    "remaining_delay",
    "remaining_doppler",
    "timing_deviation",
]


@kept_for_link
def preamble(scenario: Scenario) -> int:
    """Samples of silence before the first frame: as many as must be sent before they arrive, from
    any transmitter."""
    return max(
        _flight(_towards(scenario.at(transmitter=t)), 0) for t in scenario.nodes.transmitters
    )


def _towards(scenario: Scenario) -> Scenario:
    """The link that the transmitter's pre-compensation is for."""
    return scenario.at(receiver=scenario.precompensation.towards)


def flush(scenario: Scenario, end: int) -> int:
    """Samples of silence after sample `end` of a stream that bring all before it through
    pre-compensation, channel and receiver impairments, which work in chunks."""
    return _flight(scenario, end) + (4 if scenario.front_end is None else 6) * CHUNK


def _flight(scenario: Scenario, sample: int) -> int:
    """Samples that the reference link takes at a sample, in whole blocks and two more."""
    time = sample / scenario.sample_rate
    delay, _ = reference_delay(scenario, time)
    return int(np.ceil(delay * scenario.sample_rate / BLOCK) + 2) * BLOCK


@kept_for_link
def first_arrival(scenario: Scenario) -> int:
    """Sample at which frame 0 is due at the receiver."""
    start = preamble(scenario)
    if is_compensated(scenario):
        return start
    delay, _ = remaining_delay(scenario, start / scenario.sample_rate)
    return start + round(delay * scenario.sample_rate)


@kept_for_link
def first_mark(scenario: Scenario) -> int:
    """Sample at which tags at the receiver say that frame 0 begins: that of the transmitter whose
    frame comes first."""
    return min(first_arrival(scenario.at(transmitter=t)) for t in scenario.nodes.framed)


def frame_time(scenario: Scenario, frame: int) -> float:
    """Time at which frame `frame` is due at the receiver, since the scenario's epoch [s]."""
    sample = first_arrival(scenario) + frame * scenario.numerology.frame_period
    return sample / scenario.sample_rate


def fix_time(scenario: Scenario, frame: int) -> float:
    """Time for which what is measured in frame `frame` holds: the middle of its pilots [s]."""
    return frame_time(scenario, frame) + _middle(scenario)


@kept_for_link
def _middle(scenario: Scenario) -> float:
    """Middle of a frame's pilots, after the frame's beginning [s]."""
    numerology = scenario.numerology
    middle = numerology.symbol_times[scenario.pilots.symbols].mean()
    middle += (numerology.prefixes[0] + numerology.fft_size / 2) / numerology.sample_rate
    return float(middle)


def endpoints(scenario: Scenario) -> tuple[Motion, Motion]:
    """Transmitter and receiver, between which the target is seen."""
    return scenario.transmitter.motion, scenario.receiver.motion


def reference_link(scenario: Scenario) -> tuple[Motion, ...]:
    """The nodes of the path that residual delays and Doppler shifts refer to, and that the
    pre-compensation is for: from transmitter to receiver, behind the feeder if there is one."""
    return fed(scenario, endpoints(scenario))


def reference_delay(scenario: Scenario, time: float) -> tuple[float, float]:
    """Delay [s] of what arrives over the reference link at `time` [s], and how fast it grows."""
    nodes, speed = reference_link(scenario), scenario.propagation_speed
    length, rate = range_and_rate(nodes, time, carriers(scenario, nodes), speed=speed)
    return float(length) / speed, float(rate) / speed


def compensated_link(scenario: Scenario) -> tuple[Motion, ...]:
    """The nodes of the path that the transmitter's pre-compensation is for."""
    return reference_link(scenario if is_compensated(scenario) else _towards(scenario))


def is_compensated(scenario: Scenario) -> bool:
    """True if the transmitter's pre-compensation takes the reference link's delay off."""
    settings = scenario.precompensation
    return settings.mode != "none" and settings.towards == scenario.link.receiver


def remaining_delay(scenario: Scenario, time: float) -> tuple[float, float]:
    """Delay [s] of what arrives over the reference link at `time` [s] behind what pre-compensation
    takes off, and how fast it grows: none at the receiver that this is for."""
    if is_compensated(scenario):
        return 0.0, 0.0
    delay, rate = reference_delay(scenario, time)
    if scenario.precompensation.mode == "none":
        return delay, rate
    early, slower = reference_delay(_towards(scenario), time)
    return delay - early, rate - slower


def remaining_doppler(scenario: Scenario, time: float) -> float:
    """Doppler shift of the reference link [Hz] that a receiver takes off itself, knowing how the
    nodes move, because pre-compensation is for another one."""
    if is_compensated(scenario) or scenario.precompensation.mode == "none":
        return 0.0
    own, other = (_doppler(seen, time) for seen in (scenario, _towards(scenario)))
    return own - other


def _doppler(scenario: Scenario, time: float) -> float:
    nodes, speed = reference_link(scenario), scenario.propagation_speed
    return float(delay_and_doppler(nodes, time, carriers(scenario, nodes), speed=speed)[1])


def fed(scenario: Scenario, nodes: tuple[Motion, ...]) -> tuple[Motion, ...]:
    """A path from a satellite on, with the feeder before it if there is one."""
    return nodes if scenario.feeder is None else (scenario.feeder.motion, *nodes)


def carriers(scenario: Scenario, nodes: Sequence[Motion]) -> tuple[float, ...]:
    """Carrier frequency of each hop of a path [Hz]: the feeder link has its own."""
    own = (scenario.numerology.carrier_frequency,) * (len(nodes) - 1)
    return own if scenario.feeder is None else (scenario.feeder.carrier_frequency, *own[1:])


def timing_deviation(scenario: Scenario) -> float:
    """Standard deviation of the timing that delays are measured by [s]: none where a direct path is
    taken off, to which they are relative."""
    settings = scenario.synchronization
    return settings.timing_deviation if settings.removal == "none" else 0.0
