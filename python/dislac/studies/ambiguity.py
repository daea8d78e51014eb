# SPDX-License-Identifier: GPL-3.0-or-later
"""How often do two subcarrier spacings find the right range?

And what does received power add? Case study 3 of the LEO constellations paper.
"""

from collections.abc import Sequence

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
from .runner import Curve, Plot, Point, Results, Row, Study, Table, percentage, study_command

__all__ = ["ambiguity", "main", "right_folds", "right_folds_with_power", "trial"]

BASE_SPACING = 1500.0
"""Greatest common divisor of the two spacings: unambiguous to 99.93 km [Hz]."""

CARRIER = 2e9
"""Of the waveform that velocities are measured with [Hz]."""

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
    """Count of trials in which the robust Chinese remainder theorem finds the right fold.

    Parameters
    ----------
    moduli
        By which the values are folded.
    greatest
        Up to which values are drawn, uniformly.
    deviation
        Of each measurement, Gaussian.
    signed
        Values lie around zero, not above it.
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


VALUES = 1000
"""Values that a trial draws."""

POWER_PAIRS = (40, 41), (40, 49)
POWER_DEVIATION_DB = 1.0
RANGE_DEVIATION = 20.0
"""Of each range, where power is known, too [m]."""
VELOCITY_PAIR = 40, 41
VELOCITY_DEVIATION = 10.0
"""[m/s]"""


def trial(point: Point, rng: np.random.Generator) -> Row:
    """Count right folds of `VALUES` values.

    Parameters
    ----------
    point
        `kind` of values, `range`, `velocity` or `range and power`; `pair` of multiples of
        `BASE_SPACING`; `deviation` of each measurement [m or m/s].
    rng
        Of values and errors.

    Returns
    -------
    dict
        Counts: `right`, and with power besides, `using_power`.
    """
    pair, deviation = tuple(point["pair"]), point["deviation"]
    if point["kind"] == "velocity":
        moduli = velocity_moduli(CARRIER, BASE_SPACING, pair)
        return {"right": right_folds(moduli, FASTEST, deviation, VALUES, rng, signed=True)}
    moduli = range_moduli(BASE_SPACING, pair)
    if point["kind"] == "range":
        return {"right": right_folds(moduli, FARTHEST, deviation, VALUES, rng)}
    right, using = right_folds_with_power(moduli, deviation, POWER_DEVIATION_DB, VALUES, rng)
    return {"right": right, "using_power": using}


def tables(results: Results) -> list[Table]:
    """Right folds of ranges and velocities, with and without power, and by theory."""
    folds, with_power = [], []
    for point, trials in results:
        name, deviation = _kilohertz(point["pair"]), point["deviation"]
        found = percentage(sum(row["right"] for row in trials), VALUES * len(trials))
        if point["kind"] == "range and power":
            using = sum(row["using_power"] for row in trials)
            with_power.append((name, *found, *percentage(using, VALUES * len(trials))))
            continue
        if point["kind"] == "velocity":
            moduli = velocity_moduli(CARRIER, BASE_SPACING, tuple(point["pair"]))
        else:
            moduli = range_moduli(BASE_SPACING, tuple(point["pair"]))
        theory = 100 * float(fold_probability(moduli.unit, deviation))
        unit = moduli.unit, moduli.tolerance
        folds.append((f"{point['kind']} {name}", *unit, deviation, *found, theory))
    ends = "from", "to"
    alone = [
        (f"{multiple} kHz", *(100 * float(error) for error in rss_fold_error(fold, [1.0, 5.6])))
        for multiple, fold in ((5, 3), (15, 10), (60, 40))
    ]
    return [
        Table(
            ("spacings [kHz]", "unit", "tolerance", "deviation", "right [%]", *ends, "theory [%]"),
            folds,
            ("", ".1f", ".2f", "g", ".2f", ".2f", ".2f", ".2f"),
            notes=(
                "units, tolerances and deviations in m or m/s; from, to: 95 % intervals, Wilson's",
            ),
        ),
        Table(
            ("power alone", "wrong at 1 dB [%]", "at 5.6 dB [%]"),
            alone,
            ("", ".1f", ".0f"),
            "power alone",
            ("error between neighbouring folds near 100 km",),
        ),
        Table(
            ("spacings [kHz]", "right [%]", *ends, "with power [%]", *ends),
            with_power,
            ("", *[".2f"] * 6),
            "with power",
            (f"range error {RANGE_DEVIATION:g} m, power known to {POWER_DEVIATION_DB:g} dB",),
        ),
    ]


def ambiguity() -> Study:
    """Put the study together: ranges to 99.9 km and velocities to 7.5 km/s, from two spacings."""
    points: list[Point] = [
        {"kind": "range", "pair": list(pair), "deviation": deviation}
        for pair in PAIRS
        for deviation in DEVIATIONS
    ]
    points.append(
        {"kind": "velocity", "pair": list(VELOCITY_PAIR), "deviation": VELOCITY_DEVIATION}
    )
    points += [
        {"kind": "range and power", "pair": list(pair), "deviation": RANGE_DEVIATION}
        for pair in POWER_PAIRS
    ]
    plot = Plot(
        "deviation",
        (Curve("right [%]", "from", "to"),),
        by=("spacings [kHz]",),
        log_x=True,
        log_y=False,
        note="bars: 95 % intervals, Wilson's",
    )
    return Study("ambiguity", points, trial, tables, plot=plot)


@study_command(trials=100, of=f"Trials at each point, of {VALUES} values.")
def main() -> Study:
    """Right folds of ranges to 99.9 km and velocities to 7.5 km/s, from two spacings."""
    return ambiguity()


def _kilohertz(pair: Sequence[int]) -> str:
    return " / ".join(f"{k * BASE_SPACING / 1e3:g}" for k in pair)
