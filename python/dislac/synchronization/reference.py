# SPDX-License-Identifier: GPL-3.0-or-later
"""The direct path as the receive chains expect it, and its delay and carrier in a frame."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainccinv

from ..channel import Coupling
from ..waveform import Numerology, Pilots
from .frames import Samples

__all__ = [
    "FALSE_LOCK",
    "DirectPathMeasurement",
    "Reference",
    "expected_grids",
    "measure",
    "noise_statistic",
]

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

NEAR = 0.01
"""A step of so little of a resolution cell is the last."""

FALSE_LOCK = 1e-6
"""Searches of noise alone that find something."""


def expected_grids(
    pilots: Pilots, transmit: Complex, receive: Complex, coupling: Coupling
) -> NDArray[np.complex64]:
    """(F, Nrf, Ms, Nsc) what the direct path brings to each chain, in each of the F different
    frames, but for one gain and the path's delay.

    Parameters
    ----------
    transmit
        (Ms, Ntx) a_t^T f_{m,i}, what leaves each beam towards the receiver.
    receive
        (Ms, Nrf) w_{m,i}^H a_r, what each chain hears of what arrives.
    """
    grids = np.stack([pilots.grid(frame) for frame in range(pilots.cycle)])
    transmitted = grids * transmit.T[:, :, None]
    if coupling == "physical":
        transmitted = transmitted.sum(axis=1, keepdims=True)
    return np.asarray(transmitted * receive.T[:, :, None], dtype=np.complex64)


@dataclass(frozen=True, eq=False)
class Reference:
    """Frames as they arrive over the direct path.

    Parameters
    ----------
    numerology
        of the frames.
    grids
        (F, Nrf, Ms, Nsc), see `expected_grids`.
    comb
        distance of the pilots' subcarriers.
    """

    numerology: Numerology
    grids: NDArray[np.complex64]
    comb: int = 1

    @cached_property
    def energy(self) -> Floats:
        """(F, Nrf) of the grids."""
        return np.asarray(np.sum(np.abs(self.grids) ** 2, axis=(2, 3), dtype=float))

    @cached_property
    def symbol_energy(self) -> Floats:
        """(F, Ms) of the grids."""
        return np.asarray(np.sum(np.abs(self.grids) ** 2, axis=(1, 3), dtype=float))

    @property
    def columns(self) -> int:
        """Groups of `comb` subcarriers."""
        return -(-self.grids.shape[-1] // self.comb)

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Symbols in which anything arrives."""
        return np.flatnonzero(self.symbol_energy.sum(axis=0))

    @cached_property
    def kernels(self) -> list["_Kernel"]:
        """Of each of the F frames."""
        n = self.numerology
        f = np.divide(n.frequencies, n.sample_rate)
        t = n.symbol_times - np.mean(n.symbol_times[self.active])
        basis = np.stack(np.broadcast_arrays(f, -t[:, None]))
        kernels = []
        for grid, energy in zip(self.grids, self.energy, strict=True):
            shape = np.sum(np.abs(grid) ** 2, axis=0, dtype=float)
            shape /= shape.sum()
            mean = np.tensordot(basis, shape, 2)
            spread = np.einsum("amn,bmn,mn->ab", basis, basis, shape) - np.outer(mean, mean)
            curvature = (2 * np.pi) ** 2 * spread + 1e-18 * np.eye(2)
            receiving = energy > 0
            matched = grid[receiving].conj()
            levels = np.sum(np.abs(matched) ** 2, axis=2, dtype=float)
            weight = np.divide(1, energy[receiving])
            kernels.append(_Kernel(f, t, receiving, matched, weight, levels, curvature))
        return kernels


def noise_statistic(reference: Reference, trials: int) -> float:
    """The GLRT statistic that noise alone reaches once in a million searches."""
    receiving = int(np.count_nonzero(reference.energy[0]))
    # Noise may be confined to the band.
    elements = reference.grids.shape[1] * len(reference.active) * reference.numerology.subcarriers
    return float(gammainccinv(receiving, FALSE_LOCK / trials) / elements)


