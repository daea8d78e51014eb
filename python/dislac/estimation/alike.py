# SPDX-License-Identifier: GPL-3.0-or-later
"""Directions that look alike to the rows of a frame.

At its delay and Doppler shift a path brings one complex number to each row, r independent ones of
them if beams leave r. Its gain and its d spatial frequencies take 2 + d real numbers of these 2 r.
Another path that the bandwidth does not resolve from it takes as much again, one that comes later
by many resolution cells nothing, and one in between a part: the other paths' gains, arrivals,
delays and Doppler shifts are unknown, so that of each of the 2 r dimensions only a part l is left
that no step of theirs, by their gain or by a resolution cell, makes up for. The response of a
random direction, scaled at will, leaves as little as the noise of energy N in a dimension with the
probability (1 + l P / N)^(-1/2), P being the path's energy. Multiplied over all dimensions that
are not taken, and by the number of directions that the arrays could distinguish, of others to the
power of the energy of their tones that lies along the path's, that is the expected number of
directions that explain the rows as well as the path's.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from .path_responses import DELAY, DOPPLER, PathResponses

__all__ = ["FALSE_PLACES", "DirectionsAlike"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

FALSE_PLACES = 1e-2
"""Number of such directions that may be expected where a path's is said to be known."""

FEW, MOST_ROWS = 32, 512
"""Independent rows beyond which no directions are alike, and rows that are looked at."""

ROUNDING = 1e-12
"""Energy of a row's independent part, over the largest, that is rounding errors."""


class DirectionsAlike:
    """Expected number of directions that explain rows as well as a path's, for one model.

    Nothing is alike to all elements of an array, where there is no other path.

    Parameters
    ----------
    responses
        of the model.
    """

    def __init__(self, responses: PathResponses) -> None:
        model = responses.model
        spatial = responses.free[responses.free < DELAY]
        self._arrivals, departures = (
            float(np.prod(2.0 / responses.cells[own])) * (np.pi / 4 if len(own) == 2 else 1.0)
            for own in (spatial[spatial < 2], spatial[spatial >= 2])
        )
        self._directions = self._arrivals * departures
        self._responses = responses
        self._taken = 2 + len(spatial)
        self._basis: Complex | None = None
        receive, transmit = responses.receive, responses.transmit
        if not len(spatial) or len(receive) > MOST_ROWS:
            return
        elements = model.receive_array.size
        if responses.departure is not None:
            transmit = transmit @ model.transmit_array.steering(responses.departure)[:, None]
        elif responses.beams > 1:
            elements *= model.transmit_array.size
        products = [rows @ rows.conj().T for rows in (receive, transmit)]
        energy, vector = np.linalg.eigh(products[0] * products[1])
        independent = energy > ROUNDING * energy[-1]
        rank = int(np.count_nonzero(independent))
        self._complete = rank == elements
        if rank <= FEW:
            self._basis = vector[:, independent]

    def __call__(
        self, parameters: Floats, gain: Complex, target: int, noise: float, explained: float
    ) -> float:
        """Expected number of directions far from a path's that explain its rows as well.

        Parameters
        ----------
        parameters, gain
            (L, 6) and (L,) of all paths.
        target
            index of the path.
        noise
            power per element.
        explained
            energy of the path.
        """
        if self._basis is None or (self._complete and len(parameters) == 1):
            return 0.0
        directions = self._directions
        left: Floats = np.ones(2 * self._basis.shape[1])
        if len(parameters) > 1:
            left, along = self._left(self._basis, parameters, gain, target, noise)
            directions *= self._arrivals**along
        left = np.sort(left)[: max(len(left) - self._taken, 0)]
        ratio = explained / max(noise * self._basis.shape[1], 1e-300)
        return float(directions * np.exp(-0.5 * np.sum(np.log1p(ratio * left))))

    def _left(
        self, basis: Complex, parameters: Floats, gain: Complex, target: int, noise: float
    ) -> tuple[Floats, float]:
        """(2 r,) parts of the rows' real dimensions that the other paths leave; and parts of the
        energy of their tones along the path's, summed."""
        responses, own = self._responses, parameters[target]
        tone = responses.at(own)[1]
        tone = tone / np.linalg.norm(tone)
        turns = own[DOPPLER] * responses.times - own[DELAY] * responses.offsets
        rows = np.exp(2j * np.pi * turns)[:, None] * basis
        rows = np.hstack([rows, 1j * rows]).T
        others, size = np.delete(parameters, target, axis=0), np.delete(gain, target)
        count = len(others)
        s, e = responses.factors(others)
        s *= size[:, None, None]
        energy = np.sum(np.abs(e[:, 0]) ** 2, axis=1)
        along = float(np.sum(np.abs(e[:, 0] @ tone.conj()) ** 2 / energy))
        # Both parts of the gains, then the derivatives, of which those by the delay may be two.
        s = np.concatenate([s[:, 0], 1j * s[:, 0], s[:, 1:].reshape(-1, s.shape[-1])])
        e = np.concatenate([e[:, 0], e[:, 0], e[:, 1:].reshape(-1, e.shape[-1])])
        departures = np.count_nonzero(np.isin(responses.free, (2, 3)))
        steps = responses.sharing(count) * responses.unknown_cells(count)
        steps = block_diag(np.eye(2 * count), steps[:, : steps.shape[1] - departures])
        gram = steps.T @ ((s.conj() @ s.T) * (e.conj() @ e.T)).real @ steps
        shared = steps.T @ ((s.conj() @ rows.T) * (e.conj() @ tone)[:, None]).real
        made_up = shared.T @ np.linalg.solve(gram + noise / 2 * np.eye(len(gram)), shared)
        return np.clip(1.0 - np.linalg.eigvalsh(made_up), 0.0, 1.0), along
