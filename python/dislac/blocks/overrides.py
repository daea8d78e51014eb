# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of a block that stand in for what its scenario says."""

from collections.abc import Mapping
from typing import Any

from ..scenario import Scenario, parse_scenario

__all__ = ["at_snr", "overridden"]


def overridden(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """The scenario with dotted keys set to those of the values that are not None.

    Raises:
        ScenarioError: a value is out of range.
    """
    chosen = {key: value for key, value in values.items() if value is not None}
    return parse_scenario(scenario.text, scenario.name, chosen) if chosen else scenario


def at_snr(scenario: Scenario, snr_db: float | None) -> Scenario:
    """The scenario with another signal to noise ratio [dB], its noise drawn as before; None: as it
    is.

    Raises:
        ScenarioError: the ratio is out of range.
    """
    noise = {"snr_db": snr_db, "pool": scenario.channel.noise_pool}
    return overridden(scenario, {"channel.noise": None if snr_db is None else noise})
