# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixes: where a target is, or why that is not known."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fix", "FixStatus", "Reason", "status_of"]

Floats = NDArray[np.float64]


class FixStatus(StrEnum):
    """Outcome of a frame.

    - ``ok``: there is a position.

    Without a position:

    - ``no_detection``: the estimator found no echo.
    - ``no_solution``: what was measured gives no position, for a `Reason`.
    - ``outside_window``: the echo lies at the edge of a search window; it may be beyond.
    - ``learning``: what is to be taken off frames is not known yet.
    - ``ambiguous``: another place explains the frame nearly as well, or as well: a linear array
      does not distinguish one side of its axis from the other.
    - ``too_few_anchors``: fewer links measured the target than its position takes.

    With a position and a warning:

    - ``alarm``: the measurements contradict each other, and the error may exceed its limit.
    - ``not_monitored``: there are too few measurements to check them against each other.
    - ``ill_conditioned``: errors of measurements grow much on their way to the position.
    """

    OK = "ok"
    NO_DETECTION = "no_detection"
    NO_SOLUTION = "no_solution"
    OUTSIDE_WINDOW = "outside_window"
    LEARNING = "learning"
    AMBIGUOUS = "ambiguous"
    TOO_FEW_ANCHORS = "too_few_anchors"
    ALARM = "alarm"
    NOT_MONITORED = "not_monitored"
    ILL_CONDITIONED = "ill_conditioned"

    @property
    def located(self) -> bool:
        """True if fixes of this status have a position."""
        return self in _LOCATED


_LOCATED = frozenset(
    {FixStatus.OK, FixStatus.ALARM, FixStatus.NOT_MONITORED, FixStatus.ILL_CONDITIONED}
)


class Reason(StrEnum):
    """Reason why a measurement gives no position.

    - ``invalid``: arrival or delay is not finite, or beyond all sense.
    - ``no_positive_root``: the residual delay is zero or negative, or might be for all its
      standard deviation says (see `bistatic.LATE`), so there is no ellipsoid; or the ellipsoid does
      not meet what is known of the place.
    - ``behind``: the arrival lies outside the visible disc; or what is known besides it (height,
      plane, line, truth) puts the target into the half-space that the locator's sign prior
      excludes.
    - ``near_baseline``: the ray leads nearly to the transmitter, where delay and direction say
      little about the distance (see `bistatic.MAXIMUM_DILUTION`).
    - ``ill_conditioned``: the ray is nearly in the array's plane, or the surfaces that meet are
      nearly tangential, or bend over the uncertainty (see `bistatic.MAXIMUM_DILUTION`,
      `bistatic.SEPARATION`, `bistatic.BEND`); or the measurement's covariance is infinite.
    - ``underdetermined``: arrival, as far as the receive array measures it, and delay are fewer
      equations than the position has unknowns. The remedy is to say what is known of the target's
      place, by one of the scenario's keys ``locator.known_height_m``, ``locator.known_plane`` and
      ``locator.known_line``, or an array of 2 x 2 elements or more.
    - ``contradictory``: no place where the target can be agrees with the measurement (see
      `bistatic.CONTRADICTION`).
    - ``below_horizon``: the Earth stands between the transmitter and the receiver or the target.
    """

    INVALID = "invalid"
    NO_POSITIVE_ROOT = "no_positive_root"
    BEHIND = "behind"
    NEAR_BASELINE = "near_baseline"
    ILL_CONDITIONED = "ill_conditioned"
    UNDERDETERMINED = "underdetermined"
    CONTRADICTORY = "contradictory"
    BELOW_HORIZON = "below_horizon"


@dataclass(frozen=True, eq=False)
class Fix:
    """Position of a target from one frame. Whatever is not known is NaN.

    Parameters
    ----------
    frame
        index of the frame.
    time
        when what was measured holds, the middle of the frame's pilots, since the scenario's epoch
        [s].
    status
        see `FixStatus`.
    position
        (3,) [m].
    covariance
        (3, 3) of the position [m^2].
    residual_delay
        with respect to the reference link [s].
    residual_doppler
        with respect to the reference link [Hz].
    direction
        (3,) unit vector from the receiver, in the scene's frame.
    error
        distance from the true position, where that is known [m].
    bound
        Cramer-Rao bound of the position's root mean square error, where computed [m].
    target
        name or number of the target, empty where none is said.
    links
        names of transmitter and receiver of each link that it comes from, empty where there is only
        one link.
    reason
        of the status ``no_solution``, see `Reason`; empty where none is said.

    Raises
    ------
    ValueError
        the status is one with a position, and that is not finite; or a reason does not go with the
        status.
    """

    frame: int
    time: float
    status: FixStatus
    position: Floats = field(default_factory=lambda: np.full(3, np.nan))
    covariance: Floats = field(default_factory=lambda: np.full((3, 3), np.nan))
    residual_delay: float = np.nan
    residual_doppler: float = np.nan
    direction: Floats = field(default_factory=lambda: np.full(3, np.nan))
    error: float = np.nan
    bound: float = np.nan
    target: str = ""
    links: tuple[tuple[str, ...], ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status.located and not np.all(np.isfinite(self.position)):
            raise ValueError(
                f"frame {self.frame}: a fix of status {self.status} has a position; "
                f"{self.position} is none"
            )
        if self.reason and self.status is not FixStatus.NO_SOLUTION:
            raise ValueError(
                f"frame {self.frame}: a fix of status {self.status} with the reason "
                f"'{self.reason}', which belongs to no_solution"
            )

    @property
    def valid(self) -> bool:
        """True if there is a position."""
        return self.status.located

    @property
    def outcome(self) -> str:
        """The reason where there is no solution, else the status: one word for tables."""
        return str(self.reason or self.status)

    @property
    def deviation(self) -> float:
        """Root mean square position error that the covariance predicts [m]."""
        return float(np.sqrt(np.trace(self.covariance)))


def status_of(status: str, reason: str = "", *, located: bool) -> tuple[FixStatus, str]:
    """Status and reason of a fix as files and messages write them.

    Before there were reasons, they stood in the place of the status.

    Parameters
    ----------
    status, reason
        as written.
    located
        there is a position.

    Raises
    ------
    ValueError
        there is no such status or reason.
    """
    if not located and not reason and status in set(Reason):
        return FixStatus.NO_SOLUTION, Reason(status)
    return FixStatus(status), Reason(reason) if reason else ""
