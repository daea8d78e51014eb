# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation with CMake into a prefix of its own, used from there."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object, **environment: str) -> str:
    """Output of a command, which does not have the checkout on its path."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GRC_BLOCKS_PATH")}
    done = subprocess.run(
        [str(word) for word in command],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    run("cmake", "-S", ROOT, "-B", folder)
    return folder


@pytest.fixture(scope="module")
def prefix(build) -> Path:
    folder = build.parent / "prefix"
    run("cmake", "--install", build, "--prefix", folder)
    return folder


@pytest.fixture(scope="module")
def site(prefix) -> Path:
    (package,) = prefix.glob("lib/python3*/*-packages/gnuradio/dislac")
    return package.parents[1]


def cached(build: Path, name: str) -> str:
    lines = (build / "CMakeCache.txt").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return line.partition("=")[2]


def test_the_interpreter_is_gnuradios_not_the_first_on_path(build):
    gnuradios = run(ROOT / "scripts" / "gnuradio-python").strip()
    assert Path(cached(build, "PYTHON_EXECUTABLE")).resolve() == Path(gnuradios).resolve()


def test_all_modules_and_data_files_are_installed(site):
    def files(package: Path) -> set[Path]:
        kinds = (".py", ".yml", ".json", ".typed")
        return {p.relative_to(package) for p in package.rglob("*") if p.suffix in kinds}

    assert files(site / "gnuradio" / "dislac") == files(ROOT / "python" / "dislac")


def test_the_installed_module_imports(build, site):
    code = "from gnuradio import gr, dislac; print(dislac.arrays.__file__)"
    imported = run(cached(build, "PYTHON_EXECUTABLE"), "-c", code, PYTHONPATH=str(site))
    assert Path(imported.strip()).is_relative_to(site)


def test_blocks_and_examples_are_where_companion_looks(prefix):
    def names(folder: Path, pattern: str) -> set[str]:
        return {path.name for path in folder.rglob(pattern)}

    blocks = prefix / "share/gnuradio/grc/blocks"
    assert names(blocks, "*.yml") == names(ROOT / "grc", "*.yml")
    examples = prefix / "share/gnuradio/examples/dislac"
    assert names(examples, "*.grc") == names(ROOT / "examples", "*.grc")


def test_the_command_runs(build, prefix, site):
    command = prefix / "bin" / "dislac"
    assert command.read_text().startswith(f"#!{cached(build, 'PYTHON_EXECUTABLE')}\n")
    assert "doctor" in run(command, "--help", PYTHONPATH=str(site))


def test_ctest_knows_every_room(build):
    listed = run("ctest", "-N", "--test-dir", build)
    rooms = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert all(f": {room}\n" in listed for room in rooms)
