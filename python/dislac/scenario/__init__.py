# SPDX-License-Identifier: GPL-3.0-or-later
"""One YAML file that says it all: from a scenario to the objects of the other rooms."""

from .loader import joined_overrides, preset_names
from .model import Scenario
from .parsing import load_scenario, parse_scenario
from .text import ScenarioError

__all__ = [
    "ECHO_ALONE",
    "Scenario",
    "ScenarioError",
    "joined_overrides",
    "load_scenario",
    "parse_scenario",
    "preset_names",
]

ECHO_ALONE = {"channel.paths": [{"kind": "echo"}], "synchronization.removal": "none"}
"""Overrides: the echo and nothing else, as if the direct path had been cancelled perfectly."""
