# SPDX-License-Identifier: GPL-3.0-or-later
"""From samples that begin anywhere to fixes: how soon is there a lock?

Targets are drawn as in `accuracy`; each trial's receiver starts at some moment, with a carrier and
a sample clock that are off; what a lock costs shows in the position's error over its bound.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click
import numpy as np

from ..scenario import load_scenario
from ..scenario.reception import front_end, synchronizer
from ..scenario.timing import first_arrival
from ..scenario.truth import bound
from ..simulation import impaired_scene, random_scenes, received_stream
from ..synchronization import DirectPathSynchronizer, FrameReader, aligned_grid
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

__all__ = ["cold_start", "main", "trial"]

LOCK_WITHIN = 10
"""Frames in which there should be a lock."""


FIXES = 4
"""Last frames of a trial whose fixes count."""


def trial(text: str, snr_db: float, frames: int, point: Point, rng: np.random.Generator) -> Row:
    """Start a receiver of which nothing is known, in a random scene.

    Parameters
    ----------
    text
        Of the scenario, with synchronization on the direct path.
    snr_db
        Of the echo, its own power over that of the noise.
    frames
        Number that is sent.
    point
        `direct_db`, the power of the direct path over the echo's.
    rng
        Of scene, receiver and noise.

    Returns
    -------
    dict
        `frames_to_lock`, that the receiver has let go by, None without a lock; `timing` [s] and
        `carrier` [Hz], the errors of the last frame; `errors` of the last `FIXES` positions, None
        without a fix, and `bound`, of the echo alone, timing known [m].
    """
    scenario, receiver = prepared(text)
    scene = next(random_scenes(scenario, rng))
    scene = impaired_scene(scene.with_({"channel.noise.snr_db": snr_db}), point["direct_db"], rng)
    samples = received_stream(scene, frames)
    found, first = synchronizer(scene), front_end(scene)
    assert isinstance(found, DirectPathSynchronizer) and first is not None
    receiver.reset()
    row: dict[str, Any] = {"frames_to_lock": None, "timing": None, "carrier": None}
    errors: list[float | None] = []
    for aligned, part in FrameReader(found, scene.chains).read(list(samples), 0):
        if not errors:
            row["frames_to_lock"] = aligned.index
        grid = aligned_grid(part, aligned, scene.numerology)
        frame = scene.pilots.descramble(grid, aligned.index)
        fix = locate(scene, receiver.estimate(frame, aligned.index), aligned.index)
        errors.append(fix.error if fix.valid else None)
        due = first_arrival(scene) + np.arange(frames + 2) * scene.numerology.frame_period
        late = aligned.start + aligned.delay - first.sample(due / scene.sample_rate)
        row["timing"] = float(late[np.argmin(np.abs(late))] / scene.sample_rate)
        row["carrier"] = float(aligned.carrier - first.carrier_offset)
    last = errors[-FIXES:] if len(errors) >= FIXES else [None] * FIXES
    return {**row, "errors": last, "bound": bound(scene, 0)}


def table(results: Results) -> list[Table]:
    """Locks, errors of timing and carrier, and fixes against their bound."""
    rows = []
    for point, trials in results:
        locked = [row for row in trials if row["frames_to_lock"] is not None]
        soon = sum(row["frames_to_lock"] <= LOCK_WITHIN for row in locked)
        fixes = [row for row in trials if None not in row["errors"]]
        rows.append(
            (
                point["direct_db"],
                *percentage(soon, len(trials)),
                max((row["frames_to_lock"] for row in locked), default=None),
                1e9 * rms(np.array([row["timing"] for row in locked])) if locked else None,
                rms(np.array([row["carrier"] for row in locked])) if locked else None,
                *(_errors(fixes) if fixes else [None] * 5),
                len(trials) - len(fixes),
            )
        )
    heading = (
        "direct [dB]",
        "lock [%]",
        "from [%]",
        "to [%]",
        "most frames",
        "timing [ns]",
        "carrier [Hz]",
        "rmse [m]",
        "from [m]",
        "to [m]",
        "bound [m]",
        "above it [dB]",
        "no fix",
    )
    formats = (".0f", ".1f", ".1f", ".1f", "d", ".3f", ".2f", *[".3f"] * 4, ".2f", "d")
    notes = (
        f"lock: within {LOCK_WITHIN} frames; rmse: of the last {FIXES} frames of each trial;",
        "from, to: 95 % intervals, of the rmse by bootstrap of the trials, of locks Wilson's",
    )
    return [Table(heading, rows, formats, notes=notes)]


def _errors(rows: Sequence[Row]) -> list[float | None]:
    """Root mean square error, the ends of its interval, root mean square bound [m], and how far the
    error stands above that [dB]. Whole trials are resampled: fixes of one scene are alike."""
    errors = np.array([rms(np.array(row["errors"])) for row in rows])
    limit = float(rms(np.array([row["bound"] for row in rows])))
    error = float(rms(errors))
    return [error, *bootstrap_interval(errors), limit, float(20 * np.log10(error / limit))]


def cold_start(
    source: str = "paper",
    direct_db: tuple[float, ...] = (20, 38),
    snr_db: float = 0.0,
    frames: int = 20,
) -> Study:
    """Put the study together.

    Parameters
    ----------
    source
        Scenario: scene, beams and estimator.
    direct_db
        Powers of the direct path over the echo's.
    snr_db
        Of the echo.
    frames
        Number that is sent in a trial.
    """
    text = load_scenario(source, {"synchronization.reference": "direct-path"}).text
    points = [{"direct_db": float(level)} for level in direct_db]
    settings = {"scenario": text, "snr_db": snr_db, "frames": frames}
    plot = Plot(
        "direct [dB]",
        (Curve("rmse [m]", "from [m]", "to [m]"), Curve("bound [m]")),
        label="rms position error [m]",
        note="bars: 95 % bootstrap intervals",
    )
    chosen = partial(trial, text, snr_db, frames)
    # The same scenes and receivers at each level of the direct path.
    return Study("cold_start", points, chosen, table, settings, plot, trial_only)


@study_command(trials=100, of="Random targets a row.")
@click.argument("source", metavar="[SCENARIO]", default="paper")
@click.option(
    "--direct-db",
    multiple=True,
    type=click.FloatRange(-300, 300),
    default=(20, 38),
    show_default=True,
    metavar="DB",
    help="Direct path over the echo; may be repeated.",
)
@click.option(
    "--snr-db",
    type=click.FloatRange(-300, 300),
    default=0.0,
    show_default=True,
    metavar="DB",
    help="Of the echo.",
)
@click.option(
    "--frames",
    type=click.IntRange(FIXES, 10**6),
    default=20,
    show_default=True,
    metavar="N",
    help="Frames that are sent.",
)
def main(**options: Any) -> Study:
    """Cold starts on the direct path: unknown timing, carrier within 20 kHz, sample clock within
    20 ppm."""
    return cold_start(**options)
