# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed on the clock: one path beside GNU Radio's own block, and the whole chain."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from estimators import build_estimator
from gnuradio import blocks, channels, gr
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.blocks.channel.leo_channel import leo_channel
from gnuradio.dislac.blocks.flowgraphs import Receiver, replay_flowgraph, run_flowgraph
from gnuradio.dislac.dsp import CHUNK
from gnuradio.dislac.estimation import Estimator
from gnuradio.dislac.io import RecordingReader
from gnuradio.dislac.scenario import Scenario, emulation, load_scenario, timing
from gnuradio.dislac.systems import bistatic
from kernels import FOUR_PATHS, SCENE, random_samples
from measure import Effort, Result

__all__ = ["one_path", "receiver_alone", "whole_chain"]

SINUSOIDS, TAPS = 8, 8
"""Of `selective_fading_model`, as its documentation and its defaults in Companion have them."""


class _Stream(gr.top_block):
    """That number of samples of noise through a block."""

    def __init__(self, block: Any, count: int) -> None:
        gr.top_block.__init__(self)
        self.source = blocks.vector_source_c(random_samples(1, 16 * CHUNK)[0], True)
        self.head = blocks.head(gr.sizeof_gr_complex, count)
        self.block = block
        self.sink = blocks.null_sink(gr.sizeof_gr_complex)
        self.head.set_min_output_buffer(8 * CHUNK)
        self.connect(self.source, self.head, self.block, self.sink)


Run = Callable[[], Any]


