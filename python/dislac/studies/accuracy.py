# SPDX-License-Identifier: GPL-3.0-or-later
"""How accurate are fixes, against the Cramer-Rao bound?

Targets are drawn on the ground around the foot of the base station's mast, one frame each, in
the snapshot domain.
"""

from functools import partial
from typing import Any

import click
import numpy as np

from ..channel import synthesize
from ..estimation import DEFAULT_ESTIMATOR
from ..scenario import ECHO_ALONE, load_scenario
from ..scenario.routes import snapshot_model
from ..scenario.truth import bound, true_paths
from ..simulation import complex_normal, random_scenes
from ..systems.bistatic import locate
from .prepared import prepared
from .runner import (
    Curve,
    Plot,
    Point,
    Results,
    Row,
    Study,
    Table,
    bootstrap_interval,
    percentage,
    rms,
    study_command,
)

__all__ = ["accuracy", "main", "trial"]

FADING = {"omega": 0.803, "b0": 0.0985, "m": 19.4}


def trial(text: str, scatterers: int, point: Point, rng: np.random.Generator) -> Row:
    """Locate a random target in one frame.

    The signal-to-noise ratio is that of the frame: its own mean power over that of the noise.

    Parameters
    ----------
    text
        Of the scenario.
    scatterers
        Number of paths over scatterers besides the echo.
    point
        `snr_db`.
    rng
        Of target, paths and noise.

    Returns
    -------
    dict
        `error`, of the position, None without a fix, and `bound`, the Cramer-Rao bound of the echo
        alone [m].
    """
    scenario, receiver = prepared(text)
    scene = next(random_scenes(scenario, rng, scatterers=scatterers))
    clean = synthesize(snapshot_model(scenario), true_paths(scene, 0))
    power = np.mean(np.abs(clean) ** 2) / 10 ** (point["snr_db"] / 10)
    noise = complex_normal(clean.shape, rng, power)
    limit = bound(scene, 0, noise=power)
    receiver.reset()
    fix = locate(scene, receiver.estimate(clean + noise), 0, limit)
    return {"error": fix.error if fix.valid else None, "bound": limit}


def table(results: Results) -> list[Table]:
    """Errors of the fixes at each point, and the bounds of the same targets."""
    rows = []
    for point, trials in results:
        fixes = [row for row in trials if row["error"] is not None]
        errors = np.array([row["error"] for row in fixes])
        lost = percentage(len(trials) - len(fixes), len(trials))
        if fixes:
            limit = rms(np.array([row["bound"] for row in fixes]))
            error = rms(errors)
            spread = np.median(errors), np.max(errors), limit, 20 * np.log10(error / limit)
            found = (error, *bootstrap_interval(errors), *spread)
        rows.append((point["snr_db"], *(found if fixes else [None] * 7), *lost))
    heading = (
        "SNR [dB]",
        "rmse [m]",
        "from [m]",
        "to [m]",
        "median [m]",
        "largest [m]",
        "bound [m]",
        "above it [dB]",
        "no fix [%]",
        "from [%]",
        "to [%]",
    )
    formats = (".1f", ".3f", ".3f", ".3f", ".3f", ".2f", ".3f", ".2f", ".1f", ".1f", ".1f")
    notes = ("from, to: 95 % intervals, of the rmse by bootstrap, of lost frames Wilson's",)
    return [Table(heading, rows, formats, notes=notes)]


def accuracy(
    source: str = "paper",
    snr_db: tuple[float, ...] = (-15, -10, -5, 0, 5, 10),
    symbols: int | None = None,
    scatterers: int = 0,
    kind: str = DEFAULT_ESTIMATOR,
) -> Study:
    """Put the study together.

    Parameters
    ----------
    source
        Scenario: scene, beams and estimator.
    snr_db
        Signal-to-noise ratios.
    symbols
        In a frame; None for the scenario's.
    scatterers
        Number of paths over scatterers.
    kind
        Estimator.
    """
    overrides: dict[str, Any] = {
        **ECHO_ALONE,
        "estimator.kind": kind,
        "estimator.max_paths": 1 + scatterers,
    }
    if symbols is not None:
        overrides["numerology.symbols"] = symbols
    if scatterers:
        overrides["channel.fading"] = FADING
    text = load_scenario(source, overrides).text
    return Study(
        "accuracy",
        [{"snr_db": float(snr)} for snr in snr_db],
        partial(trial, text, scatterers),
        table,
        {"scenario": text, "scatterers": scatterers},
        Plot(
            "SNR [dB]",
            (Curve("rmse [m]", "from [m]", "to [m]"), Curve("bound [m]")),
            label="rms position error of one frame [m]",
            note="bars: 95 % bootstrap intervals",
        ),
    )


@study_command(trials=200, of="Random targets a row.")
@click.argument("source", metavar="[SCENARIO]", default="paper")
@click.option(
    "--snr-db",
    multiple=True,
    type=click.FloatRange(-300, 300),
    default=(-15, -10, -5, 0, 5, 10),
    show_default=True,
    metavar="DB",
    help="Signal-to-noise ratio of a received element; may be repeated.",
)
@click.option(
    "--symbols",
    type=click.IntRange(1),
    metavar="N",
    help="Symbols in a frame; default the scenario's.",
)
@click.option(
    "--scatterers",
    type=click.IntRange(0, 15),
    default=0,
    show_default=True,
    metavar="N",
    help="Paths besides the echo.",
)
@click.option(
    "--estimator",
    "kind",
    default=DEFAULT_ESTIMATOR,
    show_default=True,
    metavar="NAME",
    help="Estimator, such as mmv-bomp.",
)
def main(**options: Any) -> Study:
    """Position error against its bound over random targets of a scenario."""
    return accuracy(**options)
