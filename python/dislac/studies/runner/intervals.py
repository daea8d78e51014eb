# SPDX-License-Identifier: GPL-3.0-or-later
"""Confidence intervals of what studies count and average."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, bootstrap

__all__ = ["LEVEL", "bootstrap_interval", "percentage", "rms", "wilson_interval"]

LEVEL = 0.95
"""Confidence of all intervals."""

RESAMPLES = 2000
"""Draws of a bootstrap: they leave each end of the interval uncertain by a fiftieth of it."""


def rms(values: NDArray[np.float64], axis: int | None = None) -> Any:
    """Root mean square along an axis, of all values by default."""
    return np.sqrt(np.mean(np.square(values), axis=axis))


def wilson_interval(count: int, trials: int) -> tuple[float | None, float | None]:
    """Interval of a probability, by counting; Wilson's, which holds near 0 and 1, too.

    Parameters
    ----------
    count, trials
        In how many of how many independent trials the event came about.

    Returns
    -------
    low, high
        Ends of the interval, None without trials.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22(158), 1927.

    Examples
    --------
    No event in ten trials: up to z^2 / (10 + z^2), with z = 1.96.

    >>> from gnuradio.dislac.studies.runner import wilson_interval
    >>> low, high = wilson_interval(0, 10)
    >>> f"{low:.3f} to {high:.3f}"
    '0.000 to 0.278'
    """
    if not trials:
        return None, None
    found = binomtest(int(count), int(trials)).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def percentage(count: int, trials: int) -> tuple[float | None, float | None, float | None]:
    """Percentage of trials in which an event came about, and the ends of `wilson_interval`."""
    low, high = wilson_interval(count, trials)
    if low is None or high is None:
        return None, None, None
    return 100 * count / trials, 100 * low, 100 * high


def bootstrap_interval(
    values: ArrayLike, statistic: Callable[..., Any] = rms
) -> tuple[float | None, float | None]:
    """Percentile bootstrap of a statistic of independent values, whatever their distribution.

    The resampling has a seed of its own: equal values have equal intervals.

    Parameters
    ----------
    values
        (n,) one of each trial.
    statistic
        `rms`, `numpy.mean` or `numpy.median`: takes an array and `axis`.

    Returns
    -------
    low, high
        Ends of the interval, None of fewer than two values.

    References
    ----------
    B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return None, None
    found = bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLES,
        batch=max(1, 2_000_000 // len(values)),
        confidence_level=LEVEL,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)
