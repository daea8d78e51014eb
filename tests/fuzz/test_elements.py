# SPDX-License-Identifier: GPL-3.0-or-later
"""A share of the damaged and hostile files of elements."""

from itertools import islice

import numpy as np
import pytest

pytest.importorskip("sgp4")

from .elements import cases, fault_of

SOME = list(islice(cases(np.random.default_rng(1)), 24))


@pytest.mark.parametrize("case", SOME, ids=lambda case: case.kind)
def test_no_file_of_elements_harms(case):
    assert fault_of(case) is None
