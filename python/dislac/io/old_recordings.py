# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of older versions of the `dislac` extension, which meant other things by the same
scenario."""

from collections.abc import Mapping
from typing import Any

from .sigmf import EXTENSION_VERSION, extensions

__all__ = ["meant_then", "phase_warning"]

_OLD_PHASES = (
    "is of version 1 of the dislac extension, which counted the receive array's phases with the "
    "other sign; "
)
_TURNED = (
    "as its fixes were made, the array is taken to be turned by half a turn about its z axis; "
    "for a real array, give nodes.receiver.array.orientation_deg as it stands"
)
_GIVEN = (
    "the scenario that is given is taken as it is; were the samples emulated, its array has to be "
    "turned by half a turn about its z axis"
)


def phase_warning(facts: Mapping[str, Any], given: bool) -> str:
    """Return what is to be known of the receive array's phases; empty for recordings of today.

    Parameters
    ----------
    facts
        Global object of the recording's metadata.
    given
        True where the user gives the scenario, False where it is the recording's.
    """
    return _OLD_PHASES + (_GIVEN if given else _TURNED) if _declared_version(facts) < 2 else ""


def _declared_version(facts: Mapping[str, Any]) -> int:
    """Major version of the `dislac` extension that the recording declares, else today's."""
    for name, version, _ in extensions(facts):
        major = version.split(".")[0]
        if name == "dislac" and major in ("0", "1", "2"):
            return int(major)
    return int(EXTENSION_VERSION.split(".")[0])


def meant_then(scenario: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides with which a scenario means today what it meant when it was recorded.

    Parameters
    ----------
    scenario
        Data of the scenario that a recording carries.
    facts
        Global object of the recording's metadata.
    """
    version = _declared_version(facts)
    overrides = _turned_array(scenario) if version < 2 else {}
    if version < 3 and scenario.get("pilots", {}).get("user", 0):
        overrides["pilots.interleaved"] = False
    return overrides


def _turned_array(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides with which a scenario means today what it meant in version 1 of the extension.

    Its receive response was the conjugate of today's, exp(-j pi n.u) with u in the array's body.
    That is the response of the same array turned by half a turn about its body's z axis, in which
    the direction is (-u_x, -u_y, u_z). The half turn comes first, and passes yaw, pitch and roll
    as Z(yaw) Y(pitch) X(roll) Z(180) = Z(yaw + 180) Y(-pitch) X(-roll).
    """
    array = scenario["nodes"]["receiver"].get("array")
    if array is None:
        return {}  # one element: no phases
    yaw, pitch, roll = array.get("orientation_deg", (0.0, 0.0, 0.0))
    return {"nodes.receiver.array.orientation_deg": [yaw + 180.0, -pitch, -roll]}
