# SPDX-License-Identifier: GPL-3.0-or-later
"""Truth of a scenario's frames, and bounds of how accurately it can be located."""

import numpy as np
from numpy.typing import NDArray

from ..bounds import position_bound
from ..channel import Paths
from ..estimation import direct_path_patterns
from ..geometry import (
    ANYWHERE,
    Locus,
    Motion,
    delay_doppler_cycles,
)
from .kept import kept, kept_for_link
from .levels import has_echo, is_the_echo, noise_power, path_gains
from .model import Scenario
from .routes import path_directions, path_nodes, snapshot_model
from .timing import (
    carriers,
    compensated_link,
    endpoints,
    frame_time,
    is_compensated,
    reference_link,
    timing_deviation,
)

__all__ = ["bound", "true_calibration", "true_paths"]


def true_calibration(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Nrf,) phases [rad] and delays [s] of the receive chains relative to the first, as the
    receiver impairments have them."""
    settings = scenario.front_end
    if settings is None:
        return np.zeros(scenario.receive_chains), np.zeros(scenario.receive_chains)
    phase, delay = np.array(settings.phase), np.array(settings.delay)
    return phase - phase[0], delay - delay[0]


def true_paths(scenario: Scenario, frame: int, count: int | None = None) -> Paths:
    """The paths that frame `frame` sees, or the first `count` of them, the echo before the others;
    residuals as they will be measured.

    Gains are scaled as in the emulator, and include the carrier phase relative to the reference
    link at the frame's start.

    Examples
    --------
    The echo is late by its bistatic range over the scene's speed of light.

    >>> from gnuradio.dislac.geometry import bistatic_range
    >>> from gnuradio.dislac.scenario import load_scenario
    >>> from gnuradio.dislac.scenario.truth import true_paths
    >>> scene = load_scenario("paper")
    >>> late = true_paths(scene, frame=0, count=1).delay[0]
    >>> excess = bistatic_range([100e3, 200e3, 300e3], [-50, 190, 100], [0, 0, 0])
    >>> f"{late * 1e6:.3f} us, {excess / 3e8 * 1e6:.3f} us"
    '1.296 us, 1.296 us'
    """
    paths = _true_paths(scenario, frame)
    return Paths(*(value[:count] for value in vars(paths).values()))


@kept
def _true_paths(scenario: Scenario, frame: int) -> Paths:
    time = frame_time(scenario, frame)
    settings = scenario.precompensation
    paths = sorted(
        zip(scenario.channel.paths, path_gains(scenario), strict=True),
        key=lambda path: not is_the_echo(path[0]),
    )
    nodes = [path_nodes(scenario, path) for path, _ in paths]
    residual, doppler, cycles = np.array([_residuals(scenario, n, time) for n in nodes]).T
    gain = [g(np.array([frame]))[0] if callable(g) else g for _, g in paths]
    arrival, departure = path_directions(scenario, nodes, time)
    turns = np.exp(-2j * np.pi * cycles)
    return Paths(
        # One by one: numpy rounds products of short complex arrays by where they lie in memory.
        gain=np.array([complex(g) * complex(turn) for g, turn in zip(gain, turns, strict=True)]),
        arrival=arrival,
        departure=departure,
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
    # Over the feeder link, or without it
    alike = compensates and scenario.feeder is not None and nodes[1] is scenario.transmitter.motion
    reference, taken_off = _references(scenario, time, bool(alike))
    delay, doppler, cycles = _over(scenario, nodes, time, bool(alike))
    # What comes later was sent earlier, when less of the Doppler shift's phase had been taken off.
    early = taken_off[1] * (delay - taken_off[0]) if compensates else 0.0
    shift = doppler - (reference[1] if compensates else 0.0)
    return delay - reference[0], shift, cycles - taken_off[2] - early


Parameters = tuple[float, float, float]


@kept_for_link
def _references(scenario: Scenario, time: float, alike: bool) -> tuple[Parameters, Parameters]:
    """Delay, Doppler shift and cycles of the reference link, and of what the transmitter takes
    off."""
    reference, taken_off = reference_link(scenario), compensated_link(scenario)
    first = _over(scenario, reference, time, alike)
    elsewhere = scenario.precompensation.mode != "none" and not is_compensated(scenario)
    return first, _over(scenario, taken_off, time, alike) if elsewhere else first


def _over(scenario: Scenario, nodes: tuple[Motion, ...], time: float, alike: bool) -> Parameters:
    """Delay [s], Doppler shift [Hz] and cycles of the carrier over a path, without the feeder link
    where that is `alike`."""
    hops: float | tuple[float, ...] = carriers(scenario, nodes)
    if alike:
        nodes, hops = nodes[1:], scenario.numerology.carrier_frequency
    found = delay_doppler_cycles(nodes, time, hops, speed=scenario.propagation_speed)
    return float(found[0]), float(found[1]), float(found[2])


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

    Parameters
    ----------
    known_height
        the target's height is known, or nothing about its place; by default what the scenario says
        is known.
    nuisance
        all other paths are unknown too, and of a direct path that is taken off what it brings to
        each symbol and chain. Without, the bound is that of the echo alone: looser, and valid for
        estimators that leave weak paths alone.
    noise
        E|noise|^2 of a received element, instead of the scenario's.

    Examples
    --------
    20 dB of signal to noise ratio make it ten times as small.

    >>> from gnuradio.dislac.scenario import load_scenario
    >>> from gnuradio.dislac.scenario.truth import bound
    >>> scene = load_scenario("paper")
    >>> f"{bound(scene, frame=0):.2f} m"
    '2.62 m'
    >>> f"{bound(scene.with_({'channel.noise.snr_db': 20}), frame=0):.3f} m"
    '0.262 m'
    """
    power = noise_power(scenario) if noise is None else noise
    if scenario.target is None or not has_echo(scenario) or power == 0:
        return np.nan
    time = frame_time(scenario, frame)
    transmitter, receiver = (node.state(time)[0] for node in endpoints(scenario))
    position = scenario.target.motion.state(time)[0]
    known = scenario.known
    if known_height is not None:
        known = Locus.at_height(position[2]) if known_height else ANYWHERE
    model = snapshot_model(scenario)
    paths, patterns = true_paths(scenario, frame, None if nuisance else 1), None
    if nuisance and scenario.synchronization.removal == "direct-path":
        chosen = sorted(scenario.channel.paths, key=lambda path: not is_the_echo(path))
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
