# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Companion draws what a flowgraph holds, worked out without a screen.

It draws with Pango in Sans, which is DejaVu Sans on Debian and comes with matplotlib, too; sizes,
spaces and the grid are those of Companion 3.10. Against what it draws (docs/pictures/examples.py),
heights are exact, and widths of 210 boxes from 9 pixels too small to 24 too large.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

RESOLUTION = 96  # dots an inch
GRID, PADDING, LINE = 8, 7, 16
PORT_HEIGHT, PORT_SPACING, PORT_PADDING = 16, 32, 2
COMMENT_LINE = 13


class Box(NamedTuple):
    """What something covers on the canvas, in pixels from its upper left corner."""

    name: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "Box") -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom


@cache
def _font(points: float, weight: str) -> FT2Font:
    name = font_manager.FontProperties(family="DejaVu Sans", weight=weight)
    font = FT2Font(font_manager.findfont(name))
    font.set_size(points, RESOLUTION)
    return font


@cache
def width(text: str, points: float = 8.0, weight: str = "normal") -> float:
    """Width of a line of text [pixels]."""
    font = _font(points, weight)
    font.set_text(text)
    return font.get_width_height()[0] / 64


def _shown(parameter: Any) -> str:
    """A parameter's value as it stands on the block."""
    value = parameter.get_value()
    if value in parameter.options:
        return str(parameter.options[value])
    text = value if parameter.dtype.startswith("file_") else str(parameter.get_evaluated())
    most = max(27 - len(parameter.name), 3)
    return text if len(text) <= most else max(text[:most], text[-most:], key=len)


def _port_width(ports: list[Any]) -> float:
    return max((2 * PORT_PADDING + width(port.name) for port in ports), default=0.0)


def boxes(block: Any) -> Iterator[Box]:
    """The block with its ports, and its comment."""
    x, y = block.states["coordinate"]
    lines = [
        width(f"{parameter.name}: ", 7.5, "bold") + width(_shown(parameter), 7.5)
        for parameter in block.params.values()
        if parameter.hide not in ("all", "part")
    ]
    across = max([width(block.label, 8.0, "bold"), *lines]) + 2 * PADDING
    ports = block.active_sinks, block.active_sources
    most = max(map(len, ports))
    down = max(24 + LINE * len(lines), PORT_HEIGHT + PORT_SPACING * most - PORT_HEIGHT)
    across, down = (GRID * -(-size // GRID) for size in (across, down))
    left, right = (_port_width(side) for side in ports)
    yield Box(block.name, x - left, y, x + across + right, y + down)
    if block.comment:
        said = block.comment.split("\n")
        top = y + down + PADDING
        wide = max(map(width, said))
        yield Box(f"comment of {block.name}", x, top, x + wide, top + COMMENT_LINE * len(said))


def faults(graph: Any, size: Mapping[str, float]) -> list[str]:
    """One sentence for each box that meets another or leaves a canvas of `width` and `height`."""
    all_boxes = [box for block in graph.blocks if block.enabled for box in boxes(block)]
    texts = [
        f"{one.name} meets {two.name}" for one, two in combinations(all_boxes, 2) if one.meets(two)
    ]
    canvas = Box("canvas", 0, 0, size["width"], size["height"])
    return texts + [f"{box.name} leaves the canvas" for box in all_boxes if not canvas.holds(box)]


def opened(platform: Any, path: Path) -> Any:
    """A flowgraph as Companion's core reads it."""
    graph = platform.make_flow_graph(str(path))
    graph.rewrite()
    graph.validate()
    return graph
