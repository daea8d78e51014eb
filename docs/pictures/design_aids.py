# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the pictures of docs/design_aids.md: many_satellites, tradeoff, folds and waveforms.png."""

from pathlib import Path

import numpy as np
from gnuradio.dislac.channel.intercarrier import carrier_to_interference
from gnuradio.dislac.estimation.ambiguity import fold_probability, range_moduli
from gnuradio.dislac.geometry.zenith import SkyCap
from gnuradio.dislac.studies.ambiguity import (
    BASE_SPACING,
    FARTHEST,
    PAIRS,
    right_folds,
    right_folds_with_power,
)
from gnuradio.dislac.studies.delay_doppler import around, draw_sky, known_centre, uncompensated
from gnuradio.dislac.studies.waveforms import CHIRP, bit_errors
from gnuradio.dislac.waveform.tradeoff import SensingWaveform
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

IMAGES = Path(__file__).parents[1] / "images"
BLUE, RED, GREEN, INK, GRID = "#1b4f72", "#c0392b", "#1e8449", "#34495e", "#d5dbdf"
SPEED, CARRIER, PREFIX = 7500.0, 2e9, 1.6e-6


def new_figure(size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, title: str) -> None:
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(GRID)
    axes.set_title(title, fontsize=10, color=INK)


def many_satellites() -> Figure:
    rng = np.random.default_rng(8)
    sky = draw_sky(SkyCap(600e3, np.radians(5)), 200, SPEED, rng)
    scenes = [
        ("not compensated", uncompensated(sky, np.zeros(3), CARRIER)),
        ("for the beam's centre, 2.75 km away", known_centre(sky, around(2.75e3, rng, 1), CARRIER)),
        ("for the beam's centre, 10 km away", known_centre(sky, around(10e3, rng, 1), CARRIER)),
    ]
    figure = new_figure((11.0, 3.9))
    for axes, (title, rest) in zip(figure.subplots(1, 3, sharey=True), scenes, strict=True):
        delay, doppler = rest.delay[0] * 1e6, rest.doppler[0] / 1e3
        late = rest.delay[0] > PREFIX
        for chosen, color in ((late, RED), (~late, BLUE)):
            axes.plot(delay[chosen], doppler[chosen], "o", color=color, ms=4, mec="white", mew=0.4)
        axes.axvline(PREFIX * 1e6, color=RED, ls="--", lw=1.2)
        for spacing in (15e3, 60e3):
            for sign in (-1, 1):
                axes.axhline(sign * 0.1 * spacing / 1e3, color=INK, ls="--", lw=1.0)
            label = f"0.1 × {spacing / 1e3:g} kHz"
            plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            where = 7.25, 0.1 * spacing / 1e3
            axes.text(*where, label, ha="right", va="center", fontsize=8, color=INK, bbox=plate)
        axes.text(PREFIX * 1e6 + 0.1, -6.9, "prefix 1.6 µs", fontsize=8, color=RED)
        axes.set(xlabel="delay after the earliest [µs]", xlim=(-0.3, 7.4), ylim=(-7.3, 7.3))
        dress(axes, f"{title}: {np.mean(late):.0%} late")
    figure.axes[0].set_ylabel("Doppler [kHz]")
    return figure


def tradeoff() -> Figure:
    figure = new_figure((7.6, 4.6))
    axes = figure.subplots()
    spacings = np.geomspace(1e3, 240e3, 60)
    waveforms = [SensingWaveform(CARRIER, spacing) for spacing in spacings]
    curves = [
        ("unambiguous range [m]", [w.unambiguous_range for w in waveforms], BLUE),
        (
            "unambiguous velocity [m/s], either sign",
            [w.unambiguous_velocity for w in waveforms],
            RED,
        ),
        ("range resolution [m], 1024 subcarriers", [w.range_resolution for w in waveforms], GREEN),
    ]
    for label, values, color in curves:
        axes.loglog(spacings / 1e3, values, color=color, lw=1.8)
        place = 10 if color != RED else 4
        at = np.argmin(np.abs(spacings - place * 1e3))
        axes.text(
            place, values[at] * (0.45 if color == RED else 1.35), label, color=color, fontsize=9
        )
    for value, text, color in ((100e3, "100 km", BLUE), (7500, "7.5 km/s", RED)):
        axes.axhline(value, color=color, ls=":", lw=1.0)
        axes.text(1.05 if color == RED else 232, value * 1.12, text, color=color, fontsize=8,
            ha="left" if color == RED else "right")  # fmt: skip
    axes.set(xlabel="subcarrier spacing [kHz]", xlim=(1, 240), ylim=(0.4, 3e5),
        xticks=[1, 1.5, 5, 15, 30, 60, 120, 240],
        xticklabels=["1", "1.5", "5", "15", "30", "60", "120", "240"])  # fmt: skip
    axes.minorticks_off()
    dress(axes, "2 GHz, symbols of 1 / spacing: range times velocity is the same everywhere")
    return figure


