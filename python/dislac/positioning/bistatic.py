# SPDX-License-Identifier: GPL-3.0-or-later
"""A position from one bistatic echo: the ray it came along meets the ellipsoid of its delay."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..geometry import SPEED_OF_LIGHT, Motion, range_along_ray

__all__ = ["MAXIMUM_DILUTION", "BistaticLocator", "Fix", "FixStatus"]

Floats = NDArray[np.float64]

MAXIMUM_DILUTION = 100.0
"""How much an error may grow on its way to a position; beyond it there is no fix.

It limits two factors. With d the way from receiver to transmitter, D the bistatic distance and u
the ray, D / (D - d.u) says how far an error of delay or direction moves the crossing along the
ray; for a satellite it refuses rays within 8.1 degrees of it. And 1 / |u_z| is the error of the
direction per error of its spatial frequency; it refuses rays within 0.57 degrees of the array's
plane.
"""

_FARTHEST = 1e15
"""A bistatic range from which on a delay counts as nonsense [m]."""

_TURN = np.diag([1.0, 1.0, 0.0])
"""Weights that leave the delay alone: what fails an estimate from a grid is its direction."""


class FixStatus(StrEnum):
    """What became of a frame. Only an `OK` fix has a position.

    - ``ok``: there is a position.
    - ``no_detection``: the estimator found no echo.
    - ``outside_window``: the echo lies at the edge of a search window; it may be beyond.
    - ``ambiguous``: another place explains the frame nearly as well.
    - ``learning``: what is to be taken off frames is not known yet.
    - ``invalid``: arrival or delay is not finite, or beyond all sense.
    - ``no_positive_root``: the residual delay is zero or negative, so there is no ellipsoid.
    - ``behind``: the arrival lies outside the visible disc; or what is known besides it (height,
      truth) puts the target into the half-space that the locator's sign prior excludes.
    - ``near_baseline``: the ray leads nearly to the transmitter, where delay and direction say
      little about the distance (see `MAXIMUM_DILUTION`).
    - ``ill_conditioned``: the ray is nearly in the array's plane (see `MAXIMUM_DILUTION`); or
      the measurement's covariance is infinite.
    """

    OK = "ok"
    NO_DETECTION = "no_detection"
    OUTSIDE_WINDOW = "outside_window"
    AMBIGUOUS = "ambiguous"
    LEARNING = "learning"
    INVALID = "invalid"
    NO_POSITIVE_ROOT = "no_positive_root"
    BEHIND = "behind"
    NEAR_BASELINE = "near_baseline"
    ILL_CONDITIONED = "ill_conditioned"


@dataclass(frozen=True, eq=False)
class Fix:
    """What one frame says about the target. Whatever is not known is NaN.

    Args:
        frame: index of the frame.
        time: when what was measured holds, the middle of the frame's pilots, since the scenario's
            epoch [s].
        status: see `FixStatus`.
        position: (3,) [m].
        covariance: (3, 3) of the position [m^2].
        residual_delay: with respect to the reference link [s].
        residual_doppler: with respect to the reference link [Hz].
        direction: (3,) unit vector from the receiver, in the scene's frame.
        error: distance from the true position, where that is known [m].
        bound: Cramer-Rao bound of the position's root mean square error, where computed [m].
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

    @property
    def valid(self) -> bool:
        """Whether there is a position."""
        return self.status is FixStatus.OK

    @property
    def deviation(self) -> float:
        """Root mean square position error that the covariance predicts [m]."""
        return float(np.sqrt(np.trace(self.covariance)))


