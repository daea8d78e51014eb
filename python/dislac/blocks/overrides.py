# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of a block that stand in for what its scenario says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from ..scenario import Scenario

__all__ = ["LiveSettings", "at_snr", "overridden"]


def overridden(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """The scenario with dotted keys set to those of the values that are not None.

    Raises
    ------
    ScenarioError
        a value is out of range.
    """
    chosen = {key: value for key, value in values.items() if value is not None}
    return scenario.with_(chosen)


def at_snr(scenario: Scenario, snr_db: float | None) -> Scenario:
    """The scenario with another `channel.noise.snr_db` [dB]; None: as it is.

    Raises
    ------
    ScenarioError
        the ratio is out of range.
    """
    return overridden(scenario, {"channel.noise.snr_db": snr_db})


class LiveSettings:
    """A block's parameters that stand in for what its scenario says, and may change at any time.

    Parameters
    ----------
    scenario
        the one that the block was given.
    values
        by dotted keys; None: as the scenario says.

    Raises
    ------
    ScenarioError
        a value is out of range.
    """

    def __init__(self, scenario: Scenario, values: Mapping[str, Any]) -> None:
        self._given, self._values = scenario, dict(values)
        self._lock = Lock()
        self.scenario = overridden(scenario, values)

    @contextmanager
    def changed(self, key: str, value: Any) -> Iterator[Scenario]:
        """The scenario with another value, which counts once the block has taken it.

        One change follows another, whatever threads they come from.

        Raises
        ------
        ScenarioError
            the value is out of range; nothing has changed then.
        """
        with self._lock:
            values = {**self._values, key: value}
            scenario = overridden(self._given, values)
            yield scenario
            self._values, self.scenario = values, scenario
