# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario implies: when frames are due, which paths they see, how strong, how accurate.

The clock of every stream starts at the scenario's epoch. `lead_in` samples of silence come
first; frame k then arrives over the reference link (transmitter to receiver, from the gateway on
where there is one) at sample lead_in + k * frame_period, give or take the timing-advance error.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import position_bound
from ..channel import Paths, SnapshotModel
from ..channel.fading import BlockFading, ShadowedRician
from ..channel.link_budget import absorption, direct_power, echo_power, thermal_noise
from ..channel.path import BlockGain
from ..dsp.stream import BLOCK, CHUNK
from ..estimation import direct_path_patterns
from ..geometry import (
    ANYWHERE,
    LinearMotion,
    Locus,
    Motion,
    carrier_cycles,
    delay_and_doppler,
    earth_between,
    range_and_rate,
)
from .kept import kept
from .model import Node, PathSettings, Scenario

__all__ = [
    "below_horizon",
    "bound",
    "carriers",
    "compensated_link",
    "directions",
    "ends",
    "first_arrival",
    "first_mark",
    "fix_time",
    "frame_time",
    "has_echo",
    "hidden",
    "is_compensated",
    "known_signature",
    "lead_in",
    "noise_power",
    "path_gains",
    "path_nodes",
    "path_target",
    "payload_model",
    "reference_delay",
    "reference_link",
    "remaining_delay",
    "remaining_doppler",
    "run_out",
    "snapshot_model",
    "timing_deviation",
    "true_calibration",
    "true_paths",
]


# When


@kept
def lead_in(scenario: Scenario) -> int:
    """Samples of silence before the first frame: as many as must be sent before they arrive, from
    any transmitter."""
    return max(
        _flight(_towards(scenario.at(transmitter=t)), 0) for t in scenario.nodes.transmitters
    )


def _towards(scenario: Scenario) -> Scenario:
    """The link that the transmitter's pre-compensation is for."""
    return scenario.at(receiver=scenario.precompensation.towards)


def run_out(scenario: Scenario, end: int) -> int:
    """Samples of silence after sample `end` of a stream that bring all before it through
    pre-compensation, channel and front end, which work in chunks."""
    return _flight(scenario, end) + (4 if scenario.front_end is None else 6) * CHUNK


def _flight(scenario: Scenario, sample: int) -> int:
    """Samples that the reference link takes at a sample, in whole blocks and two more."""
    time = sample / scenario.sample_rate
    delay, _ = reference_delay(scenario, time)
    return int(np.ceil(delay * scenario.sample_rate / BLOCK) + 2) * BLOCK


def first_arrival(scenario: Scenario) -> int:
    """Sample at which frame 0 is due at the receiver."""
    start = lead_in(scenario)
    if is_compensated(scenario):
        return start
    delay, _ = remaining_delay(scenario, start / scenario.sample_rate)
    return start + round(delay * scenario.sample_rate)


@kept
def first_mark(scenario: Scenario) -> int:
    """Sample at which tags at the receiver say that frame 0 begins: that of the transmitter whose
    frame comes first."""
    return min(first_arrival(scenario.at(transmitter=t)) for t in scenario.nodes.transmitters)


def frame_time(scenario: Scenario, frame: int) -> float:
    """When frame `frame` is due at the receiver, since the scenario's epoch [s]."""
    sample = first_arrival(scenario) + frame * scenario.numerology.frame_period
    return sample / scenario.sample_rate


def fix_time(scenario: Scenario, frame: int) -> float:
    """When what is measured in frame `frame` holds: the middle of its pilots [s]."""
    numerology = scenario.numerology
    middle = numerology.symbol_times[scenario.pilots.symbols].mean()
    middle += (numerology.prefixes[0] + numerology.fft_size / 2) / numerology.sample_rate
    return frame_time(scenario, frame) + float(middle)


# Where


def ends(scenario: Scenario) -> tuple[Motion, Motion]:
    """Transmitter and receiver, between which the target is seen."""
    return scenario.transmitter.motion, scenario.receiver.motion


def reference_link(scenario: Scenario) -> tuple[Motion, ...]:
    """The nodes of the path that residual delays and Doppler shifts refer to, and that the
    pre-compensation is for: from transmitter to receiver, behind the gateway if there is one."""
    return _fed(scenario, ends(scenario))


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


def _fed(scenario: Scenario, nodes: tuple[Motion, ...]) -> tuple[Motion, ...]:
    """A path from a satellite on, with the gateway before it if there is one."""
    return nodes if scenario.gateway is None else (scenario.gateway.motion, *nodes)


