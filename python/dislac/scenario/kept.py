# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are worked out of a scenario once, and kept with it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from .model import Scenario

__all__ = ["kept", "kept_for_link"]

P = ParamSpec("P")
T = TypeVar("T")

MOST = 4
"""Values of one function of a scenario that are kept, the last ones: it may depend on the frame,
and frames do not end."""

_NONE = object()


def kept(
    function: Callable[Concatenate[Scenario, P], T],
) -> Callable[Concatenate[Scenario, P], T]:
    """Keep what a function works out of a scenario and further hashable arguments, as long as that
    scenario lives."""
    return _kept(function, lambda scenario: scenario.kept)


def kept_for_link(
    function: Callable[Concatenate[Scenario, P], T],
) -> Callable[Concatenate[Scenario, P], T]:
    """Keep it likewise for all scenarios that differ in their targets, channels and what receivers
    look for alone: the function depends on none of those."""
    return _kept(function, lambda scenario: scenario.of_link)


def _kept(
    function: Callable[Concatenate[Scenario, P], T], place: Callable[[Scenario], dict[Any, Any]]
) -> Callable[Concatenate[Scenario, P], T]:
    @wraps(function)
    def call(scenario: Scenario, *args: P.args, **kwargs: P.kwargs) -> T:
        values: dict[Any, Any] = place(scenario).setdefault(function, {})
        arguments = args, tuple(kwargs.items())
        value: Any = values.get(arguments, _NONE)
        if value is _NONE:
            value = function(scenario, *args, **kwargs)
            # Other threads may do the same at this time.
            for old in list(values)[: len(values) + 1 - MOST]:
                values.pop(old, None)
            values[arguments] = value
        return value  # type: ignore[no-any-return]

    return call
