# SPDX-License-Identifier: GPL-3.0-or-later
"""A share of the wrong scenarios that `python -m tests.fuzz.scenarios` runs whole."""

from itertools import islice

import numpy as np
import pytest
import yaml
from gnuradio.dislac.estimation import detection
from gnuradio.dislac.scenario.loader import parse_document

from tests.fuzz.scenarios import BASES, FEW_FRAMES, SCHEMA, base, cases, fault, keys, run, warm

COUNT = 20


def schema_keys(schema):
    """Names of all keys that a schema knows."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            if isinstance(value, dict):
                yield name
        for value in schema.values():
            yield from schema_keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from schema_keys(value)


def test_every_key_of_a_scenario_is_tried():
    schema = yaml.safe_load(SCHEMA.read_text())
    tried = {key[-1] for name in BASES for key in keys(base(name))}
    assert set(schema_keys(schema)) <= tried
    for name in BASES:
        assert parse_document(yaml.safe_dump(base(name)))


@pytest.mark.gnuradio
def test_wrong_values_are_refused_with_their_key_or_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "CALIBRATION_FRAMES", FEW_FRAMES)
    warm()
    found = []
    for number, case in enumerate(islice(cases(np.random.default_rng(5)), COUNT)):
        outcome = run(case, tmp_path, patience=60)
        if word := fault(case, outcome):
            found.append((number, word, case.name, outcome.output[-300:]))
    assert not found
