# SPDX-License-Identifier: GPL-3.0-or-later
"""From a YAML file to validated plain data, with every error naming its key and line."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml

__all__ = [
    "Document",
    "ScenarioError",
    "load_document",
    "load_part",
    "parse_document",
    "parse_value",
    "preset_names",
]

Key = tuple[str | int, ...]


class ScenarioError(ValueError):
    """A scenario that cannot be used: says which file, line and key, and what would be right."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 28e9 as a number, as people mean it, and refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{key.value}' appears twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# A time stays text, as in JSON; it is read where it is understood.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


class Document:
    """The data of one scenario, and where in its file each key stands.

    Args:
        data: what the file says, overrides applied.
        name: the file's name, for messages.
        lines: line number of each key.
    """

    def __init__(self, data: dict[str, Any], name: str, lines: Mapping[Key, int]) -> None:
        self.data = data
        self.name = name
        self._lines = lines

    def error(self, key: str | Key, message: str) -> ScenarioError:
        """The error to raise about `key` (dotted, or a tuple)."""
        path = tuple(key.split(".")) if isinstance(key, str) else tuple(key)
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        where = f"{self.name}:{self._lines[known]}" if known in self._lines else self.name
        dotted = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in path)
        return ScenarioError(f"{where}: {dotted.lstrip('.') or 'scenario'}: {message}")

    def text(self) -> str:
        """The data as YAML, overrides included: what a recording carries."""
        return yaml.safe_dump(self.data, sort_keys=False, allow_unicode=True)


def preset_names() -> list[str]:
    """Names of the scenarios that come with the module."""
    return sorted(p.name[:-4] for p in _presets().iterdir() if p.name.endswith(".yml"))


def load_document(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Document:
    """Read and validate a scenario file, or a preset by its name.

    Args:
        source: path of a YAML file, or a name out of `preset_names`.
        overrides: values for dotted keys, such as ``{"channel.noise.snr_db": 5}``.

    Raises:
        ScenarioError: no such file, not YAML, or not a scenario.
    """
    if str(source) in preset_names():
        text = (_presets() / f"{source}.yml").read_text(encoding="utf-8")
        return parse_document(text, f"{source}.yml", overrides)
    try:
        text = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ScenarioError(
            f"{source}: cannot read the scenario ({reason}); give a YAML file or one of the "
            f"presets {', '.join(preset_names())}"
        ) from None
    return parse_document(text, str(source), overrides)


def load_part(path: str | Path, part: str) -> Document:
    """Read and validate a file of what the schema defines as `part` of a scenario.

    Raises:
        ScenarioError: no such file, not YAML, or something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ScenarioError(f"{path}: cannot read the {part} ({reason})") from None
    return parse_document(text, str(path), part=part)


def parse_document(
    text: str,
    name: str = "scenario",
    overrides: Mapping[str, Any] | None = None,
    part: str | None = None,
) -> Document:
    """Validate the text of a scenario, or of `part` of one; `name` stands for its file in
    messages."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScenarioError(f"{name}:{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ScenarioError(f"{name}: not valid YAML: {error}") from None
    if node is None or not isinstance(data, dict):
        example = "numerology" if part is None else "chains"
        raise ScenarioError(
            f"{name}:1: not a {part or 'scenario'}: expected keys such as '{example}:'"
        )
    document = Document(data, name, dict(_key_lines(node)))
    for key, value in (overrides or {}).items():
        _override(document, key, value)
    _validate(document, part)
    return document


def parse_value(text: str) -> Any:
    """One value as scenario files write it: ``5``, ``28e9``, ``[0, 1]``, ``{snr_db: 5}``.

    Raises:
        yaml.YAMLError: not a YAML value.
    """
    return yaml.load(text, _Loader)


def _key_lines(node: yaml.Node, path: Key = ()) -> Any:
    """Pairs of key and line number over a YAML tree."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from _key_lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _key_lines(value, (*path, index))


def _override(document: Document, key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = document.data
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise document.error(key, f"cannot be overridden: {parent} is no section")
    place[last] = value


@cache
def _presets() -> Any:
    return files(__package__) / "presets"


@cache
def _validator(part: str | None) -> jsonschema.Draft202012Validator:
    schema = yaml.safe_load((files(__package__) / "schema.yml").read_text(encoding="utf-8"))
    if part is not None:
        schema = {"$defs": schema["$defs"], "$ref": f"#/$defs/{part}"}
    return jsonschema.Draft202012Validator(schema)


def _validate(document: Document, part: str | None) -> None:
    errors = _validator(part).iter_errors(document.data)
    error = jsonschema.exceptions.best_match(errors)
    if error is None:
        return
    path: Key = tuple(error.absolute_path)
    message = error.message
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))
        path, message = (*path, unknown[0]), "unknown key"
        message += f"; known here: {', '.join(sorted(error.schema['properties']))}"
    elif description := error.schema.get("description"):
        message += f" ({description})"
    raise document.error(path, message)
