# SPDX-License-Identifier: GPL-3.0-or-later
"""How often does noise alone give a fix?"""

from collections.abc import Mapping
from functools import lru_cache, partial

import click
import numpy as np

from ..estimation import DEFAULT_ESTIMATOR
from ..scenario import ECHO_ALONE, load_scenario
from ..simulation import complex_normal
from .prepared import prepared
from .runner import Curve, Plot, Point, Results, Row, Study, Table, percentage, study_command

__all__ = ["RATES", "false_alarms", "main", "trial"]

RATES = (1e-1, 1e-2, 1e-3)
"""False-alarm rates that are tried."""


@lru_cache(16)
def threshold(text: str) -> float:
    """Return the value of `Estimate.statistic` that a scenario's estimator detects at."""
    _, receiver = prepared(text)
    return receiver.estimate(np.zeros(receiver.model.shape, complex)).threshold


def trial(texts: Mapping[str, Mapping[str, str]], point: Point, rng: np.random.Generator) -> Row:
    """Estimate in a frame of white noise.

    Parameters
    ----------
    texts
        Of each scenario, with each false-alarm rate.
    point
        Name of a `scenario`.
    rng
        Of the noise.

    Returns
    -------
    dict
        `alarms`, the rates at which the frame gives one.
    """
    by_rate = texts[point["scenario"]]
    thresholds = {rate: threshold(text) for rate, text in by_rate.items()}
    _, receiver = prepared(by_rate[str(RATES[-1])])
    receiver.reset()
    statistic = receiver.estimate(complex_normal(receiver.model.shape, rng)).statistic
    return {"alarms": [rate for rate, least in thresholds.items() if statistic >= least]}


def table(results: Results) -> list[Table]:
    """False alarms by scenario and rate."""
    rows = []
    for point, trials in results:
        for rate in RATES:
            count = sum(str(rate) in row["alarms"] for row in trials)
            found = percentage(count, len(trials))
            rows.append((point["scenario"], 100 * rate, count, *found))
    return [
        Table(
            ("scenario", "rate [%]", "alarms", "found [%]", "from", "to"),
            rows,
            ("", "g", "d", ".3f", ".3f", ".3f"),
            notes=("from, to: 95 % intervals, Wilson's",),
        )
    ]


def false_alarms(
    sources: tuple[str, ...] = ("paper", "lab"), kind: str = DEFAULT_ESTIMATOR
) -> Study:
    """Put the study together.

    Parameters
    ----------
    sources
        Scenarios.
    kind
        Estimator.
    """
    overrides = {**ECHO_ALONE, "estimator.kind": kind}
    texts = {
        source: {
            str(rate): load_scenario(source, {**overrides, "estimator.false_alarm_rate": rate}).text
            for rate in RATES
        }
        for source in sources
    }
    plot = Plot(
        "rate [%]",
        (Curve("found [%]", "from", "to"),),
        by=("scenario",),
        log_x=True,
        note="bars: 95 % intervals, Wilson's",
    )
    points = [{"scenario": source} for source in sources]
    return Study("false_alarms", points, partial(trial, texts), table, {"scenarios": texts}, plot)


@study_command(trials=20_000, of="Frames of noise in each scenario.")
@click.argument("sources", nargs=-1, metavar="[SCENARIO]...")
@click.option(
    "--estimator",
    "kind",
    default=DEFAULT_ESTIMATOR,
    show_default=True,
    metavar="NAME",
    help="Estimator, such as mmv-bomp.",
)
def main(sources: tuple[str, ...], kind: str) -> Study:
    """False alarms on frames of noise at three rates, by default in paper and lab."""
    return false_alarms(sources or ("paper", "lab"), kind)
