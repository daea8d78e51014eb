# SPDX-License-Identifier: GPL-3.0-or-later
"""A share of the wrong options that `python -m tests.fuzz.options` runs whole."""

from itertools import islice

import numpy as np
import pytest
from gnuradio.dislac.estimation import detection

from tests.fuzz.options import GOOD, cases, dislac, fault, prepare, run
from tests.fuzz.scenarios import FEW_FRAMES, warm

COUNT = 25
QUICK = "run", "transmit", "replay", "bound", "waveform", "calibrate", "export", "keys"


def test_every_command_is_tried():
    assert set(dislac.commands) == set(GOOD)


@pytest.mark.gnuradio
def test_wrong_values_are_refused_with_their_option_or_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "CALIBRATION_FRAMES", FEW_FRAMES)
    warm()
    prepare(tmp_path)
    found = []
    for number, case in enumerate(islice(cases(np.random.default_rng(1), QUICK), COUNT)):
        outcome = run(case, tmp_path, patience=60)
        if word := fault(case, outcome):
            found.append((number, word, case.arguments, outcome.output[-300:]))
    assert not found


BAD = ["nan", "inf", "-inf", "1e300", "x", ""]
MAY_BE_NEGATIVE = "--snr-db", "--noise-db", "--lo-offset", "--gain"
NUMBERS = [
    *("run --snr-db", "run --seed", "run --frames", "run --lo-offset", "run --start-time"),
    *("run --gain", "run --channels", "run --patience", "transmit --peak", "replay --speed"),
    *("waveform --carrier-frequency", "waveform --subcarrier-spacing", "waveform --symbol-us"),
    *("waveform --prefix-us", "waveform --radius", "waveform --beam-radius"),
    *("waveform --max-zenith-deg", "waveform --symbols", "waveform --subcarriers"),
    *("calibrate --frames", "relay --rate", "relay --carrier-down", "relay --noise-db"),
    *("monitor --idle", "monitor --count", "satellite --frames"),
]


@pytest.mark.parametrize("words", NUMBERS)
def test_what_is_no_finite_number_is_refused_by_name(words, capsys):
    command, option = words.split()
    for value in [*BAD, "-1" if option not in MAY_BE_NEGATIVE else "-1e13"]:
        with pytest.raises(SystemExit) as end:
            dislac([command, *GOOD[command], f"{option}={value}"], prog_name="dislac")
        error = capsys.readouterr().err
        assert end.value.code == 2 and f"'{option}'" in error and error.count("\n") == 1, value
