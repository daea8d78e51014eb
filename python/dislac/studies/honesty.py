# SPDX-License-Identifier: GPL-3.0-or-later
"""Can a fix be trusted? Statuses, consistency and availability over random scenes.

A scene is a scenario drawn at random: arrays, beams, numerology, levels, places and speeds. Its
frames are made here from element positions in metres and lengths of paths; beams, pilots and
numerology are the scenario's, and so are the estimator and the locator under test. Each element
at position p hears a plane wave from the direction u with the phase 2 pi p.u fc / c, and a path
shifts subcarrier n at time t by -(fc + f_n) times its delay then, less what the transmitter takes
off. Doppler shifts leak from subcarrier to subcarrier. Arrays are narrow-band, and symbols are cut
from their prefixes without intersymbol interference; with ``--samples`` frames come through the
scenario's own chain of samples instead, with all that it does to them.

A direct path's timing error, up to 100 ns, is constant in a scene, and unknown to it. Without a
direct path the error is drawn for each frame, with the standard deviation that the scenario states.
In some scenes there are things of which the scenario says nothing: a second target that reflects
as strongly, a foreign satellite's direct path, a narrow-band tone, or a burst of noise.

Counted are, in cells of signal-to-noise ratio, with and without direct path, of one path or more:

- what became of frames;
- the normalized estimation error squared (NEES) of ``ok`` fixes, e^T C^+ e with the error e and the
  covariance C that the fix states, times 3 over the rank of C: 3 if C is right; how many lie within
  the ellipsoid of 95 %; and how many beyond 5 sigma, which 1.5e-5 of right ones do. Of two targets
  the one counts that the fix is nearer to in that sense. The truth is taken at the fix's time;
- availability: how many frames are ``ok`` of those of which it can be asked (`cause`): the
  satellite is above the horizon; all paths lie within the prefix less the window's advance, and
  the echo's Doppler shift within half a symbol rate and a tenth of the subcarrier spacing, beyond
  which intercarrier interference is no longer small; the echo's integrated signal-to-noise ratio
  (symbols x subcarriers x chains x ratio per element, interferers being noise) is 3 dB or more
  above that at which the estimator's statistic just reaches its threshold; and the Cramer-Rao
  bound, all paths and the timing being unknown and interferers noise, is below 10 m.

The signal-to-noise ratio is that of echoes and scattered paths together, per received element.
Scenes are numbered, and each has a seed of its own: any number of workers gives the same tables.
Run with ``python -m gnuradio.dislac.studies.honesty``.
"""

import csv
import json
import time as clock
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from ..bounds import path_covariance, position_bound
from ..channel import Paths
from ..estimation import Estimate
from ..positioning import Fix, FixStatus
from ..scenario import Scenario, load_scenario
from ..scenario.build import estimator, locate
from ..scenario.truth import frame_time, snapshot_model
from .fidelity import received_frames

