# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML texts that may be anybody's, to plain data, and the line of each key."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from ..printable import printable

__all__ = ["DEEPEST", "MESSAGE", "Key", "ScenarioError", "own_copy", "parse_value", "read_yaml"]

Key = tuple[str | int, ...]


class ScenarioError(ValueError):
    """A scenario that cannot be used: says which file, line and key, and what would be right."""


MESSAGE = 600  # characters of a message: values that are quoted in one may be long
_LONGEST = 1 << 16  # characters of one value
DEEPEST = 32  # levels, of which the schema has eight
_MOST = 10_000  # keys, values and lists, each counted as often as aliases repeat it

_TAG = "tag:yaml.org,2002:"
_TAGS = {f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}


_NUMBERS = {f"{_TAG}int", f"{_TAG}float"}
_OTHER_BASE = re.compile(r"[-+]?(0[0-7_]+$|[\d_.]*:)")
"""Numbers that YAML 1.1 takes for others than people mean: 045 for 37, 1:24 for 84."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses hostile files.

    It reads 28e9 as a number, as it is meant, and every key as text. It refuses repeated keys,
    tags beyond those of JSON, and what is too large, before anything is made of it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._count = 0
        self._sizes: dict[yaml.Node, int] = {}  # of nodes that are complete

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        mark, before = self.peek_event().start_mark, self._count
        alias = self.check_event(yaml.AliasEvent)
        self._depth += 1
        if self._depth > DEEPEST:
            raise _refusal(mark, f"more than {DEEPEST} levels")
        node: Any = super().compose_node(parent, index)
        self._depth -= 1
        if not alias:
            self._count += 1
            self._sizes[node] = self._count - before
        elif node in self._sizes:
            self._count += self._sizes[node]
        else:
            raise _refusal(mark, "an alias stands within what it repeats")
        if self._count > _MOST:
            raise _refusal(mark, f"more than {_MOST} values, aliases included")
        if node.tag not in _TAGS:
            raise _refusal(mark, f"tag '{node.tag.removeprefix(_TAG)}'; leave it out")
        if isinstance(node, yaml.ScalarNode) and len(node.value) > _LONGEST:
            raise _refusal(mark, f"a value of more than {_LONGEST} characters")
        if node.tag in _NUMBERS and _OTHER_BASE.match(node.value):
            raise _refusal(mark, f"'{node.value}' is read to base 60 or 8; give a decimal number")
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, ArithmeticError):
            kind = node.tag.removeprefix(_TAG)
            raise _refusal(node.start_mark, f"'{node.value}' is no {kind}") from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal(key.start_mark, "a key is a name, not a list or a section")
            if key.value in seen:
                raise _refusal(key.start_mark, f"key '{key.value}' appears twice")
            seen.add(key.value)
            if not key.tag.endswith(":merge"):
                key.tag = f"{_TAG}str"
        return super().construct_mapping(node, deep)


def _refusal(mark: yaml.Mark, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


# A time stays text, as in JSON; it is read where it is understood.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    # Each text matches in one way only, so that a long one takes no quadratic time.
    re.compile(r"^[-+]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str, name: str, what: str) -> tuple[dict[str, Any], dict[Key, str]]:
    """The data of a text, and file and line of each key."""
    try:
        data, lines = _parsed(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = printable(f"{name}:{line}: not valid YAML: {error.problem}", MESSAGE)
        raise ScenarioError(problem) from None
    except yaml.YAMLError as error:
        raise ScenarioError(printable(f"{name}: not valid YAML: {error}", MESSAGE)) from None
    if not isinstance(data, dict):
        example = "numerology" if what == "scenario" else "chains"
        raise ScenarioError(f"{name}:1: not a {what}: expected keys such as '{example}:'")
    return own_copy(data), {key: f"{name}:{line}" for key, line in lines.items()}


@lru_cache(maxsize=16)
def _parsed(text: str) -> tuple[Any, dict[Key, int]]:
    """The data of a text, to be copied, and the line of each key.

    Studies read one scenario again and again, with other overrides each time.
    """
    loader = _Loader(text)
    node = loader.get_single_node()
    if node is None:
        return None, {}
    return loader.construct_document(node), dict(_key_lines(node))


def own_copy(value: Any) -> Any:
    """A copy in which nothing stands twice, as aliases have it: what changes, changes once."""
    if isinstance(value, dict):
        return {key: own_copy(item) for key, item in value.items()}
    return [own_copy(item) for item in value] if isinstance(value, list) else value


def parse_value(text: str) -> Any:
    """One value as scenario files write it: ``5``, ``28e9``, ``[0, 1]``, ``{snr_db: 5}``.

    Raises
    ------
    yaml.YAMLError
        not a YAML value.
    """
    return yaml.load(text, _Loader)


def _key_lines(node: yaml.Node, path: Key = ()) -> Iterator[tuple[Key, int]]:
    """Pairs of key and line number over a YAML tree."""
    if len(path) > DEEPEST:  # by way of aliases
        raise _refusal(node.start_mark, f"more than {DEEPEST} levels")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _key_lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _key_lines(value, (*path, index))
