#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the guide's pictures of Companion and of the live window, on a screen that nobody sees.

Needs the packages xvfb, xdotool and imagemagick besides GNU Radio. `make docs` runs it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
FLOWGRAPH = ROOT / "examples" / "bistatic_live.grc"
SCREEN = 1920, 860
PATIENCE = 180.0

PREFERENCES = """\
[main]
main_window_width = {width}
main_window_height = {height}
blocks_window_position = {blocks}
console_window_visible = False
variable_editor_visable = False
blocks_window_visible = True
"""

LIVE = """\
import sys
from PyQt5 import Qt
import {flowgraph} as example

picture, fixes = sys.argv[1], int(sys.argv[2])

class top(example.{flowgraph}):
    def __init__(self):
        super().__init__()
        self.resize(1280, 840)
        self.watch = Qt.QTimer()
        self.watch.timeout.connect(self.look)
        self.watch.start(100)

    def look(self):
        shown = self.live_view.qwidget().map.panel.texts()["Fixes"].split()[0]
        if shown.isdigit() and int(shown) >= fixes:
            self.watch.stop()
            self.grab().save(picture)
            self.close()

example.main(top_block_cls=top)
"""


def main() -> None:
    missing = [tool for tool in ("Xvfb", "xdotool", "import", "convert") if not shutil.which(tool)]
    if missing:
        sys.exit(
            f"screenshots need {', '.join(missing)}: apt-get install xvfb xdotool imagemagick; "
            "the pictures in docs/images stay as they are"
        )
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        place = Path(folder)
        environment = {
            **os.environ,
            "DISPLAY": display,
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "QT_QPA_PLATFORM": "xcb",
            "NO_AT_BRIDGE": "1",
            "PYTHONPATH": str(ROOT / "python" / "tree"),
            "GRC_BLOCKS_PATH": str(ROOT / "grc"),
        }
        companion(place, environment, place / "companion.png")
        live(place, environment, place / "live.png")
        for name in ("companion.png", "live.png"):
            small = ["-strip", "-define", "png:compression-level=9"]
            subprocess.run(["convert", place / name, *small, IMAGES / name], check=True)
            print(f"docs/images/{name}: {(IMAGES / name).stat().st_size / 1e3:.0f} kB")


@contextmanager
def screen() -> Iterator[str]:
    """A screen in memory; gives its name."""
    width, height = SCREEN
    command = [
        "Xvfb",
        "-displayfd",
        "1",
        "-screen",
        "0",
        f"{width}x{height}x24",
        "-nolisten",
        "tcp",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield ":" + server.stdout.readline().strip()
        finally:
            server.terminate()


def companion(folder: Path, environment: dict[str, str], picture: Path) -> None:
    """Companion with the main flowgraph, once it has finished drawing."""
    width, height = SCREEN
    preferences = folder / "grc.conf"
    preferences.write_text(PREFERENCES.format(width=width, height=height, blocks=width - 250))
    program = shutil.which("gnuradio-companion")
    assert program is not None, "GNU Radio Companion is not installed"
    with subprocess.Popen(
        [sys.executable, program, str(FLOWGRAPH)],
        env={**environment, "GRC_PREFS_PATH": str(preferences)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", FLOWGRAPH.stem]
            subprocess.run(
                search, env=environment, check=True, capture_output=True, timeout=PATIENCE
            )
            still(picture, environment)
            # Only our blocks in the list of blocks
            subprocess.run(["xdotool", "key", "ctrl+f"], env=environment, check=True)
            subprocess.run(["xdotool", "type", "dislac"], env=environment, check=True)
            still(picture, environment)
        finally:
            process.terminate()


def still(picture: Path, environment: dict[str, str]) -> None:
    """Takes pictures of the whole screen until two of them, seconds apart, are the same."""
    before, until = b"", time.monotonic() + PATIENCE
    while True:
        time.sleep(4.0)
        subprocess.run(["import", "-window", "root", picture], env=environment, check=True)
        now = picture.read_bytes()
        if now == before:
            return
        if time.monotonic() > until:
            sys.exit("Companion does not stop drawing")
        before = now


def live(folder: Path, environment: dict[str, str], picture: Path, fixes: int = 100) -> None:
    """The window of the main flowgraph after some tens of fixes."""
    compile_ = [sys.executable, shutil.which("grcc"), "-o", folder, FLOWGRAPH]
    subprocess.run(compile_, env=environment, check=True, stdout=subprocess.DEVNULL)
    script = folder / "show.py"
    script.write_text(LIVE.format(flowgraph=FLOWGRAPH.stem))
    command = [sys.executable, script, picture, str(fixes)]
    subprocess.run(command, env=environment, check=True, timeout=PATIENCE)


if __name__ == "__main__":
    main()