__all__ = ["CELLS", "Cell", "Scene", "cause", "consistency", "draw", "observe", "study", "tables"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Track = Callable[[Any], Floats]
"""From times (...) to positions (..., 3)."""

C = 299792458.0
EARTH = 6371e3
"""Radius of the Earth [m]."""
STEP = 1e-3
"""Of the differences that give the rate of a delay [s]."""
BEYOND = float(chi2.sf(25.0, 3))
"""Probability of an error beyond 5 sigma in three dimensions."""
WITHIN = 0.95
MARGIN = 10**0.3
"""By how much an echo must exceed what is just detected, before its absence counts."""
USEFUL = 10.0
"""Greatest bound of a frame of which a fix is expected [m]."""
INTERCARRIER = 0.1
"""Greatest Doppler shift over the subcarrier spacing of such a frame."""
SILENT = 0.1
"""Part of the scenes with less than `AUDIBLE` integrated signal-to-noise ratio that is kept."""
AUDIBLE = 10**1.2


@dataclass(frozen=True)
class Cell:
    """One kind of scenes: signal-to-noise ratios [dB], direct path or not, one path or several."""

    low: float
    high: float
    direct: bool
    several: bool

    def __str__(self) -> str:
        paths = "several paths" if self.several else "one path"
        return (
            f"{self.low:.0f} to {self.high:.0f} dB, {'direct' if self.direct else 'alone'}, {paths}"
        )


EDGES = (-15, -10, 0, 10, 20, 30, 40)
CELLS = tuple(Cell(*e, d, s) for e, d, s in product(pairwise(EDGES), (False, True), (False, True)))


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene: what the scenario says of it, and what it does not.

    Args:
        overrides: of the scenario ``paper``.
        timing: (K,) error of each frame's timing [s].
        second: (3,) where a second target is at time zero, which moves as the first; or None.
        foreign: overrides of another satellite's scenario, or None.
        tone: power of a narrow-band interferer over the noise's, or None.
        burst: that of a burst of noise in some symbols, or None.
    """

    overrides: Mapping[str, Any]
    timing: Floats
    second: Floats | None
    foreign: Mapping[str, Any] | None
    tone: float | None
    burst: float | None


# Scenes


def draw(cell: Cell, frames: int, rng: np.random.Generator, *, samples: bool = False) -> Scene:
    """A random scene of a kind, with that many frames.

    Args:
        samples: a scene that the scenario describes completely but for interferers and foreign
            satellites: no second target, and one timing error.
    """
    snr_db = rng.uniform(cell.low, cell.high)
    numbers = _numbers(rng)
    while _integrated(numbers, snr_db) < AUDIBLE and rng.uniform() > SILENT:
        numbers = _numbers(rng)
    fft_size, spacing = numbers["numerology.fft_size"], numbers["numerology.subcarrier_spacing"]
    prefix = numbers["numerology.cyclic_prefix"]
    usable = prefix - -(-prefix // (4 if cell.direct else 16))
    latest = C * usable / (fft_size * spacing)
    places, target, receiver, degrees = _places(rng, latest)
    numbers["nodes.receiver.array"] |= {"orientation_deg": degrees.tolist()}
    several = int(rng.integers(1, 4)) if cell.several else 0
    second = None
    if several and not samples and rng.uniform() < 0.4:
        several -= 1
        second = _beside(target, receiver, degrees, places["locator.side"], rng)
    paths: list[dict[str, Any]] = [{"kind": "echo"}]
    for _ in range(several):
        place = rng.uniform(np.minimum(target, receiver), np.maximum(target, receiver))
        loss = float(rng.uniform(3, 12))
        paths.append({"kind": "scattered", "position": place.tolist(), "reflection_loss_db": loss})
    if cell.direct:
        paths.append({"kind": "direct", "relative_power_db": float(rng.uniform(20, 45))})
    known = several + (second is not None) + 1
    overrides = {
        "seed": int(rng.integers(1, 2**31)),
        "propagation_speed": C,
        **numbers,
        **places,
        "channel.paths": paths,
        "channel.noise.snr_db": float(snr_db),
        "precompensation.mode": str(rng.choice(["time-varying", "frame"])),
        "precompensation.doppler_error_hz": float(
            rng.normal(0, 1e-9 * numbers["numerology.carrier_frequency"])
        ),
        "estimator.max_paths": known + int(rng.integers(0, 2)) * (1 if cell.several else 2),
    }
    deviation = 0.0
    if cell.direct:
        timing = np.full(frames, rng.uniform(0, 100e-9))
    else:
        deviation = float(10 ** rng.uniform(0, 1.7)) if rng.uniform() < 0.5 else 0.0
        timing = rng.normal(0, 1e-9 * deviation, 1 if samples else frames) * np.ones(frames)
    array = numbers["nodes.receiver.array"]
    planar = array["nx"] > 1 and array["ny"] > 1
    if rng.uniform() < (0.15 if planar else 0.67):
        overrides["locator.known_height_m"] = float(target[2])
    if deviation:
        overrides["synchronization.timing_deviation_ns"] = deviation
    if samples:
        overrides["precompensation.timing_advance_error_ns"] = float(1e9 * timing[0])
    foreign = None
    if rng.uniform() < 0.1:
        other = {"seed": int(rng.integers(1, 2**31))}
        foreign = other if rng.uniform() < 0.5 else {"pilots.user": int(rng.integers(1, 4))}
    tone, burst = (float(10 ** rng.uniform(0, 3)) if rng.uniform() < 0.05 else None for _ in "ab")
    return Scene(overrides, timing, second, foreign, tone, burst)


def _numbers(rng: np.random.Generator) -> dict[str, Any]:
    """Numerology, pilots, beams and arrays."""
    subcarriers = int(rng.choice([24, 32, 48, 64, 96, 128]))
    fft_size = 1 << int(np.ceil(np.log2(1.25 * subcarriers)))
    prefix = int(fft_size * rng.choice([0.125, 0.25, 0.5]))
    symbols = int(rng.choice([1, 2, 4, 8, 16, 32]))
    spacing = float(rng.choice([30e3, 60e3, 120e3, 240e3]))
    kind = str(rng.choice(["random-phase", "element"], p=[0.9, 0.1]))
    if kind == "element":
        nx, ny = (int(n) for n in rng.integers(2, 5, 2))
        receive = transmit = nx, ny
        chains = nx * ny
    else:
        chains = int(rng.choice([1, 2, 4, 8, 16]))
        receive = _array(rng)
        size = rng.integers(1, 9, 2)
        transmit = int(size[0]), int(size[1])
    length = symbols * (fft_size + prefix)
    return {
        "numerology.carrier_frequency": float(2e9 * 14 ** rng.uniform()),
        "numerology.subcarrier_spacing": spacing,
        "numerology.fft_size": fft_size,
        "numerology.cyclic_prefix": prefix,
        "numerology.subcarriers": subcarriers,
        "numerology.symbols": symbols,
        "numerology.frame_period": max(length, int(1e-3 * fft_size * spacing)),
        "pilots.kind": str(rng.choice(["zadoff-chu", "walsh-hadamard", "random-phase"])),
        "beams.chains": chains,
        "beams.kind": kind,
        "beams.coupling": str(rng.choice(["paired", "physical"])),
        "nodes.receiver.array": dict(zip(("nx", "ny"), receive, strict=True)),
        "nodes.transmitter.array": dict(zip(("nx", "ny"), transmit, strict=True)),
    }


def _array(rng: np.random.Generator) -> tuple[int, int]:
    """Elements of a receive array along its axes: planar, linear, or a single one."""
    nx, ny = (int(n) for n in rng.integers(2, 9, 2))
    return [(nx, ny), (nx, 1), (1, ny), (1, 1)][rng.choice(4, p=[0.8, 0.08, 0.08, 0.04])]


def _integrated(numbers: Mapping[str, Any], snr_db: float) -> float:
    keys = "numerology.symbols", "numerology.subcarriers", "beams.chains"
    return float(np.prod([numbers[key] for key in keys]) * 10 ** (snr_db / 10))


def _places(
    rng: np.random.Generator, latest: float
) -> tuple[dict[str, Any], Floats, Floats, Floats]:
    """Overrides of nodes and locator, where target and receiver are, and how the array is turned.

    Args:
        latest: detour of the latest echo that the prefix allows [m]; a few echoes are later.
    """
    satellite, velocity = _satellite(rng)
    side = str(rng.choice(["below", "above"], p=[0.85, 0.15]))
    longest = latest * rng.choice([0.9, 1.3], p=[0.95, 0.05])
    while True:
        degrees = np.zeros(3)
        if rng.uniform() < 0.65:
            degrees = rng.uniform([-180, -80, -30], [180, 80, 30])
        receiver = np.append(rng.uniform(-50, 50, 2), rng.uniform(5, 150))
        distance, azimuth = 15 * 27 ** rng.uniform(), rng.uniform(0, 2 * np.pi)
        height = 0.0 if rng.uniform() < 0.6 else rng.uniform(0, 1.5 * receiver[2])
        target = np.append(
            receiver[:2] + distance * np.array([np.cos(azimuth), np.sin(azimuth)]), height
        )
        detour = np.linalg.norm(target - satellite) + np.linalg.norm(receiver - target)
        detour -= np.linalg.norm(receiver - satellite)
        if 3.0 < detour < longest and _visible(target, receiver, degrees, side):
            break
    course = rng.uniform(0, 2 * np.pi)
    speed = 300 * rng.uniform() ** 2
    motion = np.array([speed * np.cos(course), speed * np.sin(course), 0.0])
    overrides: dict[str, Any] = {
        "nodes.transmitter.position": satellite.tolist(),
        "nodes.transmitter.velocity": velocity.tolist(),
        "nodes.receiver.position": receiver.tolist(),
        "nodes.target.position": target.tolist(),
        "nodes.target.velocity": motion.tolist(),
        "locator.side": side,
    }
    return overrides, target, receiver, degrees


def _visible(target: Floats, receiver: Floats, degrees: Floats, side: str) -> bool:
    """Whether a target is on the side of the receive array where it should be, and not nearly in
    its plane."""
    z = ((target - receiver) @ turn(degrees))[2] / np.linalg.norm(target - receiver)
    return bool((z if side == "above" else -z) > 0.1)


def _satellite(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Position and velocity in a low orbit, a few below the horizon."""
    elevation = np.radians(rng.uniform(5, 90) if rng.uniform() < 0.96 else rng.uniform(-30, -1))
    azimuth, altitude = rng.uniform(0, 2 * np.pi), rng.uniform(300e3, 1200e3)
    up = EARTH * np.sin(elevation)
    distance = np.sqrt(up**2 + 2 * EARTH * altitude + altitude**2) - up
    level = np.cos(elevation) * np.array([np.cos(azimuth), np.sin(azimuth)])
    position = distance * np.append(level, np.sin(elevation))
    outward = np.add(position, [0.0, 0.0, EARTH])
    heading = np.cross(outward, rng.standard_normal(3))
    return position, 7.5e3 * heading / np.linalg.norm(heading)


def _beside(
    target: Floats, receiver: Floats, degrees: Floats, side: str, rng: np.random.Generator
) -> Floats:
    """Another target 15 m to 60 m away, on the same side of the receive array."""
    while True:
        way = rng.standard_normal(3) * [1.0, 1.0, 0.3]
        place = target + rng.uniform(15, 60) * way / np.linalg.norm(way)
        if _visible(place, receiver, degrees, side):
            return np.asarray(place)


def turn(degrees: Sequence[float] | Floats) -> Floats:
    """Matrix (3, 3) from body to scene: yaw about z, then pitch about y, then roll about x."""
    (cz, cy, cx), (sz, sy, sx) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    yaw = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    pitch = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    roll = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return np.asarray(yaw @ pitch @ roll)


# Frames


@dataclass(frozen=True, eq=False)
class View:
    """One frame, and what is true of it.

    Args:
        frame: (Ms, Nsc, Nrf) as the demodulator gives it, scrambling taken off.
        paths: of the transmitter's signal, the echo first, then a second target's, as
            `position_bound` takes them.
        direct: how many of those are direct, last.
        noise: power of noise and interferers per element.
        lead: by how much windows begin early [s].
    """

    frame: Complex
    paths: Paths
    direct: int
    noise: float


def observe(
    scene: Scene, scenario: Scenario, rng: np.random.Generator, *, samples: bool = False
) -> Iterator[View]:
    """The frames of a scene, each with new noise and new phases of what is not direct."""
    tracks = _tracks(scene)
    given = received_frames(scenario, len(scene.timing)) if samples else None
    intruders = _intruders(scene, scenario, rng)
    noise = 10 ** (-scene.overrides["channel.noise.snr_db"] / 10)
    amplitude, scale = _amplitudes(scene, tracks), 0.0
    for index, late in enumerate(scene.timing):
        parts, paths = _signal(scene, scenario, tracks, index, late)
        if not index:
            powers = amplitude**2 * np.mean(np.abs(parts) ** 2, axis=(1, 2, 3))
            direct = sum(path["kind"] == "direct" for path in scene.overrides["channel.paths"])
            scale = 1 / np.sqrt(np.sum(powers[: len(powers) - direct]))
            echo = scale**2 * powers[0]
        phases = np.exp(2j * np.pi * rng.uniform(size=len(parts)))
        phases[len(parts) - direct :] = 1.0
        gain = scale * amplitude * phases
        if given is None:
            frame = np.tensordot(gain, parts, 1) + np.sqrt(noise) * normal(rng, parts.shape[1:])
        else:
            frame = given[index].astype(complex)
        added = [part for make in intruders for part in make(rng, noise, echo)]
        frame = sum(added, frame) * (1.0 if samples else _steadied(scenario, tracks[-1], index))
        power = noise + sum(float(np.mean(np.abs(part) ** 2)) for part in added)
        size = scenario.receiver.array.size * scenario.transmitter.array.size
        paths = Paths(gain * np.sqrt(size), *(value for value in list(vars(paths).values())[1:]))
        yield View(frame.astype(np.complex64), paths, direct, power)


def _steadied(scenario: Scenario, reference: Sequence[Track], index: int) -> Complex:
    """(Ms, Nsc, 1) what the demodulator multiplies a frame by: where the advance is held, the
    reference way grows from symbol to symbol, which it takes off."""
    if scenario.precompensation.mode != "frame":
        return np.ones((1, 1, 1), complex)
    times, middle = _times(scenario, index)
    grown = (_length(reference, times) - _length(reference, middle)) / C
    turns = np.outer(grown, scenario.numerology.frequencies)
    return np.asarray(np.exp(2j * np.pi * turns)[..., None])


def _times(scenario: Scenario, index: int) -> tuple[Floats, float]:
    """Middles (Ms,) of a frame's transform windows, and of the frame [s]."""
    numerology = scenario.numerology
    begin, rate = frame_time(scenario, index), numerology.sample_rate
    windows = numerology.symbol_starts + numerology.prefixes - numerology.window_advance
    times = begin + (windows + numerology.fft_size / 2) / rate
    return times, begin + numerology.frame_length / rate / 2


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex:
    """Circular Gaussian numbers of unit power."""
    return np.asarray(rng.standard_normal((*shape, 2)) @ [1, 1j] / np.sqrt(2))


def _line(position: Sequence[float] | Floats, velocity: Sequence[float] | Floats) -> Track:
    return lambda t: np.asarray(position) + np.multiply.outer(t, np.asarray(velocity, dtype=float))


def _tracks(scene: Scene) -> list[list[Track]]:
    """What each path visits from transmitter to receiver: the echo's, a second target's, those of
    scattered and direct paths, and the direct way once more."""
    say = scene.overrides
    still = np.zeros(3)
    satellite = _line(say["nodes.transmitter.position"], say["nodes.transmitter.velocity"])
    receiver = _line(say["nodes.receiver.position"], still)
    target = _line(say["nodes.target.position"], say["nodes.target.velocity"])
    between = [[target]]
    if scene.second is not None:
        between.append([_line(scene.second, say["nodes.target.velocity"])])
    for path in say["channel.paths"][1:]:
        scattered = path["kind"] == "scattered"
        between.append([target, _line(path["position"], still)] if scattered else [])
    return [[satellite, *stops, receiver] for stops in [*between, []]]


def _length(stops: Iterable[Track], t: Any) -> Floats:
    """Length [m] of the way over all stops at times t."""
    places = [stop(t) for stop in stops]
    return np.asarray(sum(np.linalg.norm(b - a, axis=-1) for a, b in pairwise(places)))


def _amplitudes(scene: Scene, tracks: Sequence[Sequence[Track]]) -> Floats:
    """Of each path relative to the echo."""
    count = 1 if scene.second is None else 2
    amplitudes = [1.0] * count
    straight = _length(tracks[0][1:], 0.0)
    for path, stops in zip(scene.overrides["channel.paths"][1:], tracks[count:], strict=False):
        if path["kind"] == "direct":
            amplitudes.append(10 ** (path["relative_power_db"] / 20))
        else:
            detour = _length(stops[1:], 0.0)
            amplitudes.append(10 ** (-path["reflection_loss_db"] / 20) * float(straight / detour))
    return np.array(amplitudes)


def _signal(
    scene: Scene, scenario: Scenario, tracks: list[list[Track]], index: int, late: float
) -> tuple[Complex, Paths]:
    """(L, Ms, Nsc, Nrf) what each path brings at unit amplitude, and the paths."""
    numerology, say = scenario.numerology, scene.overrides
    carrier = numerology.carrier_frequency
    times, middle = _times(scenario, index)
    half = 0.5 / numerology.subcarrier_spacing
    steady = say["precompensation.mode"] == "frame"
    *ways, reference = tracks
    parts, found = [], []
    for stops in ways:

        def residual(t: Any, stops: Sequence[Track] = stops) -> tuple[Floats, Floats]:
            delay, cycles = _residual(stops, reference, t, carrier, middle if steady else None)
            drift = say["precompensation.doppler_error_hz"] * (np.asarray(t) - middle)
            return delay + late, cycles - drift

        delay, cycles = residual(times)
        before, after = (residual(middle + side)[1] for side in (-half, half))
        arrival, departure = _directions(stops, middle)
        doppler = float(before - after) / (2 * half)
        response = _response(scenario, scenario, arrival, departure, say)
        parts.append(_received(scenario, scenario, response, delay, cycles, doppler))
        found.append(
            (
                scenario.receiver.array.spatial_frequency(arrival),
                scenario.transmitter.array.spatial_frequency(departure),
                float(residual(middle)[0]),
                doppler,
            )
        )
    fields = (np.array(values) for values in zip(*found, strict=True))
    return np.array(parts), Paths(np.ones(len(parts), complex), *fields)


def _residual(
    stops: Sequence[Track],
    reference: Sequence[Track],
    t: Any,
    carrier: float,
    middle: float | None,
) -> tuple[Floats, Floats]:
    """Delay [s] of a path and cycles by which its carrier is behind at times t, beyond what the
    transmitter takes off: what the reference way adds to what would leave at the same moment, at
    all times, or with the delay and the rate of `middle`."""

    def flight(when: Any) -> Floats:
        return _length(reference, when) / C

    delay = _length(stops, t) / C
    due = t - (delay - flight(t))  # when what comes at t over the path came over the reference
    for _ in range(2):
        due = t - (delay - flight(due))
    if middle is None:
        advance = cycles = flight(due)
    else:
        advance = flight(middle)
        slope = (flight(middle + STEP) - flight(middle - STEP)) / (2 * STEP)
        # What leaves later by one second comes later by 1 / (1 - slope).
        cycles = advance + slope / (1 - slope) * (t - delay + advance - middle)
    return delay - advance, carrier * (delay - cycles)


def _directions(stops: Sequence[Track], t: float) -> tuple[Floats, Floats]:
    """Unit vectors from the receiver to where a path comes from, and from the transmitter to where
    it goes."""
    places = [stop(t) for stop in stops]
    ways = places[-2] - places[-1], places[1] - places[0]
    arrival, departure = (way / np.linalg.norm(way) for way in ways)
    return arrival, departure


def _response(
    scenario: Scenario,
    source: Scenario,
    arrival: Floats,
    departure: Floats,
    say: Mapping[str, Any],
) -> Complex:
    """(Ms, Nrf) a plane wave of the source's transmitter in the receive chains."""
    heard = np.einsum(
        "mai,a->mi", scenario.receive_beams.conj(), _elements(say, "receiver", arrival)
    )
    leaving = _elements(say, "transmitter", departure)
    sent = np.einsum("mai,a,mi->mi", source.transmit_beams, leaving, source.pilots.chains)
    if source.coupling == "physical":
        sent = sent.sum(axis=1, keepdims=True)
    return np.asarray(heard * sent)


def _elements(say: Mapping[str, Any], node: str, direction: Floats) -> Complex:
    """(N,) phase factors of a node's elements, half a wavelength apart, to a wave from or towards a
    direction in the scene."""
    array = say[f"nodes.{node}.array"]
    carrier = say["numerology.carrier_frequency"]
    x, y = np.divmod(np.arange(array["nx"] * array["ny"]), array["ny"])
    places = C / carrier / 2 * np.column_stack([x, y, np.zeros(len(x))])
    places = places @ turn(array.get("orientation_deg", (0, 0, 0))).T
    return np.asarray(np.exp(2j * np.pi * carrier / C * (places @ direction)))


def _received(
    scenario: Scenario,
    source: Scenario,
    response: Complex,
    delay: Floats,
    cycles: Floats,
    doppler: float,
) -> Complex:
    """(Ms, Nsc, Nrf) a path in a frame, of a source whose scrambling may be another."""
    numerology = scenario.numerology
    frequencies = numerology.frequencies
    shift = doppler / numerology.subcarrier_spacing
    # The window begins early, which the demodulator takes off each of its bins.
    early = numerology.window_advance / numerology.sample_rate
    late = np.exp(-2j * np.pi * np.outer(delay + early, frequencies))
    spectrum = source.pilots.scrambling[0] * late
    spectrum = spectrum @ _leakage(numerology.fft_size, len(frequencies), shift)
    spectrum *= scenario.pilots.scrambling[0].conj() * np.exp(2j * np.pi * early * frequencies)
    turned = response * np.exp(-2j * np.pi * cycles)[:, None]
    return np.asarray(turned[:, None, :] * spectrum[:, :, None])


def _leakage(size: int, count: int, shift: float) -> Complex:
    """(count, count) how subcarriers (rows) appear in the transform's bins (columns) when they are
    shifted by a part of their spacing; phases are those in the middle of its window."""
    number = np.arange(count)
    return _bins(size, np.subtract.outer(number, number) + shift) * np.exp(-1j * np.pi * shift)


def _bins(size: int, x: Floats) -> Complex:
    """Transform of a wave that is off by x bins, of unit amplitude in its own."""
    turns = np.exp(1j * np.pi * x * (size - 1) / size)
    return np.asarray(np.sinc(x) / np.sinc(x / size) * turns)


Intruder = Callable[[np.random.Generator, float, float], list[Complex]]
"""From a generator, the noise's power and the echo's to what is added to a frame."""


def _intruders(scene: Scene, scenario: Scenario, rng: np.random.Generator) -> list[Intruder]:
    """What is in the scene besides, each with a power and a direction of its own."""
    numerology, say = scenario.numerology, scene.overrides
    spacing = numerology.subcarrier_spacing
    shape = scenario.pilots.frame_shape
    intruders: list[Intruder] = []

    def heard() -> Complex:
        beams = scenario.receive_beams.conj()
        return np.einsum("mai,a->mi", beams, _elements(say, "receiver", _skyward(rng)))

    if scene.foreign is not None:
        source = load_scenario("paper", {**say, **scene.foreign})
        response = _response(scenario, source, _skyward(rng), -_skyward(rng), say)
        level = 10 ** rng.uniform(1, 3.8)
        delay = np.full(shape[0], rng.uniform(0, numerology.cyclic_prefix) / numerology.sample_rate)
        doppler = rng.uniform(-0.3, 0.3) * spacing
        frame = _received(
            scenario, source, response, delay, -doppler * numerology.symbol_times, doppler
        )
        foreign = frame / np.sqrt(np.mean(np.abs(frame) ** 2))
        intruders.append(lambda rng, noise, echo: [np.sqrt(level * echo) * _phase(rng) * foreign])
    if scene.tone is not None:
        tone, place = scene.tone, rng.uniform(-0.5, 0.5) * shape[1]
        number = np.arange(shape[1]) - shape[1] // 2
        turns = np.exp(2j * np.pi * place * spacing * numerology.symbol_times)
        spectrum = np.outer(turns, _bins(numerology.fft_size, place - number))
        wave = heard()[:, None] * (spectrum * scenario.pilots.scrambling[0].conj())[..., None]
        wave /= np.sqrt(np.mean(np.abs(wave) ** 2))
        intruders.append(lambda rng, noise, echo: [np.sqrt(tone * noise) * _phase(rng) * wave])
    if scene.burst is not None:
        burst, spatial = scene.burst, heard()
        spatial = spatial / np.sqrt(np.mean(np.abs(spatial) ** 2))
        hit = np.arange(shape[0]) < max(shape[0] // 4, 1)
        intruders.append(
            lambda rng, noise, echo: [
                np.sqrt(burst * noise)
                * (normal(rng, shape[:2]) * rng.permutation(hit)[:, None])[..., None]
                * spatial[:, None]
            ]
        )
    return intruders


def _phase(rng: np.random.Generator) -> complex:
    return complex(np.exp(2j * np.pi * rng.uniform()))


def _skyward(rng: np.random.Generator) -> Floats:
    """A direction that is above the horizon."""
    way = rng.standard_normal(3)
    way[2] = abs(way[2])
    return np.asarray(way / np.linalg.norm(way))


# Outcomes


@dataclass(frozen=True)
class Outcome:
    """What became of one frame.

    Args:
        status: of the fix; or that the estimator raised an error.
        left_out: why no fix was to be expected, or None.
        rank: of the fix's covariance.
        nees: e^T C^+ e.
        error, deviation, bound: [m]; None where there is no position, infinite bounds included.
    """

    status: str
    left_out: str | None
    rank: int = 0
    nees: float = 0.0
    error: float | None = None
    deviation: float | None = None
    bound: float | None = None

    @property
    def tail(self) -> float:
        """Probability of an error that is no less likely, if the covariance is right."""
        return float(chi2.sf(self.nees, max(self.rank, 1)))


def consistency(error: Floats, covariance: Floats) -> tuple[float, int]:
    """e^T C^+ e and the rank of C; infinite for an error where C leaves no room for one.

    Directions whose variance is lost in the rounding of the largest count as none.
    """
    value, vector = np.linalg.eigh(covariance)
    least = 1e-12 * value[-1]
    room = value > least
    parts = vector.T @ error
    rank = int(np.count_nonzero(room))
    if np.any(np.abs(parts[~room]) > 1e-4 + 1e-6 * np.linalg.norm(error) + 5 * np.sqrt(least)):
        return np.inf, rank
    return float(np.sum(parts[room] ** 2 / value[room])), rank


def cause(scenario: Scenario, view: View, threshold: float, limit: float) -> str | None:
    """Why no fix is to be expected of a frame, or None.

    Args:
        threshold: of the estimator's statistic.
        limit: the frame's bound [m].
    """
    numerology, paths = scenario.numerology, view.paths
    spacing = numerology.subcarrier_spacing
    symbol = numerology.symbol_length / numerology.sample_rate
    usable = (numerology.shortest_prefix - numerology.window_advance) / numerology.sample_rate
    early = -numerology.window_advance / numerology.sample_rate
    doppler = min(INTERCARRIER * spacing, 0.5 / symbol)
    up = scenario.transmitter.motion.state(0.0)[0] - scenario.receiver.motion.state(0.0)[0]
    if up[2] < 0:
        return "horizon"
    if not (np.all(paths.delay < usable) and np.all(paths.delay > early)):
        return "delay"
    if abs(paths.doppler[0]) > doppler:
        return "doppler"
    model = snapshot_model(scenario)
    response = model.response(paths.arrival[0], paths.departure[0])
    power = abs(paths.gain[0]) ** 2 * float(np.mean(np.abs(response) ** 2))
    # Of n elements of noise and an echo with n times their ratio, that is the part that is echo.
    if power / view.noise < MARGIN * threshold / (1 - threshold):
        return "weak"
    return None if limit < USEFUL else "bound"


def frame_bound(scenario: Scenario, view: View, index: int) -> float:
    """Cramer-Rao bound of the first target's position, all other paths and the timing unknown [m].

    Beside a direct path the timing is known as that path tells it.
    """
    model, deviation = snapshot_model(scenario), scenario.synchronization.timing_deviation
    if view.direct:
        last = Paths(*(value[-1:] for value in vars(view.paths).values()))
        deviation = float(np.sqrt(path_covariance(model, last, view.noise)[0, 4, 4]))
    time = frame_time(scenario, index)
    assert scenario.target is not None
    transmitter, receiver, position = (
        node.motion.state(time)[0]
        for node in (scenario.transmitter, scenario.receiver, scenario.target)
    )
    return position_bound(
        model,
        view.paths,
        view.noise,
        transmitter=transmitter,
        receiver=receiver,
        position=position,
        known_height=scenario.known_height is not None,
        speed=scenario.propagation_speed,
        timing_deviation=deviation,
    ).deviation


def truths(scene: Scene, time: float) -> Floats:
    """(1 or 2, 3) where the targets are at a time [m]."""
    first = np.array(scene.overrides["nodes.target.position"])
    places = [first] if scene.second is None else [first, scene.second]
    return np.array(places) + time * np.array(scene.overrides["nodes.target.velocity"])


def outcome(scene: Scene, scenario: Scenario, view: View, threshold: float, fix: Fix) -> Outcome:
    """What became of a frame, judged."""
    limit = frame_bound(scenario, view, fix.frame)
    left_out = cause(scenario, view, threshold, limit)
    bound = limit if np.isfinite(limit) else None
    if not fix.valid:
        return Outcome(str(fix.status), left_out, bound=bound)
    judged = []
    for place in truths(scene, fix.time):
        nees, rank = consistency(fix.position - place, fix.covariance)
        judged.append((nees, rank, float(np.linalg.norm(fix.position - place))))
    nees, rank, error = min(judged)
    return Outcome(str(fix.status), left_out, rank, min(nees, 1e12), error, fix.deviation, bound)


# The study


def run_scene(seed: int, number: int, frames: int, samples: bool) -> dict[str, Any]:
    """The record of a scene: its number, traits and outcomes, ready for JSON."""
    started = clock.process_time()
    scene, _, outcomes = show_scene(seed, number, frames, samples)
    rows = [vars(found) for found, *_ in outcomes]
    seconds = round(clock.process_time() - started, 2)
    return {"scene": number, "traits": traits(scene), "seconds": seconds, "frames": rows}


def show_scene(
    seed: int, number: int, frames: int, samples: bool
) -> tuple[Scene, Scenario, list[tuple[Outcome, Fix, Floats]]]:
    """A scene, its scenario, and each frame's outcome, fix and true positions."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    scene = draw(CELLS[number % len(CELLS)], frames, rng, samples=samples)
    scenario, found = load_scenario("paper", scene.overrides), []
    estimate = _careful(scenario)
    for index, view in enumerate(observe(scene, scenario, rng, samples=samples)):
        estimated = estimate(view.frame, index)
        if estimated is None:
            fix, threshold = Fix(index, frame_time(scenario, index), FixStatus.INVALID), 0.0
        else:
            fix, threshold = locate(scenario, estimated, index), estimated.threshold
        judged = outcome(scene, scenario, view, threshold, fix)
        if estimated is None:
            judged = replace(judged, status="raised")
        found.append((judged, fix, truths(scene, fix.time)))
    return scene, scenario, found


def _careful(scenario: Scenario) -> Callable[[Complex, int], Estimate | None]:
    """The scenario's estimator, None for a frame from which it raises an error."""
    try:
        receiver = estimator(scenario)
    except np.linalg.LinAlgError:
        return lambda frame, index: None

    def estimate(frame: Complex, index: int) -> Estimate | None:
        try:
            return receiver.estimate(frame, index)
        except np.linalg.LinAlgError:
            return None

    return estimate


def traits(scene: Scene) -> list[str]:
    """Of what kind a scene is, by which outcomes are counted besides."""
    say = scene.overrides
    array = say["nodes.receiver.array"]
    rows = say["numerology.symbols"] * say["beams.chains"]
    speed = np.linalg.norm(say["nodes.target.velocity"])
    there = {
        "no intruder": scene.foreign is None and scene.tone is None and scene.burst is None,
        "foreign seed": scene.foreign is not None and "seed" in scene.foreign,
        "foreign user": scene.foreign is not None and "pilots.user" in scene.foreign,
        "tone": scene.tone is not None,
        "burst": scene.burst is not None,
        "second target": scene.second is not None,
        "scatterers": any(path["kind"] == "scattered" for path in say["channel.paths"]),
        "planar array": array["nx"] > 1 and array["ny"] > 1,
        "linear array": (array["nx"] > 1) != (array["ny"] > 1),
        "one element": array["nx"] == array["ny"] == 1,
        "known height": "locator.known_height_m" in say,
        "symbols x chains <= 16": rows <= 16,
        "one symbol": say["numerology.symbols"] == 1,
        "32 symbols": say["numerology.symbols"] == 32,
        "paired": say["beams.coupling"] == "paired",
        "physical": say["beams.coupling"] == "physical",
        "one chain an element": say["beams.kind"] == "element",
        "advance held over a frame": say["precompensation.mode"] == "frame",
        "advance follows": say["precompensation.mode"] != "frame",
        "timing deviation": "synchronization.timing_deviation_ns" in say,
        "target below 10 m/s": speed < 10,
        "target above 100 m/s": speed > 100,
        "satellite below horizon": say["nodes.transmitter.position"][2] < 0,
        "more paths allowed than there are": say["estimator.max_paths"]
        > len([p for p in say["channel.paths"] if p["kind"] != "direct"])
        + (scene.second is not None),
    }
    return [name for name, holds in there.items() if holds]


def study(
    seed: int,
    fixes: int,
    most: int,
    frames: int,
    *,
    workers: int = 1,
    samples: bool = False,
    path: Path | None = None,
    cells: Sequence[int] = tuple(range(len(CELLS))),
    progress: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """Records of the scenes that it takes until each cell has that many fixes.

    Scene k belongs to cell k modulo their count. A cell is done with its first scenes that have
    enough fixes together, so that it does not matter who works on what.

    Args:
        fixes: `ok` ones, of each cell.
        most: scenes of a cell, whatever becomes of them.
        frames: of each scene.
        workers: processes.
        path: of a file of JSON lines to which records are added, and from which they are taken.
        cells: which ones.
        progress: is given a line now and then.

    Raises:
        ValueError: the file is another study's.
    """
    settings = {"seed": seed, "frames": frames, "samples": samples}
    records = {} if path is None else _resume(path, settings)
    started = reported = clock.monotonic()
    running: dict[Future[dict[str, Any]], int] = {}
    with ProcessPoolExecutor(workers) as pool:
        while True:
            scenes = {cell: _scenes(records, cell, fixes, most) for cell in cells}
            if all(done for _, done in scenes.values()):
                break
            for number in _next(records, running.values(), scenes, most):
                if len(running) == 2 * workers:
                    break
                running[pool.submit(run_scene, seed, number, frames, samples)] = number
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                del running[future]
                record = future.result()
                records[record["scene"]] = record
                if path is not None:
                    with path.open("a") as file:
                        file.write(json.dumps(record) + "\n")
            if clock.monotonic() - reported > 20:
                reported = clock.monotonic()
                done = sum(done for _, done in scenes.values())
                progress(
                    f"{reported - started:.0f} s: {len(records)} scenes, "
                    f"{done} of {len(scenes)} cells done"
                )
        for future in running:
            future.cancel()
    return [records[number] for numbers, _ in scenes.values() for number in numbers]


def _resume(path: Path, settings: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Records of a file, which is begun if it is not there; a line that was cut off is dropped."""
    if not path.exists():
        path.write_text(json.dumps(settings) + "\n")
        return {}
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    first, *lines = (json.loads(line) for line in whole.splitlines() or ["null"])
    if first != settings:
        raise ValueError(f"{path} is of a study with {first}, not {settings}; give another file")
    return {line["scene"]: line for line in lines}


def _scenes(
    records: Mapping[int, Mapping[str, Any]], cell: int, fixes: int, most: int
) -> tuple[list[int], bool]:
    """Scenes of a cell that count so far, and whether they suffice."""
    found, numbers = 0, list[int]()
    for turn_ in range(most):
        number = cell + len(CELLS) * turn_
        if number not in records:
            return numbers, False
        numbers.append(number)
        found += sum(row["status"] == "ok" for row in records[number]["frames"])
        if found >= fixes:
            return numbers, True
    return numbers, True


def _next(
    records: Mapping[int, Any],
    running: Iterable[int],
    scenes: Mapping[int, tuple[list[int], bool]],
    most: int,
) -> list[int]:
    """Scenes to begin, of cells that are not done, those with the lowest numbers first."""
    taken = set(running) | set(records)
    open_cells = [cell for cell, (_, done) in scenes.items() if not done]
    wanted: list[int] = []
    for cell in open_cells:
        numbers = range(cell, len(CELLS) * most, len(CELLS))
        wanted += islice((number for number in numbers if number not in taken), 2)
    return sorted(wanted)


# Tables


@dataclass(frozen=True)
class Table:
    """Rows under a heading, to be printed and to be written as CSV."""

    name: str
    heading: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def text(self) -> str:
        """The table with aligned columns, the first to the left."""
        lines = [self.heading, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        )

    def csv(self) -> str:
        """The table as comma-separated values."""
        out = StringIO()
        csv.writer(out, lineterminator="\n").writerows([self.heading, *self.rows])
        return out.getvalue()


def tables(records: Iterable[Mapping[str, Any]], command: str) -> list[Table]:
    """Statuses, consistency and availability of each cell and trait, and fixes beyond 5 sigma.

    Args:
        records: of `study`.
        command: that repeats a scene, but for its number.
    """
    records = list(records)
    groups: dict[str, list[Outcome]] = {}
    of_traits: dict[str, list[Outcome]] = {}
    beyond: list[tuple[str, ...]] = []
    for record in sorted(records, key=lambda record: record["scene"]):
        outcomes = [Outcome(**row) for row in record["frames"]]
        cell = CELLS[record["scene"] % len(CELLS)]
        groups.setdefault(str(cell), []).extend(outcomes)
        path = "direct" if cell.direct else "alone"
        for trait in record["traits"]:
            of_traits.setdefault(f"{trait}, {path}", []).extend(outcomes)
        far = [found for found in outcomes if found.status == "ok" and found.tail < BEYOND]
        if far:
            worst = max(far, key=lambda found: found.nees)
            beyond.append(
                (
                    str(cell),
                    str(len(far)),
                    f"{np.sqrt(worst.nees):.3g}",
                    f"{worst.error:.3g}",
                    f"{worst.deviation:.3g}",
                    worst.left_out or "",
                    ", ".join(trait for trait in record["traits"] if trait in UNUSUAL),
                    f"{command} --scene {record['scene']} --show",
                )
            )
    groups = {str(cell): groups[str(cell)] for cell in CELLS if str(cell) in groups}
    of_traits = dict(sorted(of_traits.items()))
    heading = "cell", "fixes", "sigmas", "error [m]", "sigma [m]", "left out", "traits", "command"
    return [
        _statuses(groups),
        _consistency(groups, "consistency"),
        _availability(groups, "availability"),
        _consistency(of_traits, "consistency by trait"),
        _availability(of_traits, "availability by trait"),
        Table("fixes beyond 5 sigma", heading, beyond),
    ]


UNUSUAL = {
    "foreign seed",
    "foreign user",
    "tone",
    "burst",
    "second target",
    "linear array",
    "one element",
    "symbols x chains <= 16",
    "satellite below horizon",
}
"""Traits by which fixes beyond 5 sigma are sorted at a glance."""


def _statuses(groups: Mapping[str, Sequence[Outcome]]) -> Table:
    count = {name: Counter(found.status for found in group) for name, group in groups.items()}
    known = sorted(set().union(*count.values()), key=lambda status: (status != "ok", status))
    rows = [
        (name, str(len(groups[name])), *(str(count[name][status]) for status in known))
        for name in groups
    ]
    return Table("statuses", ("cell", "frames", *known), rows)


def _consistency(groups: Mapping[str, Sequence[Outcome]], name: str) -> Table:
    heading = "of", "ok", "NEES", "NEES of the rest", "within 95 % [%]", "beyond 5 sigma", "[%]"
    rows = []
    for group, outcomes in groups.items():
        fixes = [found for found in outcomes if found.status == "ok"]
        if not fixes:
            rows.append((group, "0", *[""] * 5))
            continue
        nees = np.array([3 * found.nees / max(found.rank, 1) for found in fixes])
        tail = np.array([found.tail for found in fixes])
        far = tail < BEYOND
        rest = f"{np.mean(nees[~far]):.2f}" if np.any(~far) else ""
        rows.append(
            (
                group,
                str(len(fixes)),
                f"{np.mean(nees):.3g}",
                rest,
                f"{100 * np.mean(tail >= 1 - WITHIN):.1f}",
                str(np.count_nonzero(far)),
                f"{100 * np.mean(far):.2f}",
            )
        )
    return Table(name, heading, rows)


CAUSES = "horizon", "delay", "doppler", "weak", "bound"


def _availability(groups: Mapping[str, Sequence[Outcome]], name: str) -> Table:
    heading = "of", "expected", "ok", "[%]", *(f"left out: {cause}" for cause in CAUSES)
    rows = []
    for group, outcomes in groups.items():
        left_out = Counter(found.left_out for found in outcomes)
        expected = left_out[None]
        fine = sum(found.status == "ok" and found.left_out is None for found in outcomes)
        part = f"{100 * fine / expected:.1f}" if expected else ""
        counts = (str(left_out[cause]) for cause in CAUSES)
        rows.append((group, str(expected), str(fine), part, *counts))
    return Table(name, heading, rows)


@click.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--fixes", default=2000, show_default=True, help="Fixes of each cell.")
@click.option("--most", default=1000, show_default=True, help="Scenes of each cell at most.")
@click.option("--frames", default=16, show_default=True, help="Frames of each scene.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--samples", is_flag=True, help="Frames by way of the scenario's chain of samples.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON lines; taken up if there.")
@click.option("--cell", "cells", multiple=True, type=int, help="Number of a cell; default all.")
@click.option("--scene", type=int, help="A single scene.")
@click.option("--show", is_flag=True, help="All about that scene, instead of the study.")
def main(
    seed: int,
    fixes: int,
    most: int,
    frames: int,
    workers: int,
    samples: bool,
    out: Path | None,
    cells: tuple[int, ...],
    scene: int | None,
    show: bool,
) -> None:
    """Statuses, consistency and availability of fixes over random scenes.

    With --out FILE, records go to FILE and tables to FILE with .NAME.csv for its suffix.
    """
    if show != (scene is not None):
        raise click.UsageError("--scene and --show go together")
    if scene is not None:
        click.echo(_shown(seed, scene, frames, samples))
        return
    started = clock.monotonic()
    try:
        records = study(
            seed,
            fixes,
            most,
            frames,
            workers=workers,
            samples=samples,
            path=out,
            cells=cells or range(len(CELLS)),
            progress=lambda text: click.echo(text, err=True),
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    command = f"python -m {__spec__.name} --seed {seed} --frames {frames}"
    command += " --samples" * samples
    for table in tables(records, command):
        click.echo(f"{table.name}\n\n{table.text()}\n")
        if out is not None:
            name = table.name.replace(" ", "-")
            out.with_suffix(f".{name}.csv").write_text(table.csv())
    busy = sum(record["seconds"] for record in records)
    click.echo(
        f"{len(records)} scenes in {clock.monotonic() - started:.0f} s, "
        f"{busy:.0f} s of work in all",
        err=True,
    )


def _shown(seed: int, number: int, frames: int, samples: bool) -> str:
    """What a scene is, and its frames."""
    scene, _, found = show_scene(seed, number, frames, samples)
    lines = [f"scene {number}: {CELLS[number % len(CELLS)]}; {', '.join(traits(scene))}"]
    lines += [f"  {key}: {json.dumps(value)}" for key, value in scene.overrides.items()]
    late = ", ".join(f"{1e9 * value:.2f}" for value in np.unique(scene.timing))
    lines.append(f"not in the scenario: timing {late} ns")
    if scene.second is not None:
        lines.append(f"  second target at {_point(scene.second)}")
    for name, value in (("foreign satellite", scene.foreign), ("tone", scene.tone)):
        lines += [f"  {name}: {value}"] if value is not None else []
    lines += [f"  burst: {scene.burst}"] if scene.burst is not None else []
    table = Table(
        "frames",
        (
            "frame",
            "truth [m]",
            "fix [m]",
            "error",
            "sigma",
            "sigmas",
            "bound",
            "status",
            "left out",
        ),
        [
            (
                str(fix.frame),
                " or ".join(map(_point, places)),
                _point(fix.position),
                f"{judged.error or np.nan:.3f}",
                f"{judged.deviation or np.nan:.3f}",
                f"{np.sqrt(judged.nees):.2f}",
                f"{np.inf if judged.bound is None else judged.bound:.3f}",
                judged.status,
                judged.left_out or "",
            )
            for judged, fix, places in found
        ],
    )
    return "\n".join([*lines, table.text()])


def _point(place: Floats) -> str:
    return "({:.2f}, {:.2f}, {:.2f})".format(*place)


if __name__ == "__main__":
    main()
