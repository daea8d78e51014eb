# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of estimators against all places that offer them."""

from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from gnuradio.dislac.commands import run as commands
from gnuradio.dislac.estimation import DEFAULT_ESTIMATOR, ESTIMATORS, make_estimator
from gnuradio.dislac.scenario import load_scenario
from gnuradio.dislac.systems.bistatic import settings_of

ROOT = Path(__file__).parents[2]
NAMES = list(ESTIMATORS)


def test_the_schema_offers_the_table():
    schema = yaml.safe_load((files("gnuradio.dislac.scenario") / "schema.yml").read_text())
    kind = schema["properties"]["estimator"]["properties"]["kind"]
    assert kind["enum"] == NAMES
    for name, entry in ESTIMATORS.items():
        assert f"{name}" in kind["description"] and entry.description in kind["description"]
    assert f"{DEFAULT_ESTIMATOR} (default)" in kind["description"]
    assert settings_of(load_scenario("paper", {"estimator": {}})).kind == DEFAULT_ESTIMATOR


def test_help_offers_the_table():
    help_text = CliRunner().invoke(commands.run, ["--help"]).output
    (line,) = [line for line in help_text.splitlines() if "--estimator NAME" in line]
    assert line.split("NAME")[1].strip(" .").split(" or ") == NAMES


def test_companion_offers_the_table():
    """In every block with a parameter of that name."""
    found = 0
    for path in (ROOT / "grc").glob("*.block.yml"):
        for parameter in yaml.safe_load(path.read_text(encoding="utf-8"))["parameters"]:
            if parameter["id"] == "estimator":
                found += 1
                assert parameter["options"] == ["None", *(f'"{name}"' for name in NAMES)]
                titles = [entry.title for entry in ESTIMATORS.values()]
                assert parameter["option_labels"] == ["As the scenario says", *titles]
    assert found >= 2


def test_the_guide_describes_the_table():
    text = (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith("| `estimator.kind` |")]
    for name, entry in ESTIMATORS.items():
        assert f"`{name}`: {entry.description}." in row
    assert row.split("|")[3].strip() == f"`{DEFAULT_ESTIMATOR}`"


@pytest.mark.parametrize("kind", NAMES)
def test_properties_are_those_of_the_estimator(kind, make_model, monkeypatch):
    monkeypatch.setattr("gnuradio.dislac.estimation.detection.CALIBRATION_FRAMES", 20)
    entry, model = ESTIMATORS[kind], make_model(symbols=2, chains=2, coupling="physical")
    if entry.needs_departure:
        with pytest.raises(ValueError, match="reference_departure"):
            make_estimator(kind, model, max_paths=1)
    else:
        make_estimator(kind, model, max_paths=1)
    settings = {"max_paths": 1, "grid_points": 1, "reference_departure": (0.0, 0.0)}
    if entry.on_grid:
        with pytest.raises(ValueError, match="grid_points"):
            make_estimator(kind, model, **settings)
    else:
        make_estimator(kind, model, **settings)
