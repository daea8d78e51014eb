# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide says what is so: its links, the keys and blocks that it explains, what it prints."""

import dataclasses
import doctest
import importlib.util
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from gnuradio.dislac.geometry import LinearMotion
from gnuradio.dislac.scenario import Scenario, load_scenario, parse_scenario
from gnuradio.dislac.scenario.text import parse_value

ROOT = Path(__file__).resolve().parents[2]


def _outputs() -> Any:
    specification = importlib.util.spec_from_file_location("outputs", ROOT / "docs" / "outputs.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


outputs = _outputs()
PAGES = {page.relative_to(ROOT).as_posix(): page for page in outputs.pages()}


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """What a link may put after '#': the page's headings as GitHub writes them."""
    headings = re.findall(r"^#+ +(.*)$", prose(page), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


# Links


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings(name: str) -> None:
    page = PAGES[name]
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    wanted = [ROOT / "README.md"]
    while wanted:
        page = wanted.pop()
        if page in seen:
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)", prose(page))
        wanted += [(page.parent / link).resolve() for link in links if "://" not in link]
    assert set((ROOT / "docs").glob("*.md")) <= seen


def test_every_picture_is_small_and_used() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES.values())
    for picture in (ROOT / "docs" / "images").glob("*"):
        assert picture.stat().st_size < 300_000, picture.name
        assert f"images/{picture.name}" in text, f"{picture.name} is in no page"


# The scenario file

SCENARIO_PAGE = ROOT / "docs" / "scenario.md"
SCHEMA = yaml.safe_load(
    (ROOT / "python" / "dislac" / "scenario" / "schema.yml").read_text(encoding="utf-8")
)


def keys(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every dotted key of the schema that holds a value, lists of objects as ``key[]``."""
    if schema.get("$ref", "").startswith("#/properties/"):
        yield path, {}  # explained where it stands for all nodes
        return
    if "$ref" in schema:
        schema = {**SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], **schema}
    variants = [schema, *schema.get("oneOf", [])]
    properties = {k: v for variant in variants for k, v in variant.get("properties", {}).items()}
    for key, value in properties.items():
        yield from keys(value, f"{path}.{key}".lstrip("."))
    if schema.get("items", {}).get("properties"):
        yield from keys(schema["items"], f"{path}[]")
    elif not properties:
        yield path, schema


def documented() -> dict[str, list[str]]:
    """Rows of the page's tables, by the key in their first column; `A, B` stands for both."""
    rows = re.findall(r"^\| (`.*) \|$", prose(SCENARIO_PAGE), re.M)
    table: dict[str, list[str]] = {}
    for row in rows:
        cells = re.split(r"(?<!\\) \| ", row)
        for key in re.findall(r"`([^`]+)`", cells[0]):
            table[key] = cells[1:]
    return table


def expand(key: str) -> str:
    """The page explains a node and its array once, for all."""
    key = re.sub(r"^nodes\.gateway\.", "nodes.feeder.", key)  # its name in older files
    feeders_own = key == "nodes.feeder.carrier_frequency"
    nodes = r"^nodes\.(transmitter|receiver|target|feeder)\."
    return key if feeders_own else re.sub(nodes, "nodes.NODE.", key)


def test_every_key_of_a_scenario_is_documented_and_no_other() -> None:
    wanted = {expand(key) for key, _ in keys(SCHEMA)}
    assert set(documented()) == wanted


@pytest.mark.parametrize("key, schema", list(keys(SCHEMA)), ids=[key for key, _ in keys(SCHEMA)])
def test_every_choice_of_a_key_is_documented(key: str, schema: dict[str, Any]) -> None:
    meaning = documented()[expand(key)][-1]
    missing = [choice for choice in schema.get("enum", []) if f"`{choice}`" not in meaning]
    assert not missing


def defaults() -> Iterator[tuple[str, Any]]:
    """The defaults that the page gives as values, all but those of list entries and groups."""
    for key, cells in documented().items():
        if match := re.fullmatch(r"`([^`]+)`", cells[1]):
            yield key, parse_value(match[1])


def same(one: Any, other: Any) -> bool:
    """Whether two parts of scenarios are equal."""
    if isinstance(one, LinearMotion):
        return same(vars(one), vars(other))
    if dataclasses.is_dataclass(one):
        return same(vars(one), vars(other))
    if isinstance(one, dict):
        alike = "document", "name", "description", "make", "views", "kept"
        return set(one) == set(other) and all(same(one[k], other[k]) for k in one if k not in alike)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "as_matrix"):
        return np.allclose(one.as_matrix(), other.as_matrix())
    if isinstance(one, (float, np.ndarray)):
        return bool(np.allclose(one, other, rtol=1e-9, atol=0, equal_nan=True))
    return bool(one == other)


def minimal() -> str:
    """The page's shortest scenario."""
    return next(text for name, text in outputs.blocks(SCENARIO_PAGE, "yaml") if name == "least.yml")


