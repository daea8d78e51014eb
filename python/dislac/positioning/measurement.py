# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements: parameters of one path over one link, with their covariance.

Receivers send them to whatever fuses, associates or tracks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..channel import SnapshotModel
from ..estimation import Estimate

__all__ = ["PATH_KINDS", "Measurement", "PathKind", "measurements"]

Floats = NDArray[np.float64]

PathKind = Literal["direct", "echo", "ris"]
PATH_KINDS: tuple[PathKind, ...] = get_args(PathKind)

_MEASURED = {"arrival_x": 0, "arrival_y": 1, "delay": 4, "doppler": 5}
"""Kinds that estimates give, and their indices among the parameters of a path."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """Parameters of a path in one frame of one link.

    Parameters
    ----------
    link
        names of its transmitter and receiver; empty where there is only one link.
    frame
        index of the frame.
    time
        when it holds, since the scenario's epoch [s].
    kinds
        (n,) of the values: ``arrival_x``, ``arrival_y`` (spatial frequencies), ``delay``,
        ``doppler`` (residual, [s] and [Hz]).
    values
        (n,).
    covariance
        (n, n); infinite variances of what the link cannot measure, NaN where nothing is known of
        errors.
    snr
        signal to noise ratio of the path alone, per resource element of a receive chain, averaged
        over the frame; NaN where it is not known.
    outlier_probability
        that another path than the one meant was measured; NaN where it is not known.
    path
        over which path the signal came.

    Raises
    ------
    ValueError
        kinds, values and covariance do not fit each other.
    """

    link: tuple[str, ...]
    frame: int
    time: float
    kinds: tuple[str, ...]
    values: Floats
    covariance: Floats
    snr: float = np.nan
    outlier_probability: float = np.nan
    path: PathKind = "echo"

    def __post_init__(self) -> None:
        count = len(self.kinds)
        shapes = np.shape(self.values), np.shape(self.covariance)
        if shapes != ((count,), (count, count)) or len(set(self.kinds)) != count:
            raise ValueError(
                f"a measurement of {', '.join(self.kinds)} has values of shape {shapes[0]} and a "
                f"covariance of shape {shapes[1]}; give {(count,)} and {(count, count)}, each kind "
                "once"
            )

    def select(self, *kinds: str) -> tuple[Floats, Floats]:
        """Values (n,) and covariance (n, n) of some kinds, in the order asked for.

        Raises
        ------
        ValueError
            the measurement holds no such kind.
        """
        if missing := [kind for kind in kinds if kind not in self.kinds]:
            raise ValueError(f"no {missing[0]} in a measurement of {', '.join(self.kinds)}")
        own = [self.kinds.index(kind) for kind in kinds]
        return self.values[own], self.covariance[np.ix_(own, own)]


def measurements(
    estimate: Estimate,
    paths: Iterable[int],
    *,
    link: tuple[str, ...] = (),
    frame: int = 0,
    time: float = 0.0,
    timing_deviation: float = 0.0,
    model: SnapshotModel | None = None,
) -> list[Measurement]:
    """Measurements of some paths of an estimate.

    Parameters
    ----------
    estimate
        of a frame of the link.
    paths
        indices among the estimate's.
    link, frame, time
        see `Measurement`.
    timing_deviation
        standard deviation of the frame's timing [s], which delays take over.
    model
        of the frame; it gives the signal to noise ratio.
    """
    found, own = estimate.paths, list(_MEASURED.values())
    made = []
    for k in paths:
        covariance = np.full((len(own), len(own)), np.nan)
        if estimate.covariance is not None:
            covariance = estimate.covariance[k][np.ix_(own, own)]
            covariance[2, 2] += timing_deviation**2
        snr = np.nan
        if model is not None and estimate.noise_power > 0:
            response = model.response(found.arrival[k], found.departure[k])
            power = abs(found.gain[k]) ** 2 * float(np.mean(np.abs(response) ** 2))
            snr = power / estimate.noise_power
        values = np.array([*found.arrival[k], found.delay[k], found.doppler[k]])
        kinds = tuple(_MEASURED)
        made.append(Measurement(link, frame, time, kinds, values, covariance, snr))
    return made
