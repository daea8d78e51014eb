# SPDX-License-Identifier: GPL-3.0-or-later
"""From a YAML file to validated plain data, with every error naming its key and line."""

import math
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ..files import read_bounded
from ..printable import printable
from .text import DEEPEST, MESSAGE, Key, ScenarioError, own_copy, read_yaml

__all__ = [
    "Document",
    "joined_overrides",
    "load_document",
    "load_part",
    "merge",
    "parse_document",
    "preset_names",
]


LARGEST_FILE = 1 << 20
"""Bytes of a scenario's file."""


class Document:
    """The data of one scenario, and where in its files each key stands.

    Parameters
    ----------
    data
        what the file says, its base below it, overrides applied.
    name
        the file's name, for messages.
    lines
        file and line of each key, such as ``street.yml:12``.
    aliases
        what keys of the data are called in the files, where that is something else.
    whole
        the document of all links, where this is that of one of them; by default itself.
    """

    def __init__(
        self,
        data: dict[str, Any],
        name: str,
        lines: Mapping[Key, str],
        aliases: Mapping[Key, Key] | None = None,
        whole: "Document | None" = None,
    ) -> None:
        self.data = data
        self.name = name
        self.lines = lines
        self._whole = whole
        self._valid = False
        self._aliases = aliases or {}

    @property
    def whole(self) -> "Document":
        """The document of all links; by default this one."""
        return self._whole or self

    def seen_as(self, data: dict[str, Any], aliases: Mapping[Key, Key]) -> "Document":
        """The document of one link, whose keys have these names in the files."""
        return Document(data, self.name, self.lines, aliases, self)

    def with_(self, overrides: Mapping[str, Any]) -> "Document":
        """The document with values for dotted keys, checked.

        Raises
        ------
        ScenarioError
            a value that no scenario has, or two that stand instead of each other.
        """
        document = Document(own_copy(self.data), self.name, self.lines)
        for key, value in overrides.items():
            if other := next((k for k in overrides if k in _instead_of(key)), None):
                raise document.error(key, f"it stands instead of {other}: give one of the two")
            _override(document, key, value)
        # Values that fit their keys, in sections that are there, leave all the rest valid.
        if not (
            overrides and self._valid and all(_fits(self, *item) for item in overrides.items())
        ):
            _validate(document, None)
        document._valid = True
        return document

    def error(self, key: str | Key, message: str) -> ScenarioError:
        """The error to raise about `key` (dotted, or a tuple)."""
        path = self._in_files(key)
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        where = self.lines.get(known, self.name)
        text = f"{where}: {_dotted(path) or 'scenario'}: {message}"
        return ScenarioError(printable(text, MESSAGE))

    def named(self, key: str | Key) -> str:
        """Name of a key of the data in the files."""
        return _dotted(self._in_files(key))

    def _in_files(self, key: str | Key) -> Key:
        path: Key = tuple(key.split(".")) if isinstance(key, str) else tuple(key)
        for length in range(len(path), 0, -1):
            if (alias := self._aliases.get(path[:length])) is not None:
                return (*alias, *path[length:])
        return path

    def text(self) -> str:
        """The data as YAML, overrides included: what a recording carries."""
        return yaml.safe_dump(self.data, sort_keys=False, allow_unicode=True)


def _dotted(path: Key) -> str:
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in path).lstrip(".")


def preset_names() -> list[str]:
    """Names of the scenarios that come with the module."""
    return sorted(p.name[:-4] for p in _presets().iterdir() if p.name.endswith(".yml"))


