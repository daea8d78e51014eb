# SPDX-License-Identifier: GPL-3.0-or-later
"""Companion's core with our blocks, and flowgraphs as it saves them."""

import shutil
from pathlib import Path

import yaml
from gnuradio import gr
from gnuradio.grc.core.platform import Platform

ROOT = Path(__file__).parents[2]
FILES = {path.name.removesuffix(".block.yml"): path for path in ROOT.glob("grc/*.block.yml")}
NEEDED = ("options", "blocks_null_source", "blocks_null_sink")
"""Of GNU Radio's own blocks: all of them take long to read."""


def description(name: str) -> dict:
    return yaml.safe_load(FILES[name].read_text())


def make_platform(folder: Path) -> Platform:
    """Companion's core, as grcc uses it, with our blocks and those needed beside them."""
    made = Platform(
        version=gr.version(),
        version_parts=(gr.major_version(), gr.api_version(), gr.minor_version()),
        prefs=gr.prefs(),
    )
    needed = [f"{name}.block.yml" for name in NEEDED]
    (places,) = {Path(p) for p in made.config.block_paths if (Path(p) / needed[0]).exists()}
    for path in (*(places / name for name in needed), *places.glob("*.domain.yml")):
        shutil.copy(path, folder)
    made.build_library([str(ROOT / "grc"), str(folder)])
    return made


def flow_graph(blocks: list[tuple[str, str, dict]], connections: list[list[str]], **options) -> str:
    """A flowgraph as Companion saves it; blocks as (name, kind, parameters)."""
    return yaml.safe_dump(
        {
            "options": {
                "parameters": {
                    "id": "flowgraph",
                    "generate_options": "no_gui",
                    "run_options": "run",
                    **options,
                },
                "states": {"coordinate": [8, 8], "rotation": 0, "state": "enabled"},
            },
            "blocks": [
                {
                    "name": name,
                    "id": kind,
                    "parameters": parameters,
                    "states": {"coordinate": [8, 8], "rotation": 0, "state": "enabled"},
                }
                for name, kind, parameters in blocks
            ],
            "connections": connections,
            "metadata": {"file_format": 1},
        }
    )


def compiled(platform, text: str, folder: Path) -> bool:
    """Whether Companion makes a program of a flowgraph."""
    (folder / "flowgraph.grc").write_text(text)
    graph, _ = platform.load_and_generate_flow_graph(str(folder / "flowgraph.grc"), str(folder))
    return graph is not None
