# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of the blocks' descriptions that GNU Radio Companion evaluates while one types.

Companion removes ports, and every connection to them, as soon as the expression for their number
fails, and gives none back. So numbers of ports here outlive a scenario that does not load, whose
error is shown all the same. (Companion imports what a block names as its imports after it has counted
the ports of a new block, so those expressions import this module themselves.)
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..scenario import Scenario, ScenarioError, joined_overrides, load_scenario

__all__ = ["load", "ports", "shown"]

_loaded: dict[str, Scenario] = {}
"""By the ID of a Scenario block: what it showed last."""
_stand_ins: dict[tuple[str, str], Scenario] = {}
"""By ID and parameters that do not load: what is shown instead, also when another flowgraph with a
block of that ID has been looked at meanwhile."""
_most: dict[tuple[str, str], int] = {}
"""By the ID of a block and a side: the most streams that it has had."""

USUAL = 8
"""Streams of a block whose number has never been known."""


def load(
    source: str,
    snr_db: float | None = None,
    seed: int | None = None,
    estimator: str | None = None,
    every: int | None = None,
    frame_period: int | None = None,
    overrides: Any = None,
) -> Scenario:
    """The scenario that a Scenario block stands for, from its parameters.

    Raises
    ------
    ScenarioError
        It does not load, a value is out of range, or other overrides are no dictionary or about the
        same key as another parameter.
    """
    if not isinstance(overrides, Mapping):
        raise ScenarioError(
            "Other overrides: a dictionary of dotted keys is wanted, such as {'beams.chains': 2}"
        )
    named = {
        "channel.noise.snr_db": ("SNR", snr_db),
        "seed": ("Seed", seed),
        "estimator.kind": ("Estimator", estimator),
        "estimator.every": ("Use one frame in", every),
        "numerology.frame_period": ("Frame period", frame_period),
    }
    return load_scenario(source, joined_overrides(named, overrides, "Other overrides"))


def shown(block: str, known: Scenario | None, **parameters: Any) -> Scenario:
    """The value of a Scenario block while a flowgraph is edited.

    Companion evaluates it twice: first to have something that other blocks can follow from, which
    is what the block showed last if its parameters do not load, and then to find errors.

    Parameters
    ----------
    block
        The block's ID.
    known
        What the first evaluation has given, None at the first.
    **parameters
        Those of `load`.

    Raises
    ------
    ScenarioError
        As `load`, at the second evaluation.
    """
    try:
        scenario = load(**parameters)
    except Exception:  # whatever it is: it comes again at the second evaluation, which shows it
        if known is not None:
            raise
        key = block, repr(parameters)
        if key not in _stand_ins:
            _stand_ins[key] = _loaded.get(block) or _first(parameters)
        scenario = _stand_ins[key]
    _loaded[block] = scenario
    return scenario


def _first(parameters: Mapping[str, Any]) -> Scenario:
    """A scenario with as many chains as can be found out where none has loaded yet."""
    overrides = parameters["overrides"] if isinstance(parameters["overrides"], Mapping) else {}
    chains = {key: value for key, value in overrides.items() if key == "beams.chains"}
    for source, given in ((parameters["source"], chains), ("paper", chains)):
        try:
            return load_scenario(source, given)
        except ScenarioError:
            continue
    return load_scenario("paper", {"beams.chains": USUAL})


def ports(block: str, side: str, count: Callable[[], int]) -> int:
    """Number of streams of a block while a flowgraph is edited.

    Parameters
    ----------
    block
        The block's ID.
    side
        Which of its ports.
    count
        Works the number out from the block's parameters.

    Returns
    -------
    int
        That number; where the parameters do not evaluate, such as when the Scenario block has
        got another ID, the most that there have been.
    """
    key = block, side
    try:
        number = count()
    except Exception:  # parameters that do not evaluate are None; Companion shows why
        return _most.get(key, USUAL)
    _most[key] = max(number, _most.get(key, 0))
    return number
