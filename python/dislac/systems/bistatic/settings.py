# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of bistatic localization, from the sections `estimator` and `locator` of a scenario."""

from dataclasses import dataclass

from ...estimation import DEFAULT_ESTIMATOR, GRID_POINTS
from ...geometry import Locus
from ...scenario.kept import kept
from ...scenario.model import Scenario

__all__ = ["Settings", "settings_of"]


@dataclass(frozen=True)
class Settings:
    """Settings of how paths are estimated and turned into positions.

    Parameters
    ----------
    kind
        name of the estimator.
    grid_points
        points an axis of grids.
    max_paths
        most paths that are looked for.
    false_alarm_rate
        fixes per frame of noise.
    delay_window, doppler_window
        where they are looked for [s], [Hz].
    below
        on which side of the receive array the target lies.
    known
        where the target is known to be.
    """

    kind: str
    grid_points: int
    max_paths: int
    false_alarm_rate: float
    delay_window: tuple[float, float]
    doppler_window: tuple[float, float]
    below: bool
    known: Locus


@kept
def settings_of(scenario: Scenario) -> Settings:
    """Return the settings of a scenario's link."""
    estimator, locator = scenario.section("estimator"), scenario.section("locator")
    return Settings(
        kind=estimator.get("kind", DEFAULT_ESTIMATOR),
        grid_points=estimator.get("grid_points", GRID_POINTS),
        max_paths=estimator.get("max_paths", 1),
        false_alarm_rate=estimator.get("false_alarm_rate", 0.01),
        delay_window=scenario.windows.delay,
        doppler_window=scenario.windows.doppler,
        below=locator.get("side", "below") == "below",
        known=scenario.known,
    )
