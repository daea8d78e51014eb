# SPDX-License-Identifier: GPL-3.0-or-later
"""A position from one bistatic echo: its direction, as far as the array measures it, meets the
ellipsoid of its delay and what is known of the position besides."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..geometry import ANYWHERE, SPEED_OF_LIGHT, Locus, Motion
from .echo import Echo, Solution
from .fix import Fix, FixStatus, Reason
from .measurement import Measurement

__all__ = [
    "CONTRADICTION",
    "MAXIMUM_DILUTION",
    "SEPARATION",
    "BistaticLocator",
]

Floats = NDArray[np.float64]

MAXIMUM_DILUTION = 100.0
"""Most that an error may grow on its way to a position; beyond it there is no fix.

It limits two factors. With d the line from receiver to transmitter, D the bistatic distance and u
the ray, D / (D - d.u) says how far an error of delay or direction moves the crossing along the
ray; for a satellite it refuses rays within 8.1 degrees of it. And 1 / |u_z| is the error of the
direction per error of its spatial frequency; it refuses rays within 0.57 degrees of the array's
plane. With a linear array, or none, it limits the smallest singular value of all equations
together, each in metres.
"""

_FARTHEST = 1e15
"""A bistatic range from which on a delay counts as nonsense [m]."""

CONTRADICTION = 30.0
"""Least weighted square of what measurement and known place disagree by that is no chance: its
probability is 4e-8 with one equation more than unknowns, and 3e-7 with two."""

SEPARATION = 10.0
"""Standard deviations that two solutions must lie apart: nearer together the linear error
propagation does not hold, and noise may leave no solution at all."""

BEND = 0.1
"""By how many standard deviations a position may bend over its own uncertainty, see `Echo.spread`:
beyond it, a covariance does not describe where the target may be."""

LATE = 3.0
"""Standard deviations that a residual delay must be above zero, which is at the receiver."""

_TURN = np.diag([1.0, 1.0, 0.0])
"""Weights that leave the delay alone: what fails an estimate from a grid is its direction."""


@dataclass(frozen=True)
class BistaticLocator:
    """Turns arrival and residual delay into positions.

    Parameters
    ----------
    transmitter, receiver
        how the two nodes move.
    receive_array
        the array at the receiver, with its orientation. It measures the arrival along the axes on
        which it has several elements.
    speed
        of propagation [m/s].
    below
        the target's direction has a negative z component in the array's body: prior knowledge,
        which an array in a plane cannot measure.
    known
        where the target is known to be.

    Examples
    --------
    From the direction and the residual delay of a target, its position.

    >>> import numpy as np
    >>> from gnuradio.dislac.arrays import PlanarArray
    >>> from gnuradio.dislac.geometry import SPEED_OF_LIGHT, LinearMotion, bistatic_range
    >>> from gnuradio.dislac.positioning import BistaticLocator
    >>> satellite, mast, target = np.array([[0, 100e3, 300e3], [0, 0, 100.0], [120, 50, 10]])
    >>> array = PlanarArray(4, 4)
    >>> locator = BistaticLocator(LinearMotion(satellite), LinearMotion(mast), array)
    >>> arrival = array.spatial_frequency((target - mast) / np.linalg.norm(target - mast))
    >>> fix = locator.locate(arrival, bistatic_range(satellite, mast, target) / SPEED_OF_LIGHT)
    >>> np.round(fix.position, 3).tolist()
    [120.0, 50.0, 10.0]
    """

    transmitter: Motion
    receiver: Motion
    receive_array: PlanarArray
    speed: float = SPEED_OF_LIGHT
    below: bool = True
    known: Locus = ANYWHERE

    @property
    def determined(self) -> bool:
        """True if arrival, delay and what is known are as many equations as there are unknowns."""
        return len(self.receive_array.measured_axes) + 1 + len(self.known.normals) >= 3

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

        The ellipsoid meets the ray, the cone and the plane, or the line in closed form. What is
        measured beyond that counts by Gauss-Newton steps within the known plane or line, weighted
        by its covariance. The position's covariance is the inverse of the measurement's
        information in the directions in which the position is unknown; where there are no more
        equations than unknowns, it is what the measurement's uncertainty makes of the position,
        curved as that is (`Echo.spread`).

        Parameters
        ----------
        arrival
            (2,) spatial frequency of the path at the receiver; what the array does not measure does
            not count.
        delay
            residual delay [s].
        covariance
            (3, 3) of (arrival_x, arrival_y, delay); without it the fix has none, and what is known
            is met by turning the ray alone.
        doppler
            residual Doppler, passed on [Hz].
        frame, time
            of the fix; the nodes are taken where they are at `time` [s].
        truth
            (3,) true position, for the error and to recognise a target behind the array [m].
        bound
            passed on [m].

        References
        ----------
        Bistatic localization paper, (29) to (31).
        """
        planar = len(self.receive_array.measured_axes) == 2
        direction: Floats = np.full(3, np.nan)

        def fix(status: FixStatus, reason: str = "", **found: Any) -> Fix:
            return Fix(
                frame=frame,
                time=time,
                status=status,
                reason=reason,
                residual_delay=float(delay),
                residual_doppler=float(doppler),
                bound=float(bound),
                **{"direction": direction, **found},
            )

        axes = list(self.receive_array.measured_axes)
        xy = np.zeros(2)
        xy[axes] = np.asarray(arrival, dtype=float)[axes]
        excess = self.speed * float(delay)
        if not (np.all(np.isfinite(xy)) and abs(excess) < _FARTHEST):
            return fix(FixStatus.NO_SOLUTION, Reason.INVALID)
        if not self.determined:
            return fix(FixStatus.NO_SOLUTION, Reason.UNDERDETERMINED)
        if np.max(np.abs(xy)) > 1.0 or xy @ xy > 1.0:
            return fix(FixStatus.NO_SOLUTION, Reason.BEHIND)
        if planar:
            direction = self.receive_array.direction(xy, below=self.below)
        transmitter, receiver = self.transmitter.state(time)[0], self.receiver.state(time)[0]
        if truth is not None and self._behind(np.asarray(truth) - receiver):
            # What would be found is the target's mirror image.
            return fix(FixStatus.NO_SOLUTION, Reason.BEHIND)
        if excess <= 0.0:
            return fix(FixStatus.NO_SOLUTION, Reason.NO_POSITIVE_ROOT)
        if np.sqrt(1.0 - xy @ xy) * MAXIMUM_DILUTION < 1.0:
            return fix(FixStatus.NO_SOLUTION, Reason.ILL_CONDITIONED)
        baseline = transmitter - receiver
        total = excess + float(np.linalg.norm(baseline))
        if planar and (total - baseline @ direction) * MAXIMUM_DILUTION < total:
            return fix(FixStatus.NO_SOLUTION, Reason.NEAR_BASELINE)
        weights = _TURN if covariance is None else np.asarray(covariance, dtype=float)
        units = np.array([1.0, 1.0, 1.0 if covariance is None else self.speed])
        weights = (weights * np.outer(units, units))[np.ix_([*axes, 2], [*axes, 2])]
        if not np.all(np.isfinite(weights)):
            return fix(FixStatus.NO_SOLUTION, Reason.ILL_CONDITIONED)
        if covariance is not None and excess < LATE * np.sqrt(weights[-1, -1]):
            return fix(FixStatus.NO_SOLUTION, Reason.NO_POSITIVE_ROOT)
        echo = Echo(
            self.receive_array,
            transmitter,
            receiver,
            xy[axes],
            excess,
            weights,
            self.known,
            direction,
        )
        found = self._choose(echo, covariance is not None)
        if isinstance(found, FixStatus):
            return fix(found)
        if isinstance(found, Reason):
            return fix(FixStatus.NO_SOLUTION, found)
        position, ray = found.position, found.position - receiver
        if not np.all(np.isfinite(position)):  # beyond what numbers hold
            return fix(FixStatus.NO_SOLUTION, Reason.INVALID)
        return fix(
            FixStatus.OK,
            position=position,
            covariance=np.full((3, 3), np.nan) if covariance is None else found.covariance,
            direction=direction if planar else ray / (np.linalg.norm(ray) or 1.0),
            error=np.nan if truth is None else float(np.linalg.norm(position - np.asarray(truth))),
        )

    def locate_measurement(
        self, measurement: Measurement, *, truth: ArrayLike | None = None, bound: float = np.nan
    ) -> Fix:
        """The fix that a measurement of arrival and delay gives, see `locate`.

        Parameters
        ----------
        measurement
            its Doppler, if it has one, is passed on, and so are frame, time and link.
        truth, bound
            see `locate`.

        Raises
        ------
        ValueError
            the measurement holds no arrival or no delay.
        """
        values, covariance = measurement.select("arrival_x", "arrival_y", "delay")
        doppler = measurement.select("doppler")[0][0] if "doppler" in measurement.kinds else np.nan
        fix = self.locate(
            values[:2],
            float(values[2]),
            None if np.isnan(covariance).all() else covariance,
            doppler=float(doppler),
            frame=measurement.frame,
            time=measurement.time,
            truth=truth,
            bound=bound,
        )
        return replace(fix, links=(measurement.link,)) if measurement.link else fix

    def _choose(self, echo: Echo, weighted: bool) -> Solution | Reason | FixStatus:
        """The one solution of an echo's equations; or why there is none, or more than one.

        Parameters
        ----------
        weighted
            the echo's covariance is that of its measurement.
        """
        roots = echo.roots()
        if not len(roots):
            return Reason.NO_POSITIVE_ROOT
        solutions = [
            solution
            for solution in map(echo.solve, roots)
            if not self._behind(solution.position - echo.receiver)
        ]
        if not solutions:
            return Reason.BEHIND
        most = CONTRADICTION if weighted else np.finfo(float).max
        agreeing = [solution for solution in solutions if solution.disagreement <= most]
        if not agreeing:
            return Reason.CONTRADICTORY
        constrained = len(self.known.normals) > 0
        apart = float(np.linalg.norm(roots[0] - roots[-1])) if len(roots) > 1 else np.inf
        for solution in agreeing:
            deviation = float(np.sqrt(np.trace(solution.covariance))) if weighted else 0.0
            if constrained and not solution.dilution < MAXIMUM_DILUTION:
                return Reason.ILL_CONDITIONED
            if not SEPARATION * deviation < apart:
                return Reason.ILL_CONDITIONED
        first, last = agreeing[0].position, agreeing[-1].position
        # Steps from two roots may lead to the same solution.
        same = np.linalg.norm(last - first) <= 1e-6 * np.linalg.norm(first - echo.receiver)
        if not same:
            return FixStatus.AMBIGUOUS
        if not (weighted and echo.exact):
            return agreeing[0]
        covariance, bend = echo.spread(first)
        if bend > BEND:
            return Reason.ILL_CONDITIONED
        return replace(agreeing[0], covariance=covariance)

    def _behind(self, vector: Floats) -> bool:
        """True if a vector (3,) from the receiver leads where the sign prior excludes targets."""
        z = self.receive_array.in_body(vector)[2]
        return bool(z > 0.0 if self.below else z < 0.0)
