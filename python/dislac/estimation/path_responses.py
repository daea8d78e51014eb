# SPDX-License-Identifier: GPL-3.0-or-later
"""Space-time-frequency responses of paths, and their derivatives, as products of small factors.

Where a response is a column of a matrix it is called an atom.

Row j = m Nrf + i stands for chain i at symbol m. A path's response in a frame is the outer product
of s_j = (W^H a_r)_j (T a_t)_j exp(j 2 pi (doppler t_m - delay o_m)), with o_m the offset of
the symbol's subcarriers, and e_n = exp(-j 2 pi delay f_n), so products of responses, of their
derivatives, and of either with a frame need never be formed over all Ms Nsc Nrf elements. The
derivative by the delay is the sum of two such products where there are offsets.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray, spatial_frequency_grid
from ..channel import SnapshotModel
from .result import EstimatorError

__all__ = ["PathResponses", "array_grid", "departure_of", "extent", "search_windows", "window_grid"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

DELAY, DOPPLER = 4, 5
"""Indices of delay and Doppler among a path's parameters."""


def array_grid(array: PlanarArray, points: int) -> Floats:
    """Visible spatial frequencies (n, 2) at `points` an axis; a linear array gets its axis only."""
    if array.nx > 1 and array.ny > 1:
        return spatial_frequency_grid(points)
    axis = np.linspace(-1.0, 1.0, points)
    zero = np.zeros(points)
    if array.size == 1:
        return np.zeros((1, 2))
    return np.stack([axis, zero] if array.nx > 1 else [zero, axis], axis=-1)


def extent(samples: Floats) -> float:
    """Bandwidth of subcarriers, duration of symbols: the inverse of a resolution cell."""
    count = len(np.unique(samples))
    return float(np.ptp(samples)) * count / max(count - 1, 1)


def window_grid(window: tuple[float, float], density: float) -> Floats:
    """Centres of equal cells of a window, as few as give at least `density` a unit."""
    least, greatest = window
    cells = max(1, int(np.ceil((greatest - least) * density - 1e-9)))
    return least + (np.arange(cells) + 0.5) * (greatest - least) / cells


def departure_of(reference_departure: ArrayLike | None) -> Floats | None:
    """The given departure as an array (2,), or None.

    Raises
    ------
    EstimatorError
        not two finite numbers.
    """
    if reference_departure is None:
        return None
    departure = np.asarray(reference_departure, dtype=float)
    if departure.shape != (2,) or not np.all(np.isfinite(departure)):
        raise EstimatorError(
            f"reference_departure is {reference_departure!r}; give two spatial frequencies"
        )
    return departure


