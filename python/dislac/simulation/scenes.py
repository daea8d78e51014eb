# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes drawn at random."""

from collections.abc import Iterator

import numpy as np

from ..scenario import Scenario

__all__ = ["impaired_scene", "random_scenes"]


def random_scenes(
    scenario: Scenario, rng: np.random.Generator, *, radius: float = 200.0, scatterers: int = 0
) -> Iterator[Scenario]:
    """The scenario with other targets: on the ground (height zero), uniform in a disc around the
    receiver's foot; and as many scatterers, uniform in the box between target and receiver, 6 dB
    below. Beams and pilots stay, for which an estimator is made.
    """
    receiver = scenario.receiver.motion.state(0.0)[0]
    while True:
        r, angle = radius * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        place = np.array([receiver[0] + r * np.cos(angle), receiver[1] + r * np.sin(angle), 0.0])
        box = np.minimum(place, receiver), np.maximum(place, receiver)
        paths = [{"kind": "echo", "phase_deg": _degrees(rng)}]
        for _ in range(scatterers):
            phase = _degrees(rng)
            where = rng.uniform(*box).tolist()
            paths.append({"kind": "scattered", "position": where, "phase_deg": phase})
        overrides: dict[str, object] = {
            "nodes.target": {"position": place.tolist()},
            "channel.paths": paths,
        }
        seed = int(rng.integers(2**31))
        if scenario.channel.fading is not None:
            overrides["channel.fading.seed"] = seed
        yield scenario.with_(overrides)


def _degrees(rng: np.random.Generator) -> float:
    return float(np.degrees(rng.uniform(0, 2 * np.pi)))


def impaired_scene(scene: Scenario, direct_db: float, rng: np.random.Generator) -> Scenario:
    """Return a scene whose direct path stands `direct_db` above the echo, at a receiver of which
    nothing is known: start within a frame period, carrier within 20 kHz, clock within 20 ppm. Its
    chains are calibrated."""
    direct = {"kind": "direct", "relative_power_db": direct_db, "phase_deg": _degrees(rng)}
    paths = scene.document.data.get("channel", {}).get("paths", [{"kind": "echo"}])
    others = [path for path in paths if path["kind"] != "direct"]
    return scene.with_(
        {
            "channel.paths": [*others, direct],
            "front_end": {
                "carrier_offset_hz": rng.uniform(-20e3, 20e3),
                "clock_offset_ppm": rng.uniform(-20, 20),
                "start_offset": rng.uniform(0, scene.numerology.frame_period),
            },
        }
    )
