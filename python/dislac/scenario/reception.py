# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver of a scenario: impairments, frames out of streams, calibration, payload."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..channel import FrontEnd
from ..estimation import (
    Calibration,
    calibrate,
)
from ..geometry import delay_and_doppler
from ..synchronization import (
    DirectPathSynchronizer,
    Drift,
    Reference,
    Synchronizer,
    TaggedSynchronizer,
    TimedSynchronizer,
    aligned_grid,
    expected_grids,
)
from ..waveform import (
    Equalizer,
    PayloadReceiver,
)
from .about import about
from .emulation import emulator
from .kept import kept, kept_for_link
from .levels import noise_power
from .model import Scenario
from .routes import directions, known_response, snapshot_model
from .timing import (
    carriers,
    first_arrival,
    first_mark,
    flush,
    frame_time,
    is_compensated,
    preamble,
    reference_delay,
    reference_link,
    remaining_delay,
    remaining_doppler,
)
from .transmission import passband, payload, precompensator

__all__ = [
    "HELD",
    "calibration",
    "chain_factors",
    "direct_beams",
    "direct_path",
    "drift",
    "for_calibration",
    "frame_grid",
    "front_end",
    "path_beams",
    "payload_receiver",
    "received",
    "synchronizer",
]

HELD = 64
"""Frames for which what the link's motion changes slowly is worked out once: what its delay grows
a second, its Doppler shift, how chains hear it."""


@about("front_end")
def front_end(scenario: Scenario) -> FrontEnd | None:
    """Emulation of the receiver's impairments, None where it has none."""
    settings = scenario.front_end
    if settings is None:
        return None
    return FrontEnd(
        scenario.receive_chains,
        sample_rate=scenario.sample_rate,
        carrier_offset=settings.carrier_offset,
        clock_offset=settings.clock_offset,
        start_offset=settings.start_offset,
        phase=settings.phase,
        delay=settings.delay,
        passband=passband(scenario),
    )


