# SPDX-License-Identifier: GPL-3.0-or-later
"""The bistatic paper's scene, and frames of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from gnuradio.dislac.arrays import PlanarArray, phase_shifter_beams
from gnuradio.dislac.channel import Paths, SnapshotModel, synthesize
from gnuradio.dislac.geometry import bistatic_range, range_along_ray

SPEED = 3e8


@dataclass(frozen=True)
class Scene:
    """Satellite and base station of the paper, 4 x 4 arrays along the axes."""

    satellite: np.ndarray
    station: np.ndarray
    array: PlanarArray

    def echo(self, target: np.ndarray, gain: complex = 1.0) -> Paths:
        """The path satellite - target - station."""
        away = target - self.station
        out = target - self.satellite
        delay = bistatic_range(self.satellite, self.station, target) / SPEED
        return Paths(
            gain=np.array([gain], complex),
            arrival=self.array.spatial_frequency(away / np.linalg.norm(away))[None],
            departure=self.array.spatial_frequency(out / np.linalg.norm(out))[None],
            delay=np.array([float(delay)]),
            doppler=np.array([165.942]),
        )

    def position(self, arrival: np.ndarray, delay: float) -> np.ndarray:
        """Where the ray of an arrival meets the ellipsoid of a delay."""
        u = self.array.direction(arrival)
        return self.station + u * range_along_ray(self.satellite, self.station, u, SPEED * delay)

    def error(self, paths: Paths, target: np.ndarray) -> float:
        """Distance of the first path's position from the target."""
        return float(np.linalg.norm(self.position(paths.arrival[0], paths.delay[0]) - target))


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene(np.array([100e3, 200e3, 300e3]), np.array([-50.0, 190, 100]), PlanarArray(4, 4))


@pytest.fixture(scope="session")
def make_model() -> Callable[..., SnapshotModel]:
    def make(
        seed: int = 1,
        *,
        symbols: int = 8,
        subcarriers: int = 32,
        chains: int = 8,
        coupling: str = "paired",
        shape: tuple[int, int] = (4, 4),
    ) -> SnapshotModel:
        rng = np.random.default_rng(seed)
        array = PlanarArray(*shape)
        return SnapshotModel(
            transmit_array=array,
            receive_array=array,
            transmit_beams=phase_shifter_beams(symbols, array.size, chains, rng),
            receive_beams=phase_shifter_beams(symbols, array.size, chains, rng),
            pilots=np.exp(2j * np.pi * rng.uniform(size=(symbols, chains))),
            symbol_times=np.arange(symbols) * (80 / 7.68e6),
            frequencies=(np.arange(subcarriers) - (subcarriers - 1) / 2) * 120e3,
            coupling=coupling,
        )

    return make


def complex_noise(rng: np.random.Generator, shape: tuple[int, ...], power: float) -> np.ndarray:
    return (rng.standard_normal((*shape, 2)) * np.sqrt(power / 2)).view(complex)[..., 0]


@pytest.fixture(scope="session")
def receive() -> Callable[..., tuple[np.ndarray, float]]:
    """A noisy frame of given paths and the noise power in it, from a signal-to-noise ratio."""

    def frame(
        model: SnapshotModel, paths: Paths, snr_db: float, seed: int
    ) -> tuple[np.ndarray, float]:
        signal = synthesize(model, paths)
        power = float(np.mean(np.abs(signal) ** 2)) / 10 ** (snr_db / 10)
        return signal + complex_noise(np.random.default_rng(seed), signal.shape, power), power

    return frame


@pytest.fixture(scope="session")
def noise() -> Callable[..., np.ndarray]:
    return complex_noise
