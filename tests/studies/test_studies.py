# SPDX-License-Identifier: GPL-3.0-or-later
"""Every study at a few trials: its question, its options, its tables, and some of its numbers."""

import ast
import csv
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from gnuradio.dislac.estimation.ambiguity import fold_probability, range_moduli
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.scenario.truth import bound
from gnuradio.dislac.studies import STUDIES
from gnuradio.dislac.studies.runner import run

FOLDER = Path(__file__).parents[2] / "python" / "dislac" / "studies"


def module(name):
    return import_module(f"gnuradio.dislac.studies.{name}")


def read(path):
    """Rows of a table as dicts of text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def ask(tmp_path):
    """Runs a study in this process; gives the rows of its table, and what is printed."""

    def answer(name, *options, table=""):
        options = [*map(str, options), "--workers", "0", "--out", str(tmp_path)]
        result = CliRunner().invoke(module(name).main, options, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / f"{name}.jsonl").read_text().count("\n") > 1
        return read(tmp_path / f"{name}{table}.csv"), result.output

    return answer


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_asked_as_it_is_listed(name):
    assert module(name).__doc__.splitlines()[0] == STUDIES[name]
    assert module(name).main.name == name


@pytest.mark.parametrize("name", STUDIES)
def test_options_say_what_they_take_and_what_they_are_for(name):
    command = module(name).main
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert {"workers", "scheduler", "out", "resume"} <= {option.name for option in options}
    for option in options:
        assert option.help and option.help.endswith((".", "]", ").")), option.name
        assert option.is_flag or option.metavar, option.name


def test_studies_import_no_studies():
    for name in STUDIES:
        tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not found & set(STUDIES), name
    assert {path.stem for path in FOLDER.glob("*.py")} >= set(STUDIES)


def test_accuracy_follows_the_bound(ask):
    rows, printed = ask("accuracy", "--trials", 30, "--snr-db", 0, "--snr-db", 20, "--seed", 3)
    assert [row["SNR [dB]"] for row in rows] == ["0.0", "20.0"]
    for row in rows:
        assert float(row["from [m]"]) < float(row["rmse [m]"]) < float(row["to [m]"])
        # of 30 targets an rms is known to about a tenth, and more where bounds differ
        assert float(row["rmse [m]"]) == pytest.approx(float(row["bound [m]"]), rel=0.5)
        assert float(row["no fix [%]"]) == 0
    # the same targets would have it tenfold; other targets, other seeds
    ratio = float(rows[0]["bound [m]"]) / float(rows[1]["bound [m]"])
    assert 6 < ratio < 16
    assert "bootstrap" in printed


def test_accuracy_is_the_scenarios(ask):
    """Its estimator, its symbols, its scatterers; a frame below all thresholds has no fix."""
    rows, _ = ask(
        "accuracy", "--trials", 4, "--snr-db", -60, "--symbols", 2, "--estimator", "mmv-bomp"
    )
    assert rows[0]["rmse [m]"] == "" and float(rows[0]["no fix [%]"]) == 100
    assert float(rows[0]["from [%]"]) < 60 < float(rows[0]["to [%]"])


@pytest.mark.usefixtures("roughly_calibrated")
def test_accuracy_with_scatterers(ask):
    rows, _ = ask("accuracy", "--trials", 3, "--snr-db", 25, "--scatterers", 1)
    assert 0 <= float(rows[0]["no fix [%]"]) <= 100


def test_ambiguity_agrees_with_theory(ask):
    rows, printed = ask("ambiguity", "--trials", 4)
    assert len(rows) == 25
    for row in rows:
        # 4000 values: all ends lie within 4 standard deviations, not all within two
        share = float(row["theory [%]"]) / 100
        tolerance = 4 * np.sqrt(share * (1 - share) / 4000) + 1e-3
        assert float(row["right [%]"]) / 100 == pytest.approx(share, abs=tolerance)
    some = rows[15]
    assert some["spacings [kHz]"] == "range 60 / 61.5" and some["deviation"] == "100.0"
    expected = fold_probability(range_moduli(1500.0, (40, 41)).unit, 100.0)
    assert float(some["theory [%]"]) == pytest.approx(100 * float(expected))
    assert "0.2" in printed and "60 / 73.5" in printed


def test_ambiguity_with_power(ask):
    rows, _ = ask("ambiguity", "--trials", 3, table=".with-power")
    assert [float(row["with power [%]"]) > float(row["right [%]"]) + 3 for row in rows] == [
        True
    ] * 2


def test_calibration_takes_errors_off(ask, tmp_path):
    rows, _ = ask("calibration", "--trials", 1, "--frames", 60, "--snr-db", 10)
    by_kind = {}
    for row in rows:
        by_kind.setdefault(row["chains"], []).append(row)
    assert {kind: len(found) for kind, found in by_kind.items()} == {
        "perfect": 1,
        "not calibrated": 1,
        "calibrated": 1,
        "phase": 6,
        "delay": 7,
    }
    (perfect,), (without,), (calibrated,) = (
        by_kind[kind] for kind in ("perfect", "not calibrated", "calibrated")
    )
    assert float(without["no fix [%]"]) > 80
    assert float(calibrated["rmse [m]"]) == pytest.approx(float(perfect["rmse [m]"]), rel=0.4)
    # small errors change little, as targets and noise are the same
    assert float(by_kind["phase"][0]["rmse [m]"]) == pytest.approx(
        float(perfect["rmse [m]"]), rel=0.1
    )
    assert float(by_kind["delay"][-1]["rmse [m]"]) > 2 * float(perfect["rmse [m]"])
    (left,) = read(tmp_path / "calibration.left-by-calibrations.csv")
    # 0.013 degrees and 0.039 ns of 2000 frames, by the root of 2000 / 60; of seven chains
    assert float(left["phase rms [deg]"]) == pytest.approx(0.013 * 5.8, rel=0.9)
    assert float(left["delay rms [ns]"]) == pytest.approx(0.039 * 5.8, rel=0.9)
    assert float(left["largest [ns]"]) >= float(left["delay rms [ns]"])


def test_cold_start_locks(ask):
    rows, _ = ask("cold_start", "--trials", 1, "--frames", 8, "--direct-db", 30)
    assert rows[0]["direct [dB]"] == "30.0"
    assert float(rows[0]["lock [%]"]) == 100 and int(rows[0]["most frames"]) <= 4
    assert float(rows[0]["timing [ns]"]) < 5 and float(rows[0]["carrier [Hz]"]) < 100
    assert float(rows[0]["rmse [m]"]) < 5 * float(rows[0]["bound [m]"])
    assert rows[0]["from [m]"] == ""  # of one trial


def test_endurance_accounts_for_all_frames(ask):
    options = "--trials", 1, "--seconds", 2
    rows, printed = ask("endurance", *options, table=".frames")
    assert int(rows[0]["together"]) == int(rows[0]["of"]) > 1900
    assert int(rows[0]["astray"]) == 0
    assert "memory grew by" in printed
    events, _ = ask("endurance", *options, "--resume")
    assert events[0]["event"] == "start"
    assert "memory" not in "".join(events[0])


def test_false_alarms_are_counted_by_rate(ask):
    rows, _ = ask("false_alarms", "--trials", 60, "paper")
    assert [float(row["rate [%]"]) for row in rows] == [10, 1, 0.1]
    counts = [int(row["alarms"]) for row in rows]
    # the mean is 6
    assert 0 < counts[0] < 18 and counts == sorted(counts, reverse=True)
    assert float(rows[0]["from"]) < 10 < float(rows[0]["to"])


def test_fidelity_of_the_chain(ask):
    rows, _ = ask("fidelity", "--symbols", 4)
    assert [row["coupling"] for row in rows] == ["paired", "paired", "physical", "physical"]
    assert {row["symbols"] for row in rows} == {"4"}
    assert all(float(row["EVM [dB]"]) < -50 for row in rows)


def test_rate_and_position_trade(ask):
    rows, _ = ask("rate_and_position", "--comb", 4, "--share", 0.25, "--share", 0.75)
    little, much = rows
    assert (little["comb"], little["power of pilots"]) == ("4", "0.25")
    assert float(little["rate [bit/s/Hz]"]) > float(much["rate [bit/s/Hz]"])
    ratio = float(little["pilots alone [m]"]) / float(much["pilots alone [m]"])
    assert ratio == pytest.approx(np.sqrt(3), rel=0.01)
    # All of the frame's power is known.
    whole = bound(load_scenario("paper"), 0)
    assert float(much["data-aided [m]"]) == pytest.approx(whole, rel=0.05)


def test_a_study_without_chance_has_no_trials():
    result = CliRunner().invoke(module("fidelity").main, ["--trials", "3"])
    assert result.exit_code == 2 and "--trials" in result.output


@pytest.mark.parametrize("name", ["waveforms", "delay_doppler"])
def test_studies_with_workers(name):
    """One trial of a shipped study in another process, where its module is imported again."""
    study = {"waveforms": "waveforms", "delay_doppler": "delay_doppler_study"}[name]
    made = getattr(module(name), study)()
    assert run(made, trials=1, workers=1) == run(made, trials=1, workers=0)