@pytest.mark.parametrize("key, value", list(defaults()), ids=[key for key, _ in defaults()])
def test_defaults_are_as_documented(key: str, value: Any) -> None:
    text = minimal()
    base: dict[str, Any] = {}
    if key.startswith("pilots.") and key not in (
        "pilots.kind",
        "pilots.user",
        "pilots.interleaved",
    ):
        base = {"pilots.kind": "nr-prs", "numerology.subcarriers": 24, "numerology.symbols": 14}
    if key.startswith("pilots.") and "[]" in key:
        group, _, name = key.partition("[].")
        given, without = ({**base, group: [entry]} for entry in ({name: value}, {}))
        assert same(parse_scenario(text, overrides=given), parse_scenario(text, overrides=without))
        return
    if "[]" in key:
        group, _, name = key.partition("[].")
        kind = "direct" if name == "relative_power_db" else "scattered"
        entries = [{"kind": "echo"}, {"kind": kind}]
        given = [{"kind": "echo"}, {"kind": kind, name: value}]
        assert same(
            parse_scenario(text, overrides={group: given}),
            parse_scenario(text, overrides={group: entries}),
        )
        return
    if key.startswith("origin."):
        base = {"origin.latitude_deg": 1, "origin.longitude_deg": 2}
    elif key.startswith("channel.noise."):
        base = {"channel.noise": {"temperature_k": 290}}
    elif key.startswith("front_end."):
        base = {"front_end": {}}
    elif key.startswith("payload."):
        base = {"payload.modulation": "qpsk"}
    elif key.startswith("nodes.NODE.array"):
        base = {"nodes.receiver.array": {"nx": 4, "ny": 4}}
    given_key = key.replace("NODE", "receiver")
    with_default = parse_scenario(text, overrides={**base, given_key: value})
    assert same(with_default, parse_scenario(text, overrides=base))


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict) and data and not path.endswith("noise"):
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}".lstrip("."))
    else:
        yield path, data


@pytest.mark.parametrize("name", PAGES)
def test_pieces_of_scenarios_are_valid(name: str) -> None:
    for _, text in outputs.blocks(PAGES[name], "yaml"):
        data = parse_value(text)
        if "nodes" in data and "numerology" in data:
            assert isinstance(parse_scenario(text, name), Scenario)
        else:
            assert isinstance(load_scenario("paper", dict(leaves(data))), Scenario)


# The blocks

BLOCKS_PAGE = ROOT / "docs" / "blocks.md"
BLOCK_FILES = sorted((ROOT / "grc").glob("*.block.yml"))


def section(title: str) -> str:
    """The text of the page under the heading of a block."""
    match = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", BLOCKS_PAGE.read_text(), re.M | re.S
    )
    assert match, f"docs/blocks.md has no section '{title}'"
    return match[1]


@pytest.mark.parametrize("path", BLOCK_FILES, ids=lambda path: path.name.split(".")[0])
def test_every_block_has_a_section_with_its_ports_and_parameters(path: Path) -> None:
    block = yaml.safe_load(path.read_text(encoding="utf-8"))
    text = section(block["label"])
    assert f"`{block['id'].removeprefix('dislac_')}`" in text
    parameters = [p["id"] for p in block["parameters"] if p["id"] not in ("value", "gui_hint")]
    ports = [
        port["id"] for port in block.get("inputs", []) + block.get("outputs", []) if "id" in port
    ]
    assert not [name for name in parameters + ports if f"`{name}`" not in text]


def test_no_section_without_a_block() -> None:
    labels = {yaml.safe_load(path.read_text(encoding="utf-8"))["label"] for path in BLOCK_FILES}
    headings = set(re.findall(r"^## (.*)$", BLOCKS_PAGE.read_text(encoding="utf-8"), re.M))
    assert headings - labels == {"What travels between them", "Message Block"}


# What is printed

NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
CHECKSUM = re.compile(r"^(\$GP.*\*)[0-9A-F]{2}$", re.MULTILINE)
"""Of a sentence of NMEA, whose numbers are compared: it is another one where they are rounded."""


def alike(said: str, printed: str) -> bool:
    """Equal text, equal numbers but for rounding: two units of the last digit that is said."""
    said, printed = (CHECKSUM.sub(r"\1", text) for text in (said, printed))
    blank = [" ".join(NUMBER.sub("#", text).split()) for text in (said, printed)]
    if blank[0] != blank[1]:
        return False
    for one, other in zip(NUMBER.findall(said), NUMBER.findall(printed), strict=True):
        mantissa = re.split("[eE]", one)[0]
        digits = len(mantissa.partition(".")[2])
        unit = 10.0**-digits if digits and mantissa == one else 0.0
        if not math.isclose(float(one), float(other), rel_tol=1e-3, abs_tol=2 * unit):
            return False
    return True


def test_alike_distinguishes() -> None:
    assert alike("error 1.49 m", "error  1.50 m")
    assert not alike("error 1.49 m", "error 1.53 m")
    assert not alike("3 fixes", "4 fixes")
    assert not alike("3 fixes", "3 frames")
    assert alike("$GPGST,1.592,1.153*74", "$GPGST,1.593,1.153*75")
    assert not alike("$GPGST,1.592,1.153*74", "$GPGST,1.602,1.153*74")


QUICK = {
    name: page for name, page in PAGES.items() if any(not c.slow for c in outputs.commands(page))
}


@pytest.mark.gnuradio
@pytest.mark.parametrize("name", QUICK)
def test_commands_print_what_the_page_says(name: str, tmp_path: Path) -> None:
    run = outputs.prepare(PAGES[name], tmp_path)
    for command in outputs.commands(PAGES[name]):
        if not command.slow:
            printed = run(command.command)
            assert alike(command.output, printed), f"$ {command.command}\n{printed}"


@pytest.mark.parametrize("name", [n for n in PAGES if ">>> " in PAGES[n].read_text("utf-8")])
def test_python_prints_what_the_page_says(name: str) -> None:
    text = "\n".join(text for file, text in outputs.blocks(PAGES[name], "python") if not file)
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert test.examples
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    failures = []
    runner.run(test, out=failures.append)
    assert not runner.failures, "".join(failures)