class _Kernel(NamedTuple):
    """Parts of a frame that `measure` needs: f (Nsc,) [cycles a sample], t (Ms,) [s] about the
    middle; conjugated grids of the chains that receive anything (I, Ms, Nsc), 1 / energy (I,),
    energy of each symbol (I, Ms), and the curvature (2, 2) of the log-likelihood over what is
    explained."""

    f: Floats
    t: Floats
    receiving: NDArray[np.bool_]
    matched: Samples
    weight: Floats
    levels: Floats
    curvature: Floats


class DirectPathMeasurement(NamedTuple):
    """Of a frame: delay [samples] and carrier offset [Hz] that are left, their variances, the
    statistic of the energy that the direct path explains, and how many times its level in a symbol
    exceeds that in the others at most."""

    delay: float
    carrier: float
    delay_variance: float
    carrier_variance: float
    statistic: float
    unevenness: float


def measure(
    grid: Samples,
    reference: Reference,
    frame: int,
    delay_span: float = 0.0,
    carrier_span: float = 0.0,
) -> DirectPathMeasurement:
    """Maximum-likelihood delay and carrier offset of the direct path in a frame.

    The chains' complex gains are unknown. Within the spans there is a search on a grid, two points
    a resolution cell, before Gauss-Newton.

    Parameters
    ----------
    grid
        (chains, Ms, Nsc), as `aligned_grid` gives it.
    frame
        which of the F frames it is.
    delay_span, carrier_span
        how far from zero they may lie [samples], [Hz].
    """
    n = reference.numerology
    f, t, receiving, matched, weight, levels, curvature = reference.kernels[frame]
    z = matched * (grid if receiving.all() else grid[receiving])
    energy = max(float(np.vdot(grid, grid).real), 1e-300)
    parameters: Floats = np.zeros(2)
    if delay_span > 0 or carrier_span > 0:
        delays = _grid(delay_span, 2 * float(np.ptp(f)))
        carriers = _grid(carrier_span, 2 * n.frame_length / n.sample_rate)
        match = z @ np.exp(2j * np.pi * np.outer(f, delays))
        match = np.exp(-2j * np.pi * np.outer(carriers, t)) @ match
        score = np.tensordot(weight, np.abs(match) ** 2, 1)
        c, d = np.unravel_index(int(np.argmax(score)), score.shape)
        parameters = np.array([delays[d], carriers[c]])
    cells = np.array([1 / max(float(np.ptp(f)), 1e-300), n.sample_rate / n.frame_length])
    for _ in range(5):
        # Sums over subcarriers, then over symbols: of what matches, and of its two derivatives
        turned = np.exp(2j * np.pi * parameters[0] * f)
        row = z @ np.stack([turned, 2j * np.pi * f * turned], axis=1)
        turned = np.exp(-2j * np.pi * parameters[1] * t)
        total, by_delay = np.einsum("m,imk->ki", turned, row)
        by_carrier = row[..., 0] @ (-2j * np.pi * t * turned)
        explained = float(weight @ np.abs(total) ** 2)
        weighted = weight * total.conj()
        gradient = np.array([(weighted @ by_delay).real, (weighted @ by_carrier).real])
        step = np.linalg.solve(curvature, gradient) / max(explained, 1e-300)
        parameters = parameters + step
        if np.all(np.abs(step) < NEAR * cells):
            break  # what another round would change goes with the square of that
    statistic = min(explained / energy, 1.0)
    noise = max(energy - explained, 1e-12 * energy) / grid.size
    variance = np.diag(np.linalg.inv(curvature)) * noise / max(2 * explained, 1e-300)
    # Level of each symbol against what the whole frame makes expect
    gains = weight * np.abs(total)
    level = np.abs(weighted @ (row[..., 0] * turned))
    due = gains**2 @ levels
    level = level[reference.active] / np.maximum(due, 0.25 * due.mean())[reference.active]
    uneven = float(level.max() / max(np.median(level), 1e-300)) ** 2
    return DirectPathMeasurement(
        float(parameters[0]),
        float(parameters[1]),
        float(variance[0]),
        float(variance[1]),
        statistic,
        uneven,
    )


def _grid(span: float, density: float) -> Floats:
    half = int(np.ceil(span * density))
    return np.linspace(-span, span, 2 * half + 1, dtype=float)