def folds() -> Figure:
    rng = np.random.default_rng(5)
    figure = new_figure((10.4, 4.2))
    left, right = figure.subplots(1, 2, sharey=True)
    deviations = np.geomspace(0.5, 300, 200)
    drawn = np.geomspace(0.5, 300, 12)
    for pair, color in zip(PAIRS[1:], (INK, GREEN, BLUE, RED, "#7d3c98"), strict=True):
        moduli = range_moduli(BASE_SPACING, pair)
        left.semilogx(deviations, fold_probability(moduli.unit, deviations), color=color, lw=1.5)
        shares = [right_folds(moduli, FARTHEST, one, 4000, rng) / 4000 for one in drawn]
        left.semilogx(drawn, shares, "o", color=color, ms=4.5, mec="white", mew=0.5,
            label=" / ".join(f"{k * BASE_SPACING / 1e3:g}" for k in pair) + " kHz")  # fmt: skip
    left.legend(frameon=False, fontsize=8, loc="lower left")
    left.set(xlabel="standard deviation of each range [m]", ylabel="right fold", xlim=(0.5, 300))
    dress(left, "two spacings, to 99.9 km: drawn (dots), erf(unit / 4σ) (lines)")
    drawn = np.geomspace(3, 300, 14)
    for pair, color in (((40, 41), BLUE), ((40, 49), RED)):
        moduli = range_moduli(BASE_SPACING, pair)
        shares = np.array([right_folds_with_power(moduli, d, 1.0, 2000, rng) for d in drawn]) / 2000
        name = " / ".join(f"{k * BASE_SPACING / 1e3:g}" for k in pair) + " kHz"
        right.semilogx(drawn, shares[:, 0], "o--", color=color, ms=4, lw=1.0, label=name)
        right.semilogx(drawn, shares[:, 1], "s-", color=color, ms=4, lw=1.6,
            label=f"{name}, and power to 1 dB")  # fmt: skip
    right.legend(frameon=False, fontsize=8, loc="lower left")
    right.set(xlabel="standard deviation of each range [m]", xlim=(3, 300), ylim=(0, 1.03))
    dress(right, "power distinguishes folds that lie far apart")
    return figure


def waveforms() -> Figure:
    frames = 300
    figure = new_figure((11.0, 4.0))
    errors, leak, bias = figure.subplots(1, 3)
    spreads = np.array([0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
    results = [bit_errors(frames, s, 100.0, np.random.default_rng(1)) for s in spreads]
    for name, text, color in (
        ("one_tap", "OFDM, one tap", RED),
        ("ofdm", "OFDM, LMMSE", BLUE),
        ("otfs", "OTFS, LMMSE", GREEN),
    ):
        rates = np.array([getattr(result, name) for result in results])
        mean, deviation = rates.mean(axis=1), rates.std(axis=1) / np.sqrt(frames)
        errors.errorbar(spreads, mean, np.minimum(deviation, 0.9 * mean), fmt="o-", color=color,
            ms=4, lw=1.4, capsize=2, label=text)  # fmt: skip
    errors.set_yscale("log")
    errors.set(xlabel="Doppler up to ± this share of the spacing", ylabel="bit error rate",
        ylim=(1e-6, 0.2))  # fmt: skip
    errors.legend(frameon=False, fontsize=8, loc="center right")
    dress(errors, "QPSK without code, four satellites, 20 dB")
    share = np.linspace(0.01, 0.5, 200)
    leak.plot(share, 10 * np.log10(carrier_to_interference(share)), color=RED, lw=1.6)
    leak.plot(0.1, 14.742, "o", color=INK, ms=5)
    leak.text(0.115, 15.5, "14.74 dB at 0.1", fontsize=8, color=INK)
    leak.set(xlabel="Doppler / subcarrier spacing", ylabel="carrier over interference [dB]",
        xlim=(0, 0.5), ylim=(-3, 36))  # fmt: skip
    dress(leak, "OFDM: leakage between subcarriers")
    rate = np.linspace(-7500, 7500, 31)
    up, down = CHIRP.beats(100e3, rate)
    for beat, text, color in ((up, "up-chirp", RED), (down, "down-chirp", BLUE)):
        bias.plot(rate / 1e3, CHIRP.apparent_range(beat) - 100e3, color=color, lw=1.6, label=text)
    bias.plot(rate / 1e3, CHIRP.solve(up, down)[0] - 100e3, color=GREEN, lw=1.6, label="both")
    bias.legend(frameon=False, fontsize=8, loc="upper center")
    bias.set(xlabel="range rate [km/s]", ylabel="range error [m]")
    dress(bias, "FMCW: 10 MHz in 1 ms at 2 GHz")
    return figure


def main() -> None:
    for draw in (many_satellites, tradeoff, folds, waveforms):
        draw().savefig(IMAGES / f"{draw.__name__}.png", dpi=110)


if __name__ == "__main__":
    main()
