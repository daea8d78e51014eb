# SPDX-License-Identifier: GPL-3.0-or-later
"""How often does noise alone give a fix?

Run with ``python -m gnuradio.dislac.studies.false_alarms``.
"""

import click
import numpy as np

from ..estimation import Estimator
from ..scenario import ECHO_ALONE, load_scenario
from ..scenario.build import estimator

__all__ = ["false_alarms"]


def false_alarms(receiver: Estimator, frames: int, rng: np.random.Generator) -> int:
    """How many of so many frames of white noise are taken for a path."""
    shape = (*receiver.model.shape, 2)
    noise = (rng.standard_normal(shape) @ [1, 1j] for _ in range(frames))
    return sum(receiver.estimate(frame).detected for frame in noise)


@click.command()
@click.argument("source", default="paper")
@click.option("--frames", default=2000, show_default=True)
@click.option("--rate", default=0.01, show_default=True, help="False-alarm rate that is set.")
@click.option("--seed", default=1, show_default=True)
def main(source: str, frames: int, rate: float, seed: int) -> None:
    """False alarms of both estimators on frames of noise, in the scenario SOURCE."""
    for kind in ("off-grid", "mmv-bomp"):
        overrides = {
            **ECHO_ALONE,
            "estimator.kind": kind,
            "estimator.false_alarm_rate": rate,
        }
        receiver = estimator(load_scenario(source, overrides))
        count = false_alarms(receiver, frames, np.random.default_rng(seed))
        click.echo(
            f"{kind}: {count} of {frames} frames, {frames * rate:.0f} +- "
            f"{np.sqrt(frames * rate * (1 - rate)):.1f} expected"
        )


if __name__ == "__main__":
    main()
