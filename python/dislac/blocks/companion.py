# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of the blocks' descriptions that GNU Radio Companion evaluates while one types.

Companion removes ports, and every connection to them, as soon as the expression for their number
fails, and gives none back. So numbers of ports here outlive a scenario that does not load, whose
error is shown all the same. (Of a new block Companion counts the ports before it runs the block's
imports, so those expressions import this module themselves.)
"""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from ..scenario import Scenario, ScenarioError, joined_overrides, load_scenario

__all__ = ["load", "ports", "shown"]

Namespace = dict[str, Any]
"""Values of a block's parameters, by which Companion evaluates expressions: one for each block."""

_MOST_BLOCKS = 5000
_blocks: dict[int, tuple[Namespace, dict[str, Any]]] = {}
"""By identity of a block's namespace: that, so that no other takes its place, and what has been
shown of the block."""
_stand_ins: dict[tuple[str, str], Scenario] = {}
"""By ID and parameters that do not load: what was shown instead, for a block that Companion makes
once more, as when a change is undone."""

USUAL = 8
"""Streams of a block whose number has never been known."""


def _memory(namespace: Namespace) -> dict[str, Any]:
    """Return what has been shown of a block."""
    while len(_blocks) >= _MOST_BLOCKS:
        del _blocks[next(iter(_blocks))]
    return _blocks.setdefault(id(namespace), (namespace, {}))[1]


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


def shown(known: Scenario | None, namespace: Namespace) -> Scenario:
    """The value of a Scenario block while a flowgraph is edited.

    Companion evaluates it twice: first to have something that other blocks can follow from, which
    is what the block showed last if its parameters do not load, and then to find errors.

    Parameters
    ----------
    known
        What the first evaluation has given, None at the first.
    namespace
        The block's, with its ID and the parameters of `load`.

    Raises
    ------
    ScenarioError
        As `load`, at the second evaluation.
    """
    parameters = {name: namespace[name] for name in signature(load).parameters}
    # Companion evaluates no option of a list.
    kind = parameters["estimator"]
    parameters["estimator"] = None if kind == "None" else kind.strip('"')
    memory = _memory(namespace)
    try:
        scenario = load(**parameters)
    except Exception:  # whatever it is: it comes again at the second evaluation, which shows it
        if known is not None:
            raise
        key = namespace["id"], repr(parameters)
        scenario = memory.get("value") or _stand_ins.get(key) or _first(parameters)
        _stand_ins[key] = scenario
    memory["value"] = scenario
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


def ports(namespace: Namespace, side: str, count: Callable[[], int]) -> int:
    """Number of streams of a block while a flowgraph is edited.

    Parameters
    ----------
    namespace
        The block's.
    side
        Which of its ports.
    count
        Works the number out from the block's parameters.

    Returns
    -------
    int
        That number; where the parameters do not evaluate, such as when the Scenario block has got
        another ID, the number before.
    """
    memory = _memory(namespace)
    try:
        memory[side] = count()
    except Exception:  # parameters that do not evaluate are None; Companion shows why
        return int(memory.get(side, USUAL))
    return int(memory[side])
