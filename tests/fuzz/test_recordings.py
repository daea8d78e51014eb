# SPDX-License-Identifier: GPL-3.0-or-later
"""Some damaged recordings: no crash, hang, swollen memory or wrong fix."""

import pytest

from tests.fuzz import harness, recordings

pytestmark = pytest.mark.gnuradio


@pytest.mark.parametrize("options", [["--count", "40", "--open"], ["--count", "4"]])
def test_damaged_recordings(options, capfd):
    status = recordings.main(["--seed", "20", *options])
    assert status == 0, capfd.readouterr().out


@pytest.mark.parametrize("number", [0, 2**31])
def test_a_satellite_that_is_gone_by_the_first_frame_is_warned_of(number, tmp_path):
    """The frames stay the same, and another number would have them days later."""
    for name in "sound", "damaged":
        (tmp_path / name).mkdir()
    recording = recordings.sound(tmp_path / "sound")
    recording.capture["dislac:first_frame"] = number
    recording.write(tmp_path / "damaged")
    arguments = ["replay", "rec", "--json"]
    outcome = harness.run_command(arguments, folder=tmp_path / "damaged", longest=120)
    assert outcome.status == 0 and outcome.output.count('"status": "ok"') == recordings.FRAMES
    assert ("straight on when frame 2147483648 comes" in outcome.output) == (number > 0)
    assert (recordings.wrong_fix(outcome.output) is None) == (number == 0)
