# SPDX-License-Identifier: GPL-3.0-or-later
"""How often do two subcarrier spacings find the right range, and what does power add?

Case study 3 of the LEO constellations paper. Run with
``python -m gnuradio.dislac.studies.ambiguity``.
"""

import click
import numpy as np

from ..estimation.ambiguity import (
    Moduli,
    fold_probability,
    most_likely_fold,
    range_moduli,
    received_power_db,
    robust_crt,
    rss_fold_error,
    velocity_moduli,
)

__all__ = ["right_folds", "right_folds_with_power"]

BASE_SPACING = 1500.0
"""Greatest common divisor of the two spacings: unambiguous to 99.93 km [Hz]."""

FARTHEST = 99.9e3
"""Targets are drawn from zero to here [m]."""

FASTEST = 7.5e3
"""Velocities are drawn up to here, either way [m/s]."""

PAIRS = (4, 5), (10, 11), (20, 21), (40, 41), (80, 81), (133, 134)
DEVIATIONS = 1.0, 5.0, 20.0, 100.0


def right_folds(
    moduli: Moduli,
    greatest: float,
    deviation: float,
    trials: int,
    rng: np.random.Generator,
    *,
    signed: bool = False,
) -> int:
    """In how many of so many trials the robust Chinese remainder theorem finds the right fold.

    Args:
        moduli: by which the values are folded.
        greatest: up to which values are drawn, uniformly.
        deviation: of each measurement, Gaussian.
        signed: values lie around zero, not above it.
    """
    values = rng.uniform(-greatest if signed else 0.0, greatest, trials)
    found = robust_crt(_measured(values, moduli, deviation, rng), moduli, signed=signed)
    return int(np.sum(_right(found, values, moduli)))


def right_folds_with_power(
    moduli: Moduli,
    deviation: float,
    power_deviation_db: float,
    trials: int,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """The same of ranges [m], without and with the received power, which errs by so much [dB]."""
    values = rng.uniform(0.0, min(FARTHEST, moduli.span), trials)
    measured = _measured(values, moduli, deviation, rng)
    power = received_power_db(values) + power_deviation_db * rng.standard_normal(trials)
    with_power = most_likely_fold(
        measured, moduli, deviation, power_db=power, power_deviation_db=power_deviation_db
    )
    found = robust_crt(measured, moduli), with_power
    without, using = (int(np.sum(_right(f, values, moduli))) for f in found)
    return without, using


def _measured(
    values: np.ndarray, moduli: Moduli, deviation: float, rng: np.random.Generator
) -> np.ndarray:
    errors = deviation * rng.standard_normal((len(values), len(moduli.factors)))
    return np.mod(moduli.remainders(values) + errors, moduli.values)


def _right(found: np.ndarray, values: np.ndarray, moduli: Moduli) -> np.ndarray:
    """Whether a value is the right one but for measurement errors; the span is a circle."""
    error = (found - values + moduli.span / 2) % moduli.span - moduli.span / 2
    return np.asarray(np.abs(error) < moduli.values.min() / 2)


@click.command()
@click.option("--trials", default=100_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(trials: int, seed: int) -> None:
    """Ranges to 99.9 km and velocities to 7.5 km/s, from two spacings."""
    rng = np.random.default_rng(seed)
    click.echo(f"right fold, measured in {trials} trials / by theory, for a range error of")
    click.echo(
        f"{'spacings [kHz]':<16}{'unit [m]':>9}{'tolerance [m]':>15}"
        + "".join(f"{f'{deviation:g} m':>18}" for deviation in DEVIATIONS)
    )
    for pair in PAIRS:
        moduli = range_moduli(BASE_SPACING, pair)
        cells = (
            f"{right_folds(moduli, FARTHEST, deviation, trials, rng) / trials:.4f} / "
            f"{fold_probability(moduli.unit, deviation):.4f}"
            for deviation in DEVIATIONS
        )
        name = _kilohertz(pair)
        click.echo(
            f"{name:<16}{moduli.unit:>9.1f}{moduli.tolerance:>15.2f}"
            + "".join(f"{cell:>18}" for cell in cells)
        )
    velocities = velocity_moduli(2e9, BASE_SPACING, (40, 41))
    hits = right_folds(velocities, FASTEST, 10.0, trials, rng, signed=True) / trials
    click.echo(
        f"velocity, 60 / 61.5 kHz at 2 GHz: {velocities.values[0]:.1f} and "
        f"{velocities.values[1]:.1f} m/s wide, together {velocities.span / 1e3:.1f} km/s, "
        f"tolerance {velocities.tolerance:.1f} m/s; right fold at 10 m/s: {hits:.4f}"
    )
    click.echo("\npower alone, error between neighbouring folds near 100 km at 1 dB / 5.6 dB")
    for multiple, fold in ((5, 3), (15, 10), (60, 40)):
        one, swerling = rss_fold_error(fold, [1.0, 5.6])
        click.echo(f"{f'{multiple} kHz':<16}{one:>9.1%} / {swerling:.0%}")
    click.echo("\nrange error 20 m, power known to 1 dB: right fold without / with power")
    for pair in ((40, 41), (40, 49)):
        moduli = range_moduli(BASE_SPACING, pair)
        shares = np.array(right_folds_with_power(moduli, 20.0, 1.0, trials // 10, rng))
        without, using = shares / (trials // 10)
        click.echo(f"{_kilohertz(pair):<16}{without:>9.4f} / {using:.4f}")


def _kilohertz(pair: tuple[int, int]) -> str:
    return " / ".join(f"{k * BASE_SPACING / 1e3:g}" for k in pair)


if __name__ == "__main__":
    main()
