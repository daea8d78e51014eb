# SPDX-License-Identifier: GPL-3.0-or-later
"""What does Doppler do to OFDM, to OTFS and to FMCW?

Bit errors of uncoded QPSK over paths from several satellites, with the channel known, and the
range error of a chirp. Run with ``python -m gnuradio.dislac.studies.waveforms``.
"""

from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from ..channel.intercarrier import carrier_to_interference, symbol_channels
from ..geometry import SPEED_OF_LIGHT
from ..simulation import complex_normal
from ..waveform import Numerology
from ..waveform.fmcw import Chirp
from ..waveform.otfs import delay_doppler_grid, time_frequency_grid

__all__ = ["BitErrors", "bit_errors", "equalize_lmmse", "equalize_one_tap", "satellite_paths"]

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

    Args:
        one_tap: OFDM, each subcarrier equalized by itself.
        ofdm: OFDM, all subcarriers of a symbol equalized together (LMMSE).
        otfs: OTFS, equalized like `ofdm` before its spreading is undone.
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

    Args:
        frames: how many, each with its own channel.
        spread: greatest Doppler, in subcarrier spacings.
        snr: power of a received element over that of its noise.
        paths: satellites that send the same frame.
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


@click.command()
@click.option("--frames", default=300, show_default=True, help="Of 1024 bits, each rate.")
@click.option("--snr-db", default=20.0, show_default=True)
@click.option("--paths", default=4, show_default=True, help="Satellites that are heard.")
@click.option("--spread", "spreads", multiple=True, type=float, default=(0, 0.05, 0.1, 0.2, 0.4))
@click.option("--seed", default=1, show_default=True)
def main(frames: int, snr_db: float, paths: int, spreads: tuple[float, ...], seed: int) -> None:
    """OFDM, OTFS and FMCW under Doppler."""
    click.echo(
        f"QPSK without code, {paths} satellites of equal power, {snr_db:g} dB, {frames} frames of "
        f"{FRAME.symbols} x {FRAME.subcarriers}; bit error rate +- its standard error"
    )
    click.echo(f"{'Doppler / spacing':<18}{'OFDM one-tap':>22}{'OFDM LMMSE':>22}{'OTFS LMMSE':>22}")
    for spread in spreads:
        rng = np.random.default_rng(seed)  # the same channels, but for their Doppler
        result = bit_errors(frames, spread, 10 ** (snr_db / 10), rng, paths=paths)
        cells = (
            f"{rate.mean():.1e} +- {rate.std() / np.sqrt(frames):.0e}"
            for rate in vars(result).values()
        )
        click.echo(f"{f'+-{spread:g}':<18}" + "".join(f"{cell:>22}" for cell in cells))
    click.echo(
        f"\nChirp of {CHIRP.bandwidth / 1e6:g} MHz in {CHIRP.duration * 1e3:g} ms and OFDM of "
        f"{FRAME.subcarrier_spacing / 1e3:g} kHz at {FRAME.carrier_frequency / 1e9:g} GHz, "
        "target at 100 km"
    )
    click.echo(
        f"{'range rate [m/s]':>16}{'up [Hz]':>14}{'down [Hz]':>14}{'bias of up [m]':>16}"
        f"{'of the pair [m]':>17}{'OFDM C/I [dB]':>16}"
    )
    for rate in (10.0, 100.0, 1000.0, 7500.0):
        up, down = CHIRP.beats(100e3, rate)
        bias, rest = (r - 100e3 for r in (CHIRP.apparent_range(up), CHIRP.solve(up, down)[0]))
        doppler = 2 * FRAME.carrier_frequency * rate / SPEED_OF_LIGHT
        kept = 10 * np.log10(carrier_to_interference(doppler / FRAME.subcarrier_spacing))
        click.echo(
            f"{rate:>16g}{up:>14.2f}{down:>14.2f}{bias:>16.3f}{abs(rest):>17.3f}{kept:>16.2f}"
        )


if __name__ == "__main__":
    main()