def carriers(scenario: Scenario, nodes: Sequence[Motion]) -> tuple[float, ...]:
    """Carrier frequency of each hop of a path [Hz]: the feeder link has its own."""
    own = (scenario.numerology.carrier_frequency,) * (len(nodes) - 1)
    return own if scenario.gateway is None else (scenario.gateway.carrier_frequency, *own[1:])


def _source(scenario: Scenario, path: PathSettings) -> Motion:
    """Where a path begins."""
    node = scenario.transmitter if path.source is None else scenario.satellites[path.source]
    return node.motion


def path_nodes(scenario: Scenario, path: PathSettings) -> tuple[Motion, ...]:
    """The nodes that a path visits, transmitter first, or the gateway and then the transmitter."""
    stops: list[Motion] = []
    if path.kind != "direct":
        stops.append(path_target(scenario, path).motion)
    if path.scatterer is not None:
        stops.append(LinearMotion(path.scatterer))
    return _fed(scenario, (_source(scenario, path), *stops, scenario.receiver.motion))


def path_target(scenario: Scenario, path: PathSettings) -> Node:
    """The target that a path comes from."""
    if path.target is not None:
        return scenario.targets[path.target]
    assert scenario.target is not None  # the loader has seen to it
    return scenario.target


FAR = 10e3
"""Legs of a path up to this length [m] lead along the ground, over what it looks like there."""


def hidden(
    scenario: Scenario, legs: Sequence[tuple[Motion, Motion]], time: float
) -> NDArray[np.bool_]:
    """(n,) whether the Earth stands in the way of legs of paths at a time [s], of those longer
    than `FAR`."""
    places = np.array([[node.state(time)[0] for node in leg] for leg in legs])
    far = np.linalg.norm(places[:, 1] - places[:, 0], axis=-1) > FAR
    return np.asarray(far & earth_between(places[:, 0], places[:, 1], scenario.origin))


def below_horizon(scenario: Scenario, frame: int) -> bool:
    """True if the Earth hides the transmitter from the receiver, or from the target where that is
    known, in frame `frame`."""
    legs = list(pairwise(reference_link(scenario)))
    if scenario.target is not None:
        transmitter, receiver = ends(scenario)
        legs += pairwise((transmitter, scenario.target.motion, receiver))
    return bool(np.any(hidden(scenario, legs, frame_time(scenario, frame))))


def known_signature(scenario: Scenario, frames: ArrayLike) -> NDArray[np.complex128]:
    """(K, Ms, Nrf) spatial signature of the reference link in frames (K,): what a receiver knows
    of a transmitter whose place it knows."""
    start, period = first_arrival(scenario), scenario.numerology.frame_period
    time = (start + np.asarray(frames) * period) / scenario.sample_rate
    return snapshot_model(scenario).response(*directions(scenario, reference_link(scenario), time))


@kept
def snapshot_model(scenario: Scenario) -> SnapshotModel:
    """The snapshot model that demodulated frames follow."""
    pilots, numerology = scenario.pilots, scenario.numerology
    frequencies = numerology.frequencies[pilots.subcarriers]
    return SnapshotModel(
        transmit_array=scenario.transmitter.array,
        receive_array=scenario.receiver.array,
        transmit_beams=scenario.transmit_beams[pilots.symbols],
        receive_beams=scenario.receive_beams[pilots.symbols],
        pilots=pilots.chains,
        symbol_times=numerology.symbol_times[pilots.symbols],
        frequencies=frequencies[0],
        coupling=scenario.coupling,
        offsets=frequencies[:, 0] - frequencies[0, 0],
    )


def payload_model(scenario: Scenario) -> SnapshotModel:
    """The snapshot model of all elements that the data's chains send, at unit amplitude.

    Raises:
        ValueError: the scenario has no payload.
    """
    if scenario.payload is None:
        raise ValueError(f"scenario '{scenario.name}' has no payload; give it a section `payload`")
    return SnapshotModel(
        transmit_array=scenario.transmitter.array,
        receive_array=scenario.receiver.array,
        transmit_beams=scenario.transmit_beams,
        receive_beams=scenario.receive_beams,
        pilots=scenario.payload.chains,
        symbol_times=scenario.numerology.symbol_times,
        frequencies=scenario.numerology.frequencies,
        coupling=scenario.coupling,
    )


