# SPDX-License-Identifier: GPL-3.0-or-later
"""`make mutants`: the changes that it makes, and the tests that it takes to reach a module."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts" / "mutants"

pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="needs the checkout")

SOURCE = b'''
"""A docstring with 1 + 2 and not True."""
__all__ = ["work"]
LIMIT: int | None = 3

def work(x: list[int] | None, *, axis: int = 0) -> "int | str":
    """Another, 3 - 1."""
    if x is None or len(x) < LIMIT:
        raise ValueError(f"{len(x) + 1} are too few; give {LIMIT - 1}" + "!")
    x.sort(key=abs, reverse=True)
    part = np.abs(x[1:-1])  # x + y
    return -np.sum(part, axis=axis) / max(2.0, 1e-9, 1e-300)
'''


@pytest.fixture
def made(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import changes

    yield changes
    for name in ("changes", "reach"):
        sys.modules.pop(name, None)


def test_changes_are_those_that_matter(made):
    found = {(change.line, str(change)) for change in made.changes(SOURCE)}
    assert found == {
        (4, "3 -> 4"),
        (6, "0 -> 1"),
        (8, "is -> is not"),
        (8, "or -> and"),
        (8, "< -> <="),
        (8, "< -> >="),
        (8, "x is None or len(x) < LIMIT -> (not (x is None or len(x) < LIMIT))"),
        (9, 'raise ValueError(f"{len(x) + 1} are too few; give {LIMIT - 1}" + "!") -> pass'),
        (10, "x.sort(key=abs, reverse=True) -> pass"),
        (10, "x.sort(key=abs, reverse=True) -> (x)"),
        (10, "key=abs, -> (nothing)"),
        (10, "reverse=True -> (nothing)"),
        (10, "True -> False"),
        (11, "np.abs(x[1:-1]) -> (x[1:-1])"),
        (11, "1 -> (nothing)"),
        (11, "-1 -> (nothing)"),
        (11, "-1 -> (1)"),
        (11, "1 -> 2"),
        (12, "-np.sum(part, axis=axis) -> (np.sum(part, axis=axis))"),
        (12, "np.sum(part, axis=axis) -> (part)"),
        (12, "axis=axis -> (nothing)"),
        (12, "/ -> *"),
        (12, "-np.sum(part, axis=axis) / max(2.0, 1e-9, 1e-300) -> (-np.sum(part, axis=axis))"),
        (12, "max(2.0, 1e-9, 1e-300) -> (2.0)"),
        (12, "2.0 -> 4.0"),
        (12, "1e-9 -> 1e-06"),
    }


@pytest.mark.parametrize("module", ["dsp/noise.py", "commands/following.py"])
def test_every_change_is_a_program_and_another_one(made, module):
    source = (ROOT / "python" / "dislac" / module).read_bytes()
    found = made.changes(source)
    assert len(found) > 50
    for change in found:
        changed = made.apply_change(source, change)
        assert changed != source
        compile(changed, module, "exec")


def test_tests_reach_what_they_import_and_no_more(made):
    import reach

    tests = reach.reaching_tests(ROOT)
    assert set(tests) == {
        path.relative_to(ROOT / "python" / "dislac").as_posix()
        for path in (ROOT / "python" / "dislac").rglob("*.py")
    }
    # by a name that a room hands on, by a helper, by another module, by processes
    assert "tests/dsp/test_noise.py" in tests["dsp/noise.py"]
    assert "tests/synchronization/test_timed_frames.py" in tests["synchronization/frames.py"]
    assert "tests/blocks/test_prs_blocks.py" in tests["waveform/gold.py"]
    assert "tests/test_wheel.py" in tests["studies/fidelity.py"]
    assert "tests/dsp/test_noise.py" not in tests["positioning/order.py"]
    assert "tests/geometry/test_motion.py" not in tests["dsp/stream.py"]
    own = reach.own_tests("dsp/noise.py", tests["dsp/noise.py"], ROOT)
    assert own and all(test.startswith("tests/dsp/") for test in own)
    assert "tests/test_cli.py" in reach.own_tests("cli.py", tests["cli.py"], ROOT)
