# SPDX-License-Identifier: GPL-3.0-or-later
"""From a scenario to the objects of the other rooms: the one place where they are put together."""

from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..channel import FrontEnd, SnapshotModel
from ..channel.emulator import ChannelEmulator
from ..channel.path import ChannelPath
from ..channel.precompensation import Precompensator
from ..channel.schedule import BeamSchedule
from ..dsp.delay import PASSBAND
from ..dsp.noise import GaussianNoise, PooledNoise
from ..estimation import (
    DataAided,
    DirectPathRemoval,
    Estimate,
    Estimator,
    WithoutDirectPath,
    make_estimator,
)
from ..geometry import LinearMotion, delay_and_doppler, range_and_rate
from ..positioning import BistaticLocator, Fix, FixStatus
from ..synchronization import (
    DirectPathFrames,
    Reference,
    Synchronizer,
    TimedFrames,
    expected_grids,
)
from ..waveform import Equalizer, Payload, PayloadReceiver, modulate
from .model import Scenario
from .truth import (
    bound,
    carriers,
    directions,
    ends,
    first_arrival,
    frame_time,
    lead_in,
    noise_power,
    path_gains,
    path_nodes,
    payload_model,
    reference_link,
    run_out,
    snapshot_model,
)

__all__ = [
    "data_aided_estimator",
    "direct_path",
    "emulator",
    "estimator",
    "front_end",
    "locate",
    "locator",
    "payload",
    "payload_frames",
    "payload_receiver",
    "pilot_frame",
    "precompensator",
    "received",
    "synchronizer",
]


# The transmitter


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

    Raises:
        ValueError: the scenario has no payload.
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
    """What frames carry beside the pilots.

    Raises:
        ValueError: the scenario has no payload.
    """
    if scenario.payload is None:
        raise ValueError(f"scenario '{scenario.name}' has no payload; give it a section `payload`")
    return scenario.payload


def precompensator(scenario: Scenario) -> Precompensator | None:
    """The transmitter's pre-compensation towards the receiver, None where the mode is none."""
    settings = scenario.precompensation
    if settings.mode == "none":
        return None
    link = reference_link(scenario)
    return Precompensator(
        link,
        sample_rate=scenario.sample_rate,
        carrier_frequency=carriers(scenario, link),
        chains=scenario.chains,
        mode=settings.mode,
        frame_start=lead_in(scenario),
        frame_period=scenario.numerology.frame_period,
        frame_length=scenario.numerology.frame_length,
        passband=_passband(scenario),
        timing_advance_error=settings.timing_advance_error,
        doppler_error=settings.doppler_error,
        speed=scenario.propagation_speed,
    )


def _passband(scenario: Scenario) -> float:
    """Band |f| / fs that the pilots occupy, the edge of a subcarrier and the Doppler included."""
    numerology = scenario.numerology
    edge = (
        np.abs(numerology.frequencies).max()
        + numerology.subcarrier_spacing
        + _largest_doppler(scenario)
    )
    return min(float(edge) / scenario.sample_rate, PASSBAND)


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


# The channel


def emulator(scenario: Scenario) -> ChannelEmulator:
    """The channel between the transmit chains and the receive chains."""
    numerology = scenario.numerology
    power = noise_power(scenario)
    make_noise = PooledNoise if scenario.channel.noise_pool else GaussianNoise
    advance = precompensator(scenario)
    sent, received = (
        BeamSchedule(beams, numerology.symbol_lengths, numerology.frame_period, start)
        for beams, start in (
            (scenario.transmit_beams, lead_in(scenario)),
            (scenario.receive_beams, first_arrival(scenario)),
        )
    )
    paths = []
    for path, gain in zip(scenario.channel.paths, path_gains(scenario), strict=True):
        nodes = path_nodes(scenario, path)
        if scenario.gateway is None:
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
        noise=None if power == 0 else make_noise(scenario.chains, power, scenario.seed),
        passband=_passband(scenario),
        speed=scenario.propagation_speed,
    )


# The receiver


def front_end(scenario: Scenario) -> FrontEnd | None:
    """What the receiver's front end does to the receive chains, None where it is perfect."""
    settings = scenario.front_end
    if settings is None:
        return None
    return FrontEnd(
        scenario.chains,
        sample_rate=scenario.sample_rate,
        carrier_offset=settings.carrier_offset,
        clock_offset=settings.clock_offset,
        start_offset=settings.start_offset,
        phase=settings.phase,
        delay=settings.delay,
        passband=_passband(scenario),
    )


