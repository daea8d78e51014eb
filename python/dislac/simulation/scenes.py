# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes drawn at random."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..geometry import LinearMotion
from ..scenario import Scenario
from ..scenario.model import FrontEndSettings, Node, PathSettings

__all__ = ["impaired_scene", "random_scenes"]


def random_scenes(
    scenario: Scenario, rng: np.random.Generator, *, radius: float = 200.0, scatterers: int = 0
) -> Iterator[Scenario]:
    """The scenario with other targets: on the ground (height zero), uniform in a disc around the
    receiver's foot; and as many scatterers, uniform in the box between target and receiver, 6 dB
    below.
    """
    receiver = scenario.receiver.motion.state(0.0)[0]
    while True:
        r, angle = radius * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        place = np.array([receiver[0] + r * np.cos(angle), receiver[1] + r * np.sin(angle), 0.0])
        ends = np.minimum(place, receiver), np.maximum(place, receiver)
        paths = [PathSettings("echo", None, 1.0, None, rng.uniform(0, 2 * np.pi))]
        for _ in range(scatterers):
            phase = rng.uniform(0, 2 * np.pi)
            paths.append(PathSettings("scattered", rng.uniform(*ends), 10**-0.6, None, phase))
        yield replace(
            scenario,
            seed=int(rng.integers(2**31)),
            target=Node(LinearMotion(place), scenario.receiver.array),
            channel=replace(scenario.channel, paths=tuple(paths)),
        )


def impaired_scene(scene: Scenario, direct_db: float, rng: np.random.Generator) -> Scenario:
    """Return a scene whose direct path stands `direct_db` above the echo, at a receiver of which
    nothing is known: start within a frame period, carrier within 20 kHz, clock within 20 ppm. Its
    chains are calibrated."""
    direct = PathSettings("direct", None, 1.0, 10 ** (direct_db / 10), rng.uniform(0, 2 * np.pi))
    settings = FrontEndSettings(
        carrier_offset=rng.uniform(-20e3, 20e3),
        clock_offset=rng.uniform(-20e-6, 20e-6),
        start_offset=rng.uniform(0, scene.numerology.frame_period),
        phase=(0.0,) * scene.chains,
        delay=(0.0,) * scene.chains,
    )
    others = (path for path in scene.channel.paths if path.kind != "direct")
    channel = replace(scene.channel, paths=(*others, direct))
    return replace(scene, channel=channel, front_end=settings)