def directions(scenario: Scenario, nodes: Sequence[Motion], time: ArrayLike) -> NDArray[np.float64]:
    """(2, ..., 2) spatial frequencies at which a path through `nodes` arrives at the receiver, and
    departs from the transmitter, at times (...) [s]."""
    places = [node.state(time)[0] for node in nodes]
    first = 0 if scenario.gateway is None else 1
    ways = places[-2] - places[-1], places[first + 1] - places[first]
    arrays = scenario.receiver.array, scenario.transmitter.array
    return np.array(
        [
            array.spatial_frequency(way / np.linalg.norm(way, axis=-1, keepdims=True))
            for array, way in zip(arrays, ways, strict=True)
        ]
    )


def true_calibration(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Nrf,) phases [rad] and delays [s] of the receive chains relative to the first, as the
    front end has them."""
    settings = scenario.front_end
    if settings is None:
        return np.zeros(scenario.chains), np.zeros(scenario.chains)
    phase, delay = np.array(settings.phase), np.array(settings.delay)
    return phase - phase[0], delay - delay[0]


# How strong


@kept
def path_gains(scenario: Scenario) -> tuple[complex | BlockGain, ...]:
    """Complex amplitude of each path, constant or as a function of frame numbers.

    Echo and scattered paths together bring unit mean power to a received element, which sets
    the level of the whole scene; the direct path stands above that by what the link budget or
    the scenario says. With several transmitters that holds for the first one's signal, and the
    levels of the others stand to it as the link budget says.
    """
    powers = _mean_powers(scenario)
    scale = _scale(scenario.level_link)
    fading = scenario.channel.fading
    gains: list[complex | BlockGain] = []
    for number, (path, power) in enumerate(zip(scenario.channel.paths, powers, strict=True)):
        constant = complex(scale * np.sqrt(power) * np.exp(1j * path.phase))
        if fading is None or path.kind == "direct":
            gains.append(constant)
            continue
        draw = fading.line_of_sight if path.kind == "echo" else fading.scattered
        purpose = f"fading of path {number}{_whose(scenario)}"
        seed = int(scenario.rng(purpose, scenario.channel.fading_seed).integers(2**63))
        gains.append(BlockFading(draw, seed, constant / np.sqrt(_fading_power(fading, path))))
    return tuple(gains)


def _scale(scenario: Scenario) -> float:
    """Amplitude of a path of unit mean power."""
    powers = _mean_powers(scenario) * _element_powers(scenario) * _wanted(scenario)
    return float(1 / np.sqrt(np.sum(powers)))


def _whose(scenario: Scenario) -> str:
    """What tells a link from the first one in the purpose of what is drawn, whatever the target."""
    first, link = scenario.links[0], scenario.link
    if link[:2] == first[:2]:
        return ""
    return f" from {link.transmitter} to {link.receiver}"


@kept
def noise_power(scenario: Scenario) -> float:
    """E|noise|^2 of a received element (and of a sample), zero without noise.

    The signal-to-noise ratio is that of echo and scattered paths together, of elements with pilots;
    the link budget's is that of the echo alone, all of its power being in those. With several
    transmitters it is that of the first one's signal.
    """
    scenario = scenario.level_link
    channel = scenario.channel
    if channel.snr is not None:
        return 1.0 / channel.snr
    if channel.noise_temperature is None:
        return 0.0
    numerology = scenario.numerology
    occupied = numerology.subcarriers if scenario.payload else scenario.pilots.occupancy
    bandwidth = occupied * numerology.subcarrier_spacing
    noise = thermal_noise(
        bandwidth, temperature=channel.noise_temperature, noise_factor=channel.noise_factor
    )
    if all(path.kind == "direct" for path in channel.paths):
        return float(noise / _received_power(scenario, "direct", scenario.transmitter.motion))
    # The scene is scaled so that echo and scattered paths have unit power together.
    powers = _mean_powers(scenario) * _element_powers(scenario) * _wanted(scenario)
    echoes = np.array([_is_the_echo(path) for path in channel.paths])
    share = np.sum(powers[echoes]) / np.sum(powers)
    return float(noise / _received_power(scenario, "echo", scenario.transmitter.motion) * share)


def has_echo(scenario: Scenario) -> bool:
    """True if there is an echo of the transmitter's signal off the target."""
    return any(_is_the_echo(path) for path in scenario.channel.paths)


def _is_the_echo(path: PathSettings) -> bool:
    return path.kind == "echo" and path.source is None and path.target is None


