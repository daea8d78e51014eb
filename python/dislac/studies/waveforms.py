# SPDX-License-Identifier: GPL-3.0-or-later
"""What does Doppler do to OFDM, to OTFS and to FMCW?

Bit errors of uncoded QPSK over paths from several satellites, with the channel known, and the
range error of a chirp.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..channel.intercarrier import carrier_to_interference, symbol_channels
from ..geometry import SPEED_OF_LIGHT
from ..simulation import complex_normal
from ..waveform import Numerology
from ..waveform.fmcw import Chirp
from ..waveform.otfs import delay_doppler_grid, time_frequency_grid
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
    trial_only,
)

__all__ = [
    "BitErrors",
    "bit_errors",
    "equalize_lmmse",
    "equalize_one_tap",
    "main",
    "satellite_paths",
    "trial",
    "waveforms",
]

Complex = NDArray[np.complexfloating]

FRAME = Numerology(
    carrier_frequency=2e9,
    subcarrier_spacing=60e3,
    fft_size=64,
    cyclic_prefix=16,
    subcarriers=64,
    symbols=8,
    frame_period=640,
)
"""64 subcarriers by 8 symbols, every bin in use."""

CHIRP = Chirp(carrier_frequency=2e9, bandwidth=10e6, duration=1e-3)

_BATCH = 32
"""Frames whose channel matrices are in memory at a time."""


@dataclass(frozen=True, eq=False)
class BitErrors:
    """Bit error rates of each frame, (frames,): the same bits, channel and noise for all three.

    Parameters
    ----------
    one_tap
        OFDM, each subcarrier equalized by itself.
    ofdm
        OFDM, all subcarriers of a symbol equalized together (LMMSE).
    otfs
        OTFS, equalized like `ofdm` before its spreading is undone.
    """

    one_tap: NDArray[np.float64]
    ofdm: NDArray[np.float64]
    otfs: NDArray[np.float64]


def satellite_paths(
    frames: int, paths: int, spread: float, numerology: Numerology, rng: np.random.Generator
) -> tuple[Complex, NDArray[np.float64], NDArray[np.float64]]:
    """Gains, delays [s] and Dopplers [Hz], each (frames, paths), of satellites in line of sight.

    Equal powers, one in all, with random phases; delays uniform over what the prefix holds;
    Dopplers uniform up to `spread` subcarrier spacings either way.
    """
    shape = frames, paths
    gain = np.exp(2j * np.pi * rng.uniform(size=shape)) / np.sqrt(paths)
    room = (numerology.shortest_prefix - numerology.window_advance) / numerology.sample_rate
    delay = rng.uniform(0.0, room, size=shape)
    doppler = spread * numerology.subcarrier_spacing * rng.uniform(-1.0, 1.0, size=shape)
    return gain, delay, doppler


def equalize_one_tap(received: Complex, channels: Complex) -> Complex:
    """Elements (..., Ms, Nsc), each divided by its own channel; channels (..., Ms, Nsc, Nsc)."""
    return np.asarray(received / np.diagonal(channels, axis1=-2, axis2=-1))


def equalize_lmmse(received: Complex, channels: Complex, noise_power: float) -> Complex:
    """Linear estimate of least mean square error of unit-power elements (..., Ms, Nsc)."""
    adjoint = np.conj(np.swapaxes(channels, -1, -2))
    normal = adjoint @ channels + noise_power * np.eye(channels.shape[-1])
    return np.asarray(np.linalg.solve(normal, adjoint @ received[..., None])[..., 0])


def bit_errors(
    frames: int,
    spread: float,
    snr: float,
    rng: np.random.Generator,
    *,
    paths: int = 4,
    numerology: Numerology = FRAME,
) -> BitErrors:
    """Bit error rates over random channels.

    Parameters
    ----------
    frames
        How many, each with its own channel.
    spread
        Greatest Doppler, in subcarrier spacings.
    snr
        Power of a received element over that of its noise.
    paths
        Satellites that send the same frame.
    """
    batches = [min(_BATCH, frames - start) for start in range(0, frames, _BATCH)]
    rates = [_batch(size, spread, snr, rng, paths, numerology) for size in batches]
    return BitErrors(*np.concatenate(rates, axis=-1))


def _batch(
    frames: int,
    spread: float,
    snr: float,
    rng: np.random.Generator,
    paths: int,
    numerology: Numerology,
) -> NDArray[np.float64]:
    """(3, frames) bit error rates."""
    channels = symbol_channels(*satellite_paths(frames, paths, spread, numerology, rng), numerology)
    shape = frames, numerology.symbols, numerology.subcarriers, 2
    bits = rng.integers(0, 2, size=shape)
    sent = (1 - 2 * bits) @ np.array([1, 1j]) / np.sqrt(2)
    noise = complex_normal(shape[:-1], rng, 1 / snr)
    ofdm = (channels @ sent[..., None])[..., 0] + noise
    otfs = (channels @ time_frequency_grid(sent)[..., None])[..., 0] + noise
    decided = np.stack(
        [
            equalize_one_tap(ofdm, channels),
            equalize_lmmse(ofdm, channels, 1 / snr),
            delay_doppler_grid(equalize_lmmse(otfs, channels, 1 / snr)),
        ]
    )
    wrong = np.stack([decided.real < 0, decided.imag < 0], axis=-1) != bits
    return np.asarray(wrong.mean(axis=(-3, -2, -1)))


def trial(paths: int, snr_db: float, point: Point, rng: np.random.Generator) -> Row:
    """Send a frame over a random channel by each waveform.

    Parameters
    ----------
    paths
        Number of satellites.
    snr_db
        Power of a received element over that of its noise.
    point
        `spread`, the greatest Doppler in subcarrier spacings.
    rng
        Of channel, bits and noise.

    Returns
    -------
    dict
        Bit error rates, by the fields of `BitErrors`.
    """
    found = bit_errors(1, point["spread"], 10 ** (snr_db / 10), rng, paths=paths)
    return {name: float(rates[0]) for name, rates in vars(found).items()}


NAMES = "one tap", "LMMSE", "OTFS"
"""OFDM with either equalizer, OTFS with the second."""


def tables(results: Results) -> list[Table]:
    """Bit error rates by Doppler, and what a range rate does to a chirp."""
    rows = []
    for point, trials in results:
        cells: list[float | None] = []
        for name in ("one_tap", "ofdm", "otfs"):
            rates = np.array([row[name] for row in trials])
            cells += [float(rates.mean()), *bootstrap_interval(rates, np.mean)]
        rows.append((point["spread"], *cells))
    heading = (
        "Doppler / spacing",
        *(title for name in NAMES for title in (name, f"{name} from", f"{name} to")),
    )
    errors = Table(
        heading,
        rows,
        ("g", *[".1e"] * 9),
        notes=(
            f"bit error rates of QPSK without code, frames of {FRAME.symbols} x "
            f"{FRAME.subcarriers}: OFDM, one tap or LMMSE, and OTFS, LMMSE;",
            "from, to: 95 % intervals, bootstrap of the frames",
        ),
    )
    return [errors, _chirps()]


def _chirps() -> Table:
    """Beats of a chirp off a target at 100 km, and its range errors."""
    rows = []
    for rate in (10.0, 100.0, 1000.0, 7500.0):
        up, down = (float(beat) for beat in CHIRP.beats(100e3, rate))
        bias, rest = (
            float(r) - 100e3 for r in (CHIRP.apparent_range(up), CHIRP.solve(up, down)[0])
        )
        doppler = 2 * FRAME.carrier_frequency * rate / SPEED_OF_LIGHT
        kept = 10 * np.log10(carrier_to_interference(doppler / FRAME.subcarrier_spacing))
        # Of the pair a rounding error is left, which is not the same everywhere.
        rows.append((rate, up, down, bias, round(abs(rest), 6), float(kept)))
    heading = (
        "range rate [m/s]",
        "up [Hz]",
        "down [Hz]",
        "bias of up [m]",
        "of the pair [m]",
        "OFDM C/I [dB]",
    )
    note = (
        f"chirp of {CHIRP.bandwidth / 1e6:g} MHz in {CHIRP.duration * 1e3:g} ms and OFDM of "
        f"{FRAME.subcarrier_spacing / 1e3:g} kHz at {FRAME.carrier_frequency / 1e9:g} GHz, "
        "target at 100 km"
    )
    return Table(heading, rows, ("g", ".2f", ".2f", ".3f", ".3f", ".2f"), "chirp", (note,))


def waveforms(
    snr_db: float = 20.0,
    paths: int = 4,
    spread: tuple[float, ...] = (0, 0.05, 0.1, 0.2, 0.4),
) -> Study:
    """Put the study together; the parameters are the command's options."""
    points = [{"spread": float(value)} for value in spread]
    plot = Plot(
        "Doppler / spacing",
        (*(Curve(name, f"{name} from", f"{name} to") for name in NAMES),),
        label="bit error rate",
        note="bars: 95 % bootstrap intervals",
    )
    chosen = partial(trial, paths, snr_db)
    settings = {"snr_db": snr_db, "paths": paths}
    # The same channels, but for their Doppler.
    return Study("waveforms", points, chosen, tables, settings, plot, trial_only)


@study_command(trials=300, of="Frames of 1024 bits at each Doppler.")
@click.option(
    "--snr-db",
    type=click.FloatRange(-300, 300),
    default=20.0,
    show_default=True,
    metavar="DB",
    help="Signal-to-noise ratio of an element.",
)
@click.option(
    "--paths",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    metavar="N",
    help="Satellites that are received.",
)
@click.option(
    "--spread",
    multiple=True,
    type=click.FloatRange(0, 100),
    default=(0, 0.05, 0.1, 0.2, 0.4),
    show_default=True,
    metavar="SHARE",
    help="Greatest Doppler in subcarrier spacings; may be repeated.",
)
def main(**options: Any) -> Study:
    """Bit errors of OFDM and OTFS, and range errors of FMCW, under Doppler."""
    return waveforms(**options)
