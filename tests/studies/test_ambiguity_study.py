# SPDX-License-Identifier: GPL-3.0-or-later
from unittest.mock import Mock

import numpy as np
import pytest
from gnuradio.dislac.estimation.ambiguity import fold_probability, range_moduli, velocity_moduli
from gnuradio.dislac.studies.ambiguity import (
    FARTHEST,
    FASTEST,
    right_folds,
    right_folds_with_power,
)

TRIALS = 50_000


def test_the_right_fold_at_60_and_61_5_khz_and_5_m():
    hits = right_folds(
        range_moduli(1500.0, (40, 41)), FARTHEST, 5.0, TRIALS, np.random.default_rng(0)
    )
    assert hits >= 0.999 * TRIALS


@pytest.mark.parametrize("pair", [(4, 5), (10, 11), (20, 21), (40, 41), (80, 81), (133, 134)])
@pytest.mark.parametrize("deviation", [1.0, 5.0, 20.0, 100.0])
def test_theory_within_the_error_of_counting(pair, deviation):
    moduli = range_moduli(1500.0, pair)
    rng = np.random.default_rng((pair[0], int(deviation)))
    share = right_folds(moduli, FARTHEST, deviation, TRIALS, rng) / TRIALS
    theory = float(fold_probability(moduli.unit, deviation))
    assert share == pytest.approx(theory, abs=4 * np.sqrt(theory * (1 - theory) / TRIALS) + 1e-4)


def test_velocity_with_its_own_pair():
    moduli = velocity_moduli(2e9, 1500.0, (40, 41))
    rng = np.random.default_rng(1)
    assert right_folds(moduli, FASTEST, 5.0, TRIALS, rng, signed=True) >= 0.999 * TRIALS


@pytest.mark.parametrize(("signed", "least"), [(True, -7500.0), (False, 0.0)])
def test_values_are_drawn_up_to_the_greatest(signed, least):
    rng = Mock(wraps=np.random.default_rng(3))
    moduli = velocity_moduli(2e9, 1500.0, (40, 41))
    assert right_folds(moduli, 7500.0, 0.0, 100, rng, signed=signed) == 100
    rng.uniform.assert_called_once_with(least, 7500.0, 100)


def test_power_helps_where_neighbouring_decisions_lie_far_apart():
    rng = np.random.default_rng(2)
    near, near_power = right_folds_with_power(range_moduli(1500.0, (40, 41)), 20.0, 1.0, 5000, rng)
    far, far_power = right_folds_with_power(range_moduli(1500.0, (40, 49)), 20.0, 1.0, 5000, rng)
    assert near < near_power < 0.85 * 5000
    assert far < 0.66 * 5000
    assert far_power > 0.99 * 5000
