# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/synchronization.png: a receiver that goes by the direct path through trouble,
and what direct-signal cancellation leaves."""

from pathlib import Path

import numpy as np
from gnuradio.dislac.estimation import DirectSignalCancellation
from gnuradio.dislac.scenario import Scenario, load_scenario
from gnuradio.dislac.scenario.reception import front_end, synchronizer
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.timing import first_arrival
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.simulation import received_stream
from gnuradio.dislac.synchronization import FrameReader, aligned_grid
from gnuradio.dislac.systems.bistatic import estimator
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

PICTURE = Path(__file__).parents[1] / "images" / "synchronization.png"
BLUE, RED, INK, GRID = "#1b4f72", "#c0392b", "#34495e", "#d5dbdf"
FRAMES = 60
COLORS = {"searching": "#f5cba7", "locked": "#d5f5e3", "lost": "#f5b7b1"}


def scene() -> Scenario:
    """The paper's scene with its direct path, heard by a receiver that is off by a lot."""
    return load_scenario(
        "paper",
        {
            "channel.paths": [{"kind": "echo"}, {"kind": "direct"}],
            "front_end.carrier_offset_hz": 15e3,
            "front_end.clock_offset_ppm": 20,
            "front_end.start_offset": 7_000,
            "synchronization.reference": "direct-path",
            "synchronization.coast_ms": 3,
        },
    )


def troubled(x: NDArray[np.complex64]) -> tuple[NDArray[np.complex64], list[tuple[float, str]]]:
    """A stream with a burst of NaN, a step of the level, a fade and a gap; where, in samples."""
    period, rng = 7_680, np.random.default_rng(1)
    x = x[:, : FRAMES * period].copy()
    x[:, 10 * period : 12 * period] = np.nan
    x[:, 20 * period :] *= 0.01
    fade = x[:, 28 * period : 36 * period]
    noise = rng.standard_normal((*fade.shape, 2)) @ [1, 1j]
    fade[:] = 0.01 * np.sqrt(0.5) * noise
    x = np.delete(x, np.s_[48 * period : 48 * period + 3_210], axis=1)
    places = [(10, "NaN"), (20, "-40 dB"), (28, "fade"), (48, "gap, unreported")]
    return x, [(place * period, name) for place, name in places]


def draw_lock(axes: Axes, made: Scenario, x: NDArray[np.complex64]) -> None:
    """Timing error of the frames that leave, and the state, over time."""
    x, trouble = troubled(x)
    found = synchronizer(made)
    assert found is not None
    reader = FrameReader(found, len(x))
    first, rate, hop = front_end(made), made.sample_rate, 640
    assert first is not None
    times, errors, states = [], [], [(0.0, "searching")]
    due = (first_arrival(made) + np.arange(FRAMES + 5) * 7_680) / rate
    for begin in range(0, x.shape[1], hop):
        part = list(x[:, begin : begin + hop])
        for frame, _ in reader.read(part, begin):
            place = frame.start + frame.delay
            true = first.sample(due) - (3_210 if place > trouble[-1][0] else 0)
            times.append(1e3 * place / rate)
            errors.append(1e9 * np.min(np.abs(place - true)) / rate)
        for event in found.events:
            if event.name == "sync":
                states.append((1e3 * begin / rate, event.details["state"]))
        found.events.clear()
    ends = [time for time, _ in states[1:]] + [1e3 * x.shape[1] / rate]
    for (begin, state), end in zip(states, ends, strict=True):
        axes.axvspan(begin, end, color=COLORS[state], lw=0)
        if end - begin > 4:
            axes.text((begin + end) / 2, 2.6, state, ha="center", va="bottom", color=INK, size=8)
    axes.semilogy(times, errors, "o", color=BLUE, ms=3.5)
    for place, name in trouble:
        axes.axvline(1e3 * place / rate, color=RED, lw=1.2)
        axes.text(1e3 * place / rate + 0.3, 0.0013, name, color=RED, size=8)
    axes.set_ylim(1e-3, 5)
    axes.set_xlim(0, 1e3 * x.shape[1] / rate)
    axes.set_xlabel("time [ms]")
    axes.set_ylabel("timing error [ns]")
    axes.set_title("Frames that leave, and the state", color=INK, size=10, loc="left")


def draw_cancellation(axes: Axes, made: Scenario, x: NDArray[np.complex64]) -> None:
    """Delay profiles of one frame before and after direct-signal cancellation, over the noise."""
    found, receiver = synchronizer(made), estimator(made)
    assert found is not None
    assert isinstance(receiver, DirectSignalCancellation)
    for frame, samples in FrameReader(found, len(x)).read(list(x), 0):
        grid = aligned_grid(samples, frame, made.numerology)
        before = made.pilots.descramble(grid, frame.index).astype(complex)
        after = receiver.cancel(before, frame.index)
        break
    model = snapshot_model(made)
    echo = true_paths(made, 0)
    delays = np.linspace(-0.3e-6, 2.1e-6, 600)
    kernel = np.exp(2j * np.pi * np.outer(model.frequencies, delays)) / len(model.frequencies)
    toward = model.response(echo.arrival[0], echo.departure[0])
    toward = toward.conj() / np.sqrt(np.sum(np.abs(toward) ** 2))
    for values, color, name in ((before, RED, "as received"), (after, BLUE, "direct path off")):
        profile = np.abs(np.einsum("mni,mi,nd->d", values, toward, kernel)) ** 2
        axes.plot(1e6 * delays, 10 * np.log10(profile), color=color, lw=1.6, label=name)
    axes.axvline(1e6 * echo.delay[0], color=INK, lw=1, ls=":")
    axes.text(1e6 * echo.delay[0] + 0.02, -33, "the target", color=INK, size=8)
    axes.axhline(10 * np.log10(1 / len(model.frequencies)), color=INK, lw=1, ls="--")
    axes.text(-0.4, -16, "noise", color=INK, size=8, va="top")
    axes.set_ylim(-35, None)
    axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("residual delay [µs]")
    axes.set_ylabel("power towards the target [dB]")
    axes.set_title("One frame, beams of the target", color=INK, size=10, loc="left")


def main() -> None:
    made = scene()
    x = received_stream(made, FRAMES + 2)
    figure = Figure(figsize=(9.6, 3.8), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    draw_lock(left, made, x)
    draw_cancellation(right, made, x)
    for axes in (left, right):
        axes.grid(color=GRID, lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=130)


if __name__ == "__main__":
    main()
