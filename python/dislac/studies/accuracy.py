# SPDX-License-Identifier: GPL-3.0-or-later
"""How accurate are fixes, against the Cramer-Rao bound?

Targets are drawn on the ground around the foot of the base station's mast, one frame each, in
the snapshot domain. Run with ``python -m gnuradio.dislac.studies.accuracy``.
"""

from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..channel import synthesize
from ..estimation import DEFAULT_ESTIMATOR, Estimator
from ..scenario import ECHO_ALONE, Scenario, load_scenario
from ..scenario.routes import snapshot_model
from ..scenario.truth import bound, true_paths
from ..simulation import complex_normal, random_scenes
from ..systems.bistatic import estimator, locate

__all__ = ["Accuracy", "accuracy"]

FADING = {"omega": 0.803, "b0": 0.0985, "m": 19.4}


@dataclass(frozen=True)
class Accuracy:
    """Outcome of some trials.

    Args:
        errors: (trials,) position errors, not a number without a fix [m].
        bounds: (trials,) Cramer-Rao bounds at the same targets, of the echo alone [m].
    """

    errors: NDArray[np.float64]
    bounds: NDArray[np.float64]

    @property
    def rmse(self) -> float:
        """Root mean square error of the fixes there are [m]."""
        return float(np.sqrt(np.nanmean(self.errors**2)))

    @property
    def bound(self) -> float:
        """Root mean square of the bounds in the same frames [m]."""
        return float(np.sqrt(np.mean(self.bounds[np.isfinite(self.errors)] ** 2)))

    @property
    def without_fix(self) -> int:
        """Number of trials without a fix."""
        return int(np.count_nonzero(~np.isfinite(self.errors)))

    @property
    def loss_db(self) -> float:
        """How far the error stands above the bound [dB]."""
        return float(20 * np.log10(self.rmse / self.bound))


def accuracy(
    scenario: Scenario,
    trials: int,
    snr_db: float,
    rng: np.random.Generator,
    *,
    scatterers: int = 0,
    receiver: Estimator | None = None,
) -> Accuracy:
    """Errors and bounds of `trials` random scenes at one signal-to-noise ratio.

    The ratio is that of each frame: its own mean power over that of the noise.

    Args:
        scenario: scene, beams and estimator.
        scatterers: how many paths over scatterers there are besides the echo.
        receiver: the scenario's estimator, where it is built already.
    """
    receiver = receiver or estimator(scenario)
    model = snapshot_model(scenario)
    errors, bounds = np.empty((2, trials))
    for trial, scene in zip(
        range(trials), random_scenes(scenario, rng, scatterers=scatterers), strict=False
    ):
        clean = synthesize(model, true_paths(scene, 0))
        power = np.mean(np.abs(clean) ** 2) / 10 ** (snr_db / 10)
        noise = complex_normal(clean.shape, rng, power)
        bounds[trial] = bound(scene, 0, noise=power)
        fix = locate(scene, receiver.estimate(clean + noise), 0, bounds[trial])
        errors[trial] = fix.error if fix.valid else np.nan
    return Accuracy(errors, bounds)


@click.command()
@click.argument("source", default="paper")
@click.option("--trials", default=200, show_default=True, help="Random targets a row.")
@click.option("--snr-db", multiple=True, type=float, default=(-15, -10, -5, 0, 5, 10))
@click.option("--symbols", type=int, help="Symbols in a frame; default the scenario's.")
@click.option("--scatterers", default=0, show_default=True, help="Paths besides the echo.")
@click.option("--estimator", "kind", default=DEFAULT_ESTIMATOR, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(
    source: str,
    trials: int,
    snr_db: tuple[float, ...],
    symbols: int | None,
    scatterers: int,
    kind: str,
    seed: int,
) -> None:
    """Position error against its bound over random targets of the scenario SOURCE."""
    overrides: dict[str, Any] = {
        **ECHO_ALONE,
        "estimator.kind": kind,
        "estimator.max_paths": 1 + scatterers,
    }
    if symbols is not None:
        overrides["numerology.symbols"] = symbols
    if scatterers:
        overrides["channel.fading"] = FADING
    scenario = load_scenario(source, overrides)
    receiver = estimator(scenario)
    count = scenario.numerology.symbols
    click.echo(f"{kind}, {trials} targets, {count} symbols, {scatterers} scatterers")
    click.echo(
        "SNR [dB]  rmse [m]  median [m]  largest [m]  bound [m]  above it [dB]  without a fix"
    )
    for snr in snr_db:
        rng = np.random.default_rng((seed, int(snr * 10) + 1000))
        result = accuracy(scenario, trials, snr, rng, scatterers=scatterers, receiver=receiver)
        click.echo(
            f"{snr:8.1f}  {result.rmse:8.3f}  {np.nanmedian(result.errors):10.3f}  "
            f"{np.nanmax(result.errors):11.2f}  {result.bound:9.3f}  {result.loss_db:13.2f}  "
            f"{result.without_fix:13d}"
        )


if __name__ == "__main__":
    main()
