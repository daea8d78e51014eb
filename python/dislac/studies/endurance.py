# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the receiver hold out gaps, overflows, NaN, level steps and fades?

Only what the synchronizer looks at is made, so that ten minutes of signal take a few.
"""

import resource
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..channel import synthesize
from ..scenario import Scenario, load_scenario, parse_scenario
from ..scenario.reception import HELD, synchronizer
from ..scenario.routes import snapshot_model
from ..scenario.truth import true_paths
from ..simulation import complex_normal, impaired_scene
from ..synchronization import DirectPathSynchronizer, Mark
from ..waveform import modulate
from .runner import (
    Curve,
    Plot,
    Point,
    Results,
    Row,
    Study,
    Table,
    bootstrap_interval,
    study_command,
)

__all__ = ["EVENTS", "Endurance", "Signal", "endurance", "endure", "main", "trial"]

EVENTS = ("gap", "overflow", "NaN burst", "level step", "fade")
"""Samples that are missing, unreported; samples that are missing, with a tag; values that are not
finite; 40 dB more or less; a direct path that is 60 dB weaker for a while."""


@dataclass
class Endurance:
    """Outcome.

    Parameters
    ----------
    frames_to_lock
        For each kind of event, frames from its end until the next that leaves.
    used, lost, skipped
        Frames by what became of them.
    astray
        Frames that left while not locked, or not where a frame was.
    last
        Index after the last frame that was accounted for.
    growth
        Of the memory in use from the first tenth to the end [bytes].
    """

    frames_to_lock: dict[str, list[float]] = field(default_factory=dict)
    used: int = 0
    lost: int = 0
    skipped: int = 0
    astray: int = 0
    last: int = 0
    growth: int = 0


class Signal:
    """Receive streams, made where they are looked at."""

    def __init__(self, scene: Scenario, rng: np.random.Generator) -> None:
        n, front_end = scene.numerology, scene.front_end
        assert front_end is not None
        self._scene = scene
        self._room = 64
        self._length = scipy.fft.next_fast_len(n.frame_length + 2 * self._room)
        self._spectra: dict[int, NDArray[np.complex64]] = {}
        noise = complex_normal((scene.chains, 65_536), rng, 1 / (scene.channel.snr or 1.0))
        self._noise = noise.astype(np.complex64)
        self._rng = rng
        self.rate, self.period = n.sample_rate, n.frame_period * (1 + front_end.clock_offset)
        self.carrier = front_end.carrier_offset
        self.origin = front_end.start_offset  # where a frame begins
        self.level = 1.0  # after the last step
        self.steps: list[tuple[int, float]] = []  # level from a sample on
        self.fades: list[tuple[int, int]] = []
        self.bursts: list[tuple[int, int]] = []

    def place(self, sample: float) -> float:
        """Place at which the frame nearest to a sample begins."""
        return float(self.origin + self.period * np.round((sample - self.origin) / self.period))

    def _spectrum(self, index: int) -> NDArray[np.complex64]:
        """(chains, length) of a frame, as the paths are in frame `index`."""
        if index not in self._spectra:
            scene, n, pilots = self._scene, self._scene.numerology, self._scene.pilots
            model = snapshot_model(scene)
            frame = synthesize(model, true_paths(scene, index)).transpose(2, 0, 1)
            grid = np.zeros((scene.chains, n.symbols, n.subcarriers), np.complex128)
            grid[:, pilots.symbols[:, None], pilots.subcarriers] = frame * pilots.scrambling[0]
            padded = np.zeros((scene.chains, self._length), complex)
            padded[:, self._room : self._room + n.frame_length] = modulate(grid, n)
            # Only what was made last can be wanted again.
            self._spectra = dict(list(self._spectra.items())[-1:])
            self._spectra[index] = scipy.fft.fft(padded).astype(np.complex64)
        return self._spectra[index]

    def samples(self, start: int, length: int) -> NDArray[np.complex64]:
        """Samples from `start` on."""
        shift = int(self._rng.integers(self._noise.shape[1]))
        out = np.take(self._noise, np.arange(shift, shift + length), axis=1, mode="wrap")
        first = np.ceil((start - self._length - self.origin) / self.period)
        last = np.floor((start + length + self._room - self.origin) / self.period)
        for k in np.arange(first, last + 1):
            begin = self.origin + k * self.period
            whole = int(np.floor(begin))
            turns = -2j * np.pi * (begin - whole) * scipy.fft.fftfreq(self._length)
            spectrum = self._spectrum(int(k) - int(k) % HELD)
            frame = scipy.fft.ifft(spectrum * np.exp(turns).astype(np.complex64))
            here = whole - self._room - start
            a, b = max(here, 0), min(here + self._length, length)
            if a < b:
                faded = any(x <= begin < y for x, y in self.fades)
                out[:, a:b] += np.float32(1e-3 if faded else 1.0) * frame[:, a - here : b - here]
        time = np.arange(start, start + length) % round(self.rate)
        out *= np.exp(2j * np.pi * self.carrier / self.rate * time).astype(np.complex64)
        for begin, level in self.steps:
            out[:, max(begin - start, 0) :] *= np.float32(level)
        for begin, end in self.bursts:
            out[0, max(begin - start, 0) : max(end - start, 0)] = np.nan
        return out


def endure(scenario: Scenario, seconds: float, rng: np.random.Generator) -> Endurance:
    """Runs the scenario's synchronizer over events that come about twice a second.

    Parameters
    ----------
    scenario
        With synchronization on the direct path.
    seconds
        Of signal.
    """
    scene = impaired_scene(scenario, 38.0, rng)
    signal = Signal(scene, rng)
    found, rate = synchronizer(scene), scene.sample_rate
    assert isinstance(found, DirectPathSynchronizer)
    period, end = scene.numerology.frame_period, int(seconds * rate)
    result = Endurance({kind: [] for kind in ("start", *EVENTS)})
    kind, since = "start", 0
    clock = 0.0  # samples that were missing so far
    found.mark(Mark(0, (0, 0.0)))
    due, early = int(rng.uniform(0.3, 0.7) * rate), 0
    while (window := found.window) is not None and window.start < end:
        if window.start + window.length > due:
            kind = EVENTS[int(rng.integers(len(EVENTS)))]
            since = due
            if kind in ("gap", "overflow"):
                missing = int(rng.integers(1, 3 * period))
                signal.origin -= missing
                clock += missing
                if kind == "overflow":
                    time = (due + clock) / rate
                    found.mark(Mark(due, (int(time), time - int(time))))
                else:
                    # Nobody knows; a tag that comes later would say so.
                    clock -= missing
            elif kind == "NaN burst":
                since += int(10 ** rng.uniform(1, 5.5))
                signal.bursts = [(due, since)]
            elif kind == "level step":
                # from where the last one has left it
                signal.steps = [(0, signal.level), (due, 1e-2 if signal.level == 1 else 1e2)]
                signal.level *= signal.steps[1][1]
            else:
                since += int(rng.uniform(5e-3, 0.25) * rate)
                signal.fades = [(due, since)]
            due = since + int(rng.uniform(0.3, 0.7) * rate)
            continue
        aligned = found.take(signal.samples(*window))
        for event in found.events:
            if event.name == "frames_lost":
                result.lost += int(event.details["count"])
        found.events.clear()
        if aligned is None:
            continue
        result.used += 1
        begin = aligned.start + aligned.delay
        result.astray += int(found.state != "locked" or abs(begin - signal.place(begin)) > 0.1)
        if kind and begin >= since:
            result.frames_to_lock[kind].append(float((begin - since) / period))
            kind = ""
        if begin > end / 10 and not early:
            early = _memory()
    result.skipped, result.last = found.frames_skipped, found.accounted
    result.growth = _memory() - early
    return result


def _memory() -> int:
    """Most memory that was ever in use [bytes]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def trial(text: str, seconds: float, point: Point, rng: np.random.Generator) -> Row:
    """Run a receiver through some time of trouble.

    Parameters
    ----------
    text
        Of the scenario, with synchronization on the direct path.
    seconds
        Of signal.
    point
        `every`: every n-th frame is used.
    rng
        Of scene, receiver, noise and events.

    Returns
    -------
    dict
        Fields of `Endurance`.
    """
    scenario = parse_scenario(text).with_({"estimator.every": point["every"]})
    return vars(endure(scenario, seconds, rng))


