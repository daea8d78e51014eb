# SPDX-License-Identifier: GPL-3.0-or-later
"""From samples that begin anywhere to fixes: how soon is there a lock, and what does it cost?

Targets are drawn as in `accuracy`; each trial's receiver starts at some moment, with a carrier and
a sample clock that are off. Run with ``python -m gnuradio.dislac.studies.cold_start``.
"""

from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from ..estimation import Estimator
from ..scenario import Scenario, load_scenario
from ..scenario.reception import front_end, synchronizer
from ..scenario.timing import first_arrival
from ..scenario.truth import bound
from ..simulation import impaired_scene, random_scenes, received_stream
from ..synchronization import DirectPathSynchronizer, FrameReader, aligned_grid
from ..systems.bistatic import estimator, locate

__all__ = ["ColdStart", "cold_start"]

LOCK_WITHIN = 10
"""Frames in which there should be a lock."""


@dataclass(frozen=True)
class ColdStart:
    """Outcome of some trials, each of some frames.

    Args:
        frames_to_lock: (trials,) frames that the receiver has let go by, infinite without a lock.
        timing: (trials,) error of the last frame's timing [s].
        carrier: (trials,) error of the last frame's carrier offset [Hz].
        errors: (trials, fixes) position errors of the last frames, infinite without a fix [m].
        bounds: (trials,) Cramer-Rao bounds of the echo alone, timing known [m].
    """

    frames_to_lock: NDArray[np.float64]
    timing: NDArray[np.float64]
    carrier: NDArray[np.float64]
    errors: NDArray[np.float64]
    bounds: NDArray[np.float64]

    @property
    def locked(self) -> int:
        """Trials with a lock within `LOCK_WITHIN` frames."""
        return int(np.count_nonzero(self.frames_to_lock <= LOCK_WITHIN))

    @property
    def rmse(self) -> float:
        """Root mean square error [m]."""
        return float(np.sqrt(np.mean(self.errors**2)))

    @property
    def bound(self) -> float:
        """Root mean square of the bounds [m]."""
        return float(np.sqrt(np.mean(self.bounds**2)))

    @property
    def loss_db(self) -> float:
        """How far the error stands above the bound [dB]."""
        return float(20 * np.log10(self.rmse / self.bound))


def cold_start(
    scenario: Scenario,
    trials: int,
    direct_db: float,
    snr_db: float,
    rng: np.random.Generator,
    *,
    frames: int = 20,
    fixes: int = 4,
    receiver: Estimator | None = None,
) -> ColdStart:
    """Locks and fixes of `trials` random scenes, their first `frames` frames.

    Args:
        scenario: with synchronization on the direct path.
        direct_db: power of the direct path over the echo's.
        snr_db: of the echo, its own power over that of the noise.
        fixes: how many of the last frames are looked at.
        receiver: the scenario's estimator, where it is built already.
    """
    receiver = receiver or estimator(scenario)
    to_lock, timing, carrier = np.full((3, trials), np.inf)
    errors, bounds = np.full((trials, fixes), np.inf), np.empty(trials)
    for trial, scene in zip(range(trials), random_scenes(scenario, rng), strict=False):
        scene = impaired_scene(scene.with_({"channel.noise.snr_db": snr_db}), direct_db, rng)
        bounds[trial] = bound(scene, 0)
        samples = received_stream(scene, frames)
        found, first = synchronizer(scene), front_end(scene)
        assert isinstance(found, DirectPathSynchronizer) and first is not None
        receiver.reset()
        results: list[float] = []
        for aligned, part in FrameReader(found, scene.chains).read(list(samples), 0):
            if not results:
                to_lock[trial] = aligned.index
            grid = aligned_grid(part, aligned, scene.numerology)
            frame = scene.pilots.descramble(grid, aligned.index)
            fix = locate(scene, receiver.estimate(frame, aligned.index), aligned.index)
            results.append(fix.error if fix.valid else np.inf)
            due = first_arrival(scene) + np.arange(frames + 2) * scene.numerology.frame_period
            late = aligned.start + aligned.delay - first.sample(due / scene.sample_rate)
            timing[trial] = late[np.argmin(np.abs(late))] / scene.sample_rate
            carrier[trial] = aligned.carrier - first.carrier_offset
        if len(results) >= fixes:
            errors[trial] = results[-fixes:]
    return ColdStart(to_lock, timing, carrier, errors, bounds)


@click.command()
@click.argument("source", default="paper")
@click.option("--trials", default=100, show_default=True, help="Random targets a row.")
@click.option("--direct-db", multiple=True, type=float, default=(20, 38), show_default=True)
@click.option("--snr-db", default=0.0, show_default=True, help="Of the echo.")
@click.option("--frames", default=20, show_default=True, help="Frames that are sent.")
@click.option("--seed", default=1, show_default=True)
def main(
    source: str, trials: int, direct_db: tuple[float, ...], snr_db: float, frames: int, seed: int
) -> None:
    """Cold starts on the direct path in the scenario SOURCE: unknown timing, carrier within 20 kHz,
    sample clock within 20 ppm."""
    scenario = load_scenario(source, {"synchronization.reference": "direct-path"})
    receiver = estimator(scenario)
    click.echo(f"{trials} cold starts, echo at {snr_db:g} dB, the last 4 of {frames} frames")
    click.echo(
        "direct [dB]  locked  frames to lock  timing [ns]  carrier [Hz]  "
        "rmse [m]  bound [m]  above the bound [dB]"
    )
    for level in direct_db:
        rng = np.random.default_rng((seed, 1))
        result = cold_start(scenario, trials, level, snr_db, rng, frames=frames, receiver=receiver)
        timing = 1e9 * np.sqrt(np.mean(result.timing**2))
        click.echo(
            f"{level:11.0f}  {result.locked:3d}/{trials:<3d} {np.max(result.frames_to_lock):14.0f}"
            f"  {timing:11.3f}  {np.sqrt(np.mean(result.carrier**2)):12.2f}  "
            f"{result.rmse:8.3f}  {result.bound:9.3f}  {result.loss_db:20.2f}"
        )


if __name__ == "__main__":
    main()