@dataclass(frozen=True)
class BistaticLocator:
    """Turns arrival and residual delay into positions.

    Args:
        transmitter, receiver: how the two nodes move.
        receive_array: the array at the receiver, with its orientation.
        speed: of propagation [m/s].
        below: the target's direction has a negative z component in the array's body: prior
            knowledge, which an array in a plane cannot measure.
        height: z coordinate of the target, where it is known [m].
    """

    transmitter: Motion
    receiver: Motion
    receive_array: PlanarArray
    speed: float = SPEED_OF_LIGHT
    below: bool = True
    height: float | None = None

    def locate(
        self,
        arrival: ArrayLike,
        delay: float,
        covariance: ArrayLike | None = None,
        *,
        doppler: float = np.nan,
        frame: int = 0,
        time: float = 0.0,
        truth: ArrayLike | None = None,
        bound: float = np.nan,
    ) -> Fix:
        """The fix that one path gives; where there is none, a status and never an exception.

        Ray and ellipsoid meet in closed form. The position's covariance is that of the
        measurements, carried through the derivative of the closed form. A known height is a
        constraint: one Gauss-Newton step from the closed form, weighted by that covariance.

        Args:
            arrival: (2,) spatial frequency of the path at the receiver.
            delay: residual delay [s].
            covariance: (3, 3) of (arrival_x, arrival_y, delay); without it the fix has none, and
                a known height is met by turning the ray alone.
            doppler: residual Doppler, passed on [Hz].
            frame, time: of the fix; the nodes are taken where they are at `time` [s].
            truth: (3,) true position, for the error and to tell a target behind the array [m].
            bound: passed on [m].

        Source: bistatic localization paper, (29) to (31).
        """
        fix = Fix(
            frame=frame,
            time=time,
            status=FixStatus.INVALID,
            residual_delay=float(delay),
            residual_doppler=float(doppler),
            bound=float(bound),
        )
        xy = np.asarray(arrival, dtype=float)
        excess = self.speed * float(delay)
        if not (np.all(np.isfinite(xy)) and abs(excess) < _FARTHEST):
            return fix
        if np.max(np.abs(xy)) > 1.0 or xy @ xy > 1.0:
            return replace(fix, status=FixStatus.BEHIND)
        direction = self.receive_array.direction(xy, below=self.below)
        fix = replace(fix, direction=direction)
        transmitter, receiver = self.transmitter.state(time)[0], self.receiver.state(time)[0]
        if truth is not None and self._behind(np.asarray(truth) - receiver):
            # What would be found is the target's mirror image.
            return replace(fix, status=FixStatus.BEHIND)
        if excess <= 0.0:
            return replace(fix, status=FixStatus.NO_POSITIVE_ROOT)
        if np.sqrt(1.0 - xy @ xy) * MAXIMUM_DILUTION < 1.0:
            return replace(fix, status=FixStatus.ILL_CONDITIONED)

        way = transmitter - receiver
        total = excess + float(np.linalg.norm(way))
        if (total - way @ direction) * MAXIMUM_DILUTION < total:
            return replace(fix, status=FixStatus.NEAR_BASELINE)

        distance = float(range_along_ray(transmitter, receiver, direction, excess))
        position = receiver + distance * direction
        weights = _TURN if covariance is None else np.asarray(covariance, dtype=float)
        if not np.all(np.isfinite(weights)):
            return replace(fix, status=FixStatus.ILL_CONDITIONED)
        onward = transmitter - position
        jacobian = self._jacobian(direction, distance, direction - onward / np.linalg.norm(onward))
        spread = jacobian @ weights @ jacobian.T
        if self.height is not None:
            # A height that the measurement leaves no doubt about cannot be bettered.
            doubtful = spread[2, 2] > 1e-12 * np.trace(spread)
            gain = spread[:, 2] / spread[2, 2] if doubtful else np.zeros(3)
            position = position + gain * (self.height - position[2])
            spread = spread - np.outer(gain, spread[2])
            if self._behind(position - receiver):
                return replace(fix, status=FixStatus.BEHIND)
        if covariance is None:
            spread = fix.covariance
        error = np.nan if truth is None else float(np.linalg.norm(position - np.asarray(truth)))
        return replace(fix, status=FixStatus.OK, position=position, covariance=spread, error=error)

    def _jacobian(self, direction: Floats, distance: float, gradient: Floats) -> Floats:
        """Derivative (3, 3) of the position with respect to (arrival_x, arrival_y, delay).

        With position = receiver + s u and g the gradient of the bistatic range, a change du of
        the direction and de of the range give g.(u ds + s du) = de.
        """
        orientation = self.receive_array.orientation
        x, y, z = orientation.inv().apply(direction)
        turn = orientation.apply([[1.0, 0.0, -x / z], [0.0, 1.0, -y / z]]).T
        along = direction / (gradient @ direction)
        across = distance * (turn - np.outer(along, gradient @ turn))
        return np.column_stack([across, self.speed * along])

    def _behind(self, vector: Floats) -> bool:
        """Whether a vector (3,) from the receiver leads where the sign prior excludes targets."""
        z = self.receive_array.orientation.inv().apply(vector)[2]
        return bool(z > 0.0 if self.below else z < 0.0)
