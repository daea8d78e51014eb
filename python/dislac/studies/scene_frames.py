# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of random scenes, from positions of elements and lengths of paths.

A second way to frames, to test estimators and locators with: each element at position p responds
to a plane wave from the direction u with the phase 2 pi p.u fc / c, and a path shifts subcarrier n
at time t by -(fc + f_n) times its delay then, less what the transmitter takes off. Doppler shifts
leak from subcarrier to subcarrier. Arrays are narrow-band, and symbols are cut from their prefixes
without intersymbol interference; frames by way of samples have that too. Beams, pilots and
numerology are the scenario's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..channel import Paths
from ..scenario import Scenario, load_scenario
from ..scenario.timing import frame_time
from ..simulation import received_frames
from .scenes import C, Scene, turn

__all__ = ["View", "observe"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Track = Callable[[Any], Floats]
"""From times (...) to positions (..., 3)."""

STEP = 1e-3
"""Of the differences that give the rate of a delay [s]."""


@dataclass(frozen=True, eq=False)
class View:
    """One frame, and what is true of it.

    Parameters
    ----------
    frame
        (Ms, Nsc, Nrf) as the demodulator gives it, scrambling taken off.
    paths
        Of the transmitter's signal, the echo first, then a second target's, as
        `position_bound` takes them.
    direct
        How many of those are direct, last.
    noise
        Power of noise and interferers per element.
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
    """Stops of each path from transmitter to receiver: the echo's, a second target's, those of
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
    positions = [stop(t) for stop in stops]
    return np.asarray(sum(np.linalg.norm(b - a, axis=-1) for a, b in pairwise(positions)))


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
    *routes, reference = tracks
    parts, found = [], []
    for stops in routes:

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
        return np.divide(_length(reference, when), C)

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
    positions = [stop(t) for stop in stops]
    lines_of_sight = positions[-2] - positions[-1], positions[1] - positions[0]
    arrival, departure = (
        line_of_sight / np.linalg.norm(line_of_sight) for line_of_sight in lines_of_sight
    )
    return arrival, departure


def _response(
    scenario: Scenario,
    source: Scenario,
    arrival: Floats,
    departure: Floats,
    say: Mapping[str, Any],
) -> Complex:
    """(Ms, Nrf) a plane wave of the source's transmitter in the receive chains."""
    receive_response = np.einsum(
        "mai,a->mi", scenario.receive_beams.conj(), _elements(say, "receiver", arrival)
    )
    leaving = _elements(say, "transmitter", departure)
    transmit_response = np.einsum(
        "mai,a,mi->mi", source.transmit_beams, leaving, source.pilots.chains
    )
    if source.coupling == "physical":
        transmit_response = transmit_response.sum(axis=1, keepdims=True)
    return np.asarray(receive_response * transmit_response)


def _elements(say: Mapping[str, Any], node: str, direction: Floats) -> Complex:
    """(N,) phase factors of a node's elements, half a wavelength apart, to a wave from or towards a
    direction in the scene."""
    array = say[f"nodes.{node}.array"]
    carrier = say["numerology.carrier_frequency"]
    x, y = np.divmod(np.arange(array["nx"] * array["ny"]), array["ny"])
    positions = C / carrier / 2 * np.column_stack([x, y, np.zeros(len(x))])
    positions = positions @ turn(array.get("orientation_deg", (0, 0, 0))).T
    return np.asarray(np.exp(2j * np.pi * carrier / C * (positions @ direction)))


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
    """Other signals in the scene, each with a power and a direction of its own."""
    numerology, say = scenario.numerology, scene.overrides
    spacing = numerology.subcarrier_spacing
    shape = scenario.pilots.frame_shape
    intruders: list[Intruder] = []

    def receive_response() -> Complex:
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
        spectrum = turns[:, None] * _bins(numerology.fft_size, np.subtract(place, number))
        wave = (
            receive_response()[:, None]
            * (spectrum * scenario.pilots.scrambling[0].conj())[..., None]
        )
        wave /= np.sqrt(np.mean(np.abs(wave) ** 2))
        intruders.append(lambda rng, noise, echo: [np.sqrt(tone * noise) * _phase(rng) * wave])
    if scene.burst is not None:
        burst, spatial = scene.burst, receive_response()
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
    direction = rng.standard_normal(3)
    direction[2] = abs(direction[2])
    return np.asarray(direction / np.linalg.norm(direction))
