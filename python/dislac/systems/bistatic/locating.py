# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions of a scenario's targets, out of what a receiver estimates."""

from dataclasses import replace

import numpy as np

from ...estimation import (
    Estimate,
)
from ...positioning import (
    BistaticLocator,
    Fix,
    FixStatus,
    Measurement,
    Reason,
    assign,
    locate_targets,
    target_measurements,
)
from ...scenario.kept import kept
from ...scenario.model import Scenario
from ...scenario.routes import below_horizon, snapshot_model
from ...scenario.timing import endpoints, fix_time, timing_deviation
from ...scenario.truth import bound
from .settings import settings_of

__all__ = ["fix_of", "fixes", "locate", "locator", "measured"]


@kept
def locator(scenario: Scenario) -> BistaticLocator:
    """Locator that turns arrival and residual delay into a position."""
    transmitter, receiver = endpoints(scenario)
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
        found = [Fix(frame, time, FixStatus.NO_SOLUTION, reason=Reason.BELOW_HORIZON)]
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
    none = next((fix for fix in made if not fix.valid), Fix(frame, time, FixStatus.NO_DETECTION))
    made = [fix for fix in made if fix.valid]
    made += [
        Fix(frame, time, none.status, target=name, links=(link,), reason=none.reason)
        for name in missed
    ]
    return [
        replace(fix, bound=bound(seen[fix.target], frame, nuisance=True))
        for fix in sorted(made, key=lambda fix: names.index(fix.target))
    ]


def locate(scenario: Scenario, estimate: Estimate, frame: int, limit: float | None = None) -> Fix:
    """The fix that an estimate of frame `frame` gives, error and bound beside it; the bound's
    deviation [m] may be given where it is known.

    Examples
    --------
    From the samples of a scene to a position.

    >>> from gnuradio.dislac.scenario import ECHO_ALONE, load_scenario
    >>> from gnuradio.dislac.simulation import received_frames
    >>> from gnuradio.dislac.systems.bistatic import estimator, locate
    >>> scene = load_scenario("paper", {**ECHO_ALONE, "channel.noise.snr_db": 20})
    >>> (frame,) = received_frames(scene, count=1)
    >>> fix = locate(scene, estimator(scene).estimate(frame), frame=0)
    >>> str(fix.status), f"bound {fix.bound:.2f} m", bool(fix.error < 4 * fix.bound)
    ('ok', 'bound 0.26 m', True)
    """
    time = fix_time(scenario, frame)
    if limit is None:
        limit = bound(scenario, frame)
    if below_horizon(scenario, frame):
        status, reason = FixStatus.NO_SOLUTION, Reason.BELOW_HORIZON
        return Fix(frame=frame, time=time, status=status, bound=limit, reason=reason)
    return locate_targets(
        locator(scenario),
        estimate,
        frame=frame,
        time=time,
        timing_deviation=timing_deviation(scenario),
        truth=None if scenario.target is None else scenario.target.motion.state(time)[0],
        bound=limit,
    )[0]


def measured(scenario: Scenario, estimate: Estimate, frame: int) -> list[Measurement]:
    """The measurements of targets that an estimate of frame `frame` gives; with link where there
    are several. None where the Earth hides a target."""
    targets: list[str | None] = [*scenario.nodes.targets] or [None]
    if any(below_horizon(scenario.at(target=name), frame) for name in targets):
        return []
    return target_measurements(
        estimate,
        len(targets),
        link=_names(scenario),
        frame=frame,
        time=fix_time(scenario, frame),
        timing_deviation=timing_deviation(scenario),
        model=snapshot_model(scenario),
    )


def fix_of(scenario: Scenario, measurement: Measurement) -> Fix:
    """The fix that a measurement over the scenario's link gives by itself, error and bound beside
    it: those of the nearest target where there are several.

    Raises
    ------
    ValueError
        it was measured over another link, or holds no arrival or delay.
    """
    link, frame = _names(scenario), measurement.frame
    if measurement.link and measurement.link != link:
        own = " > ".join(link) or "the only one"
        raise ValueError(f"a measurement over {' > '.join(measurement.link)}; the link is {own}")
    names = list(scenario.nodes.targets)
    if len(names) < 2:
        truth = None
        if scenario.target is not None:
            truth = scenario.target.motion.state(measurement.time)[0]
        limit = bound(scenario, frame)
        return locator(scenario).locate_measurement(measurement, truth=truth, bound=limit)
    fix, truths = locator(scenario).locate_measurement(measurement), {}
    for name in names:
        target = scenario.at(target=name).target
        assert target is not None
        truths[name] = target.motion.state(measurement.time)[0]
    (fix,) = assign([fix], truths, np.inf).fixes
    if not fix.target:
        return fix
    return replace(fix, bound=bound(scenario.at(target=fix.target), frame, nuisance=True))


def _names(scenario: Scenario) -> tuple[str, ...]:
    """Names of the ends of the link, none where it is the only one."""
    return () if len(scenario.links) == 1 else tuple(scenario.link[:2])
