# SPDX-License-Identifier: GPL-3.0-or-later
"""Search on coarse grids for the paths of a frame: starting points for refinement."""

import numpy as np
from numpy.typing import NDArray

from ..arrays import PlanarArray, wrap_spatial_frequency
from .path_responses import DELAY, PathResponses, extent, window_grid

__all__ = ["LEAST_LEFT", "CoarseSearch", "DirectionSearch", "SecondarySearch"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


OTHER_DEPARTURES = 3
"""Number of starts with other departures besides the best, where beams are few."""


BLOCK = 2**18
"""Points of a grid that are worked out at once: their values stay in the processor's cache."""


LEAST_LEFT = 0.02
"""Part of a response's energy that counts as left, at least, where others or a nuisance explain
more of it: with less, the score would be that of rounding errors."""


class CoarseSearch:
    """|a^H y|^2 / a^H a over a grid two points a resolution cell wide in each parameter.

    Fewer beams than the transmit array has elements leave departures that look nearly alike, and
    which one is best shows between the points of the grid only.
    """

    def __init__(
        self,
        responses: PathResponses,
        delay_window: tuple[float, float],
        doppler_window: tuple[float, float],
    ) -> None:
        model = responses.model
        f, t = model.frequencies, responses.times
        self.delays = window_grid(delay_window, 2 * extent(model.element_frequencies))
        self.dopplers = window_grid(doppler_window, 2 * extent(model.symbol_times))
        self.arrivals = _coarse_grid(model.receive_array)
        receive = model.receive_array.steering(self.arrivals)
        transmit: Complex
        if responses.departure is None:
            self.departures = _coarse_grid(model.transmit_array)
            weights = responses.transmit
            transmit = model.transmit_array.steering(self.departures)
        else:
            # The known departure is a transmit array of one element whose steering vector is 1.
            self.departures = responses.departure[None]
            weights = responses.transmit @ model.transmit_array.steering(self.departures).T
            transmit = np.ones((1, 1), complex)
        power = np.abs(transmit @ weights.T) ** 2 @ (np.abs(receive @ responses.receive.T) ** 2).T
        if not np.isin(responses.free, (2, 3)).any():
            # All departures look alike; the one that the beam serves best is not a matter of noise.
            best = power.max(axis=1).argmax(keepdims=True)
            self.departures, transmit, power = self.departures[best], transmit[best], power[best]
        self._near_departures = None
        if len(self.departures) > 1 and responses.beams < model.transmit_array.size:
            self._near_departures = _near(
                model.transmit_array, self.departures[:, None], self.departures
            )
        self._inverse_power = (1.0 / np.maximum(power, 1e-9 * power.max())).astype(np.float32)
        single = np.complex64
        elements = (weights[:, :, None] * responses.receive[:, None, :]).reshape(len(t), -1)
        self._elements = elements.conj().astype(single)
        self._transmit = transmit.conj().astype(single)
        self._receive = np.ascontiguousarray(receive.conj().T).astype(single)
        tones = responses.project(np.exp(-2j * np.pi * np.outer(self.delays, f)))
        # Little is left of a tone that looks like the nuisance.
        energy = np.sum(np.abs(tones) ** 2, axis=1, keepdims=True)
        tones /= np.sqrt(np.maximum(energy, LEAST_LEFT * len(f)))
        self._delay_kernel = tones.conj().astype(single)
        offsets = np.outer(self.delays, responses.offsets)
        self._offset_kernel = np.exp(2j * np.pi * offsets).astype(single)
        self._doppler_kernel = np.exp(-2j * np.pi * np.outer(self.dopplers, t)).astype(single)
        # Buffers used again and again: fresh large ones would cost more than the products. Only the
        # scores are there all at once.
        cells, gt, gr = len(self.delays) * len(self.dopplers), len(self.departures), len(receive)
        self._step = min(cells, max(1, BLOCK // (gt * max(gr, len(self._receive)))))
        self._half_way = np.empty((self._step, gt, len(self._receive)), single)
        self._match = np.empty((self._step * gt, gr), single)
        self._scratch = np.empty((self._step * gt, gr), np.float32)
        self._score = np.empty((cells * gt, gr), np.float32)

    @property
    def size(self) -> int:
        """Number of grid points."""
        return self._score.size

    def __call__(self, frame: Complex, count: int) -> tuple[Floats, Floats]:
        """The best grid points of a frame (J, Nsc): at `count` delays, and some more departures.

        Returns
        -------
        tuple[Floats, Floats]
            (C, 6) parameters, and (C,) energy explained, the first one greatest.
        """
        score = self._scores(frame)
        profile = score.max(axis=1).reshape(len(self.dopplers), -1)
        doppler = profile.argmax(axis=0)
        profile = profile.max(axis=0)
        delay = _peaks(profile, count)
        doppler = doppler[delay]
        directions = score[doppler * len(self.delays) + delay]
        departure, arrival = np.divmod(directions.argmax(axis=1), len(self.arrivals))
        explained = profile[delay]
        if self._near_departures is not None:
            best = directions[0].reshape(len(self.departures), -1)
            others = self._others(best.max(axis=1), int(departure[0]))
            departure = np.append(departure, others)
            arrival = np.append(arrival, best[others].argmax(axis=1))
            explained = np.append(explained, best[others].max(axis=1))
            delay, doppler = (np.append(x, np.repeat(x[0], len(others))) for x in (delay, doppler))
        parameters = [
            self.arrivals[arrival],
            self.departures[departure],
            self.delays[delay],
            self.dopplers[doppler],
        ]
        return np.column_stack(parameters), explained.astype(float)

    def _scores(self, frame: Complex) -> NDArray[np.float32]:
        """(K D, Gt Gr) energy that each grid point explains, block by block of delays."""
        gt, nr = len(self.departures), len(self._receive)
        x = self._delay_kernel @ frame.astype(np.complex64).T  # (D, J)
        x *= self._offset_kernel
        cells = len(self.dopplers) * len(self.delays)
        for first in range(0, cells, self._step):
            doppler, delay = np.divmod(
                np.arange(first, min(first + self._step, cells)), len(self.delays)
            )
            turned = self._doppler_kernel[doppler] * x[delay]  # (B, J)
            z = (turned @ self._elements).reshape(len(turned), -1, nr)  # (B, Nt, Nr)
            z = np.matmul(self._transmit, z, out=self._half_way[: len(z)]).reshape(-1, nr)
            z = np.matmul(z, self._receive, out=self._match[: len(z)])  # (B Gt, Gr)
            score = np.square(z.real, out=self._score[first * gt : first * gt + len(z)])
            score += np.square(z.imag, out=self._scratch[: len(z)])
        score = self._score.reshape(cells, -1)
        score *= self._inverse_power.ravel()
        return score

    def _others(self, profile: NDArray[np.float32], first: int) -> NDArray[np.intp]:
        """The best departures by a profile (Gt,), none close to another or to the first."""
        assert self._near_departures is not None
        left = np.where(self._near_departures[first], -1.0, profile)
        found: list[int] = []
        while len(found) < OTHER_DEPARTURES and left.max() > 0:
            found.append(int(left.argmax()))
            left[self._near_departures[found[-1]]] = -1.0
        return np.array(found, dtype=np.intp)


FEW_ROWS = 16
"""With no more rows than this, maxima over directions are many and narrow: the grid is denser."""


LARGEST_PRODUCT = 4096
"""Of the two arrays' sizes: beyond, a denser grid would not fit."""


class DirectionSearch:
    """|s^H z|^2 / s^H s over arrivals, departures and Dopplers, at one delay: where several maxima
    apart from each other may be.

    With few rows against five unknowns nearly every local maximum of the coarse grid is another
    path's worth of directions, and the greatest one can stand between its points: the grid then has
    four points a resolution cell along each axis of the arrays, else two. So it is of departures
    and Doppler shifts alone where few beams resolve them, however many chains receive.
    """

    def __init__(
        self, responses: PathResponses, departures: Floats, doppler_window: tuple[float, float]
    ) -> None:
        model = responses.model
        few = len(responses.times) <= FEW_ROWS
        few_beams = responses.beams <= min(FEW_ROWS, model.transmit_array.size - 1)
        few_beams = few or (few_beams and len(departures) > 1)
        self.count = 16 if few_beams else 6
        fits = model.receive_array.size * model.transmit_array.size <= LARGEST_PRODUCT
        arrivals, self.density = (4 if some and fits else 2 for some in (few, few_beams))
        self._responses = responses
        self.arrivals = _coarse_grid(model.receive_array, arrivals)
        self.departures = departures
        if len(departures) > 1:
            self.departures = _coarse_grid(model.transmit_array, self.density)
        span = extent(model.symbol_times)
        self.dopplers = window_grid(doppler_window, self.density * span)
        receive = model.receive_array.steering(self.arrivals) @ responses.receive.T
        transmit = model.transmit_array.steering(self.departures) @ responses.transmit.T
        power = np.abs(transmit) ** 2 @ (np.abs(receive) ** 2).T
        single = np.complex64
        self._inverse_power = (1.0 / np.maximum(power, 1e-9 * power.max())).astype(np.float32)
        self._receive = np.ascontiguousarray(receive.conj().T).astype(single)  # (J, Gr)
        self._transmit = transmit.conj().astype(single)  # (Gt, J)
        self._turns = np.exp(-2j * np.pi * np.outer(self.dopplers, responses.times))

    def __call__(self, y: Complex, delay: float) -> Floats:
        """Starting points (C, 6) at one delay of a frame y (J, Nsc), the best first; none that
        explains less than half of what the first does."""
        at = np.zeros((1, 6))
        at[0, DELAY] = delay
        _, e = self._responses.factors(at)
        z = (y @ e[0, 0].conj()) * np.exp(2j * np.pi * delay * self._responses.offsets)
        rows = (self._turns * z).astype(np.complex64)
        shape = len(self.dopplers), len(self.departures), len(self.arrivals)
        score = np.empty(shape, np.float32)
        for row, out in zip(rows, score, strict=True):
            match = (self._transmit * row) @ self._receive
            np.square(match.real, out=out)
            out += np.square(match.imag)
            out *= self._inverse_power
        model = self._responses.model
        starts: list[Floats] = []
        least = 0.5 * float(score.max())
        while len(starts) < self.count:
            f, t, r = np.unravel_index(int(np.argmax(score)), shape)
            if not score[f, t, r] >= least or score[f, t, r] <= 0.0:
                break
            arrival, departure = self.arrivals[r], self.departures[t]
            starts.append(np.array([*arrival, *departure, delay, self.dopplers[f]]))
            near_arrivals = np.flatnonzero(_near(model.receive_array, self.arrivals, arrival))
            near_departures = np.flatnonzero(
                _near(model.transmit_array, self.departures, departure)
            )
            score[:, near_departures[:, None], near_arrivals] = -1.0
        return np.array(starts).reshape(-1, 6)


class SecondarySearch:
    """Search for a path beside known ones, over a grid of arrivals and delays.

    It leaves where the others do, with the Doppler of the first. Its response counts only as far
    as it differs from the known ones and from what moving those a little would change, so that a
    path close by is not taken for an error of the known ones, nor the other way round.
    """

    def __init__(self, responses: PathResponses, delay_window: tuple[float, float]) -> None:
        model = responses.model
        self._responses = responses
        self.arrivals = _coarse_grid(model.receive_array)
        self.delays = window_grid(delay_window, 2 * extent(model.element_frequencies))
        self._receive_response = model.receive_array.steering(self.arrivals) @ responses.receive.T
        tones = np.exp(-2j * np.pi * np.outer(self.delays, model.frequencies))
        self._tones = responses.project(tones)
        self._tone_energy = np.sum(np.abs(self._tones) ** 2, axis=1)
        # Without offsets rows turn alike at all delays, and one stands for all.
        turning = self.delays if np.any(responses.offsets) else np.zeros(1)
        self._turns = np.exp(-2j * np.pi * np.outer(turning, responses.offsets))  # (D or 1, J)
        # Which grid points are too close to each other to be two peaks.
        self._near_arrivals = _near(model.receive_array, self.arrivals[:, None], self.arrivals)
        gap = np.abs(self.delays[:, None] - self.delays)
        self._near_delays = gap < 0.6 * responses.delay_cell

    def __call__(
        self, residual: Complex, known: Floats, factors: tuple[Complex, Complex], count: int
    ) -> tuple[Floats, Floats]:
        """Starts for one more path.

        Parameters
        ----------
        residual
            (J, Nsc) the frame less the known paths.
        known
            (L, 6) their parameters.
        factors
            what `PathResponses.factors` says of those.
        count
            how many peaks, apart from each other.

        Returns
        -------
        tuple[Floats, Floats]
            (count, 6) parameters and (count,) energy that each would explain, greatest first.
        """
        s, e = factors
        s, e = s.reshape(-1, s.shape[-1]), e.reshape(-1, e.shape[-1])
        candidates = self._receive_response * self._responses.transmit_response(known[0])  # (G, J)
        received = self._turns.conj().T * (residual @ self._tones.conj().T)  # (J, D)
        match = candidates.conj() @ received  # (G, D)
        loudness = np.sum(candidates.real**2 + candidates.imag**2, axis=1, keepdims=True)
        whole = loudness * self._tone_energy
        gram = (s.conj() @ s.T) * (e.conj() @ e.T)
        unit = 1.0 / np.sqrt(np.maximum(np.diag(gram).real, 1e-300))
        gram = gram * unit[:, None] * unit + 1e-6 * np.eye(len(gram))
        inverse = np.linalg.inv(gram) * unit[:, None] * unit
        # What the known ones explain of a candidate, a quadratic form in products of two factors.
        by_arrival = (s.conj() * self._turns[:, None]) @ candidates.T  # (D or 1, L C, G)
        by_delay = self._tones @ e.conj().T  # (D, L C)
        x = by_arrival * by_delay[:, :, None]
        power = whole - np.sum(x.conj() * (inverse @ x), axis=1).real.T
        score = (match.real**2 + match.imag**2) / np.maximum(
            power, LEAST_LEFT * residual.shape[1] * loudness
        )
        return self._peaks(score, known[0], count)

    def _peaks(self, score: Floats, first: Floats, count: int) -> tuple[Floats, Floats]:
        """Greatest values of `score` (G, D), each rubbing out its neighbourhood."""
        starts, values = np.empty((count, 6)), np.empty(count)
        for k in range(count):
            r, d = np.unravel_index(int(np.argmax(score)), score.shape)
            starts[k] = *self.arrivals[r], *first[2:4], self.delays[d], first[5]
            values[k] = score[r, d]
            score[self._near_arrivals[r][:, None] & self._near_delays[d]] = -1.0
        return starts, values


def _near(array: PlanarArray, grid: Floats, point: Floats) -> NDArray[np.bool_]:
    """True for spatial frequencies (..., 2) that an array hardly distinguishes from others."""
    apart = np.abs(wrap_spatial_frequency(grid - point))
    return np.asarray(np.all(apart < [1.2 / array.nx, 1.2 / array.ny], axis=-1))


def _coarse_grid(array: PlanarArray, density: int = 2) -> Floats:
    """Visible spatial frequencies, `density` a resolution cell along each axis of the array."""
    axes = [
        (2 * np.arange(density * n) + 1) / (density * n) - 1.0 if n > 1 else np.zeros(1)
        for n in (array.nx, array.ny)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid[np.sum(grid**2, axis=-1) <= 1.0]


def _peaks(profile: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Indices of up to `count` greatest local maxima of a profile, greatest first."""
    padded = np.concatenate([[-1.0], profile, [-1.0]])
    peaks = np.flatnonzero((profile >= padded[:-2]) & (profile >= padded[2:]))
    return peaks[np.argsort(-profile[peaks], kind="stable")[:count]]
