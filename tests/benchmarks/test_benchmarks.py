# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks run and write what they promise; how fast they find anything is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.gnuradio
def test_quick_run_writes_every_line(tmp_path):
    out, page = tmp_path / "bench.json", tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "benchmarks.md").read_text())
    run = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "--quick", "--out", out, "--page", page],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    lines = json.loads(out.read_text())
    assert len(lines) > 40
    for line in lines:
        assert set(line) == {"name", "value", "unit", "ratio", "against", "settings"}
        assert line["value"] > 0 and line["unit"]
        assert (line["ratio"] is None) == (line["against"] is None)
        assert line["ratio"] is None or line["ratio"] > 0
        assert f"| {line['name']} " in run.stdout
        assert f"| {line['name']} " in page.read_text()
    names = [line["name"] for line in lines]
    for promised in (
        "Algorithm 1, fast",
        "Algorithm 1, fast, memory",
        "off-grid fixes",
        "emulator, physical",
        "emulator, paired",
        "receiver",
        "one path, leo_channel",
        "run, physical",
        "run, paired",
        "replay, physical",
        "off-grid estimate, Ms",
        "off-grid estimate, Nrf",
        "off-grid estimate, paths",
        "mmv-bomp estimate, G",
        "emulator, paired, 2 paths",
        "network, 2 x 2",
        "network, growth with each link",
    ):
        assert any(name.startswith(promised) for name in names), promised