def tables(results: Results) -> list[Table]:
    """Frames from the end of an event to the next that leaves, and what became of all frames."""
    events, frames = [], []
    growth = 0
    for point, trials in results:
        for kind in ("start", *EVENTS):
            found = [value for row in trials for value in row["frames_to_lock"][kind]]
            if found:
                median = float(np.median(found)), *bootstrap_interval(found, np.median)
                events.append((kind, point["every"], len(found), *median, max(found)))
        sums = [sum(row[key] for row in trials) for key in ("used", "lost", "skipped")]
        total, last, astray = (
            sum(sums),
            *(sum(row[key] for row in trials) for key in ("last", "astray")),
        )
        frames.append((point["every"], *sums, total, last, astray))
        growth = max(growth, *(row["growth"] for row in trials))
    return [
        Table(
            ("event", "one frame in", "times", "median", "from", "to", "most"),
            events,
            ("", "d", "d", ".1f", ".1f", ".1f", ".1f"),
            notes=(
                "frames from the end of an event to the next that leaves;",
                "from, to: 95 % intervals, bootstrap of the events",
            ),
        ),
        Table(
            ("one frame in", "used", "lost", "skipped", "together", "of", "astray"),
            frames,
            ("d",) * 7,
            "frames",
            (
                "astray: left while not locked, or not where a frame was;",
                f"memory grew by {growth / 2**20:.1f} MiB at most, from a tenth of a trial on",
            ),
        ),
    ]


def endurance(source: str = "paper", seconds: float = 60.0, every: tuple[int, ...] = (4,)) -> Study:
    """Put the study together.

    Parameters
    ----------
    source
        Scenario.
    seconds
        Of signal, in each trial.
    every
        Every n-th frame is used.
    """
    text = load_scenario(source, {"synchronization.reference": "direct-path"}).text
    points = [{"every": count} for count in every]
    settings = {"scenario": text, "seconds": seconds}
    plot = Plot(
        "event",
        (Curve("median", "from", "to"), Curve("most")),
        label="frames to the next lock",
        by=("one frame in",) if len(points) > 1 else (),
        log_y=False,
        note="bars: 95 % bootstrap intervals",
    )
    return Study("endurance", points, partial(trial, text, seconds), tables, settings, plot)


@study_command(trials=10, of="Receivers that are started.")
@click.argument("source", metavar="[SCENARIO]", default="paper")
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 1e6),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Signal of each [s].",
)
@click.option(
    "--every",
    multiple=True,
    type=click.IntRange(1, 10**6),
    default=(4,),
    show_default=True,
    metavar="N",
    help="Use one frame in N; may be repeated.",
)
def main(**options: Any) -> Study:
    """Minutes of trouble for a receiver that goes by the direct path."""
    return endurance(**options)
