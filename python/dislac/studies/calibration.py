# SPDX-License-Identifier: GPL-3.0-or-later
"""What do errors of the receive chains cost, calibrated or not?

Targets are drawn on the ground around the foot of the base station's mast, one frame each, in
the snapshot domain; each has chains of its own. What all chains delay alike is taken out, as it is
by a receiver that measures delays from the direct path, which comes through the same chains.
"""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from ..channel import synthesize
from ..estimation import Calibration, Estimator
from ..scenario import ECHO_ALONE, Scenario, load_scenario
from ..scenario.reception import calibration
from ..scenario.routes import known_response, snapshot_model
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
    trial_only,
)

__all__ = [
    "ChainErrors",
    "calibrated",
    "calibration_of",
    "calibration_study",
    "draw_chains",
    "drawn",
    "main",
    "position_errors",
    "trial",
]

Floats = NDArray[np.float64]


class ChainErrors(NamedTuple):
    """Phase [rad], delay [s] and relative amplitude (chains,) of the receive chains."""

    phase: Floats
    delay: Floats
    amplitude: Floats


Draw = Callable[[np.random.Generator], ChainErrors]


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
    response = known_response(scenario, np.arange(frames))
    frequency = np.add.outer(model.offsets, model.frequencies)
    phase, delay, doppler = rng.uniform(-1, 1, (3, frames, 1, 1))
    cycles = 0.5 * phase - 100e-9 * delay * frequency
    cycles = cycles + 1e3 * doppler * model.symbol_times[:, None]
    y = np.einsum("kmi,kmn->kmni", response, np.exp(2j * np.pi * cycles))
    y *= _turn(model.shape, frequency, chains)
    power = np.mean(np.abs(y) ** 2) / 10 ** (snr_db / 10)
    y += complex_normal(y.shape, rng, power)
    return calibration(scenario, y.astype(np.complex64), np.arange(frames))


def calibrated(chains: ChainErrors, known: Calibration) -> ChainErrors:
    """Errors that are left when a calibration has been taken off."""
    return ChainErrors(
        chains.phase - known.phase, chains.delay - known.delay, chains.amplitude / known.amplitude
    )


def position_errors(
    scenario: Scenario,
    receiver: Estimator,
    targets: int,
    snr_db: float,
    rng: np.random.Generator,
    draw: Draw,
) -> tuple[list[float | None], list[float]]:
    """Position errors of random targets, each seen by chains of its own.

    Parameters
    ----------
    scenario, receiver
        Scene and beams, and the scenario's estimator.
    targets
        Number of them.
    snr_db
        Mean power of each frame over that of the noise [dB].
    rng
        Of targets and noise, which are the same whatever the chains are.
    draw
        Draws the errors of the chains, from a generator of their own.

    Returns
    -------
    errors, bounds
        Position errors, None without a fix, and the bounds with perfect chains [m].
    """
    model = snapshot_model(scenario)
    frequency = np.add.outer(model.offsets, model.frequencies)
    errors: list[float | None] = []
    bounds: list[float] = []
    own = np.random.default_rng(rng.integers(2**63))
    for scene in islice(random_scenes(scenario, rng), targets):
        clean = synthesize(model, true_paths(scene, 0))
        power = np.mean(np.abs(clean) ** 2) / 10 ** (snr_db / 10)
        noise = complex_normal(clean.shape, rng, power)
        chains = draw(own)
        chains = chains._replace(delay=chains.delay - np.mean(chains.delay))
        seen = _turn(model.shape, frequency, chains) * clean + noise
        bounds.append(bound(scene, 0, noise=power))
        receiver.reset()
        fix = locate(scene, receiver.estimate(seen), 0, bounds[-1])
        errors.append(fix.error if fix.valid else None)
    return errors, bounds


def _turn(
    shape: tuple[int, int, int], frequency: Floats, chains: ChainErrors
) -> NDArray[np.complex128]:
    """(Ms, Nsc, Nrf) what chains make of elements at these frequencies (Ms, Nsc)."""
    turn = chains.phase - 2 * np.pi * frequency[:, :, None] * chains.delay
    return np.broadcast_to(chains.amplitude * np.exp(1j * turn), shape)


TARGETS = 20
"""Targets of a trial; where chains are calibrated, it has one set of them."""

PHASES_DEG = 1, 2, 5, 10, 20, 45
DELAYS_NS = 0.1, 1, 2, 5, 10, 20, 50


def _the_same(chains: ChainErrors, rng: np.random.Generator) -> ChainErrors:
    return chains


def trial(
    text: str, frames: int, calibration_snr_db: float, point: Point, rng: np.random.Generator
) -> Row:
    """Locate `TARGETS` random targets by chains that err.

    Parameters
    ----------
    text
        Of the scenario.
    frames, calibration_snr_db
        Frames of a calibration, and the signal-to-noise ratio of their elements.
    point
        `snr_db`, and `chains`: `perfect`, `not calibrated`, `calibrated`, `phase` or `delay` of
        root mean square `size` [rad, s].
    rng
        Of targets, noise and chains.

    Returns
    -------
    dict
        `errors` and `bounds` as of `position_errors`; of calibrated chains `phase` [rad] and
        `delay` [s], too: the errors left in all chains but the first, relative to that.
    """
    scenario, receiver = prepared(text)
    kind, count, left = point["chains"], scenario.chains, {}
    own = np.random.default_rng(rng.integers(2**63))
    draw: Draw
    if kind in ("calibrated", "not calibrated"):
        chains = draw_chains(count, own)
        if kind == "calibrated":
            chains = calibrated(
                chains, calibration_of(scenario, chains, frames, calibration_snr_db, own)
            )
            phase = np.angle(np.exp(1j * (chains.phase - chains.phase[0])))
            left = {
                "phase": phase[1:].tolist(),
                "delay": (chains.delay - chains.delay[0])[1:].tolist(),
            }

        draw = partial(_the_same, chains)
    else:
        draw = drawn(count, **({} if kind == "perfect" else {kind: point["size"]}))
    errors, bounds = position_errors(scenario, receiver, TARGETS, point["snr_db"], rng, draw)
    return {"errors": errors, "bounds": bounds, **left}


