# SPDX-License-Identifier: GPL-3.0-or-later
"""How well does the snapshot model describe what comes through the sample-domain chain?

Pilot source, pre-compensation, emulator and demodulator without noise, against the model.
Run with ``python -m gnuradio.dislac.studies.fidelity``.
"""

from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from ..channel import synthesize
from ..scenario import Scenario, load_scenario
from ..scenario.routes import snapshot_model
from ..scenario.truth import true_paths
from ..simulation import received_frames

__all__ = ["error_vector_magnitude"]


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


@click.command()
@click.argument("source", default="paper")
@click.option("--symbols", multiple=True, type=int, default=(8, 32))
def main(source: str, symbols: Sequence[int]) -> None:
    """Error vector magnitude of the chain against the snapshot model, worst of three frames."""
    click.echo("coupling  pre-compensation  symbols  EVM [dB]")
    for coupling in ("paired", "physical"):
        for mode in ("frame", "time-varying"):
            for count in symbols:
                overrides: dict[str, Any] = {
                    "beams.coupling": coupling,
                    "precompensation.mode": mode,
                    "numerology.symbols": count,
                    "channel.noise": {},
                }
                evm = error_vector_magnitude(load_scenario(source, overrides))
                click.echo(f"{coupling:8}  {mode:16}  {count:7}  {evm:8.1f}")


if __name__ == "__main__":
    main()
