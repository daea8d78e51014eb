# SPDX-License-Identifier: GPL-3.0-or-later
"""Signal of a scenario's transmitter: frames of pilots and payload, pre-compensated."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..channel.precompensation import Precompensator
from ..dsp.delay import PASSBAND
from ..geometry import LinearMotion, delay_and_doppler
from ..waveform import (
    Payload,
    modulate,
)
from .about import about
from .model import Scenario
from .timing import carriers, compensated_link, preamble, reference_link

__all__ = [
    "occupied_band",
    "passband",
    "payload",
    "payload_frames",
    "pilot_frame",
    "precompensator",
]


def pilot_frame(scenario: Scenario, frame: int = 0) -> NDArray[np.complex64]:
    """Samples (Nrf, frame_length) that the transmit chains send in a frame, muted or not.

    They return after `scenario.pilots.cycle` frames.
    """
    return modulate(scenario.pilots.grid(frame), scenario.numerology)


def payload_frames(
    scenario: Scenario, blocks: NDArray[np.uint8], first: int = 0
) -> NDArray[np.complex64]:
    """Samples (Nrf, K, frame_length) of frames that carry blocks of bytes (K, block_size).

    Frame `first` carries the first of them.

    Raises
    ------
    ValueError
        the scenario has no payload.
    """
    sent, pilots = payload(scenario), scenario.pilots
    frames = first + np.arange(len(blocks))
    grid = sent.grid(sent.encode(blocks), frames).astype(np.complex64)
    streams = sent.chains.T[:, None, :, None].astype(np.complex64) * grid
    if not sent.shared:
        own = np.stack([pilots.grid(frame) for frame in range(pilots.cycle)], axis=1)
        streams += own[:, frames % pilots.cycle]
    return modulate(streams, scenario.numerology)


def payload(scenario: Scenario) -> Payload:
    """Payload that frames carry beside the pilots.

    Raises
    ------
    ValueError
        the scenario has no payload.
    """
    if scenario.payload is None:
        raise ValueError(f"scenario '{scenario.name}' has no payload; give it a section `payload`")
    return scenario.payload


@about("precompensation")
def precompensator(scenario: Scenario) -> Precompensator | None:
    """The transmitter's pre-compensation towards the receiver, None where the mode is none."""
    settings = scenario.precompensation
    if settings.mode == "none":
        return None
    link = compensated_link(scenario)
    return Precompensator(
        link,
        sample_rate=scenario.sample_rate,
        carrier_frequency=carriers(scenario, link),
        chains=scenario.transmit_chains,
        mode=settings.mode,
        frame_start=preamble(scenario),
        frame_period=scenario.numerology.frame_period,
        frame_length=scenario.numerology.frame_length,
        passband=passband(scenario),
        timing_advance_error=settings.timing_advance_error,
        doppler_error=settings.doppler_error,
        speed=scenario.propagation_speed,
    )


def passband(scenario: Scenario) -> float:
    """Band |f| / fs for which delays are exact: of samples that are handed in all that can be."""
    if scenario.own_pilots is None:
        return PASSBAND
    return min(occupied_band(scenario) / scenario.sample_rate, PASSBAND)


def occupied_band(scenario: Scenario) -> float:
    """Greatest |f| that frames occupy [Hz], the edge of a subcarrier and the Doppler included."""
    numerology = scenario.numerology
    edge = (
        np.abs(numerology.frequencies).max()
        + numerology.subcarrier_spacing
        + _largest_doppler(scenario)
    )
    return float(edge)


def _largest_doppler(scenario: Scenario) -> float:
    """Doppler shift on the reference link that is not exceeded [Hz].

    On a line it hardly changes. In orbit it does, and is less than the ends' speeds allow, which
    in the turning frame vary by some percent.
    """
    link, speed = reference_link(scenario), scenario.propagation_speed
    carrier = carriers(scenario, link)
    if all(isinstance(node, LinearMotion) for node in link):
        return float(abs(delay_and_doppler(link, 0.0, carrier, speed=speed)[1]))
    fastest = [np.linalg.norm(node.state(0.0)[1]) for node in link]
    hops = [f * (a + b) for f, (a, b) in zip(carrier, pairwise(fastest), strict=True)]
    return float(1.1 / speed * sum(hops))
