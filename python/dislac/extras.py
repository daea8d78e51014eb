# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that only a part of gr-dislac needs, and how each is installed."""

from typing import NamedTuple

__all__ = ["EXTRAS", "Extra", "explain_missing"]


class Extra(NamedTuple):
    """A distribution, the extra of gr-dislac that brings it, and what it is for."""

    distribution: str
    name: str
    purpose: str


EXTRAS = {
    "sigmf": Extra("sigmf", "sigmf", "to validate recordings with SigMF's own tools"),
    "sgp4": Extra("sgp4", "orbits", "satellites from TLE or OMM"),
    "zmq": Extra("pyzmq", "zmq", "samples and fixes between processes"),
    "numba": Extra("numba", "fast", "the emulated channel in real time"),
    "distributed": Extra("distributed", "cluster", "studies on a cluster"),
}
"""Extras by the module that is imported."""


def explain_missing(module: str | None) -> str | None:
    """Say in one line how to install a package that did not import.

    Parameters
    ----------
    module
        Name of the module that was not found, as an `ImportError` has it; None where it has none.

    Returns
    -------
    str or None
        None for a module that is in no extra.
    """
    extra = EXTRAS.get((module or "").partition(".")[0])
    if extra is None:
        return None
    return (
        f"{extra.distribution} is not installed ({extra.purpose}): "
        f"python -m pip install 'gr-dislac[{extra.name}]', or {extra.distribution} alone; "
        "in a checkout, make setup"
    )
