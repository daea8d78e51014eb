# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of docstrings: each stands alone, as a reader copies it, and gives what it says."""

import ast
import doctest
import importlib
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "python" / "dislac"
NEED_GNURADIO = () if find_spec("gnuradio.gr") else ("blocks", "displays")

# Modules without examples need not be importable: some want packages that are not installed.
TEXTS = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): text
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in (text := path.read_text(encoding="utf-8"))
    and path.relative_to(PACKAGE).parts[0] not in NEED_GNURADIO
}


def examples():
    """Every docstring with examples, by the name that it documents."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in TEXTS:
        module = importlib.import_module(f"gnuradio.dislac.{name}")
        # No names but its own: an example imports what it uses.
        for test in finder.find(module, name, globs={}):
            if test.examples:
                yield test.name, test


EXAMPLES = dict(examples())


def test_all_that_are_written_are_found():
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [
        node
        for text in TEXTS.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    ]
    written = [node for node in nodes if ">>> " in (ast.get_docstring(node) or "")]
    assert len(EXAMPLES) == len(written) >= 50


@pytest.mark.usefixtures("roughly_calibrated")
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(name):
    printed = []
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    result = runner.run(EXAMPLES[name], out=printed.append)
    assert result.attempted == len(EXAMPLES[name].examples)
    assert not result.failed, "".join(printed)
