# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws docs/images/sky.png and docs/images/pass.png: an afternoon's passes, and one of them.

Six planes of five satellites at 550 km over Southampton: the sky in the first hour and a half,
and delay and Doppler of the pass of the scenario in docs/orbits.md.
"""

import importlib.util
from pathlib import Path

import numpy as np
from gnuradio.dislac.geometry import WalkerShell, find_passes
from gnuradio.dislac.io.sky import draw_links, draw_sky, follow_scenario
from gnuradio.dislac.scenario import parse_scenario

DOCS = Path(__file__).parents[1]
SITE = (50.9, -1.4, 20.0)


def pass_scenario() -> str:
    """The file pass.yml of the page."""
    specification = importlib.util.spec_from_file_location("outputs", DOCS / "outputs.py")
    assert specification is not None and specification.loader is not None
    outputs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(outputs)
    return next(
        text for name, text in outputs.blocks(DOCS / "orbits.md", "yaml") if name == "pass.yml"
    )


def main() -> None:
    shell = WalkerShell(550e3, 6, 5, np.radians(53), 1)
    time, mask = np.arange(0.0, 5401.0, 10.0), np.radians(10)
    passes = find_passes(shell, SITE, time, mask=mask)
    draw_sky(
        shell,
        SITE,
        passes,
        time,
        DOCS / "images" / "sky.png",
        mask=mask,
        title="53°: 30/6/1 at 550 km, 90 minutes over 50.9° N, 1.4° W",
    )
    scenario = parse_scenario(pass_scenario(), "pass.yml")
    time = np.linspace(0.0, 600.0, 601)
    draw_links(
        follow_scenario(scenario, time),
        time,
        DOCS / "images" / "pass.png",
        title="A pass at 550 km, 28 GHz; another satellite beside it",
    )


if __name__ == "__main__":
    main()
