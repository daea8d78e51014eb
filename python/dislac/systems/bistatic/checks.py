# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings of what cannot work in a scenario, or will not as it stands."""

import math
from datetime import timedelta
from itertools import pairwise

import numpy as np

from ...dsp.delay import PASSBAND
from ...geometry import (
    MEAN_RADIUS,
    OLD,
    LinearMotion,
    bistatic_range,
    delay_and_doppler,
    elevation,
    write_days,
)
from ...positioning import FixStatus, Reason
from ...scenario.levels import has_echo
from ...scenario.model import Node, Scenario
from ...scenario.motion import satellite_motion
from ...scenario.routes import hidden, path_nodes
from ...scenario.timing import carriers, endpoints, frame_time, reference_link
from ...scenario.transmission import occupied_band
from ...scenario.truth import true_paths
from ...scenario.windows import unambiguous_doppler
from .locating import locator
from .settings import settings_of

__all__ = ["old_elements", "warnings"]


def warnings(scenario: Scenario, frame: int = 0) -> list[str]:
    """One sentence for each thing that keeps frame `frame` from giving a right position, with the
    key that it is about and the remedy.

    - The Earth stands in the way of a path: the satellite is below the horizon.
    - A satellite has flown straight on for longer than the Earth's radius.
    - The receive array, with what is known of the target's place, gives no position; or what is
      known does not hold for the scenario's target.
    - An array is given to a node that has none: the target, or a further satellite.
    - More paths come from the target than are looked for.
    - Another user's signal would pass for an echo.
    - The frames occupy more of the sample rate than delays are emulated exactly for.
    - The target's residual delay or Doppler shift, timing and carrier errors included, lies
      outside what the prefix, the pilots or the estimator's windows allow.
    - The mean elements of a satellite are old.
    """
    texts = [
        *_horizon(scenario, frame),
        *_straight(scenario, frame),
        *_place(scenario, frame),
        *_idle_arrays(scenario),
        *_further_paths(scenario),
        *_users(scenario),
        *_band(scenario),
    ]
    if scenario.target is not None and has_echo(scenario):
        texts += [*_delay(scenario, frame), *_doppler(scenario, frame)]
    time = frame_time(scenario, frame)
    return texts + old_elements(scenario, time, time)


def old_elements(scenario: Scenario, first: float, last: float) -> list[str]:
    """One sentence for each satellite whose mean elements are old at some of the times [s] between
    two, with the key and the remedy."""
    texts = []
    for key, node in _sky(scenario).items():
        motion = satellite_motion(node.motion)
        if motion is None:
            continue
        age = motion.elements.age(*(motion.epoch + timedelta(seconds=t) for t in (first, last)))
        if age > OLD:
            texts.append(
                f"{key}: its elements, of {motion.elements.epoch:%Y-%m-%d}, are used for up to "
                f"{write_days(age)} from then, and SGP4 errs by 1 to 3 km a day: take a set of "
                "that time"
            )
    return texts


def _sky(scenario: Scenario) -> dict[str, Node]:
    """Satellites by their keys."""
    others = {f"nodes.satellites.{name}": node for name, node in scenario.satellites.items()}
    return {"nodes.transmitter": scenario.transmitter, **others}


def _straight(scenario: Scenario, frame: int) -> list[str]:
    """A place and a velocity say where a satellite is for some seconds, not for hours."""
    time, texts = frame_time(scenario, frame), []
    for key, node in _sky(scenario).items():
        motion = node.motion
        if isinstance(motion, LinearMotion):
            flown = float(np.linalg.norm(motion.velocity)) * time
            if flown > MEAN_RADIUS:
                texts.append(
                    f"{key} has flown {flown / 1e3:.3g} km straight on when frame {frame} comes, "
                    "as no satellite does, so that fixes will be wrong: give it an orbit, or "
                    "correct the number of the frame"
                )
    return texts