def _clocked(prepare: Mapping[Hashable, Callable[[], Run]], rounds: int) -> dict[Any, np.ndarray]:
    """Median (time on the clock, processor time) [s] of what each of these prepares, in turns.

    Flowgraphs are made again for every round, off the clock.
    """
    spent: dict[Hashable, list[tuple[float, float]]] = {name: [] for name in prepare}
    for _ in range(rounds):
        for name, make in prepare.items():
            run = make()
            clock, processor = time.perf_counter(), time.process_time()
            run()
            spent[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {name: np.median(values, axis=0) for name, values in spent.items()}


def one_path(effort: Effort) -> list[Result]:
    """One path, one stream, against that of `selective_fading_model`, in like flowgraphs."""
    count = CHUNK * (16 if effort.quick else 512)
    scenario = load_scenario(
        "paper",
        {
            "beams": {"chains": 1, "kind": "element"},
            "nodes.transmitter.array": {"nx": 1, "ny": 1},
            "nodes.receiver.array": {"nx": 1, "ny": 1},
            "channel.noise": {},
        },
    )
    doppler = 175e3 / scenario.sample_rate

    def theirs() -> Run:
        fading = channels.selective_fading_model(
            SINUSOIDS, doppler, False, 4.0, 1, (0.0,), (1.0,), TAPS
        )
        return _Stream(fading, count).run

    def ours() -> Run:
        return _Stream(leo_channel(scenario), count).run

    spent = _clocked({"theirs": theirs, "ours": ours}, effort.long_rounds)
    msps = {name: count / clock / 1e6 for name, (clock, _) in spent.items()}
    name = "channels.selective_fading_model"
    settings = {"streams": 1, "paths": 1, "noise": False, "samples": count}
    return [
        Result(
            f"one path, {name}",
            msps["theirs"],
            "Msps",
            settings=settings | {"sinusoids": SINUSOIDS, "taps": TAPS},
        ),
        Result(
            "one path, leo_channel",
            msps["ours"],
            "Msps",
            msps["ours"] / msps["theirs"],
            name,
            settings,
        ),
    ]


# Couplings, how often frames are sent, whether noise comes from a pool.
EMULATED = (
    ("physical", "every 1 ms", True),
    ("physical", "every 1 ms", False),
    ("paired", "every 1 ms", True),
    ("physical", "back to back", True),
)
# Samples from frame to frame, and one frame in how many is used: some thirty fixes a second.
FRAMES = {"every 1 ms": (7680, 32), "back to back": (640, 400)}
LIVE_EVERY = 64
"""Fifteen fixes a second are more than a person can follow."""


def whole_chain(effort: Effort) -> list[Result]:
    """Real-time factors of the whole chain, and of the receiver on a recording."""
    seconds = 0.05 if effort.quick else 2.0
    scenarios = {
        (coupling, name, pool): load_scenario(
            "paper",
            {
                "beams.coupling": coupling,
                "channel.paths": FOUR_PATHS,
                "channel.noise": {"snr_db": 0, "pool": pool},
                "numerology.frame_period": FRAMES[name][0],
                "estimator.every": FRAMES[name][1],
            },
        )
        for coupling, name, pool in EMULATED
    }
    with TemporaryDirectory(prefix="dislac-bench-") as folder, _estimators_made_once():
        prepare: dict[Hashable, Callable[[], Run]] = {}
        for key, scenario in scenarios.items():
            prepare["run", *key] = partial(_prepare_run, scenario, seconds)
        for name in FRAMES:
            key = "physical", name, True
            base = Path(folder, name.replace(" ", "-"))
            frames = _frames(scenarios[key], seconds)
            run_flowgraph(scenarios[key], frames=frames, record=base).run()
            prepare["replay", *key] = partial(_prepare_replay, base)
        spent = _clocked(prepare, effort.long_rounds)
    results = []
    for (what, *key), (clock, processor) in spent.items():
        scenario = scenarios[tuple(key)]
        coupling, name, pool = key
        settings = {
            "chains": scenario.chains,
            "paths": len(scenario.channel.paths),
            "sample_rate": scenario.sample_rate,
            "frame_period": scenario.numerology.frame_period,
            "one_frame_in": scenario.synchronization.every,
            "noise_from_pool": pool,
            "seconds": seconds,
        }
        noise = ", pooled noise" if pool and what == "run" else ""
        title = f"{what}, {coupling}, frames {name}{noise}"
        factor = seconds / clock
        results += [
            Result(title, factor, "s/s", factor, "real time at 7.68 Msps", settings),
            Result(f"{title}, processor time", processor / seconds, "s/s", None, None, settings),
        ]
    return results


class _Memory(gr.sync_block):
    """The same samples over and over again, out of memory, and the tags of their frames."""

    def __init__(self, samples: np.ndarray, period: int, first: int, end: int) -> None:
        gr.sync_block.__init__(self, "memory", None, [np.complex64] * len(samples))
        self.samples, self.period, self.first, self.end = samples, period, first, end
        self.set_min_output_buffer(4 * CHUNK)

    def work(self, input_items, output_items):  # type: ignore[no-untyped-def]
        begin = self.nitems_written(0)
        place = begin % self.samples.shape[1]
        count = min(len(output_items[0]), self.samples.shape[1] - place, self.end - begin)
        if count == 0:
            return -1
        for stream, row in zip(output_items, self.samples, strict=True):
            stream[:count] = row[place : place + count]
        for k in range(-(-max(0, begin - self.first) // self.period), self.end):
            if (start := self.first + k * self.period) >= begin + count:
                break
            self.add_item_tag(0, start, pmt_keys.FRAME, pmt_keys.frame_to_tag(k))
        return count


class _ReceiverAlone(Receiver):
    def __init__(self, scenario: Scenario, seconds: float) -> None:
        super().__init__("receiver alone", scenario, None, None)
        period = scenario.numerology.frame_period
        link, chunks = emulation.link(scenario), -(-16 * period // CHUNK) + 2
        samples = np.empty((scenario.chains, chunks * CHUNK), np.complex64)
        for k in range(chunks):
            link.receive(list(samples[:, k * CHUNK : (k + 1) * CHUNK]))
        # whole periods that begin with a frame
        begin = timing.first_arrival(scenario) - period // 2
        end = round(seconds * scenario.sample_rate)
        self.source = _Memory(samples[:, begin : begin + 16 * period], period, period // 2, end)
        self.connect_chains(self.source, self.demodulator)


def receiver_alone(effort: Effort) -> list[Result]:
    """The receiver on samples out of memory, and the whole chain with its live view."""
    seconds = 0.1 if effort.quick else 4.0
    # The samples are the same again and again: the satellite stands still.
    own = {"estimator.every": LIVE_EVERY, "nodes.transmitter.velocity": [0, 0, 0]}
    scenarios = {
        reference: load_scenario("paper", SCENE | own | {"synchronization.reference": reference})
        for reference in ("tags", "direct-path")
    }
    prepare = {
        name: (lambda scenario=scenario: _ReceiverAlone(scenario, seconds).run)
        for name, scenario in scenarios.items()
    }
    with _estimators_made_once():
        spent = _clocked(prepare, effort.long_rounds)
    settings = {"chains": 8, "frame_period": 7680, "one_frame_in": LIVE_EVERY, "seconds": seconds}
    real = "real time at 7.68 Msps"
    results = []
    for name, (clock, processor) in spent.items():
        title = f"receiver alone, frames by {name}, every 1 ms"
        results += [
            Result(title, seconds / clock, "s/s", seconds / clock, real, settings),
            Result(f"{title}, processor time", processor / seconds, "s/s", None, None, settings),
        ]
    seconds = 0.25 if effort.quick else 60.0
    script = Path(__file__).with_name("live.py")
    command = [sys.executable, str(script), "--seconds", str(seconds), "--every", str(LIVE_EVERY)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    live = json.loads(done.stdout)
    if live["frames_lost"] or live["frames_used"] + live["frames_skipped"] != live["frames_sent"]:
        raise RuntimeError(f"frames got lost: {live}")
    settings = {"chains": 8, "paths": 4, "frame_period": 7680, "one_frame_in": LIVE_EVERY}
    settings |= {"noise_from_pool": True, "seconds": seconds, "frames": live["frames_sent"]}
    title = "run with live view, physical, frames every 1 ms, pooled noise"
    return [
        *results,
        Result(title, live["factor"], "s/s", live["factor"], real, settings),
        Result(f"{title}, processor time", live["processor"], "s/s", None, None, settings),
    ]


def _frames(scenario: Scenario, seconds: float) -> int:
    return round(seconds * scenario.sample_rate / scenario.numerology.frame_period)


def _prepare_run(scenario: Scenario, seconds: float) -> Run:
    frames = _frames(scenario, seconds)
    graph = run_flowgraph(scenario, frames=frames)

    def run() -> None:
        graph.run()
        _check(graph, frames)

    return run


def _prepare_replay(base: Path) -> Run:
    graph = replay_flowgraph(RecordingReader(base))

    def run() -> None:
        reader = RecordingReader(base)  # what opening it takes is part of it
        graph.run()
        _check(graph, len(reader.frames))

    return run


def _check(graph: Any, frames: int) -> None:
    """Nothing was gained by losing anything."""
    counters = graph.counters()
    used = -(-frames // graph.scenario.synchronization.every)
    if counters["frames_used"] != used or counters["frames_skipped"] != frames - used:
        raise RuntimeError(f"of {frames} frames some got lost: {counters}")


@contextmanager
def _estimators_made_once() -> Iterator[None]:
    """Flowgraphs of one scenario get the same estimator: making one takes seconds."""
    make, made = bistatic.estimator, {}

    def estimator(scenario: Scenario) -> Estimator:
        if scenario.text not in made:
            made[scenario.text] = build_estimator(scenario, make)
        return made[scenario.text]

    bistatic.estimator = estimator
    try:
        yield
    finally:
        bistatic.estimator = make
