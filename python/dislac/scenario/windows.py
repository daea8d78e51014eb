# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of delay and Doppler shift in which a scenario's paths are searched for."""

from collections.abc import Mapping

import numpy as np

from ..geometry import SPEED_OF_LIGHT
from ..waveform import Numerology, Pilots
from .loader import Document
from .model import Node, SearchWindows

__all__ = ["search_windows", "unambiguous_doppler"]

ROAD_SPEED = 35.0
"""Speed of a target that every Doppler window holds [m/s]: a vehicle on a motorway."""

SPEED_MARGIN = 1.25
"""By how much a target may be faster than the scenario has it, or its Doppler shift greater by the
satellite's motion, before it leaves the window."""


def unambiguous_doppler(numerology: Numerology, pilots: Pilots | None) -> float:
    """Greatest Doppler shift, either way, that symbols with pilots distinguish [Hz]: half a cycle
    from one to the next. Infinite for a single symbol, and without pilots."""
    if pilots is None:
        return np.inf
    steps = np.diff(np.unique(numerology.symbol_times[pilots.symbols]))
    return float(0.5 / steps.min()) if len(steps) else np.inf


def doppler_window(
    document: Document, numerology: Numerology, pilots: Pilots | None, nodes: Mapping[str, Node]
) -> float:
    """Half the default window [Hz]: what a target as fast as the scenario's, or as `ROAD_SPEED`,
    makes, or half a cycle a frame if that is more. A quarter of the subcarrier spacing is the
    most: beyond it subcarriers disturb each other more than the echo is worth. Beside a payload it
    is half a cycle a frame: the equalizer interpolates between few symbols."""
    cell = 0.5 * numerology.sample_rate / numerology.frame_length
    if "payload" in document.data:
        return cell
    target, receiver = (
        float(np.linalg.norm(nodes[name].motion.state(0.0)[1])) if name in nodes else 0.0
        for name in ("target", "receiver")
    )
    speed = max(ROAD_SPEED, SPEED_MARGIN * target) + receiver
    propagation = document.data.get("propagation_speed", SPEED_OF_LIGHT)
    shift = 2.0 * speed * numerology.carrier_frequency / propagation
    most = min(unambiguous_doppler(numerology, pilots), numerology.subcarrier_spacing / 4)
    return float(min(max(cell, shift), most))


def search_windows(
    document: Document, numerology: Numerology, pilots: Pilots | None, nodes: Mapping[str, Node]
) -> SearchWindows:
    """The windows that the section `estimator` gives, or those that follow from the signal and the
    scene.

    Raises
    ------
    ScenarioError
        a window is empty.
    """
    data = document.data.get("estimator", {})
    prefix = numerology.shortest_prefix / numerology.sample_rate * 1e9
    # Later paths bring the symbol before into the transform window.
    latest = prefix - numerology.window_advance / numerology.sample_rate * 1e9
    doppler = doppler_window(document, numerology, pilots, nodes)
    windows = {
        "delay_window_ns": (-prefix / 8, latest),
        "doppler_window_hz": (-doppler, doppler),
    }
    for key, default in windows.items():
        low, high = windows[key] = tuple(data.get(key, default))
        if not low < high:
            raise document.error(
                f"estimator.{key}", f"[{low:g}, {high:g}] is empty; give [low, high]"
            )
    low, high = windows["delay_window_ns"]
    return SearchWindows((low * 1e-9, high * 1e-9), windows["doppler_window_hz"])
