# SPDX-License-Identifier: GPL-3.0-or-later
"""From a scenario to the objects of the other rooms: the one place where they are put together."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from itertools import count, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import FrontEnd, Paths, SnapshotModel
from ..channel.emulator import ChannelEmulator
from ..channel.link import Frame, Link
from ..channel.network import NetworkEmulator
from ..channel.path import ChannelPath
from ..channel.precompensation import Precompensator, departure_delay
from ..channel.relay import RelayLink
from ..channel.schedule import BeamSchedule
from ..dsp.delay import PASSBAND
from ..dsp.noise import GaussianNoise, Noise, PooledNoise
from ..estimation import (
    ESTIMATORS,
    Calibration,
    DataAided,
    DirectPathMeter,
    DirectSignalCancellation,
    Estimate,
    Estimator,
    InterferenceCancellation,
    StaticCancellation,
    calibrate,
    direct_path_patterns,
    make_estimator,
)
from ..geometry import LinearMotion, delay_and_doppler
from ..positioning import BistaticLocator, Fix, FixStatus, assign, locate_targets
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
    Payload,
    PayloadReceiver,
    intercarrier_interference,
    intercarrier_leakage,
    intersymbol_leakage,
    modulate,
)
from .kept import kept
from .loader import ScenarioError
from .model import Scenario
from .truth import (
    below_horizon,
    bound,
    carriers,
    compensated_link,
    directions,
    ends,
    first_arrival,
    first_mark,
    fix_time,
    frame_time,
    is_compensated,
    known_signature,
    lead_in,
    noise_power,
    path_gains,
    path_nodes,
    payload_model,
    reference_delay,
    reference_link,
    remaining_delay,
    remaining_doppler,
    run_out,
    snapshot_model,
    timing_deviation,
)

__all__ = [
    "calibration",
    "chain_factors",
    "channel",
    "channel_noise",
    "data_aided_estimator",
    "direct_path",
    "drift",
    "emulator",
    "estimator",
    "fixes",
    "flight",
    "for_calibration",
    "frame_grid",
    "frame_marks",
    "front_end",
    "link",
    "locate",
    "locator",
    "network_emulator",
    "noise",
    "occupied_band",
    "payload",
    "payload_frames",
    "payload_receiver",
    "pilot_frame",
    "precompensator",
    "received",
    "relay_link",
    "synchronizer",
]

HELD = 64
"""Frames for which what the link's motion changes slowly is worked out once: what its delay grows
a second, its Doppler shift, how chains hear it."""


_T = TypeVar("_T")


def _about(key: str) -> Callable[[Callable[[Scenario], _T]], Callable[[Scenario], _T]]:
    """Make errors of what is made of a scenario name a key, and where it stands."""

    def decorate(make: Callable[[Scenario], _T]) -> Callable[[Scenario], _T]:
        @wraps(make)
        def call(scenario: Scenario) -> _T:
            try:
                return make(scenario)
            except ScenarioError:
                raise
            except (ValueError, ArithmeticError) as error:
                raise scenario.document.error(key, str(error)) from error

        return call

    return decorate


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


@_about("precompensation")
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
    """Band |f| / fs for which delays are exact."""
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


# The channel


@_about("channel")
def emulator(scenario: Scenario) -> ChannelEmulator:
    """The channel between the transmit chains and the receive chains of one link."""
    return _emulator(scenario, noise(scenario))


def channel(scenario: Scenario) -> ChannelEmulator | NetworkEmulator:
    """The channel between all transmitters and receivers."""
    alone = len(scenario.nodes.transmitters) == len(scenario.nodes.receivers) == 1
    return emulator(scenario) if alone else network_emulator(scenario)


def channel_noise(scenario: Scenario) -> Any:
    """What the `noise` of that channel is: one source, or one of each receiver."""
    if len(scenario.nodes.transmitters) == len(scenario.nodes.receivers) == 1:
        return noise(scenario)
    return [noise(scenario.at(receiver=name)) for name in scenario.nodes.receivers]


def frame_marks(scenario: Scenario, sent: int, due: int | None) -> list[tuple[int, int]]:
    """Output stream of the channel, and the sample there, at which each receiver gets a frame.

    Args:
        sent: sample at which the frame begins at the first transmitter.
        due: sample at which it is due at the receiver that pre-compensation is for; None without.
    """
    marks = []
    for number, receiver in enumerate(scenario.nodes.receivers):
        seen = scenario.at(receiver=receiver)
        at = sent + flight(seen, sent) if due is None else due
        if due is not None:
            at += first_mark(seen) - lead_in(seen)
        marks.append((number * seen.chains, at))
    return marks


@_about("channel")
def network_emulator(scenario: Scenario) -> NetworkEmulator:
    """The channel between the transmit chains of all transmitters, one after another, and the
    receive chains of all receivers."""
    seen = {
        (k, n): scenario.at(transmitter, receiver)
        for k, transmitter in enumerate(scenario.nodes.transmitters)
        for n, receiver in enumerate(scenario.nodes.receivers)
    }
    receivers = range(len(scenario.nodes.receivers))
    return NetworkEmulator(
        {numbers: _emulator(each, None) for numbers, each in seen.items()},
        transmitters=[seen[k, 0].chains for k in range(len(scenario.nodes.transmitters))],
        receivers=[seen[0, n].chains for n in receivers],
        noise=[noise(seen[0, n]) for n in receivers],
    )


def _emulator(scenario: Scenario, noise: Noise | None) -> ChannelEmulator:
    numerology = scenario.numerology
    advance = precompensator(scenario)
    sent, received = (
        BeamSchedule(beams, numerology.symbol_lengths, numerology.frame_period, start)
        for beams, start in (
            (scenario.transmit_beams, lead_in(scenario)),
            (scenario.receive_beams, first_arrival(scenario.level_link)),
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
        noise=noise,
        passband=_passband(scenario),
        speed=scenario.propagation_speed,
    )


def noise(scenario: Scenario) -> Noise | None:
    """The receive chains' noise, None where there is none."""
    power, seed = noise_power(scenario), scenario.seed
    if not scenario.first_receiver:
        seed = int(scenario.rng(f"noise of {scenario.link.receiver}").integers(2**63))
    make_noise = PooledNoise if scenario.channel.noise_pool else GaussianNoise
    return None if power == 0 else make_noise(scenario.chains, power, seed)


