# SPDX-License-Identifier: GPL-3.0-or-later
"""Statuses and reasons of fixes, those of files made before there were reasons among them."""

import numpy as np
import pytest
from gnuradio.dislac.io.fixes import fix_from_dict, fix_to_dict
from gnuradio.dislac.positioning import Fix, FixStatus, Reason, status_of

WITH_POSITION = {"ok", "alarm", "not_monitored", "ill_conditioned"}
BEFORE = [
    "invalid",
    "no_positive_root",
    "behind",
    "near_baseline",
    "ill_conditioned",
    "underdetermined",
    "contradictory",
    "below_horizon",
]
"""Statuses without a position that are reasons now."""


@pytest.mark.parametrize("status", FixStatus)
def test_a_status_says_if_there_is_a_position(status):
    assert status.located == (str(status) in WITH_POSITION)
    if status.located:
        with pytest.raises(ValueError, match=f"of status {status} has a position"):
            Fix(3, 0.5, status)
        assert Fix(3, 0.5, status, np.zeros(3)).valid
    else:
        assert not Fix(3, 0.5, status).valid


def test_a_reason_belongs_to_no_solution():
    fix = Fix(3, 0.5, FixStatus.NO_SOLUTION, reason=Reason.BEHIND)
    assert (fix.outcome, Fix(3, 0.5, FixStatus.AMBIGUOUS).outcome) == ("behind", "ambiguous")
    with pytest.raises(ValueError, match="'behind', which belongs to no_solution"):
        Fix(3, 0.5, FixStatus.AMBIGUOUS, reason=Reason.BEHIND)


@pytest.mark.parametrize("name", BEFORE)
def test_what_was_a_status_is_read_as_a_reason(name):
    assert status_of(name, located=False) == (FixStatus.NO_SOLUTION, Reason(name))
    now = fix_to_dict(Fix(3, 0.5, FixStatus.NO_SOLUTION, reason=Reason(name)))
    assert (now["status"], now["reason"]) == ("no_solution", name)
    old = {key: value for key, value in now.items() if key != "reason"} | {"status": name}
    for each in (now, old):
        assert fix_to_dict(fix_from_dict(each)) == now


def test_an_ill_conditioned_fix_with_a_position_is_a_warning():
    fix = Fix(3, 0.5, FixStatus.ILL_CONDITIONED, np.ones(3))
    again = fix_from_dict(fix_to_dict(fix))
    assert again.status is FixStatus.ILL_CONDITIONED and again.valid and not again.reason


@pytest.mark.parametrize(
    "values", [("lost", ""), ("no_solution", "lost"), ("behind", "behind"), ("ok", "lost")]
)
def test_other_words_are_refused(values):
    with pytest.raises(ValueError, match="is not a valid"):
        status_of(*values, located=False)
