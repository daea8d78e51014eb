# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of the field in code, messages and guide: the first column of CONTRIBUTING's table."""

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "dislac"
MODULES = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
TEXTS = MODULES | {
    path: path.read_text(encoding="utf-8")
    for pattern in (
        *("README.md", "Makefile", "docs/*.md", "docs/**/*.py", "examples/*.*", "grc/*.yml"),
        *("benchmarks/*.py", "scripts/*", "tests/**/*.py", "python/dislac/**/*.yml"),
    )
    for path in sorted(ROOT.glob(pattern))
    if path != Path(__file__) and path.is_file()
}
WORDS = {
    "anew": "again",
    "so many": "a count",
    "(un)?told": "reported, known, distinguished",
    "tells?": "reports, says, distinguishes",
    "signatures?": "space-time-frequency response, spatial response, atom",
    "front ends?": "receiver impairments",
    "further paths": "secondary paths",
    "lead-in": "preamble",
    "run-out": "flush",
    "stretch(es)?": "segment, dilation",
    "gateway": "feeder",
    "DirectPathRemoval|WithoutDirectPath": "DirectSignalCancellation",
    "DirectPathFrames|TimedFrames": "DirectPathSynchronizer, TimedSynchronizer",
    "Ramp": "two-state Kalman filter",
}
"""Words that no text has, and what is said instead."""

ALLOWED = [
    # An event's name, which readers of events rely on
    ("anew", "", r"started_anew"),
    ("signatures?", "", r"(io|input|output|out)_signature|gr_io_signature"),
    # Of a function, and of a block's ports: Python's and GNU Radio's word
    ("signatures?", r"blocks/companion\.py|tests/blocks|tests/radio|tests/estimation/test_inv", ""),
    # The block's label, as old as the scenario's section `front_end`
    ("front ends?", "", r"Front End"),
    # The key that older files have for the feeder, and GNU Radio's word for a block in Python
    ("gateway", "", r"nodes\\?\.gateway|self\.gateway"),
    ("gateway", r"scenario/(links\.py|schema\.yml)|tests/scenario|tests/docs", ""),
]
"""Interfaces and the ordinary sense: a word, where ("" for anywhere), and in which pattern ("" for
any)."""

NAMES = {
    "way": "line_of_sight, direction",
    "ways": "lines_of_sight, routes",
    "places": "positions",
    "heard": "receive_response",
    "HOP": "BLOCK",
    "HOPS": "BLOCKS",
    "History": "RingBuffer",
    "lay": "copy_segments",
    "unfold": "split_complex",
    "stretches": "segments",
    "runs": "segments",
}
"""Names that nothing in the package has, and what it is called instead."""


def occurrences(word: str, name: str, text: str) -> list[str]:
    """Places of a text where a word stands, over the ends of lines too."""
    for other, where, pattern in ALLOWED:
        if other == word and re.search(where, name):
            text = re.sub(pattern, "", text) if pattern else ""
    spaced = word.replace(" ", r"\s+(?:# )?")
    pattern = rf"(?<![^\W_])(?<!\.)(?:{spaced})(?![^\W_])"
    found = re.finditer(pattern, text, 0 if word[0].isupper() else re.I)
    return [f"{name}: ...{text[max(m.start() - 30, 0) : m.end() + 30]!r}" for m in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is told,\nso\n    # many", 2),
        ("tellurium, retold", 0),
        ("Tells", 1),
        ("x.told, told_by", 1),
    ],
)
def test_words_are_found(text, found):
    assert sum(len(occurrences(word, "docs/page.md", text)) for word in WORDS) == found


@pytest.mark.parametrize("word", WORDS)
def test_words_of_our_own_do_not_occur(word):
    assert len(TEXTS) > 400
    found = [
        place
        for path, text in TEXTS.items()
        for place in occurrences(word, path.relative_to(ROOT).as_posix(), text)
    ]
    assert not found, f"say {WORDS[word]}"


def test_names_of_our_own_do_not_occur():
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}: {NAMES[token.string]}"
        for path, text in MODULES.items()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME and token.string in NAMES
    ]
    assert not found


def test_a_statistic_is_no_share():
    """In the room where it was one; elsewhere a share is an ordinary part of something."""
    texts = {path: text for path, text in MODULES.items() if path.parent.name == "synchronization"}
    assert texts
    assert not [path.name for path, text in texts.items() if re.search(r"(\b|_)share(\b|_)", text)]


def test_a_name_means_one_thing():
    """No two public classes have one name, but for each system's settings; no two blocks either."""
    classes = Counter(
        node.name
        for path, text in MODULES.items()
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if path.stem != "settings"
    )
    assert classes["Link"] == classes["Frame"] == classes["Mark"] == 1
    assert [name for name, count in classes.items() if count > 1] == []
    blocks = Counter(path.stem.lstrip("_") for path in MODULES if "blocks" in path.parts)
    assert [name for name, count in blocks.items() if count > 1 and name != "init__"] == []
