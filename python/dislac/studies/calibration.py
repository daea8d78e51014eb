# SPDX-License-Identifier: GPL-3.0-or-later
"""What do errors of the receive chains cost, and what does their calibration leave of it?

Targets are drawn on the ground around the foot of the base station's mast, one frame each, in
the snapshot domain; each has chains of its own. What all chains delay alike is taken out, as it is
by a receiver that measures delays from the direct path, which comes through the same chains. Run
with ``python -m gnuradio.dislac.studies.calibration``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from ..channel import synthesize
from ..estimation import Calibration, Estimator
from ..scenario import ECHO_ALONE, Scenario, load_scenario
from ..scenario.reception import calibration
from ..scenario.routes import known_signature, snapshot_model
from ..scenario.truth import bound, true_paths
from ..simulation import complex_normal, random_scenes
from ..systems.bistatic import estimator, locate

__all__ = [
    "ChainErrors",
    "Positions",
    "calibrated",
    "calibration_of",
    "draw_chains",
    "drawn",
    "position_errors",
]

Floats = NDArray[np.float64]


class ChainErrors(NamedTuple):
    """Phase [rad], delay [s] and relative amplitude (chains,) of the receive chains."""

    phase: Floats
    delay: Floats
    amplitude: Floats


Draw = Callable[[np.random.Generator], ChainErrors]


@dataclass(frozen=True)
class Positions:
    """Outcome of some trials.

    Args:
        errors: (trials,) position errors, infinite without a fix [m].
        bounds: (trials,) Cramer-Rao bounds with perfect chains [m].
    """

    errors: Floats
    bounds: Floats

    @property
    def rmse(self) -> float:
        """Root mean square error of the fixes [m]."""
        return float(np.sqrt(np.mean(self.errors[np.isfinite(self.errors)] ** 2)))

    @property
    def median(self) -> float:
        """Median error of all frames [m]."""
        return float(np.median(self.errors))

    @property
    def bound(self) -> float:
        """Root mean square of the bounds [m]."""
        return float(np.sqrt(np.mean(self.bounds**2)))

    @property
    def lost(self) -> float:
        """Part of the frames without a fix."""
        return float(np.mean(np.isinf(self.errors)))


def draw_chains(chains: int, rng: np.random.Generator) -> ChainErrors:
    """Chains as they come: phases over the whole circle, delays up to 20 ns either way, and
    amplitudes up to 1 dB."""
    return ChainErrors(
        rng.uniform(-np.pi, np.pi, chains),
        rng.uniform(-20e-9, 20e-9, chains),
        10 ** (rng.uniform(-1, 1, chains) / 20),
    )


def drawn(chains: int, *, phase: float = 0.0, delay: float = 0.0) -> Draw:
    """Normal errors of these root mean squares [rad, s]."""

    def draw(rng: np.random.Generator) -> ChainErrors:
        normal = rng.standard_normal((2, chains))
        return ChainErrors(phase * normal[0], delay * normal[1], np.ones(chains))

    return draw


def calibration_of(
    scenario: Scenario, chains: ChainErrors, frames: int, snr_db: float, rng: np.random.Generator
) -> Calibration:
    """A calibration of chains from frames of the direct path at this SNR of a received element,
    each with its own phase, delay and carrier offset."""
    model = snapshot_model(scenario)
    signature = known_signature(scenario, np.arange(frames))
    frequency = np.add.outer(model.offsets, model.frequencies)
    phase, delay, doppler = rng.uniform(-1, 1, (3, frames, 1, 1))
    cycles = 0.5 * phase - 100e-9 * delay * frequency
    cycles = cycles + 1e3 * doppler * model.symbol_times[:, None]
    y = np.einsum("kmi,kmn->kmni", signature, np.exp(2j * np.pi * cycles))
    y *= _turn(model.shape, frequency, chains)
    power = np.mean(np.abs(y) ** 2) / 10 ** (snr_db / 10)
    y += complex_normal(y.shape, rng, power)
    return calibration(scenario, y.astype(np.complex64), np.arange(frames))


def calibrated(chains: ChainErrors, known: Calibration) -> ChainErrors:
    """What is left of errors when a calibration has been taken off."""
    return ChainErrors(
        chains.phase - known.phase, chains.delay - known.delay, chains.amplitude / known.amplitude
    )


def position_errors(
    scenario: Scenario,
    trials: int,
    snr_db: float,
    rng: np.random.Generator,
    draw: Draw,
    *,
    receiver: Estimator | None = None,
) -> Positions:
    """Position errors of random targets, each seen by chains of its own.

    Args:
        scenario: scene, beams and estimator.
        snr_db: mean power of each frame over that of the noise [dB].
        draw: the errors of the chains, which take their randomness from a generator of their own.
        receiver: the scenario's estimator, where it is built already.
    """
    receiver = receiver or estimator(scenario)
    model = snapshot_model(scenario)
    frequency = np.add.outer(model.offsets, model.frequencies)
    errors, bounds = np.empty((2, trials))
    own = np.random.default_rng(rng.integers(2**63))
    for trial, scene in enumerate(islice(random_scenes(scenario, rng), trials)):
        clean = synthesize(model, true_paths(scene, 0))
        power = np.mean(np.abs(clean) ** 2) / 10 ** (snr_db / 10)
        noise = complex_normal(clean.shape, rng, power)
        chains = draw(own)
        chains = chains._replace(delay=chains.delay - np.mean(chains.delay))
        seen = _turn(model.shape, frequency, chains) * clean + noise
        bounds[trial] = bound(scene, 0, noise=power)
        fix = locate(scene, receiver.estimate(seen), 0, bounds[trial])
        errors[trial] = fix.error if fix.valid else np.inf
    return Positions(errors, bounds)


def _turn(
    shape: tuple[int, int, int], frequency: Floats, chains: ChainErrors
) -> NDArray[np.complex128]:
    """(Ms, Nsc, Nrf) what chains make of elements at these frequencies (Ms, Nsc)."""
    turn = chains.phase - 2 * np.pi * frequency[:, :, None] * chains.delay
    return np.broadcast_to(chains.amplitude * np.exp(1j * turn), shape)


@click.command()
@click.argument("source", default="paper")
@click.option("--trials", default=200, show_default=True, help="Random targets a row.")
@click.option("--snr-db", multiple=True, type=float, default=(0, 10), help="Of the echo.")
@click.option("--frames", default=2000, show_default=True, help="Frames of a calibration.")
@click.option("--calibration-snr-db", default=20.0, show_default=True, help="Of its elements.")
@click.option("--seed", default=1, show_default=True)
def main(
    source: str,
    trials: int,
    snr_db: tuple[float, ...],
    frames: int,
    calibration_snr_db: float,
    seed: int,
) -> None:
    """Position error over random targets of the scenario SOURCE, with chains that err."""
    scenario = load_scenario(source, ECHO_ALONE)
    count, receiver = scenario.chains, estimator(scenario)

    rng = np.random.default_rng((seed, 0))
    pairs = []
    for _ in range(10):
        chains = draw_chains(count, rng)
        known = calibration_of(scenario, chains, frames, calibration_snr_db, rng)
        pairs.append((chains, calibrated(chains, known)))
    left = [remaining for _, remaining in pairs]
    phases = np.array([np.angle(np.exp(1j * (e.phase - e.phase[0]))) for e in left])
    delays = np.array([e.delay - e.delay[0] for e in left])
    click.echo(
        f"10 calibrations of {frames} frames at {calibration_snr_db:g} dB: phase rms "
        f"{np.degrees(_rms(phases[:, 1:])):.3f} degrees, largest "
        f"{np.degrees(np.abs(phases).max()):.3f}; delay rms {_rms(delays[:, 1:]) * 1e9:.3f} ns, "
        f"largest {np.abs(delays).max() * 1e9:.3f}"
    )

    def row(what: str, snr: float, draw: Draw) -> None:
        scenes = np.random.default_rng((seed, int(snr * 10) + 1000))
        result = position_errors(scenario, trials, snr, scenes, draw, receiver=receiver)
        click.echo(
            f"{what:>16}  {snr:8.1f}  {result.rmse:8.2f}  {result.median:10.2f}  "
            f"{100 * result.lost:13.1f}  {result.bound:9.2f}"
        )

    click.echo("          chains  SNR [dB]  rmse [m]  median [m]  no fix [%]  bound [m]")
    for snr in snr_db:
        row("perfect", snr, drawn(count))
        row("not calibrated", snr, lambda rng: pairs[rng.integers(10)][0])
        row("calibrated", snr, lambda rng: pairs[rng.integers(10)][1])
    for degrees in (1, 2, 5, 10, 20, 45):
        for snr in snr_db:
            row(f"{degrees} degrees rms", snr, drawn(count, phase=np.radians(degrees)))
    for ns in (0.1, 1, 2, 5, 10, 20, 50):
        for snr in snr_db:
            row(f"{ns:g} ns rms", snr, drawn(count, delay=ns * 1e-9))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    main()
