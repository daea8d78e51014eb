# SPDX-License-Identifier: GPL-3.0-or-later
"""The equations that one bistatic echo gives for a position, and their solutions."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ..arrays import PlanarArray
from ..bounds import measurement_gradients
from ..geometry import Locus, bistatic_range, cone_in_plane, ellipsoid_on_line, range_along_ray

__all__ = ["Echo", "Solution"]

Floats = NDArray[np.float64]

ROUNDS = 20
"""Most Gauss-Newton steps; a handful is enough where there is a solution."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A place that an echo may come from.

    Parameters
    ----------
    position
        (3,) [m].
    covariance
        (3, 3) [m^2], zero where nothing is unknown.
    disagreement
        weighted square of what measurement and known place disagree by there; zero where there are
        as many equations as unknowns, infinite where no place was found.
    dilution
        most that an error of distance, or of distance times direction, may grow on its way to the
        position.
    """

    position: Floats
    covariance: Floats
    disagreement: float
    dilution: float


@dataclass(frozen=True, eq=False)
class Echo:
    """The measurement of one echo, and what is known of its place.

    Parameters
    ----------
    array
        at the receiver.
    transmitter, receiver
        (3,) where they are [m].
    arrival
        (n,) spatial frequency along the axes that the array measures.
    excess
        bistatic range less the direct distance, positive [m].
    covariance
        (n + 1, n + 1) of those.
    known
        where the target is known to be.
    direction
        (3,) of a planar array's ray, not a number elsewhere.
    """

    array: PlanarArray
    transmitter: Floats
    receiver: Floats
    arrival: Floats
    excess: float
    covariance: Floats
    known: Locus
    direction: Floats

    @property
    def exact(self) -> bool:
        """True if there are as many equations as unknowns."""
        return len(self.covariance) == self.known.directions.shape[1]

    def roots(self) -> Floats:
        """(n, 3) places in closed form, on both sides of a linear array.

        Of a planar array the one of ray and delay; of a linear one those of cone, delay and
        plane; on a line those of the delay.
        """
        endpoints = self.transmitter, self.receiver
        if len(self.arrival) == 2:
            distance = range_along_ray(*endpoints, self.direction, self.excess)
            return np.asarray(self.receiver + distance * self.direction)[None]
        if len(self.known.normals) == 2:
            along = self.known.directions[:, 0]
            return ellipsoid_on_line(
                *endpoints, self.excess, self.known.correction(np.zeros(3)), along
            )
        (axis,) = self.array.orientation.apply(np.eye(3)[list(self.array.measured_axes)])
        return cone_in_plane(
            *endpoints,
            self.excess,
            axis,
            float(self.arrival[0]),
            self.known.normals[0],
            float(self.known.offsets[0]),
        )

    def solve(self, root: Floats) -> Solution:
        """The solution at a root, or near it where there are more equations than unknowns.

        Gauss-Newton steps within the known plane or line make the weighted square of the
        disagreement least.
        """
        free = self.known.directions
        position = root
        direction = self.direction if len(self.arrival) == 2 else self._direction(root)
        if self.exact:
            return self._at(root, direction)
        covariance: Floats = np.full((3, 3), np.nan)
        singular: Floats = np.zeros(1)
        disagreement = np.inf
        for _ in range(ROUNDS):
            gradients, residual, factor = self._linearized(position, direction)
            slopes = gradients @ free
            singular = np.asarray(np.linalg.svd(slopes, compute_uv=False), float)
            if not singular[-1] > 1e-9:
                break
            q, r = np.linalg.qr(solve_triangular(factor, slopes, lower=True))
            inverse = solve_triangular(r, np.eye(len(r)))
            half = free @ inverse
            covariance = half @ half.T
            onto = self.known.correction(position)
            left = solve_triangular(factor, residual - gradients @ onto, lower=True)
            step = onto + half @ (q.T @ left)
            if np.linalg.norm(step) <= 1e-9 * np.linalg.norm(position - self.receiver):
                disagreement = float(left @ left)
                break
            position = position + step
            direction = self._direction(position)
        dilution = float(1.0 / max(singular[-1], 1e-300))
        return Solution(position, covariance, disagreement, dilution)

    def _at(self, root: Floats, direction: Floats) -> Solution:
        """The solution where there are as many equations as unknowns: the root itself."""
        slopes = self._gradients(root, direction) @ self.known.directions
        singular = float(np.linalg.svd(slopes, compute_uv=False)[-1])
        dilution = 1.0 / max(singular, 1e-300)
        if not singular > 1e-9:
            return Solution(root, np.full((3, 3), np.nan), np.inf, dilution)
        half = self.known.directions @ np.linalg.solve(slopes, self._factor(root))
        return Solution(root, half @ half.T, 0.0, dilution)

    def spread(self, position: Floats) -> tuple[Floats, float]:
        """Covariance (3, 3) of the position of a root, and how much it bends.

        Ellipsoid and ray, or cone, are far from straight where a delay's or a direction's error is
        not small: the near side of an error's region is narrow and its far side wide. The
        measurement is therefore moved by the square root of its number of components times its
        deviation along each of its principal axes, to either side, and what the position does is
        averaged. The bend is how far the mean of two sides lies from the middle, at most, in
        deviations; infinite where a side has no position.

        References
        ----------
        I. Arasaratnam and S. Haykin, Cubature Kalman filters, 2009, (7).
        """
        count = len(self.covariance)
        steps = np.linalg.cholesky(self.covariance + 1e-300 * np.eye(count)).T * np.sqrt(count)
        measured = np.append(self.arrival, self.excess)
        points = np.concatenate([measured + steps, measured - steps])
        directions = np.sum(points[:, :-1] ** 2, axis=1)
        if np.any(points[:, -1] <= 0.0) or np.any(directions > 1.0):
            return np.full((3, 3), np.inf), np.inf
        if len(self.arrival) == 2:
            away = self._on_rays(points) - position
        else:
            sides = [self._moved(point) for point in points]
            if any(not len(side) for side in sides):
                return np.full((3, 3), np.inf), np.inf
            nearest = [s[np.argmin(np.linalg.norm(s - position, axis=1))] for s in sides]
            away = np.array(nearest) - position
        covariance = away.T @ away / len(away)
        shift = np.linalg.norm(away[:count] + away[count:], axis=1).max() / 2
        return covariance, float(shift / np.sqrt(max(count * np.trace(covariance), 1e-300)))

    def _on_rays(self, measured: Floats) -> Floats:
        """(n, 3) roots of other measurements (n, 3) (arrival, excess) of a planar array."""
        below = bool(self.array.in_body(self.direction)[2] < 0)
        directions = self.array.direction(measured[:, :2], below=below)
        distances = range_along_ray(self.transmitter, self.receiver, directions, measured[:, 2])
        return self.receiver + distances[:, None] * directions

    def _moved(self, measured: Floats) -> Floats:
        """(n, 3) roots of another measurement (arrival, excess) of an array that is not planar."""
        return replace(self, arrival=measured[:-1], excess=float(measured[-1])).roots()

    def _direction(self, position: Floats) -> Floats:
        ray = position - self.receiver
        return np.asarray(ray / (np.linalg.norm(ray) or 1.0))

    def _linearized(self, position: Floats, direction: Floats) -> tuple[Floats, Floats, Floats]:
        """Gradients (n + 1, 3) by the position, residual (n + 1,) and the factor of its covariance
        (n + 1, n + 1), with spatial frequencies times the distance, all in metres."""
        axes = list(self.array.measured_axes)
        distance = float(np.linalg.norm(position - self.receiver))
        turn = distance * (self.arrival - self.array.spatial_frequency(direction)[axes])
        range_error = self.excess - bistatic_range(self.transmitter, self.receiver, position)
        residual = np.append(turn, range_error)
        return self._gradients(position, direction), residual, self._factor(position)

    def _gradients(self, position: Floats, direction: Floats) -> Floats:
        onward = position - self.transmitter
        gradient = direction + onward / (np.linalg.norm(onward) or 1.0)
        gradients = measurement_gradients(self.array, direction, gradient)
        return gradients[[*self.array.measured_axes, 2]]

    def _factor(self, position: Floats) -> Floats:
        distance = float(np.linalg.norm(position - self.receiver))
        units = np.append(np.full(len(self.arrival), distance), 1.0)
        spread = self.covariance * np.outer(units, units)
        # Rounding keeps variances that are zero apart from singular ones.
        spread += (1e-15 * np.trace(spread) + 1e-18) * np.eye(len(spread))
        return np.asarray(np.linalg.cholesky(spread), float)
