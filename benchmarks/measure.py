# SPDX-License-Identifier: GPL-3.0-or-later
"""How benchmarks measure: in turns, and by the median."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

__all__ = ["Effort", "Result", "in_turns", "peak_memory"]

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Parameters
    ----------
    name
        what was measured.
    value, unit
        what came out.
    ratio
        of this value to another one of the same run, or to real time; None for none.
    against
        what that other one is.
    settings
        what it depends on.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Parameters
    ----------
    quick
        as little as shows that everything runs.
    turn
        least time a contestant gets in each round [s].
    rounds
        rounds of short contestants.
    long_rounds
        rounds of contestants that take seconds.
    """

    quick: bool = False

    @property
    def turn(self) -> float:
        return 0.0 if self.quick else 0.05

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 7

    @property
    def long_rounds(self) -> int:
        return 1 if self.quick else 3


def in_turns(
    contestants: Mapping[Name, Callable[[], Any]],
    *,
    rounds: int,
    turn: float = 0.0,
    clock: Callable[[], float] = time.thread_time,
) -> dict[Name, float]:
    """Median time of a call of each contestant [s].

    In each round every contestant is called once, and again until its turn is over; so what else
    the machine does meanwhile falls on all of them. A round before the first is not counted.

    Parameters
    ----------
    contestants
        functions by name.
    rounds
        how many rounds count.
    turn
        least time of a contestant in a round [s].
    clock
        default the processor time of this thread, which other programs disturb little;
        `time.perf_counter` where several threads work.
    """
    times: dict[Name, list[float]] = {name: [] for name in contestants}
    for call in contestants.values():
        call()
    for _ in range(rounds):
        for name, call in contestants.items():
            begin = now = clock()
            while now == begin or now - begin < turn:
                last = now
                call()
                now = clock()
                times[name].append(now - last)
    return {name: float(np.median(values)) for name, values in times.items()}


def peak_memory(call: Callable[[], Any]) -> int:
    """The most that a call holds at once beyond what there was before [bytes]."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
