# SPDX-License-Identifier: GPL-3.0-or-later
"""Docstrings of public names: there, beginning with a noun or a verb, in numpydoc's sections."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "python" / "dislac"
MODULES = {
    path.relative_to(PACKAGE).with_suffix(""): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
COMMAND_LINE = ("cli", "commands", "doctor", "__main__")
NEITHER = {
    *("what", "whether", "how", "where", "when", "which", "who", "whose", "why", "if", "as"),
    *("with", "by", "for", "so", "such", "like", "see", "that", "it", "this", "there"),
}
OTHER_STYLE = re.compile(r"^ *(Args|Arguments|Returns|Raises|Yields|Attributes|Sources?):", re.M)


def public(body, name):
    """(name, node) of public functions and classes, and of classes' methods."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{name}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{name}.{node.name}")


NAMES = {
    name: node
    for path, tree in MODULES.items()
    if not any(part.startswith("_") or part in COMMAND_LINE for part in path.parts)
    for name, node in public(tree.body, str(path))
}


def test_public_functions_and_classes_have_one():
    own = [name for name in NAMES if name.count(".") == 1]
    assert len(own) > 500
    assert not [name for name in own if not ast.get_docstring(NAMES[name])]


def test_they_begin_with_a_noun_or_a_verb():
    first = {
        name: text.split()[0].strip(".,:;`").lower()
        for name, node in NAMES.items()
        if (text := ast.get_docstring(node))
    }
    assert not [name for name, word in first.items() if word in NEITHER]


def test_sections_are_those_of_numpydoc():
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [
        node for tree in MODULES.values() for node in ast.walk(tree) if isinstance(node, kinds)
    ]
    assert not [text for n in nodes if OTHER_STYLE.search(text := ast.get_docstring(n) or "")]
