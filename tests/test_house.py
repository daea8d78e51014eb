# SPDX-License-Identifier: GPL-3.0-or-later
"""The imports of the package, held against the floors of its rooms."""

import ast
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "python" / "dislac"

FLOORS = (
    {"extras", "files", "printable"},
    {"geometry", "dsp"},
    {"arrays", "waveform"},
    {"channel"},
    {"bounds", "estimation", "synchronization"},
    {"positioning"},
    {"scenario"},
    {"systems"},
    {"io", "displays", "simulation"},
    {"studies"},
    {"blocks"},
    {"commands", "doctor"},
    {"cli"},
    {"__main__"},
)
"""Rooms, from the basement up: a room imports from floors below its own."""

HAVE_GNURADIO = {"blocks"}
HAVE_QT = {"displays"}
OPTIONAL = {("dsp.compiled", "dsp.kernels")}
"""Loaded when first used, where what it needs is installed: no circle while modules are loaded."""
LOOK = {"doctor"}
"""Looks for what is installed, and so may import anything."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(module: str):
    """(imported module, names, whether it is of this package) of each import in a module."""
    return list(found_imports(module))


def found_imports(module: str):
    path = MODULES[module]
    parts = module.split(".") if module else []
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, (), False
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if not node.level:
                yield node.module, names, False
                continue
            base = package[: len(package) - node.level + 1]
            target = ".".join([*base, *([node.module] if node.module else [])])
            modules = [name for name in names if f"{target}.{name}".strip(".") in MODULES]
            for name in modules:
                yield f"{target}.{name}".strip("."), (), True
            if others := [name for name in names if name not in modules]:
                yield target, others, True


GRAPH = {
    module: [(target, names) for target, names, ours in imports(module) if ours]
    for module in MODULES
}


def room(module: str) -> str:
    return module.split(".")[0]


def floor(module: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room(module) in rooms)


def test_rooms_import_from_floors_below(capsys):
    arrows = defaultdict(set)
    for module, targets in GRAPH.items():
        for target, _ in targets:
            if module and target and room(target) != room(module):
                arrows[room(module)].add(room(target))
    with capsys.disabled():
        print()
        for level, rooms in enumerate(FLOORS, -1):
            for name in sorted(rooms):
                print(f"{level:2} {name:16} {' '.join(sorted(arrows[name]))}")
    not_below = {
        (module, target)
        for module, targets in GRAPH.items()
        for target, _ in targets
        if module and target and room(module) != room(target) and floor(target) >= floor(module)
    }
    assert not not_below


def test_no_circle_of_rooms_or_modules():
    rooms = defaultdict(set)
    modules = defaultdict(set)
    for module, targets in GRAPH.items():
        for target, _ in targets:
            if (module, target) not in OPTIONAL:
                modules[module].add(target)
            if module and target and room(module) != room(target):
                rooms[room(module)].add(room(target))
    # CycleError names the circle. A module that imports its own package is in one.
    TopologicalSorter(rooms).prepare()
    TopologicalSorter(modules).prepare()


def test_private_names_stay_in_their_folder():
    for module, targets in GRAPH.items():
        folder = module.rpartition(".")[0]
        for target, names in targets:
            within, _, last = target.rpartition(".")
            assert not last.startswith("_") or within == folder, (module, target)
            private = [name for name in names if name.startswith("_") and name != "__version__"]
            assert not private, (module, target)


def test_gnuradio_and_qt_have_their_rooms():
    for module in MODULES:
        for target, _, ours in imports(module):
            outermost = target.split(".")[0]
            if ours or room(module) in LOOK:
                continue
            if outermost in ("gnuradio", "pmt", "uhd", "SoapySDR"):
                assert room(module) in HAVE_GNURADIO, (module, target)
            if outermost in ("PyQt5", "pyqtgraph", "sip"):
                assert room(module) in HAVE_QT, (module, target)


def test_the_graph_is_not_empty():
    """What is checked above is there to be checked."""
    assert "blocks.lifecycle" in dict(GRAPH["blocks.receiver.fix_sink"])
    assert any(target == "PyQt5" for target, _, _ in imports("displays.display"))
    assert any(target == "gnuradio" for target, _, _ in imports("blocks.receiver.fix_sink"))
