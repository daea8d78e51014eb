# SPDX-License-Identifier: GPL-3.0-or-later
"""Some damaged recordings: no crash, hang, swollen memory or wrong fix."""

import pytest

from tests.fuzz import recordings


@pytest.mark.parametrize("options", [["--count", "40", "--open"], ["--count", "4"]])
def test_damaged_recordings(options, capfd):
    status = recordings.main(["--seed", "20", *options])
    assert status == 0, capfd.readouterr().out
