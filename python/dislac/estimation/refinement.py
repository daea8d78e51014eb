# SPDX-License-Identifier: GPL-3.0-or-later
"""Refinement off the grid: Gauss-Newton on all paths jointly, gains eliminated."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import wrap_spatial_frequency
from .path_responses import DELAY, DOPPLER, PathResponses

__all__ = ["Fit", "Marginal", "Prior", "fit", "marginal", "pick", "refine"]

UNDETERMINED = 1e-12
"""Curvature by a parameter, over the largest by any, that is rounding errors."""

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

LEAST_DAMPING = 1e-9
"""Of scaled curvatures: keeps those regular of parameters that the frame does not determine."""


class Fit(NamedTuple):
    """Least squares of a frame at given parameters, gains eliminated; batch (...), L paths.

    gain (..., L); explained (...) energy; gradient (..., P) and curvature (..., P, P) of half the
    unexplained energy over the P = L F free parameters.
    """

    gain: Complex
    explained: Floats
    gradient: Floats
    curvature: Floats


class Prior(NamedTuple):
    """Prior knowledge of L paths.

    Their gains are Gaussian, of `power` (L,). Secondary ones come later than the first, by the
    delay spread give or take as much [s], from about its direction, give or take the angular
    spread [spatial frequency], and with about its Doppler shift [Hz]; Cauchy distributions, which
    leave what comes far later, from elsewhere, or with another shift, where it is. `chance` is the
    logarithm of the probability of such powers.
    """

    noise: float
    power: Floats
    delay_spread: float
    arrival_spread: float
    doppler_spread: float
    chance: float = 0.0

    def arrival_density(self, offset: Floats) -> Floats:
        """Probability per unit area of spatial frequencies, at distances (...) from the first."""
        z = offset / self.arrival_spread
        return np.asarray((1.0 + z**2) ** -1.5 / (2 * np.pi * self.arrival_spread**2))

    @property
    def scales(self) -> Floats:
        """(4,) spreads of arrival x and y, delay and Doppler shift."""
        spreads = [self.arrival_spread] * 2, [self.delay_spread, self.doppler_spread]
        return np.concatenate(spreads)

    def density(self, free: NDArray[np.intp]) -> float:
        """Probability density at its peak of a secondary path's place, in those of its parameters
        that are free."""
        arrival = 1.0 / (2 * np.pi * self.arrival_spread**2)
        if not np.isin([0, 1], free).all():
            arrival = 1.0 / (np.pi * self.arrival_spread) if np.isin([0, 1], free).any() else 1.0
        delay = 2.0 / (np.pi * self.delay_spread) if DELAY in free else 1.0
        doppler = 1.0 / (np.pi * self.doppler_spread) if DOPPLER in free else 1.0
        return arrival * delay * doppler


def pick(current: Fit, which: Any) -> Fit:
    """The chosen problems of a batch."""
    return Fit(*(values[which] for values in current))


def fit(
    responses: PathResponses, frame: Complex, parameters: Floats, prior: Prior | None = None
) -> Fit:
    """Regularised least squares of a frame (J, Nsc), or of B frames (B, J, Nsc), on paths at
    `parameters` (B, L, 6)."""
    batch, paths, _ = parameters.shape
    s, e = responses.factors(parameters)
    c = s.shape[-2]
    sc, ec = s.conj(), e.conj()
    match = (sc * (ec @ frame.swapaxes(-1, -2)[..., None, :, :])).sum(axis=-1)
    s, sc = s.reshape(batch, paths * c, -1), sc.reshape(batch, paths * c, -1)
    e, ec = e.reshape(batch, paths * c, -1), ec.reshape(batch, paths * c, -1)
    gram = sc @ s.swapaxes(1, 2)
    gram *= ec @ e.swapaxes(1, 2)
    gram = gram.reshape(batch, paths, c, paths, c)
    slopes = paths * (c - 1)
    # Columns: the frame, then the derivatives, each projected on the responses.
    right = np.empty((batch, paths, 1 + slopes), complex)
    right[..., 0] = match[..., 0]
    right[..., 1:] = gram[:, :, 0, :, 1:].reshape(batch, paths, slopes)
    own = gram[:, :, 0, :, 0]
    if prior is not None:
        own = own + prior.noise / prior.power * np.eye(paths)
    solved: Any = right / own if paths == 1 else np.linalg.solve(own, right)
    # What is left of the derivatives' products once the responses are projected out.
    left = np.empty((batch, slopes, 1 + slopes), complex)
    left[..., 0] = match[..., 1:].reshape(batch, slopes)
    left[..., 1:] = gram[:, :, 1:, :, 1:].reshape(batch, slopes, slopes)
    left -= right[..., 1:].conj().swapaxes(1, 2) @ solved
    gain = solved[..., 0]
    scale = np.repeat(gain, c - 1, axis=1)
    left *= scale.conj()[..., None]
    left[..., 1:] *= scale[:, None, :]
    # Real part of conj(match) gain. In real numbers, because numpy may round products of short
    # complex arrays by where in memory they lie.
    agreement = match[..., 0].real * gain.real + match[..., 0].imag * gain.imag
    explained = agreement.sum(axis=1)
    share = responses.sharing(paths)
    gradient, curvature = left[..., 0].real @ share, share.T @ left[..., 1:].real @ share
    current = Fit(gain, explained, gradient, curvature)
    return current if prior is None else _with_places(current, responses, parameters, prior)


class Marginal(NamedTuple):
    """Likelihood at given parameters, gains integrated; batch (...), L paths.

    gain (..., L) in the mean; explained (...) energy as in `Fit`, the cost of places taken off;
    volume (...) logarithm by which the gains' variances beforehand exceed those afterwards.
    """

    gain: Complex
    explained: Floats
    volume: Floats


def marginal(
    responses: PathResponses, frame: Complex, parameters: Floats, prior: Prior
) -> Marginal:
    """Likelihood of a frame (J, Nsc) of paths at `parameters` (B, L, 6), gains integrated."""
    paths = parameters.shape[1]
    s, e = responses.at(parameters)
    sc, ec = s.conj(), e.conj()
    match = (sc * (ec @ frame.T)).sum(axis=-1)
    own = (sc @ s.swapaxes(1, 2)) * (ec @ e.swapaxes(1, 2))
    own = own + prior.noise / prior.power * np.eye(paths)
    gain = np.asarray(np.linalg.solve(own, match[..., None])[..., 0], complex)
    explained = (match.real * gain.real + match.imag * gain.imag).sum(axis=1)
    volume = np.linalg.slogdet(own * (prior.power / prior.noise))[1]
    return Marginal(gain, explained - prior.noise * _place_cost(parameters, prior), volume)


def _place_cost(parameters: Floats, prior: Prior) -> Floats:
    """(B,) negative logarithm of the prior densities of secondary paths' arrivals, delays and
    Doppler shifts, up to a constant."""
    z = (parameters[:, 1:] - parameters[:, :1])[..., [0, 1, 4, 5]] / prior.scales
    cost = 1.5 * np.log1p(z[..., 0] ** 2 + z[..., 1] ** 2)
    return np.asarray((cost + np.log1p(z[..., 2:] ** 2).sum(axis=-1)).sum(axis=1))


def _with_places(current: Fit, responses: PathResponses, parameters: Floats, prior: Prior) -> Fit:
    """The fit with what arrivals, delays and Doppler shifts of secondary paths cost: noise times
    the negative logarithm of their prior densities, up to a constant."""
    batch, paths, _ = parameters.shape
    if paths == 1:
        return current
    scale = prior.scales
    z = (parameters[:, 1:] - parameters[:, :1])[..., [0, 1, 4, 5]] / scale  # (B, L - 1, 4)
    spread = responses.spread(paths).reshape(-1, paths, 6)[..., [0, 1, 4, 5]]
    slope = ((spread[:, 1:] - spread[:, :1]) / scale).reshape(len(spread), -1)  # (P, 4 (L - 1))
    apart = np.sum(z[..., :2] ** 2, axis=-1, keepdims=True)
    weight = np.empty_like(z)
    weight[..., :2] = 1.5 / (1.0 + apart)
    weight[..., 2:] = 1.0 / (1.0 + z[..., 2:] ** 2)
    weight, z = prior.noise * weight.reshape(batch, -1), z.reshape(batch, -1)
    return Fit(
        current.gain,
        current.explained - prior.noise * _place_cost(parameters, prior),
        current.gradient - (weight * z) @ slope.T,
        current.curvature + (slope * weight[:, None]) @ slope.T,
    )


def refine(
    responses: PathResponses,
    frame: Complex,
    parameters: Floats,
    energy: float | Floats,
    iterations: int,
    prior: Prior | None = None,
    current: Fit | None = None,
) -> tuple[Floats, Fit]:
    """Levenberg-Marquardt from `parameters` (B, L, 6): B independent problems at once, all of one
    frame (J, Nsc) of an energy, or each of its own (B, J, Nsc), (B,).

    It ends when the next step promises no problem more than a few thousandths of the noise's energy
    per element, far less than the estimate's own uncertainty. `current` is the fit at `parameters`,
    where there is one.
    """
    batch, paths, _ = parameters.shape
    spread = responses.spread(paths)
    cells = responses.unknown_cells(paths)
    if current is None:
        current = fit(responses, frame, parameters, prior)
    damping = np.full((batch, 1), 1e-3)
    size = current.gradient.shape[1]
    for _ in range(iterations):
        diagonal = current.curvature.reshape(batch, -1)[:, :: size + 1]
        # What moves nothing by a resolution cell but rounding errors stays where it is.
        determined = diagonal * cells**2
        determined = determined > UNDETERMINED * determined.max(axis=1, keepdims=True)
        unit = np.where(determined, 1.0 / np.sqrt(np.where(determined, diagonal, 1.0)), 0.0)
        scaled = current.curvature * (unit[:, :, None] * unit[:, None, :])
        scaled.reshape(batch, -1)[:, :: size + 1] += damping
        right = unit * current.gradient
        step = np.linalg.solve(scaled, right[..., None])[..., 0]
        noise = np.maximum(energy - current.explained, 1e-14 * energy) / responses.dimensions
        if ((step * right).sum(axis=1) < 3e-3 * noise).all():
            break
        move = ((unit * step) @ spread).reshape(parameters.shape)
        # Beyond a quarter of a cell the quadratic model says nothing.
        longest = np.abs(move / responses.cells).max(axis=(1, 2), keepdims=True)
        trial = parameters + move / np.maximum(4 * longest, 1.0)
        new = fit(responses, frame, trial, prior)
        better = new.explained > current.explained
        damping = np.maximum(damping * np.where(better, 0.1, 10.0)[:, None], LEAST_DAMPING)
        if better.all():
            parameters, current = trial, new
        elif better.any():
            parameters = np.where(better[:, None, None], trial, parameters)
            current = Fit(*(_where(better, n, c) for n, c in zip(new, current, strict=True)))
    parameters = parameters.copy()
    parameters[..., :4] = wrap_spatial_frequency(parameters[..., :4])
    return parameters, current


def _where(chosen: NDArray[np.bool_], new: Any, old: Any) -> Any:
    return np.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)