def received(scenario: Scenario, sent: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Streams of the receive chains when samples (chains, n) are pre-compensated and emulated.

    (chains, n or more) samples; those that are on their way at the end come out too.
    """
    sent = np.pad(sent, ((0, 0), (0, flush(scenario, sent.shape[1]))))
    for stage in (precompensator(scenario), emulator(scenario), front_end(scenario)):
        if stage is not None:
            sent = stage.process(sent)
    return sent


@about("synchronization")
def synchronizer(scenario: Scenario) -> Synchronizer:
    """Synchronizer that finds frames in the receive chains' streams."""
    settings = scenario.synchronization
    if settings.reference == "tags":
        return TaggedSynchronizer(
            scenario.numerology,
            scenario.pilots,
            every=settings.every,
            later=first_arrival(scenario) - first_mark(scenario),
            drift=partial(drift, scenario),
        )
    if settings.reference == "time":
        return TimedSynchronizer(
            scenario.numerology,
            scenario.pilots,
            first=first_arrival(scenario),
            time_zero=settings.time_zero or 0.0,
            every=settings.every,
            drift=partial(drift, scenario),
        )
    dilation = partial(_dilation, scenario) if scenario.precompensation.mode == "frame" else None
    zero = None if settings.time_zero is None else (settings.time_zero, first_arrival(scenario))
    return DirectPathSynchronizer(
        partial(direct_path, scenario),
        scenario.pilots,
        carrier_window=partial(_carrier_window, scenario),
        every=settings.every,
        coast=settings.coast,
        dilation=dilation,
        zero=zero,
    )


def frame_grid(
    scenario: Scenario, samples: NDArray[np.complex64], frame: int
) -> NDArray[np.complex64]:
    """Resource grids (Nrf, Ms, Nsc) of the samples (Nrf, frame_length) of frame `frame`, which
    begin where it is due; its drift is taken off."""
    time, length = frame_time(scenario, frame), scenario.numerology.frame_length
    found = drift(scenario, frame).alignment(frame, 0, time, length)
    return aligned_grid(samples, found, scenario.numerology)


def drift(scenario: Scenario, frame: int) -> Drift:
    """Drift of frame `frame` from where it is due, as far as a receiver knows that.

    While the transmitter holds its advance for a frame, the reference link's delay goes on growing.
    And at a receiver that pre-compensation is not for, what is left of its own link remains.
    """
    mode = scenario.precompensation.mode
    dilation = _dilation(scenario, frame) if mode == "frame" else 0.0
    if mode == "none" or is_compensated(scenario):
        return Drift(dilation=dilation)
    numerology = scenario.numerology
    time = frame_time(scenario, frame) + numerology.frame_length / numerology.sample_rate / 2
    delay, growth = remaining_delay(scenario, time)
    offset = (first_arrival(scenario) - preamble(scenario)) / scenario.sample_rate
    return Drift(
        (delay - offset) * scenario.sample_rate,
        dilation if mode == "frame" else growth,
        remaining_doppler(scenario, time),
    )


def direct_path(scenario: Scenario, frame: int = 0) -> Reference:
    """Frames as the direct path brings them to the receive chains, about frame `frame`: within the
    `HELD` frames for which that is worked out once the ends hardly move."""
    return _direct_path(scenario, frame - frame % HELD)


@kept
def _direct_path(scenario: Scenario, frame: int) -> Reference:
    transmit, receive = direct_beams(scenario, frame)
    grids = expected_grids(scenario.pilots, transmit, receive, scenario.coupling)
    return Reference(scenario.numerology, grids, scenario.pilots.comb)


def direct_beams(
    scenario: Scenario, frame: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """(Ms, Nrf) what leaves each beam over the direct path, and (Ms, Nrf) what each chain receives
    of what arrives."""
    time = frame_time(scenario, frame)
    return path_beams(scenario, *directions(scenario, reference_link(scenario), time))


def path_beams(
    scenario: Scenario, arrival: NDArray[np.float64], departure: NDArray[np.float64]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """The same for any path."""
    receive = scenario.receiver.array.steering(arrival) @ scenario.receive_beams.conj()
    return scenario.transmitter.array.steering(departure) @ scenario.transmit_beams, receive


def _carrier_window(scenario: Scenario, frame: int) -> tuple[float, float]:
    """Window of the direct path's carrier about a frame [Hz]: the receiver's offset, and the
    Doppler shift where the transmitter does not take it off."""
    low, high = scenario.synchronization.carrier_window
    if scenario.precompensation.mode != "none":
        return low, high
    shift = _reference_doppler(scenario, frame - frame % HELD)
    return low + shift, high + shift


@kept_for_link
def _reference_doppler(scenario: Scenario, frame: int) -> float:
    link, time = reference_link(scenario), frame_time(scenario, frame)
    own = carriers(scenario, link)
    return float(delay_and_doppler(link, time, own, speed=scenario.propagation_speed)[1])


def _dilation(scenario: Scenario, frame: int) -> float:
    """By how much the reference link's delay grows a second: within a frame, for whose whole length
    the transmitter holds its advance."""
    return _delay_rate(scenario, frame - frame % HELD)


@kept_for_link
def _delay_rate(scenario: Scenario, frame: int) -> float:
    return float(reference_delay(scenario, frame_time(scenario, frame))[1])


def chain_factors(scenario: Scenario) -> NDArray[np.complex64] | None:
    """(Nrf, 1, Nsc) by which demodulated frames (Nrf, Ms, Nsc) are to be multiplied so that all
    chains are alike, None where nothing is known about them."""
    if scenario.calibration is None:
        return None
    factors = scenario.calibration.factors(scenario.numerology.frequencies)
    return factors[:, None].astype(np.complex64)


def for_calibration(scenario: Scenario, *, emulated: bool = False) -> Scenario:
    """The scenario as a calibration uses it: every frame, and no calibration yet.

    The direct path is never late: the middle of the prefix is where the symbols' edges, which ring
    in the chains' filters, are farthest from the transform window.

    Parameters
    ----------
    emulated
        over the direct path and nothing else, which takes the place of other paths: the noise is
        relative to it.
    """
    overrides: dict[str, object] = {
        "calibration": None,
        "estimator.every": 1,
        "numerology.window_advance": scenario.numerology.shortest_prefix // 2,
    }
    if emulated and any(path.kind != "direct" for path in scenario.channel.paths):
        overrides["channel.paths"] = [{"kind": "direct"}]
    return scenario.with_(overrides)


def calibration(
    scenario: Scenario, frames: NDArray[np.complex64], numbers: NDArray[np.int64]
) -> Calibration:
    """Calibration of the receive chains, from frames (K, Ms, Nsc, Nrf) with these numbers (K,) that
    have come from the transmitter directly.

    Raises
    ------
    CalibrationError
        there are too few, or too weak ones, or a chain is dead.
    """
    return calibrate(snapshot_model(scenario), frames, known_response(scenario, numbers))


@about("payload")
def payload_receiver(scenario: Scenario) -> PayloadReceiver:
    """Receiver that turns demodulated frames into blocks of bytes.

    Raises
    ------
    ValueError
        the scenario has no payload, or symbols without known elements whose beams differ from those
        of other symbols.
    """
    sent = payload(scenario)
    numerology = scenario.numerology
    beams = scenario.transmit_beams, scenario.receive_beams
    hopping = any(np.any(beams_of_end != beams_of_end[0]) for beams_of_end in beams)
    return PayloadReceiver(
        sent,
        Equalizer(
            sent.known_power,
            numerology.symbol_times,
            numerology.frequencies,
            delay_window=scenario.windows.delay,
            doppler_window=scenario.windows.doppler,
            noise_power=noise_power(scenario),
            hopping=hopping,
        ),
    )
