# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the map: who is where, what the echo says, and how far the fixes are off."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..geometry import bistatic_range
from ..positioning import Fix, FixStatistics, confidence_ellipse
from ..scenario import Scenario
from .figures import empty_figure, write_figure

__all__ = ["draw_map"]

Floats = NDArray[np.float64]

_RECEIVER, _TRUTH, _FIX, _DELAY = "#1b4f72", "#1d8348", "#c0392b", "#8e44ad"
_INK, _GRID = "#34495e", "#d5dbdf"

_CHI_95 = float(np.sqrt(-2.0 * np.log(0.05)))
"""Semi-axes of the ellipse that holds 95 % of a plane normal distribution, in deviations."""


def draw_map(fixes: FixStatistics, scenario: Scenario, path: str | os.PathLike[str]) -> None:
    """Draws fixes on a map of the scene, east to the right, and writes it to an image file.

    On the left the scene: receiver, truth, fixes, the ray along which the last echo came and the
    ellipse (at the height of that fix) on which its delay puts the target. On the right the
    fixes from near, with the ellipses that hold each with 95 % probability.

    Parameters
    ----------
    fixes
        those that it keeps are drawn, and the title says of how many; there may be none.
    scenario
        where they come from.
    path
        of the image; its suffix chooses the format.

    Raises
    ------
    OSError
        the file cannot be written.
    ValueError
        matplotlib does not know the format.
    """
    valid = fixes.kept.items
    time = fixes.last.time if fixes.last else 0.0
    nodes = scenario.nodes
    receivers = np.array(
        [scenario.at(receiver=name).receiver.motion.state(time)[0] for name in nodes.receivers]
    )
    transmitters = np.array(
        [scenario.at(name).transmitter.motion.state(time)[0] for name in nodes.transmitters]
    )
    truths = _truths([fix.time for fix in valid] or [time], scenario)
    positions = np.array([fix.position for fix in valid]).reshape(-1, 3)
    points = np.vstack([receivers, truths, positions])
    reach = float(np.max(np.linalg.norm(points - receivers[0], axis=1)))
    is_near = bool(np.linalg.norm(transmitters - receivers[0], axis=1).max() < 3.0 * reach)

    figure = empty_figure(11.0 if valid else 6.2, 5.7)
    figure.suptitle(_title(fixes, scenario), fontsize=12, color=_INK)
    pictures = list(figure.subplots(1, 2 if valid else 1, squeeze=False)[0])
    scene = pictures[0]
    _square(scene, np.vstack([points, transmitters]) if is_near else points, 0.3, least=20.0)
    if fixes.last_valid is not None:
        _draw_echo(scene, fixes.last_valid, scenario)
        near = pictures[1]
        _square(near, np.vstack([truths, positions]), 0.15, least=2.4 * _spread(valid))
        _draw_covariances(near, valid)
        _mark(scene, near)
        near.set_title("the fixes from near", fontsize=10, color=_INK)
    if is_near:
        scene.plot(*transmitters.T[:2], "s", color=_RECEIVER, ms=9, label="transmitter", zorder=5)
    else:
        for transmitter in transmitters:
            _draw_far(scene, receivers[0], transmitter)
    scene.plot(*receivers.T[:2], "^", color=_RECEIVER, ms=11, label="base station", zorder=5)
    scene.set_title("the scene", fontsize=10, color=_INK)
    for axes in pictures:
        if valid:
            axes.plot(
                *positions.T[:2], "o", color=_FIX, ms=5, mec="white", mew=0.6, label="fix", zorder=6
            )
        if len(truths):
            axes.plot(*truths.T[:2], "P", color=_TRUTH, ms=11, mec="white", label="truth", zorder=7)
        _dress(axes)
    write_figure(figure, path, dpi=130)


def _title(fixes: FixStatistics, scenario: Scenario) -> str:
    what = "frames" if len(scenario.links) == 1 else "measurements"
    parts = [f"{scenario.name}: {fixes.valid} fixes of {fixes.frames} {what}"]
    if fixes.kept.every > 1:
        parts[0] += f", one in {fixes.kept.every} drawn"
    if np.isfinite(fixes.rms_error):
        parts.append(f"rms error {fixes.rms_error:.2f} m")
    if np.isfinite(fixes.rms_bound):
        parts.append(f"Cramér-Rao bound {fixes.rms_bound:.2f} m")
    return "   ·   ".join(parts)


