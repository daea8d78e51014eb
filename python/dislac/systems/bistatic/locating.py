# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions of a scenario's targets, out of what a receiver estimates."""

from dataclasses import replace

import numpy as np

from ...estimation import (
    Estimate,
)
from ...positioning import BistaticLocator, Fix, FixStatus, assign, locate_targets
from ...scenario.kept import kept
from ...scenario.model import Scenario
from ...scenario.routes import below_horizon
from ...scenario.timing import ends, fix_time, timing_deviation
from ...scenario.truth import bound
from .settings import settings_of

__all__ = ["fixes", "locate", "locator"]


@kept
def locator(scenario: Scenario) -> BistaticLocator:
    """Locator that turns arrival and residual delay into a position."""
    transmitter, receiver = ends(scenario)
    settings = settings_of(scenario)
    return BistaticLocator(
        transmitter=transmitter,
        receiver=receiver,
        receive_array=scenario.receiver.array,
        speed=scenario.propagation_speed,
        below=settings.below,
        known=settings.known,
    )


def fixes(scenario: Scenario, estimate: Estimate, frame: int) -> list[Fix]:
    """The fixes that an estimate of frame `frame` gives: one for each target.

    Which is whose is known where the truth is: there each is the nearest target's, for evaluation,
    and a target without a fix has one without a position. Their bounds count all paths as unknown.
    """
    names, link = list(scenario.nodes.targets), (scenario.link.transmitter, scenario.link.receiver)
    if len(names) < 2:
        fix = locate(scenario, estimate, frame)
        return [fix] if len(scenario.links) == 1 else [replace(fix, links=(link,))]
    time = fix_time(scenario, frame)
    seen = {name: scenario.at(target=name) for name in names}
    truths = {}
    for name, each in seen.items():
        assert each.target is not None
        truths[name] = each.target.motion.state(time)[0]
    if any(below_horizon(each, frame) for each in seen.values()):
        found = [Fix(frame, time, FixStatus.BELOW_HORIZON)]
    else:
        deviation = timing_deviation(scenario)
        found = locate_targets(
            locator(scenario),
            estimate,
            len(names),
            link=link,
            frame=frame,
            time=time,
            timing_deviation=deviation,
        )
    made, missed = assign(found, truths, np.inf)
    status = next((fix.status for fix in made if not fix.valid), FixStatus.NO_DETECTION)
    made = [fix for fix in made if fix.valid]
    made += [Fix(frame, time, status, target=name, links=(link,)) for name in missed]
    return [
        replace(fix, bound=bound(seen[fix.target], frame, nuisance=True))
        for fix in sorted(made, key=lambda fix: names.index(fix.target))
    ]


def locate(scenario: Scenario, estimate: Estimate, frame: int, limit: float | None = None) -> Fix:
    """The fix that an estimate of frame `frame` gives, error and bound beside it; the bound's
    deviation [m] may be given where it is known."""
    time = fix_time(scenario, frame)
    if limit is None:
        limit = bound(scenario, frame)
    if below_horizon(scenario, frame):
        return Fix(frame=frame, time=time, status=FixStatus.BELOW_HORIZON, bound=limit)
    return locate_targets(
        locator(scenario),
        estimate,
        frame=frame,
        time=time,
        timing_deviation=timing_deviation(scenario),
        truth=None if scenario.target is None else scenario.target.motion.state(time)[0],
        bound=limit,
    )[0]