def _received_power(
    scenario: Scenario,
    kind: Literal["echo", "direct"],
    transmitter: Motion,
    target: Node | None = None,
) -> float:
    """What the link budget gives a receive chain over the echo off a target, by default the link's
    own, or over the direct path [W]."""
    link, numerology = scenario.channel.levels, scenario.numerology
    carrier, speed = numerology.carrier_frequency, scenario.propagation_speed
    stops = [transmitter, scenario.receiver.motion]
    if kind == "echo":
        target = target or scenario.target
        assert target is not None  # the loader has seen to it
        stops.insert(1, target.motion)
    legs = [float(range_and_rate(leg, 0.0)[0]) for leg in pairwise(stops)]
    transmittance = absorption(link.absorption)
    if kind == "direct":
        power = direct_power(
            link.eirp,
            link.receive_gain,
            legs[0],
            carrier,
            exponent=link.path_loss_exponent,
            transmittance=transmittance,
            speed=speed,
        )
    else:
        assert target is not None
        power = echo_power(
            link.eirp,
            link.receive_gain,
            (legs[0], legs[1]),
            carrier,
            link.rcs if target.rcs is None else target.rcs,
            exponents=(link.path_loss_exponent, link.path_loss_exponent),
            transmittance=transmittance,
            speed=speed,
        )
    return float(power)


def _mean_powers(scenario: Scenario) -> NDArray[np.float64]:
    """(L,) mean |gain|^2 of each path, one being that of an echo that does not fade: of the first
    transmitter, off the first target."""
    channel, level = scenario.channel, scenario.level_link
    powers = []
    for path in channel.paths:
        source = _source(scenario, path)
        if path.kind == "direct":
            power = path.relative_power
            if power is None and scenario.target is None:
                power = 1.0  # there is no echo that it could be compared with
            elif power is None:
                power = _received_power(scenario, "direct", source)
                power /= _received_power(level, "echo", level.transmitter.motion)
            powers.append(power)
            continue
        power, target = path.reflection_loss, path_target(scenario, path)
        if source is not level.transmitter.motion or target is not level.target:
            power *= _received_power(scenario, "echo", source, target)
            power /= _received_power(level, "echo", level.transmitter.motion)
        if channel.fading is not None:
            power *= _fading_power(channel.fading, path)
        if path.scatterer is not None:
            detour, _ = range_and_rate(path_nodes(scenario, path)[-3:], 0.0)
            straight, _ = range_and_rate([target.motion, scenario.receiver.motion], 0.0)
            power *= float(straight / detour) ** channel.levels.path_loss_exponent
        powers.append(power)
    return np.array(powers)


def _fading_power(fading: ShadowedRician, path: PathSettings) -> float:
    """Mean power of a fading path's gain: the echo is in line of sight, the others scattered."""
    return fading.line_of_sight_power if path.kind == "echo" else fading.scattered_power


def _element_powers(scenario: Scenario) -> NDArray[np.float64]:
    """(L,) mean power that each path of unit gain brings to a received element."""
    model = snapshot_model(scenario)
    nodes = [path_nodes(scenario, path) for path in scenario.channel.paths]
    places = np.array([directions(scenario, n, 0.0) for n in nodes])
    response = model.response(places[:, 0], places[:, 1])
    power = np.mean(np.abs(response) ** 2, axis=(1, 2))
    # Beside a payload pilots may be stronger or weaker than the average element.
    return power / (scenario.payload.pilot_amplitude**2 if scenario.payload else 1.0)


def _wanted(scenario: Scenario) -> NDArray[np.bool_]:
    """(L,) which paths count as signal: the transmitter's but the direct one, unless there are no
    such."""
    wanted = np.array(
        [path.kind != "direct" and path.source is None for path in scenario.channel.paths]
    )
    return wanted if np.any(wanted) else ~wanted


def timing_deviation(scenario: Scenario) -> float:
    """Standard deviation of the timing that delays are measured by [s]: none where a direct path is
    taken off, to which they are relative."""
    settings = scenario.synchronization
    return settings.timing_deviation if settings.removal == "none" else 0.0


# The truth


def true_paths(scenario: Scenario, frame: int, count: int | None = None) -> Paths:
    """The paths that frame `frame` sees, or the first `count` of them, the echo before the others;
    residuals as they will be measured.

    Gains are scaled as in the emulator, and include the carrier phase relative to the reference
    link at the frame's start.
    """
    paths = _true_paths(scenario, frame)
    return Paths(*(value[:count] for value in vars(paths).values()))


