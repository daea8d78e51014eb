# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics of fixes without end."""

import numpy as np
import pytest
from gnuradio.dislac.positioning import Fix, FixStatistics, FixStatus, Thinned


@pytest.mark.parametrize("most", [2, 10, 64])
def test_what_is_kept_is_evenly_spaced_and_bounded(most):
    thinned = Thinned(most)
    for count in range(1, 20 * most):
        thinned.append(count - 1)
        assert thinned.items == list(range(0, count, thinned.every))
        assert len(thinned.items) <= most
        assert thinned.every == 1 or len(thinned.items) > most // 2


def a_fix(frame, error):
    return Fix(frame, frame * 1e-3, FixStatus.OK, np.zeros(3), error=error, bound=2 * error)


def test_sums_are_those_of_all_fixes():
    rng = np.random.default_rng(7)
    errors = rng.exponential(size=1001)
    fixes = []
    for frame, error in enumerate(errors):
        fixes += [a_fix(2 * frame, error), Fix(2 * frame + 1, 0.0, FixStatus.NO_DETECTION)]
    statistics = FixStatistics(fixes, most=100)
    assert (statistics.frames, statistics.valid) == (2002, 1001)
    assert statistics.last is fixes[-1] and statistics.last_valid is fixes[-2]
    assert [fix.frame for fix in statistics.kept.items] == list(range(0, 2002, 32))
    assert statistics.rms_error == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-12)
    assert statistics.rms_bound == pytest.approx(2 * statistics.rms_error, rel=1e-12)
    assert statistics.median_error == np.median(errors)


def test_the_median_of_very_many_is_that_of_evenly_spaced_ones():
    fix = a_fix(0, 1.0)
    statistics = FixStatistics()
    for error in np.random.default_rng(8).permutation(np.linspace(0.0, 2.0, 1 << 16)):
        object.__setattr__(fix, "error", error)
        statistics.add(fix)
    assert len(statistics._errors.items) == 1 << 15
    # Deviation of the median of 32,768 of twice as many: 2 / sqrt(4 x 32768 x 2) = 0.004
    assert statistics.median_error == pytest.approx(1.0, abs=0.02)


def test_nothing_known_is_nan():
    for fixes in [[], [Fix(0, 0.0, FixStatus.NO_DETECTION)], [a_fix(0, np.nan), a_fix(1, np.inf)]]:
        statistics = FixStatistics(fixes)
        numbers = statistics.rms_error, statistics.median_error, statistics.rms_bound
        assert np.isnan(numbers).all()
