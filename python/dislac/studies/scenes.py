# SPDX-License-Identifier: GPL-3.0-or-later
"""Random scenes, to test estimators and locators with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELLS", "C", "Cell", "Scene", "draw", "truths", "turn"]

Floats = NDArray[np.float64]

C = 299792458.0
EARTH = 6371e3
"""Radius of the Earth [m]."""
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

    Parameters
    ----------
    overrides
        Of the scenario ``paper``.
    timing
        (K,) error of each frame's timing [s].
    second
        (3,) where a second target is at time zero, which moves as the first; or None.
    foreign
        Overrides of another satellite's scenario, or None.
    tone
        Power of a narrow-band interferer over the noise's, or None.
    burst
        That of a burst of noise in some symbols, or None.
    """

    overrides: Mapping[str, Any]
    timing: Floats
    second: Floats | None
    foreign: Mapping[str, Any] | None
    tone: float | None
    burst: float | None


def draw(cell: Cell, frames: int, rng: np.random.Generator, *, samples: bool = False) -> Scene:
    """A random scene of a kind, with that many frames.

    Parameters
    ----------
    samples
        A scene that the scenario describes completely but for interferers and foreign
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
    settings, target, receiver, degrees = _places(rng, latest)
    numbers["nodes.receiver.array"] |= {"orientation_deg": degrees.tolist()}
    several = int(rng.integers(1, 4)) if cell.several else 0
    second = None
    if several and not samples and rng.uniform() < 0.4:
        several -= 1
        second = _beside(target, receiver, degrees, settings["locator.side"], rng)
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
        **settings,
        "channel.paths": paths,
        "channel.noise.snr_db": float(snr_db),
        "precompensation.mode": str(rng.choice(["time-varying", "frame"])),
        "precompensation.doppler_error_hz": float(
            rng.normal(0, 1e-9 * numbers["numerology.carrier_frequency"])
        ),
        "estimator.max_paths": known + int(rng.integers(0, 2)) * (1 if cell.several else 2),
    }
    deviation = 0.0
    timing: NDArray[np.float64]
    if cell.direct:
        timing = np.full(frames, rng.uniform(0, 100e-9))
    else:
        deviation = float(10 ** rng.uniform(0, 1.7)) if rng.uniform() < 0.5 else 0.0
        timing = rng.normal(0, 1e-9 * deviation, 1 if samples else frames) * np.ones(frames)
    array = numbers["nodes.receiver.array"]
    planar = array["nx"] > 1 and array["ny"] > 1
    if rng.uniform() < (0.15 if planar else 0.67):
        overrides["locator.known_height_m"] = float(target[2])
        if second is not None:
            second[2] = target[2]
    if deviation:
        overrides["synchronization.timing_deviation_ns"] = deviation
    if samples:
        overrides["precompensation.timing_advance_error_ns"] = float(1e9 * timing[0])
    foreign = None
    if rng.uniform() < 0.1:
        other = {"seed": int(rng.integers(1, 2**31))}
        foreign = other if rng.uniform() < 0.5 else {"pilots.user": int(rng.integers(1, 8))}
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

    Parameters
    ----------
    latest
        Detour of the latest echo that the prefix allows [m]; a few echoes are later.
    """
    satellite, velocity = _satellite(rng)
    side = str(rng.choice(["below", "above"], p=[0.85, 0.15]))
    longest = latest * rng.choice([0.9, 1.3], p=[0.95, 0.05])
    while True:
        degrees: NDArray[np.float64] = np.zeros(3)
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
    """True if a target is on the side of the receive array where it should be, and not nearly in
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
        direction = rng.standard_normal(3) * [1.0, 1.0, 0.3]
        place = target + rng.uniform(15, 60) * direction / np.linalg.norm(direction)
        if _visible(place, receiver, degrees, side):
            return np.asarray(place)


def turn(degrees: Sequence[float] | Floats) -> Floats:
    """Matrix (3, 3) from body to scene: yaw about z, then pitch about y, then roll about x."""
    (cz, cy, cx), (sz, sy, sx) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    yaw = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    pitch = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    roll = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return np.asarray(yaw @ pitch @ roll)


def truths(scene: Scene, time: float) -> Floats:
    """(1 or 2, 3) where the targets are at a time [m]."""
    first = np.array(scene.overrides["nodes.target.position"])
    positions = [first] if scene.second is None else [first, scene.second]
    return np.array(positions) + time * np.array(scene.overrides["nodes.target.velocity"])
