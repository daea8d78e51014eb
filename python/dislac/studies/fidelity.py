# SPDX-License-Identifier: GPL-3.0-or-later
"""How well does the snapshot model describe the sample-domain chain?

Pilot source, pre-compensation, emulator and demodulator without noise, against the model.
"""

from functools import partial
from typing import Any

import click
import numpy as np

from ..channel import synthesize
from ..scenario import Scenario, load_scenario, parse_scenario
from ..scenario.routes import snapshot_model
from ..scenario.truth import true_paths
from ..simulation import received_frames
from .runner import Curve, Plot, Point, Results, Row, Study, Table, study_command

__all__ = ["error_vector_magnitude", "fidelity", "main", "trial"]


def error_vector_magnitude(scenario: Scenario, count: int = 3) -> float:
    """Root mean square error of received frames against the snapshot model, relative [dB].

    One complex gain a frame is free: a carrier's phase is not part of the model.
    """
    model = snapshot_model(scenario)
    worst = 0.0
    for number, frame in enumerate(received_frames(scenario, count)):
        expected = synthesize(model, true_paths(scenario, number))
        expected *= np.vdot(expected, frame) / np.vdot(expected, expected)
        error = np.linalg.norm(frame - expected) / np.linalg.norm(expected)
        worst = max(worst, float(error))
    return float(20 * np.log10(worst))


def trial(text: str, point: Point, rng: np.random.Generator) -> Row:
    """Compare chain and model; nothing is random.

    Parameters
    ----------
    text
        Of the scenario.
    point
        `coupling`, `mode` of the pre-compensation, and `symbols` of a frame.
    rng
        Not used.

    Returns
    -------
    dict
        `evm`, see `error_vector_magnitude`.
    """
    overrides: dict[str, Any] = {
        "beams.coupling": point["coupling"],
        "precompensation.mode": point["mode"],
        "numerology.symbols": point["symbols"],
        "channel.noise": {},
    }
    return {"evm": error_vector_magnitude(parse_scenario(text, overrides=overrides))}


def table(results: Results) -> list[Table]:
    """Error vector magnitude at each point."""
    heading = "coupling", "pre-compensation", "symbols", "EVM [dB]"
    keys = "coupling", "mode", "symbols"
    rows = [(*(point[key] for key in keys), row["evm"]) for point, (row,) in results]
    return [Table(heading, rows, ("", "", "d", ".1f"))]


def fidelity(source: str = "paper", symbols: tuple[int, ...] = (8, 32)) -> Study:
    """Put the study together.

    Parameters
    ----------
    source
        Scenario.
    symbols
        In a frame.
    """
    text = load_scenario(source).text
    points = [
        {"coupling": coupling, "mode": mode, "symbols": count}
        for coupling in ("paired", "physical")
        for mode in ("frame", "time-varying")
        for count in symbols
    ]
    plot = Plot("symbols", (Curve("EVM [dB]"),), by=("coupling", "pre-compensation"), log_y=False)
    return Study("fidelity", points, partial(trial, text), table, {"scenario": text}, plot)


@study_command()
@click.argument("source", metavar="[SCENARIO]", default="paper")
@click.option(
    "--symbols",
    multiple=True,
    type=click.IntRange(1),
    default=(8, 32),
    show_default=True,
    metavar="N",
    help="Symbols in a frame; may be repeated.",
)
def main(**options: Any) -> Study:
    """Error vector magnitude of the chain against the snapshot model, worst of three frames."""
    return fidelity(**options)
