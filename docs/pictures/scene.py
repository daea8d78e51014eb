# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/scene.png: how delay and direction of the echo give a position.

The paper's scene, 40 frames through the snapshot model at 0 dB: on the left the whole scene seen
from the south-east above, on the right the fixes on the ground.
"""

from pathlib import Path

import numpy as np
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.geometry import bistatic_ellipse
from gnuradio.dislac.positioning import Fix, confidence_ellipse
from gnuradio.dislac.scenario import ECHO_ALONE, Scenario, load_scenario
from gnuradio.dislac.scenario.levels import noise_power
from gnuradio.dislac.scenario.routes import snapshot_model
from gnuradio.dislac.scenario.truth import true_paths
from gnuradio.dislac.systems.bistatic import estimator, locate
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "scene.png"
FRAMES = 40
BLUE, GREEN, RED, VIOLET = "#1b4f72", "#1d8348", "#c0392b", "#8e44ad"
INK, GRID, GROUND = "#34495e", "#d5dbdf", "#f4f6f7"


def find_fixes(scenario: Scenario) -> list[Fix]:
    """One fix a frame, each with its own noise."""
    rng = np.random.default_rng(scenario.seed)
    receiver, model = estimator(scenario), snapshot_model(scenario)
    scale = np.sqrt(noise_power(scenario) / 2)
    fixes = []
    for frame in range(FRAMES):
        clean = synthesize(model, true_paths(scenario, frame))
        noise = rng.standard_normal((*clean.shape, 2)) @ [1, 1j] * scale
        fixes.append(locate(scenario, receiver.estimate(clean + noise), frame))
    return [fix for fix in fixes if fix.valid]


def project(points: np.ndarray) -> np.ndarray:
    """(2, ...) where places (..., 3) come to lie in a picture taken from far away."""
    azimuth, elevation = np.radians([-46.0, 31.0])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    back = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    up = -np.sin(elevation) * back + np.cos(elevation) * np.array([0.0, 0.0, 1.0])
    return np.stack([points @ right, points @ up])


def draw_scene(axes: Axes, scenario: Scenario) -> None:
    """Base station, vehicle and the way to the satellite; the ray, and the delay's ellipsoid."""
    receiver = scenario.receiver.motion.position
    satellite = scenario.transmitter.motion.position
    target = scenario.target.motion.position
    delay = true_paths(scenario, 0).delay[0]
    excess = scenario.propagation_speed * delay

    contour = bistatic_ellipse(satellite, receiver, excess, 0.0, 721)
    low, high = contour.min(axis=0) - 50, contour.max(axis=0) + 50
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    axes.fill(*project(np.array([[*corner, 0.0] for corner in corners])), fc=GROUND, ec=GRID)
    # The ellipsoid's outlines at some heights, the ground's drawn out
    for height in np.arange(20.0, 101.0, 20.0):
        outline = bistatic_ellipse(satellite, receiver, excess, height, 721)
        axes.plot(*project(outline), color=VIOLET, lw=0.6, alpha=0.35)
    axes.plot(*project(contour), "--", color=VIOLET, lw=1.6)

    upward = (satellite - receiver) / np.linalg.norm(satellite - receiver)
    tops = {}
    for name, place in (("receiver", receiver), ("target", target)):
        tops[name] = place + (330.0 - place[2]) / upward[2] * upward
        axes.plot(*project(np.stack([place, tops[name]])), color=BLUE, lw=1.1, ls=":")
    axes.plot(*project(np.stack([receiver, receiver * [1, 1, 0]])), color=BLUE, lw=2.4)
    axes.plot(*project(np.stack([receiver, target])), color=RED, lw=1.8)
    axes.plot(*project(receiver), "^", color=BLUE, ms=11)
    axes.plot(*project(target), "P", color=GREEN, ms=11, mec="white")
    lowest = contour[np.argmin(project(contour)[1])]
    for place, shift, side, text, color in (
        (tops["receiver"], (-6, -4), "right", "374 km to the satellite", BLUE),
        (receiver, (12, -4), "left", "base station", BLUE),
        (target, (-9, -12), "right", "vehicle", GREEN),
        ((receiver + target) / 2, (-12, 5), "right", "direction of arrival", RED),
        (
            lowest,
            (0, -15),
            "center",
            f"places that an echo {delay * 1e6:.3f} µs late allows",
            VIOLET,
        ),
    ):
        axes.annotate(
            text,
            project(place),
            shift,
            textcoords="offset points",
            ha=side,
            color=color,
            fontsize=9,
        )
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title("Direction and delay of the echo meet at the vehicle", fontsize=10, color=INK)


def draw_fixes(axes: Axes, scenario: Scenario, fixes: list[Fix]) -> None:
    """The fixes on the ground, their ellipses, one of them drawn out."""
    positions = np.array([fix.position for fix in fixes])
    errors = np.array([fix.error for fix in fixes])
    bound = float(np.sqrt(np.mean([fix.bound**2 for fix in fixes])))
    axes.plot(*positions.T[:2], "o", color=RED, ms=5, mec="white", mew=0.6, label="fix", zorder=4)
    for fix in fixes:
        outline = fix.position[:2] + confidence_ellipse(fix.covariance[:2, :2], 0.95, 65)
        axes.plot(*outline.T, color=RED, alpha=0.12, lw=0.7)
    typical = fixes[int(np.argmin(np.abs(errors - np.median(errors))))]
    outline = typical.position[:2] + confidence_ellipse(typical.covariance[:2, :2], 0.95, 65)
    axes.plot(*outline.T, color=RED, lw=1.2, label="one fix's 95 % ellipse")
    truth = scenario.target.motion.position[:2]
    axes.plot(*truth, "P", color=GREEN, ms=11, mec="white", label="vehicle", zorder=5)
    axes.set(aspect="equal", xlabel="east [m]", ylabel="north [m]", xlim=(-6, 6), ylim=(-6, 6))
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(GRID)
    axes.legend(fontsize=8, loc="lower left", framealpha=0.9, edgecolor=GRID)
    axes.set_title(
        f"{len(fixes)} frames at 0 dB: rms error {np.sqrt(np.mean(errors**2)):.2f} m, "
        f"bound {bound:.2f} m",
        fontsize=10,
        color=INK,
    )


def main() -> None:
    scenario = load_scenario("paper", ECHO_ALONE)
    fixes = find_fixes(scenario)
    figure = Figure(figsize=(10.4, 4.6), facecolor="white")
    FigureCanvasAgg(figure)
    draw_scene(figure.add_axes((0.0, 0.02, 0.6, 0.9)), scenario)
    draw_fixes(figure.add_axes((0.63, 0.12, 0.35, 0.8)), scenario, fixes)
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
