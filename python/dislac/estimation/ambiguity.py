# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges and velocities beyond what one subcarrier spacing can resolve, from several spacings.

An OFDM radar measures a range modulo c / (2 df) and a velocity modulo c / (2 f_c T): the value
folded. Two spacings fold it differently, and the Chinese remainder theorem in its robust form
gives how often, as long as the errors of the two measurements are small enough.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfc

from ..geometry import SPEED_OF_LIGHT

__all__ = [
    "Moduli",
    "chinese_remainder",
    "fold_probability",
    "most_likely_fold",
    "range_moduli",
    "received_power_db",
    "robust_crt",
    "rss_fold_error",
    "velocity_moduli",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moduli:
    """Moduli unit * factors, by which one value has been folded.

    Parameters
    ----------
    unit
        the greatest real number of which all moduli are multiples (M of the source).
    factors
        at least two whole numbers, no two with a common divisor (Gamma_i).

    Raises
    ------
    ValueError
        fewer than two factors, or factors with a common divisor.

    References
    ----------
    W. Wang and X.-G. Xia, "A closed-form robust Chinese remainder theorem and its performance
    analysis", IEEE Trans. Signal Process. 58 (2010).
    """

    unit: float
    factors: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.factors) < 2 or min(self.factors) < 1:
            raise ValueError(f"factors {self.factors}: give two or more whole numbers above 0")
        for one, other in combinations(self.factors, 2):
            if (divisor := math.gcd(one, other)) > 1:
                raise ValueError(
                    f"factors {one} and {other} share the divisor {divisor}: take it into the "
                    "unit, or choose factors without a common divisor"
                )

    @property
    def values(self) -> Floats:
        """(L,) the moduli."""
        return self.unit * np.array(self.factors, dtype=float)

    @property
    def span(self) -> float:
        """Width of the interval over which the value is unambiguous."""
        return self.unit * math.prod(self.factors)

    @property
    def tolerance(self) -> float:
        """Errors of the measurements below this, a quarter of the unit, never cost a fold."""
        return self.unit / 4

    def remainders(self, value: ArrayLike) -> Floats:
        """Remainders (..., L), each from 0 to its modulus, of values (...)."""
        return np.asarray(np.mod(np.asarray(value, dtype=float)[..., None], self.values))


def range_moduli(base_spacing: float, multiples: tuple[int, int]) -> Moduli:
    """Moduli by which two subcarrier spacings k1 df0 and k2 df0 fold ranges: c / (2 k df0) [m].

    Unit c / (2 df0 k1 k2), span c / (2 df0).

    Parameters
    ----------
    base_spacing
        df0 [Hz].
    multiples
        k1 and k2, without a common divisor.
    """
    first, second = multiples
    return Moduli(SPEED_OF_LIGHT / (2 * base_spacing * first * second), (second, first))


def velocity_moduli(carrier_frequency: float, base_rate: float, multiples: Sequence[int]) -> Moduli:
    """Moduli by which symbols at the rates k df0 fold velocities: c k df0 / (2 f_c) [m/s].

    Parameters
    ----------
    carrier_frequency
        f_c [Hz].
    base_rate
        df0, symbols a second at k = 1 [Hz]; without prefixes, and with symbols of 1 / spacing, that
        is the base spacing.
    multiples
        k1, k2 and more, no two with a common divisor.
    """
    return Moduli(SPEED_OF_LIGHT * base_rate / (2 * carrier_frequency), tuple(multiples))


def chinese_remainder(remainders: ArrayLike, moduli: Sequence[int]) -> NDArray[np.int64]:
    """The whole numbers (...) from 0 to the product of `moduli` that leave `remainders`.

    Parameters
    ----------
    remainders
        (..., L) whole numbers.
    moduli
        L of them, no two with a common divisor.

    Raises
    ------
    ValueError
        moduli with a common divisor.
    """
    product = math.prod(moduli)
    total = np.zeros(np.shape(remainders)[:-1], dtype=np.int64)
    for remainder, modulus in zip(
        np.moveaxis(np.asarray(remainders, dtype=np.int64), -1, 0), moduli, strict=True
    ):
        others = product // modulus
        weight = pow(others, -1, modulus)
        total = total + remainder * weight % modulus * others
    return np.asarray(total % product)


