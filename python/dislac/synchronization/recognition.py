# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals of other transmitters, and how they are distinguished from the direct path.

A signal with other pilots correlates with ours by chance. It is common to all chains, and its
products with ours may repeat from symbol to symbol, as those of Gold sequences do whose initial
values differ alike: so only subcarriers are independent trials, and the chance is that of signals
with the energies, and the coherence between chains, that the frame shows (`stands_out`). Beams that
change make the symbols of a signal from elsewhere, or with a part of our code, differ from ours
(`is_coherent`).

A signal that is stronger than ours hides it. With more chains than such signals it comes from
other directions: made equally strong in all directions (`equalized`), what is received shows ours
beside the others.

Pilots of another user that are not interleaved may be ours but for a phase that grows evenly over
symbols and subcarriers: then they look like ours at another delay and carrier offset, an *image*
(`is_image`). With Zadoff-Chu codes user k is shifted by j = r k (r the root of the codes, for
random-phase codes 1): by j / Ms of the symbol rate in carrier and by j / Ms of a resolution cell in
delay, modulo a symbol rate and a symbol without prefix. Half of a Walsh code's energy, or all, does
the same. Only the pilots' phases from symbol to symbol, and from subcarrier to subcarrier, are
shifted: the phase within a symbol turns with the true carrier, and symbols with their prefixes
begin at the true delay.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .frames import Samples
from .reference import FALSE_LOCK, DirectPathMeasurement, Reference

__all__ = ["chance", "equalized", "is_coherent", "is_image", "stands_out"]

Floats = NDArray[np.float64]

WEAKEST = 1e-4
"""Power of a direction, relative to the strongest, from which on it is made no stronger."""

COHERENT = 0.7
"""Least part of what the pilots explain in the single symbols that must be explained by the whole
frame: the rest is for errors of the geometry and for other paths."""

EVIDENCE = 10.0
"""Log-likelihood ratio by which an image must be the better explanation."""


def equalized(parts: Samples) -> Samples:
    """Signals of the chains (chains, parts, n), equally strong in all directions of each part.

    Directions are the eigenvectors of the chains' covariance.
    """
    y = parts.transpose(1, 0, 2)
    covariance = y @ y.conj().transpose(0, 2, 1) / np.float32(y.shape[2])
    power, direction = np.linalg.eigh(covariance)
    least = np.maximum(WEAKEST * power[:, -1:], 1e-7 * power.max())
    scaled = direction / np.sqrt(np.maximum(np.maximum(power, least), 1e-30))[:, None]
    made = (scaled @ direction.conj().transpose(0, 2, 1)) @ y
    return np.ascontiguousarray(made.transpose(1, 0, 2))


def chance(statistic: float, powers: Floats, elements: int) -> float:
    """Logarithm of the probability that random signals reach a statistic, a few tenths too high.

    Each of some independent signals, with these powers, has complex normal values on the elements;
    the reference is one direction among their `elements` dimensions. The statistic is the energy in
    that direction over all energy.

    References
    ----------
    H. E. Daniels, Saddlepoint approximations in statistics, 1954.
    """
    powers = np.maximum(powers, 0.0)
    powers = powers / max(powers.sum(), 1e-300)
    statistic = min(max(statistic, 1e-12), 1 - 1e-12)
    up, down = powers * (1 - statistic), powers * statistic
    s = (1 - np.geomspace(0.99, 1e-4, 96)[:, None]) / up.max()
    log = -np.log1p(-s * up).sum(axis=1) - (elements - 1) * np.log1p(s * down).sum(axis=1)
    least = int(np.argmin(log))
    s = s[least]
    curvature = np.sum((up / (1 - s * up)) ** 2)
    curvature += (elements - 1) * np.sum((down / (1 + s * down)) ** 2)
    width = float(s[0] * np.sqrt(2 * np.pi * curvature))
    return float(log[least]) - np.log(max(width, 1.0))


def stands_out(
    grid: Samples, reference: Reference, frame: int, found: DirectPathMeasurement, trials: int
) -> bool:
    """True if signals with other pilots would explain less than what was found, but for one in a
    million searches of `trials` trials.

    Parameters
    ----------
    grid
        (chains, Ms, Nsc), as `aligned_grid` gives it.
    frame
        which of the F frames it is.
    found
        what `measure` made of it.
    """
    least = np.log(FALSE_LOCK / trials)
    if found.statistic >= 1 - np.exp(least / (reference.columns - 1)):
        return True  # even if chains and symbols all repeat one another
    f, t, receiving, matched, weight, _, _ = reference.kernels[frame]
    product = matched * grid[receiving] * np.sqrt(weight)[:, None, None]
    summed = np.einsum("m,imn->in", np.exp(-2j * np.pi * found.carrier * t), product)
    summed *= np.exp(2j * np.pi * found.delay * f)
    column = np.add.reduceat(summed, np.arange(0, summed.shape[1], reference.comb), axis=1)
    covariance = column @ column.conj().T
    explained = float(np.sum(np.abs(column.sum(axis=1)) ** 2))
    statistic = explained / max(reference.columns * float(np.trace(covariance).real), 1e-300)
    return chance(statistic, np.linalg.eigvalsh(covariance), reference.columns) < least