def load_document(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Document:
    """Read and validate a scenario file, or a preset by its name.

    Parameters
    ----------
    source
        path of a YAML file, or a name out of `preset_names`.
    overrides
        values for dotted keys, such as ``{"channel.noise.snr_db": 5}``.

    Raises
    ------
    ScenarioError
        no such file, not YAML, or not a scenario.
    """
    if str(source) in preset_names():
        return parse_document(_preset(str(source)), f"{source}.yml", overrides, names_files=True)
    remedy = f"; give a YAML file or one of the presets {', '.join(preset_names())}"
    text = _read(source, "scenario", remedy)
    return parse_document(text, str(source), overrides, names_files=True)


def load_part(path: str | Path, part: str) -> Document:
    """Read and validate a file of what the schema defines as `part` of a scenario.

    Raises
    ------
    ScenarioError
        no such file, not YAML, or something else.
    """
    return parse_document(_read(path, part), str(path), part=part)


def _read(path: str | Path, what: str, remedy: str = "") -> str:
    try:
        return read_bounded(path, LARGEST_FILE).decode("utf-8")
    except (OSError, ValueError) as error:  # the latter also for a path with a null character
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ScenarioError(
            printable(f"{path}: cannot read the {what} ({reason}){remedy}", MESSAGE)
        ) from None


def parse_document(
    text: str,
    name: str = "scenario",
    overrides: Mapping[str, Any] | None = None,
    part: str | None = None,
    *,
    names_files: bool = False,
) -> Document:
    """Validate the text of a scenario, or of `part` of one.

    Parameters
    ----------
    text
        what the file says.
    name
        stands for its file in messages.
    overrides
        values for dotted keys.
    part
        what the schema defines as a part of a scenario.
    names_files
        True where the text may name other files, which are then opened. A text that comes inside
        something else, such as a recording, may not; `overrides` always may.

    Raises
    ------
    ScenarioError
        not YAML, or not a scenario.
    """
    data, lines = read_yaml(text, name, part or "scenario")
    document = Document(data, name, lines)
    if part is not None:
        _validate(document, part)
        return document
    named = isinstance(data.get("calibration"), str) and "calibration" not in (overrides or {})
    if named and not names_files:
        raise document.error(
            "calibration",
            "what comes inside another file opens no further one; name it by "
            "--set calibration=FILE, or leave it out by --set calibration=null",
        )
    return _on_its_base(document, names_files).with_(overrides or {})


def _on_its_base(document: Document, names_files: bool, above: tuple[str, ...] = ()) -> Document:
    """The document laid over the one that it names as its base, if it does (RFC 7396)."""
    if "base" not in document.data:
        return document
    base = document.data.pop("base")
    if not isinstance(base, str):
        raise document.error("base", f"{base} is neither a file nor a preset")
    where = base
    if base in preset_names():
        text, where = _preset(base), f"{base}.yml"
    elif not names_files:
        raise document.error("base", "what comes inside another file opens no further one")
    else:
        where = str(Path(document.name).parent / base)
        try:
            text = _read(where, "base", f"; the presets are {', '.join(preset_names())}")
        except ScenarioError as error:
            raise document.error("base", str(error)) from None
    above = (*above, document.name)
    if where in above or len(above) > _MOST_BASES:
        raise document.error("base", f"{' on '.join((*above, where))}: bases without end")
    below = _on_its_base(Document(*_named(text, where)), names_files, above)
    data = merge(below.data, document.data)
    return Document(data, document.name, {**below.lines, **document.lines})


_MOST_BASES = 8
"""Scenarios that stand one on another."""


def _named(text: str, name: str) -> tuple[dict[str, Any], str, dict[Key, str]]:
    """The arguments of the document of a base; a file that it names is relative to it."""
    data, lines = read_yaml(text, name, "scenario")
    if isinstance(data.get("calibration"), str):
        data["calibration"] = str(Path(name).absolute().parent / data["calibration"])
    return data, name, lines


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay sections over others, values above in the place of those below, null for those that are
    to go (RFC 7396); of keys of which a section holds either, the one above."""
    data = dict(below)
    for key, value in above.items():
        under = data.pop(key, None)
        for other in _INSTEAD.get(key, ()):
            if other not in above:
                data.pop(other, None)
        if isinstance(value, dict):
            data[key] = merge(under if isinstance(under, dict) else {}, value)
        elif value is not None:
            data[key] = value
    return data


def joined_overrides(
    named: Mapping[str, tuple[str, Any]], others: Mapping[str, Any], among: str
) -> dict[str, Any]:
    """Overrides of keys that have options of their own, and others beside them.

    Parameters
    ----------
    named
        By dotted keys: the option's name, and the value, None where it is not given.
    others
        Values for any dotted keys.
    among
        Name of the option that gives the others.

    Returns
    -------
    dict
        Values for dotted keys.

    Raises
    ------
    ScenarioError
        A key is given both ways, itself, as part of a section, or by one that it stands instead of.
    """
    given = {key: value for key, (_, value) in named.items() if value is not None}
    for key in given:
        for other in others:
            nested = f"{key}.".startswith(f"{other}.") or other.startswith(f"{key}.")
            if nested or other in _instead_of(key):
                raise ScenarioError(
                    f"{named[key][0]} and {among} {printable(other, 60)} are both about {key}: "
                    "give one of the two"
                )
    return {**given, **others}


_INSTEAD = {
    "snr_db": ("temperature_k", "noise_figure_db"),
    "temperature_k": ("snr_db",),
    "noise_figure_db": ("snr_db",),
    "orbit": ("position", "velocity"),
    "position": ("orbit",),
    "known_height_m": ("known_plane", "known_line"),
    "known_plane": ("known_height_m", "known_line"),
    "known_line": ("known_height_m", "known_plane"),
}
"""Keys of which one section holds either, and which of its others each replaces, in an override or
in a scenario on a base."""


def _instead_of(key: str) -> tuple[str, ...]:
    """Return the dotted keys that one stands instead of."""
    section, _, last = key.rpartition(".")
    return tuple(f"{section}.{other}" for other in _INSTEAD.get(last, ()))


def _override(document: Document, key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = document.data
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise document.error(key, f"cannot be overridden: {parent} is no section")
    for other in _INSTEAD.get(last, ()):
        place.pop(other, None)
    place[last] = own_copy(value)


def _preset(name: str) -> str:
    return str((_presets() / f"{name}.yml").read_text(encoding="utf-8"))


@cache
def _presets() -> Any:
    return files(__package__) / "presets"


@cache
def _validator(part: str | None) -> jsonschema.Draft202012Validator:
    # libyaml reads it some ten times as fast, where PyYAML has it.
    quickest = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (files(__package__) / "schema.yml").read_text(encoding="utf-8")
    schema = yaml.load(text, Loader=quickest)
    if part is not None:
        schema = {"$defs": schema["$defs"], "$ref": f"#/$defs/{part}"}
    return _Validator(schema)


def _fits(document: Document, key: str, value: Any) -> bool:
    """True if a value is right for a dotted key, and that is certain without a look at the rest."""
    validator = _validator(None)
    schema: Any = validator.schema
    place: Any = document.data
    for step in key.split("."):
        if not isinstance(place, dict):
            return False
        place = place.get(step)
        while "$ref" in schema:
            steps = schema["$ref"].removeprefix("#/").split("/")
            schema = reduce(lambda there, name: there[name], steps, validator.schema)
        schema = schema.get("properties", {}).get(step)
        if schema is None:
            return False
    if not validator.evolve(schema=schema).is_valid(value):
        return False
    try:
        _check_values(Document({}, "", {}), (), value)
    except ScenarioError:
        return False
    return True


# A whole number is an int: a float such as 1.0 becomes one before it gets any further.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def _validate(document: Document, part: str | None) -> None:
    validator = _validator(part)
    errors = list(validator.iter_errors(document.data))
    if _make_whole(document.data, errors):
        errors = list(validator.iter_errors(document.data))
    if error := jsonschema.exceptions.best_match(errors):
        raise _schema_error(document, error, validator.schema)
    _check_values(document, (), document.data)


def _make_whole(data: Any, errors: Iterable[jsonschema.ValidationError]) -> bool:
    """Turn whole floats into ints where errors say that the schema wants those; True if any."""
    found = False
    for error in errors:
        found |= _make_whole(data, error.context or ())
        value = error.instance
        if error.validator_value == "integer" and isinstance(value, float) and value.is_integer():
            *parents, last = error.absolute_path
            place = data
            for key in parents:
                place = place[key]
            place[last] = int(value)
            found = True
    return found


def _schema_error(
    document: Document, error: jsonschema.ValidationError, schema: Mapping[str, Any]
) -> ScenarioError:
    path: Key = tuple(error.absolute_path)
    message = error.message
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema["properties"]), key=str)
        path, message = (*path, unknown[0]), "unknown key"
        message += f"; known here: {', '.join(sorted(error.schema['properties']))}"
    elif description := _description(error, schema):
        message += f" ({description})"
    return document.error(path, message)


def _description(error: jsonschema.ValidationError, schema: Mapping[str, Any]) -> str:
    """Description of the key that an error is about, also where it is a reference's or a list's."""
    found, place = "", schema
    for step in error.absolute_schema_path:
        if step == "properties":
            found = ""
        if isinstance(place, dict) and step not in place:  # references are no steps
            steps = place["$ref"].removeprefix("#/").split("/")
            place = reduce(lambda there, name: there[name], steps, schema)
        place = place[step]
        if isinstance(place, dict) and step != "properties":
            found = place.get("description", found)
    return found


_GREATEST = 2.0**63
"""Magnitude of numbers that no count of 64 bits holds, and that measure nothing."""


def _check_values(document: Document, path: Key, value: Any) -> None:
    """Refuse numbers that are not finite or beyond all sense, and endless levels, wherever they
    stand: a schema knows neither."""
    if len(path) > DEEPEST:
        raise document.error(path[:4], f"more than {DEEPEST} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_values(document, (*path, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_values(document, (*path, index), item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise document.error(path, f"{value} is not a finite number")
    elif isinstance(value, int | float) and abs(value) >= _GREATEST:
        raise document.error(path, f"a number of more than 63 bits; give less than {_GREATEST:g}")