def robust_crt(remainders: ArrayLike, moduli: Moduli, *, signed: bool = False) -> Floats:
    """Values (...) whose remainders have been measured with errors.

    Differences of remainders, rounded to multiples of the unit, give the folds without error if
    no two errors differ by more than half a unit; the result is then the mean of the unfolded
    measurements. It is a point of a circle: what an error carries beyond one end of the span
    comes back at the other.

    Parameters
    ----------
    remainders
        (..., L), each modulo its modulus.
    moduli
        the L moduli.
    signed
        give values from -span/2 to span/2, as for velocities, instead of from 0 to span.

    References
    ----------
    W. Wang and X.-G. Xia (2010), the closed form.
    """
    r = np.asarray(remainders, dtype=float)
    first, *others = moduli.factors
    # r_i - r_1 = unit (n_1 Gamma_1 - n_i Gamma_i) + errors
    steps = np.rint((r[..., 1:] - r[..., :1]) / moduli.unit).astype(np.int64)
    inverse = [pow(first, -1, factor) for factor in others]
    fold = chinese_remainder(steps % others * inverse, others)
    folds = (fold[..., None] * first - steps) // others
    folds = np.concatenate([fold[..., None], folds], axis=-1)
    value = np.mean(folds * moduli.values + r, axis=-1)
    lowest = -moduli.span / 2 if signed else 0.0
    return np.asarray((value - lowest) % moduli.span + lowest)


def fold_probability(unit: ArrayLike, deviation: ArrayLike) -> Floats:
    """Probability of the right fold from two moduli, erf(unit / (4 sigma)); broadcasts.

    Two independent Gaussian errors differ by less than half a unit so often.

    Parameters
    ----------
    unit
        of the moduli.
    deviation
        sigma of each measurement.
    """
    return np.asarray(erf(np.asarray(unit, dtype=float) / (4 * np.asarray(deviation, dtype=float))))


def most_likely_fold(
    remainders: ArrayLike,
    moduli: Moduli,
    deviation: float,
    *,
    power_db: ArrayLike | None = None,
    reference_db: float = 0.0,
    power_deviation_db: float = 1.0,
    exponent: float = 4.0,
) -> Floats:
    """Ranges (...) of greatest likelihood, received power included.

    All folds of the first remainder are tried. For each, the other remainders, and the power that
    a target there would give, say how likely it is. Without power that is what `robust_crt` does
    in closed form.

    Parameters
    ----------
    remainders
        (..., L) ranges, each modulo its modulus [m].
    moduli
        the L moduli.
    deviation
        standard deviation of the range measurements [m].
    power_db
        (...) received powers [dB]; None: not known.
    reference_db
        power of a target at 1 m, by the link budget [dB].
    power_deviation_db
        standard deviation of the power about the link budget's [dB].
    exponent
        by which power falls with range.
    """
    r = np.asarray(remainders, dtype=float)
    values = moduli.values
    candidates = r[..., :1] + values[0] * np.arange(math.prod(moduli.factors[1:]))
    offsets = [np.zeros_like(candidates)]
    for other, modulus in zip(np.moveaxis(r[..., 1:], -1, 0), values[1:], strict=True):
        offset = other[..., None] - candidates
        offsets.append(offset - modulus * np.rint(offset / modulus))
    errors = np.stack(offsets)
    mean = errors.mean(axis=0)
    cost = np.sum((errors - mean) ** 2, axis=0) / deviation**2
    candidates = candidates + mean
    if power_db is not None:
        expected = received_power_db(candidates, reference_db, exponent)
        missing = np.asarray(power_db, dtype=float)[..., None] - expected
        cost = cost + (missing / power_deviation_db) ** 2
    best = np.argmin(cost, axis=-1)[..., None]
    return np.asarray(np.take_along_axis(candidates, best, axis=-1)[..., 0] % moduli.span)


def received_power_db(
    distance: ArrayLike, reference_db: float = 0.0, exponent: float = 4.0
) -> Floats:
    """Power of an echo [dB] from a range [m], `reference_db` at 1 m; of the range's shape.

    Nearer than 1 m it grows no more.
    """
    return np.asarray(reference_db - 10 * exponent * np.log10(np.maximum(distance, 1.0)))


def rss_fold_error(
    fold: ArrayLike, power_deviation_db: ArrayLike, *, exponent: float = 4.0
) -> Floats:
    """Probability that power alone takes the middle of one fold for that of the next; broadcasts.

    The two differ by 10 exponent log10((fold + 1/2) / (fold - 1/2)) dB; half of it is the margin
    of a decision between them.

    Parameters
    ----------
    fold
        number of the farther fold, from 1; the nearest is fold 0.
    power_deviation_db
        standard deviation of the power [dB].
    exponent
        by which power falls with range.
    """
    n = np.asarray(fold, dtype=float)
    step = 10 * exponent * np.log10((n + 0.5) / (n - 0.5))
    return np.asarray(erfc(step / (2 * np.sqrt(2) * np.asarray(power_deviation_db))) / 2)
