# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of a scenario's paths, and of the noise."""

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..channel.fading import BlockFading, ShadowedRician
from ..channel.link_budget import absorption, direct_power, echo_power, thermal_noise
from ..channel.path import BlockGain
from ..geometry import (
    Motion,
    range_and_rate,
)
from .kept import kept
from .model import Node, PathSettings, Scenario
from .routes import path_directions, path_nodes, path_source, path_target, snapshot_model

__all__ = ["has_echo", "is_the_echo", "noise_power", "path_gains"]


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
    """Ending of the purpose of a draw for another link than the first, whatever the target."""
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
    echoes = np.array([is_the_echo(path) for path in channel.paths])
    share = np.sum(powers[echoes]) / np.sum(powers)
    return float(noise / _received_power(scenario, "echo", scenario.transmitter.motion) * share)


def has_echo(scenario: Scenario) -> bool:
    """True if there is an echo of the transmitter's signal off the target."""
    return any(is_the_echo(path) for path in scenario.channel.paths)


def is_the_echo(path: PathSettings) -> bool:
    """True for the echo of the transmitter's signal off the link's target."""
    return path.kind == "echo" and path.source is None and path.target is None


def _received_power(
    scenario: Scenario,
    kind: Literal["echo", "direct"],
    transmitter: Motion,
    target: Node | None = None,
) -> float:
    """Power that the link budget gives a receive chain over the echo off a target, by default the
    link's own, or over the direct path [W]."""
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


@kept
def _mean_powers(scenario: Scenario) -> NDArray[np.float64]:
    """(L,) mean |gain|^2 of each path, one being that of an echo that does not fade: of the first
    transmitter, off the first target."""
    channel, level = scenario.channel, scenario.level_link
    powers = []
    for path in channel.paths:
        source = path_source(scenario, path)
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
    response = model.response(*path_directions(scenario, nodes, 0.0))
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