def _truths(times: Sequence[float], scenario: Scenario) -> Floats:
    """(n, 3) where the targets were at these times, once where one rests; none where not known."""
    known = [scenario.at(target=name).target for name in scenario.nodes.targets]
    states = [target.motion.state(times)[0] for target in known if target is not None]
    return np.unique(np.vstack([np.empty((0, 3)), *states]), axis=0)


def _square(axes: Axes, points: Floats, margin: float, least: float) -> None:
    """Limits of a square about the horizontal places of points, with a margin on each side."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    half = max(float(np.max(high - low)) * (0.5 + margin), least / 2)
    east, north = (low + high) / 2
    axes.set(xlim=(east - half, east + half), ylim=(north - half, north + half))


def _spread(fixes: Sequence[Fix]) -> float:
    """Largest 95 % semi-axis among typical fixes [m]; one metre where nothing is known."""
    known = [f.covariance[:2, :2] for f in fixes if np.isfinite(f.covariance).all()]
    if not known:
        return 1.0
    return float(np.median(_CHI_95 * np.sqrt(np.linalg.eigvalsh(np.array(known))[:, -1])))


def _draw_echo(axes: Axes, fix: Fix, scenario: Scenario) -> None:
    """The ray of a fix, and the section of its delay's ellipsoid at the fix's height."""
    own = {link[:2] for link in scenario.links}
    seen = next((scenario.at(*link[:2]) for link in fix.links if link[:2] in own), scenario)
    receiver = seen.receiver.motion.state(fix.time)[0]
    transmitter = seen.transmitter.motion.state(fix.time)[0]
    ray = np.stack([receiver, fix.position])
    axes.plot(*ray.T[:2], "-", color=_FIX, lw=1.2, label="ray of the last echo")
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    east, north = np.linspace(left, right, 301), np.linspace(low, high, 301)
    points = np.stack([*np.meshgrid(east, north), np.full((301, 301), fix.position[2])], axis=-1)
    excess = bistatic_range(transmitter, receiver, points)
    level = scenario.propagation_speed * fix.residual_delay
    axes.contour(east, north, excess, [level], colors=[_DELAY], linewidths=1.4, linestyles="--")
    axes.plot([], [], "--", color=_DELAY, lw=1.4, label="ellipse of its delay")


def _draw_far(axes: Axes, receiver: Floats, transmitter: Floats) -> None:
    """An arrow that points to a transmitter far outside the picture."""
    onward = (transmitter - receiver)[:2]
    length = 0.12 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    tip = receiver[:2] + length * onward / max(float(np.linalg.norm(onward)), 1e-9)
    arrow = {"arrowstyle": "-|>", "color": _RECEIVER, "lw": 1.2}
    axes.annotate("", xy=_point(tip), xytext=_point(receiver), arrowprops=arrow)
    distance = np.linalg.norm(transmitter - receiver) / 1e3
    axes.annotate(
        f"satellite, {distance:.0f} km",
        _point(tip),
        (5, 3),
        textcoords="offset points",
        fontsize=8,
        color=_RECEIVER,
    )


def _point(position: Floats) -> tuple[float, float]:
    """East and north of a place, as matplotlib takes them."""
    return float(position[0]), float(position[1])


def _draw_covariances(axes: Axes, fixes: Sequence[Fix]) -> None:
    """Ellipses that hold each fix with 95 % probability; the more there are, the fainter."""
    known = [fix for fix in fixes if np.isfinite(fix.covariance).all()]
    strength = max(0.15, min(0.9, 6.0 / max(len(known), 1)))
    outlines = [f.position[:2] + confidence_ellipse(f.covariance[:2, :2], points=97) for f in known]
    style: dict[str, Any] = {
        "facecolors": "none",
        "edgecolors": _FIX,
        "alpha": strength,
        "linewidths": 0.9,
    }
    label = "95 % of a fix" if known else None
    axes.add_collection(PolyCollection(outlines, label=label, **style))


def _mark(scene: Axes, near: Axes) -> None:
    """Marks in the scene what the other picture shows."""
    (left, right), (low, high) = near.get_xlim(), near.get_ylim()
    scene.add_patch(
        Rectangle((left, low), right - left, high - low, fill=False, ec=_INK, lw=0.8, zorder=8)
    )


def _dress(axes: Axes) -> None:
    axes.set_aspect("equal")
    axes.set_xlabel("east [m]", color=_INK)
    axes.set_ylabel("north [m]", color=_INK)
    axes.grid(color=_GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9)
    for spine in axes.spines.values():
        spine.set_color(_GRID)
    axes.legend(fontsize=8, loc="best", framealpha=0.9, edgecolor=_GRID)