def tables(results: Results) -> list[Table]:
    """Position errors by the errors of the chains, and what calibrations leave of these."""
    rows, left = [], []
    for point, trials in results:
        errors = [error for row in trials for error in row["errors"]]
        bounds = np.array([limit for row in trials for limit in row["bounds"]])
        fixes = np.array([error for error in errors if error is not None])
        median = np.median([np.inf if error is None else error for error in errors])
        found = (rms(fixes), *bootstrap_interval(fixes)) if len(fixes) else (None,) * 3
        rows.append(
            (
                point["chains"],
                point.get("phase_deg", point.get("delay_ns")),
                point["snr_db"],
                *found,
                float(median) if np.isfinite(median) else None,
                *percentage(len(errors) - len(fixes), len(errors)),
                float(rms(bounds)),
            )
        )
        if point["chains"] == "calibrated":
            phase = np.degrees([value for row in trials for value in row["phase"]])
            delay = 1e9 * np.array([value for row in trials for value in row["delay"]])
            left.append(
                (
                    point["snr_db"],
                    len(trials),
                    *(f(v) for v in (phase, delay) for f in (rms, lambda v: np.abs(v).max())),
                )
            )
    heading = (
        "chains",
        "rms error [deg, ns]",
        "SNR [dB]",
        "rmse [m]",
        "from [m]",
        "to [m]",
        "median [m]",
        "no fix [%]",
        "from [%]",
        "to [%]",
        "bound [m]",
    )
    formats = ("", "g", ".1f", ".2f", ".2f", ".2f", ".2f", ".1f", ".1f", ".1f", ".2f")
    notes = (
        "rmse: of the fixes; median: of all targets, if half of them have one;",
        "from, to: 95 % intervals, of the rmse by bootstrap, of targets without a fix Wilson's",
    )
    heading_left = (
        "SNR [dB]",
        "calibrations",
        "phase rms [deg]",
        "largest [deg]",
        "delay rms [ns]",
        "largest [ns]",
    )
    return [
        Table(heading, rows, formats, notes=notes),
        Table(heading_left, left, (".1f", "d", *[".3f"] * 4), "left by calibrations"),
    ]


def calibration_study(
    source: str = "paper",
    snr_db: tuple[float, ...] = (0, 10),
    frames: int = 2000,
    calibration_snr_db: float = 20.0,
) -> Study:
    """Put the study together.

    Parameters
    ----------
    source
        Scenario: scene, beams and estimator.
    snr_db
        Signal-to-noise ratios of the echo.
    frames, calibration_snr_db
        Frames of a calibration, and the signal-to-noise ratio of their elements.
    """
    text = load_scenario(source, ECHO_ALONE).text
    levels = [float(snr) for snr in snr_db]
    points: list[Point] = [
        {"chains": kind, "snr_db": snr}
        for snr in levels
        for kind in ("perfect", "not calibrated", "calibrated")
    ]
    points += [
        {"chains": "phase", "phase_deg": size, "size": float(np.radians(size)), "snr_db": snr}
        for size in PHASES_DEG
        for snr in levels
    ]
    points += [
        {"chains": "delay", "delay_ns": size, "size": size * 1e-9, "snr_db": snr}
        for size in DELAYS_NS
        for snr in levels
    ]
    settings = {
        "scenario": text,
        "frames": frames,
        "calibration_snr_db": calibration_snr_db,
        "targets": TARGETS,
    }
    plot = Plot(
        "rms error [deg, ns]",
        (Curve("rmse [m]", "from [m]", "to [m]"),),
        by=("chains", "SNR [dB]"),
        log_x=True,
        label="rms position error of one frame [m]",
        note="bars: 95 % bootstrap intervals",
    )
    chosen = partial(trial, text, frames, calibration_snr_db)
    # The same targets and noise whatever the chains are.
    return Study("calibration", points, chosen, tables, settings, plot, trial_only)


@study_command(trials=10, of=f"Trials at each point, of {TARGETS} targets.")
@click.argument("source", metavar="[SCENARIO]", default="paper")
@click.option(
    "--snr-db",
    multiple=True,
    type=click.FloatRange(-300, 300),
    default=(0, 10),
    show_default=True,
    metavar="DB",
    help="Of the echo; may be repeated.",
)
@click.option(
    "--frames",
    type=click.IntRange(8, 10**6),
    default=2000,
    show_default=True,
    metavar="N",
    help="Frames of a calibration.",
)
@click.option(
    "--calibration-snr-db",
    type=click.FloatRange(-300, 300),
    default=20.0,
    show_default=True,
    metavar="DB",
    help="Of its elements.",
)
def main(**options: Any) -> Study:
    """Position error over random targets of a scenario, with chains that err."""
    return calibration_study(**options)
