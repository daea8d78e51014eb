# SPDX-License-Identifier: GPL-3.0-or-later
"""How often does noise alone give a fix?

Run with ``python -m gnuradio.dislac.studies.false_alarms``.
"""

from collections.abc import Sequence

import click
import numpy as np

from ..estimation import DEFAULT_ESTIMATOR, Estimator
from ..scenario import ECHO_ALONE, load_scenario
from ..simulation import complex_normal
from ..systems.bistatic import estimator

__all__ = ["RATES", "false_alarms", "main"]

RATES = (1e-1, 1e-2, 1e-3)
"""False-alarm rates that are tried."""


def false_alarms(
    receiver: Estimator, thresholds: Sequence[float], frames: int, rng: np.random.Generator
) -> list[int]:
    """Count frames of white noise whose statistic reaches each threshold.

    Args:
        receiver: the estimator.
        thresholds: values of `Estimate.statistic`.
        frames: number of frames.
        rng: of the noise.
    """
    noise = (complex_normal(receiver.model.shape, rng) for _ in range(frames))
    statistics = np.array([receiver.estimate(frame).statistic for frame in noise])
    return [int(np.sum(statistics >= threshold)) for threshold in thresholds]


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--frames", default=20000, show_default=True)
@click.option("--kind", default=DEFAULT_ESTIMATOR, show_default=True, help="Estimator.")
@click.option("--seed", default=1, show_default=True)
def main(sources: tuple[str, ...], frames: int, kind: str, seed: int) -> None:
    """False alarms on frames of noise at three rates, in the scenarios SOURCES (paper and lab)."""
    click.echo("scenario                rate     count  expected   Monte-Carlo error")
    for source in sources or ("paper", "lab"):
        receivers = [
            estimator(
                load_scenario(
                    source,
                    {**ECHO_ALONE, "estimator.kind": kind, "estimator.false_alarm_rate": rate},
                )
            )
            for rate in RATES
        ]
        silence = np.zeros(receivers[0].model.shape, complex)
        thresholds = [receiver.estimate(silence).threshold for receiver in receivers]
        counts = false_alarms(receivers[-1], thresholds, frames, np.random.default_rng(seed))
        for rate, count in zip(RATES, counts, strict=True):
            error = np.sqrt(frames * rate * (1 - rate))
            click.echo(f"{source:<20} {rate:>7g} {count:>9} {frames * rate:>9.0f} {error:>19.1f}")


if __name__ == "__main__":
    main()