def link(scenario: Scenario, frames: int = 0) -> Link:
    """Pilot frames, pre-compensated, through the channel; as many as asked for, 0 for no end."""
    waveforms = [pilot_frame(scenario, k) for k in range(scenario.pilots.cycle)]
    first, period = lead_in(scenario), scenario.numerology.frame_period
    transmitter, late = precompensator(scenario), first_arrival(scenario) - first

    def train() -> Iterator[Frame]:
        for k in range(frames) if frames else count():
            if scenario.pilots.sends(k):
                start = first + k * period
                due = start + (flight(scenario, start) if transmitter is None else late)
                yield Frame(k, start, due, waveforms[k % len(waveforms)])

    end = first + frames * period
    end += run_out(scenario, end)
    return Link(train(), end if frames else None, transmitter, emulator(scenario))


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
    gateway is, or in the satellite, UE where the receiver is.

    Args:
        sample_rate: of those streams [Hz].
        uplink: from UE to gNB.
        carrier_frequency: [Hz] on all hops, 0 for no Doppler shift; None: as the scenario says.
        noise_power: of each received sample.

    Raises:
        StreamError: a rate is impossible.
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


# The receiver


@_about("front_end")
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


@_about("synchronization")
def synchronizer(scenario: Scenario) -> Synchronizer:
    """What finds frames in the receive chains' streams."""
    settings = scenario.synchronization
    if settings.reference == "tags":
        return TaggedSynchronizer(
            scenario.numerology,
            scenario.pilots,
            every=scenario.estimator.every,
            later=first_arrival(scenario) - first_mark(scenario),
            drift=partial(drift, scenario),
        )
    if settings.reference == "time":
        return TimedSynchronizer(
            scenario.numerology,
            scenario.pilots,
            first=first_arrival(scenario),
            time_zero=settings.time_zero or 0.0,
            every=scenario.estimator.every,
            drift=partial(drift, scenario),
        )
    stretch = partial(_stretch, scenario) if scenario.precompensation.mode == "frame" else None
    zero = None if settings.time_zero is None else (settings.time_zero, first_arrival(scenario))
    return DirectPathSynchronizer(
        partial(direct_path, scenario),
        scenario.pilots,
        carrier_window=partial(_carrier_window, scenario),
        every=scenario.estimator.every,
        coast=settings.coast,
        stretch=stretch,
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
    """What frame `frame` does beside beginning where it is due, as far as a receiver knows that.

    While the transmitter holds its advance for a frame, the reference link's delay goes on growing.
    And at a receiver that pre-compensation is not for, what is left of its own link remains.
    """
    mode = scenario.precompensation.mode
    stretch = _stretch(scenario, frame) if mode == "frame" else 0.0
    if mode == "none" or is_compensated(scenario):
        return Drift(stretch=stretch)
    numerology = scenario.numerology
    time = frame_time(scenario, frame) + numerology.frame_length / numerology.sample_rate / 2
    delay, growth = remaining_delay(scenario, time)
    offset = (first_arrival(scenario) - lead_in(scenario)) / scenario.sample_rate
    return Drift(
        (delay - offset) * scenario.sample_rate,
        stretch if mode == "frame" else growth,
        remaining_doppler(scenario, time),
    )


def direct_path(scenario: Scenario, frame: int = 0) -> Reference:
    """Frames as the direct path brings them to the receive chains, about frame `frame`: within the
    `HELD` frames for which that is worked out once the ends hardly move."""
    return _direct_path(scenario, frame - frame % HELD)


@kept
def _direct_path(scenario: Scenario, frame: int) -> Reference:
    transmit, receive = _direct_beams(scenario, frame)
    grids = expected_grids(scenario.pilots, transmit, receive, scenario.coupling)
    return Reference(scenario.numerology, grids, scenario.pilots.comb)


def _direct_beams(
    scenario: Scenario, frame: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """(Ms, Nrf) what leaves each beam over the direct path, and (Ms, Nrf) what each chain receives
    of what arrives."""
    time = frame_time(scenario, frame)
    return _beams(scenario, *directions(scenario, reference_link(scenario), time))


def _beams(
    scenario: Scenario, arrival: NDArray[np.float64], departure: NDArray[np.float64]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """The same for any path."""
    receive = scenario.receiver.array.steering(arrival) @ scenario.receive_beams.conj()
    return scenario.transmitter.array.steering(departure) @ scenario.transmit_beams, receive


def _carrier_window(scenario: Scenario, frame: int) -> tuple[float, float]:
    """Where the direct path's carrier may lie about a frame [Hz]: the receiver's offset, and the
    Doppler shift where the transmitter does not take it off."""
    low, high = scenario.synchronization.carrier_window
    if scenario.precompensation.mode != "none":
        return low, high
    shift = _doppler(scenario, frame - frame % HELD)
    return low + shift, high + shift


@kept
def _doppler(scenario: Scenario, frame: int) -> float:
    link, time = reference_link(scenario), frame_time(scenario, frame)
    own = carriers(scenario, link)
    return float(delay_and_doppler(link, time, own, speed=scenario.propagation_speed)[1])


def _stretch(scenario: Scenario, frame: int) -> float:
    """By how much the reference link's delay grows a second: within a frame, for whose whole length
    the transmitter holds its advance."""
    return _delay_rate(scenario, frame - frame % HELD)


@kept
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

    Args:
        emulated: over the direct path and nothing else, which takes the place of other paths: the
            noise is relative to it.
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
    """What the receive chains do, from frames (K, Ms, Nsc, Nrf) with these numbers (K,) that have
    come from the transmitter directly.

    Raises:
        CalibrationError: there are too few, or too weak ones, or a chain is dead.
    """
    return calibrate(snapshot_model(scenario), frames, known_signature(scenario, numbers))


@_about("estimator")
def estimator(scenario: Scenario) -> Estimator:
    """The estimator that the scenario chooses, behind direct-signal cancellation if there is to be
    any."""
    model, settings = snapshot_model(scenario), scenario.synchronization
    if settings.removal == "none":
        return _strong_paths_too(scenario, _estimator(scenario, model))
    numerology = scenario.numerology
    # Where the next symbol begins, and where the one before ends.
    least = -numerology.window_advance / numerology.sample_rate
    most = least + numerology.shortest_prefix / numerology.sample_rate
    meter = DirectPathMeter(model, (least, most), scenario.estimator.doppler_window)
    response = partial(_direct_response, scenario)
    if settings.removal == "static":
        chosen = _estimator(scenario, model)
        return StaticCancellation(chosen, meter, response, settings.memory)
    patterns = direct_path_patterns(model)
    chosen = _strong_paths_too(scenario, _estimator(scenario, model, patterns), patterns)
    return DirectSignalCancellation(
        chosen, meter, response, partial(_leaks, scenario), settings.timing_deviation
    )


def _direct_response(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    """(Ms, Nrf) of the direct path in a frame: linear between every `HELD` frames."""
    past = frame % HELD
    before = _direct_response_at(scenario, frame - past)
    if not past:
        return before
    return before + past / HELD * (_direct_response_at(scenario, frame - past + HELD) - before)


@kept
def _direct_response_at(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    return np.asarray(known_signature(scenario, [frame])[0])


RINGING = 4
"""Samples of ringing that are fitted at the edges of the direct path's symbols, in as many of a
frame's dimensions, or twice as many."""

FRAME_PER_RINGING = 128
"""Elements that a frame has for each of those, at least: they take some of an echo with them."""


def _leaks(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    """(K, Ms, Nrf, Nsc) what of the direct path may leak from subcarrier to subcarrier, as it is
    shifted in frequency, and ring into the windows before its symbols."""
    return _leaks_at(scenario, frame - frame % HELD, frame % scenario.pilots.cycle)


@kept
def _leaks_at(scenario: Scenario, frame: int, pilots: int) -> NDArray[np.complex128]:
    model, numerology = snapshot_model(scenario), scenario.numerology
    count = min(RINGING, int(np.prod(model.shape)) // FRAME_PER_RINGING)
    if scenario.payload is not None or not count:
        symbols, subcarriers, chains = model.shape
        return np.zeros((0, symbols, chains, subcarriers), complex)  # the next symbol is not known
    transmit, receive = _direct_beams(scenario, frame)
    gapless = numerology.frame_period < numerology.frame_length + numerology.window_advance + count
    grids = [scenario.pilots.grid(k).astype(complex) for k in (pilots, pilots + 1)]
    # Filters before and behind the transmit beams, which switch from symbol to symbol, ring.
    before, behind = (
        [grid if first else grid * transmit.T[:, :, None] for grid in grids] for first in (1, 0)
    )
    kinds = [(behind, receive), (before, transmit * receive)]
    if scenario.coupling == "physical":
        kinds = [([np.sum(g, axis=0, keepdims=True) for g in behind], receive)]
    # A shift is the same for all subcarriers; a delay that drifts shifts each by its frequency.
    shifted = np.ones(numerology.subcarriers, complex), numerology.frequencies + 0j
    leaks = [
        intercarrier_leakage(kinds[0][0][0] * each, numerology) * receive.T[:, :, None]
        for each in shifted
    ]
    for sent, gains in kinds[: 1 + bool(np.any(transmit != transmit[0]))]:
        for early in numerology.window_advance + 1 + np.arange(count):
            leaked = intersymbol_leakage(
                sent[0], numerology, int(early), sent[1] if gapless else None
            )
            leaks.append(leaked * gains.T[:, :, None])
    frames = [scenario.pilots.descramble(leak, pilots) for leak in leaks]
    return np.ascontiguousarray(np.swapaxes(frames, 2, 3), dtype=complex)


EDGE = 8
"""Samples at the beginning of transform windows that may be left out: as long as the emulator's
filters ring where half of the sample rate is in use. They take some of an echo with them."""

SUBCARRIERS_PER_EDGE = 10
"""Subcarriers that there are for each of those, at least."""


def _strong_paths_too(
    scenario: Scenario, chosen: Estimator, nuisance: NDArray[np.float64] | None = None
) -> Estimator:
    """An estimator that interference does not bend, where it is one that reaches the bound."""
    if not ESTIMATORS[scenario.estimator.kind].reaches_bound:
        return chosen
    leak, edges = partial(_interference, scenario), partial(_edges, scenario)
    spacing = scenario.numerology.subcarrier_spacing
    return InterferenceCancellation(chosen, leak, edges, spacing, nuisance)


def _interference(scenario: Scenario, paths: Paths, frame: int) -> NDArray[np.complex128]:
    """(R, Nq, Nrf) what Doppler takes from subcarrier to subcarrier of paths in a frame."""
    numerology, pilots = scenario.numerology, scenario.pilots
    grid = pilots.grid(frame).astype(complex)
    total = np.zeros(grid.shape, complex)
    for arrival, departure, gain, delay, doppler in zip(
        paths.arrival, paths.departure, paths.gain, paths.delay, paths.doppler, strict=True
    ):
        transmit, receive = _beams(scenario, arrival, departure)
        sent = grid * transmit.T[:, :, None]
        if scenario.coupling == "physical":
            sent = sent.sum(axis=0, keepdims=True)
        tone = gain * np.exp(-2j * np.pi * delay * numerology.frequencies)
        turn = np.exp(2j * np.pi * doppler * numerology.symbol_times)
        shifted = intercarrier_interference(sent * tone, numerology, float(doppler))
        total += shifted * (receive.T * turn)[:, :, None]
    return np.asarray(pilots.descramble(total, frame), dtype=complex)


def _edges(scenario: Scenario, frame: int) -> NDArray[np.complex128]:
    """(R, Nq, K) what each of the first samples of a transform window is in a frame."""
    numerology, pilots = scenario.numerology, scenario.pilots
    scrambling = pilots.scrambling[frame % pilots.cycle]
    count = min(EDGE, scrambling.shape[1] // SUBCARRIERS_PER_EDGE)
    time = (np.arange(count) - numerology.window_advance) / numerology.sample_rate
    frequencies = numerology.frequencies[pilots.subcarriers][..., None]
    return np.asarray(scrambling.conj()[..., None] * np.exp(-2j * np.pi * frequencies * time))


def _estimator(
    scenario: Scenario, model: SnapshotModel, nuisance: NDArray[np.float64] | None = None
) -> Estimator:
    settings = scenario.estimator
    departure = None
    if ESTIMATORS[settings.kind].needs_departure and scenario.coupling == "physical":
        # Seen from a satellite, the target lies where the receiver lies.
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
        nuisance=nuisance,
    )


def data_aided_estimator(scenario: Scenario, sent: Callable[[int], ArrayLike]) -> DataAided:
    """The scenario's estimator, from all of a frame that is known; see `Payload.grid`.

    Args:
        sent: frame number -> (Ms, Nsc), what was sent; zero where that is not known.

    Raises:
        ValueError: the scenario has no payload, or a direct path that is to be taken off.
    """
    if scenario.synchronization.removal != "none":
        raise ValueError(
            "what is data-aided takes no direct path off; leave that path out, with the overrides "
            "ECHO_ALONE, or set synchronization.removal to none"
        )
    return DataAided(_estimator(scenario, payload_model(scenario)), sent)


@_about("payload")
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


@kept
def locator(scenario: Scenario) -> BistaticLocator:
    """What turns arrival and residual delay into a position."""
    transmitter, receiver = ends(scenario)
    return BistaticLocator(
        transmitter=transmitter,
        receiver=receiver,
        receive_array=scenario.receiver.array,
        speed=scenario.propagation_speed,
        below=scenario.target_below,
        known=scenario.known,
    )


def fixes(scenario: Scenario, estimate: Estimate, frame: int) -> list[Fix]:
    """The fixes that an estimate of frame `frame` gives: one for each target.

    Which is whose is known where the truth is: there each is the nearest target's, for evaluation,
    and a target without a fix has one without a position. Their bounds count all paths as unknown.
    """
    names, link = list(scenario.nodes.targets), (scenario.link.transmitter, scenario.link.receiver)
    if len(names) < 2:
        fix = locate(scenario, estimate, frame)
        return [fix] if len(scenario.links) == 1 else [replace(fix, links=(link,))]
    time = fix_time(scenario, frame)
    seen = {name: scenario.at(target=name) for name in names}
    truths = {}
    for name, each in seen.items():
        assert each.target is not None
        truths[name] = each.target.motion.state(time)[0]
    if any(below_horizon(each, frame) for each in seen.values()):
        found = [Fix(frame, time, FixStatus.BELOW_HORIZON)]
    else:
        deviation = timing_deviation(scenario)
        found = locate_targets(
            locator(scenario),
            estimate,
            len(names),
            link=link,
            frame=frame,
            time=time,
            timing_deviation=deviation,
        )
    made, missed = assign(found, truths, np.inf)
    status = next((fix.status for fix in made if not fix.valid), FixStatus.NO_DETECTION)
    made = [fix for fix in made if fix.valid]
    made += [Fix(frame, time, status, target=name, links=(link,)) for name in missed]
    return [
        replace(fix, bound=bound(seen[fix.target], frame, nuisance=True))
        for fix in sorted(made, key=lambda fix: names.index(fix.target))
    ]


def locate(scenario: Scenario, estimate: Estimate, frame: int, limit: float | None = None) -> Fix:
    """The fix that an estimate of frame `frame` gives, error and bound beside it; the bound's
    deviation [m] may be given where it is known."""
    time = fix_time(scenario, frame)
    if limit is None:
        limit = bound(scenario, frame)
    if below_horizon(scenario, frame):
        return Fix(frame=frame, time=time, status=FixStatus.BELOW_HORIZON, bound=limit)
    return locate_targets(
        locator(scenario),
        estimate,
        frame=frame,
        time=time,
        timing_deviation=timing_deviation(scenario),
        truth=None if scenario.target is None else scenario.target.motion.state(time)[0],
        bound=limit,
    )[0]