def search_windows(
    model: SnapshotModel,
    delay_window: tuple[float, float] | None,
    doppler_window: tuple[float, float] | None,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Delay [s] and Doppler [Hz] windows, with defaults filled in.

    Delays: from -1/16 to 5/16 of the unambiguous span: some are negative where noise or an error of
    the timing advance makes them so, and no cyclic prefix lets longer ones pass. Dopplers: half a
    resolution cell of the frame, about zero.

    Raises
    ------
    EstimatorError
        a window that is empty or not finite, or longer than a delay is unambiguous.
    """
    steps = np.diff(model.element_frequencies)
    spacing = np.min(steps) if len(steps) else np.inf
    if delay_window is None:
        span = 1.0 / spacing
        delay_window = (-span / 16, span * 5 / 16)
    if doppler_window is None:
        duration = extent(model.symbol_times)
        half = 0.25 / duration if duration > 0 else 0.0
        doppler_window = (-half, half)
    for name, (least, greatest) in (("delay", delay_window), ("doppler", doppler_window)):
        if not (np.isfinite(least) and np.isfinite(greatest) and least <= greatest):
            raise EstimatorError(
                f"{name}_window is ({least}, {greatest}); give (least, greatest), both finite"
            )
    if (delay_window[1] - delay_window[0]) * spacing > 1.0 + 1e-9:
        raise EstimatorError(
            f"delay_window spans {delay_window[1] - delay_window[0]:.4g} s; delays are unambiguous "
            f"over {1.0 / spacing:.4g} s only"
        )
    return delay_window, doppler_window


class PathResponses:
    """The factors of a snapshot model, J = Ms Nrf rows.

    Parameters
    ----------
    model
        the snapshot model.
    departure
        (2,) where every path leaves, if that is known.
    nuisance
        (Nsc, k) orthonormal patterns over the subcarriers of which every row of a frame holds an
        unknown amount: they are projected out of the responses, and have to be out of the frames.
        Likelihood and covariance are then those of a frame with such unknowns.

    Attributes
    ----------
    receive
        (J, Nr), takes a receive steering vector to what each row receives.
    transmit
        (J, Nt), takes a transmit steering vector to what is transmitted to each row, pilots
        included.
    free
        indices, among (arrival x, y, departure x, y, delay, doppler), of the parameters that are
        unknown and that the model can resolve: a linear array sees one axis only, and a single beam
        that stays no departure.
    beams
        how many different ones the rows of `transmit` are made of.
    cells
        (6,) size of a resolution cell in each parameter.
    delay_cell
        the same in delay [s].
    dimensions
        complex dimensions of a frame, those of the nuisance not counted.
    """

    def __init__(
        self,
        model: SnapshotModel,
        departure: Floats | None = None,
        nuisance: Floats | None = None,
    ) -> None:
        symbols, _, chains = model.shape
        beams = model.receive_beams.conj().transpose(0, 2, 1)
        transmitted = (model.transmit_beams * model.pilots[:, None, :]).transpose(0, 2, 1)
        if model.coupling == "physical":
            transmit_response = transmitted.sum(axis=1, keepdims=True)
            transmitted = np.broadcast_to(
                transmit_response, (symbols, chains, transmit_response.shape[-1])
            )
        self.model = model
        self.departure = departure
        self.nuisance = np.zeros((len(model.frequencies), 0)) if nuisance is None else nuisance
        subcarriers, patterns = self.nuisance.shape
        self.dimensions = symbols * chains * (subcarriers - patterns)
        self.receive = np.ascontiguousarray(beams.reshape(symbols * chains, -1))
        self.transmit = np.ascontiguousarray(transmitted.reshape(symbols * chains, -1))
        self.times = np.repeat(model.symbol_times, chains)
        self.offsets = np.repeat(model.offsets, chains)
        r, t = model.receive_array, model.transmit_array
        # Rows that are all one row but for a factor say nothing of where a path leaves.
        self.beams = int(np.linalg.matrix_rank(self.transmit))
        known = departure is not None or self.beams < 2
        resolved = [r.nx > 1, r.ny > 1, t.nx > 1 and not known, t.ny > 1 and not known]
        sizes = [2 / n for n in (r.nx, r.ny, t.nx, t.ny)]
        spans = [extent(model.element_frequencies), extent(model.symbol_times)]
        self.free = np.flatnonzero([*resolved, *(span > 0 for span in spans)])
        cells = np.array([*sizes, *(1 / x if x > 0 else 1.0 for x in spans)])
        self.cells = cells
        self.delay_cell = float(cells[4])
        # Which spatial and frequency factors make the response (first) and each derivative.
        halves = np.r_[self.free, [DELAY] if np.any(self.offsets) else []].astype(int)
        self._halves = (halves[:, None] == self.free).astype(float)
        self._spatial = np.array([0, 1, 2, 3, 4, 0, 5])[np.r_[0, halves + 1]]
        self._frequency = np.array([0, 0, 0, 0, 0, 1, 0])[np.r_[0, halves + 1]]
        # The second half of the derivative by the delay, if there is one.
        self._spatial[1 + len(self.free) :] = 6
        self._frequency[1 + len(self.free) :] = 0
        self._known_maps: dict[int, tuple[Floats, Floats]] = {}
        self._receive_phase, self._receive_jet = _jet(r, self.receive)
        self._transmit_phase, self._transmit_jet = _jet(t, self.transmit)
        self._frequency_slope = -2j * np.pi * model.frequencies
        self._time_slope = 2j * np.pi * self.times
        self._offset_slope = -2j * np.pi * self.offsets

    @property
    def content(self) -> tuple[object, ...]:
        """All numbers that the responses are made of."""
        m = self.model
        known = () if self.departure is None else self.departure
        arrays = [(array.nx, array.ny) for array in (m.receive_array, m.transmit_array)]
        rows = self.receive, self.transmit, self.times, self.offsets
        return (*arrays, *rows, m.frequencies, known, self.nuisance)

    def project(self, values: Complex) -> Complex:
        """Values (..., Nsc) without what they hold of the nuisance."""
        if not self.nuisance.size:
            return values
        return np.asarray(values - (values @ self.nuisance) @ self.nuisance.T)

    def transmit_response(self, parameters: Floats) -> Complex:
        """(J,) transmit response of rows towards the departure and at the Doppler of a path (6,).

        Its delay is not in it.
        """
        steering = self.model.transmit_array.steering(parameters[2:4])
        turned: Complex = np.exp(parameters[5] * self._time_slope)
        return turned * (self.transmit @ steering)

    def sharing(self, paths: int) -> Floats:
        """(paths F, P) from the unknowns of several paths to each path's derivatives.

        All paths have one departure: the satellite is far beyond everything that scatters.
        """
        return self._maps(paths)[0]

    def spread(self, paths: int) -> Floats:
        """(P, 6 L) from steps of the unknowns to steps of all parameters of all paths."""
        return self._maps(paths)[1]

    def unknown_cells(self, paths: int) -> Floats:
        """(P,) resolution cells of the unknowns of several paths."""
        return np.asarray(np.max(self.spread(paths) * np.tile(self.cells, paths), axis=1))

    def _maps(self, paths: int) -> tuple[Floats, Floats]:
        if paths not in self._known_maps:
            own = np.eye(paths * len(self.free)).reshape(-1, paths, len(self.free))
            shared = np.isin(self.free, (2, 3))
            columns = own[..., ~shared].reshape(len(own), -1), own[..., shared].sum(axis=1)
            share = np.hstack(columns)
            spread = np.zeros((share.shape[1], paths, 6))
            spread[..., self.free] = share.T.reshape(len(spread), paths, -1)
            share = np.kron(np.eye(paths), self._halves) @ share
            self._known_maps[paths] = share, spread.reshape(len(spread), -1)
        return self._known_maps[paths]

    def at(self, parameters: Floats) -> tuple[Complex, Complex]:
        """Factors (..., J) and (..., Nsc) of the responses at `parameters` (..., 6) alone."""
        rows = len(self.times)
        s = np.exp(parameters[..., 0:2] @ self._receive_phase) @ self._receive_jet[:, :rows]
        s *= np.exp(parameters[..., 2:4] @ self._transmit_phase) @ self._transmit_jet[:, :rows]
        turns = parameters[..., 5, None] * self._time_slope
        turns += parameters[..., DELAY, None] * self._offset_slope
        s *= np.exp(turns)
        return s, self.project(np.exp(parameters[..., DELAY, None] * self._frequency_slope))

    def factors(self, parameters: Floats) -> tuple[Complex, Complex]:
        """Factors of the responses at `parameters` (..., 6), and of their derivatives.

        Returns
        -------
        tuple[Complex, Complex]
            (..., 1 + F, J) and (..., 1 + F, Nsc): the outer product of row 0 of each is the
            response, that of row k its derivative by parameter ``free[k - 1]``; with offsets, the
            last is the other half of the one by the delay.
        """
        batch, rows = parameters.shape[:-1], len(self.times)
        v = np.exp(parameters[..., 0:2] @ self._receive_phase) @ self._receive_jet
        u = np.exp(parameters[..., 2:4] @ self._transmit_phase) @ self._transmit_jet
        v, u = v.reshape(*batch, 3, rows), u.reshape(*batch, 3, rows)
        turns = parameters[..., 5, None] * self._time_slope
        turns += parameters[..., DELAY, None] * self._offset_slope
        u *= np.exp(turns)[..., None, :]
        s = np.empty((*batch, 7, rows), complex)
        np.multiply(v, u[..., :1, :], out=s[..., :3, :])
        np.multiply(v[..., :1, :], u[..., 1:, :], out=s[..., 3:5, :])
        np.multiply(s[..., 0, :], self._time_slope, out=s[..., 5, :])
        np.multiply(s[..., 0, :], self._offset_slope, out=s[..., 6, :])
        e = np.empty((*batch, 2, len(self._frequency_slope)), complex)
        np.exp(parameters[..., DELAY, None] * self._frequency_slope, out=e[..., 0, :])
        np.multiply(e[..., 0, :], self._frequency_slope, out=e[..., 1, :])
        e = self.project(e)
        return s.take(self._spatial, axis=-2), e.take(self._frequency, axis=-2)


def _jet(array: PlanarArray, rows: Complex) -> tuple[Complex, Complex]:
    """Matrices that turn spatial frequencies into row factors and their two derivatives.

    Returns
    -------
    tuple[Complex, Complex]
        (2, N) exponent of the steering vector; (N, 3 J) from steering vector to factor, derivative
        by x, derivative by y.
    """
    exponent = np.multiply(1j * np.pi, array.element_positions.T)
    weights = np.vstack([np.ones(array.size), exponent]) / np.sqrt(array.size)
    jet = weights[:, :, None] * rows.T
    return exponent, np.concatenate(list(jet), axis=1)
