# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of what is made of a scenario, about its keys."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from .model import Scenario
from .text import ScenarioError

__all__ = ["about"]

_T = TypeVar("_T")


def about(key: str) -> Callable[[Callable[[Scenario], _T]], Callable[[Scenario], _T]]:
    """Make errors of what is made of a scenario name a key, and where it stands."""

    def decorate(make: Callable[[Scenario], _T]) -> Callable[[Scenario], _T]:
        @wraps(make)
        def call(scenario: Scenario) -> _T:
            try:
                return make(scenario)
            except ScenarioError:
                raise
            except (ValueError, ArithmeticError) as error:
                raise scenario.document.error(key, str(error)) from error

        return call

    return decorate
