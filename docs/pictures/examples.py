#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens every example in Companion, on a screen that nobody sees, and says what lies over what.

A picture of each page goes to build/companion, those of two examples to the guide. Needs
the package xvfb besides GNU Radio. `make docs` runs it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from screenshots import IMAGES, PREFERENCES, ROOT, SCREEN, screen

PAGES = ROOT / "build" / "companion"
IN_THE_GUIDE = "own_block", "network"

LOOK = """\
import os
import sys
from itertools import combinations
from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("PangoCairo", "1.0")
from gi.repository import GLib
from gnuradio import gr
from gnuradio.grc.gui.Platform import Platform  # first: its modules import one another
from gnuradio.grc.gui import Utils
from gnuradio.grc.gui.Application import Application

folder, *examples = sys.argv[1:]
versions = gr.major_version(), gr.api_version(), gr.minor_version()
platform = Platform(
    version=gr.version(), version_parts=versions, prefs=gr.prefs(), install_prefix=gr.prefix()
)
platform.build_library()
application = Application(examples, platform)


def covered(block):
    yield block.name, block.get_extents()
    if block.comment:
        yield f"comment of {block.name}", block.get_extents_comment()


def over(one, other):
    across = one[0] < other[2] and other[0] < one[2]
    return across and one[1] < other[3] and other[1] < one[3]


def look():
    pages, faults = application.main_window.notebook, 0
    for number in range(pages.get_n_pages()):
        pages.set_current_page(number)
        graph = pages.get_nth_page(number).flow_graph
        graph.update()
        name = Path(graph.grc_file_path).stem
        boxes = [box for block in graph.blocks for box in covered(block)]
        said = [f"{a} meets {b}" for (a, one), (b, two) in combinations(boxes, 2) if over(one, two)]
        said += [f"{a} leaves the canvas" for a, box in boxes if min(box[:2]) < 0]
        said += graph.get_error_messages()
        faults += len(said)
        width, height = max(b[2] for _, b in boxes), max(b[3] for _, b in boxes)
        print(f"{name:20} {width:5.0f} x {height:4.0f}  {'; '.join(said) or 'ok'}", flush=True)
        Utils.make_screenshot(graph, f"{folder}/{name}.png")
    os._exit(1 if faults else 0)


def wait():
    if application.main_window is None:
        return True
    GLib.timeout_add(2000, look)
    return False


GLib.timeout_add(500, wait)
application.run()
"""


def main() -> None:
    if not shutil.which("Xvfb"):
        sys.exit("pictures of Companion's pages need Xvfb: apt-get install xvfb")
    PAGES.mkdir(parents=True, exist_ok=True)
    examples = sorted((ROOT / "examples").glob("*.grc"))
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        preferences = Path(folder) / "grc.conf"
        width, height = SCREEN
        preferences.write_text(PREFERENCES.format(width=width, height=height, blocks=width - 250))
        environment = {
            **os.environ,
            "DISPLAY": display,
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "NO_AT_BRIDGE": "1",
            "PYTHONPATH": str(ROOT / "python" / "tree"),
            "GRC_BLOCKS_PATH": str(ROOT / "grc"),
            "GRC_PREFS_PATH": str(preferences),
        }
        said = subprocess.run(
            [sys.executable, "-c", LOOK, PAGES, *examples],
            env=environment,
            capture_output=True,
            text=True,
        )
    names = {path.stem for path in examples}
    lines = [line for line in said.stdout.splitlines() if line.split(" ")[0] in names]
    print(*lines, sep="\n")
    if said.returncode or len(lines) != len(examples):
        sys.exit(f"{said.stderr}Companion did not draw all examples without a fault")
    for name in IN_THE_GUIDE:
        shutil.copy(PAGES / f"{name}.png", IMAGES)
        print(f"docs/images/{name}.png")
    print(f"the other pages are in {PAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
