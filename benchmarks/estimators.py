# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a fix takes: Algorithm 1 in both forms, the off-grid estimator, and how they grow."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.estimation import (
    DirectionDictionary,
    Estimator,
    MmvBomp,
    detection,
    mmv_bomp_literal,
)
from gnuradio.dislac.scenario import ECHO_ALONE, Scenario, load_scenario
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.simulation import random_scenes
from gnuradio.dislac.systems import bistatic
from measure import Effort, Result, in_turns, peak_memory

__all__ = ["algorithm_1", "build_estimator", "fixes", "growth"]

MIB = 2.0**20
SNR_DB = 10.0
FRAMES = 16


def build_estimator(
    scenario: Scenario, make: Callable[[Scenario], Estimator] = bistatic.estimator
) -> Estimator:
    """The scenario's estimator, its threshold from few frames: what is measured is far above it."""
    usual, detection.CALIBRATION_FRAMES = detection.CALIBRATION_FRAMES, 10
    try:
        return make(scenario)
    finally:
        detection.CALIBRATION_FRAMES = usual


def frames_of(scenario: Scenario, scatterers: int = 0) -> Iterator[np.ndarray]:
    """Noisy frames (Ms, Nsc, Nrf) of random targets and scatterers, over and over."""
    rng = np.random.default_rng(1)
    model = snapshot_model(scenario)
    frames = []
    scenes = random_scenes(scenario, rng, scatterers=scatterers)
    for _ in range(FRAMES):
        clean = synthesize(model, true_paths(next(scenes), 0))
        deviation = np.sqrt(np.mean(np.abs(clean) ** 2) / 10 ** (SNR_DB / 10) / 2)
        frames.append(clean + deviation * (rng.standard_normal((*clean.shape, 2)) @ [1, 1j]))
    return cycle(frames)


def algorithm_1(effort: Effort) -> list[Result]:
    """The fast form against the literal one, three atoms, on the paper's grid of G^2 points."""
    points, atoms = (6 if effort.quick else 16), 3
    scenario = load_scenario("paper", {**ECHO_ALONE, "beams.chains": 4 if effort.quick else 8})
    model = snapshot_model(scenario)
    axis = np.linspace(-1, 1, points)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    frame = next(frames_of(scenario))
    fast = MmvBomp(DirectionDictionary(model, grid, grid))
    contestants: dict[str, Callable[[], Any]] = {
        "literal": lambda: mmv_bomp_literal(model, grid, grid, frame, atoms),
        "literal, one atom": lambda: mmv_bomp_literal(model, grid, grid, frame, 1),
        "literal, one more": lambda: mmv_bomp_literal(model, grid, grid, frame, 1 + atoms),
        "fast": lambda: fast(frame, atoms),
        "preparation": lambda: MmvBomp(DirectionDictionary(model, grid, grid)),
    }
    time = in_turns(contestants, rounds=effort.long_rounds, turn=effort.turn)
    memory = {name: peak_memory(contestants[name]) for name in ("literal", "fast", "preparation")}
    # Each further atom costs the same, so this is the literal form with its matrices at hand.
    at_hand = time["literal, one more"] - time["literal, one atom"]
    settings = {
        "G": points,
        "Ms": model.shape[0],
        "Nsc": model.shape[1],
        "Nrf": model.shape[2],
        "atoms": atoms,
    }

    def line(what: str, value: float, unit: str, other: str = "", of: float = 0.0) -> Result:
        ratio = of / value if other else None
        return Result(f"Algorithm 1, {what}", value, unit, ratio, other or None, settings)

    literal, fast_time = time["literal"] * 1e3, time["fast"] * 1e3
    most, least = memory["literal"] / MIB, memory["fast"] / MIB
    return [
        line("literal", literal, "ms"),
        line("fast", fast_time, "ms", "literal", literal),
        line("fast", fast_time, "ms", "literal, its matrices at hand", at_hand * 1e3),
        line("literal, memory", most, "MiB"),
        line("fast, memory", least, "MiB", "literal", most),
        line("fast, prepared once", time["preparation"] * 1e3, "ms"),
        line("fast, memory prepared once", memory["preparation"] / MIB, "MiB"),
    ]


