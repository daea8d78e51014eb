# SPDX-License-Identifier: GPL-3.0-or-later
"""How many samples a second: emulator, precompensator, receiver and noise, each by itself."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from gnuradio.dislac.arrays import PlanarArray
from gnuradio.dislac.channel import ChannelEmulator, ChannelPath, NetworkEmulator
from gnuradio.dislac.dsp import CHUNK, ChunkProcessor, GaussianNoise, PooledNoise
from gnuradio.dislac.geometry import LinearMotion
from gnuradio.dislac.scenario import emulation, load_scenario, transmission
from gnuradio.dislac.waveform import demodulate
from measure import Effort, Result, in_turns

__all__ = ["FOUR_PATHS", "SCENE", "chain", "emulator_growth", "network_growth", "random_samples"]

FOUR_PATHS: list[dict[str, Any]] = [
    {"kind": "echo"},
    {"kind": "scattered", "count": 2},
    {"kind": "direct"},
]
SCENE: dict[str, Any] = {
    "beams.coupling": "physical",
    "channel.paths": FOUR_PATHS,
    "channel.noise": {"snr_db": 0, "pool": True},
    "numerology.frame_period": 7680,
}
"""What live use is measured on."""
BACK_TO_BACK = {"numerology.frame_period": 640}
CHUNKS_PREPARED_TOGETHER = 64
SATELLITE_CHAINS, RECEIVER_CHAINS = 2, 4
"""Of the nodes of a network, one for each element."""


def random_samples(chains: int, count: int) -> np.ndarray:
    """Complex white noise (chains, count): unlike pauses between frames, it cannot be skipped."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((chains, 2 * count), dtype=np.float32).view(np.complex64)


