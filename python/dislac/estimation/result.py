# SPDX-License-Identifier: GPL-3.0-or-later
"""Input and output of every estimator: a checked frame in, an `Estimate` out."""

from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..channel import Paths, SnapshotModel

__all__ = [
    "ESTIMATE_STATUSES",
    "Estimate",
    "EstimateStatus",
    "Estimator",
    "EstimatorError",
    "FrameError",
    "checked_frame",
    "first_paths",
    "no_paths",
    "nothing",
]

EstimateStatus = Literal["ok", "outside_window", "ambiguous", "learning"]
ESTIMATE_STATUSES: tuple[EstimateStatus, ...] = get_args(EstimateStatus)


class FrameError(ValueError):
    """A frame that cannot be used: wrong shape, no complex numbers, or values not finite."""


class EstimatorError(ValueError):
    """An estimator's setting that makes no sense for its model."""


@dataclass(frozen=True)
class Estimate:
    """Paths of one frame, and how sure they are.

    Parameters
    ----------
    paths
        the leading path first, which status and average are about, then what else was found; empty
        if nothing was detected. Off the grid the leading path is the first to arrive of those at
        least half as strong as the strongest (what passes over scatterers comes later), on a grid
        the first atom. `positioning` says which are targets'.
    covariance
        (L, 6, 6) covariance of (arrival x, y, departure x, y, delay, doppler) of each path, from
        the Fisher information at the estimate; a departure that was given has variance zero. None
        for an estimator that stays on its grid.
    noise_power
        estimate of E|z|^2 per element of the frame.
    statistic
        GLRT statistic, in [0, 1]. Off the grid: the part of the frame's energy that the strongest
        path explains. For ``mmv-bomp``: the part of the first atom's energy that lies at one delay
        and Doppler.
    threshold
        what the statistic of noise alone exceeds at the false-alarm rate set.
    status
        ``ok``; or why the leading path gives no position: ``outside_window``, it lies at the edge
        of a search window, so that its true place may be beyond; ``ambiguous``, another place
        explains the frame nearly as well; ``learning``, what is to be taken off frames is not known
        yet.
    """

    paths: Paths
    covariance: NDArray[np.float64] | None
    noise_power: float
    statistic: float
    threshold: float
    status: EstimateStatus = "ok"

    @property
    def detected(self) -> bool:
        """True if there is any path at all."""
        return len(self.paths) > 0


class Estimator(Protocol):
    """Anything that turns frames of one snapshot model into estimates."""

    @property
    def model(self) -> SnapshotModel:
        """The snapshot model that its frames follow."""
        ...

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf); the same frame gives the same bits.

        Parameters
        ----------
        index
            the frame's; it counts only where something is followed from frame to frame.

        Raises
        ------
        FrameError
            wrong shape, or not finite.
        """
        ...

    def reset(self) -> None:
        """Forget all frames: the next estimates are those of a new estimator, bit for bit."""
        ...


def checked_frame(model: SnapshotModel, frame: ArrayLike) -> NDArray[np.complex128]:
    """The frame as complex128 (Ms, Nsc, Nrf).

    Raises
    ------
    FrameError
        wrong shape, or not finite.
    """
    y = np.asarray(frame)
    if y.shape != model.shape:
        raise FrameError(
            f"frame has shape {y.shape}; the model's is (symbols, subcarriers, chains) = "
            f"{model.shape}"
        )
    if y.dtype.kind not in "fc":
        raise FrameError(f"frame holds {y.dtype}; give complex64 or complex128")
    y = y.astype(np.complex128, copy=False)
    # Any NaN or infinity survives a sum, which is far cheaper than looking at each element.
    if not np.isfinite(y.sum()):
        bad = np.argwhere(~np.isfinite(y))
        if len(bad):
            raise FrameError(
                f"frame holds {len(bad)} values that are not finite, the first at (symbol, "
                f"subcarrier, chain) = {tuple(map(int, bad[0]))}; drop the frame"
            )
    return y


def no_paths() -> Paths:
    """The empty set of paths."""
    return Paths(
        gain=np.zeros(0, complex),
        arrival=np.zeros((0, 2)),
        departure=np.zeros((0, 2)),
        delay=np.zeros(0),
        doppler=np.zeros(0),
    )


def first_paths(estimate: Estimate, count: int) -> Estimate:
    """The estimate with its first paths only."""
    paths = Paths(*(value[:count] for value in vars(estimate.paths).values()))
    covariance = None if estimate.covariance is None else estimate.covariance[:count]
    return replace(estimate, paths=paths, covariance=covariance)


def nothing(statistic: float, threshold: float, noise_power: float) -> Estimate:
    """The estimate from a frame in which no path is detected."""
    return Estimate(no_paths(), np.zeros((0, 6, 6)), noise_power, statistic, threshold)
