# SPDX-License-Identifier: GPL-3.0-or-later
"""How well does the snapshot model describe what comes through the sample-domain chain?

Pilot source, pre-compensation, emulator and demodulator without noise, against the model.
Run with ``python -m gnuradio.dislac.studies.fidelity``.
"""

from collections.abc import Sequence
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..channel import synthesize
from ..scenario import Scenario, load_scenario
from ..scenario.build import frame_grid, pilot_frame, received
from ..scenario.truth import first_arrival, lead_in, snapshot_model, true_paths

__all__ = ["error_vector_magnitude", "received_frames"]


def received_frames(scenario: Scenario, count: int) -> NDArray[np.complex64]:
    """The first `count` demodulated frames (count, Ms, Nsc, Nrf) of the sample-domain chain.

    Frames that the scenario mutes are noise.
    """
    numerology = scenario.numerology
    lead = lead_in(scenario)
    end = lead + count * numerology.frame_period
    sent = np.zeros((scenario.chains, end), dtype=np.complex64)
    frames = sent[:, lead:end].reshape(scenario.chains, count, -1)
    for frame in filter(scenario.pilots.sends, range(count)):
        frames[:, frame, : numerology.frame_length] = pilot_frame(scenario, frame)
    samples = received(scenario, sent)
    arrivals = first_arrival(scenario) + numerology.frame_period * np.arange(count)
    return np.stack(
        [
            scenario.pilots.descramble(
                frame_grid(scenario, samples[:, n : n + numerology.frame_length], frame), frame
            )
            for frame, n in enumerate(arrivals)
        ]
    )


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