def _stream(processor: ChunkProcessor, samples: np.ndarray) -> Callable[[], Any]:
    """Sends the samples through again and again, beginning when the delays are filled."""
    out = np.empty((processor.outputs, samples.shape[1] + 2 * CHUNK), np.complex64)
    for _ in range(1 + 4 * CHUNK // samples.shape[1]):
        processor.process(samples)
    return lambda: processor.process_into(samples, out)


def _emulator(paths: list[dict[str, Any]], coupling: str, noise: bool) -> ChunkProcessor:
    overrides = {
        "beams.coupling": coupling,
        "channel.paths": paths,
        "channel.noise": {"snr_db": 0} if noise else {},
    }
    return emulation.emulator(load_scenario("paper", BACK_TO_BACK | overrides))


def _length(effort: Effort) -> int:
    """Samples a call: a whole number of what is prepared together."""
    return CHUNK * (1 if effort.quick else CHUNKS_PREPARED_TOGETHER)


def chain(effort: Effort) -> list[Result]:
    """The stages of the chain at 8 x 8 chains; samples of each of the eight streams."""
    scenario = load_scenario("paper", BACK_TO_BACK)
    numerology = scenario.numerology
    samples = random_samples(scenario.chains, _length(effort))
    received = np.ascontiguousarray(samples[:, : numerology.frame_length])
    contestants: dict[str, Callable[[], Any]] = {}
    lengths: dict[str, int] = {}

    def enter(name: str, call: Callable[[], Any], count: int = samples.shape[1]) -> None:
        contestants[name], lengths[name] = call, count

    for coupling in ("physical", "paired"):
        for noise in (False, True):
            name = f"emulator, {coupling}, {'with' if noise else 'without'} noise"
            enter(name, _stream(_emulator(FOUR_PATHS, coupling, noise), samples))
    for mode in ("frame", "time-varying"):
        processor = transmission.precompensator(
            load_scenario("paper", BACK_TO_BACK | {"precompensation.mode": mode})
        )
        assert processor is not None
        enter(f"precompensator, {mode}", _stream(processor, samples))
    # As the block does it: frame by frame.
    enter(
        "receiver",
        lambda: scenario.pilots.descramble(demodulate(received, numerology)),
        numerology.frame_length,
    )
    place = np.zeros((scenario.chains, CHUNK), np.complex64)
    for name, source in (
        ("noise, exact", GaussianNoise(scenario.chains, 1.0, 1)),
        ("noise, from a pool", PooledNoise(scenario.chains, 1.0, 1)),
    ):
        enter(name, lambda source=source: source.fill(7, place), CHUNK)  # type: ignore[misc]
    time = in_turns(contestants, rounds=effort.rounds, turn=effort.turn)
    rate = scenario.sample_rate
    return [
        Result(
            name,
            lengths[name] / time[name] / 1e6,
            "Msps",
            lengths[name] / time[name] / rate,
            "real time at 7.68 Msps",
            {"chains": scenario.chains} | ({"paths": 4} if name.startswith("emulator") else {}),
        )
        for name in contestants
    ]


def emulator_growth(effort: Effort) -> list[Result]:
    """Time of the emulator against the number of paths."""
    counts = (1, 2) if effort.quick else (1, 2, 4, 8, 16)
    samples = random_samples(8, _length(effort))
    results = []
    for coupling in ("physical", "paired"):
        contestants = {}
        for count in counts:
            paths: list[dict[str, Any]] = [{"kind": "echo"}]
            if count > 1:
                paths.append({"kind": "scattered", "count": count - 1})
            contestants[count] = _stream(_emulator(paths, coupling, False), samples)
        time = in_turns(contestants, rounds=min(3, effort.rounds), turn=effort.turn)
        for count in counts:
            results.append(
                Result(
                    f"emulator, {coupling}, {count} path{'s' * (count > 1)}",
                    time[count] / samples.shape[1] * 1e9,
                    "ns a sample of 8 chains",
                    time[count] / time[1],
                    "the time of 1 path",
                    {"chains": 8, "paths": count, "noise": False},
                )
            )
    return results


def network_growth(effort: Effort) -> list[Result]:
    """Time of K transmitters to L receivers, against the sum of the links alone."""
    counts = ((1, 2), (1, 2)) if effort.quick else ((1, 2, 4, 8), (1, 2, 4))
    length = CHUNK * (2 if effort.quick else 8)
    results = []
    for count in product(*counts):
        keys = list(product(*map(range, count)))
        samples = random_samples(SATELLITE_CHAINS * count[0], length)
        contestants = {key: _stream(_link(*key), samples[:SATELLITE_CHAINS]) for key in keys}
        network = NetworkEmulator(
            {key: _link(*key) for key in keys},
            transmitters=[SATELLITE_CHAINS] * count[0],
            receivers=[RECEIVER_CHAINS] * count[1],
        )
        time = in_turns(
            contestants | {(-1, -1): _stream(network, samples)},
            rounds=effort.long_rounds,
            turn=effort.turn,
        )
        alone = sum(time[key] for key in keys)
        together = time[-1, -1]
        results.append(
            Result(
                f"network, {count[0]} x {count[1]}",
                together / length * 1e9,
                "ns a sample",
                together / alone,
                "the time of its links, each alone",
                {"transmitters": count[0], "receivers": count[1], "paths": 2, "noise": False},
            )
        )
    links = np.array([r.settings["transmitters"] * r.settings["receivers"] for r in results])
    times = np.array([r.value for r in results])
    # by the least relative error, so that few links weigh as much as many
    growth = float(np.sum(links / times) / np.sum((links / times) ** 2))
    results.append(
        Result(
            "network, growth with each link",
            growth,
            "ns a sample",
            float(np.max(times / (growth * links))),
            "the line: slowest of the above",
        )
    )
    return results


def _link(transmitter: int, receiver: int) -> ChannelEmulator:
    """Direct path and echo from a satellite to a station."""
    satellite = LinearMotion((1e5 * transmitter, -2e5 + 6e4 * transmitter, 4e5), (7e3, 0, 0))
    station = LinearMotion((1e4 * receiver, 190, 100))
    target = LinearMotion((0, 0, 0), (10, -3, 0))
    return ChannelEmulator(
        [ChannelPath((satellite, station)), ChannelPath((satellite, target, station), 0.1)],
        sample_rate=7.68e6,
        carrier_frequency=28e9,
        transmit_array=PlanarArray(SATELLITE_CHAINS, 1),
        receive_array=PlanarArray(RECEIVER_CHAINS, 1),
    )
