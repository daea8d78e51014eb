# SPDX-License-Identifier: GPL-3.0-or-later
"""Tones at hundreds of thousands of consecutive samples, from few exponentials."""

import numpy as np

BLOCK = 256


def _factors(n, frequencies):
    """Tones at each 256th of the samples, and at those between, by their distance from it."""
    n = np.asarray(n)
    assert n[-1] - n[0] == len(n) - 1  # consecutive
    coarse = np.exp(2j * np.pi * (np.outer(n[::BLOCK], frequencies) % 1))
    return coarse, np.exp(2j * np.pi * np.outer(np.arange(BLOCK), frequencies))


def tone_matrix(n, frequencies):
    """Tones [cycles a sample] at consecutive samples n: (samples, tones)."""
    coarse, fine = _factors(n, frequencies)
    return (coarse[:, None] * fine).reshape(-1, coarse.shape[1])[: len(n)]


def sum_of_tones(n, frequencies, amplitudes):
    """Sum of tones [cycles a sample] at consecutive samples n: (samples,)."""
    coarse, fine = _factors(n, frequencies)
    return ((coarse * amplitudes) @ fine.T).ravel()[: len(n)]


def gains(y, basis):
    """Least squares of y on a basis (samples, tones) of tones well apart: (tones,)."""
    return np.linalg.solve(basis.conj().T @ basis, basis.conj().T @ y)
