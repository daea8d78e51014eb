# SPDX-License-Identifier: GPL-3.0-or-later
"""Algorithm 1, the modified MMV-BOMP: literally, and in an exactly equivalent fast form.

Column (r, t) of the sensing matrix of symbol m is q = V_r * U_t, elementwise over the chains: what
the chains hear from arrival r times what they are sent towards departure t. Its score, summed over
the subcarriers, is q^H R q / q^H q with R the sum of r r^H over the residuals of that symbol. Both
conj(V_i) V_j and conj(U_i) U_j are trigonometric polynomials in the spatial frequency with lags
-(N-1)..(N-1) along each axis, and so is the score's numerator: its values at (2N-1)^2 points per
array determine it, and two real matrix products take it to the whole grid. The projections that
make the residual act on R, and no residual is ever formed. The grid is scored in single precision;
the few columns that come within its error of the best are scored again in double.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import PlanarArray
from ..channel import Paths, SnapshotModel, synthesize
from .delay_doppler import DelayDoppler
from .detection import detection_threshold
from .result import Estimate, EstimateStatus, EstimatorError, checked_frame, no_paths
from .signature import array_grid, departure_of, search_windows

__all__ = ["MmvBomp", "MmvBompEstimator", "Pursuit", "mmv_bomp_literal"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Single precision errs by about 1e-6 of the strongest column's power. Down to columns this much
# weaker, scores err by less than the margin within which they are compared in double precision.
WEAKEST_COLUMN = 1e-4
MARGIN = 0.02


class Pursuit(NamedTuple):
    """What Algorithm 1 returns, atoms in the order of their selection.

    Args:
        arrival, departure: (L,) indices into the two grids.
        coefficients: (L, Ms, Nsc) of the columns, which have unit norm.
    """

    arrival: NDArray[np.intp]
    departure: NDArray[np.intp]
    coefficients: Complex


def mmv_bomp_literal(
    model: SnapshotModel, arrivals: Floats, departures: Floats, frame: Complex, atoms: int
) -> Pursuit:
    """Algorithm 1 step by step, with every sensing matrix written out: slow, and the reference.

    Args:
        model: the snapshot model.
        arrivals, departures: (Gr, 2), (Gt, 2) grids of spatial frequencies.
        frame: (Ms, Nsc, Nrf).
        atoms: number L_p of atoms to select.

    Source: bistatic localization paper, (10) to (20) and Algorithm 1; the joint dictionary is
    A_t (x) A_r, since vec(a_r a_t^T) = a_t (x) a_r, where (13) has another order.
    """
    symbols, _, chains = model.shape
    dictionary = np.kron(
        model.transmit_array.steering(departures).T, model.receive_array.steering(arrivals).T
    )
    sensing = np.empty((symbols, chains, dictionary.shape[1]), complex)
    for m in range(symbols):
        sent = (model.transmit_beams[m] * model.pilots[m]).T  # (Nrf, Nt)
        if model.coupling == "physical":
            sent = np.broadcast_to(sent.sum(axis=0), sent.shape)
        heard = model.receive_beams[m].conj().T  # (Nrf, Nr)
        rows = (sent[:, :, None] * heard[:, None, :]).reshape(chains, -1)
        sensing[m] = rows @ dictionary
        sensing[m] /= np.linalg.norm(sensing[m], axis=0)
    residual = frame
    support: list[int] = []
    for _ in range(atoms):
        score = np.zeros(sensing.shape[2])
        for m in range(symbols):
            score += np.sum(np.abs(residual[m].conj() @ sensing[m]) ** 2, axis=0)
        support.append(int(np.argmax(score)))
        chosen = sensing[:, :, support]
        coefficients = np.linalg.pinv(chosen) @ frame.swapaxes(1, 2)  # (Ms, L, Nsc)
        residual = frame - (chosen @ coefficients).swapaxes(1, 2)
    departure, arrival = np.divmod(np.array(support), len(arrivals))
    return Pursuit(arrival, departure, coefficients.transpose(1, 0, 2))


class MmvBomp:
    """Algorithm 1 for one model and one pair of grids, in the fast form.

    Args:
        model: the snapshot model.
        arrivals, departures: (Gr, 2), (Gt, 2) grids of spatial frequencies.
    """

    def __init__(self, model: SnapshotModel, arrivals: Floats, departures: Floats) -> None:
        self.model = model
        self.arrivals, self.departures = arrivals, departures
        self._heard = model.receive_response(arrivals)  # (Gr, Ms, Nrf)
        self._sent = model.transmit_response(departures)  # (Gt, Ms, Nrf)
        power = np.einsum("rmi,tmi->mrt", np.abs(self._heard) ** 2, np.abs(self._sent) ** 2)
        strongest = power.max(axis=(1, 2), keepdims=True)
        single = bool(np.all(power > WEAKEST_COLUMN * strongest))
        self._real: Any = np.float32 if single else np.float64
        self._complex: Any = np.complex64 if single else np.complex128
        receive_nodes, receive_kernel = _interpolation(model.receive_array, arrivals)
        transmit_nodes, transmit_kernel = _interpolation(model.transmit_array, departures)
        self._receive_kernel = receive_kernel.astype(self._real)
        self._transmit_kernel = np.ascontiguousarray(transmit_kernel.T, dtype=self._real)
        # Blocks of arrivals, small enough to stay in the cache; one buffer for all.
        size = max(1, 60_000 // power[:, 0].size)
        blocks = [slice(k, k + size) for k in range(0, len(arrivals), size)]
        inverse_power = (1.0 / np.maximum(power, 1e-300)).astype(self._real)
        self._blocks: list[tuple[slice, NDArray[Any]]] = [
            (b, np.ascontiguousarray(inverse_power[:, b])) for b in blocks
        ]
        self._buffer: NDArray[Any] = np.empty(self._blocks[0][1].shape, self._real)
        # Hermitian matrices as the entries i <= j: each one off the diagonal counts twice.
        self._i, self._j = np.triu_indices(model.shape[2])
        twice = np.where(self._i == self._j, 1.0, 2.0)
        v, u = model.receive_response(receive_nodes), model.transmit_response(transmit_nodes)
        products = (v[..., self._i].conj() * v[..., self._j]).swapaxes(0, 1)
        self._heard_products = np.ascontiguousarray(products, dtype=self._complex)
        # Real part of a product of complex numbers = product of their parts, one conjugated.
        products = np.ascontiguousarray(u[..., self._i] * u[..., self._j].conj() * twice)
        sent = products.view(float).transpose(1, 2, 0)  # (Ms, 2 pairs, nodes)
        self._sent_products = np.ascontiguousarray(sent, dtype=self._real)

    def __call__(self, frame: Complex, atoms: int) -> Pursuit:
        """Select `atoms` atoms from a frame (Ms, Nsc, Nrf).

        Source: bistatic localization paper, Algorithm 1.
        """
        by_symbol = frame.swapaxes(1, 2)  # (Ms, Nrf, Nsc)
        covariance = by_symbol @ by_symbol.conj().swapaxes(1, 2)
        residual = covariance
        arrival: list[int] = []
        departure: list[int] = []
        while len(arrival) < atoms:
            r, t = self._best(residual)
            arrival.append(r)
            departure.append(t)
            columns = self.columns(arrival, departure)
            if len(arrival) < atoms:
                basis = np.linalg.qr(columns)[0]
                outside = np.eye(len(basis[0])) - basis @ basis.conj().swapaxes(1, 2)
                residual = outside @ covariance @ outside
        coefficients = np.linalg.pinv(columns) @ by_symbol
        return Pursuit(np.array(arrival), np.array(departure), coefficients.transpose(1, 0, 2))

    def columns(self, arrival: ArrayLike, departure: ArrayLike) -> Complex:
        """(Ms, Nrf, L) columns of unit norm."""
        q = (self._heard[np.asarray(arrival)] * self._sent[np.asarray(departure)]).transpose(
            1, 2, 0
        )
        return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True))

    def _best(self, residual: Complex) -> tuple[int, int]:
        """The pair of grid indices with the greatest score (18)."""
        score = self._score(residual)
        r, t = np.nonzero(score >= (1.0 - MARGIN) * score.max())
        q = self.columns(r, t).transpose(0, 2, 1)  # (Ms, candidates, Nrf)
        exact = np.einsum("mci,mci->c", q.conj(), q @ residual.swapaxes(1, 2)).real
        best = int(np.argmax(exact))
        return int(r[best]), int(t[best])

    def _score(self, residual: Complex) -> NDArray[np.floating[Any]]:
        """(18) at each pair (Gr, Gt), from residual covariances (Ms, Nrf, Nrf)."""
        entries = residual[:, None, self._i, self._j].astype(self._complex)
        packed = (self._heard_products * entries).view(self._real)
        at_nodes = packed @ self._sent_products  # (Ms, nodes, nodes)
        half_way = self._receive_kernel @ at_nodes  # (Ms, Gr, nodes)
        score: NDArray[Any] = np.empty((len(self.arrivals), len(self.departures)), self._real)
        for block, inverse_power in self._blocks:
            numerator = self._buffer[:, : inverse_power.shape[1]]
            np.matmul(half_way[:, block], self._transmit_kernel, out=numerator)
            np.einsum("mrt,mrt->rt", numerator, inverse_power, out=score[block])
        return score


def _interpolation(array: PlanarArray, grid: Floats) -> tuple[Floats, Floats]:
    """Where to sample products of two array responses, and how to get the grid's values from that.

    Returns:
        (n, 2) nodes; (len(grid), n) real kernel. A grid no larger than the nodes is its own.
    """
    counts = 2 * array.nx - 1, 2 * array.ny - 1
    if len(grid) <= counts[0] * counts[1]:
        return grid, np.eye(len(grid))
    axes = [2.0 * np.arange(n) / n for n in counts]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    x, y = (_dirichlet(grid[:, k, None] - axes[k], n) for k, n in enumerate(counts))
    return nodes, (x[:, :, None] * y[:, None, :]).reshape(len(grid), -1)


def _dirichlet(distance: Floats, count: int) -> Floats:
    """Periodic interpolation kernel of `count` equidistant points over a period of 2."""
    lags = np.arange(1, count // 2 + 1)
    return (1.0 + 2.0 * np.cos(np.pi * distance[..., None] * lags).sum(axis=-1)) / count


class MmvBompEstimator:
    """Algorithm 1 with the delay-Doppler matched filter; see `make_estimator` for the arguments."""

    def __init__(
        self,
        model: SnapshotModel,
        *,
        grid_points: int = 16,
        atoms: int = 1,
        false_alarm_rate: float = 1e-2,
        delay_window: tuple[float, float] | None = None,
        doppler_window: tuple[float, float] | None = None,
        reference_departure: ArrayLike | None = None,
        nuisance: Floats | None = None,
    ) -> None:
        if grid_points < 2:
            raise EstimatorError(f"grid_points is {grid_points}; give 2 or more")
        if not 1 <= atoms <= model.shape[2]:
            raise EstimatorError(
                f"{atoms} atoms cannot be told apart by {model.shape[2]} chains; give from 1 to "
                f"{model.shape[2]}"
            )
        departure = departure_of(reference_departure)
        if departure is None and model.coupling == "physical":
            raise EstimatorError(
                "Algorithm 1 cannot tell departures over physical coupling; give "
                "reference_departure, or use the off-grid estimator"
            )
        self.model = model
        self.atoms = atoms
        self._nuisance = nuisance
        departures = (
            array_grid(model.transmit_array, grid_points) if departure is None else departure[None]
        )
        self.pursuit = MmvBomp(model, array_grid(model.receive_array, grid_points), departures)
        windows = search_windows(model, delay_window, doppler_window)
        self._windows = windows
        self.matched_filter = DelayDoppler(
            model.symbol_times, model.frequencies, *windows, offsets=model.offsets
        )
        # A share of Ms Nsc coefficients, largest over the delays and Dopplers it can tell:
        # the atom is chosen by norms alone, which leaves the coefficients isotropic.
        symbols, subcarriers, _ = model.shape
        self.threshold = detection_threshold(
            self._statistics,
            model.shape,
            symbols * subcarriers,
            false_alarm_rate,
            parameters=(symbols > 1) + (subcarriers > 1),
            exhaustive=True,
        )

    def estimate(self, frame: ArrayLike, index: int = 0) -> Estimate:
        """Estimate from one frame (Ms, Nsc, Nrf); the same frame gives the same bits.

        Raises:
            FrameError: wrong shape, or not finite.
        """
        y = self._projected(checked_frame(self.model, frame))
        found = self.pursuit(y, self.atoms)
        statistic = self._share(y, found)
        if statistic < self.threshold:
            noise = float(np.mean(np.abs(y) ** 2))
            return Estimate(no_paths(), None, noise, statistic, self.threshold)
        arrival = self.pursuit.arrivals[found.arrival]
        departure = self.pursuit.departures[found.departure]
        peaks = [self.matched_filter.peak(s) for s in found.coefficients]
        # The columns have unit norm: a path's coefficients hold its signature's norms.
        norms = np.linalg.norm(self.model.response(arrival, departure), axis=-1)
        gain = np.array([peak.value for peak in peaks]) / (y.shape[1] * norms.sum(axis=1))
        delay = np.array([peak.delay for peak in peaks])
        doppler = np.array([peak.doppler for peak in peaks])
        paths = Paths(gain, arrival, departure, delay, doppler)
        noise = float(np.mean(np.abs(y - synthesize(self.model, paths)) ** 2))
        places = (peaks[0].delay, peaks[0].doppler)
        inside = all(
            least < place < greatest or least == greatest
            for place, (least, greatest) in zip(places, self._windows, strict=True)
        )
        status: EstimateStatus = "ok" if inside else "outside_window"
        return Estimate(paths, None, noise, statistic, self.threshold, status)

    def _projected(self, frame: Complex) -> Complex:
        """A frame without the nuisance."""
        if self._nuisance is None:
            return frame
        return np.asarray(frame - self._nuisance @ (self._nuisance.T @ frame))

    def _statistics(self, frames: Complex) -> Floats:
        """(B,) shares of frames (B, Ms, Nsc, Nrf)."""
        projected = map(self._projected, frames)
        return np.array([self._share(frame, self.pursuit(frame, 1)) for frame in projected])

    def _share(self, frame: Complex, found: Pursuit) -> float:
        """Share of the first atom's energy that lies at one delay and Doppler."""
        column = self.pursuit.columns(found.arrival[:1], found.departure[:1])  # (Ms, Nrf, 1)
        snapshots = (frame @ column.conj())[..., 0]
        energy = max(float(np.vdot(snapshots, snapshots).real), 1e-300)
        return abs(self.matched_filter.peak(snapshots).value) ** 2 / (snapshots.size * energy)
