# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests that a change of a module can reach, by the imports of package and tests."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["own_tests", "reaching_tests"]

PACKAGE = "gnuradio.dislac"
ANYTHING = re.compile(r"subprocess|Popen|multiprocessing|exec_module|runpy|\bexec\(|importlib")
"""A test file with one of these may run any module, by another process or from the guide."""


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_text(path))


class _Graph:
    """Modules of the package and files of the tests, and which of them each imports."""

    def __init__(self, root: Path) -> None:
        self.package = root / "python" / "dislac"
        self.tests = root / "tests"
        self.modules = {_name(path, self.package): path for path in self.package.rglob("*.py")}
        self._named: dict[Path, set[str]] = {}
        self.exports = {
            name: dict(self._exports(name))
            for name, path in self.modules.items()
            if path.name == "__init__.py"
        }
        self.needed = {
            name: set(self._package_imports(name, path)) - {name}
            for name, path in self.modules.items()
            if path.name != "__init__.py" or not name
        }

    def _relative(self, name: str, node: ast.ImportFrom) -> str | None:
        """Module that an import names, from the package on; None where it is another's."""
        if not node.level:
            module = node.module or ""
            return module[len(PACKAGE) + 1 :] if f"{module}.".startswith(f"{PACKAGE}.") else None
        inner = self.modules.get(name)
        parts = name.split(".") if name else []
        folder = parts if inner is not None and inner.name == "__init__.py" else parts[:-1]
        base = folder[: len(folder) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def _exports(self, name: str) -> Iterator[tuple[str, tuple[str, str]]]:
        for node in _tree(self.modules[name]).body:
            if isinstance(node, ast.ImportFrom):
                target = self._relative(name, node)
                if target is not None:
                    for alias in node.names:
                        yield alias.asname or alias.name, (target, alias.name)

    def resolve(self, module: str, name: str) -> set[str]:
        """Modules in which a name of a module is defined, followed through `__init__`."""
        inner = f"{module}.{name}".strip(".")
        if inner in self.modules:
            return self.whole(inner)
        if module in self.exports and name in self.exports[module]:
            return self.resolve(*self.exports[module][name])
        return {module}

    def whole(self, module: str) -> set[str]:
        """A module, and all that are in it where it is a package."""
        if module not in self.exports:
            return {module}
        return {name for name in self.modules if f"{name}.".startswith(f"{module}.")}

    def _package_imports(self, name: str, path: Path) -> Iterator[str]:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ImportFrom):
                target = self._relative(name, node)
                if target is not None:
                    for alias in node.names:
                        yield from self.resolve(target, alias.name)

    def _test_imports(self, path: Path) -> Iterator[str]:
        """Modules that a file of the tests imports or names, also by way of its helpers."""
        text, tree = _text(path), _tree(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                target = self._relative("", node) if not node.level else None
                if target is not None:
                    for alias in node.names:
                        yield from self.resolve(target, alias.name)
                elif node.module == "gnuradio" and any(a.name == "dislac" for a in node.names):
                    yield from self._attributes(tree)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith(PACKAGE):
                        yield from self.whole(alias.name[len(PACKAGE) + 1 :])
        if path.name != "conftest.py":
            for words in re.findall(rf"{re.escape(PACKAGE)}\.([\w.]+)", text):
                parts = words.strip(".").split(".")
                while parts and ".".join(parts) not in self.modules:
                    parts.pop()
                if parts:
                    yield from self.whole(".".join(parts))

    def _attributes(self, tree: ast.AST) -> Iterator[str]:
        """Modules behind `dislac.NAME`, a room or a block; all where `dislac` is used otherwise."""
        names = [
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and _is_dislac(node.value)
        ]
        if sum(map(_is_dislac, ast.walk(tree))) > len(names):
            yield from self.modules
        for name in names:
            for module in self.modules:
                if module.rpartition(".")[2] == name:
                    yield from self.whole(module)

    def helpers(self, path: Path) -> set[Path]:
        """A file of the tests, the helpers that it imports, and the conftests of its folders."""
        found: set[Path] = set()
        wanted = [path, *(folder / "conftest.py" for folder in path.parents)]
        while wanted:
            file = wanted.pop()
            if file in found or not file.is_file() or self.tests not in file.parents:
                continue
            found.add(file)
            for node in ast.walk(_tree(file)):
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    for name in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
                        inner = name.removeprefix("tests.").replace(".", "/") + ".py"
                        wanted += [file.parent / inner, self.tests / inner]
                elif isinstance(node, ast.Import):
                    wanted += [file.parent / f"{alias.name}.py" for alias in node.names]
        return found

    def named(self, path: Path) -> set[str]:
        """Modules that a file of the tests imports or names itself."""
        if path not in self._named:
            self._named[path] = set(self._test_imports(path))
        return self._named[path]

    def reached(self, path: Path) -> set[str]:
        """Modules that a file of the tests may run."""
        files = self.helpers(path)
        if any(ANYTHING.search(_text(f)) for f in files if f.parent != self.tests or f == path):
            return set(self.modules)
        found: set[str] = set()
        wanted = [module for file in files for module in self.named(file)]
        while wanted:
            module = wanted.pop()
            if module not in found:
                found.add(module)
                wanted += self.needed.get(module, ())
        return found


def _is_dislac(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "dislac"


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def reaching_tests(root: Path) -> dict[str, list[str]]:
    """Files of tests that may run each module, by the module's path in the package.

    A module is reached by what imports it, in functions too, and what imports that. An import of a
    name from a room reaches the module that defines the name, not the whole room.
    """
    graph = _Graph(root)
    found: dict[str, list[str]] = {
        path.relative_to(graph.package).as_posix(): [] for path in graph.modules.values()
    }
    for test in sorted(graph.tests.rglob("test_*.py")):
        for module in graph.reached(test):
            found[graph.modules[module].relative_to(graph.package).as_posix()].append(
                test.relative_to(root).as_posix()
            )
    return found


def own_tests(path: str, reaching: list[str], root: Path) -> list[str]:
    """Those of a module's own room, which has a folder of tests, or files named after it."""
    room, _, _ = path.partition("/")
    if "/" not in path or not (root / "tests" / room).is_dir():
        stem = Path(room).stem
        top = [test for test in reaching if test.count("/") == 1]
        named = [test for test in reaching if stem.rstrip("s") in test]
        return sorted({*top, *named}) or reaching
    return [test for test in reaching if test.startswith(f"tests/{room}/")]
