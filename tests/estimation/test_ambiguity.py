# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np
import pytest
from gnuradio.dislac.estimation.ambiguity import (
    Moduli,
    chinese_remainder,
    fold_probability,
    most_likely_fold,
    range_moduli,
    received_power_db,
    robust_crt,
    rss_fold_error,
    velocity_moduli,
)
from hypothesis import assume, given
from hypothesis import strategies as st

PAPER = range_moduli(1500.0, (40, 41))


@st.composite
def coprime(draw, most=4, greatest=60):
    """From two whole numbers on, no two with a common divisor."""
    numbers = draw(st.lists(st.integers(1, greatest), min_size=2, max_size=most))
    assume(all(math.gcd(a, b) == 1 for i, a in enumerate(numbers) for b in numbers[:i]))
    return tuple(numbers)


def on_circle(difference, span):
    return (difference + span / 2) % span - span / 2


def test_cases_of_the_reference():
    assert chinese_remainder([1, 6], (7, 11)) == 50
    assert chinese_remainder([2, 3, 2], (3, 5, 7)) == 23
    assert PAPER.remainders(73_456.7) == pytest.approx([1006.855983, 336.588293], rel=1e-9)
    assert robust_crt(PAPER.remainders(73_456.7), PAPER) == pytest.approx(73_456.7, rel=1e-12)
    assert PAPER.span == pytest.approx(99_930.819333, rel=1e-9)
    assert PAPER.values == pytest.approx(299792458 / 2 / np.array([60e3, 61.5e3]))


@given(coprime(), st.integers(0, 10**6))
def test_whole_numbers_come_back(moduli, number):
    product = math.prod(moduli)
    assert chinese_remainder([number % m for m in moduli], moduli) == number % product


@given(coprime(), st.floats(0.01, 1e3), st.floats(0, 1), st.data())
def test_any_value_comes_back_while_errors_stay_below_a_quarter_of_the_unit(
    factors, unit, place, data
):
    """Each measurement folded after its error, so that remainders may run over."""
    moduli = Moduli(unit, factors)
    value = place * moduli.span
    share = st.floats(-0.999, 0.999)
    shares = data.draw(st.lists(share, min_size=len(factors), max_size=len(factors)))
    errors = np.array(shares) * moduli.tolerance
    found = robust_crt(np.mod(value + errors, moduli.values), moduli)
    # modulo the span, as a point of a circle, and up to the mean of the errors
    assert abs(on_circle(found - value - errors.mean(), moduli.span)) < 1e-6 * unit


@given(st.floats(-92e3, 92e3))
def test_velocities_of_either_sign(velocity):
    moduli = velocity_moduli(2e9, 1500.0, (40, 41))
    assert moduli.values == pytest.approx(299792458 * np.array([60e3, 61.5e3]) / 4e9)
    assert moduli.span == pytest.approx(184_372.36167)
    assert robust_crt(moduli.remainders(velocity), moduli, signed=True) == pytest.approx(
        velocity, abs=1e-6
    )


@given(coprime(most=2), st.integers(0, 99))
def test_trying_all_folds_finds_the_same(factors, seed):
    rng = np.random.default_rng(seed)
    moduli = Moduli(7.0, factors)
    measured = np.mod(
        rng.uniform(0, moduli.span, (20, 1)) + rng.standard_normal((20, 2)), moduli.values
    )
    searched = most_likely_fold(measured, moduli, 1.0)
    difference = on_circle(searched - robust_crt(measured, moduli), moduli.span)
    assert np.abs(difference).max() < 1e-6


def test_shapes():
    values = np.linspace(0, 9e4, 6).reshape(2, 3)
    assert PAPER.remainders(values).shape == (2, 3, 2)
    assert robust_crt(PAPER.remainders(values), PAPER) == pytest.approx(values, abs=1e-6)


def test_spacings_of_the_reference():
    """Units and tolerances for a span of 99.93 km, and the probability of the right fold."""
    pairs = (4, 5), (10, 11), (20, 21), (40, 41), (80, 81), (133, 134)
    moduli = [range_moduli(1500.0, pair) for pair in pairs]
    units = [4996.5, 908.5, 237.9, 60.9, 15.4, 5.6]
    assert [m.unit for m in moduli] == pytest.approx(units, abs=0.051)
    assert [m.tolerance for m in moduli] == pytest.approx(
        [1249, 227.1, 59.5, 15.2, 3.9, 1.4], abs=0.2
    )
    table = fold_probability([[m.unit] for m in moduli], [1.0, 5.0, 20.0, 100.0])
    expected = [
        [1, 1, 1, 1],
        [1, 1, 1, 0.9987],
        [1, 1, 1, 0.600],
        [1, 1, 0.719, 0.171],
        [1, 0.725, 0.215, 0.044],
        [0.953, 0.308, 0.079, 0.016],
    ]
    assert table == pytest.approx(np.array(expected), abs=6e-4)


def test_power_alone():
    assert rss_fold_error([3, 10, 40], 1.0) == pytest.approx([0.002, 0.19, 0.41], abs=0.005)
    assert rss_fold_error([3, 10], 5.6) == pytest.approx([0.30, 0.44], abs=0.005)
    first = received_power_db(0.5) - received_power_db(1.5)
    assert received_power_db(5e3) - received_power_db(15e3) == pytest.approx(19.08, abs=0.01)
    assert first == pytest.approx(40 * np.log10(1.5))  # no stronger than at 1 m


def test_power_as_drawn_errs_as_often_as_its_closed_form_says():
    """Two neighbouring folds of 15 kHz, power 1 dB about the truth: the nearer one is taken."""
    rng = np.random.default_rng(5)
    near, far = (np.array([9.5, 10.5]) * 9993.08).tolist()
    power = received_power_db(near) + rng.standard_normal(100_000)
    wrong = np.abs(power - received_power_db(far)) < np.abs(power - received_power_db(near))
    expected = float(rss_fold_error(10, 1.0))
    assert wrong.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 1e5))


@pytest.mark.parametrize(
    "factors, says", [((4, 6), "divisor 2"), ((7,), "two or more"), ((0, 1), "above 0")]
)
def test_what_has_no_remainder_theorem_is_refused(factors, says):
    with pytest.raises(ValueError, match=says):
        Moduli(1.0, factors)
