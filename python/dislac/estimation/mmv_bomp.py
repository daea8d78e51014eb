# SPDX-License-Identifier: GPL-3.0-or-later
"""Algorithm 1, the modified MMV-BOMP: literally, and in an exactly equivalent fast form.

Column (r, t) of the sensing matrix of symbol m is q = V_r * U_t, elementwise over the chains: the
receive response to arrival r times the transmit response towards departure t. Its score, summed
over the subcarriers, is q^H R q / q^H q with R the sum of r r^H over the residuals of that symbol.
Both conj(V_i) V_j and conj(U_i) U_j are trigonometric polynomials in the spatial frequency with
lags -(N-1)..(N-1) along each axis, and so is the score's numerator: its values at (2N-1)^2 points
per array determine it, and two real matrix products take it to the whole grid. The projections that
make the residual act on R, and no residual is ever formed. The grid is scored in single precision;
the few columns that come within its error of the best are scored again in double.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import PlanarArray
from ..channel import SnapshotModel
from .solver import DirectionDictionary, Support

__all__ = ["MmvBomp", "mmv_bomp_literal"]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

# Single precision errs by about 1e-6 of the strongest column's power. Down to columns this much
# weaker, scores err by less than the margin within which they are compared in double precision.
WEAKEST_COLUMN = 1e-4
MARGIN = 0.02


def mmv_bomp_literal(
    model: SnapshotModel, arrivals: Floats, departures: Floats, frame: Complex, atoms: int
) -> Support:
    """Algorithm 1 step by step, with every sensing matrix written out: slow, and the reference.

    Parameters
    ----------
    model
        the snapshot model.
    arrivals, departures
        (Gr, 2), (Gt, 2) grids of spatial frequencies.
    frame
        (Ms, Nsc, Nrf).
    atoms
        number L_p of atoms to select.

    References
    ----------
    Bistatic localization paper, (10) to (20) and Algorithm 1; the joint dictionary is A_t (x) A_r,
    since vec(a_r a_t^T) = a_t (x) a_r, where (13) has another order.
    """
    symbols, _, chains = model.shape
    dictionary = np.kron(
        model.transmit_array.steering(departures).T, model.receive_array.steering(arrivals).T
    )
    sensing = np.empty((symbols, chains, dictionary.shape[1]), complex)
    for m in range(symbols):
        transmit = (model.transmit_beams[m] * model.pilots[m]).T  # (Nrf, Nt)
        if model.coupling == "physical":
            transmit = np.broadcast_to(transmit.sum(axis=0), (chains, transmit.shape[1]))
        receive = model.receive_beams[m].conj().T  # (Nrf, Nr)
        rows = (transmit[:, :, None] * receive[:, None, :]).reshape(chains, -1)
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
    return Support(np.array(support), coefficients.transpose(1, 0, 2))


class MmvBomp:
    """Algorithm 1 in the fast form, a solver for one dictionary of directions.

    Parameters
    ----------
    dictionary
        pairs of directions.
    """

    def __init__(self, dictionary: DirectionDictionary) -> None:
        self.dictionary = dictionary
        model, arrivals, departures = dictionary.model, dictionary.arrivals, dictionary.departures
        receive, transmit = np.abs(dictionary.receive) ** 2, np.abs(dictionary.transmit) ** 2
        power = np.einsum("rmi,tmi->mrt", receive, transmit)
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
        self._receive_products = np.ascontiguousarray(products, dtype=self._complex)
        # Real part of a product of complex numbers = product of their parts, one conjugated.
        products = np.ascontiguousarray(u[..., self._i] * u[..., self._j].conj() * twice)
        pairs = products.view(float).transpose(1, 2, 0)  # (Ms, 2 pairs, nodes)
        self._transmit_products = np.ascontiguousarray(pairs, dtype=self._real)

    def __call__(self, frame: Complex, atoms: int) -> Support:
        """Select `atoms` atoms from a frame (Ms, Nsc, Nrf).

        References
        ----------
        Bistatic localization paper, Algorithm 1.
        """
        by_symbol = frame.swapaxes(1, 2)  # (Ms, Nrf, Nsc)
        covariance = by_symbol @ by_symbol.conj().swapaxes(1, 2)
        residual = covariance
        support: list[int] = []
        while len(support) < atoms:
            support.append(self._best(residual))
            columns = self.dictionary.columns(support)
            if len(support) < atoms:
                basis = np.linalg.qr(columns)[0]
                outside = np.eye(len(basis[0])) - basis @ basis.conj().swapaxes(1, 2)
                residual = outside @ covariance @ outside
        coefficients = np.linalg.pinv(columns) @ by_symbol
        return Support(np.array(support), coefficients.transpose(1, 0, 2))

    @property
    def content(self) -> tuple[object, ...]:
        """Name of the algorithm, and the numbers of the dictionary."""
        return "mmv-bomp", *self.dictionary.content

    def _best(self, residual: Complex) -> int:
        """The atom with the greatest score (18)."""
        score = self._score(residual)
        r, t = np.nonzero(score >= (1.0 - MARGIN) * score.max())
        atoms = t * len(score) + r
        q = self.dictionary.columns(atoms).transpose(0, 2, 1)  # (Ms, candidates, Nrf)
        exact = np.einsum("mci,mci->c", q.conj(), q @ residual.swapaxes(1, 2)).real
        return int(atoms[np.argmax(exact)])

    def _score(self, residual: Complex) -> NDArray[np.floating[Any]]:
        """(18) at each pair (Gr, Gt), from residual covariances (Ms, Nrf, Nrf)."""
        entries = residual[:, None, self._i, self._j].astype(self._complex)
        packed = (self._receive_products * entries).view(self._real)
        at_nodes = packed @ self._transmit_products  # (Ms, nodes, nodes)
        half_way = self._receive_kernel @ at_nodes  # (Ms, Gr, nodes)
        shape = len(self.dictionary.arrivals), len(self.dictionary.departures)
        score: NDArray[Any] = np.empty(shape, self._real)
        for block, inverse_power in self._blocks:
            numerator = self._buffer[:, : inverse_power.shape[1]]
            np.matmul(half_way[:, block], self._transmit_kernel, out=numerator)
            np.einsum("mrt,mrt->rt", numerator, inverse_power, out=score[block])
        return score


def _interpolation(array: PlanarArray, grid: Floats) -> tuple[Floats, Floats]:
    """Samples of products of two array responses, and the interpolation to the values on a grid.

    Returns
    -------
    tuple[Floats, Floats]
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
