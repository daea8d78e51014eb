#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the live displays as they are after some seconds of the street scene, without a screen.

`make docs` runs it.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from gnuradio import dislac
from gnuradio.dislac.blocks import pmt_keys
from gnuradio.dislac.channel import synthesize
from gnuradio.dislac.scenario import levels, load_scenario, routes, timing, truth
from gnuradio.dislac.systems import bistatic
from PyQt5 import QtWidgets

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
FRAMES = 120


def main() -> None:
    application = QtWidgets.QApplication(sys.argv)
    overrides = {"numerology.frame_period": 76800, "channel.noise.snr_db": 5}
    scenario = load_scenario(ROOT / "examples" / "street.yml", overrides)
    size = int(np.prod(routes.snapshot_model(scenario).shape))
    views = {
        "live_dark": (dislac.live_view(scenario, theme="dark"), (1280, 800)),
        "position_map": (dislac.position_map(scenario), (900, 520)),
        "delay_doppler": (dislac.delay_doppler_view(scenario), (760, 520)),
    }
    live, map_, view = (block for block, _ in views.values())
    rng, estimator = np.random.default_rng(1), bistatic.estimator(scenario)
    model = estimator.model
    for frame in range(FRAMES):
        clean = synthesize(model, truth.true_paths(scenario, frame))
        noise = rng.standard_normal((*clean.shape, 2)) @ [1, 1j]
        level = np.sqrt(levels.noise_power(scenario) / 2)
        received = (clean + level * noise).astype(np.complex64)
        estimate = estimator.estimate(received, frame)
        paths = pmt_keys.estimate_to_pdu(estimate, frame, timing.frame_time(scenario, frame))
        fix = pmt_keys.fix_to_pdu(bistatic.locate(scenario, estimate, frame))
        for block in (live, view):
            block.handle_paths(paths)
            block._newest.put(received.reshape(size), frame)
        live.note_frames(frame, 1)
        for block in (live, map_):
            block.handle_fix(fix)
    event = {"state": "locked", "reason": "direct path found"}
    live.handle_event(pmt_keys.event_to_pdu("sync", event))
    for name, (block, extent) in views.items():
        widget = block.qwidget()
        widget.resize(*extent)
        widget.show()
        application.processEvents()
        widget.refresh()
        application.processEvents()
        picture = IMAGES / f"{name}.png"
        widget.grab().save(str(picture))
        widget.hide()
        print(f"docs/images/{name}.png: {picture.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