def fixes(effort: Effort) -> list[Result]:
    """Fixes of one path: estimate and position, without and with error and bound beside it."""
    scenario = load_scenario("paper", ECHO_ALONE)
    estimator = build_estimator(scenario)
    locator = bistatic.locator(scenario)
    frames = frames_of(scenario)

    def fix() -> None:
        paths = estimator.estimate(next(frames)).paths
        locator.locate(paths.arrival[0], float(paths.delay[0]))

    def fix_with_bound() -> None:
        bistatic.locate(scenario, estimator.estimate(next(frames)), 0)

    both = load_scenario("paper")
    beside_direct = build_estimator(both)
    direct = synthesize(snapshot_model(both), true_paths(both, 0)) - synthesize(
        snapshot_model(both), true_paths(both, 0, 1)
    )

    def fix_beside_direct() -> None:
        bistatic.locate(both, beside_direct.estimate(next(frames) + direct), 0)

    time = in_turns(
        {"alone": fix, "with bound": fix_with_bound, "beside direct": fix_beside_direct},
        rounds=effort.rounds,
        turn=4 * effort.turn,
    )
    settings = {"Ms": 8, "Nsc": 32, "Nrf": 8, "paths": 1, "snr_db": SNR_DB}
    period = scenario.numerology.frame_period / scenario.sample_rate
    return [
        Result("off-grid fix", time["alone"] * 1e3, "ms", None, None, settings),
        Result("off-grid fixes", 1 / time["alone"], "1/s", None, None, settings),
        Result(
            "off-grid fix with covariance, error and bound",
            time["with bound"] * 1e3,
            "ms",
            period / time["with bound"],
            "real time at a frame every 1 ms",
            settings,
        ),
        Result(
            "the same beside a direct path that is taken off",
            time["beside direct"] * 1e3,
            "ms",
            period / time["beside direct"],
            "real time at a frame every 1 ms",
            settings,
        ),
    ]


def growth(effort: Effort) -> list[Result]:
    """Time of an estimate against grid, symbols, chains and paths, one changed at a time."""
    few = effort.quick
    sweeps: list[tuple[str, str, tuple[int, ...]]] = [
        ("Ms", "numerology.symbols", (8,) if few else (8, 4, 16, 32)),
        ("Nrf", "beams.chains", (4, 2) if few else (8, 4, 16)),
        ("paths", "estimator.max_paths", (1,) if few else (1, 2, 3)),
        ("G", "estimator.grid_points", (8,) if few else (16, 8, 12, 24, 32)),
    ]
    results = []
    for kind in ("off-grid", "mmv-bomp"):
        for symbol, key, values in sweeps:
            if kind == "off-grid" and symbol == "G":
                continue  # it has no such grid
            contestants = {}
            for value in values:
                scenario = load_scenario(
                    "paper", {**ECHO_ALONE, "estimator.kind": kind, key: value}
                )
                contestants[value] = _estimates(scenario)
            time = in_turns(contestants, rounds=min(3, effort.rounds), turn=effort.turn)
            for value in sorted(values):
                results.append(
                    Result(
                        f"{kind} estimate, {symbol} = {value}",
                        time[value] * 1e3,
                        "ms",
                        time[value] / time[values[0]],
                        f"the time at {symbol} = {values[0]}",
                        {"G": 16, "Ms": 8, "Nrf": 8, "paths": 1, "snr_db": SNR_DB, symbol: value},
                    )
                )
    return results


def _estimates(scenario: Scenario) -> Callable[[], Any]:
    estimator = build_estimator(scenario)
    frames = frames_of(scenario, bistatic.settings_of(scenario).max_paths - 1)
    return lambda: estimator.estimate(next(frames))