def received(scenario: Scenario, sent: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """What the receive chains get of samples (chains, n) that are pre-compensated and emulated.

    (chains, n or more) samples; those that are on their way at the end come out too.
    """
    sent = np.pad(sent, ((0, 0), (0, run_out(scenario, sent.shape[1]))))
    for stage in (precompensator(scenario), emulator(scenario), front_end(scenario)):
        if stage is not None:
            sent = stage.process(sent)
    return sent


def synchronizer(scenario: Scenario) -> Synchronizer | None:
    """What finds frames in the receive chains' streams; None where tags say where they are."""
    settings = scenario.synchronization
    if settings.reference == "tags":
        return None
    if settings.reference == "time":
        return TimedFrames(
            scenario.numerology,
            scenario.pilots,
            first=first_arrival(scenario),
            time_zero=settings.time_zero or 0.0,
            every=scenario.estimator.every,
        )
    zero = None if settings.time_zero is None else (settings.time_zero, first_arrival(scenario))
    shift = 0.0
    if scenario.precompensation.mode == "none":
        link, time = reference_link(scenario), frame_time(scenario, 0)
        own = carriers(scenario, link)
        shift = float(delay_and_doppler(link, time, own, speed=scenario.propagation_speed)[1])
    low, high = settings.carrier_window
    return DirectPathFrames(
        direct_path(scenario),
        scenario.pilots,
        carrier_window=(low + shift, high + shift),
        every=scenario.estimator.every,
        coast=settings.coast,
        stretch=partial(_stretch, scenario) if scenario.precompensation.mode == "frame" else None,
        zero=zero,
    )


def direct_path(scenario: Scenario) -> Reference:
    """Frames as the direct path brings them to the receive chains."""
    numerology, pilots = scenario.numerology, scenario.pilots
    arrival, departure = directions(scenario, reference_link(scenario), frame_time(scenario, 0))
    heard = scenario.receiver.array.steering(arrival)
    sent = scenario.transmitter.array.steering(departure).conj()
    receive = np.einsum("mai,a->mi", scenario.receive_beams.conj(), heard)
    transmit = np.einsum("a,mai->mi", sent, scenario.transmit_beams)
    grids = expected_grids(pilots, transmit, receive, scenario.coupling)
    return Reference(numerology, grids)


def _stretch(scenario: Scenario, frame: int) -> float:
    """By how much the reference link's delay grows a second: within a frame, for whose whole length
    the transmitter holds its advance."""
    _, rate = range_and_rate(reference_link(scenario), frame_time(scenario, frame))
    return float(rate) / scenario.propagation_speed


def estimator(scenario: Scenario) -> Estimator:
    """The estimator that the scenario chooses, behind the removal of the direct path if there is
    to be one."""
    model, settings = snapshot_model(scenario), scenario.synchronization
    chosen = _estimator(scenario, model)
    if settings.removal == "none":
        return chosen
    static = settings.removal == "static"
    return WithoutDirectPath(
        chosen, DirectPathRemoval(model, memory=settings.memory, static=static)
    )


def _estimator(scenario: Scenario, model: SnapshotModel) -> Estimator:
    settings = scenario.estimator
    departure = None
    if settings.kind == "mmv-bomp" and scenario.coupling == "physical":
        # Algorithm 1 cannot tell departures then; seen from a satellite, the target lies where
        # the receiver lies.
        departure = directions(scenario, reference_link(scenario), 0.0)[1]
    return make_estimator(
        settings.kind,
        model,
        grid_points=settings.grid_points,
        max_paths=settings.max_paths,
        false_alarm_rate=settings.false_alarm_rate,
        delay_window=settings.delay_window,
        doppler_window=settings.doppler_window,
        reference_departure=departure,
    )


def data_aided_estimator(scenario: Scenario) -> DataAided:
    """The scenario's estimator, from all of a frame that is known; see `Payload.grid`.

    Raises:
        ValueError: the scenario has no payload.
    """
    return DataAided(_estimator(scenario, payload_model(scenario)))


def payload_receiver(scenario: Scenario) -> PayloadReceiver:
    """What turns demodulated frames into blocks of bytes.

    Raises:
        ValueError: the scenario has no payload, or symbols without known elements whose beams
            differ from those of other symbols.
    """
    sent = payload(scenario)
    numerology, settings = scenario.numerology, scenario.estimator
    beams = scenario.transmit_beams, scenario.receive_beams
    hopping = any(np.any(beams_of_end != beams_of_end[0]) for beams_of_end in beams)
    return PayloadReceiver(
        sent,
        Equalizer(
            sent.known_power,
            numerology.symbol_times,
            numerology.frequencies,
            delay_window=settings.delay_window,
            doppler_window=settings.doppler_window,
            noise_power=noise_power(scenario),
            hopping=hopping,
        ),
    )


@lru_cache(maxsize=16)
def locator(scenario: Scenario) -> BistaticLocator:
    """What turns arrival and residual delay into a position."""
    transmitter, receiver = ends(scenario)
    return BistaticLocator(
        transmitter=transmitter,
        receiver=receiver,
        receive_array=scenario.receiver.array,
        speed=scenario.propagation_speed,
        below=scenario.target_below,
        height=scenario.known_height,
    )


def locate(scenario: Scenario, estimate: Estimate, frame: int) -> Fix:
    """The fix that an estimate of frame `frame` gives, error and bound beside it."""
    time = frame_time(scenario, frame)
    limit = bound(scenario, frame)
    if not estimate.detected:
        return Fix(frame=frame, time=time, status=FixStatus.NO_DETECTION, bound=limit)
    covariance = None
    if estimate.covariance is not None:
        covariance = estimate.covariance[0][np.ix_(_MEASURED, _MEASURED)]
        # What a linear array does not measure is known: the target lies across it.
        array = scenario.receiver.array
        unmeasured = [axis for axis, size in enumerate((array.nx, array.ny)) if size == 1]
        covariance[unmeasured] = covariance[:, unmeasured] = 0.0
    return locator(scenario).locate(
        estimate.paths.arrival[0],
        float(estimate.paths.delay[0]),
        covariance,
        doppler=float(estimate.paths.doppler[0]),
        frame=frame,
        time=time,
        truth=None if scenario.target is None else scenario.target.motion.state(time)[0],
        bound=limit,
    )


_MEASURED = (0, 1, 4)  # arrival x, arrival y and delay among the parameters of a path