def _horizon(scenario: Scenario, frame: int) -> list[str]:
    time, sky = frame_time(scenario, frame), _sky(scenario)
    others = {
        "nodes.receiver": scenario.receiver,
        "nodes.target": scenario.target,
        "nodes.feeder" if scenario.feeder is None else scenario.feeder.key: scenario.feeder,
    }
    names = {id(node.motion): name for name, node in (sky | others).items() if node is not None}
    routes = [path_nodes(scenario, path) for path in scenario.channel.paths]
    legs = [leg for nodes in (reference_link(scenario), *routes) for leg in pairwise(nodes)]
    texts = []
    for number in np.flatnonzero(hidden(scenario, legs, time)):
        leg = legs[number]
        # The feeder comes before its satellite, all other ground nodes after it.
        high, low = leg if names.get(id(leg[0])) in sky else leg[::-1]
        place, other = (node.state(time)[0] for node in (low, high))
        angle = np.degrees(elevation(place, other, scenario.origin))
        above, below = (names.get(id(node), "a scatterer") for node in (high, low))
        texts.append(
            f"{above} is below the horizon of {below} in frame {frame}, at an elevation of "
            f"{angle:.1f} degrees (status below_horizon): give {above} another position, its "
            "orbit another start or, with mean elements, the scenario another epoch"
        )
    return list(dict.fromkeys(texts))


def _place(scenario: Scenario, frame: int) -> list[str]:
    chosen, array = locator(scenario), scenario.receiver.array
    if not chosen.determined:
        measured = "one direction cosine" if array.measured_axes else "no direction"
        keys = "locator.known_line"
        if array.measured_axes:
            keys = "locator.known_height_m, locator.known_plane or locator.known_line"
        return [
            f"nodes.receiver.array of {array.nx} x {array.ny} elements measures {measured}, too "
            f"little for a position (status underdetermined): say what is known of the target's "
            f"place by {keys}, or give the array 2 x 2 elements or more"
        ]
    if scenario.target is None or not has_echo(scenario):
        return []
    time = frame_time(scenario, frame)
    position = scenario.target.motion.state(time)[0]
    off = float(np.linalg.norm(scenario.known.correction(position)))
    if off > 1e-3:
        return [
            f"nodes.target is {off:.3g} m away from where locator.known_height_m, known_plane or "
            f"known_line has it in frame {frame}, which counts as exact: correct it"
        ]
    transmitter, receiver = (node.state(time)[0] for node in endpoints(scenario))
    ray = position - receiver
    arrival = array.spatial_frequency(ray / (np.linalg.norm(ray) or 1.0))
    delay = bistatic_range(transmitter, receiver, position) / scenario.propagation_speed
    fix = chosen.locate(arrival, float(delay), time=time, truth=position)
    line = "" if len(scenario.known.normals) == 2 else ", or give locator.known_line"
    remedies: dict[str, str] = {
        FixStatus.AMBIGUOUS: "a second place agrees with direction and delay of the target and "
        "lies on the same side of the receive array: turn the array by "
        f"nodes.receiver.array.orientation_deg so that it has one of them behind it{line}",
        Reason.BEHIND: "the target lies behind the receive array: change locator.side or "
        "nodes.receiver.array.orientation_deg",
        Reason.ILL_CONDITIONED: "the target lies where direction and delay hardly determine "
        "its place, such as in the plane of the receive array: change "
        f"nodes.receiver.array.orientation_deg{line}",
        Reason.NEAR_BASELINE: "the target lies nearly between receiver and transmitter: move "
        "nodes.target, or choose another nodes.transmitter",
        Reason.NO_POSITIVE_ROOT: "the target lies between receiver and transmitter, where its "
        "echo is not late: move nodes.target, or choose another nodes.transmitter",
    }
    return [f"{remedies[fix.outcome]} (status {fix.outcome})"] if fix.outcome in remedies else []


def _idle_arrays(scenario: Scenario) -> list[str]:
    nodes = scenario.document.data["nodes"]
    others = {f"satellites.{name}": node for name, node in nodes.get("satellites", {}).items()}
    does = dict.fromkeys(others, "a further satellite sends with that of nodes.transmitter")
    targets = {f"targets.{name}": node for name, node in nodes.get("targets", {}).items()}
    targets["target"] = nodes.get("target", {})
    does |= dict.fromkeys(targets, "a target is a point that scatters alike in all directions")
    return [
        f"nodes.{name}.array has no effect, since {does[name]}: leave it out"
        for name, node in {**targets, **others}.items()
        if "array" in node
    ]