def is_coherent(
    grid: Samples, reference: Reference, frame: int, found: DirectPathMeasurement
) -> bool:
    """True if amplitudes and phases from symbol to symbol are those of the direct path.

    Only what exceeds the greatest energy to be expected of the rest is held against it.

    Parameters
    ----------
    grid
        (chains, Ms, Nsc), as `aligned_grid` gives it.
    frame
        which of the F frames it is.
    found
        what `measure` made of it.
    """
    kernel = reference.kernels[frame]
    y = grid[kernel.receiving]
    row = (kernel.matched * y) @ np.exp(2j * np.pi * found.delay * kernel.f)
    energy = np.maximum(kernel.levels, 1e-6 * kernel.levels.max())
    single = np.sum(np.abs(row) ** 2 / energy, axis=0)[reference.active]
    whole = found.statistic * float(np.vdot(grid, grid).real)
    elements = np.count_nonzero(kernel.matched[:, reference.active]) - row[:, reference.active].size
    present = y * (kernel.matched != 0)
    rest = float(np.vdot(present, present).real) - float(single.sum())
    noise = max(rest, 0.0) / max(elements, 1) * len(row) * len(single)
    excess = float(single.sum()) - whole - noise * (1 + 5 / np.sqrt(len(single)))
    return whole > COHERENT * (whole + max(excess, 0.0))


def is_image(
    samples: Samples,
    start: int,
    found: DirectPathMeasurement,
    reference: Reference,
    frame: int,
    carrier_span: float,
) -> bool:
    """True if a frame explains more as the image of another user's than as one of ours.

    The despread samples of all symbols are added, and summed over windows of a symbol with its
    prefix that begin earlier or later, with carriers that turn within the symbol: the pilots'
    phases from symbol to symbol stay ours.

    Parameters
    ----------
    samples
        (chains, n), the carrier that was expected taken off.
    start
        sample at which the frame was expected to begin.
    found
        delay and carrier that are left.
    frame
        which of the F frames it is.
    carrier_span
        how far the image's true carrier may lie from the one found [Hz].
    """
    n = reference.numerology
    receiving = reference.kernels[frame].receiving
    spread = n.fft_size // 2
    length = n.fft_size + n.shortest_prefix
    begins = (n.symbol_starts + n.prefixes - n.shortest_prefix)[reference.active]
    place = int(np.rint(found.delay))
    window = np.arange(-spread, length + spread)
    index = start + place + begins[:, None] + window
    there = (index >= 0) & (index < samples.shape[1])
    turns = np.exp(-2j * np.pi * found.carrier / n.sample_rate * (begins[:, None] + window))
    y = samples[:, np.where(there, index, 0)][receiving] * (there * turns)
    # Symbols, continued periodically
    spectrum = np.zeros((len(y), len(begins), n.fft_size), np.complex64)
    late = (found.delay - place) / n.sample_rate
    spectrum[..., n.bins] = reference.grids[frame][receiving][:, reference.active]
    spectrum[..., n.bins] *= np.exp(-2j * np.pi * n.frequencies * late)
    symbols = scipy.fft.ifft(spectrum, norm="ortho")
    symbols = symbols[..., (window - n.shortest_prefix) % n.fft_size]
    core = slice(spread, spread + length)
    product = y * symbols.conj()
    energy = np.sum(np.abs(symbols[..., core]) ** 2, axis=(1, 2))
    gains = np.sum(product[..., core], axis=(1, 2)) / energy
    signal = float(np.abs(gains) ** 2 @ energy)
    noise = float(np.sum(np.abs(y[..., core]) ** 2)) - signal
    noise = max(noise, 1e-12 * signal) / y[..., core].size
    summed = np.einsum("i,imn->n", gains.conj(), product)

    step = n.sample_rate / n.frame_length / 2
    count = int(np.ceil(carrier_span / step))
    carriers = step * np.arange(-count, count + 1)
    turned = summed * np.exp(-2j * np.pi / n.sample_rate * np.outer(carriers, window))
    running = np.cumsum(np.pad(turned, ((0, 0), (1, 0))), axis=1)
    explained = np.abs(running[:, length:] - running[:, :-length]) ** 2 / signal**2
    moved = np.abs(np.arange(-spread, spread + 1))
    # What a signal at our own delay and carrier would leave there
    left = (1 - moved / length) * np.sinc(carriers / n.sample_rate * length)[:, None]
    nearer = explained > 1 / np.maximum(np.abs(left), 1e-6)
    better = (explained - 1) * signal / noise > EVIDENCE
    return bool(np.any(nearer & better))