@kept
def _true_paths(scenario: Scenario, frame: int) -> Paths:
    time = frame_time(scenario, frame)
    settings = scenario.precompensation
    paths = sorted(
        zip(scenario.channel.paths, path_gains(scenario), strict=True),
        key=lambda path: not _is_the_echo(path[0]),
    )
    nodes = [path_nodes(scenario, path) for path, _ in paths]
    residual, doppler, cycles = np.array([_residuals(scenario, n, time) for n in nodes]).T
    gain = [g(np.array([frame]))[0] if callable(g) else g for _, g in paths]
    direction = np.array([directions(scenario, n, time) for n in nodes])
    turns = np.exp(-2j * np.pi * cycles)
    return Paths(
        # One by one: numpy rounds products of short complex arrays by where they lie in memory.
        gain=np.array([complex(g) * complex(turn) for g, turn in zip(gain, turns, strict=True)]),
        arrival=direction[:, 0],
        departure=direction[:, 1],
        delay=residual + settings.timing_advance_error,
        doppler=doppler + settings.doppler_error,
    )


def _residuals(
    scenario: Scenario, nodes: tuple[Motion, ...], time: float
) -> tuple[float, float, float]:
    """Delay [s], Doppler shift [Hz] and cycles of the carrier of a path through `nodes`, less those
    of the reference link as far as they are taken off: by the transmitter, or by a receiver that
    its pre-compensation is not for.

    What reaches one satellite at one time has come over the feeder link alike. So that link is left
    out there; at one time of arrival, as seen here, its motion would remain.
    """
    compensates = scenario.precompensation.mode != "none"
    reference = reference_link(scenario)
    elsewhere = compensates and not is_compensated(scenario)
    taken_off = compensated_link(scenario) if elsewhere else reference
    ways: tuple[tuple[Motion, ...], ...] = (nodes, reference, taken_off)
    hops: list[float | tuple[float, ...]] = [carriers(scenario, way) for way in ways]
    if compensates and scenario.gateway is not None and nodes[1] is reference[1]:
        ways = tuple(way[1:] for way in ways)
        hops = [scenario.numerology.carrier_frequency] * 3
    speed, each = scenario.propagation_speed, list(zip(ways, hops, strict=True))
    if taken_off is reference:
        each.pop()
    delay, doppler = np.array([delay_and_doppler(n, time, f, speed=speed) for n, f in each]).T
    cycles = [carrier_cycles(n, time, f, speed=speed)[0] for n, f in each]
    # What comes later was sent earlier, when less of the Doppler shift's phase had been taken off.
    early = doppler[-1] * (delay[0] - delay[-1]) if compensates else 0.0
    shift = doppler[0] - (doppler[1] if compensates else 0.0)
    return float(delay[0] - delay[1]), float(shift), float(cycles[0] - cycles[-1] - early)


def bound(
    scenario: Scenario,
    frame: int,
    *,
    known_height: bool | None = None,
    nuisance: bool = False,
    noise: float | None = None,
) -> float:
    """Cramer-Rao bound of the position's root mean square error in frame `frame` [m].

    NaN where there is no truth, no echo or no noise to compute it from.

    Args:
        known_height: the target's height is known, or nothing about its place; by default what the
            scenario says is known.
        nuisance: all other paths are unknown too, and of a direct path that is taken off what it
            brings to each symbol and chain. Without, the bound is that of the echo alone: looser,
            and valid for estimators that leave weak paths alone.
        noise: E|noise|^2 of a received element, instead of the scenario's.
    """
    power = noise_power(scenario) if noise is None else noise
    if scenario.target is None or not has_echo(scenario) or power == 0:
        return np.nan
    time = frame_time(scenario, frame)
    transmitter, receiver = (node.state(time)[0] for node in ends(scenario))
    position = scenario.target.motion.state(time)[0]
    known = scenario.known
    if known_height is not None:
        known = Locus.at_height(position[2]) if known_height else ANYWHERE
    model = snapshot_model(scenario)
    paths, patterns = true_paths(scenario, frame, None if nuisance else 1), None
    if nuisance and scenario.synchronization.removal == "direct-path":
        chosen = sorted(scenario.channel.paths, key=lambda path: not _is_the_echo(path))
        echoes = np.array([path.kind != "direct" for path in chosen])
        paths = Paths(*(value[echoes] for value in vars(paths).values()))
        patterns = direct_path_patterns(model)
    return position_bound(
        model,
        paths,
        power,
        transmitter=transmitter,
        receiver=receiver,
        position=position,
        known=known,
        speed=scenario.propagation_speed,
        nuisance=patterns,
        timing_deviation=timing_deviation(scenario),
    ).deviation
