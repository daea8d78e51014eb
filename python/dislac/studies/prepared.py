# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios and estimators that a process makes once for all its trials."""

from functools import lru_cache

from ..estimation import Estimator
from ..scenario import Scenario, parse_scenario
from ..systems.bistatic import estimator

__all__ = ["prepared"]


@lru_cache(16)
def prepared(text: str) -> tuple[Scenario, Estimator]:
    """Return a scenario and its estimator.

    Parameters
    ----------
    text
        Of the scenario, overrides included: workers on other hosts have no files of this one.
    """
    scenario = parse_scenario(text)
    return scenario, estimator(scenario)