def _further_paths(scenario: Scenario) -> list[str]:
    there = sum(path.kind != "direct" for path in scenario.channel.paths)
    most = settings_of(scenario).max_paths
    if there <= most:
        return []
    return [
        f"estimator.max_paths is {most}, and channel.paths has {there} by way of the target: what "
        "more there is than is looked for bends fixes by many times their sigma where it arrives "
        f"about as late as they; give estimator.max_paths={there}"
    ]


def _users(scenario: Scenario) -> list[str]:
    if scenario.pilots.interleaved or scenario.synchronization.reference == "direct-path":
        return []
    return [
        "pilots.interleaved is false: users' codes are then ours but for a delay and a Doppler "
        "shift, and where the direct path finds no frames, another user's signal passes for an "
        "echo: leave it out, unless the signal was made so"
    ]


def _band(scenario: Scenario) -> list[str]:
    numerology, edge = scenario.numerology, occupied_band(scenario)
    if edge <= PASSBAND * scenario.sample_rate:
        return []
    enough = math.ceil(edge / (PASSBAND * numerology.subcarrier_spacing))
    return [
        f"numerology.fft_size is {numerology.fft_size}: with the Doppler shift "
        f"{numerology.subcarriers} subcarriers reach {edge / scenario.sample_rate:.3f} of the "
        f"sample rate, and beyond {PASSBAND} delays are not emulated exactly: use {enough} or more"
    ]


def _delay(scenario: Scenario, frame: int) -> list[str]:
    numerology = scenario.numerology
    delay = float(true_paths(scenario, frame, 1).delay[0])
    if scenario.synchronization.reference == "direct-path":
        delay -= scenario.precompensation.timing_advance_error
    early = numerology.window_advance / numerology.sample_rate
    late = numerology.shortest_prefix / numerology.sample_rate - early
    # With the direct path taken off, delays are relative to it.
    relative = delay
    if scenario.synchronization.reference != "direct-path" and _follows_direct_path(scenario):
        relative -= scenario.precompensation.timing_advance_error
    low, high = scenario.windows.delay
    what = f"the target's residual delay of {delay * 1e9:.0f} ns in frame {frame}"
    if delay > late:
        return [
            f"{what} is longer than the {late * 1e9:.0f} ns that the cyclic prefix leaves behind "
            "the window's advance, so that symbols run into each other: lengthen "
            "numerology.cyclic_prefix, or lessen numerology.window_advance"
        ]
    if delay < -early:
        return [
            f"{what} is earlier than the window's advance of {early * 1e9:.0f} ns, so that symbols "
            "run into each other: raise numerology.window_advance"
        ]
    if not low < relative < high:
        return [
            f"{what} lies outside the estimator's window of {low * 1e9:.0f} to {high * 1e9:.0f} "
            "ns: widen estimator.delay_window_ns"
        ]
    return []


def _doppler(scenario: Scenario, frame: int) -> list[str]:
    doppler = float(true_paths(scenario, frame, 1).doppler[0])
    if _follows_direct_path(scenario):
        doppler -= scenario.precompensation.doppler_error
        if scenario.precompensation.mode == "none":
            link, time = reference_link(scenario), frame_time(scenario, frame)
            own = carriers(scenario, link)
            shift = delay_and_doppler(link, time, own, speed=scenario.propagation_speed)[1]
            doppler -= float(shift)
    elif scenario.front_end is not None:
        doppler += scenario.front_end.carrier_offset
    low, high = scenario.windows.doppler
    what = f"the target's residual Doppler shift of {doppler:.0f} Hz in frame {frame}"
    most = unambiguous_doppler(scenario.numerology, scenario.pilots)
    if abs(doppler) > most:
        return [
            f"{what} exceeds the {most:.0f} Hz that the pilots' symbols distinguish: use a larger "
            "numerology.subcarrier_spacing"
        ]
    if not low < doppler < high:
        return [
            f"{what} lies outside the estimator's window of {low:.0f} to {high:.0f} Hz: widen "
            "estimator.doppler_window_hz"
        ]
    return []


def _follows_direct_path(scenario: Scenario) -> bool:
    """True if what is measured is relative to the direct path, errors of the transmitter's
    pre-compensation and of the receiver's carrier included."""
    settings = scenario.synchronization
    return settings.reference == "direct-path" or settings.removal != "none"
