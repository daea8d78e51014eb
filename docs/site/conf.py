# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings: README and guide as they are, and a page for each public name.

`make docs-site` builds build/site with them. Sphinx's source directory is the checkout, so that the
links of the pages lead where they lead in it; those to files that are no pages become downloads.
"""

import importlib
import inspect
import pkgutil
import re
import reprlib
import shutil
import sys
from pathlib import Path
from types import GenericAlias

from gnuradio import dislac
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
API = ROOT / "build" / "api"
PACKAGE = "gnuradio.dislac"
# The guide describes it.
COMMAND_LINE = ("cli", "commands", "doctor")

project = "gr-dislac"
author = "The gr-dislac developers"
copyright = f"{author}, GPL-3.0-or-later"
version = release = dislac.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
]
root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "examples/README.md",
    "build/api/**",
]

html_theme = "furo"
html_title = project
html_extra_path = ["index.html"]
html_theme_options = {"navigation_with_keys": True}

myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
# Docstrings put code between single backquotes.
default_role = "code"

# The pages in the order in which a reader wants them.
GUIDE = {
    "Begin": ["install", "companion", "command_line", "own_scene", "scenario"],
    "Use": ["blocks", "live", "monitor", "recordings", "radios", "zmq", "networks", "studies"],
    "Understand": ["signal_model", "synchronization", "calibration", "orbits", "prs", "payload"],
    "More": ["design_aids", "benchmarks", "dislac.sigmf-ext", "architecture"],
}


def names_of(module) -> list[str]:
    """Public names that a module defines itself, or gives out in its `__all__`."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted(listed, key=str.lower)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    )


def public_modules(name: str) -> list:
    """The package or module of that name and those inside it, without those that begin with _."""
    module = importlib.import_module(name)
    inner = pkgutil.iter_modules(getattr(module, "__path__", []))
    below = [each.name for each in inner if not each.name.startswith("_")]
    return [module, *(found for each in below for found in public_modules(f"{name}.{each}"))]


def heading(text: str, line: str) -> list[str]:
    """Lines of a heading in reStructuredText, underlined."""
    return [text, line * len(text), ""]


def own_page(module: str, name: str) -> list[str]:
    """Lines of the page of a name, which only tables lead to: a menu of all would be too long."""
    value = getattr(sys.modules[module], name)
    top = [":orphan:", "", *heading(f"{module.removeprefix(PACKAGE + '.')}.{name}", "=")]
    top += [f".. currentmodule:: {module}", ""]
    if isinstance(value, GenericAlias):  # numpydoc takes its docstring, tuple's, for its own
        return [*top, f".. py:type:: {name}", f"   :canonical: {value}", ""]
    kind = "class" if inspect.isclass(value) else "function" if inspect.isroutine(value) else "data"
    members = ["   :members:", ""] if kind == "class" else [""]
    return [*top, f".. auto{kind}:: {name}", *members]


def document(text: object) -> list[str]:
    """Lines of a docstring, its plain signs kept from reStructuredText."""
    return [escaped(line) for line in (inspect.getdoc(text) or "").splitlines()] + [""]


def summary(module, name: str) -> str:
    """First paragraph of what a class's or function's docstring says; of a constant, its value."""
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        return escaped(" ".join((inspect.getdoc(value) or "").split("\n\n")[0].split()))
    text = " ".join(reprlib.repr(value).split())
    return f"``{text}``"


def write_room(name: str) -> None:
    """Writes the page of a room (docstring, tables of names, by module), and those of its names."""
    room, *inner = public_modules(f"{PACKAGE}.{name}")
    lines = [*heading(room.__name__, "="), *document(room)]
    shown = set()
    for module in [room, *inner]:
        names = [each for each in names_of(module) if id(getattr(module, each)) not in shown]
        shown |= {id(getattr(module, each)) for each in names}
        if not names:
            continue
        if module is not room:
            lines += [*heading(module.__name__, "-"), *document(module)]
        for each in names:
            lines += [f":py:obj:`{each} <{module.__name__}.{each}>`", f"   {summary(module, each)}"]
        lines += [""]
        for each in names:
            page = API / "names" / f"{module.__name__}.{each}.rst"
            page.write_text("\n".join(own_page(module.__name__, each)), encoding="utf-8")
    (API / f"{name}.rst").write_text("\n".join(lines), encoding="utf-8")


def write_library() -> None:
    """Writes the pages of all rooms into build/api."""
    shutil.rmtree(API, ignore_errors=True)
    (API / "names").mkdir(parents=True)
    modules = pkgutil.iter_modules(dislac.__path__)
    rooms = [each.name for each in modules if each.name not in COMMAND_LINE]
    for room in rooms:
        write_room(room)
    index = [*heading("Library", "="), ".. toctree::", "", *(f"   {room}" for room in rooms), ""]
    (API / "index.rst").write_text("\n".join(index), encoding="utf-8")


def escaped(line: str) -> str:
    """Line of a docstring in which bars, stars and last underscores are plain signs."""
    parts = line.split("`")
    parts[::2] = [re.sub(r"(?<!\\)([*|]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def escape(
    app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Keeps the plain signs of docstrings from reStructuredText, which leaves examples as they are
    up to the empty line behind them."""
    example = False
    for number, line in enumerate(lines):
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if not example:
            lines[number] = escaped(line)


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Puts the table of contents behind the README, which is the site's first page."""
    if page != root_doc:
        return
    trees = [(title, [f"docs/{name}" for name in names]) for title, names in GUIDE.items()]
    trees += [
        ("Library", ["build/api/index"]),
        ("Project", ["examples/README", "CONTRIBUTING", "CHANGELOG"]),
    ]
    for title, names in trees:
        head = ["", "```{toctree}", ":hidden:", f":caption: {title}", ""]
        source[0] += "\n".join([*head, *names, "```", ""])


def setup(app: Sphinx) -> None:
    """Writes the library's pages, and connects the contents and what escapes docstrings."""
    write_library()
    app.connect("autodoc-process-docstring", escape, priority=100)
    app.connect("source-read", add_contents)
