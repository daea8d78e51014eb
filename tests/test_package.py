# SPDX-License-Identifier: GPL-3.0-or-later
"""What `from gnuradio import dislac` brings, and what it does not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from gnuradio import dislac

ROOT = Path(__file__).parents[1]


def in_new_process(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_import_is_cheap():
    loaded = in_new_process("import sys; from gnuradio import dislac; print(*sys.modules)").split()
    assert "gnuradio.dislac" in loaded
    assert not {"numpy", "scipy", "gnuradio.gr", "gnuradio.dislac.blocks"} & set(loaded)


def test_rooms_are_imported_when_asked_for():
    code = "from gnuradio import dislac; print(dislac.arrays.__name__)"
    assert in_new_process(code).strip() == "gnuradio.dislac.arrays"


def test_names_are_listed():
    assert {"arrays", "geometry", "waveform", "__version__"} <= set(dir(dislac))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'warp_drive'"):
        _ = dislac.warp_drive


def test_a_block_without_gnuradio_says_so(monkeypatch):
    found = {"leo_channel_of_a_test": "blocks.channel.leo_channel_of_a_test"}
    monkeypatch.setattr(dislac, "_blocks", lambda: found)
    monkeypatch.setattr(dislac, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"leo_channel_of_a_test is a GNU Radio block.*doctor"):
        _ = dislac.leo_channel_of_a_test


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE)[1] == dislac.__version__
    manifest = (ROOT / "MANIFEST.md").read_text()
    assert re.search(r"^version: (\S+)$", manifest, re.MULTILINE)[1] == dislac.__version__
    assert f"## [{dislac.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_manifest_names_the_packages_that_the_demo_needs():
    manifest = (ROOT / "MANIFEST.md").read_text()
    listed = {line[4:].split()[0] for line in manifest.splitlines() if line.startswith("  - ")}
    wanted = (ROOT / "scripts" / "packages-run.txt").read_text().split("\n")
    libraries = {name for name in wanted if name.startswith("python3-")} - {"python3-venv"}
    assert libraries <= listed
